"""to_date and to_timestamp: dates and times read as a template shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from server.errors import DatetimeFieldOverflow, InvalidDatetimeFormat
from server.functions.format_templates import MONTHS, ROMAN_MONTHS, WEEKDAYS, Part, date_parts
from server.types.calendar import (
    JULIAN_OF_EPOCH,
    US_PER_DAY,
    US_PER_SECOND,
    days_of,
    month_length,
    weekday_of,
)

_WIDTHS: Final = {
    "HH": 2, "HH12": 2, "HH24": 2, "MI": 2, "SS": 2, "MS": 3, "US": 6, "SSSS": 5, "SSSSS": 5,
    "YYYY": 4, "YYY": 3, "YY": 2, "Y": 1, "IYYY": 4, "IYY": 3, "IY": 2, "I": 1, "MM": 2, "DD": 2,
    "DDD": 3, "IDDD": 3, "D": 1, "ID": 1, "W": 1, "WW": 2, "IW": 2, "CC": 2, "J": 7, "Q": 1,
    **{f"FF{digits}": digits for digits in range(1, 7)},
}  # fmt: skip
_LETTERS: Final = re.compile(r"[A-Za-z]+")


@dataclass(slots=True)
class Read:
    """What a text says about a moment; None where it says nothing."""

    fields: dict[str, int]
    is_pm: bool | None = None
    is_bc: bool = False
    offset_sign: int = 1


class Reader:
    """Reads a text along the parts of a template."""

    def __init__(self, text: str, template: str) -> None:
        self.text = text
        self.position = 0
        self.parts = date_parts(template)
        self.read = Read({})

    def run(self) -> Read:
        """Read everything that the template names."""
        for index, part in enumerate(self.parts):
            if not part.keyword:
                self._skip_literal(part.text)
                continue
            self._skip_blanks()
            if self.position >= len(self.text):
                break
            following = self.parts[index + 1] if index + 1 < len(self.parts) else None
            self._field(part, following)
            if part.suffix:
                self.position += 2
        return self.read

    def _skip_blanks(self) -> None:
        while self.text[self.position : self.position + 1].isspace():
            self.position += 1

    def _skip_literal(self, literal: str) -> None:
        for character in literal:
            self._skip_blanks()
            at = self.text[self.position : self.position + 1]
            if at and (at == character or (not at.isalnum() and not character.isalnum())):
                if at in "+-" and at != character:
                    continue
                self.position += 1
            elif at and character.isalnum():
                self.position += 1

    def _field(self, part: Part, following: Part | None) -> None:
        keyword = part.keyword
        upper = keyword.upper()
        if upper in ("MONTH", "MON"):
            self.read.fields["MM"] = self._name(MONTHS, upper == "MON", part) + 1
        elif upper in ("DAY", "DY"):
            self._name(WEEKDAYS, upper == "DY", part)
        elif upper == "RM":
            self.read.fields["MM"] = self._roman(part) + 1
        elif upper.replace(".", "") in ("AM", "PM"):
            self.read.is_pm = self._word(("am", "pm")) == "pm"
        elif upper.replace(".", "") in ("AD", "BC"):
            self.read.is_bc = self._word(("ad", "bc")) == "bc"
        elif upper in ("TZH", "TZM", "OF"):
            self._offset(upper)
        elif upper == "Y,YYY":
            self._comma_year()
        elif upper in _WIDTHS:
            self._number(part, following)

    def _name(self, names: tuple[str, ...], short: bool, part: Part) -> int:
        rest = self.text[self.position :].lower()
        for index, name in enumerate(names):
            shown = name[:3] if short else name
            if rest.startswith(shown.lower()):
                self.position += len(shown)
                return index
        match = _LETTERS.match(self.text, self.position)
        found = match[0] if match else self.text[self.position : self.position + 1]
        raise InvalidDatetimeFormat(
            f'invalid value "{found}" for "{part.text}"',
            detail="The given value did not match any of the allowed values for this field.",
        )

    def _roman(self, part: Part) -> int:
        for index in sorted(range(12), key=lambda i: -len(ROMAN_MONTHS[i])):
            if self.text[self.position :].upper().startswith(ROMAN_MONTHS[index]):
                self.position += len(ROMAN_MONTHS[index])
                return index
        raise InvalidDatetimeFormat(f'invalid value for "{part.text}"')

    def _word(self, words: tuple[str, str]) -> str:
        rest = self.text[self.position :].lower()
        for word in words:
            for form in (".".join(word) + ".", word):
                if rest.startswith(form):
                    self.position += len(form)
                    return word
        raise InvalidDatetimeFormat(
            f'invalid value "{rest[:2]}" for "{words[0].upper()}"',
            detail="The given value did not match any of the allowed values for this field.",
        )

    def _offset(self, keyword: str) -> None:
        match = re.compile(r"([+-]?)(\d{1,2})(?::(\d{2}))?").match(self.text, self.position)
        if match is None:
            return
        self.position = match.end()
        if match[1] == "-":
            self.read.offset_sign = -1
        self.read.fields[keyword] = int(match[2])

    def _comma_year(self) -> None:
        match = re.compile(r"(\d+),(\d{3})").match(self.text, self.position)
        if match is None:
            raise InvalidDatetimeFormat('invalid input string for "Y,YYY"')
        self.position = match.end()
        self.read.fields["YYYY"] = int(match[1] + match[2])

    def _number(self, part: Part, following: Part | None) -> None:
        width: int | None = _WIDTHS[part.keyword]
        packed = following is not None and following.keyword in _WIDTHS
        if part.fill or not packed:
            width = (
                None
                if part.keyword not in ("MS", "US") and not part.keyword.startswith("FF")
                else width
            )
        pattern = re.compile(r"[+-]?\d{1,%s}" % (width or 9))
        match = pattern.match(self.text, self.position)
        if match is None:
            found = self.text[self.position : self.position + _WIDTHS[part.keyword]]
            raise InvalidDatetimeFormat(
                f'invalid value "{found}" for "{part.text}"', detail="Value must be an integer."
            )
        self.position = match.end()
        number = int(match[0])
        digits = len(match[0].lstrip("+-"))
        if part.keyword in ("MS", "US") or part.keyword.startswith("FF"):
            number *= 10 ** max(6 - digits, 0)
            self.read.fields["fraction"] = number
        elif part.keyword in ("Y", "YY", "YYY"):
            self.read.fields["YYYY"] = _full_year(number, digits)
        else:
            self.read.fields[part.keyword] = number


def _full_year(number: int, digits: int) -> int:
    """The year nearest to 2020 that ends in the digits."""
    if digits > 3:
        return number
    if number < 70:
        return number + 2000
    if number < 100:
        return number + 1900
    return number + (2000 if number < 520 else 1000)


def _time_of(read: Read) -> int:
    fields = read.fields
    if "SSSSS" in fields or "SSSS" in fields:
        seconds = fields.get("SSSSS", fields.get("SSSS", 0))
        return seconds * US_PER_SECOND + fields.get("fraction", 0)
    hour = fields.get("HH24", 0)
    twelve = fields.get("HH12", fields.get("HH"))
    if twelve is not None:
        if not 1 <= twelve <= 12:
            raise InvalidDatetimeFormat(
                f'hour "{twelve}" is invalid for the 12-hour clock',
                hint="Use the 24-hour clock, or give an hour between 1 and 12.",
            )
        hour = twelve % 12 + (12 if read.is_pm else 0) if read.is_pm is not None else twelve
    minute, second = fields.get("MI", 0), fields.get("SS", 0)
    if hour > 23 or minute > 59 or second > 59:
        raise _out_of_range(read)
    return ((hour * 60 + minute) * 60 + second) * US_PER_SECOND + fields.get("fraction", 0)


def _out_of_range(read: Read) -> DatetimeFieldOverflow:
    return DatetimeFieldOverflow("date/time field value out of range")


def _days_of(read: Read, text: str) -> int:
    fields = read.fields
    if "J" in fields:
        return fields["J"] - JULIAN_OF_EPOCH
    if {"IYYY", "IYY", "IY", "I"} & fields.keys():
        return _iso_days(fields)
    year = fields.get("YYYY")
    if year is None and "CC" in fields:
        year = (fields["CC"] - 1) * 100 + 1
    year = (1 if read.is_bc else 0) if year is None else year
    year = 1 - year if read.is_bc else year + 1 if year < 0 else year
    if "DDD" in fields:
        return days_of(year, 1, 1) + fields["DDD"] - 1
    if "WW" in fields and "DD" not in fields:
        return days_of(year, 1, 1) + (fields["WW"] - 1) * 7
    month = fields.get("MM", 1)
    day = fields.get("DD", (fields["W"] - 1) * 7 + 1 if "W" in fields else 1)
    if not 1 <= month <= 12 or not 1 <= day <= month_length(year, month):
        raise DatetimeFieldOverflow(f'date/time field value out of range: "{text}"')
    return days_of(year, month, day)


def _iso_days(fields: dict[str, int]) -> int:
    year = next(fields[key] for key in ("IYYY", "IYY", "IY", "I") if key in fields)
    fourth = days_of(year, 1, 4)
    monday = fourth - (weekday_of(fourth) + 6) % 7
    if "IDDD" in fields:
        return monday + fields["IDDD"] - 1
    return monday + (fields.get("IW", 1) - 1) * 7 + fields.get("ID", 1) - 1


def parse_date(text: str, template: str) -> int:
    """The date that a text shows."""
    return _days_of(Reader(text, template).run(), text)


def parse_moment(text: str, template: str) -> tuple[int, int | None]:
    """The local time that a text shows, and the offset in seconds east if it shows one."""
    read = Reader(text, template).run()
    local = _days_of(read, text) * US_PER_DAY + _time_of(read)
    fields = read.fields
    if not {"TZH", "OF"} & fields.keys():
        return local, None
    hours = fields.get("TZH", fields.get("OF", 0))
    return local, read.offset_sign * (hours * 3600 + fields.get("TZM", 0) * 60)
