"""sum and avg of intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from server.functions.declare import aggregate
from server.functions.elapsed import elapsed_us
from server.functions.instants import checked_interval, interval_divided
from server.functions.interval_columns import days_and_rest
from server.functions.sums import present
from server.vector.native import add_integers
from server.vector.rows import column_of, plain_values

if TYPE_CHECKING:
    from server.functions.function import Aggregate
    from server.types.interval_style import Interval
    from server.vector.column import Column, Positions, Values

_OBJECT: Final = np.dtype(object)


class IntervalSums:
    """Months, days, microseconds and rows of each group."""

    __slots__ = ("totals",)

    def __init__(self) -> None:
        self.totals: dict[int, list[int]] = {}

    def interval(self, group: int) -> Interval | None:
        """The sum of a group, NULL without rows."""
        total = self.totals.get(group)
        return None if total is None else checked_interval(*total[:3])


def _add(
    state: IntervalSums, groups: Positions, group_count: int, columns: tuple[Column, ...]
) -> IntervalSums:
    groups, column = present(groups, columns[0])
    us = elapsed_us(column)
    if us is not None:
        return _add_elapsed(state, groups, group_count, us)
    for group, fields in zip(groups.tolist(), plain_values(column), strict=True):
        total = state.totals.setdefault(group, [0, 0, 0, 0])
        for index, field in enumerate((*fields, 1)):
            total[index] += field
        checked_interval(*total[:3])  # each sum on the way has to be one
    return state


def _add_elapsed(
    state: IntervalSums, groups: Positions, group_count: int, us: Values
) -> IntervalSums:
    totals = np.zeros((3, group_count), np.int64)
    for place, numbers in enumerate((*days_and_rest(us), np.ones(len(us), np.int64))):
        add_integers(totals[place], groups, numbers)
    for group in np.flatnonzero(totals[2]).tolist():
        total = state.totals.setdefault(group, [0, 0, 0, 0])
        for index, added in enumerate(totals[:, group].tolist(), 1):
            total[index] += added
    return state


def _sums(state: IntervalSums, group_count: int) -> Column:
    return column_of([state.interval(group) for group in range(group_count)], _OBJECT)


def _averages(state: IntervalSums, group_count: int) -> Column:
    rows = []
    for group in range(group_count):
        total = state.interval(group)
        count = state.totals[group][3] if total is not None else 0
        rows.append(None if total is None else interval_divided(total, float(count)))
    return column_of(rows, _OBJECT)


AGGREGATES: Final[tuple[Aggregate, ...]] = (
    aggregate(
        "2113 sum(interval) interval",
        lambda call: IntervalSums(),
        _add,
        _sums,
        "Sum, field by field.",
    ),
    aggregate("2106 avg(interval) interval", lambda call: IntervalSums(), _add, _averages, "Mean."),
)
