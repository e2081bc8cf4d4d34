"""The least and greatest intervals of groups, of columns that are kept as parts, are those of the rows."""

from __future__ import annotations

import numpy as np
import pytest

from server.functions import extremes
from server.functions.extremes import Best
from server.functions.interval_columns import intervals
from server.functions.orders import interval_key


def of_rows(column, groups, group_count, greatest):
    """As of a column of any other form: row by row."""
    best = Best(interval_key, greatest)
    for group, value, there in zip(
        groups.tolist(), column.values.tolist(), column.validity().tolist(), strict=True
    ):
        if there:
            best.offer(group, value)
    return [best.values.get(group) for group in range(group_count)]


@pytest.mark.parametrize("greatest", [False, True])
@pytest.mark.parametrize("rows", [0, 1, 300, 65_535, 65_536, 65_537])
@pytest.mark.parametrize("months", [3, 2_000_000_000])
def test_intervals(rows, greatest, months):
    numbers = np.random.default_rng(rows)
    parts = (
        numbers.integers(-months, months + 1, rows),
        numbers.integers(-60, 60, rows),
        numbers.integers(-3, 3, rows) * 86_400_000_000,
    )
    column = intervals(parts, numbers.integers(0, 3, rows) > 0)
    groups = numbers.integers(0, 5, rows)
    found = extremes._add_best(Best(interval_key, greatest), groups, 7, (column,))
    expected = of_rows(column, groups, 7, greatest)
    assert [found.values.get(group) for group in range(7)] == expected
