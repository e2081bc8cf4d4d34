"""The proleptic Gregorian calendar over days since 2000-01-01, and its limits.

Years are astronomical: 1 BC is year 0. Only input and output know BC.
"""

from __future__ import annotations

from typing import Final

US_PER_SECOND: Final = 1_000_000
US_PER_MINUTE: Final = 60 * US_PER_SECOND
US_PER_HOUR: Final = 60 * US_PER_MINUTE
US_PER_DAY: Final = 24 * US_PER_HOUR

DATE_INFINITY: Final = (1 << 31) - 1
DATE_MINUS_INFINITY: Final = -(1 << 31)
TIMESTAMP_INFINITY: Final = (1 << 63) - 1
TIMESTAMP_MINUS_INFINITY: Final = -(1 << 63)

JULIAN_OF_EPOCH: Final = 2451545
UNIX_OF_EPOCH_DAYS: Final = 10957
DATE_MIN: Final = -JULIAN_OF_EPOCH  # 4714-11-24 BC, Julian day 0
DATE_END: Final = 2147483494 - JULIAN_OF_EPOCH  # the day after 5874897-12-31
TIMESTAMP_MIN: Final = -211813488000000000  # 4714-11-24 BC
TIMESTAMP_END: Final = 9223371331200000000  # the start of 294277-01-01

DAYS_PER_CYCLE: Final = 146097  # 400 years
MONTH_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAYS_FROM_MARCH_0_TO_EPOCH: Final = 730425  # 0000-03-01 to 2000-01-01


def days_of(year: int, month: int, day: int) -> int:
    """Count the days from 2000-01-01 to a date; the day may lie outside its month."""
    if month <= 2:
        year -= 1
        month += 12
    # Years start in March, so that the leap day is the last one.
    day_of_year = (153 * (month - 3) + 2) // 5 + day - 1
    return (
        365 * year
        + year // 4
        - year // 100
        + year // 400
        + day_of_year
        - _DAYS_FROM_MARCH_0_TO_EPOCH
    )


def date_of(days: int) -> tuple[int, int, int]:
    """Give year, month and day of a number of days since 2000-01-01."""
    cycle, day = divmod(days + _DAYS_FROM_MARCH_0_TO_EPOCH, DAYS_PER_CYCLE)
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5 - 1
    year += 400 * cycle
    return (year, month + 3, day) if month < 10 else (year + 1, month - 9, day)


def is_leap(year: int) -> bool:
    """Tell whether the year has a 29th of February."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_length(year: int, month: int) -> int:
    """Count the days of a month."""
    return MONTH_DAYS[month - 1] + (month == 2 and is_leap(year))


def weekday_of(days: int) -> int:
    """Number the day of the week from Sunday, 0."""
    return (days + 6) % 7


def day_of_year(year: int, month: int, day: int) -> int:
    """Number the day within its year from 1."""
    return days_of(year, month, day) - days_of(year, 1, 1) + 1


def is_valid_date(days: int) -> bool:
    """Tell whether a finite date has a place on the calendar."""
    return DATE_MIN <= days < DATE_END


def is_valid_timestamp(us: int) -> bool:
    """Tell whether a finite timestamp has a place on the calendar."""
    return TIMESTAMP_MIN <= us < TIMESTAMP_END


def split_time(us: int) -> tuple[int, int, int, int]:
    """Split a time of day into hours, minutes, seconds and microseconds."""
    minutes, us = divmod(us, US_PER_MINUTE)
    hours, minutes = divmod(minutes, 60)
    seconds, us = divmod(us, US_PER_SECOND)
    return hours, minutes, seconds, us
