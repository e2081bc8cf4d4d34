"""Keys that are equal have one hash, in whatever form their columns come."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from server.executor.key_hashes import key_hashes, part_numbers, spread
from server.types.registry import TYPE_BY_NAME
from server.vector.column import Column
from server.vector.rows import column_of, objects
from server.vector.texts import text_column

WORDS = ["", "a", "b  ", "more than twelve bytes", "a"]


def hashes(name: str, column: Column) -> list[int]:
    found: list[int] = key_hashes([column], [TYPE_BY_NAME[name]]).tolist()
    return found


def coded(words: list[str]) -> Column:
    return Column(np.arange(len(words), dtype=np.int32), None, None, Column(objects(words)))


@pytest.mark.parametrize("name", ["text", "varchar", "name"])
def test_texts(name: str):
    plain = column_of(WORDS, np.dtype(object))
    expected = hashes(name, plain)
    assert hashes(name, text_column(plain)) == expected == hashes(name, coded(WORDS))
    assert len(set(expected)) == len(set(WORDS))


def test_blanks_at_the_end_of_bpchar_mean_nothing():
    assert len(set(hashes("bpchar", coded(["a", "a ", "a   "])))) == 1


def test_decimals():
    scaled = Column(np.array([150, 0, -2500, 12345]), None, 2)
    more = Column(np.array([15000, 0, -250000, 1234500]), None, 4)
    plain = column_of(
        [Decimal("1.5"), Decimal("-0.00"), Decimal(-25), Decimal("123.4500")], np.dtype(object)
    )
    assert hashes("numeric", scaled) == hashes("numeric", more) == hashes("numeric", plain)
    special: list[Any] = [Decimal("NaN"), Decimal("Infinity"), Decimal("1e30"), Decimal("1" * 40)]
    found = hashes("numeric", column_of(special, np.dtype(object)))
    assert len(set(found)) == 4
    assert hashes("numeric", column_of([Decimal("1" + "0" * 30)], np.dtype(object))) == found[2:3]


def test_numbers_of_different_widths():
    small, large = (Column(np.array([1, -2, 7], kind)) for kind in (np.int16, np.int64))
    assert hashes("int2", small) == hashes("int8", large)
    thin, wide = (Column(np.array([0.5, -0.0, np.nan], kind)) for kind in (np.float32, np.float64))
    assert hashes("float4", thin) == hashes("float8", wide)
    assert hashes("float8", wide)[1:2] == hashes("float8", Column(np.array([0.0])))


def test_nulls_are_equal_whatever_stands_there():
    valid = np.array([False, False])
    assert len(set(hashes("int4", Column(np.array([1, 2]), valid)))) == 1
    assert len(set(hashes("uuid", Column(np.array([None, "x"], object), valid)))) == 1


def test_each_level_spreads_the_rows_of_a_part():
    columns, types = [Column(np.arange(100_000))], [TYPE_BY_NAME["int4"]]
    first = part_numbers(columns, types, 0)
    assert np.bincount(first).min() > 2500
    again = part_numbers([columns[0].take(np.flatnonzero(first == 3))], types, 1)
    assert len(np.bincount(again)) == 32
    assert np.bincount(again).min() > 40


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("text", (coded(WORDS), text_column(column_of(WORDS, np.dtype(object))))),
        ("bpchar", (coded(["a", "b  "]), coded(["a  ", "b"]))),
        ("int4", (Column(np.array([7, -1], np.int32)), Column(np.array([7, -1], np.int64)))),
        (
            "numeric",
            (
                Column(np.array([150, 0]), None, 2),
                Column(objects([Decimal("1.5"), Decimal("0.0")])),
            ),
        ),
        ("float8", (Column(np.array([0.0, np.nan])), Column(np.array([-0.0, -np.nan])))),
    ],
)
def test_equal_values_are_spread_alike(name: str, columns: tuple[Column, Column]):
    one, other = (spread(column, TYPE_BY_NAME[name], 7).tolist() for column in columns)
    assert one == other
    assert set(one) <= set(range(7))
    there = np.zeros(len(columns[0]), np.bool_)
    nulls = Column(columns[0].values, there, columns[0].scale, columns[0].dictionary)
    assert set(spread(nulls, TYPE_BY_NAME[name], 7).tolist()) == {0}
