"""Reads the fields of a date or timestamp from left to right, by PostgreSQL's rules.

Rule 1: no field is given twice; `seen` holds those given so far, and a second one is a bad format.
Rule 2: numbers are year, month or day by their order (DateStyle) and length, never by their value.
Rule 3: a textual month makes the order of the others unambiguous.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from server.types.calendar import (
    JULIAN_OF_EPOCH,
    US_PER_DAY,
    US_PER_SECOND,
    date_of,
    days_of,
    month_length,
    split_time,
)
from server.types.date_fields import BadFormat, Kind, Meaning, meaning_of, split_fields
from server.types.date_style import session_zone
from server.types.zone_words import OFFSETS, ZONES
from server.types.zones import Zone, abbreviation_zone, zone_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.types.type import TextStyle

YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, DECIMALS = (1 << bit for bit in range(7))
ZONE, SUMMER, YEAR_DAY, WEEKDAY, ERA, MERIDIAN, MOMENT = (1 << bit for bit in range(7, 14))
DATE: Final = YEAR | MONTH | DAY
TIME: Final = HOUR | MINUTE | SECOND | DECIMALS
INT_MAX: Final = (1 << 31) - 1
UINT_MAX: Final = (1 << 32) - 1
INT8_MAX: Final = (1 << 63) - 1
MANY_DIGITS: Final = 1000  # more than any number has that fits, less than is dear to read
ZONE_HOURS_MAX: Final = 15


class FieldOverflow(Exception):
    """A field is out of range; order_may_be_wrong where another DateStyle might read it."""

    def __init__(self, order_may_be_wrong: bool = False) -> None:
        super().__init__()
        self.order_may_be_wrong = order_may_be_wrong


class ZoneOverflow(Exception):
    """An offset from UTC is out of range."""


class UnknownZone(Exception):
    """A name with marks in it is not that of a time zone."""


def number_of(digits: str) -> int:
    """Turn digits into a number that PostgreSQL can hold."""
    if not digits:
        return 0
    significant = digits.lstrip("0")
    value = int(significant or "0") if len(significant) < 20 else INT_MAX + 1
    if value > INT_MAX:
        raise FieldOverflow
    return value


def fraction_us(digits: str) -> int:
    """Round the digits behind a point to microseconds."""
    return round(float("0." + digits) * US_PER_SECOND) if digits else 0


OFFSET: Final = re.compile(r"([+-])([0-9]+)(?::([0-9]*)(?::([0-9]*))?)?")


def read_offset(text: str) -> int:
    """Read +hh, +hhmm, +hh:mm or +hh:mm:ss as seconds east of UTC."""
    match = OFFSET.match(text)
    if match is None:
        raise BadFormat
    is_whole = match.end() == len(text)
    hours, minutes, seconds = (_offset_number(match[at]) for at in (2, 3, 4))
    if is_whole and match[3] is None and len(match[2]) > 2:
        hours, minutes = divmod(hours, 100)
    if hours > ZONE_HOURS_MAX or minutes > 59 or seconds > 59:
        raise ZoneOverflow
    if not is_whole:
        raise BadFormat
    offset = (hours * 60 + minutes) * 60 + seconds
    return -offset if match[1] == "-" else offset


def _cut_number(digits: str) -> int:
    """The number as 32 bits have it: what is too large for a year shows when the date is looked at."""
    value = min(int(digits[:MANY_DIGITS]), INT8_MAX)
    return ((value + INT_MAX + 1) & UINT_MAX) - INT_MAX - 1


def _offset_number(digits: str | None) -> int:
    try:
        return number_of(digits or "")
    except FieldOverflow:
        raise ZoneOverflow from None


TWO_MARKS_AT_END: Final = re.compile(r"[^0-9a-zA-Z]{2}$")
CLOCK: Final = re.compile(r"([0-9]+):([0-9]*)(?::([0-9]*))?(?:\.([0-9]*))?")


class DateReader:
    """What has been read of a date and time."""

    checks_clock_at_once = True

    def __init__(self, text: str, style: TextStyle) -> None:
        self.style = style
        self.fields = split_fields(text)
        self.at = 0
        self.seen = 0
        self.year = self.month = self.day = self.year_day = 0
        self.hour = self.minute = self.second = self.us = 0
        self.is_short_year = self.is_julian = self.is_bc = self.has_text_month = False
        self.meridian = ""
        self.unit = ""  # of the next number
        self.moment = ""  # epoch, infinity or -infinity
        self.offset = 0
        self.zone: Zone | None = None

    def read(self) -> None:
        """Read all fields and check them together."""
        for at, (kind, text) in enumerate(self.fields):
            self.at = at
            given = READ_FIELD[kind](self, text)
            if given & self.seen:
                raise BadFormat
            self.seen |= given
        self.check_date()
        self.apply_meridian()
        self.check_complete()

    def check_complete(self) -> None:
        """Refuse what is not a whole date."""
        if self.moment:
            return
        if self.seen & DATE != DATE:
            raise BadFormat
        self.check_summer_time()

    def check_summer_time(self) -> None:
        """Refuse DST that stands without the offset it is to be added to."""
        if self.seen & SUMMER and (self.zone is not None or not self.seen & ZONE):
            raise BadFormat

    # One method for each kind of field; each gives the fields that it has read.

    def read_date(self, text: str) -> int:
        """Read a date, or what looks like one: a zone's name, a time that runs into its offset."""
        if self.unit == "julian":
            self.unit = ""
            days, mark, offset = text.partition("-")
            self.take_julian(number_of(_all_digits(days)))
            self.offset = read_offset(mark + offset)
            return DATE | TIME | ZONE
        if not self.unit and self.seen & (MONTH | DAY) != MONTH | DAY:
            return self.read_date_parts(text)
        if not text[0].isdigit() and not self.unit:
            return self.read_zone_name(text)
        return self.read_time_and_offset(text, self.seen)

    def read_time_and_offset(self, text: str, seen: int) -> int:
        """Read hhmmss-zz."""
        if self.unit not in {"", "time"} or seen & TIME == TIME:
            raise BadFormat
        self.unit = ""
        digits, mark, offset = text.partition("-")
        if not mark:
            raise BadFormat
        self.offset = read_offset(mark + offset)
        return self.read_run_together(digits, seen) | ZONE

    def read_zone_name(self, text: str) -> int:
        """Read the full name of a time zone."""
        self.zone = zone_named(text)
        if self.zone is None:
            raise UnknownZone(text)
        return ZONE

    def read_date_parts(self, text: str) -> int:
        """Read the parts of 1999-01-08, 8-jan-1999 and the like: the month's name first."""
        parts = re.findall(r"[0-9]+|[a-zA-Z]+", text)
        if TWO_MARKS_AT_END.search(text) or len(parts) > 3:
            raise BadFormat
        seen, given = self.seen, 0
        for part in [part for part in parts if part[0].isalpha()]:
            meaning = meaning_of(part.lower())
            if meaning is None or meaning[0] is not Meaning.MONTH or seen & MONTH:
                raise BadFormat
            self.month = int(meaning[1])
            self.has_text_month = True
            seen, given = seen | MONTH, given | MONTH
        for part in [part for part in parts if part[0].isdigit()]:
            read = self.read_date_number(part, seen)
            if read & seen:
                raise BadFormat
            seen, given = seen | read, given | read
        if seen & ~(YEAR_DAY | ZONE) != DATE:
            raise BadFormat
        return given

    def read_clock(self, text: str) -> int:
        """Read hh:mm, hh:mm:ss or mm:ss.fff, seconds with or without decimals."""
        if self.unit not in {"", "time"}:
            raise BadFormat
        self.unit = ""
        match = CLOCK.fullmatch(text)
        if match is None:
            raise BadFormat
        hour, minute, second = number_of(match[1]), number_of(match[2]), number_of(match[3] or "")
        if match[3] is None and match[4] is not None:
            hour, minute, second = 0, hour, minute
        self.hour, self.minute, self.second = hour, minute, second
        self.us = fraction_us(match[4] or "")
        if self.minute > 59 or self.second > 60:
            raise FieldOverflow
        if self.checks_clock_at_once:
            self.check_time()
        return TIME

    def check_time(self) -> None:
        """Refuse what is after 24:00."""
        total = ((self.hour * 60 + self.minute) * 60 + self.second) * US_PER_SECOND + self.us
        if self.minute > 59 or self.second > 60 or total > US_PER_DAY:
            raise FieldOverflow

    def read_offset_field(self, text: str) -> int:
        """Read an offset from UTC."""
        self.offset = read_offset(text)
        return ZONE

    def read_number(self, text: str) -> int:
        """Read a number: with a unit before it, run together, or by its place."""
        if self.unit:
            unit, self.unit = self.unit, ""
            return self.read_unit(unit, text)
        whole, point, _ = text.partition(".")
        if point and not self.seen & DATE:
            return self.read_date_parts(text)
        if point and len(whole) > 2:
            return self.read_run_together(text, self.seen)
        if len(text) >= 6 and not (self.seen & DATE and self.seen & TIME):
            return self.read_run_together(text, self.seen)
        return self.read_date_number(text, self.seen)

    def read_unit(self, unit: str, text: str) -> int:
        """Read a number behind its unit: y2001m02d04, J2451187.5, t040506."""
        self.moment = ""
        whole, point, fraction = text.partition(".")
        if unit == "time":
            given = self.read_run_together(text, self.seen | DATE)
            if given != TIME:
                raise BadFormat
            return given
        value = number_of(whole)
        if point and unit not in {"julian", "second"}:
            raise BadFormat
        if unit == "julian":
            self.take_julian(value)
            if not point:
                return DATE
            self.take_time(int(float("0." + (fraction or "0")) * US_PER_DAY))
            return DATE | TIME
        if unit == "month" and self.seen & MONTH and self.seen & HOUR:
            unit = "minute"
        if unit == "second":
            self.us = fraction_us(fraction)
        setattr(self, unit, value)
        return UNIT_FIELDS[unit] | (DECIMALS if point else 0)

    def take_julian(self, number: int) -> None:
        """Set the date to a Julian day."""
        self.is_julian = True
        self.year, self.month, self.day = date_of(number - JULIAN_OF_EPOCH)

    def take_time(self, us: int) -> None:
        """Set the time of day."""
        self.hour, self.minute, self.second, self.us = split_time(us)

    def read_run_together(self, text: str, seen: int) -> int:
        """Read yymmdd, yyyymmdd, hhmm or hhmmss, seconds with or without decimals."""
        digits, point, fraction = text.partition(".")
        if point:
            self.us = fraction_us(fraction)
        elif seen & DATE != DATE and len(digits) >= 6:
            self.day, self.month = int(digits[-2:]), int(digits[-4:-2])
            self.year = _cut_number(digits[:-4])
            self.is_short_year = len(digits) == 6
            return DATE
        if seen & TIME == TIME or len(digits) not in {4, 6}:
            raise BadFormat
        self.hour, self.minute = int(digits[:2]), int(digits[2:4])
        self.second = int(digits[4:] or 0)
        return TIME

    def read_date_number(self, text: str, seen: int) -> int:
        """Read year, month or day, whichever it is time for."""
        whole, point, fraction = text.partition(".")
        if not whole:
            raise BadFormat
        value = number_of(whole)
        if point:
            if len(whole) > 2:
                return self.read_run_together(text, seen | DATE)
            self.us = fraction_us(fraction)
        if len(text) == 3 and seen & DATE == YEAR and 1 <= value <= 366:
            self.year_day = value
            return YEAR_DAY | MONTH | DAY
        if seen & DATE == DATE:
            return self.read_run_together(text, seen)
        field = self.expected(len(text), seen & DATE)
        if field == DAY and self.is_short_year and self.has_text_month and len(text) > 2:
            # What was taken for a two-digit year was the day of DD-MON-YYYY.
            self.day, self.year, self.is_short_year = self.year, value, False
            return DAY
        setattr(self, FIELD_NAMES[field], value)
        if field == YEAR:
            self.is_short_year = len(text) <= 2
        return field

    def expected(self, length: int, seen: int) -> int:
        """Decide what a number is from what came before it."""
        order = self.style.date_order
        is_year = length >= 3 or order == "YMD"
        if seen == 0:
            return YEAR if is_year else DAY if order == "DMY" else MONTH
        if seen == MONTH:
            return YEAR if self.has_text_month and is_year else DAY
        if seen == MONTH | DAY:
            return YEAR
        if seen in {YEAR, DAY}:
            return MONTH
        if seen == YEAR | MONTH:
            return DAY
        raise BadFormat

    def read_word(self, word: str) -> int:
        """Read a word; abbreviations of time zones come before all others."""
        if word in OFFSETS:
            self.offset = OFFSETS[word]
            return ZONE
        if word in ZONES:
            self.zone = abbreviation_zone(word, ZONES[word])
            return ZONE
        meaning = meaning_of(word)
        if meaning is None:
            self.zone = zone_named(word)
            if self.zone is None:
                raise BadFormat
            return ZONE
        return READ_WORD[meaning[0]](self, meaning[1])

    def read_month(self, value: int | str) -> int:
        """Read a month's name; a lone number before it was the day."""
        given = MONTH
        moves = self.seen & MONTH and not self.has_text_month and not self.seen & DAY
        if moves and 1 <= self.month <= 31:
            self.day = self.month
            given = DAY
        self.has_text_month = True
        self.month = int(value)
        return given

    def read_moment(self, value: int | str) -> int:
        """Read now, today and the like."""
        if value in {"epoch", "infinity", "-infinity"}:
            self.moment = str(value)
            return MOMENT
        self.moment = ""  # what is said last counts
        if value == "allballs":
            self.take_time(0)
            self.offset = 0
            return TIME | ZONE
        zone = session_zone(self.style)
        now_us = self.style.now()
        offset = zone.at(now_us).seconds_east
        days, us = divmod(now_us + offset * US_PER_SECOND, US_PER_DAY)
        days += {"tomorrow": 1, "yesterday": -1}.get(str(value), 0)
        self.year, self.month, self.day = date_of(days)
        self.is_julian = True  # the year is right as it is, be it before Christ
        if value != "now":
            return DATE
        self.take_time(us)
        self.offset = offset
        return DATE | TIME | ZONE

    def read_era(self, value: int | str) -> int:
        """Read AD or BC."""
        self.is_bc = value == "bc"
        return ERA

    def read_meridian(self, value: int | str) -> int:
        """Read AM or PM."""
        self.meridian = str(value)
        return MERIDIAN

    def read_unit_word(self, value: int | str) -> int:
        """Read the unit of the number that follows."""
        self.unit = str(value)
        return 0

    def read_t(self, value: int | str) -> int:
        """Read the T between date and time."""
        following = self.fields[self.at + 1 : self.at + 2]
        has_time = following and following[0][0] in {Kind.NUMBER, Kind.TIME, Kind.DATE}
        if self.seen & DATE != DATE or not has_time:
            raise BadFormat
        self.unit = str(value)
        return 0

    def read_summer_time(self, value: int | str) -> int:
        """Read DST behind a time zone."""
        self.offset += int(value)
        return SUMMER

    # Checks and results.

    def check_date(self) -> None:
        """Complete the year, and refuse a date that is not on the calendar, be it beside a moment that says it all."""
        if self.seen & YEAR and not self.is_julian:
            self.complete_year()
        if self.seen & YEAR_DAY:
            days = days_of(self.year, 1, 1) + self.year_day - 1
            self.year, self.month, self.day = date_of(days)
        if self.seen & MONTH and not 1 <= self.month <= 12:
            raise FieldOverflow(order_may_be_wrong=True)
        if self.seen & DAY and not 1 <= self.day <= 31:
            raise FieldOverflow(order_may_be_wrong=True)
        if self.seen & DATE == DATE and self.day > month_length(self.year, self.month):
            raise FieldOverflow

    def complete_year(self) -> None:
        """Turn BC and two digits into the year they mean; there is no year 0."""
        if self.is_short_year and not self.is_bc:
            self.year += 2000 if self.year < 70 else 1900 if self.year < 100 else 0
        elif self.year <= 0:
            raise FieldOverflow
        elif self.is_bc:
            self.year = 1 - self.year

    def apply_meridian(self) -> None:
        """Turn twelve hours into twenty-four."""
        if not self.meridian:
            return
        if self.hour > 12:
            raise FieldOverflow
        self.hour = self.hour % 12 + (12 if self.meridian == "pm" else 0)

    @property
    def days(self) -> int:
        """Days since 2000-01-01."""
        return days_of(self.year, self.month, self.day)

    @property
    def time_us(self) -> int:
        """The time of day."""
        return ((self.hour * 60 + self.minute) * 60 + self.second) * US_PER_SECOND + self.us

    @property
    def local_us(self) -> int:
        """What clocks show, in microseconds since 2000-01-01."""
        return self.days * US_PER_DAY + self.time_us

    def offset_east(self) -> int:
        """Seconds east of UTC, by the zone given or else the session's."""
        if self.zone is not None:
            return self.zone.at_local(self.local_us).seconds_east
        if self.seen & ZONE:
            return self.offset
        return session_zone(self.style).at_local(self.local_us).seconds_east


