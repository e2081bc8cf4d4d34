"""Dates, timestamps and intervals: the arithmetic of the calendar, on row values.

Months are added on the calendar and the day is cut to the month's length; days are added on the
clock of the time zone, so that noon stays noon when clocks change; the rest is added as elapsed
time. Infinite values stay infinite.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from server.errors import DatetimeFieldOverflow, InvalidParameterValue
from server.types.calendar import (
    DATE_INFINITY,
    DATE_MINUS_INFINITY,
    TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
    US_PER_DAY,
    US_PER_SECOND,
    date_of,
    days_of,
    is_valid_date,
    is_valid_timestamp,
    month_length,
)
from server.types.date_style import session_zone
from server.types.interval import format_interval
from server.types.interval_style import Interval
from server.types.zone_words import OFFSETS, ZONES
from server.types.zones import Zone, abbreviation_zone, fixed_zone, zone_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.types.type import TextStyle

INFINITE: Final = (TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY)
INFINITE_DATES: Final = (DATE_INFINITY, DATE_MINUS_INFINITY)
EAST: Final = re.compile(
    r"(?P<sign>[+-])(?P<hours>[0-9]{1,4})(?::(?P<minutes>[0-9]{0,2}))?(?::(?P<seconds>[0-9]{0,2}))?"
)
HOUR_DIGITS_MAX: Final = 2
OFFSET_HOURS_END: Final = 16
INT4_LIMIT: Final = 1 << 31
INT8_LIMIT: Final = 1 << 63


def timestamp_out_of_range() -> DatetimeFieldOverflow:
    """Make the error for an instant off the calendar."""
    return DatetimeFieldOverflow("timestamp out of range")


def checked_timestamp(us: int) -> int:
    """The timestamp, if the calendar has it."""
    if not is_valid_timestamp(us):
        raise timestamp_out_of_range()
    return us


def checked_date(days: int) -> int:
    """The date, if the calendar has it."""
    if not is_valid_date(days):
        raise DatetimeFieldOverflow("date out of range")
    return days


def checked_interval(months: int, days: int, us: int) -> Interval:
    """The interval, if its fields fit."""
    fits = -INT4_LIMIT <= months < INT4_LIMIT and -INT4_LIMIT <= days < INT4_LIMIT
    if not fits or not -INT8_LIMIT <= us < INT8_LIMIT:
        raise DatetimeFieldOverflow("interval out of range")
    return Interval(months, days, us)


def cut_quotient(dividend: int, divisor: int) -> int:
    """Quotient of integers, cut towards zero."""
    quotient = abs(dividend) // divisor
    return quotient if dividend >= 0 else -quotient


# Zones.


def find_zone(name: str) -> Zone:
    """The zone of a name, an abbreviation or a POSIX rule."""
    word = name.lower()
    if word in OFFSETS:
        return fixed_zone(OFFSETS[word], name.upper())
    if word in ZONES:
        return abbreviation_zone(word, ZONES[word])
    zone = zone_named(name)
    if zone is None:
        raise InvalidParameterValue(f'time zone "{name}" not recognized')
    return zone


def find_zone_or_offset(name: str) -> Zone:
    """As find_zone, but digits behind a sign are an offset to the east, as in timestamps."""
    if name[:1].isdigit():
        raise InvalidParameterValue(
            f'invalid input syntax for type numeric time zone: "{name}"',
            hint='Numeric time zones must have "-" or "+" as first character.',
        )
    shift = EAST.fullmatch(name)
    if shift is None:
        return find_zone(name)
    seconds = _seconds_east(shift)
    if abs(seconds) >= OFFSET_HOURS_END * 3600:
        raise InvalidParameterValue(f'numeric time zone "{name}" out of range')
    return fixed_zone(seconds)


def _seconds_east(shift: re.Match[str]) -> int:
    """The offset that digits with or without colons between them show: +1, +130, +1:30."""
    hours, minutes = shift["hours"], shift["minutes"] or "0"
    if not shift["minutes"] and len(hours) > HOUR_DIGITS_MAX:
        hours, minutes = hours[:-2], hours[-2:]
    seconds = int(hours) * 3600 + int(minutes) * 60 + int(shift["seconds"] or 0)
    return -seconds if shift["sign"] == "-" else seconds


def interval_zone(value: Interval, style: TextStyle) -> Zone:
    """The zone of an interval that is an offset."""
    months, days, us = value
    if months or days:
        shown = format_interval(value, style)
        raise InvalidParameterValue(f'interval time zone "{shown}" must not include months or days')
    west = -cut_quotient(us, US_PER_SECOND)
    return fixed_zone(-((west + (1 << 31)) % (1 << 32) - (1 << 31)))  # of which 32 bits are kept


def to_local(us: int, zone: Zone) -> int:
    """What clocks show at an instant."""
    return us if us in INFINITE else us + zone.at(us).seconds_east * US_PER_SECOND


def to_utc(local_us: int, zone: Zone) -> int:
    """The instant at which clocks show a time."""
    if local_us in INFINITE:
        return local_us
    return checked_timestamp(local_us - zone.at_local(local_us).seconds_east * US_PER_SECOND)


# Addition.


def add_months(local_us: int, months: int) -> int:
    """The same day some months later, or the last one of its month."""
    days, us = divmod(local_us, US_PER_DAY)
    return add_months_to_date(days, months) * US_PER_DAY + us


def add_months_to_date(days: int, months: int) -> int:
    """The same day some months later, or the last one of its month."""
    year, month, day = date_of(days)
    year, month = divmod(year * 12 + month - 1 + months, 12)
    return days_of(year, month + 1, min(day, month_length(year, month + 1)))


def timestamp_plus(us: int, interval: Interval) -> int:
    """A timestamp and an interval."""
    if us in INFINITE:
        return us
    months, days, elapsed = interval
    if months:
        us = checked_timestamp(add_months(us, months))
    if days:
        us = checked_timestamp(us + days * US_PER_DAY)
    return checked_timestamp(us + elapsed)


def negated(interval: Interval) -> Interval:
    """The interval back in time."""
    months, days, us = interval
    return checked_interval(-months, -days, -us)


def turned(interval: Interval) -> Interval:
    """The same for who adds it: what has no opposite stays, as numbers of so many bits do, and is too far anyway."""
    months, days, us = interval
    return Interval(
        months if months == -INT4_LIMIT else -months,
        days if days == -INT4_LIMIT else -days,
        us if us == -INT8_LIMIT else -us,
    )


def timestamp_minus(us: int, interval: Interval) -> int:
    """A timestamp less an interval."""
    return timestamp_plus(us, turned(interval))


def instant_plus(zone: Zone, us: int, interval: Interval) -> int:
    """An instant and an interval, by the clocks of a zone."""
    if us in INFINITE:
        return us
    months, days, elapsed = interval
    if months:
        us = to_utc(checked_timestamp(add_months(to_local(us, zone), months)), zone)
    if days:
        us = to_utc(checked_timestamp(to_local(us, zone) + days * US_PER_DAY), zone)
    return checked_timestamp(us + elapsed)


def date_plus_days(date: int, days: int) -> int:
    """A date and days."""
    return date if date in INFINITE_DATES else checked_date(date + days)


def date_minus_days(date: int, days: int) -> int:
    """A date less days."""
    return date if date in INFINITE_DATES else checked_date(date - days)


def date_minus_date(date: int, other: int) -> int:
    """Days between dates."""
    if date in INFINITE_DATES or other in INFINITE_DATES:
        raise DatetimeFieldOverflow("cannot subtract infinite dates")
    return date - other


def timestamp_of_date(date: int) -> int:
    """Midnight of a date."""
    if date in INFINITE_DATES:
        return TIMESTAMP_INFINITY if date == DATE_INFINITY else TIMESTAMP_MINUS_INFINITY
    us = date * US_PER_DAY
    if not is_valid_timestamp(us):
        raise DatetimeFieldOverflow("date out of range for timestamp")
    return us


def date_of_timestamp(us: int) -> int:
    """The date of a timestamp."""
    if us in INFINITE:
        return DATE_INFINITY if us == TIMESTAMP_INFINITY else DATE_MINUS_INFINITY
    return us // US_PER_DAY


def difference(us: int, other: int) -> Interval:
    """Elapsed time between instants, as days and the rest."""
    if us in INFINITE or other in INFINITE:
        raise DatetimeFieldOverflow("cannot subtract infinite timestamps")
    return justify_hours(Interval(0, 0, wrapped(us - other)))


def wrapped(us: int) -> int:
    """What is left of microseconds in 64 bits: what PostgreSQL adds without looking."""
    return (us + INT8_LIMIT) % (2 * INT8_LIMIT) - INT8_LIMIT


# Intervals.


def interval_plus(left: Interval, right: Interval) -> Interval:
    """Sum, field by field."""
    return checked_interval(*(a + b for a, b in zip(left, right, strict=True)))


def interval_minus(left: Interval, right: Interval) -> Interval:
    """Difference, field by field."""
    return checked_interval(*(a - b for a, b in zip(left, right, strict=True)))


def _to_six_places(value: float) -> float:
    return round(value * 1e6) / 1e6


def interval_times(interval: Interval, factor: float) -> Interval:
    """An interval many times; fractions of months become days, those of days time."""
    return _scaled(interval, lambda field: field * factor)


def interval_divided(interval: Interval, divisor: float) -> Interval:
    """A part of an interval; fractions of months become days, those of days time."""
    return _scaled(interval, lambda field: field / divisor)


def _scaled(interval: Interval, scale: Callable[[int], float]) -> Interval:
    months, days, us = interval
    if not months and not days:
        time = scale(us)
        if -INT8_LIMIT <= time < INT8_LIMIT:  # not so for NaN
            return Interval(0, 0, round(time))
    exact_months, exact_days = scale(months), scale(days)
    if not all(-INT4_LIMIT <= each < INT4_LIMIT for each in (exact_months, exact_days)):
        raise DatetimeFieldOverflow("interval out of range")
    whole_months, whole_days = int(exact_months), int(exact_days)
    month_days = _to_six_places((exact_months - whole_months) * 30)
    rest = exact_days - whole_days + month_days - int(month_days)
    seconds = _to_six_places(rest * 86400)
    if abs(seconds) >= 86400:
        whole_days += int(seconds / 86400)
        seconds -= int(seconds / 86400) * 86400
    time = scale(us) + seconds * US_PER_SECOND
    if not -INT8_LIMIT <= time < INT8_LIMIT:
        raise DatetimeFieldOverflow("interval out of range")
    return checked_interval(whole_months, whole_days + int(month_days), round(time))


def justify_hours(interval: Interval) -> Interval:
    """Whole days of the time become days."""
    months, days, us = interval
    whole = cut_quotient(us, US_PER_DAY)
    days, us = days + whole, us - whole * US_PER_DAY
    if days > 0 and us < 0:
        days, us = days - 1, us + US_PER_DAY
    elif days < 0 < us:
        days, us = days + 1, us - US_PER_DAY
    return checked_interval(months, days, us)


def justify_days(interval: Interval) -> Interval:
    """Thirty days become a month."""
    months, days, us = interval
    whole = cut_quotient(days, 30)
    months, days = months + whole, days - whole * 30
    if months > 0 and days < 0:
        months, days = months - 1, days + 30
    elif months < 0 < days:
        months, days = months + 1, days - 30
    return checked_interval(months, days, us)


def justify_interval(interval: Interval) -> Interval:
    """Both, and all fields of one sign."""
    months, days, us = interval
    if (days > 0 and us > 0) or (days < 0 and us < 0):
        whole = cut_quotient(us, US_PER_DAY)
        days, us = days + whole, us - whole * US_PER_DAY
    whole = cut_quotient(us, US_PER_DAY)
    days, us = days + whole, us - whole * US_PER_DAY
    whole = cut_quotient(days, 30)
    months, days = months + whole, days - whole * 30
    if months > 0 and (days < 0 or (days == 0 and us < 0)):
        months, days = months - 1, days + 30
    elif months < 0 and (days > 0 or (days == 0 and us > 0)):
        months, days = months + 1, days - 30
    if days > 0 and us < 0:
        days, us = days - 1, us + US_PER_DAY
    elif days < 0 < us:
        days, us = days + 1, us - US_PER_DAY
    return checked_interval(months, days, us)


# Age: the difference in years, months and days.


def age(us: int, other: int) -> Interval:
    """How much later the first is, in calendar units."""
    if us in INFINITE or other in INFINITE:
        raise timestamp_out_of_range()
    later, earlier = (us, other) if us >= other else (other, us)
    late_days, late_us = divmod(later, US_PER_DAY)
    early_days, early_us = divmod(earlier, US_PER_DAY)
    late, early = date_of(late_days), date_of(early_days)
    years, months, days = (a - b for a, b in zip(late, early, strict=True))
    time = late_us - early_us
    if time < 0:
        time, days = time + US_PER_DAY, days - 1
    # Days are borrowed from the month of the earlier of both.
    while days < 0:
        days += month_length(early[0], early[1])
        months -= 1
    total = years * 12 + months
    sign = 1 if us >= other else -1
    return Interval(sign * total, sign * days, sign * time)


def zone_of(context: Any) -> Zone:
    """The session's zone."""
    return session_zone(context.style)
