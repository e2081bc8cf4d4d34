"""Keys order as their values do."""

import math
from decimal import Decimal

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from storage.keys import encode_key, encode_keys, key_after_prefix
from storage.kinds import Kind

INTEGERS = {Kind.INT16: 16, Kind.INT32: 32, Kind.INT64: 64}
DECIMALS = st.decimals(allow_nan=False) | st.integers(-1000, 1000).map(Decimal)


@pytest.mark.parametrize("kind", INTEGERS)
@given(data=st.data())
def test_integers_keep_their_order(kind, data):
    bound = 1 << (INTEGERS[kind] - 1)
    a, b = data.draw(st.tuples(*[st.integers(-bound, bound - 1)] * 2))
    assert (encode_key((a,), (kind,)) < encode_key((b,), (kind,))) == (a < b)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_floats_keep_their_order_and_zeros_are_equal(a, b):
    first, second = encode_key((a,), (Kind.FLOAT64,)), encode_key((b,), (Kind.FLOAT64,))
    assert (first < second) == (a < b)
    assert (first == second) == (a == b)
    assert first < encode_key((math.nan,), (Kind.FLOAT64,))


@given(DECIMALS, DECIMALS)
def test_decimals_keep_their_order(a, b):
    first, second = encode_key((a,), (Kind.BYTES,)), encode_key((b,), (Kind.BYTES,))
    assert (first < second) == (a < b)
    assert (first == second) == (a == b)
    assert first < encode_key((Decimal("NaN"),), (Kind.BYTES,))


def test_equal_decimals_of_different_scale_are_one_key():
    keys = {encode_key((Decimal(text),), (Kind.BYTES,)) for text in ("1", "1.0", "1.000", "1E0")}
    assert len(keys) == 1


@given(st.tuples(st.binary(), st.binary()), st.tuples(st.binary(), st.binary()))
def test_parts_order_one_after_the_other(a, b):
    kinds = (Kind.BYTES, Kind.BYTES)
    assert (encode_key(a, kinds) < encode_key(b, kinds)) == (a < b)


@given(st.binary(), st.binary(), st.binary())
def test_leading_parts_are_a_prefix_and_nothing_else_is(part, other, second):
    kinds = (Kind.BYTES, Kind.BYTES)
    prefix = encode_key((part,), kinds)
    key = encode_key((other, second), kinds)
    assert key.startswith(prefix) == (part == other)


def test_nulls_and_directions():
    def key(value, *, descending=False, first=False):
        return encode_key((value,), (Kind.INT32,), (descending,), (first,))

    assert key(1) < key(2) < key(None)
    assert key(None, first=True) < key(1, first=True)
    assert key(2, descending=True) < key(1, descending=True) < key(None, descending=True)
    assert key(None, descending=True, first=True) < key(2, descending=True, first=True)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Kind.BOOL, np.array([True, False, True])),
        (Kind.INT16, np.array([-5, 0, 7], np.int16)),
        (Kind.INT32, np.array([-5, 0, 2**31 - 1], np.int32)),
        (Kind.INT64, np.array([-(2**63), 0, 7], np.int64)),
        (Kind.FLOAT32, np.array([-0.0, math.inf, -1.5], np.float32)),
        (Kind.FLOAT64, np.array([math.nan, -0.0, -1.5])),
        (Kind.FIXED16, np.frombuffer(bytes(range(48)), "V16")),
        (Kind.BYTES, [b"", b"a\x00b", b"zz"]),
    ],
)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("with_nulls", [False, True])
def test_whole_columns_encode_as_their_rows_do(kind, values, descending, with_nulls):
    nulls = np.array([False, with_nulls, False])
    other = np.arange(3, dtype=np.int32)
    found = encode_keys([values, other], [nulls, None], [kind, Kind.INT32], [descending, False])
    items = values.tolist() if isinstance(values, np.ndarray) else values
    assert found == [
        encode_key((None if nulls[i] else items[i], i), (kind, Kind.INT32), (descending, False))
        for i in range(3)
    ]


def test_the_key_after_a_prefix():
    assert key_after_prefix(b"ab") == b"ac"
    assert key_after_prefix(b"a\xff\xff") == b"b"
    assert key_after_prefix(b"\xff") is None
    assert key_after_prefix(b"") is None
