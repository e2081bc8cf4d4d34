"""Dates and times inside jsonpath: what .datetime() makes of strings, compared and written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from server.errors import FeatureNotSupported, SqlError
from server.functions import instants
from server.functions.format_templates import date_parts, words
from server.functions.orders import date_to_timestamp, timetz_key
from server.functions.parse_dates import parse_moment
from server.types.calendar import US_PER_DAY, US_PER_SECOND
from server.types.date_style import format_date, format_timestamp
from server.types.dates import parse_date
from server.types.interval import parse_interval
from server.types.times import TimeTz, format_time, format_timetz
from server.types.timestamps import parse_timestamp
from server.types.type import PLAIN_STYLE

if TYPE_CHECKING:
    from server.functions.function import CallContext


class InvalidDatetimeArgument(SqlError, sqlstate="22031"):
    """invalid_argument_for_sql_json_datetime_function."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A date or time: the value in row form, and for timestamptz the offset it was written with."""

    type_name: str
    value: Any
    seconds_east: int = 0

    @property
    def sql_name(self) -> str:
        """The type as .type() names it."""
        return SQL_NAMES[self.type_name]


SQL_NAMES: Final = {
    "date": "date",
    "time": "time without time zone",
    "timetz": "time with time zone",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
}
DATE: Final = r"(?P<date>[0-9]{4}-[0-9]{1,2}-[0-9]{1,2})"
TIME: Final = r"(?P<time>[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]{1,6})?)"
ZONE: Final = r"(?:\s*(?P<zone>[+-][0-9]{1,2}(?::[0-9]{1,2})?))?"
ISO: Final = re.compile(
    rf"(?:{DATE}(?:[T ]+{TIME}{ZONE})?|{TIME.replace('time', 'clock')}{ZONE.replace('zone', 'offset')})"
)
DATE_KEYWORDS: Final = words(
    "YYYY YYY YY Y IYYY IYY IY I MM MON MONTH RM DD DDD IDDD D ID W WW IW CC J Q DAY DY"
)
ZONE_KEYWORDS: Final = frozenset(("TZH", "TZM", "OF", "TZ"))


def read_moment(text: str, template: str | None) -> Moment:
    """What a string means, by a template or by any of the ISO forms."""
    return _read_iso(text) if template is None else _read_by_template(text, template)


def _read_iso(text: str) -> Moment:
    match = ISO.fullmatch(text)
    if match is None:
        raise InvalidDatetimeArgument(
            f'datetime format is not recognized: "{text}"',
            hint="Use a datetime template argument to specify the input data format.",
        )
    clock = match["time"] or match["clock"]
    zone = match["zone"] or match["offset"]
    east = _seconds_east(zone)
    if match["date"] is None:
        return _time(_microseconds(clock), east)
    days = parse_date(match["date"], -1, PLAIN_STYLE)
    if clock is None:
        return Moment("date", days)
    local = parse_timestamp(f"{match['date']} {clock}", -1, PLAIN_STYLE)
    return _timestamp(local, east)


def _microseconds(clock: str) -> int:
    return int(parse_interval(clock, -1, PLAIN_STYLE).microseconds)


def _seconds_east(zone: str | None) -> int | None:
    if zone is None:
        return None
    hours, _, minutes = zone[1:].partition(":")
    seconds = int(hours) * 3600 + int(minutes or 0) * 60
    return -seconds if zone[0] == "-" else seconds


def _time(us: int, east: int | None) -> Moment:
    return Moment("time", us) if east is None else Moment("timetz", TimeTz(us, -east))


def _timestamp(local: int, east: int | None) -> Moment:
    if east is None:
        return Moment("timestamp", local)
    return Moment("timestamptz", local - east * US_PER_SECOND, east)


def _read_by_template(text: str, template: str) -> Moment:
    keywords = {part.keyword.upper() for part in date_parts(template) if part.keyword}
    has_zone = not keywords.isdisjoint(ZONE_KEYWORDS)
    has_date = not keywords.isdisjoint(DATE_KEYWORDS)
    has_time = bool(keywords.difference(DATE_KEYWORDS, ZONE_KEYWORDS))
    local, east = parse_moment(text, template, True)
    if has_zone and east is None:
        kind = "timestamptz" if has_date else "timetz"
        raise InvalidDatetimeArgument(f"missing time zone in input string for type {kind}")
    if not has_date and not has_time:
        raise InvalidDatetimeArgument("datetime format is not dated and not timed")
    if not has_date:
        return _time(local % US_PER_DAY, east)
    return _timestamp(local, east) if has_time else Moment("date", local // US_PER_DAY)


def format_moment(moment: Moment) -> str:
    """The text that JSON has of it."""
    if moment.type_name == "date":
        return format_date(moment.value, PLAIN_STYLE)
    if moment.type_name == "time":
        return format_time(moment.value, PLAIN_STYLE)
    if moment.type_name == "timetz":
        return _with_minutes(format_timetz(moment.value, PLAIN_STYLE))
    local = moment.value + moment.seconds_east * US_PER_SECOND
    text = format_timestamp(local, PLAIN_STYLE).replace(" ", "T", 1)
    if moment.type_name == "timestamp":
        return text
    sign = "-" if moment.seconds_east < 0 else "+"
    hours, rest = divmod(abs(moment.seconds_east), 3600)
    return f"{text}{sign}{hours:02d}:{rest // 60:02d}"


def _with_minutes(text: str) -> str:
    return text + ":00" if text[-3:-2] in ("+", "-") else text


def comparable_keys(
    context: CallContext, left: Moment, right: Moment, has_zone: bool
) -> tuple[Any, Any] | None:
    """What orders the two as SQL does; None where they cannot be compared."""
    names = {left.type_name, right.type_name}
    if names <= {"time", "timetz"}:
        if len(names) > 1:
            _require_zone(names, "time", "timetz", has_zone)
        return _time_key(context, left), _time_key(context, right)
    if names & {"time", "timetz"}:
        return None
    if "timestamptz" in names and len(names) > 1:
        other = next(name for name in names if name != "timestamptz")
        _require_zone(names, other, "timestamptz", has_zone)
    zoned = "timestamptz" in names
    return _instant(context, left, zoned), _instant(context, right, zoned)


def _require_zone(names: set[str], source: str, target: str, has_zone: bool) -> None:
    if not has_zone:
        raise FeatureNotSupported(
            f"cannot convert value from {source} to {target} without time zone usage",
            hint="Use *_tz() function for time zone support.",
        )


def _time_key(context: CallContext, moment: Moment) -> tuple[int, int]:
    if moment.type_name == "timetz":
        return timetz_key(moment.value)
    east = instants.zone_of(context).at_local(0).seconds_east
    return timetz_key(TimeTz(moment.value, -east))


def _instant(context: CallContext, moment: Moment, zoned: bool) -> int:
    if moment.type_name == "timestamptz":
        return int(moment.value)
    local = date_to_timestamp(moment.value) if moment.type_name == "date" else int(moment.value)
    return instants.to_utc(local, instants.zone_of(context)) if zoned else local
