"""to_date and to_timestamp: dates and times read as a template shows them.

Rule 1: a separator or blank of the template stands for one of the text, or for none; blanks before and
        after a field count for nothing. After FX every character stands for one.
Rule 2: a number that digits may follow has the width of its keyword, others as many digits as there are.
Rule 3: standard templates, those of jsonpath, must match to the letter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from server.errors import (
    DatetimeFieldOverflow,
    FeatureNotSupported,
    InvalidDatetimeFormat,
    InvalidTimeZoneDisplacementValue,
)
from server.functions.format_templates import MONTHS, ROMAN_MONTHS, WEEKDAYS, Part, date_parts
from server.types.calendar import (
    JULIAN_OF_EPOCH,
    US_PER_DAY,
    US_PER_SECOND,
    date_of,
    days_of,
    is_valid_date,
    month_length,
)

GREGORIAN, ISO_WEEK = "gregorian", "iso week"
DAYS_OF_WEEK: Final = 7
INT4_MAX: Final = (1 << 31) - 1
ZONE_HOURS_MAX: Final = 15
STANDARD_SEPARATORS: Final = "-./,':; "
_INTEGER: Final = re.compile(r"\s*[+-]?\d+")
_DIGITS: Final = re.compile(r"\s*[+-]?\d*")
_COMMA_YEAR: Final = re.compile(r"\s*([+-]?\d+),([+-]?\d{1,3})")

# keyword: where its number goes, and how wide it is
_NUMBERS: Final[dict[str, tuple[str, int]]] = {
    "HH": ("hour", 2), "HH12": ("hour", 2), "HH24": ("hour", 2), "MI": ("minute", 2),
    "SS": ("second", 2), "SSSS": ("seconds", 4), "SSSSS": ("seconds", 5), "MM": ("month", 2),
    "DD": ("day", 2), "DDD": ("day_of_year", 3), "IDDD": ("day_of_year", 3), "D": ("weekday", 1),
    "ID": ("weekday", 1), "W": ("week_of_month", 1), "WW": ("week", 2), "IW": ("week", 2),
    "CC": ("century", 2), "J": ("julian", 1), "Q": ("", 1), "YYYY": ("year", 4),
    "IYYY": ("year", 4), "YYY": ("year", 3), "IYY": ("year", 3), "YY": ("year", 2),
    "IY": ("year", 2), "Y": ("year", 1), "I": ("year", 1), "TZM": ("zone_minutes", 2),
}  # fmt: skip
_FRACTIONS: Final = {"MS": 3, "US": 6, **{f"FF{digits}": digits for digits in range(1, 7)}}
_MODES: Final = {
    **dict.fromkeys(("DD", "DDD", "D", "MM", "MONTH", "MON", "RM", "W", "WW"), GREGORIAN),
    **dict.fromkeys(("YYYY", "YYY", "YY", "Y", "Y,YYY"), GREGORIAN),
    **dict.fromkeys(("ID", "IDDD", "IW", "IYYY", "IYY", "IY", "I"), ISO_WEEK),
}
_WORDS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    **dict.fromkeys(("AM", "PM"), ("is_pm", ("am", "pm"))),
    **dict.fromkeys(("A.M.", "P.M."), ("is_pm", ("a.m.", "p.m."))),
    **dict.fromkeys(("AD", "BC"), ("is_bc", ("ad", "bc"))),
    **dict.fromkeys(("A.D.", "B.C."), ("is_bc", ("a.d.", "b.c."))),
    "MONTH": ("month", MONTHS),
    "MON": ("month", tuple(name[:3] for name in MONTHS)),
    "DAY": ("weekday", WEEKDAYS),
    "DY": ("weekday", tuple(name[:3] for name in WEEKDAYS)),
    "RM": ("month", tuple(reversed(ROMAN_MONTHS))),
}
_YEAR_DIGITS: Final = {
    "YYYY": 4, "IYYY": 4, "YYY": 3, "IYY": 3, "YY": 2, "IY": 2, "Y": 1, "I": 1
}  # fmt: skip


@dataclass(slots=True)
class Read:
    """What a text says about a moment: numbers by their meaning, 0 where it says nothing."""

    numbers: dict[str, int] = field(default_factory=dict)
    mode: str = ""
    is_twelve_hours: bool = False
    year_digits: int = 0
    zone_sign: int = 0
    precision: int = 6

    def get(self, name: str) -> int:
        """A number."""
        return self.numbers.get(name, 0)


class Reader:
    """Reads a text along the parts of a template."""

    def __init__(self, text: str, template: str, is_standard: bool) -> None:
        self.text = text
        self.at = 0
        self.parts = date_parts(template)
        self.read = Read()
        self.is_standard = is_standard
        self.is_fixed = is_standard
        self.skipped = 0  # characters beyond those that the template has

    def run(self) -> Read:
        """Read everything that the template names."""
        if self.is_standard:
            self._check_template()
        done = 0
        for index, part in enumerate(self.parts):
            if self.at >= len(self.text):
                break
            done = index + 1
            is_field = part.keyword not in ("", "FX")
            if not self.is_fixed and (is_field or (index == 0 and part.keyword != "FX")):
                self.skipped += self._skip_blanks()
            if not part.keyword:
                self._literal(part)
                continue
            self._field(part, index)
            if not self.is_fixed:
                self.skipped = self._skip_blanks()
        if self.is_standard:
            self._check_end(done)
        return self.read

    # Standard templates.

    def _check_template(self) -> None:
        for part in self.parts:
            if not part.keyword and not part.quoted and part.text not in STANDARD_SEPARATORS:
                raise InvalidDatetimeFormat(f'invalid datetime format separator: "{part.text}"')

    def _check_end(self, done: int) -> None:
        if done < len(self.parts):
            raise InvalidDatetimeFormat("input string is too short for datetime format")
        self._skip_blanks()
        if self.at < len(self.text):
            raise InvalidDatetimeFormat(
                "trailing characters remain in input string after datetime format"
            )

    # Literal text.

    def _skip_blanks(self) -> int:
        start = self.at
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1
        return self.at - start

    def _literal(self, part: Part) -> None:
        for character in part.text:
            if self.at >= len(self.text):
                return
            if not part.quoted and (character.isspace() or _is_separator(character)):
                self._separator(character)
            else:
                self._character(character)

    def _separator(self, character: str) -> None:
        here = self.text[self.at]
        if self.is_standard and here != character:
            raise InvalidDatetimeFormat(f'unmatched format separator "{character}"')
        if self.is_fixed:
            self.at += 1
            return
        self.skipped -= 1
        if here.isspace() or _is_separator(here):
            self.at += 1
            self.skipped += 1

    def _character(self, character: str) -> None:
        if self.is_standard and self.text[self.at] != character:
            raise InvalidDatetimeFormat(f'unmatched format character "{character}"')
        if not self.is_fixed and self.skipped > 0:
            self.skipped -= 1
        else:
            self.at += 1

    # Fields.

    def _field(self, part: Part, index: int) -> None:
        keyword = part.keyword.upper()
        mode = _MODES.get(keyword, "")
        if mode and self.read.mode not in ("", mode):
            raise InvalidDatetimeFormat(
                "invalid combination of date conventions",
                hint="Do not mix Gregorian and ISO week date conventions in a formatting template.",
            )
        self.read.mode = self.read.mode or mode
        if keyword == "FX":
            self.is_fixed = True
        elif keyword in ("TZ", "OF"):
            raise FeatureNotSupported(
                f'formatting field "{part.text}" is only supported in to_char'
            )
        elif keyword == "TZH":
            self._zone_hours(part, index)
        elif keyword == "Y,YYY":
            self._comma_year(part)
        elif keyword in _WORDS:
            self._word(part, keyword)
        elif keyword in _FRACTIONS:
            self._fraction(part, index, keyword)
        else:
            self._number(part, index, keyword)
        if part.suffix:
            self.at += 2

    def _set(self, part: Part, name: str, value: int) -> None:
        known = self.read.get(name)
        if known not in (0, value):
            raise InvalidDatetimeFormat(
                f'conflicting values for "{part.text}" field in formatting string',
                detail="This value contradicts a previous setting for the same field type.",
            )
        self.read.numbers[name] = value

    def _word(self, part: Part, keyword: str) -> None:
        name, words = _WORDS[keyword]
        rest = self.text[self.at :].lower()
        number = next((at for at, word in enumerate(words) if rest.startswith(word.lower())), -1)
        if number < 0:
            raise InvalidDatetimeFormat(
                f'invalid value "{_first_word(self.text[self.at :])}" for "{part.text}"',
                detail="The given value did not match any of the allowed values for this field.",
            )
        self.at += len(words[number])
        if keyword == "RM":
            number = len(words) - number
        elif name in ("month", "weekday"):
            number += 1
        self.read.is_twelve_hours |= name == "is_pm"
        self._set(part, name, number)

    def _zone_hours(self, part: Part, index: int) -> None:
        if self.text[self.at] in "+- ":
            self.read.zone_sign = -1 if self.text[self.at] == "-" else 1
            self.at += 1
        else:
            was_minus = self.skipped > 0 and self.text[self.at - 1 : self.at] == "-"
            self.read.zone_sign = -1 if was_minus else 1
        self._set(part, "zone_hours", self._integer(part, index, 2)[0])

    def _comma_year(self, part: Part) -> None:
        match = _COMMA_YEAR.match(self.text, self.at)
        if match is None:
            raise InvalidDatetimeFormat('invalid input string for "Y,YYY"')
        self.at = match.end()
        self._set(part, "year", int(match[2]) + int(match[1]) * 1000)
        self.read.year_digits = 4

    def _fraction(self, part: Part, index: int, keyword: str) -> None:
        width = _FRACTIONS[keyword]
        number, length = self._integer(part, index, width)
        if keyword == "MS":
            self._set(part, "milliseconds", number)
            self.read.numbers["milliseconds"] *= 10 ** max(3 - length, 0)
            return
        self._set(part, "microseconds", number)
        self.read.numbers["microseconds"] *= 10 ** max(6 - length, 0)
        if keyword.startswith("FF"):
            self.read.precision = width

    def _number(self, part: Part, index: int, keyword: str) -> None:
        name, width = _NUMBERS[keyword]
        number, length = self._integer(part, index, width)
        if keyword in _YEAR_DIGITS:
            self.read.year_digits = _YEAR_DIGITS[keyword]
            if self.read.year_digits < 4 and length < 4:
                self._set(part, name, number)
                self.read.numbers[name] = _full_year(number)
                return
        elif keyword == "ID":
            self._set(part, name, number)
            self.read.numbers[name] = number + 1 if number < DAYS_OF_WEEK else 1
            return
        elif keyword == "TZM":
            self.read.zone_sign = self.read.zone_sign or 1
        self.read.is_twelve_hours |= keyword in ("HH", "HH12")
        if name:
            self._set(part, name, number)

    def _integer(self, part: Part, index: int, width: int) -> tuple[int, int]:
        """A number and how many characters it took."""
        start = self.at
        if part.fill or self._ends_digits(part, index):
            match = _INTEGER.match(self.text, start)
            if match is not None:
                self.at = match.end()
                return self._checked(part, int(match[0])), self.at - start
            self._refuse(part, _cut(self.text[start:].lstrip(), width), "Value must be an integer.")
        self._skip_blanks()
        rest = self.text[self.at :]
        piece = _cut(rest, width)
        remaining = len(rest) if rest.isascii() else len(rest.encode())
        hint = 'If your source string is not fixed-width, try using the "FM" modifier.'
        if remaining < width:
            raise InvalidDatetimeFormat(
                f'source string too short for "{part.text}" formatting field',
                detail=f"Field requires {width} characters, but only {remaining} remain.",
                hint=hint,
            )
        match = _INTEGER.match(piece)
        used = 0 if match is None else match.end()
        if match is None:
            self._refuse(part, piece, "Value must be an integer.")
        elif used < width:
            detail = f"Field requires {width} characters, but only {used} could be parsed."
            raise InvalidDatetimeFormat(
                f'invalid value "{piece}" for "{part.text}"', detail=detail, hint=hint
            )
        self.at += used
        assert match is not None
        return self._checked(part, int(match[0])), self.at - start

    def _refuse(self, part: Part, found: str, detail: str) -> None:
        raise InvalidDatetimeFormat(f'invalid value "{found}" for "{part.text}"', detail=detail)

    def _checked(self, part: Part, number: int) -> int:
        if not -INT4_MAX - 1 <= number <= INT4_MAX:
            raise DatetimeFieldOverflow(
                f'value for "{part.text}" in source string is out of range',
                detail=f"Value must be in the range {-INT4_MAX - 1} to {INT4_MAX}.",
            )
        return number

    def _ends_digits(self, part: Part, index: int) -> bool:
        """Whether no digit of another field can follow the number of a part."""
        if part.suffix or index + 1 == len(self.parts):
            return True
        following = self.parts[index + 1]
        if following.keyword:
            keyword = following.keyword.upper()
            return not (keyword in _NUMBERS or keyword in _FRACTIONS or keyword == "Y,YYY")
        return not following.text[:1].isdigit()


def _cut(text: str, width: int) -> str:
    """So many bytes of a text, as PostgreSQL counts; part of a character at the end can only be hinted at."""
    return text[:width].encode()[:width].decode(errors="replace")


def _is_separator(character: str) -> bool:
    return " " < character < "\x7f" and not character.isalnum()


def _first_word(text: str) -> str:
    return re.split(r"[ \t\n\r\f\v]", text, maxsplit=1)[0]


def _full_year(number: int) -> int:
    """The year nearest to 2020 that ends in the digits."""
    for limit, offset in ((70, 2000), (100, 1900), (520, 2000), (1000, 1000)):
        if number < limit:
            return number + offset
    return number


def _out_of_range(text: str) -> DatetimeFieldOverflow:
    return DatetimeFieldOverflow(f'date/time field value out of range: "{text}"')


def _time_of(read: Read, text: str) -> int:
    """The time of day in microseconds."""
    minute, second = divmod(read.get("seconds"), 60)
    hour, minute = divmod(minute, 60)
    second = read.get("second") or second
    minute = read.get("minute") or minute
    hour = read.get("hour") or hour
    if read.is_twelve_hours:
        if not 1 <= hour <= 12:
            raise InvalidDatetimeFormat(
                f'hour "{hour}" is invalid for the 12-hour clock',
                hint="Use the 24-hour clock, or give an hour between 1 and 12.",
            )
        hour = hour % 12 + 12 * read.get("is_pm")
    fraction = read.get("milliseconds") * 1000 + read.get("microseconds")
    in_range = 0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60
    if not in_range or not 0 <= fraction < US_PER_SECOND:
        raise _out_of_range(text)
    return ((hour * 60 + minute) * 60 + second) * US_PER_SECOND + fraction


def _year_of(read: Read) -> int:
    """The astronomical year, 0 where nothing is said of it."""
    year, century = read.get("year"), read.get("century")
    century = -century if read.get("is_bc") else century
    if not year:
        if not century:
            return 0
        return (century - 1) * 100 + 1 if century > 0 else century * 100 + 1
    if century and read.year_digits <= 2:
        year %= 100
        if not year:
            return century * 100 + (0 if century >= 0 else 1)
        return (century - 1) * 100 + year if century >= 0 else (century + 1) * 100 - year + 1
    year = -year if read.get("is_bc") else year
    return year + 1 if year < 0 else year


def _monday(year: int, week: int) -> int:
    """The first day of a week of an ISO year, in days since 2000-01-01."""
    fourth = days_of(year, 1, 4)
    return (week - 1) * 7 + fourth - (fourth + 5) % 7


@dataclass(slots=True)
class _Date:
    """A date while it is put together, and what of it has been said."""

    year: int
    month: int = 1
    day: int = 1
    said: frozenset[str] = frozenset()

    def take(self, days: int) -> None:
        """Become the date of a day."""
        self.year, self.month, self.day = date_of(days)
        self.said = frozenset(("year", "month", "day"))


def _days_of(read: Read, text: str) -> int:
    date = _Date(_year_of(read))
    if read.get("year") or read.get("century"):
        date.said = frozenset(("year",))
    if read.get("julian"):
        date.take(read.get("julian") - JULIAN_OF_EPOCH)
    day_of_year = read.get("day_of_year")
    if week := read.get("week"):
        if read.mode == ISO_WEEK:
            weekday = read.get("weekday")
            shift = 0 if not weekday else weekday - 2 if weekday > 1 else 6
            date.take(_monday(date.year, week) + shift)
        else:
            day_of_year = (week - 1) * 7 + 1
    if week := read.get("week_of_month"):
        read.numbers["day"] = (week - 1) * 7 + 1
    for name in ("day", "month"):
        if read.get(name):
            setattr(date, name, read.get(name))
            date.said |= {name}
    if day_of_year and (date.month <= 1 or date.day <= 1):
        _take_day_of_year(read, date, day_of_year)
    _validate(date, text)
    return days_of(date.year, date.month, 1) + date.day - 1


def _take_day_of_year(read: Read, date: _Date, day_of_year: int) -> None:
    if not date.year and not read.get("is_bc"):
        raise InvalidDatetimeFormat("cannot calculate day of year without year information")
    if read.mode == ISO_WEEK:
        date.take(_monday(date.year, 1) - 1 + day_of_year)
        return
    month, day = 1, day_of_year
    while month < 13 and day > (length := month_length(date.year, min(month, 12))):
        month, day = month + 1, day - length
    date.month = month if date.month <= 1 else date.month
    date.day = day if date.day <= 1 else date.day
    date.said |= {"month", "day"}


def _validate(date: _Date, text: str) -> None:
    is_month = "month" not in date.said or 1 <= date.month <= 12
    is_day = "day" not in date.said or 1 <= date.day <= 31
    if not is_month or not is_day:
        raise _out_of_range(text)
    if len(date.said) == 3 and date.day > month_length(date.year, date.month):
        raise _out_of_range(text)


_PLAIN: Final = {
    "YYYY": "(?P<year>[0-9]{4})",
    "MM": "(?P<month>[0-9]{2})",
    "DD": "(?P<day>[0-9]{2})",
    "HH24": "(?P<hour>[0-9]{2})",
    "MI": "(?P<minute>[0-9]{2})",
    "SS": "(?P<second>[0-9]{2})",
}


@lru_cache(maxsize=512)
def _plain_pattern(template: str) -> re.Pattern[str] | None:
    """What a text looks like that shows all digits of a template of a date and perhaps a time; None: another one."""
    parts = date_parts(template)
    keywords = [part.keyword for part in parts if part.keyword]
    is_plain = {"YYYY", "MM", "DD"} <= set(keywords) <= set(_PLAIN)
    if not is_plain or len(set(keywords)) < len(keywords) or any(part.suffix for part in parts):
        return None
    texts = [_PLAIN[part.keyword] if part.keyword else re.escape(part.text) for part in parts]
    return re.compile("".join(texts))


def _plain_moment(text: str, template: str) -> tuple[int, int] | None:
    """Days, and microseconds of the day, of a text in the plainest form; None leaves it to the Reader."""
    pattern = _plain_pattern(template)
    match = None if pattern is None else pattern.fullmatch(text)
    if match is None:
        return None
    found = {name: int(digits) for name, digits in match.groupdict().items()}
    year, month, day = found["year"], found["month"], found["day"]
    if not (year and 1 <= month <= 12 and 1 <= day <= month_length(year, month)):
        return None
    hour, minute, second = found.get("hour", 0), found.get("minute", 0), found.get("second", 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    return days_of(year, month, day), ((hour * 60 + minute) * 60 + second) * US_PER_SECOND


def parse_date(text: str, template: str) -> int:
    """The date that a text shows."""
    plain = _plain_moment(text, template)
    if plain is not None:
        return plain[0]
    read = Reader(text, template, False).run()
    days = _days_of(read, text)
    _time_of(read, text)
    _zone_of(read, text)
    if not is_valid_date(days):
        raise DatetimeFieldOverflow(f'date out of range: "{text}"')
    return days


def parse_moment(text: str, template: str, is_standard: bool = False) -> tuple[int, int | None]:
    """The local time that a text shows, and the offset in seconds east if it shows one."""
    plain = None if is_standard else _plain_moment(text, template)
    if plain is not None:
        return plain[0] * US_PER_DAY + plain[1], None
    read = Reader(text, template, is_standard).run()
    local = _days_of(read, text) * US_PER_DAY + _time_of(read, text)
    if read.precision < 6:
        unit = 10 ** (6 - read.precision)
        local = (local + unit // 2) // unit * unit
    return local, _zone_of(read, text)


def _zone_of(read: Read, text: str) -> int | None:
    """The offset in seconds east, if a text shows one."""
    if not read.zone_sign:
        return None
    hours, minutes = read.get("zone_hours"), read.get("zone_minutes")
    if not 0 <= hours <= ZONE_HOURS_MAX or not 0 <= minutes < 60:
        raise InvalidTimeZoneDisplacementValue(f'time zone displacement out of range: "{text}"')
    return read.zone_sign * (hours * 3600 + minutes * 60)
