"""The hash functions of partitioning against values that PostgreSQL gave."""

import uuid
from decimal import Decimal

import pytest

from server.catalog.partition_hash import SEED, combine, row_hash
from server.functions.hashing import HASHES
from server.types.registry import TYPE_BY_NAME

KNOWN = [
    ("int4", 1, 5968994663651403477),
    ("int8", -5, 5466844944386338076),
    ("text", "hello world, this is long", -4983889960940629687),
    ("text", "abc", 3628778498291917250),
    ("numeric", Decimal("12345.678"), -4016348884958903928),
    ("numeric", Decimal("-0.00012"), 3073084697884637736),
    ("numeric", Decimal(0), 8816678312871386364),
    ("numeric", Decimal(1000000), -3879215986038224533),
    ("float8", 1.5, -2826383321045882978),
    ("text", "123456789", -6670904959698644740),
    ("uuid", uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11").bytes, 424513190990560493),
]


@pytest.mark.parametrize(("name", "value", "expected"), KNOWN)
def test_hash_is_postgresqls(name, value, expected):
    assert HASHES[name](value, SEED) == expected % 2**64


def test_nulls_count_for_nothing():
    kinds = [TYPE_BY_NAME["int4"], TYPE_BY_NAME["text"]]
    assert row_hash(kinds, [1, None]) == combine(0, HASHES["int4"](1, SEED))
    assert row_hash(kinds, [None, None]) == 0


def test_equal_numbers_have_one_hash():
    assert HASHES["numeric"](Decimal("1.50"), SEED) == HASHES["numeric"](Decimal("1.5"), SEED)
    assert HASHES["float8"](-0.0, SEED) == HASHES["float8"](0.0, SEED)
