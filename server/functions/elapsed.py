"""Time elapsed between instants, over columns: microseconds, of which intervals are made when somebody asks.

Differences of timestamps are mostly compared, taken apart or averaged, and none of that needs intervals.
Microseconds become days of 24 hours and the rest, both of one sign, and no months.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.functions import fields, instants
from server.functions.ages import age_field
from server.functions.date_columns import TIMESTAMP_LIMIT, within
from server.functions.interval_columns import days_and_rest, make_elapsed
from server.functions.orders import interval_key
from server.functions.scaled import by_rows
from server.types.calendar import US_PER_DAY, US_PER_HOUR, US_PER_MINUTE
from server.vector.column import Column, Mask, Values
from server.vector.late import LateColumn
from server.vector.rows import constant_value, is_constant, joint_validity

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext, Kernel
    from server.types.interval_style import Interval

_OBJECT: Final = np.dtype(object)
_INT64: Final = np.iinfo(np.int64)
_FIELDS: Final[dict[str, tuple[int, int, int]]] = {
    # unit: (modulus, divisor, scale) of the microseconds
    "epoch": (1 << 63, 1, 6),
    "day": (1 << 63, US_PER_DAY, 0),
    "hour": (US_PER_DAY, US_PER_HOUR, 0),
    "minute": (US_PER_HOUR, US_PER_MINUTE, 0),
    "second": (US_PER_MINUTE, 1, 6),
    "milliseconds": (US_PER_MINUTE, 1, 3),
    "microseconds": (US_PER_MINUTE, 1, 0),
}


def elapsed(us: Values, valid: Mask | None) -> LateColumn:
    """Intervals of so many microseconds."""
    return LateColumn([us], make_elapsed, valid)


def elapsed_us(column: Column) -> Values | None:
    """The microseconds of what elapsed() has made, None of any other column."""
    if isinstance(column, LateColumn) and column.make is make_elapsed:
        return column.parts[0]
    return None


def difference(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
    """What has elapsed between timestamps."""
    if within(left.values, TIMESTAMP_LIMIT) and within(right.values, TIMESTAMP_LIMIT):
        return elapsed(left.values - right.values, joint_validity((left, right)))
    return by_rows(instants.difference, (left, right))


def comparison_keys(left: Column, right: Column) -> tuple[Any, Any] | None:
    """Numbers that compare as the intervals do, if one side is elapsed time and the other too or a constant."""
    if elapsed_us(left) is None and elapsed_us(right) is None:
        return None
    keys = _key(left), _key(right)
    return None if keys[0] is None or keys[1] is None else keys


def _key(column: Column) -> Any:
    us = elapsed_us(column)
    if us is not None or not is_constant(column):
        return us
    key = interval_key(constant_value(column))
    return np.int64(min(max(key, _INT64.min), _INT64.max))


def _elapsed_field(unit: str, intervals: Column) -> tuple[Values, int] | None:
    us = elapsed_us(intervals)
    if us is None or unit not in _FIELDS:
        return None
    modulus, divisor, scale = _FIELDS[unit]
    sizes = np.abs(us)
    sizes = sizes if modulus > _INT64.max else sizes % modulus
    return np.sign(us) * (sizes // divisor), scale


def field_kernel(row: Callable[[str, Interval], Any], result: str) -> Kernel:
    """A field of intervals; row gives that of one."""
    dtype = _OBJECT if result == "numeric" else np.dtype(np.float64)

    def kernel(context: CallContext, names: Column, intervals: Column, *, count: int) -> Column:
        if not is_constant(names):
            return by_rows(row, (names, intervals), dtype)
        unit = fields.ALIASES.get(constant_value(names).lower(), "")
        found = age_field(unit, intervals) or _elapsed_field(unit, intervals)
        if found is None:
            return by_rows(row, (names, intervals), dtype)
        us = elapsed_us(intervals)
        if unit == "epoch" and us is not None and result != "numeric":
            days, rest = days_and_rest(us)
            return Column(rest / 1e6 + 86400.0 * days, intervals.valid)
        numbers, scale = found
        if result == "numeric":
            return Column(numbers, intervals.valid, scale)
        return Column(numbers / float(10**scale), intervals.valid)

    return kernel