def _all_digits(text: str) -> str:
    if not text.isdigit():
        raise BadFormat
    return text


FIELD_NAMES: Final = {YEAR: "year", MONTH: "month", DAY: "day"}
UNIT_FIELDS: Final = {
    "year": YEAR,
    "month": MONTH,
    "day": DAY,
    "hour": HOUR,
    "minute": MINUTE,
    "second": SECOND,
}
READ_FIELD: Final[dict[Kind, Callable[[DateReader, str], int]]] = {
    Kind.NUMBER: lambda reader, text: reader.read_number(text),
    Kind.WORD: lambda reader, text: reader.read_word(text),
    Kind.SPECIAL: lambda reader, text: reader.read_word(text),
    Kind.DATE: lambda reader, text: reader.read_date(text),
    Kind.TIME: lambda reader, text: reader.read_clock(text),
    Kind.ZONE: lambda reader, text: reader.read_offset_field(text),
}
READ_WORD: Final[dict[Meaning, Callable[[DateReader, int | str], int]]] = {
    Meaning.MONTH: lambda reader, value: reader.read_month(value),
    Meaning.WEEKDAY: lambda _reader, _value: WEEKDAY,
    Meaning.ERA: lambda reader, value: reader.read_era(value),
    Meaning.MERIDIAN: lambda reader, value: reader.read_meridian(value),
    Meaning.MOMENT: lambda reader, value: reader.read_moment(value),
    Meaning.UNIT: lambda reader, value: reader.read_unit_word(value),
    Meaning.TIME_FOLLOWS: lambda reader, value: reader.read_t(value),
    Meaning.SUMMER_TIME: lambda reader, value: reader.read_summer_time(value),
    Meaning.NOTHING: lambda _reader, _value: 0,
}
assert set(READ_FIELD) == set(Kind)
assert set(READ_WORD) == set(Meaning)
