"""How dates, times and timestamps are written, under the four date styles of PostgreSQL.

ISO        1997-12-17 07:37:16.5-08          SQL      12/17/1997 07:37:16.5 PST
Postgres   Wed Dec 17 07:37:16.5 1997 PST    German   17.12.1997 07:37:16.5 PST
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.types.calendar import (
    DATE_INFINITY,
    DATE_MINUS_INFINITY,
    TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
    US_PER_DAY,
    US_PER_SECOND,
    date_of,
    split_time,
    weekday_of,
)
from server.types.zones import UTC_ZONE, Offset, Zone, zone_named

if TYPE_CHECKING:
    from server.types.type import TextStyle

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS: Final = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
INFINITE: Final = {
    DATE_INFINITY: "infinity",
    DATE_MINUS_INFINITY: "-infinity",
    TIMESTAMP_INFINITY: "infinity",
    TIMESTAMP_MINUS_INFINITY: "-infinity",
}


def format_date(days: int, style: TextStyle) -> str:
    """Write a date."""
    if days in (DATE_INFINITY, DATE_MINUS_INFINITY):
        return INFINITE[days]
    return date_text(days, style)


def date_text(days: int, style: TextStyle) -> str:
    """Write a finite date, which may be beyond the limits of the type date."""
    year, month, day = date_of(days)
    era = "" if year > 0 else " BC"
    if year <= 0:
        year = 1 - year
    if style.date_style == "ISO":
        return f"{year:04d}-{month:02d}-{day:02d}{era}"
    if style.date_style == "German":
        return f"{day:02d}.{month:02d}.{year:04d}{era}"
    first, second = (day, month) if style.date_order == "DMY" else (month, day)
    separator = "/" if style.date_style == "SQL" else "-"
    return f"{first:02d}{separator}{second:02d}{separator}{year:04d}{era}"


def time_text(us: int) -> str:
    """Write a time of day with as many decimals as it has."""
    hours, minutes, seconds, fraction = split_time(us)
    text = f"{hours:02d}:{minutes:02d}:{seconds:02d}"
    return f"{text}.{fraction:06d}".rstrip("0") if fraction else text


def offset_text(seconds_east: int) -> str:
    """Write an offset from UTC, minutes and seconds only where there are any."""
    sign = "-" if seconds_east < 0 else "+"
    minutes, seconds = divmod(abs(seconds_east), 60)
    hours, minutes = divmod(minutes, 60)
    if seconds:
        return f"{sign}{hours:02d}:{minutes:02d}:{seconds:02d}"
    return f"{sign}{hours:02d}:{minutes:02d}" if minutes else f"{sign}{hours:02d}"


def format_timestamp(us: int, style: TextStyle) -> str:
    """Write a timestamp without time zone."""
    if us in (TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY):
        return INFINITE[us]
    return _text(us, None, style)


def format_timestamptz(us: int, style: TextStyle) -> str:
    """Write an instant as clocks in the session's time zone show it."""
    if us in (TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY):
        return INFINITE[us]
    offset = session_zone(style).at(us)
    return _text(us + offset.seconds_east * US_PER_SECOND, offset, style)


def session_zone(style: TextStyle) -> Zone:
    """Give the zone that the style names."""
    return zone_named(style.time_zone) or UTC_ZONE


def _text(local_us: int, offset: Offset | None, style: TextStyle) -> str:
    days, us = divmod(local_us, US_PER_DAY)
    if style.date_style == "Postgres":
        return _postgres_text(days, us, offset, style)
    date, _, era = date_text(days, style).partition(" ")
    zone = ""
    if offset is not None:
        iso = style.date_style == "ISO"
        zone = offset_text(offset.seconds_east) if iso else _zone_name(offset, " ")
    return f"{date} {time_text(us)}{zone}{' BC' if era else ''}"


def _postgres_text(days: int, us: int, offset: Offset | None, style: TextStyle) -> str:
    year, month, day = date_of(days)
    day_and_month = f"{MONTHS[month - 1]} {day:02d}"
    if style.date_order == "DMY":
        day_and_month = f"{day:02d} {MONTHS[month - 1]}"
    zone = "" if offset is None else _zone_name(offset, " ")
    shown_year = year if year > 0 else 1 - year
    return (
        f"{WEEKDAYS[weekday_of(days)]} {day_and_month} {time_text(us)} {shown_year:04d}"
        f"{zone}{'' if year > 0 else ' BC'}"
    )


def _zone_name(offset: Offset, before: str) -> str:
    """Write the abbreviation, or the offset where the zone has only a number for a name."""
    if offset.abbreviation[:1] in {"+", "-", ""}:
        return before + offset_text(offset.seconds_east)
    return before + offset.abbreviation
