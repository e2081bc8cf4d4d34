"""Fields of dates and times: extract, date_part, date_trunc, date_bin, age."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import DatetimeFieldOverflow, FeatureNotSupported
from server.functions import ages, elapsed, fields, instants
from server.functions import date_columns as columns
from server.functions import zoned_columns as zoned
from server.functions.declare import row
from server.functions.fields import as_float, as_numeric
from server.functions.instants import INFINITE, INFINITE_DATES, to_local, to_utc, zone_of
from server.types.calendar import (
    US_PER_DAY,
    US_PER_SECOND,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext
    from server.types.interval_style import Interval
    from server.types.zones import Zone

WITH_ZONE: Final = "timestamp with time zone"
WITHOUT_ZONE: Final = "timestamp without time zone"


def _local_field(context: CallContext, name: str, us: int) -> Any:
    if us in INFINITE:
        fields.field_named(name, WITH_ZONE)
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


def _timetz_as_float(name: str, value: tuple[int, int]) -> float | None:
    us, seconds_west = value
    if fields.field_named(name, "time with time zone") == "epoch":
        return us / 1e6 + seconds_west
    return as_float(fields.timetz_field(us, seconds_west, name))


def _interval_as_float(name: str, interval: Any) -> float | None:
    if fields.field_named(name, "interval") == "epoch":
        return fields.interval_seconds(interval)
    return as_float(fields.interval_field(interval, name))


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
    if unit in fields.DAY_UNITS:
        return to_utc(local, zone)
    return instants.checked_timestamp(local - offset)


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
    if origin in INFINITE:
        raise DatetimeFieldOverflow("origin out of range")
    if months:
        raise FeatureNotSupported(
            "timestamps cannot be binned into intervals containing months or years"
        )
    width = _in_range(days * US_PER_DAY + time)
    if width <= 0:
        raise DatetimeFieldOverflow("stride must be greater than zero")
    return instants.checked_timestamp(origin + _in_range(us - origin) // width * width)


def _in_range(us: int) -> int:
    if not -(1 << 63) <= us < 1 << 63:
        raise DatetimeFieldOverflow("interval out of range")
    return us


def _instant_age(context: CallContext, us: int, other: int) -> Interval:
    return ages.instant_age(zone_of(context), us, other)


def _age_today(context: CallContext, us: int) -> Interval:
    return instants.age(ages.midnight(context), us)


def _instant_age_today(context: CallContext, us: int) -> Interval:
    return instants.age(ages.midnight(context), to_local(us, zone_of(context)))


FUNCTIONS: Final = (
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
        "6203 extract(text, timestamptz) numeric stable context beside",
        _of_instant(as_numeric),
        "A field.",
        "'epoch', '2024-02-16 20:38:40+00' -> 1708115920.000000",
        zoned.field_kernel(_of_instant(as_numeric), "numeric"),
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
        elapsed.field_kernel(_of_interval(as_numeric), "numeric"),
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
        "1171 date_part(text, timestamptz) float8 stable context beside",
        _of_instant(as_float),
        "A field as a float.",
        "'dow', '2024-02-16 20:38:40+00' -> 5",
        zoned.field_kernel(_of_instant(as_float), "float8"),
    ),
    row(
        "1385 date_part(text, time) float8",
        _of_time(as_float),
        "A field as a float.",
        "'second', '20:38:40.25' -> 40.25",
    ),
    row(
        "1273 date_part(text, timetz) float8",
        _timetz_as_float,
        "A field as a float.",
        "'hour', '20:38:40+02' -> 20",
    ),
    row(
        "1172 date_part(text, interval) float8",
        _interval_as_float,
        "A field as a float.",
        "'day', '3 days 4 hours' -> 3",
        elapsed.field_kernel(_interval_as_float, "float8"),
    ),
    row(
        "2020 date_trunc(text, timestamp) timestamp",
        _truncate,
        "The start of a unit.",
        "'quarter', '2024-02-16 20:38:40' -> 2024-01-01 00:00:00",
        columns.truncation_kernel,
    ),
    row(
        "1217 date_trunc(text, timestamptz) timestamptz stable context beside",
        _truncate_session,
        "The start of a unit.",
        "'week', '2024-02-16 20:38:40+00' -> 2024-02-12 00:00:00+00",
        zoned.truncation_kernel(_truncate_session),
    ),
    row(
        "1284 date_trunc(text, timestamptz, text) timestamptz stable",
        _truncate_zone,
        "The start of a unit in a zone.",
        "'day', '2024-02-16 20:38:40+00', 'Australia/Sydney' -> 2024-02-16 13:00:00+00",
        zoned.zone_truncation_kernel(_truncate_zone),
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
        ages.age,
    ),
    row(
        "1199 age(timestamptz, timestamptz) interval context beside",
        _instant_age,
        "Difference on the calendar.",
        "'2001-04-10 00:00+00', '1957-06-13 00:00+00' -> 43 years 9 mons 27 days",
        ages.age_of_instants,
    ),
    row(
        "2059 age(timestamp) interval stable context beside",
        _age_today,
        "Age today.",
        kernel=ages.age_today,
    ),
    row(
        "1386 age(timestamptz) interval stable context beside",
        _instant_age_today,
        "Age today.",
        kernel=zoned.in_session_zone(_instant_age_today, ages.age_today, np.dtype(object)),
    ),
    row(
        "1373 isfinite(date) bool",
        lambda days: days not in INFINITE_DATES,
        "Whether it is not infinite.",
        "'2024-02-16' -> t",
        columns.finite(INFINITE_DATES),
    ),
    row(
        "2048 isfinite(timestamp) bool",
        lambda us: us not in INFINITE,
        "Whether it is not infinite.",
        "'infinity' -> f",
        columns.finite(INFINITE),
    ),
    row(
        "1389 isfinite(timestamptz) bool",
        lambda us: us not in INFINITE,
        "Whether it is not infinite.",
        "'infinity' -> f",
        columns.finite(INFINITE),
    ),
    row(
        "1390 isfinite(interval) bool",
        lambda interval: True,
        "Whether it is not infinite.",
        "'1 day' -> t",
    ),
)
