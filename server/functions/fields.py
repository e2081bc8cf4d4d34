"""extract, date_part and date_trunc, for rows and for columns.

A field is given as an integer over a scale (microseconds of a second have 6 decimals), so that
extract can show it exactly and date_part can divide it. Fields of infinite timestamps are infinite
where they grow with time, else NULL.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from server.errors import DatetimeFieldOverflow, FeatureNotSupported, InvalidParameterValue
from server.functions.instants import INFINITE, INFINITE_DATES, date_of_timestamp
from server.functions.numeric_math import divide, scaled
from server.identifiers import folded
from server.types.calendar import (
    DATE_INFINITY,
    JULIAN_OF_EPOCH,
    TIMESTAMP_INFINITY,
    UNIX_OF_EPOCH_DAYS,
    US_PER_DAY,
    US_PER_HOUR,
    US_PER_MINUTE,
    US_PER_SECOND,
    date_of,
    day_of_year,
    days_of,
    is_valid_timestamp,
    weekday_of,
)
from server.types.date_fields import WORD_MAX
from server.types.interval_style import Interval
from server.types.numeric import INFINITY

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.vector.column import Values

ALIASES: Final[dict[str, str]] = {
    alias: unit
    for unit, aliases in {
        "century": "c cent centuries century",
        "day": "d day days",
        "decade": "dec decade decades decs",
        "hour": "h hour hours hr hrs",
        "minute": "m min mins minute minutes",
        "millennium": "mil millennia millennium mils",
        "month": "mon mons month months",
        "milliseconds": "ms msec msecs msecond mseconds millisecond milliseconds",
        "microseconds": "us usec usecs usecond useconds microsecond microseconds",
        "quarter": "qtr quarter",
        "second": "s sec secs second seconds",
        "week": "w week weeks",
        "year": "y year years yr yrs",
        "timezone": "timezone",
        "timezone_hour": "timezone_hour",
        "timezone_minute": "timezone_minute",
        "doy": "doy",
        "dow": "dow",
        "isodow": "isodow",
        "isoyear": "isoyear",
        "epoch": "epoch",
        "julian": "j jd julian",
    }.items()
    for alias in aliases.split()
}
_BY_START: Final = {alias[:WORD_MAX]: unit for alias, unit in ALIASES.items()}
_MOMENTS: Final = frozenset(
    ("-infinity", "allballs", "infinity", "now", "today", "tomorrow", "yesterday")
)
_HAVE_MOMENTS: Final = frozenset(
    ("date", "timestamp with time zone", "timestamp without time zone")
)
GROWING: Final = frozenset(
    {"year", "decade", "century", "millennium", "julian", "isoyear", "epoch"}
)


class Field(NamedTuple):
    """number / 10**scale."""

    number: int
    scale: int = 0


def unit_named(name: str, type_name: str) -> str:
    """The unit of a name, which may be an abbreviation in any case, and of which the start counts."""
    unit = _BY_START.get(folded(name)[:WORD_MAX])
    if unit is None:
        raise unrecognized_unit(name, type_name)
    return unit


def field_named(name: str, type_name: str) -> str:
    """The unit of a field's name: words that input knows are names here, too."""
    word = folded(name)[:WORD_MAX]
    if word in _MOMENTS and type_name in _HAVE_MOMENTS:
        raise unsupported_unit(name, type_name)
    return "minute" if word == "mm" else unit_named(name, type_name)


def unrecognized_unit(name: str, type_name: str) -> InvalidParameterValue:
    """Make the error for a name that is no unit."""
    shown = folded(name)
    return InvalidParameterValue(f'unit "{shown}" not recognized for type {type_name}')


def unsupported_unit(name: str, type_name: str) -> FeatureNotSupported:
    """Make the error for a field that a type does not have."""
    shown = folded(name)
    return FeatureNotSupported(f'unit "{shown}" not supported for type {type_name}')


def iso_week(days: int) -> tuple[int, int]:
    """Year and number of the ISO week that holds a date."""
    thursday = days - (weekday_of(days) + 6) % 7 + 3
    year = date_of(thursday)[0]
    return year, (thursday - days_of(year, 1, 1)) // 7 + 1


def century_of(year: int) -> int:
    """The century of a year; there is none with the number 0."""
    return (year + 99) // 100 if year > 0 else -((99 - (year - 1)) // 100)


def millennium_of(year: int) -> int:
    """The millennium of a year; there is none with the number 0."""
    return (year + 999) // 1000 if year > 0 else -((999 - (year - 1)) // 1000)


def _shown_year(year: int) -> int:
    return year if year > 0 else year - 1


