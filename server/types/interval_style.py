"""How intervals are written, under the four interval styles of PostgreSQL.

postgres          1 year 2 mons -3 days +04:05:06
postgres_verbose  @ 1 year 2 mons -3 days 4 hours 5 mins 6 secs
sql_standard      +1-2 -3 +4:05:06
iso_8601          P1Y2M-3DT4H5M6S
"""

from __future__ import annotations

from typing import Final, NamedTuple

from server.types.calendar import US_PER_HOUR, US_PER_MINUTE, US_PER_SECOND


class Interval(NamedTuple):
    """A length of time; months and days have no fixed length, so they are kept apart."""

    months: int
    days: int
    microseconds: int


class Parts(NamedTuple):
    """An interval in the units it is written in, all parts of one field with its sign."""

    years: int
    months: int
    days: int
    hours: int
    minutes: int
    us: int  # seconds and their decimals


def parts_of(interval: Interval) -> Parts:
    """Split months into years, and the time into hours, minutes and the rest."""
    month_sign = -1 if interval.months < 0 else 1
    years, months = divmod(abs(interval.months), 12)
    sign = -1 if interval.microseconds < 0 else 1
    hours, us = divmod(abs(interval.microseconds), US_PER_HOUR)
    minutes, us = divmod(us, US_PER_MINUTE)
    return Parts(
        month_sign * years,
        month_sign * months,
        interval.days,
        sign * hours,
        sign * minutes,
        sign * us,
    )


def seconds_text(us: int, width: int = 2) -> str:
    """Write seconds without a sign, with as many decimals as they have."""
    seconds, us = divmod(abs(us), US_PER_SECOND)
    return f"{seconds:0{width}d}" + (f".{us:06d}".rstrip("0") if us else "")


def postgres_text(parts: Parts) -> str:
    """Write 1 year 2 mons -3 days +04:05:06: a sign where it changes from minus to plus."""
    texts: list[str] = []
    was_negative = False
    names = ("year", "mon", "day")
    for value, name in zip(parts[:3], names, strict=True):
        if value:
            plus = "+" if was_negative and value > 0 else ""
            texts.append(f"{plus}{value} {name}{'' if value == 1 else 's'}")
            was_negative = value < 0
    time = parts[3:]
    if any(time) or not texts:
        sign = "-" if min(time) < 0 else "+" if was_negative else ""
        hours, minutes = abs(parts.hours), abs(parts.minutes)
        texts.append(f"{sign}{hours:02d}:{minutes:02d}:{seconds_text(parts.us)}")
    return " ".join(texts)


def verbose_text(parts: Parts) -> str:
    """Write @ 1 year 2 mons ago: the sign of the first quantity is said by ago."""
    texts: list[str] = []
    values = [value for value in parts if value]
    is_ago = bool(values) and values[0] < 0
    names = ("year", "mon", "day", "hour", "min")
    for value, name in zip(parts[:5], names, strict=True):
        if value:
            shown = -value if is_ago else value
            texts.append(f"{shown} {name}{'' if shown == 1 else 's'}")
    if parts.us:
        sign = "-" if (parts.us < 0) != is_ago else ""
        plural = "" if abs(parts.us) == US_PER_SECOND else "s"
        texts.append(f"{sign}{seconds_text(parts.us, 1)} sec{plural}")
    return f"@ {' '.join(texts) or '0'}{' ago' if is_ago else ''}"


def sql_text(parts: Parts) -> str:
    """Write 1-2 or 3 4:05:06, or both with a sign each where one sign cannot do."""
    is_negative, is_positive = min(parts) < 0, max(parts) > 0
    has_months = bool(parts.years or parts.months)
    has_time = any(parts[2:])
    if not is_negative and not is_positive:
        return "0"
    years, months, days, hours, minutes, us = map(abs, parts)
    time = f"{hours}:{minutes:02d}:{seconds_text(us)}"
    if (is_negative and is_positive) or (has_months and has_time):
        signs = ["-" if min(part) < 0 else "+" for part in (parts[:2], parts[2:3], parts[3:])]
        return f"{signs[0]}{years}-{months} {signs[1]}{days} {signs[2]}{time}"
    sign = "-" if is_negative else ""
    if has_months:
        return f"{sign}{years}-{months}"
    return f"{sign}{days} {time}" if days else sign + time


def iso_text(parts: Parts) -> str:
    """Write P1Y2M3DT4H5M6S."""
    if not any(parts):
        return "PT0S"
    date = [f"{value}{unit}" for value, unit in zip(parts[:3], "YMD", strict=True) if value]
    time = [f"{value}{unit}" for value, unit in zip(parts[3:5], "HM", strict=True) if value]
    if parts.us:
        time.append(f"{'-' if parts.us < 0 else ''}{seconds_text(parts.us, 1)}S")
    return f"P{''.join(date)}{'T' if time else ''}{''.join(time)}"


WRITERS: Final = {
    "postgres": postgres_text,
    "postgres_verbose": verbose_text,
    "sql_standard": sql_text,
    "iso_8601": iso_text,
}
