"""Dates and times: operators, fields, constructors and conversions between the types.

What depends on the session's time zone is stable and asks the call's context; the rest is
immutable.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from server.errors import DatetimeFieldOverflow, FeatureNotSupported, InvalidParameterValue
from server.functions import date_columns as columns
from server.functions import fields, instants
from server.functions.declare import row
from server.functions.fields import as_float, as_numeric
from server.functions.instants import INFINITE, INFINITE_DATES, to_local, to_utc, zone_of
from server.functions.integer import division_by_zero
from server.types.calendar import (
    TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
    UNIX_OF_EPOCH_DAYS,
    US_PER_DAY,
    US_PER_SECOND,
    days_of,
    is_valid_timestamp,
    month_length,
)
from server.types.interval_style import Interval
from server.types.times import TimeTz

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext
    from server.types.zones import Zone

WITH_ZONE: Final = "timestamp with time zone"
WITHOUT_ZONE: Final = "timestamp without time zone"


# Arithmetic.


def _date_plus(date: int, interval: Interval) -> int:
    return instants.timestamp_plus(instants.timestamp_of_date(date), interval)


def _date_minus(date: int, interval: Interval) -> int:
    return instants.timestamp_minus(instants.timestamp_of_date(date), interval)


def _instant_plus(context: CallContext, us: int, interval: Interval) -> int:
    return instants.instant_plus(zone_of(context), us, interval)


def _instant_minus(context: CallContext, us: int, interval: Interval) -> int:
    return instants.instant_plus(zone_of(context), us, instants.negated(interval))


def _time_plus(us: int, interval: Interval) -> int:
    return (us + interval[2]) % US_PER_DAY


def _time_minus(us: int, interval: Interval) -> int:
    return (us - interval[2]) % US_PER_DAY


def _timetz_plus(value: TimeTz, interval: Interval) -> TimeTz:
    return TimeTz((value[0] + interval[2]) % US_PER_DAY, value[1])


def _timetz_minus(value: TimeTz, interval: Interval) -> TimeTz:
    return TimeTz((value[0] - interval[2]) % US_PER_DAY, value[1])


def _date_and_time(date: int, us: int) -> int:
    midnight = instants.timestamp_of_date(date)
    return midnight if midnight in INFINITE else instants.checked_timestamp(midnight + us)


def _date_and_timetz(date: int, value: TimeTz) -> int:
    midnight = instants.timestamp_of_date(date)
    if midnight in INFINITE:
        return midnight
    return instants.checked_timestamp(midnight + value[0] + value[1] * US_PER_SECOND)


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

ARITHMETIC: Final = (
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
        "1189 timestamptz_pl_interval(timestamptz, interval) timestamptz stable context",
        _instant_plus,
        "A later instant.",
        "'2024-01-31 10:00+00', '1 month' -> 2024-02-29 10:00:00+00",
    ),
    row(
        "1190 timestamptz_mi_interval(timestamptz, interval) timestamptz stable context",
        _instant_minus,
        "An earlier instant.",
        "'2024-03-31 10:00+00', '1 month' -> 2024-02-29 10:00:00+00",
    ),
    row(
        "2549 interval_pl_timestamptz(interval, timestamptz) timestamptz stable context",
        _swapped_in(_instant_plus),
        "A later instant.",
        "'1 day', '2024-02-28 10:00+00' -> 2024-02-29 10:00:00+00",
    ),
    row(
        "2031 timestamp_mi(timestamp, timestamp) interval",
        instants.difference,
        "Time elapsed.",
        "'2024-03-01 10:00', '2024-02-01 12:00' -> 28 days 22:00:00",
    ),
    row(
        "1188 timestamptz_mi(timestamptz, timestamptz) interval",
        instants.difference,
        "Time elapsed.",
        "'2024-03-01 10:00+00', '2024-02-01 12:00+00' -> 28 days 22:00:00",
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
        "1176 timestamptz(date, time) timestamptz stable context",
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
    ),
    row(
        "1624 mul_d_interval(float8, interval) interval",
        _swapped(instants.interval_times),
        "Many times.",
        "21, '1 hour' -> 21:00:00",
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


# Fields.


def _local_field(context: CallContext, name: str, us: int) -> Any:
    if us in INFINITE:
        fields.unit_named(name, WITH_ZONE)
        return fields.timestamp_field(us, name, 0)
    offset = zone_of(context).at(us).seconds_east
    return fields.timestamp_field(us + offset * US_PER_SECOND, name, offset)


def _of_date(convert: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda name, days: convert(fields.date_field(days, name))


def _date_as_timestamp(name: str, days: int) -> Any:
    return as_float(fields.timestamp_field(instants.timestamp_of_date(days), name))


def _of_timestamp(convert: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda name, us: convert(fields.timestamp_field(us, name))


def _of_instant(convert: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda context, name, us: convert(_local_field(context, name, us))


def _of_time(convert: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda name, us: convert(fields.time_field(us, name))


def _of_timetz(convert: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda name, value: convert(fields.timetz_field(value[0], value[1], name))


def _of_interval(convert: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda name, interval: convert(fields.interval_field(interval, name))


def _truncate(name: str, us: int) -> int:
    if us in INFINITE:
        return us
    unit = fields.unit_named(name, WITHOUT_ZONE)
    return fields.truncate_timestamp(us, unit, name, WITHOUT_ZONE)


def _truncate_in(zone: Zone, name: str, us: int) -> int:
    if us in INFINITE:
        return us
    unit = fields.unit_named(name, WITH_ZONE)
    offset = zone.at(us).seconds_east * US_PER_SECOND
    local = fields.truncate_timestamp(us + offset, unit, name, WITH_ZONE)
    return to_utc(local, zone) if unit in fields.DAY_UNITS else local - offset


def _truncate_session(context: CallContext, name: str, us: int) -> int:
    return _truncate_in(zone_of(context), name, us)


def _truncate_zone(name: str, us: int, zone: str) -> int:
    if us in INFINITE:
        return us
    return _truncate_in(instants.find_zone(zone), name, us)


def _bin(stride: Interval, us: int, origin: int) -> int:
    months, days, time = stride
    if us in INFINITE:
        return us
    if months:
        raise FeatureNotSupported(
            "timestamps cannot be binned into intervals containing months or years"
        )
    if origin in INFINITE:
        raise DatetimeFieldOverflow("origin out of range")
    width = days * US_PER_DAY + time
    if width <= 0:
        raise DatetimeFieldOverflow("stride must be greater than zero")
    return origin + (us - origin) // width * width


def _instant_age(context: CallContext, us: int, other: int) -> Interval:
    zone = zone_of(context)
    return instants.age(to_local(us, zone), to_local(other, zone))


def _midnight(context: CallContext) -> int:
    local = to_local(context.execution.transaction_time_us, zone_of(context))
    return local // US_PER_DAY * US_PER_DAY


def _age_today(context: CallContext, us: int) -> Interval:
    return instants.age(_midnight(context), us)


def _instant_age_today(context: CallContext, us: int) -> Interval:
    return instants.age(_midnight(context), to_local(us, zone_of(context)))


FIELDS: Final = (
    row(
        "6199 extract(text, date) numeric",
        _of_date(as_numeric),
        "A field.",
        "'week', '2024-12-30' -> 1",
        columns.date_field_kernel("numeric"),
    ),
    row(
        "6202 extract(text, timestamp) numeric",
        _of_timestamp(as_numeric),
        "A field.",
        "'second', '2024-02-16 20:38:40.5' -> 40.500000",
        columns.timestamp_field_kernel("numeric"),
    ),
    row(
        "6203 extract(text, timestamptz) numeric stable context",
        _of_instant(as_numeric),
        "A field.",
        "'epoch', '2024-02-16 20:38:40+00' -> 1708115920.000000",
    ),
    row(
        "6200 extract(text, time) numeric",
        _of_time(as_numeric),
        "A field.",
        "'minute', '20:38:40' -> 38",
    ),
    row(
        "6201 extract(text, timetz) numeric",
        _of_timetz(as_numeric),
        "A field.",
        "'timezone_hour', '20:38:40+02' -> 2",
    ),
    row(
        "6204 extract(text, interval) numeric",
        _of_interval(as_numeric),
        "A field.",
        "'epoch', '1 year 2 mons 3 days' -> 37000800.000000",
    ),
    row(
        "1384 date_part(text, date) float8",
        _date_as_timestamp,
        "A field as a float.",
        "'quarter', '2024-12-30' -> 4",
    ),
    row(
        "2021 date_part(text, timestamp) float8",
        _of_timestamp(as_float),
        "A field as a float.",
        "'hour', '2024-02-16 20:38:40' -> 20",
        columns.timestamp_field_kernel("float8"),
    ),
    row(
        "1171 date_part(text, timestamptz) float8 stable context",
        _of_instant(as_float),
        "A field as a float.",
        "'dow', '2024-02-16 20:38:40+00' -> 5",
    ),
    row(
        "1385 date_part(text, time) float8",
        _of_time(as_float),
        "A field as a float.",
        "'second', '20:38:40.25' -> 40.25",
    ),
    row(
        "1273 date_part(text, timetz) float8",
        _of_timetz(as_float),
        "A field as a float.",
        "'hour', '20:38:40+02' -> 20",
    ),
    row(
        "1172 date_part(text, interval) float8",
        _of_interval(as_float),
        "A field as a float.",
        "'day', '3 days 4 hours' -> 3",
    ),
    row(
        "2020 date_trunc(text, timestamp) timestamp",
        _truncate,
        "The start of a unit.",
        "'quarter', '2024-02-16 20:38:40' -> 2024-01-01 00:00:00",
        columns.truncation_kernel,
    ),
    row(
        "1217 date_trunc(text, timestamptz) timestamptz stable context",
        _truncate_session,
        "The start of a unit.",
        "'week', '2024-02-16 20:38:40+00' -> 2024-02-12 00:00:00+00",
    ),
    row(
        "1284 date_trunc(text, timestamptz, text) timestamptz stable",
        _truncate_zone,
        "The start of a unit in a zone.",
        "'day', '2024-02-16 20:38:40+00', 'Australia/Sydney' -> 2024-02-16 13:00:00+00",
    ),
    row(
        "1218 date_trunc(text, interval) interval",
        fields.truncate_interval,
        "Without smaller fields.",
        "'hour', '2 days 3 hours 40 minutes' -> 2 days 03:00:00",
    ),
    row(
        "6177 date_bin(interval, timestamp, timestamp) timestamp",
        _bin,
        "The start of a stride.",
        "'15 minutes', '2024-02-11 15:44:17', '2001-01-01' -> 2024-02-11 15:30:00",
    ),
    row(
        "6178 date_bin(interval, timestamptz, timestamptz) timestamptz",
        _bin,
        "The start of a stride.",
        "'15 minutes', '2024-02-11 15:44:17+00', '2001-01-01 00:00+00' -> 2024-02-11 15:30:00+00",
    ),
    row(
        "2058 age(timestamp, timestamp) interval",
        instants.age,
        "Difference on the calendar.",
        "'2001-04-10', '1957-06-13' -> 43 years 9 mons 27 days",
    ),
    row(
        "1199 age(timestamptz, timestamptz) interval context",
        _instant_age,
        "Difference on the calendar.",
        "'2001-04-10 00:00+00', '1957-06-13 00:00+00' -> 43 years 9 mons 27 days",
    ),
    row("2059 age(timestamp) interval stable context", _age_today, "Age today."),
    row("1386 age(timestamptz) interval stable context", _instant_age_today, "Age today."),
    row(
        "1373 isfinite(date) bool",
        lambda days: days not in INFINITE_DATES,
        "Whether it is not infinite.",
        "'2024-02-16' -> t",
    ),
    row(
        "2048 isfinite(timestamp) bool",
        lambda us: us not in INFINITE,
        "Whether it is not infinite.",
        "'infinity' -> f",
    ),
    row(
        "1389 isfinite(timestamptz) bool",
        lambda us: us not in INFINITE,
        "Whether it is not infinite.",
        "'infinity' -> f",
    ),
    row(
        "1390 isfinite(interval) bool",
        lambda interval: True,
        "Whether it is not infinite.",
        "'1 day' -> t",
    ),
)


# Constructors.


def _make_date(year: int, month: int, day: int) -> int:
    astronomical = year + 1 if year < 0 else year
    valid = year != 0 and 1 <= month <= 12 and 1 <= day <= 31
    if not valid or day > month_length(astronomical, month):
        raise DatetimeFieldOverflow(f"date field value out of range: {year}-{month:02d}-{day:02d}")
    return instants.checked_date(days_of(astronomical, month, day))


def _make_time(hour: int, minute: int, second: float) -> int:
    us = 0 if math.isnan(second) else round(second * US_PER_SECOND)
    total = (hour * 60 + minute) * 60 * US_PER_SECOND + us
    valid = 0 <= hour <= 24 and 0 <= minute <= 59 and 0 <= second <= 60
    if not valid or total > US_PER_DAY:
        raise DatetimeFieldOverflow(
            f"time field value out of range: {hour}:{minute:02d}:{second:02g}"
        )
    return total


def _make_timestamp(*parts: Any) -> int:
    year, month, day, hour, minute, second = parts
    return instants.checked_timestamp(
        _make_date(year, month, day) * US_PER_DAY + _make_time(hour, minute, second)
    )


def _make_instant(context: CallContext, *parts: Any) -> int:
    return to_utc(_make_timestamp(*parts), zone_of(context))


def _make_instant_in(*parts: Any) -> int:
    return to_utc(_make_timestamp(*parts[:6]), instants.find_zone(parts[6]))


def _make_interval(*parts: Any) -> Interval:
    years, months, weeks, days, hours, minutes, seconds = parts
    if math.isinf(seconds) or math.isnan(seconds):
        raise DatetimeFieldOverflow("interval out of range")
    us = (hours * 60 + minutes) * 60 * US_PER_SECOND + round(seconds * US_PER_SECOND)
    return instants.checked_interval(years * 12 + months, weeks * 7 + days, us)


def _from_epoch(seconds: float) -> int:
    if math.isinf(seconds):
        return TIMESTAMP_INFINITY if seconds > 0 else TIMESTAMP_MINUS_INFINITY
    if math.isnan(seconds):
        raise DatetimeFieldOverflow("timestamp cannot be NaN")
    us = round((seconds - UNIX_OF_EPOCH_DAYS * 86400.0) * US_PER_SECOND)
    if not is_valid_timestamp(us):
        raise DatetimeFieldOverflow(f'timestamp out of range: "{seconds:g}"')
    return us


CONSTRUCTORS: Final = (
    row(
        "3846 make_date(year int4, month int4, day int4) date",
        _make_date,
        "A date of its parts.",
        "2013, 7, 15 -> 2013-07-15",
    ),
    row(
        "3847 make_time(hour int4, min int4, sec float8) time",
        _make_time,
        "A time of its parts.",
        "8, 15, 23.5 -> 08:15:23.5",
    ),
    row(
        "3461 make_timestamp(year int4, month int4, mday int4, hour int4, min int4, sec "
        "float8) timestamp",
        _make_timestamp,
        "A timestamp of its parts.",
        "2013, 7, 15, 8, 15, 23.5 -> 2013-07-15 08:15:23.5",
    ),
    row(
        "3462 make_timestamptz(year int4, month int4, mday int4, hour int4, min int4, sec "
        "float8) timestamptz stable context",
        _make_instant,
        "An instant of its parts.",
        "2013, 7, 15, 8, 15, 23.5 -> 2013-07-15 08:15:23.5+00",
    ),
    row(
        "3463 make_timestamptz(year int4, month int4, mday int4, hour int4, min int4, sec "
        "float8, timezone text) timestamptz stable",
        _make_instant_in,
        "An instant of its parts in a zone.",
        "2013, 7, 15, 8, 15, 23.5, 'Europe/Paris' -> 2013-07-15 06:15:23.5+00",
    ),
    row(
        "3464 make_interval(years int4 = 0, months int4 = 0, weeks int4 = 0, days int4 = "
        "0, hours int4 = 0, mins int4 = 0, secs float8 = 0.0) interval",
        _make_interval,
        "An interval of its parts.",
        "1, 2, 0, 10, 0, 0, 1.5 -> 1 year 2 mons 10 days 00:00:01.5",
    ),
    row(
        "1158 to_timestamp(float8) timestamptz",
        _from_epoch,
        "The instant of seconds since 1970.",
        "1284352323.5 -> 2010-09-13 04:32:03.5+00",
    ),
)


# The present.


def _transaction_time(context: CallContext) -> int:
    return int(context.execution.transaction_time_us)


def _statement_time(context: CallContext) -> int:
    return int(context.execution.statement_time_us)


def _clock_time(context: CallContext) -> int:
    return int(context.execution.clock.now_us())


PRESENT: Final = (
    row("1299 now() timestamptz stable context", _transaction_time, "When the transaction began."),
    row(
        "2647 transaction_timestamp() timestamptz stable context",
        _transaction_time,
        "When the transaction began.",
    ),
    row(
        "2648 statement_timestamp() timestamptz stable context",
        _statement_time,
        "When the statement began.",
    ),
    row("2649 clock_timestamp() timestamptz volatile context", _clock_time, "The time."),
)


# Time zones and conversions.


def _at_zone(name: str, us: int) -> int:
    if us in INFINITE:
        return us
    return to_utc(us, instants.find_zone(name))


def _in_zone(name: str, us: int) -> int:
    if us in INFINITE:
        return us
    return to_local(us, instants.find_zone(name))


def _at_offset(interval: Interval, us: int) -> int:
    if us in INFINITE:
        return us
    return to_utc(us, instants.interval_zone(interval))


def _in_offset(interval: Interval, us: int) -> int:
    if us in INFINITE:
        return us
    return to_local(us, instants.interval_zone(interval))


def _turned(value: TimeTz, seconds_east: int) -> TimeTz:
    us = (value[0] + (value[1] + seconds_east) * US_PER_SECOND) % US_PER_DAY
    return TimeTz(us, -seconds_east)


def _timetz_in_zone(context: CallContext, name: str, value: TimeTz) -> TimeTz:
    zone = instants.find_zone(name)
    return _turned(value, zone.at(context.execution.transaction_time_us).seconds_east)


def _timetz_in_offset(interval: Interval, value: TimeTz) -> TimeTz:
    return _turned(value, instants.interval_zone(interval).at(0).seconds_east)


def _local(context: CallContext, us: int) -> int:
    return to_local(us, zone_of(context))


def _utc(context: CallContext, us: int) -> int:
    return to_utc(us, zone_of(context))


def _local_date(context: CallContext, us: int) -> int:
    return instants.date_of_timestamp(_local(context, us))


def _utc_of_date(context: CallContext, date: int) -> int:
    return _utc(context, instants.timestamp_of_date(date))


def _time_of(us: int) -> int | None:
    return None if us in INFINITE else us % US_PER_DAY


def _local_time(context: CallContext, us: int) -> int | None:
    return _time_of(_local(context, us))


def _local_timetz(context: CallContext, us: int) -> TimeTz | None:
    if us in INFINITE:
        return None
    offset = zone_of(context).at(us).seconds_east
    return TimeTz((us + offset * US_PER_SECOND) % US_PER_DAY, -offset)


def _timetz_of_time(context: CallContext, us: int) -> TimeTz:
    zone = zone_of(context)
    now = getattr(context.execution, "transaction_time_us", 0)
    return TimeTz(us, -zone.at(now).seconds_east)


def _modified(context: CallContext, value: Any, modifier: int) -> Any:
    name = context.result.type.name
    if name.startswith("timestamp") and value not in INFINITE and not -1 <= modifier <= 6:
        raise InvalidParameterValue(f"timestamp({modifier}) precision must be between 0 and 6")
    coerce = context.result.type.coerce
    return value if coerce is None or modifier < 0 else coerce(value, modifier, True)


CONVERSIONS: Final = (
    row(
        "2069 timezone(text, timestamp) timestamptz",
        _at_zone,
        "The instant of a local time.",
        "'Europe/Paris', '2024-07-01 12:00' -> 2024-07-01 10:00:00+00",
    ),
    row(
        "1159 timezone(text, timestamptz) timestamp",
        _in_zone,
        "What clocks of a zone show.",
        "'Europe/Paris', '2024-07-01 12:00+00' -> 2024-07-01 14:00:00",
    ),
    row(
        "2037 timezone(text, timetz) timetz stable context", _timetz_in_zone, "The time in a zone."
    ),
    row(
        "2070 timezone(interval, timestamp) timestamptz",
        _at_offset,
        "The instant of a local time.",
        "'2 hours', '2024-07-01 12:00' -> 2024-07-01 10:00:00+00",
    ),
    row(
        "1026 timezone(interval, timestamptz) timestamp",
        _in_offset,
        "What clocks at an offset show.",
        "'2 hours', '2024-07-01 12:00+00' -> 2024-07-01 14:00:00",
    ),
    row(
        "2038 timezone(interval, timetz) timetz",
        _timetz_in_offset,
        "The time at an offset.",
        "'2 hours', '12:00+00' -> 14:00:00+02",
    ),
    row(
        "2029 date(timestamp) date",
        instants.date_of_timestamp,
        "The date.",
        "'2024-02-16 20:38:40' -> 2024-02-16",
        columns.date_kernel,
    ),
    row(
        "1178 date(timestamptz) date stable context",
        _local_date,
        "The date in the session's zone.",
        "'2024-02-16 20:38:40+00' -> 2024-02-16",
    ),
    row(
        "2024 timestamp(date) timestamp",
        instants.timestamp_of_date,
        "Midnight.",
        "'2024-02-16' -> 2024-02-16 00:00:00",
        columns.timestamp_kernel,
    ),
    row(
        "2027 timestamp(timestamptz) timestamp stable context",
        _local,
        "What clocks show.",
        "'2024-02-16 20:38:40+00' -> 2024-02-16 20:38:40",
    ),
    row(
        "1174 timestamptz(date) timestamptz stable context",
        _utc_of_date,
        "Midnight in the session's zone.",
        "'2024-02-16' -> 2024-02-16 00:00:00+00",
    ),
    row(
        "2028 timestamptz(timestamp) timestamptz stable context",
        _utc,
        "The instant of a local time.",
        "'2024-02-16 20:38:40' -> 2024-02-16 20:38:40+00",
    ),
    row(
        "1316 time(timestamp) time",
        _time_of,
        "The time of day.",
        "'2024-02-16 20:38:40' -> 20:38:40",
    ),
    row(
        "2019 time(timestamptz) time stable context",
        _local_time,
        "The time of day in the session's zone.",
        "'2024-02-16 20:38:40+00' -> 20:38:40",
    ),
    row(
        "1419 time(interval) time",
        lambda interval: interval[2] % US_PER_DAY,
        "The time part.",
        "'2 days 3 hours' -> 03:00:00",
    ),
    row(
        "2046 time(timetz) time",
        lambda value: value[0],
        "Without its offset.",
        "'20:38:40+02' -> 20:38:40",
    ),
    row(
        "2047 timetz(time) timetz stable context",
        _timetz_of_time,
        "With the session's offset.",
        "'20:38:40' -> 20:38:40+00",
    ),
    row(
        "1388 timetz(timestamptz) timetz stable context",
        _local_timetz,
        "The time of day with its offset.",
        "'2024-02-16 20:38:40+00' -> 20:38:40+00",
    ),
    row(
        "1370 interval(time) interval",
        lambda us: Interval(0, 0, us),
        "The time since midnight.",
        "'20:38:40' -> 20:38:40",
    ),
    row(
        "1961 timestamp(timestamp, int4) timestamp context",
        _modified,
        "Rounds the seconds.",
        "'2024-02-16 20:38:40.56', 1 -> 2024-02-16 20:38:40.6",
    ),
    row(
        "1967 timestamptz(timestamptz, int4) timestamptz context",
        _modified,
        "Rounds the seconds.",
        "'2024-02-16 20:38:40.56+00', 1 -> 2024-02-16 20:38:40.6+00",
    ),
    row(
        "1968 time(time, int4) time context",
        _modified,
        "Rounds the seconds.",
        "'20:38:40.56', 1 -> 20:38:40.6",
    ),
    row(
        "1969 timetz(timetz, int4) timetz context",
        _modified,
        "Rounds the seconds.",
        "'20:38:40.56+00', 1 -> 20:38:40.6+00",
    ),
    row(
        "1200 interval(interval, int4) interval context",
        _modified,
        "Cuts fields and rounds the seconds.",
        "'1 day 20:38:40.56', -1 -> 1 day 20:38:40.56",
    ),
)

FUNCTIONS: Final = (*ARITHMETIC, *FIELDS, *CONSTRUCTORS, *PRESENT, *CONVERSIONS)