DATE_FIELDS: Final[dict[str, Callable[[int], int]]] = {
    "year": lambda days: _shown_year(date_of(days)[0]),
    "month": lambda days: date_of(days)[1],
    "day": lambda days: date_of(days)[2],
    "decade": lambda days: date_of(days)[0] // 10,
    "century": lambda days: century_of(date_of(days)[0]),
    "millennium": lambda days: millennium_of(date_of(days)[0]),
    "quarter": lambda days: (date_of(days)[1] - 1) // 3 + 1,
    "week": lambda days: iso_week(days)[1],
    "isoyear": lambda days: _shown_year(iso_week(days)[0]),
    "dow": weekday_of,
    "isodow": lambda days: (weekday_of(days) + 6) % 7 + 1,
    "doy": lambda days: day_of_year(*date_of(days)),
    "julian": lambda days: days + JULIAN_OF_EPOCH,
    "epoch": lambda days: (days + UNIX_OF_EPOCH_DAYS) * 86400,
}
TIME_FIELDS: Final[dict[str, Callable[[int], Field]]] = {
    "hour": lambda us: Field(us // US_PER_HOUR),
    "minute": lambda us: Field(us // US_PER_MINUTE % 60),
    "second": lambda us: Field(us % US_PER_MINUTE, 6),
    "milliseconds": lambda us: Field(us % US_PER_MINUTE, 3),
    "microseconds": lambda us: Field(us % US_PER_MINUTE),
}


def date_field(days: int, name: str) -> Field | Decimal | None:
    """A field of a date."""
    unit = field_named(name, "date")
    if unit not in DATE_FIELDS:
        raise unsupported_unit(name, "date")
    if days in INFINITE_DATES:
        return _infinite(unit, days == DATE_INFINITY)
    return Field(DATE_FIELDS[unit](days))


def _infinite(unit: str, positive: bool) -> Decimal | None:
    if unit not in GROWING:
        return None
    return INFINITY if positive else INFINITY.copy_negate()


def timestamp_field(us: int, name: str, seconds_east: int | None = None) -> Any:
    """A field of what clocks show; seconds_east is the offset where a zone is involved."""
    zoned = seconds_east is not None
    type_name = f"timestamp {'with' if zoned else 'without'} time zone"
    unit = field_named(name, type_name)
    if us in INFINITE:
        return _infinite(unit, us == TIMESTAMP_INFINITY)
    if unit.startswith("timezone"):
        if seconds_east is None:
            raise unsupported_unit(name, type_name)
        return Field(zone_field(unit, seconds_east))
    if unit == "epoch":
        return Field(us - (seconds_east or 0) * US_PER_SECOND + UNIX_EPOCH_US, 6)
    if unit == "julian":
        return _julian(us)
    if unit in TIME_FIELDS:
        return TIME_FIELDS[unit](us % US_PER_DAY)
    return Field(DATE_FIELDS[unit](date_of_timestamp(us)))


UNIX_EPOCH_US: Final = UNIX_OF_EPOCH_DAYS * US_PER_DAY


def _julian(us: int) -> Decimal:
    days, time = divmod(us, US_PER_DAY)
    whole = Decimal(days + JULIAN_OF_EPOCH)
    return whole + divide(Decimal(time), Decimal(US_PER_DAY))


def zone_field(unit: str, seconds_east: int) -> int:
    """A field of an offset from UTC; all have its sign."""
    sign, size = (-1 if seconds_east < 0 else 1), abs(seconds_east)
    if unit == "timezone_hour":
        return sign * (size // 3600)
    return sign * (size // 60 % 60) if unit == "timezone_minute" else seconds_east


def time_field(us: int, name: str, type_name: str = "time without time zone") -> Field:
    """A field of a time of day."""
    unit = field_named(name, type_name)
    if unit == "epoch":
        return Field(us, 6)
    if unit not in TIME_FIELDS:
        raise unsupported_unit(name, type_name)
    return TIME_FIELDS[unit](us)


def timetz_field(us: int, seconds_west: int, name: str) -> Field:
    """A field of a time of day with an offset."""
    type_name = "time with time zone"
    unit = field_named(name, type_name)
    if unit.startswith("timezone"):
        return Field(zone_field(unit, -seconds_west))
    if unit == "epoch":
        return Field(us + seconds_west * US_PER_SECOND, 6)
    return time_field(us, name, type_name)


def _cut(dividend: int, divisor: int) -> int:
    return abs(dividend) // divisor * (1 if dividend >= 0 else -1)


def _rest(dividend: int, divisor: int) -> int:
    return abs(dividend) % divisor * (1 if dividend >= 0 else -1)


def interval_seconds(interval: Interval) -> float:
    """How long an interval is, a year being 365.25 days and a month 30; added up as date_part does, in floats."""
    months, days, us = interval
    years, rest = _cut(months, 12), _rest(months, 12)
    return us / 1e6 + 86400 * 365.25 * years + 86400.0 * 30 * rest + 86400.0 * days


def interval_field(interval: Interval, name: str) -> Field:
    """A field of an interval; each has the sign of its part."""
    unit = field_named(name, "interval")
    months, days, us = interval
    if unit == "epoch":
        years, rest = _cut(months, 12), _rest(months, 12)
        quarter_days = years * 1461 + rest * 120 + days * 4  # 365.25 days a year
        return Field(quarter_days * (US_PER_DAY // 4) + us, 6)
    if unit not in _INTERVAL_FIELDS:
        raise unsupported_unit(name, "interval")
    return _INTERVAL_FIELDS[unit](months, days, us)


_INTERVAL_FIELDS: Final[dict[str, Callable[[int, int, int], Field]]] = {
    "microseconds": lambda months, days, us: Field(_rest(us, US_PER_MINUTE)),
    "milliseconds": lambda months, days, us: Field(_rest(us, US_PER_MINUTE), 3),
    "second": lambda months, days, us: Field(_rest(us, US_PER_MINUTE), 6),
    "minute": lambda months, days, us: Field(_rest(_cut(us, US_PER_MINUTE), 60)),
    "hour": lambda months, days, us: Field(_cut(us, US_PER_HOUR)),
    "day": lambda months, days, us: Field(days),
    "month": lambda months, days, us: Field(_rest(months, 12)),
    "quarter": lambda months, days, us: Field(_cut(_rest(months, 12), 3) + 1),
    "year": lambda months, days, us: Field(_cut(months, 12)),
    "decade": lambda months, days, us: Field(_cut(months, 120)),
    "century": lambda months, days, us: Field(_cut(months, 1200)),
    "millennium": lambda months, days, us: Field(_cut(months, 12000)),
}


def as_numeric(field: Any) -> Decimal | None:
    """What extract gives."""
    return scaled(*field) if isinstance(field, Field) else field


def as_float(field: Any) -> float | None:
    """What date_part gives."""
    if isinstance(field, Field):
        return field.number / float(10**field.scale)
    return None if field is None else float(field)


# Truncation.

TIME_UNITS: Final = {
    "hour": US_PER_HOUR,
    "minute": US_PER_MINUTE,
    "second": US_PER_SECOND,
    "milliseconds": 1000,
    "microseconds": 1,
}


def _first_year(years: int, first: int) -> Callable[[int], int]:
    """The start of the group of so many years; groups begin with years that leave `first`."""
    return lambda days: days_of((date_of(days)[0] - first) // years * years + first, 1, 1)


def _start_of_quarter(days: int) -> int:
    year, month, _ = date_of(days)
    return days_of(year, (month - 1) // 3 * 3 + 1, 1)


_DATE_STARTS: Final[dict[str, Callable[[int], int]]] = {
    "day": lambda days: days,
    "week": lambda days: days - (weekday_of(days) + 6) % 7,
    "month": lambda days: days_of(*date_of(days)[:2], 1),
    "quarter": _start_of_quarter,
    "year": _first_year(1, 0),
    "decade": _first_year(10, 0),
    "century": _first_year(100, 1),
    "millennium": _first_year(1000, 1),
}
DAY_UNITS: Final = frozenset(_DATE_STARTS)


_RESERVED: Final = frozenset({"epoch", "dow", "isodow", "doy", "isoyear", "julian"})


def truncate_timestamp(us: int, unit: str, name: str, type_name: str) -> int:
    """The start of the unit that holds what clocks show, which in a zone may be off the calendar."""
    if unit in _RESERVED:
        raise unrecognized_unit(name, type_name)
    if unit in TIME_UNITS:
        return us if us in INFINITE else us // TIME_UNITS[unit] * TIME_UNITS[unit]
    if unit not in _DATE_STARTS:
        raise unsupported_unit(name, type_name)
    if us in INFINITE:
        return us
    start = _DATE_STARTS[unit](us // US_PER_DAY) * US_PER_DAY
    if type_name == "timestamp without time zone" and not is_valid_timestamp(start):
        raise DatetimeFieldOverflow("timestamp out of range")
    return start


_MONTHS: Final = {
    "month": 1,
    "quarter": 3,
    "year": 12,
    "decade": 120,
    "century": 1200,
    "millennium": 12000,
}


def truncate_interval(name: str, interval: Interval) -> Interval:
    """The interval without the fields below a unit."""
    unit = unit_named(name, "interval")
    months, days, us = interval
    if unit in _MONTHS:
        return Interval(_cut(months, _MONTHS[unit]) * _MONTHS[unit], 0, 0)
    if unit == "day":
        return Interval(months, days, 0)
    if unit in TIME_UNITS:
        return Interval(months, days, _cut(us, TIME_UNITS[unit]) * TIME_UNITS[unit])
    if unit in _RESERVED:
        raise unrecognized_unit(name, "interval")
    error = unsupported_unit(name, "interval")
    if unit == "week":
        error.detail = "Months usually have fractional weeks."
    raise error


# Columns.


def civil(days: Values) -> tuple[Values, Values, Values]:
    """Years, months and days of many dates."""
    shifted = days.astype(np.int64) + 730425
    cycle, day = np.divmod(shifted, 146097)
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5 - 1
    year += 400 * cycle
    late = month >= 10
    return year + late, np.where(late, month - 9, month + 3), day


def days_from_civil(year: Values, month: Values, day: Values) -> Values:
    """Days since 2000-01-01 of many dates."""
    early = month <= 2
    year = year - early
    month = month + 12 * early
    in_year = (153 * (month - 3) + 2) // 5 + day - 1
    days: Values = 365 * year + year // 4 - year // 100 + year // 400 + in_year - 730425
    return days


def _weekday(days: Values) -> Values:
    weekday: Values = (days.astype(np.int64) + 6) % 7
    return weekday


FIRST: Final = np.ones((), np.int64)


def _thursday(days: Values) -> Values:
    """The Thursday of the ISO week of many dates: the week is of the year that it lies in."""
    thursday: Values = days.astype(np.int64) - (_weekday(days) + 6) % 7 + 3
    return thursday


def _weeks(days: Values) -> Values:
    thursdays = _thursday(days)
    weeks: Values = (thursdays - days_from_civil(civil(thursdays)[0], FIRST, FIRST)) // 7 + 1
    return weeks


def _shown_years(years: Values) -> Values:
    return np.where(years > 0, years, years - 1)


def _counted_from_one(years: Values, length: int) -> Values:
    """The number of the group of so many years, of which the first begins with the year 1, and none is 0."""
    return np.where(
        years > 0, (years + length - 1) // length, -((length - 1 - (years - 1)) // length)
    )


COLUMN_FIELDS: Final[dict[str, Callable[[Values], Values]]] = {
    "year": lambda days: _shown_years(civil(days)[0]),
    "month": lambda days: civil(days)[1],
    "day": lambda days: civil(days)[2],
    "century": lambda days: _counted_from_one(civil(days)[0], 100),
    "millennium": lambda days: _counted_from_one(civil(days)[0], 1000),
    "week": _weeks,
    "isoyear": lambda days: _shown_years(civil(_thursday(days))[0]),
    "quarter": lambda days: (civil(days)[1] - 1) // 3 + 1,
    "decade": lambda days: civil(days)[0] // 10,
    "dow": _weekday,
    "isodow": lambda days: (_weekday(days) + 6) % 7 + 1,
    "doy": lambda days: days - days_from_civil(civil(days)[0], FIRST, FIRST) + 1,
    "julian": lambda days: days.astype(np.int64) + JULIAN_OF_EPOCH,
    "epoch": lambda days: (days.astype(np.int64) + UNIX_OF_EPOCH_DAYS) * 86400,
}
COLUMN_TIME_FIELDS: Final[dict[str, tuple[int, int, int]]] = {
    # unit: (modulus, divisor, scale) of the time of day
    "hour": (US_PER_DAY, US_PER_HOUR, 0),
    "minute": (US_PER_HOUR, US_PER_MINUTE, 0),
    "second": (US_PER_MINUTE, 1, 6),
    "milliseconds": (US_PER_MINUTE, 1, 3),
    "microseconds": (US_PER_MINUTE, 1, 0),
}


def _first_years(years: int, first: int) -> Callable[[Values], Values]:
    """As _first_year, of many dates."""

    def starts(days: Values) -> Values:
        group = (civil(days)[0] - first) // years
        return days_from_civil(group * years + first, FIRST, FIRST)

    return starts


COLUMN_STARTS: Final[dict[str, Callable[[Values], Values]]] = {
    "day": lambda days: days,
    "week": lambda days: days - (_weekday(days) + 6) % 7,
    "month": lambda days: days_from_civil(*civil(days)[:2], FIRST),
    "year": lambda days: days_from_civil(civil(days)[0], FIRST, FIRST),
    "decade": _first_years(10, 0),
    "century": _first_years(100, 1),
    "millennium": _first_years(1000, 1),
}


def start_of_quarter_column(days: Values) -> Values:
    """The first day of the quarter of many dates."""
    years, months, _ = civil(days)
    return days_from_civil(years, (months - 1) // 3 * 3 + 1, FIRST)
