"""Texts of dates, timestamps, decimals and integers in a store are what their types write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server.functions.digit_texts import digit_texts
from server.types.calendar import US_PER_DAY
from server.types.registry import TYPE_BY_OID
from server.types.type import TextStyle
from server.vector import made_texts, native
from server.vector.column import Column
from server.vector.rows import plain_values
from server.vector.text_views import texts_of

COUNTS = (0, 1, 65_535, 65_536, 65_537)
STYLE = TextStyle()
DAYS = np.array([0, -1, 59, -730_000, 2_921_000, 366, 8766], np.int32)
TIMES = np.array([0, -1, 1, 500_000, 123_456, 86_399_999_999, -86_400_000_000, 10**15, 1_000_000])
NUMBERS = np.array([0, 1, -1, 12, -99, 100, 123_456_789, (1 << 63) - 1, -(1 << 63) + 1])


def shown(kind: Any, column: Column) -> list[str | None]:
    return [
        None if value is None else kind.format(value, STYLE)
        for value in (
            plain_values(column)
            if column.valid is None
            else [v if t else None for v, t in zip(plain_values(column), column.valid, strict=True)]
        )
    ]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    ("oid", "values", "scale"),
    [
        (1082, DAYS, None),
        (1114, TIMES, None),
        (1700, NUMBERS, 0),
        (1700, NUMBERS, 2),
        (1700, NUMBERS, 18),
        (20, NUMBERS, None),
        (23, DAYS, None),
    ],
)
def test_as_the_type_writes(
    oid: int, values: Any, scale: int | None, masked: bool, count: int
) -> None:
    kind = TYPE_BY_OID[oid]
    valid = np.arange(count) % 3 > 0 if masked else None
    column = Column(np.resize(values, count), valid, scale)
    found = digit_texts(column, kind, STYLE)
    assert found is not None
    few = column.slice(0, 50)
    assert found.slice(0, 50).values[few.validity()].tolist() == [
        text for text in shown(kind, few) if text is not None
    ]
    assert len(found) == count
    assert (found.valid is None) == (valid is None)


@pytest.mark.parametrize(
    ("oid", "value", "scale"),
    [
        (1082, 1 << 30, None),
        (1082, -740_000, None),
        (1114, -(740_000 * US_PER_DAY), None),
        (1700, -(1 << 63), 2),
    ],
)
def test_what_is_not_plain_is_left_to_the_type(oid: int, value: int, scale: int | None) -> None:
    column = Column(np.array([1, value]), None, scale)
    assert digit_texts(column, TYPE_BY_OID[oid], STYLE) is None


@pytest.mark.parametrize("count", COUNTS)
def test_twins_write_the_same(count: int) -> None:
    random = np.random.default_rng(count)
    fields = [random.integers(0, 10 ** random.integers(1, 19), count) for _ in range(3)]
    widths, literals = (1, 4, 19), (b"", b"-%d ", b"", b"Z")
    negative = random.integers(0, 2, count).astype(np.bool_)
    fraction = np.where(negative, random.integers(0, 100, count) * 10_000, 0)
    for more in ((), (negative,), (negative, fraction), (None, fraction)):
        both = [twin.number_texts(fields, widths, literals, *more) for twin in (native, made_texts)]
        assert list(texts_of(*both[0])) == list(texts_of(*both[1]))
