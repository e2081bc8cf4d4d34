"""Operators of dates, times and intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.errors import DatetimeFieldOverflow
from server.functions import date_columns as columns
from server.functions import elapsed, instants, interval_columns
from server.functions.declare import row
from server.functions.instants import INFINITE, to_utc, zone_of
from server.functions.integer import division_by_zero
from server.types.calendar import (
    US_PER_DAY,
    US_PER_SECOND,
    is_valid_timestamp,
)
from server.types.interval_style import Interval
from server.types.times import TimeTz

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext


def _date_plus(date: int, interval: Interval) -> int:
    return instants.timestamp_plus(instants.timestamp_of_date(date), interval)


def _date_minus(date: int, interval: Interval) -> int:
    return instants.timestamp_minus(instants.timestamp_of_date(date), interval)


def _instant_plus(context: CallContext, us: int, interval: Interval) -> int:
    return instants.instant_plus(zone_of(context), us, interval)


def _instant_minus(context: CallContext, us: int, interval: Interval) -> int:
    return instants.instant_plus(zone_of(context), us, instants.turned(interval))


def _time_plus(us: int, interval: Interval) -> int:
    return instants.wrapped(us + interval[2]) % US_PER_DAY


def _time_minus(us: int, interval: Interval) -> int:
    return instants.wrapped(us - interval[2]) % US_PER_DAY


def _timetz_plus(value: TimeTz, interval: Interval) -> TimeTz:
    return TimeTz(instants.wrapped(value[0] + interval[2]) % US_PER_DAY, value[1])


def _timetz_minus(value: TimeTz, interval: Interval) -> TimeTz:
    return TimeTz(instants.wrapped(value[0] - interval[2]) % US_PER_DAY, value[1])


def _date_and_time(date: int, us: int) -> int:
    midnight = instants.timestamp_of_date(date)
    return midnight if midnight in INFINITE else instants.checked_timestamp(midnight + us)


def _date_and_timetz(date: int, value: TimeTz) -> int:
    midnight = instants.timestamp_of_date(date)
    if midnight in INFINITE:
        return midnight
    us = int(midnight + value[0] + value[1] * US_PER_SECOND)
    if not is_valid_timestamp(us):
        raise DatetimeFieldOverflow("date out of range for timestamp")
    return us


def _swapped(operation: Callable[..., Any]) -> Callable[..., Any]:
    return lambda left, right: operation(right, left)


def _swapped_in(operation: Callable[..., Any]) -> Callable[..., Any]:
    return lambda context, left, right: operation(context, right, left)


def _divide(interval: Interval, divisor: float) -> Interval:
    if divisor == 0:
        raise division_by_zero()
    return instants.interval_divided(interval, divisor)


_DATE_PLUS = columns.date_and_interval(1)
_DATE_MINUS = columns.date_and_interval(-1)
_TIMESTAMP_PLUS = columns.timestamp_and_interval(1)
_TIMESTAMP_MINUS = columns.timestamp_and_interval(-1)

FUNCTIONS: Final = (
    row(
        "1141 date_pli(date, int4) date",
        instants.date_plus_days,
        "A later date.",
        "'2024-01-31', 30 -> 2024-03-01",
        columns.date_and_days(1),
    ),
    row(
        "1142 date_mii(date, int4) date",
        instants.date_minus_days,
        "An earlier date.",
        "'2024-03-01', 1 -> 2024-02-29",
        columns.date_and_days(-1),
    ),
    row(
        "2550 integer_pl_date(int4, date) date",
        _swapped(instants.date_plus_days),
        "A later date.",
        "30, '2024-01-31' -> 2024-03-01",
    ),
    row(
        "1140 date_mi(date, date) int4",
        instants.date_minus_date,
        "Days between dates.",
        "'2024-03-01', '2024-02-01' -> 29",
        columns.date_difference,
    ),
    row(
        "2071 date_pl_interval(date, interval) timestamp",
        _date_plus,
        "A later time.",
        "'2024-01-31', '1 month' -> 2024-02-29 00:00:00",
        _DATE_PLUS,
    ),
    row(
        "2072 date_mi_interval(date, interval) timestamp",
        _date_minus,
        "An earlier time.",
        "'2024-03-31', '1 month' -> 2024-02-29 00:00:00",
        _DATE_MINUS,
    ),
    row(
        "2546 interval_pl_date(interval, date) timestamp",
        _swapped(_date_plus),
        "A later time.",
        "'1 day', '2024-02-28' -> 2024-02-29 00:00:00",
    ),
    row(
        "2032 timestamp_pl_interval(timestamp, interval) timestamp",
        instants.timestamp_plus,
        "A later time.",
        "'2024-01-31 10:00', '1 month 2 hours' -> 2024-02-29 12:00:00",
        _TIMESTAMP_PLUS,
    ),
    row(
        "2033 timestamp_mi_interval(timestamp, interval) timestamp",
        instants.timestamp_minus,
        "An earlier time.",
        "'2024-03-31 10:00', '1 month' -> 2024-02-29 10:00:00",
        _TIMESTAMP_MINUS,
    ),
    row(
        "2548 interval_pl_timestamp(interval, timestamp) timestamp",
        _swapped(instants.timestamp_plus),
        "A later time.",
        "'1 day', '2024-02-28 10:00' -> 2024-02-29 10:00:00",
    ),
    row(
        "1189 timestamptz_pl_interval(timestamptz, interval) timestamptz stable context beside",
        _instant_plus,
        "A later instant.",
        "'2024-01-31 10:00+00', '1 month' -> 2024-02-29 10:00:00+00",
    ),
    row(
        "1190 timestamptz_mi_interval(timestamptz, interval) timestamptz stable context beside",
        _instant_minus,
        "An earlier instant.",
        "'2024-03-31 10:00+00', '1 month' -> 2024-02-29 10:00:00+00",
    ),
    row(
        "2549 interval_pl_timestamptz(interval, timestamptz) timestamptz stable context beside",
        _swapped_in(_instant_plus),
        "A later instant.",
        "'1 day', '2024-02-28 10:00+00' -> 2024-02-29 10:00:00+00",
    ),
    row(
        "2031 timestamp_mi(timestamp, timestamp) interval",
        instants.difference,
        "Time elapsed.",
        "'2024-03-01 10:00', '2024-02-01 12:00' -> 28 days 22:00:00",
        elapsed.difference,
    ),
    row(
        "1188 timestamptz_mi(timestamptz, timestamptz) interval",
        instants.difference,
        "Time elapsed.",
        "'2024-03-01 10:00+00', '2024-02-01 12:00+00' -> 28 days 22:00:00",
        elapsed.difference,
    ),
    row(
        "1690 time_mi_time(time, time) interval",
        lambda us, other: Interval(0, 0, us - other),
        "Time elapsed.",
        "'10:00', '12:30' -> -02:30:00",
    ),
    row(
        "1747 time_pl_interval(time, interval) time",
        _time_plus,
        "A later time of day.",
        "'23:00', '2 hours' -> 01:00:00",
    ),
    row(
        "1748 time_mi_interval(time, interval) time",
        _time_minus,
        "An earlier time of day.",
        "'01:00', '2 hours' -> 23:00:00",
    ),
    row(
        "1848 interval_pl_time(interval, time) time",
        _swapped(_time_plus),
        "A later time of day.",
        "'2 hours', '23:00' -> 01:00:00",
    ),
    row(
        "1749 timetz_pl_interval(timetz, interval) timetz",
        _timetz_plus,
        "A later time of day.",
        "'23:00+01', '2 hours' -> 01:00:00+01",
    ),
    row(
        "1750 timetz_mi_interval(timetz, interval) timetz",
        _timetz_minus,
        "An earlier time of day.",
        "'01:00+01', '2 hours' -> 23:00:00+01",
    ),
    row(
        "2547 interval_pl_timetz(interval, timetz) timetz",
        _swapped(_timetz_plus),
        "A later time of day.",
        "'2 hours', '23:00+01' -> 01:00:00+01",
    ),
    row(
        "1272 datetime_pl(date, time) timestamp",
        _date_and_time,
        "Date and time together.",
        "'2024-01-31', '10:00' -> 2024-01-31 10:00:00",
    ),
    row(
        "1296 timedate_pl(time, date) timestamp",
        _swapped(_date_and_time),
        "Date and time together.",
        "'10:00', '2024-01-31' -> 2024-01-31 10:00:00",
    ),
    row(
        "2025 timestamp(date, time) timestamp",
        _date_and_time,
        "Date and time together.",
        "'2024-01-31', '10:00' -> 2024-01-31 10:00:00",
    ),
    row(
        "1297 datetimetz_pl(date, timetz) timestamptz",
        _date_and_timetz,
        "Date and time together.",
        "'2024-01-31', '10:00+02' -> 2024-01-31 08:00:00+00",
    ),
    row(
        "1298 timetzdate_pl(timetz, date) timestamptz",
        _swapped(_date_and_timetz),
        "Date and time together.",
        "'10:00+02', '2024-01-31' -> 2024-01-31 08:00:00+00",
    ),
    row(
        "1359 timestamptz(date, timetz) timestamptz",
        _date_and_timetz,
        "Date and time together.",
        "'2024-01-31', '10:00+02' -> 2024-01-31 08:00:00+00",
    ),
    row(
        "1176 timestamptz(date, time) timestamptz stable context beside",
        lambda context, date, us: to_utc(_date_and_time(date, us), zone_of(context)),
        "Date and time together.",
        "'2024-01-31', '10:00' -> 2024-01-31 10:00:00+00",
    ),
    row(
        "1169 interval_pl(interval, interval) interval",
        instants.interval_plus,
        "Sum of intervals.",
        "'1 month', '2 days' -> 1 mon 2 days",
    ),
    row(
        "1170 interval_mi(interval, interval) interval",
        instants.interval_minus,
        "Difference of intervals.",
        "'1 month', '2 days' -> 1 mon -2 days",
    ),
    row(
        "1168 interval_um(interval) interval",
        instants.negated,
        "Back in time.",
        "'1 month 2 days' -> -1 mons -2 days",
    ),
    row(
        "1618 interval_mul(interval, float8) interval",
        instants.interval_times,
        "Many times.",
        "'1 month 5 days', 1.5 -> 1 mon 22 days 12:00:00",
        interval_columns.multiplication(instants.interval_times, is_first=True),
    ),
    row(
        "1624 mul_d_interval(float8, interval) interval",
        _swapped(instants.interval_times),
        "Many times.",
        "21, '1 hour' -> 21:00:00",
        interval_columns.multiplication(_swapped(instants.interval_times), is_first=False),
    ),
    row(
        "1326 interval_div(interval, float8) interval",
        _divide,
        "A part.",
        "'1 month 1 hour', 4 -> 7 days 12:15:00",
    ),
    row(
        "1175 justify_hours(interval) interval",
        instants.justify_hours,
        "24 hours become a day.",
        "'50 hours 10 minutes' -> 2 days 02:10:00",
    ),
    row(
        "1295 justify_days(interval) interval",
        instants.justify_days,
        "30 days become a month.",
        "'1 year 65 days' -> 1 year 2 mons 5 days",
    ),
    row(
        "2711 justify_interval(interval) interval",
        instants.justify_interval,
        "Both, with one sign.",
        "'1 month -1 hour' -> 29 days 23:00:00",
    ),
)
