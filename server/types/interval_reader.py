"""Reads an interval written as quantities with units, or as the SQL standard has it.

Fields are read from the last to the first: a unit stands behind its quantity, and what stands
before a time of day is a number of days.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from server.types.calendar import US_PER_DAY, US_PER_HOUR, US_PER_MINUTE, US_PER_SECOND
from server.types.date_fields import BadFormat, Field, Kind, split_fields
from server.types.date_reader import FieldOverflow

if TYPE_CHECKING:
    from collections.abc import Callable

MONTHS_PER_YEAR: Final = 12
DAYS_PER_MONTH: Final = 30
INT4_LIMIT: Final = 1 << 31
INT8_LIMIT: Final = 1 << 63
WORD_MAX: Final = 10

UNITS: Final = {
    word[:WORD_MAX]: unit
    for unit, words in {
        "microsecond": "microsecond microseconds us usec usecond useconds usecs",
        "millisecond": "millisecond milliseconds ms msec mseconds msecs",
        "second": "s sec second seconds secs",
        "minute": "m min minute minutes mins",
        "hour": "h hour hours hr hrs",
        "day": "d day days",
        "week": "w week weeks",
        "month": "mon mons month months",
        "year": "y year years yr yrs",
        "decade": "dec decade decades decs",
        "century": "c cent centuries century",
        "millennium": "mil millennia millennium mils",
    }.items()
    for word in words.split()
}
IGNORED: Final = frozenset({"at", "on"})
YEARS_OF: Final = {"year": 1, "decade": 10, "century": 100, "millennium": 1000}
US_OF: Final = {
    "microsecond": 1,
    "millisecond": 1000,
    "second": US_PER_SECOND,
    "minute": US_PER_MINUTE,
    "hour": US_PER_HOUR,
}
RANGES: Final = {
    "year": ("year",),
    "month": ("month", "year to month"),
    "day": ("day",),
    "hour": ("hour", "day to hour"),
    "minute": ("minute", "hour to minute", "day to minute"),
}
LAST_UNIT: Final = {fields: unit for unit, ranges in RANGES.items() for fields in ranges}
"""What the last number counts, by the fields of the type; seconds where that is not said."""

LIKE_A_DATE: Final = re.compile(r"[+-]?[0-9]+-([0-9]+)-[0-9-]*")
"""More than years-months: their months are looked at first."""
NUMBER: Final = re.compile(r"([+-]?)([0-9]*)(?:(\.[0-9]*)|-([0-9]*))?")
CLOCK: Final = re.compile(r"([0-9]+):([0-9]*)(?::([0-9]*))?(?:\.([0-9]*))?")


class Quantities:
    """Years, months, days and microseconds added up, each within its bounds."""

    def __init__(self) -> None:
        self.years = self.months = self.days = self.us = 0

    def add(self, unit: str, whole: int, fraction: float) -> None:
        """Add so many units; a fraction of a month becomes days, one of a day a time."""
        if unit in US_OF:
            self.us += whole * US_OF[unit]
            self.add_us(fraction * US_OF[unit])
        elif unit in YEARS_OF:
            self.years += whole * YEARS_OF[unit]
            self.months += round(fraction * YEARS_OF[unit] * MONTHS_PER_YEAR)
        elif unit == "month":
            self.months += whole
            self.add_days(fraction * DAYS_PER_MONTH)
        elif unit == "week":
            self.days += whole * 7
            self.add_days(fraction * 7)
        else:
            self.days += whole
            self.add_us(fraction * US_PER_DAY)
        self.check()

    def add_days(self, days: float) -> None:
        """Add days, what is left of them as a time."""
        self.days += int(days)
        self.add_us((days - int(days)) * US_PER_DAY)

    def add_us(self, us: float) -> None:
        """Add microseconds, rounded; half of one is dropped."""
        whole = int(us)
        rest = us - whole
        self.us += whole + (rest > 0.5) - (rest < -0.5)

    def negate(self) -> None:
        """Turn the interval around."""
        self.years, self.months = -self.years, -self.months
        self.days, self.us = -self.days, -self.us
        self.check()

    def check(self) -> None:
        """Refuse what does not fit."""
        days_fit = all(
            -INT4_LIMIT <= number < INT4_LIMIT for number in (self.years, self.months, self.days)
        )
        if not days_fit or not -INT8_LIMIT <= self.us < INT8_LIMIT:
            raise FieldOverflow


class IntervalReader:
    """What has been read of an interval."""

    def __init__(self, text: str, fields_of_type: str, is_sql_standard: bool) -> None:
        self.fields = split_fields(text)
        self.fields_of_type = fields_of_type
        self.total = Quantities()
        self.seen: set[str] = set()
        self.unit = ""  # of the number before
        self.is_ago = False
        self.is_negative = is_sql_standard and _only_first_is_signed(self.fields)

    def read(self) -> Quantities:
        """Read all fields, the last one first."""
        for kind, text in reversed(self.fields):
            given = READ_FIELD[kind](self, text)
            if given & self.seen:
                raise BadFormat
            self.seen |= given
        if not self.seen:
            raise BadFormat
        if self.is_ago:
            self.total.negate()
        return self.total

    def read_clock(self, text: str, sign: int = 1) -> set[str]:
        """Read hh:mm:ss, hh:mm, mm:ss.fff; what stands before it are days."""
        match = CLOCK.fullmatch(text)
        if match is None:
            raise BadFormat
        hours, minutes, seconds = (_bounded(match[at] or "0") for at in (1, 2, 3))
        is_short = match[3] is None
        if is_short and (match[4] is not None or self.fields_of_type == "minute to second"):
            hours, minutes, seconds = 0, hours, minutes
        if minutes > 59 or seconds > 60:
            raise FieldOverflow
        us = (hours * 60 + minutes) * US_PER_MINUTE + seconds * US_PER_SECOND
        us += round(float("0." + match[4]) * US_PER_SECOND) if match[4] else 0
        if us >= INT8_LIMIT:
            raise FieldOverflow  # whatever its sign
        # A time replaces what fractions of days before it have left.
        self.total.us = us * (-1 if self.is_negative else sign)
        self.total.check()
        self.unit = "day"
        return {"hour", "minute", "second", "millisecond", "microsecond"}

    def read_signed(self, text: str) -> set[str]:
        """Read what starts with a sign: a time of day or a number."""
        if ":" not in text or CLOCK.fullmatch(text[1:]) is None:
            return self.read_number(text)
        try:
            return self.read_clock(text[1:], -1 if text[0] == "-" else 1)
        except FieldOverflow:
            raise BadFormat from None  # what is no time of day would have to be a number

    def read_number(self, text: str) -> set[str]:
        """Read a number, or years-months."""
        match = NUMBER.fullmatch(text)
        date = None if match is not None else LIKE_A_DATE.fullmatch(text)
        if date is not None and _bounded(date[1]) >= MONTHS_PER_YEAR:
            raise FieldOverflow
        if match is None or (self.unit == "ago" and match[4] is None):
            raise BadFormat
        sign = -1 if match[1] == "-" or self.is_negative else 1
        whole = _bounded(match[2] or "0")
        fraction = float("0" + match[3]) if match[3] else 0.0
        unit = self.unit or LAST_UNIT.get(self.fields_of_type, "second")
        if match[4] is not None:
            months = _bounded(match[4] or "0")
            if months >= MONTHS_PER_YEAR:
                raise FieldOverflow
            whole = whole * MONTHS_PER_YEAR + months
            unit = "month"
        self.unit = unit
        self.total.add(unit, sign * whole, sign * fraction)
        return self.given(unit, fraction)

    def given(self, unit: str, fraction: float) -> set[str]:
        """Name what has been given, and set the unit of the number before."""
        if unit == "hour":
            self.unit = "day"
        if unit == "second" and fraction:
            return {"second", "millisecond", "microsecond"}
        return {unit}

    def read_word(self, word: str) -> set[str]:
        """Read a unit, or AGO."""
        word = word[:WORD_MAX]
        if word in IGNORED:
            return set()
        if word == "ago":
            self.is_ago = True
            self.unit = word  # which no number may have
            return set()
        if word not in UNITS:
            raise BadFormat
        self.unit = UNITS[word]
        return set()


def _only_first_is_signed(fields: list[Field]) -> bool:
    """Tell whether one minus sign in front of all is meant for all of them."""
    texts = [text for _, text in fields]
    return bool(texts) and texts[0][0] == "-" and not any(text[0] in "+-" for text in texts[1:])


def _bounded(digits: str) -> int:
    value = int(digits) if len(digits) < 20 else INT8_LIMIT
    if value > INT8_LIMIT:
        raise FieldOverflow
    return value


READ_FIELD: Final[dict[Kind, Callable[[IntervalReader, str], set[str]]]] = {
    Kind.TIME: lambda reader, text: reader.read_clock(text),
    Kind.ZONE: lambda reader, text: reader.read_signed(text),
    Kind.DATE: lambda reader, text: reader.read_number(text),
    Kind.NUMBER: lambda reader, text: reader.read_number(text),
    Kind.WORD: lambda reader, text: reader.read_word(text),
    Kind.SPECIAL: lambda reader, text: reader.read_word(text),
}
assert set(READ_FIELD) == set(Kind)


# ISO 8601: P1Y2M3DT4H5M6S, P0001-02-03T04:05:06, P00010203T040506.
ISO_NUMBER: Final = r"(-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
DESIGNATED: Final = re.compile(ISO_NUMBER + "([YMWDHS])")
DATE_EXTENDED: Final = re.compile(rf"{ISO_NUMBER}(?:-{ISO_NUMBER}(?:-{ISO_NUMBER})?)?")
TIME_EXTENDED: Final = re.compile(rf"{ISO_NUMBER}(?::{ISO_NUMBER}(?::{ISO_NUMBER})?)?")
DATE_BASIC: Final = re.compile(r"(-?)([0-9]{4})([0-9]{2})([0-9]{2})")
TIME_BASIC: Final = re.compile(r"(-?)([0-9]{2})([0-9]{2})([0-9]{2}(?:\.[0-9]*)?)")
DATE_UNITS: Final = {"Y": "year", "M": "month", "W": "week", "D": "day"}
TIME_UNITS: Final = {"H": "hour", "M": "minute", "S": "second"}


def read_iso(text: str) -> Quantities:
    """Read an interval in one of the forms of ISO 8601."""
    if len(text) < 2 or text[0] != "P":
        raise BadFormat
    total = Quantities()
    date, mark, time = text[1:].partition("T")
    _read_iso_part(total, date, DATE_UNITS, (DATE_BASIC, DATE_EXTENDED))
    if mark:
        _read_iso_part(total, time, TIME_UNITS, (TIME_BASIC, TIME_EXTENDED))
    return total


def _read_iso_part(
    total: Quantities, text: str, units: dict[str, str], forms: tuple[re.Pattern[str], ...]
) -> None:
    basic, extended = forms
    names = [unit for unit in units.values() if unit != "week"]
    if match := basic.fullmatch(text):
        for unit, number in zip(names, match.groups()[1:], strict=True):
            _add_iso(total, unit, match[1] + number)
        return
    if match := extended.fullmatch(text):
        for unit, number in zip(names, match.groups(), strict=True):
            _add_iso(total, unit, number or "0")
        return
    at = 0
    while at < len(text):
        match = DESIGNATED.match(text, at)
        if match is None or match[2] not in units:
            raise BadFormat
        _add_iso(total, units[match[2]], match[1])
        at = match.end()


def _add_iso(total: Quantities, unit: str, number: str) -> None:
    if "e" in number.lower():
        number = f"{Decimal(number):f}"
    whole, point, fraction = number.lstrip("-").partition(".")
    sign = -1 if number[0] == "-" else 1
    value = _bounded(whole or "0")
    if unit in YEARS_OF and value >= INT4_LIMIT:
        raise FieldOverflow
    total.add(unit, sign * value, sign * float("0." + fraction) if point and fraction else 0.0)
