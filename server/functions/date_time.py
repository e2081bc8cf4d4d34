"""Dates and times: constructors, the present, and conversions between the types.

What depends on the session's time zone is stable and asks the call's context; the rest is
immutable.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import DatetimeFieldOverflow, InvalidParameterValue
from server.functions import date_columns as columns
from server.functions import instants, interval_columns
from server.functions import zoned_columns as zoned
from server.functions.declare import row
from server.functions.instants import INFINITE, to_local, to_utc, zone_of
from server.types.calendar import (
    TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
    UNIX_OF_EPOCH_DAYS,
    US_PER_DAY,
    US_PER_SECOND,
    days_of,
    is_valid_date,
    is_valid_timestamp,
    month_length,
)
from server.types.interval import check_modifier
from server.types.interval_style import Interval
from server.types.times import TimeTz

if TYPE_CHECKING:
    from server.functions.function import CallContext


# Constructors.

INT4_LIMIT: Final = 1 << 31
INT8_LIMIT: Final = 1 << 63


def _make_date(year: int, month: int, day: int) -> int:
    shown = year + 1 if -INT4_LIMIT < year < 0 else year
    return _date_of(year, month, day, shown)


def _date_of(year: int, month: int, day: int, shown: int) -> int:
    """The date of these fields; shown: the year that errors show."""
    astronomical = year + 1 if year < 0 else year
    valid = year not in (0, -INT4_LIMIT) and 1 <= month <= 12 and 1 <= day <= 31
    if not valid or day > month_length(astronomical, month):
        raise DatetimeFieldOverflow(f"date field value out of range: {shown}-{month:02d}-{day:02d}")
    days = days_of(astronomical, month, day)
    if not is_valid_date(days):
        raise DatetimeFieldOverflow(f"date out of range: {shown}-{month:02d}-{day:02d}")
    return days


def _make_time(hour: int, minute: int, second: float) -> int:
    valid = 0 <= hour <= 24 and 0 <= minute <= 59 and 0 <= second <= 60
    us = round(second * US_PER_SECOND) if valid else 0
    total = (hour * 60 + minute) * 60 * US_PER_SECOND + us
    if not valid or total > US_PER_DAY:
        shown = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(
            str(second), f"{second:02g}"
        )
        raise DatetimeFieldOverflow(f"time field value out of range: {hour}:{minute:02d}:{shown}")
    return total


def _make_timestamp(*parts: Any) -> int:
    year, month, day, hour, minute, second = parts
    us = _date_of(year, month, day, year) * US_PER_DAY + _make_time(hour, minute, second)
    if not is_valid_timestamp(us):
        shown = f"{year}-{month:02d}-{day:02d} {hour}:{minute:02d}:{second:02g}"
        raise DatetimeFieldOverflow(f"timestamp out of range: {shown}")
    return us


def _make_instant(context: CallContext, *parts: Any) -> int:
    return to_utc(_make_timestamp(*parts), zone_of(context))


def _make_instant_in(*parts: Any) -> int:
    return to_utc(_make_timestamp(*parts[:6]), instants.find_zone_or_offset(parts[6]))


def _word(number: int) -> int:
    """What 32 bits keep of a number: make_interval does not look whether it is too large."""
    return (number + (1 << 31)) % (1 << 32) - (1 << 31)


def _make_interval(*parts: Any) -> Interval:
    years, months, weeks, days, hours, minutes, seconds = parts
    if math.isinf(seconds) or math.isnan(seconds):
        raise DatetimeFieldOverflow("interval out of range")
    part = seconds * US_PER_SECOND
    us = round(part) if -INT8_LIMIT <= part < INT8_LIMIT else -INT8_LIMIT
    us = (hours * 60 + minutes) * 60 * US_PER_SECOND + us
    return Interval(_word(years * 12 + months), _word(weeks * 7 + days), _wide(us))


def _wide(number: int) -> int:
    """What is left of a number in eight bytes, which is what PostgreSQL has of it."""
    return (number + INT8_LIMIT) % (2 * INT8_LIMIT) - INT8_LIMIT


def _from_epoch(seconds: float) -> int:
    if math.isinf(seconds):
        return TIMESTAMP_INFINITY if seconds > 0 else TIMESTAMP_MINUS_INFINITY
    if math.isnan(seconds):
        raise DatetimeFieldOverflow("timestamp cannot be NaN")
    us = (seconds - UNIX_OF_EPOCH_DAYS * 86400.0) * US_PER_SECOND
    if math.isinf(us) or not is_valid_timestamp(round(us)):
        raise DatetimeFieldOverflow(f'timestamp out of range: "{seconds:g}"')
    return round(us)


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
        interval_columns.construction(_make_interval),
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
    row(
        "1299 now() timestamptz stable context beside",
        _transaction_time,
        "When the transaction began.",
    ),
    row(
        "2647 transaction_timestamp() timestamptz stable context beside",
        _transaction_time,
        "When the transaction began.",
    ),
    row(
        "2648 statement_timestamp() timestamptz stable context beside",
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
    return instants.checked_timestamp(to_local(us, instants.find_zone(name)))


def _at_offset(context: CallContext, interval: Interval, us: int) -> int:
    if us in INFINITE:
        return us
    return to_utc(us, instants.interval_zone(interval, context.style))


def _in_offset(context: CallContext, interval: Interval, us: int) -> int:
    if us in INFINITE:
        return us
    return instants.checked_timestamp(to_local(us, instants.interval_zone(interval, context.style)))


def _turned(value: TimeTz, seconds_east: int) -> TimeTz:
    us = (value[0] + (value[1] + seconds_east) * US_PER_SECOND) % US_PER_DAY
    return TimeTz(us, -seconds_east)


def _timetz_in_zone(context: CallContext, name: str, value: TimeTz) -> TimeTz:
    zone = instants.find_zone(name)
    return _turned(value, zone.at(context.execution.transaction_time_us).seconds_east)


def _timetz_in_offset(context: CallContext, interval: Interval, value: TimeTz) -> TimeTz:
    return _turned(value, instants.interval_zone(interval, context.style).at(0).seconds_east)


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


def _time_of_interval(interval: Interval) -> int:
    """The time part; PostgreSQL looks for whole days in 64 bits, which go round for the greatest lengths back."""
    us: int = interval[2]
    if us >= -(2**63) + US_PER_DAY:
        return us % US_PER_DAY
    days = -((2**64 - (US_PER_DAY - 1 - us)) // US_PER_DAY)
    return (us + days * US_PER_DAY + 2**63) % 2**64 - 2**63


def _timetz_of_time(context: CallContext, us: int) -> TimeTz:
    zone = zone_of(context)
    now = getattr(context.execution, "transaction_time_us", 0)
    return TimeTz(us, -zone.at(now).seconds_east)


def _modified(context: CallContext, value: Any, modifier: int) -> Any:
    name = context.result.type.name
    if name.startswith("timestamp") and value not in INFINITE and not -1 <= modifier <= 6:
        raise InvalidParameterValue(f"timestamp({modifier}) precision must be between 0 and 6")
    if name == "interval":
        check_modifier(modifier)
    coerce = context.result.type.coerce
    return value if coerce is None or modifier < 0 else coerce(value, modifier, True)


CONVERSIONS: Final = (
    row(
        "2069 timezone(text, timestamp) timestamptz",
        _at_zone,
        "The instant of a local time.",
        "'Europe/Paris', '2024-07-01 12:00' -> 2024-07-01 10:00:00+00",
        zoned.local_zone_kernel(_at_zone),
    ),
    row(
        "1159 timezone(text, timestamptz) timestamp",
        _in_zone,
        "What clocks of a zone show.",
        "'Europe/Paris', '2024-07-01 12:00+00' -> 2024-07-01 14:00:00",
        zoned.zone_kernel(_in_zone),
    ),
    row(
        "2037 timezone(text, timetz) timetz stable context beside",
        _timetz_in_zone,
        "The time in a zone.",
    ),
    row(
        "2070 timezone(interval, timestamp) timestamptz context beside",
        _at_offset,
        "The instant of a local time.",
        "'2 hours', '2024-07-01 12:00' -> 2024-07-01 10:00:00+00",
    ),
    row(
        "1026 timezone(interval, timestamptz) timestamp context beside",
        _in_offset,
        "What clocks at an offset show.",
        "'2 hours', '2024-07-01 12:00+00' -> 2024-07-01 14:00:00",
    ),
    row(
        "2038 timezone(interval, timetz) timetz context beside",
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
        "1178 date(timestamptz) date stable context beside",
        _local_date,
        "The date in the session's zone.",
        "'2024-02-16 20:38:40+00' -> 2024-02-16",
        zoned.in_session_zone(_local_date, columns.date_kernel, np.dtype(np.int32)),
    ),
    row(
        "2024 timestamp(date) timestamp",
        instants.timestamp_of_date,
        "Midnight.",
        "'2024-02-16' -> 2024-02-16 00:00:00",
        columns.timestamp_kernel,
    ),
    row(
        "2027 timestamp(timestamptz) timestamp stable context beside",
        _local,
        "What clocks show.",
        "'2024-02-16 20:38:40+00' -> 2024-02-16 20:38:40",
        zoned.in_session_zone(_local, zoned.same, np.dtype(np.int64)),
    ),
    row(
        "1174 timestamptz(date) timestamptz stable context beside",
        _utc_of_date,
        "Midnight in the session's zone.",
        "'2024-02-16' -> 2024-02-16 00:00:00+00",
        zoned.of_session_zone(_utc_of_date, columns.timestamp_kernel, columns.DATE_LIMIT),
    ),
    row(
        "2028 timestamptz(timestamp) timestamptz stable context beside",
        _utc,
        "The instant of a local time.",
        "'2024-02-16 20:38:40' -> 2024-02-16 20:38:40+00",
        zoned.of_session_zone(_utc, zoned.same, columns.TIMESTAMP_LIMIT),
    ),
    row(
        "1316 time(timestamp) time",
        _time_of,
        "The time of day.",
        "'2024-02-16 20:38:40' -> 20:38:40",
        columns.time_kernel,
    ),
    row(
        "2019 time(timestamptz) time stable context beside",
        _local_time,
        "The time of day in the session's zone.",
        "'2024-02-16 20:38:40+00' -> 20:38:40",
        zoned.in_session_zone(_local_time, zoned.time_of_day, np.dtype(np.int64)),
    ),
    row(
        "1419 time(interval) time",
        _time_of_interval,
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
        "2047 timetz(time) timetz stable context beside",
        _timetz_of_time,
        "With the session's offset.",
        "'20:38:40' -> 20:38:40+00",
    ),
    row(
        "1388 timetz(timestamptz) timetz stable context beside",
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
        "1961 timestamp(timestamp, int4) timestamp context beside",
        _modified,
        "Rounds the seconds.",
        "'2024-02-16 20:38:40.56', 1 -> 2024-02-16 20:38:40.6",
    ),
    row(
        "1967 timestamptz(timestamptz, int4) timestamptz context beside",
        _modified,
        "Rounds the seconds.",
        "'2024-02-16 20:38:40.56+00', 1 -> 2024-02-16 20:38:40.6+00",
    ),
    row(
        "1968 time(time, int4) time context beside",
        _modified,
        "Rounds the seconds.",
        "'20:38:40.56', 1 -> 20:38:40.6",
    ),
    row(
        "1969 timetz(timetz, int4) timetz context beside",
        _modified,
        "Rounds the seconds.",
        "'20:38:40.56+00', 1 -> 20:38:40.6+00",
    ),
    row(
        "1200 interval(interval, int4) interval context beside",
        _modified,
        "Cuts fields and rounds the seconds.",
        "'1 day 20:38:40.56', -1 -> 1 day 20:38:40.56",
    ),
)

FUNCTIONS: Final = (*CONSTRUCTORS, *PRESENT, *CONVERSIONS)
