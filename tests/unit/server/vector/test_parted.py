"""Decimals of several scales: picked, cut and put together, and computed with part by part."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from server.executor.columns import concatenate
from server.functions import scaled
from server.vector.column import Column
from server.vector.parted import PartedColumn, parted_column
from server.vector.rows import values_of

PRICES = Column(np.array([1250, -75, 100]), None, 2)
ZEROS = Column(np.array([0, 3]), None, 0)


def mixed() -> PartedColumn:
    """12.50, 0, NULL, -0.75, 3, 1.00."""
    return parted_column(6, [(np.array([0, 3, 5]), PRICES), (np.array([1, 4]), ZEROS)])


def shown(column: Column) -> list[str | None]:
    return [None if value is None else str(value) for value in values_of(column)]


def test_rows_keep_their_digits():
    assert shown(mixed()) == ["12.50", "0", None, "-0.75", "3", "1.00"]
    taken = mixed().take(np.array([4, -1, 0, 2, 0]))
    assert isinstance(taken, PartedColumn)
    assert shown(taken) == ["3", None, "12.50", None, "12.50"]
    assert shown(mixed().slice(1, 5)) == ["0", None, "-0.75", "3"]
    assert shown(mixed().take(np.zeros(0, np.int64))) == []
    assert shown(concatenate([mixed(), PRICES, ZEROS])) == shown(mixed()) + shown(PRICES) + shown(
        ZEROS
    )
    assert isinstance(concatenate([PRICES, ZEROS]), PartedColumn)


def test_rows_become_null():
    valid = np.array([True, True, False, False, True, True])
    masked = mixed().masked(valid)
    assert shown(masked) == ["12.50", "0", None, None, "3", "1.00"]
    assert shown(masked.masked(valid)) == shown(masked)
    assert shown(mixed().masked(np.zeros(6, np.bool_))) == [None] * 6
    assert [len(part) for _, part in masked.parts] == [2, 2]


def test_arithmetic():
    prices = Column(np.array([100, 200, 300, 400, 500, 600]), None, 2)
    added = scaled.add(mixed(), prices)
    assert added is not None
    assert added.scale == 2
    assert shown(added) == ["13.50", "2.00", None, "3.25", "8.00", "7.00"]
    added = scaled.add(mixed(), Column(np.ones(6, np.int64), None, 0))
    assert added is not None
    assert shown(added) == ["13.50", "1", None, "0.25", "4", "2.00"]
    multiplied = scaled.multiply(prices, mixed())
    assert multiplied is not None
    assert shown(multiplied) == ["12.5000", "0.00", None, "-3.0000", "15.00", "6.0000"]
    assert values_of(scaled.flat(mixed()))[4] == Decimal(3)
