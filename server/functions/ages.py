"""Ages over columns: months, days and microseconds between timestamps; intervals are made when somebody asks.

Ages are mostly taken apart again, as in extract(year from age(a, b)), and that needs no intervals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from server.functions import fields, instants
from server.functions.date_columns import TIMESTAMP_LIMIT, month_lengths, within
from server.functions.interval_columns import intervals, make_intervals
from server.functions.scaled import by_rows
from server.functions.zoned_columns import local_times
from server.types.calendar import US_PER_DAY, US_PER_HOUR, US_PER_MINUTE
from server.vector.late import LateColumn
from server.vector.rows import constant_column, joint_validity

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext
    from server.types.interval_style import Interval
    from server.types.zones import Zone
    from server.vector.column import Column, Values

    Take = Callable[[Values, Values, Values], Values]


def age(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
    """How much later the first are, in calendar units."""
    if not (within(left.values, TIMESTAMP_LIMIT) and within(right.values, TIMESTAMP_LIMIT)):
        return by_rows(instants.age, (left, right))
    later, earlier = np.maximum(left.values, right.values), np.minimum(left.values, right.values)
    late_days, late_us = np.divmod(later, US_PER_DAY)
    early_days, early_us = np.divmod(earlier, US_PER_DAY)
    late, early = fields.civil(late_days), fields.civil(early_days)
    months, days, us = (
        (late[0] - early[0]) * 12 + late[1] - early[1],
        late[2] - early[2],
        late_us - early_us,
    )
    is_short = us < 0
    us, days = us + is_short * US_PER_DAY, days - is_short
    lengths = month_lengths(*early[:2])
    while (is_short := days < 0).any():  # days are borrowed from the month of the earlier of both
        days, months = days + is_short * lengths, months - is_short
    sign = np.where(left.values < right.values, -1, 1)
    parts = (sign * months, sign * days, sign * us)
    return intervals(parts, joint_validity((left, right)))


def age_of_instants(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
    """How much later clocks of the session's zone show the first."""
    zone = instants.zone_of(context)
    if not (within(left.values, TIMESTAMP_LIMIT) and within(right.values, TIMESTAMP_LIMIT)):
        return by_rows(lambda us, other: instant_age(zone, us, other), (left, right))
    return age(context, local_times(zone, left), local_times(zone, right), count=count)


def age_today(context: CallContext, times: Column, *, count: int) -> Column:
    """How much earlier than the last midnight timestamps are."""
    today = constant_column(midnight(context), np.dtype(np.int64), count)
    return age(context, today, times, count=count)


def instant_age(zone: Zone, us: int, other: int) -> Interval:
    """How much later clocks of a zone show the first of two instants."""
    return instants.age(instants.to_local(us, zone), instants.to_local(other, zone))


def midnight(context: CallContext) -> int:
    """When the day of the transaction began, as clocks of the session's zone show it."""
    local = instants.to_local(context.execution.transaction_time_us, instants.zone_of(context))
    return local // US_PER_DAY * US_PER_DAY


def _cut(numbers: Values, divisor: int) -> Values:
    cut: Values = np.sign(numbers) * (np.abs(numbers) // divisor)
    return cut


def _rest(numbers: Values, divisor: int) -> Values:
    rest: Values = np.fmod(numbers, divisor)
    return rest


_FIELDS: Final[dict[str, tuple[Take, int]]] = {
    # unit: how to find it, and its scale
    "microseconds": (lambda months, days, us: _rest(us, US_PER_MINUTE), 0),
    "milliseconds": (lambda months, days, us: _rest(us, US_PER_MINUTE), 3),
    "second": (lambda months, days, us: _rest(us, US_PER_MINUTE), 6),
    "minute": (lambda months, days, us: _cut(_rest(us, US_PER_HOUR), US_PER_MINUTE), 0),
    "hour": (lambda months, days, us: _cut(us, US_PER_HOUR), 0),
    "day": (lambda months, days, us: days, 0),
    "month": (lambda months, days, us: _rest(months, 12), 0),
    "quarter": (lambda months, days, us: _cut(_rest(months, 12), 3) + 1, 0),
    "year": (lambda months, days, us: _cut(months, 12), 0),
    "decade": (lambda months, days, us: _cut(months, 120), 0),
}


def age_field(unit: str, column: Column) -> tuple[Values, int] | None:
    """The numbers of a field of what age() has made, and their scale; None of any other column or field."""
    if (
        not isinstance(column, LateColumn)
        or column.make is not make_intervals
        or unit not in _FIELDS
    ):
        return None
    take, scale = _FIELDS[unit]
    return take(*column.parts), scale
