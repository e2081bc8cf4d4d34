"""Kernels of dates and timestamps: the calendar on whole columns.

Where a value may be infinite or leave the calendar, the rows are computed one by one instead.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.functions import fields, instants
from server.functions.interval_columns import parts_of
from server.functions.scaled import by_rows
from server.types.calendar import DATE_MIN, MONTH_DAYS, TIMESTAMP_MIN, US_PER_DAY
from server.vector.column import Column, Values
from server.vector.rows import constant_value, is_constant, joint_validity

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from server.functions.function import CallContext, Kernel
    from server.functions.interval_columns import Parts

DATE_LIMIT: Final = (
    40_000_000  # days: inside, sums of dates and sane intervals stay on the calendar
)
TIMESTAMP_LIMIT: Final = -TIMESTAMP_MIN // 2
_MONTH_LENGTHS: Final = np.array(MONTH_DAYS)
INFINITY: Final = (1 << 63) - 1
_INT64: Final = np.dtype(np.int64)


DAYS_MIN: Final = 1024
ROWS_PER_DAY_MIN: Final = 4
"""From how many rows on, and rows to a day, the calendar is asked for each day between the first and the last."""


def of_days(compute: Callable[[Values], Values], days: Values) -> Values:
    """What the calendar says of days; of many in few years, it is asked once a day."""
    if len(days) >= DAYS_MIN:
        first, last = int(days.min()), int(days.max())
        if (last - first + 1) * ROWS_PER_DAY_MIN <= len(days):
            found: Values = compute(np.arange(first, last + 1))[days - first]
            return found
    return compute(days)


def finite(infinite: Collection[int]) -> Kernel:
    """Which moments are none of those."""

    def kernel(context: CallContext, moments: Column, *, count: int) -> Column:
        return Column(~np.isin(moments.values, tuple(infinite)), moments.valid)

    return kernel


def within(values: Values, limit: int) -> bool:
    """Whether all values are less than the limit, either way."""
    if not len(values):
        return True
    return bool(values.max() < limit) and bool(values.min() > -limit)


def date_and_days(sign: int) -> Kernel:
    """Dates and numbers of days."""
    row_form = instants.date_plus_days if sign > 0 else instants.date_minus_days

    def kernel(context: CallContext, dates: Column, days: Column, *, count: int) -> Column:
        if not within(dates.values, DATE_LIMIT) or not within(days.values, DATE_LIMIT // 20):
            return by_rows(row_form, (dates, days), np.dtype(np.int32))
        moved = dates.values + sign * days.values
        if len(moved) and moved.min() < DATE_MIN:
            return by_rows(row_form, (dates, days), np.dtype(np.int32))
        return Column(moved.astype(np.int32), joint_validity((dates, days)))

    return kernel


def date_difference(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
    """Days between dates."""
    if not within(left.values, DATE_LIMIT) or not within(right.values, DATE_LIMIT):
        return by_rows(instants.date_minus_date, (left, right), np.dtype(np.int32))
    return Column(left.values - right.values, joint_validity((left, right)))


def month_lengths(year: Values, month: Values) -> Values:
    """How many days months have."""
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    lengths: Values = _MONTH_LENGTHS[month - 1] + ((month == 2) & leap)
    return lengths


def _months_later(days: Values, months: Any) -> Values:
    year, month, day = fields.civil(days)
    year, month = np.divmod(year * 12 + month - 1 + months, 12)
    longest = month_lengths(year, month + 1)
    return fields.days_from_civil(year, month + 1, np.minimum(day, longest))


def _moved(us: Values, interval: Parts, sign: int) -> Values:
    months, days, elapsed = (sign * field for field in interval)
    if np.any(months):
        whole, rest = np.divmod(us, US_PER_DAY)
        if np.ndim(months):
            later = _months_later(whole, months)
        else:
            later = of_days(partial(_months_later, months=months), whole)
        us = later * US_PER_DAY + rest
    moved: Values = us + (days * US_PER_DAY + elapsed)
    return moved


def _reach(interval: Parts) -> int:
    """How far days and hours go at most: the moment is in range after each of them."""
    _, days, elapsed = interval
    return int(np.max(np.abs(days), initial=0)) * US_PER_DAY + int(
        np.max(np.abs(elapsed), initial=0)
    )


def _moderate(interval: Parts) -> bool:
    limits = (12000, 400_000, 400_000 * US_PER_DAY)
    return all(
        np.max(field, initial=0) < limit and np.min(field, initial=0) > -limit
        for field, limit in zip(interval, limits, strict=True)
    )


def date_and_interval(sign: int) -> Kernel:
    """Dates and intervals."""
    move = instants.timestamp_plus if sign > 0 else instants.timestamp_minus

    def row_form(date: int, interval: Any) -> int:
        return move(instants.timestamp_of_date(date), interval)

    def kernel(context: CallContext, dates: Column, intervals: Column, *, count: int) -> Column:
        interval = parts_of(intervals)
        if interval is not None and within(dates.values, DATE_LIMIT) and _moderate(interval):
            us = _moved(dates.values.astype(np.int64) * US_PER_DAY, interval, sign)
            if not len(us) or us.min() - _reach(interval) >= TIMESTAMP_MIN:
                return Column(us, joint_validity((dates, intervals)))
        return by_rows(row_form, (dates, intervals), _INT64)

    return kernel


def timestamp_and_interval(sign: int) -> Kernel:
    """Timestamps and intervals."""
    row_form = instants.timestamp_plus if sign > 0 else instants.timestamp_minus

    def kernel(context: CallContext, times: Column, intervals: Column, *, count: int) -> Column:
        interval = parts_of(intervals)
        if interval is not None and within(times.values, TIMESTAMP_LIMIT) and _moderate(interval):
            return Column(_moved(times.values, interval, sign), joint_validity((times, intervals)))
        return by_rows(row_form, (times, intervals), _INT64)

    return kernel


def _numbers(result: str, numbers: Values, scale: int, column: Column) -> Column:
    if result == "numeric":
        return Column(numbers.astype(np.int64), column.valid, scale)
    return Column(numbers / float(10**scale), column.valid)


def _converter(result: str) -> tuple[Callable[[Any], Any], np.dtype[Any]]:
    if result == "numeric":
        return fields.as_numeric, np.dtype(object)
    return fields.as_float, np.dtype(np.float64)


def date_field_kernel(result: str) -> Kernel:
    """A field of dates."""
    convert, dtype = _converter(result)

    def kernel(context: CallContext, names: Column, dates: Column, *, count: int) -> Column:
        if is_constant(names) and within(dates.values, DATE_LIMIT):
            compute = fields.COLUMN_FIELDS.get(
                fields.ALIASES.get(constant_value(names).lower(), "")
            )
            if compute is not None:
                return _numbers(result, of_days(compute, dates.values), 0, dates)
        return by_rows(
            lambda name, days: convert(fields.date_field(days, name)), (names, dates), dtype
        )

    return kernel


def timestamp_field_kernel(result: str) -> Kernel:
    """A field of timestamps."""
    convert, dtype = _converter(result)

    def kernel(context: CallContext, names: Column, times: Column, *, count: int) -> Column:
        if is_constant(names) and within(times.values, TIMESTAMP_LIMIT):
            unit = fields.ALIASES.get(constant_value(names).lower(), "")
            if unit == "epoch":
                return _numbers(result, times.values + fields.UNIX_EPOCH_US, 6, times)
            if unit in fields.COLUMN_TIME_FIELDS:
                modulus, divisor, scale = fields.COLUMN_TIME_FIELDS[unit]
                return _numbers(result, times.values % modulus // divisor, scale, times)
            if unit in fields.COLUMN_FIELDS and unit != "julian":
                found = of_days(fields.COLUMN_FIELDS[unit], times.values // US_PER_DAY)
                return _numbers(result, found, 0, times)
        return by_rows(
            lambda name, us: convert(fields.timestamp_field(us, name)), (names, times), dtype
        )

    return kernel


def truncation_kernel(context: CallContext, names: Column, times: Column, *, count: int) -> Column:
    """The start of a unit that holds timestamps."""
    if is_constant(names) and within(times.values, TIMESTAMP_LIMIT):
        unit = fields.ALIASES.get(constant_value(names).lower(), "")
        if unit in fields.TIME_UNITS:
            step = fields.TIME_UNITS[unit]
            return Column(times.values // step * step, times.valid)
        compute = fields.COLUMN_STARTS.get(unit)
        if unit == "quarter":
            compute = fields.start_of_quarter_column
        if compute is not None:
            starts = of_days(compute, times.values // US_PER_DAY)
            return Column(starts * US_PER_DAY, times.valid)
    return by_rows(_truncated, (names, times), _INT64)


def _truncated(name: str, us: int) -> int:
    if us in instants.INFINITE:  # whatever the unit
        return us
    kind = "timestamp without time zone"
    return fields.truncate_timestamp(us, fields.unit_named(name, kind), name, kind)


def date_kernel(context: CallContext, times: Column, *, count: int) -> Column:
    """Dates of timestamps."""
    if not within(times.values, TIMESTAMP_LIMIT):
        return by_rows(instants.date_of_timestamp, (times,), np.dtype(np.int32))
    return Column((times.values // US_PER_DAY).astype(np.int32), times.valid)


def time_kernel(context: CallContext, times: Column, *, count: int) -> Column:
    """The time of day of timestamps; NULL of infinite ones."""
    is_finite = (times.values > -INFINITY) & (times.values < INFINITY)
    valid = times.valid
    if not is_finite.all():
        valid = is_finite if valid is None else valid & is_finite
    return Column(times.values % US_PER_DAY, valid)


def timestamp_kernel(context: CallContext, dates: Column, *, count: int) -> Column:
    """Midnight of dates."""
    if not within(dates.values, DATE_LIMIT):
        return by_rows(instants.timestamp_of_date, (dates,), _INT64)
    return Column(dates.values.astype(np.int64) * US_PER_DAY, dates.valid)
