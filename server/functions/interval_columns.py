"""Columns of intervals as arrays of months, days and microseconds; intervals are made when somebody asks.

Intervals are mostly added to times or taken apart again, and neither needs the values themselves.

Law 1: a kernel gives what its row form gives, or goes row by row: where a number could leave its range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.functions.scaled import by_rows
from server.types.calendar import US_PER_DAY, US_PER_HOUR, US_PER_MINUTE, US_PER_SECOND
from server.types.interval_style import Interval
from server.vector.late import LateColumn
from server.vector.rows import constant_value, is_constant, joint_validity, objects

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext, Kernel
    from server.vector.column import Column, Mask, Values

    Parts = tuple[Any, Any, Any]  # months, days, microseconds: numbers or an array of them

DAYS_PER_MONTH: Final = 30
SPAN_MAX: Final = 9e18
"""Spans up to here, told by floats, have room in 64 bits."""
FIELD_LIMIT: Final = 1 << 31
TIME_LIMIT: Final = float(1 << 53)  # so far floats are exact


def intervals(parts: Parts, valid: Mask | None) -> LateColumn:
    """Intervals of so many months, days and microseconds."""
    return LateColumn(parts, make_intervals, valid)


def make_intervals(months: Values, days: Values, us: Values, valid: Mask | None) -> Values:
    """The intervals themselves."""
    rows = zip(months.tolist(), days.tolist(), us.tolist(), strict=True)
    return objects([Interval(*each) for each in rows])


def make_elapsed(us: Values, valid: Mask | None) -> Values:
    """Intervals of days of 24 hours and the rest."""
    days, rest = days_and_rest(us)
    return objects([Interval(0, *pair) for pair in zip(days.tolist(), rest.tolist(), strict=True)])


def days_and_rest(us: Values) -> tuple[Values, Values]:
    """Whole days, and the microseconds beyond them."""
    days = np.sign(us) * (np.abs(us) // US_PER_DAY)
    return days, us - days * US_PER_DAY


def parts_of(column: Column) -> Parts | None:
    """Months, days and microseconds of a constant or of a column that is kept as such; None of any other."""
    if is_constant(column):
        return tuple(constant_value(column))
    if not isinstance(column, LateColumn):
        return None
    if column.make is make_intervals:
        months, days, us = column.parts
        return months, days, us
    if column.make is make_elapsed:
        return 0, *days_and_rest(column.parts[0])
    return None


def spans_of(column: Column) -> Values | None:
    """The interval_key of each row of a column that is kept as parts; None of others, and where one has no room."""
    if not isinstance(column, LateColumn) or (parts := parts_of(column)) is None:
        return None
    months, days, us = parts
    all_days = np.asarray(months, np.int64) * DAYS_PER_MONTH + days
    if (
        len(column)
        and (np.abs(all_days.astype(np.float64)) * US_PER_DAY + np.abs(us)).max() > SPAN_MAX
    ):
        return None
    spans: Values = all_days * US_PER_DAY + us
    return spans


def multiplication(row: Callable[..., Any], *, is_first: bool) -> Kernel:
    """An interval many times; is_first: the interval is the first argument."""

    def kernel(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
        column, factors = (left, right) if is_first else (right, left)
        valid = joint_validity((left, right))
        parts = parts_of(column)
        times = factors.values if valid is None else np.where(valid, factors.values, 0.0)
        found = None if parts is None else _multiplied(parts, times)
        return by_rows(row, (left, right)) if found is None else intervals(found, valid)

    return kernel


def _multiplied(parts: Parts, factors: Values) -> Parts | None:
    """Parts times numbers; None where they have fractions that become smaller units, or leave their range."""
    months, days, us = parts
    if not np.isfinite(factors).all():
        return None
    if (np.any(months) or np.any(days)) and (factors != np.rint(factors)).any():
        return None
    products = [np.asarray(part, np.float64) * factors for part in parts]
    limits = (FIELD_LIMIT, FIELD_LIMIT, TIME_LIMIT)
    for product, limit in zip(products, limits, strict=True):
        if len(product) and np.abs(product).max() >= limit:
            return None
    if np.max(np.abs(np.asarray(us, np.float64)), initial=0) >= TIME_LIMIT:
        return None
    first, second, third = (np.rint(product).astype(np.int64) for product in products)
    return first, second, third


def construction(row: Callable[..., Any]) -> Kernel:
    """make_interval: years, months, weeks, days, hours, minutes and seconds."""

    def kernel(context: CallContext, *columns: Column, count: int) -> Column:
        valid = joint_validity(columns)
        given = [
            column.values if valid is None else np.where(valid, column.values, 0)
            for column in columns
        ]
        *numbers, seconds = given
        years, months, weeks, days, hours, minutes = (each.astype(np.int64) for each in numbers)
        parts = years * 12 + months, weeks * 7 + days
        is_moderate = all(not len(part) or np.abs(part).max() < FIELD_LIMIT for part in parts)
        fine = seconds * US_PER_SECOND
        if not is_moderate or not np.isfinite(fine).all() or (np.abs(fine) >= TIME_LIMIT).any():
            return by_rows(row, columns)
        us = hours * US_PER_HOUR + minutes * US_PER_MINUTE + np.rint(fine).astype(np.int64)
        return intervals((*parts, us), valid)

    return kernel
