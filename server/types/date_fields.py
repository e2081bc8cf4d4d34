"""Splits the text of a date, time or interval into fields, and knows the words that may be in it.

What a field is, its characters alone tell; what it means, the reader decides from left to right.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

FIELDS_MAX: Final = 25
WORD_MAX: Final = 10  # letters of a word that count


class Kind(Enum):
    """What a field looks like."""

    NUMBER = auto()  # 2001 or 20.5
    WORD = auto()  # january
    DATE = auto()  # 2001-02-03, 3-feb-2001, america/new_york
    TIME = auto()  # 04:05:06.789
    ZONE = auto()  # +02:30
    SPECIAL = auto()  # -infinity


class Meaning(Enum):
    """What a word means."""

    MONTH = auto()
    WEEKDAY = auto()
    ERA = auto()
    MERIDIAN = auto()
    MOMENT = auto()  # now, today, epoch, infinity
    UNIT = auto()  # of the number that follows: y2001m02d04
    TIME_FOLLOWS = auto()
    SUMMER_TIME = auto()
    NOTHING = auto()


Field = tuple[Kind, str]

_MONTHS: Final = (
    "jan january",
    "feb february",
    "mar march",
    "apr april",
    "may",
    "jun june",
    "jul july",
    "aug august",
    "sep sept september",
    "oct october",
    "nov november",
    "dec december",
)
_WEEKDAYS: Final = (
    "sun sunday",
    "mon monday",
    "tue tues tuesday",
    "wed weds wednesday",
    "thu thur thurs thursday",
    "fri friday",
    "sat saturday",
)
_MOMENTS: Final = "-infinity allballs epoch infinity now today tomorrow yesterday"
_UNITS: Final = {
    "d": "day",
    "h": "hour",
    "j": "julian",
    "jd": "julian",
    "julian": "julian",
    "m": "month",
    "mm": "minute",
    "s": "second",
    "y": "year",
}
WORDS: Final[dict[str, tuple[Meaning, int | str]]] = {
    **{
        word: (Meaning.MONTH, number)
        for number, words in enumerate(_MONTHS, 1)
        for word in words.split()
    },
    **{
        word: (Meaning.WEEKDAY, number)
        for number, words in enumerate(_WEEKDAYS)
        for word in words.split()
    },
    **{word: (Meaning.MOMENT, word) for word in _MOMENTS.split()},
    **{word: (Meaning.UNIT, unit) for word, unit in _UNITS.items()},
    "ad": (Meaning.ERA, "ad"),
    "bc": (Meaning.ERA, "bc"),
    "am": (Meaning.MERIDIAN, "am"),
    "pm": (Meaning.MERIDIAN, "pm"),
    "t": (Meaning.TIME_FOLLOWS, "time"),
    "dst": (Meaning.SUMMER_TIME, 3600),
    "at": (Meaning.NOTHING, ""),
    "on": (Meaning.NOTHING, ""),
}


def meaning_of(word: str) -> tuple[Meaning, int | str] | None:
    """Look up a word in lower case."""
    return WORDS.get(word[:WORD_MAX])


class BadFormat(Exception):
    """The text cannot be split, or its fields make no sense together."""


_SPACES: Final = re.compile(r"[ \t\n\v\f\r]+")
_DIGITS: Final = re.compile(r"[0-9]+")
_TIME: Final = re.compile(r"[0-9]+:[0-9:.]*")
# Digits, a separator, and a second part; a third part only behind the same separator.
_NUMERIC_DATE: Final = re.compile(r"[0-9]+([-/.])([0-9]+)(?:\1[0-9]*(?:\1[0-9]*)*)?")
_DATE_WITH_WORDS: Final = re.compile(r"[0-9]+([-/.])(?:[0-9a-zA-Z]|\1)*")
_FRACTION: Final = re.compile(r"\.[0-9]*")
_WORD: Final = re.compile(r"[a-zA-Z]+")
_NAME_WITH_MARKS: Final = re.compile(r"[a-zA-Z0-9+\-/_.:]+")
_SIGNED: Final = re.compile(r"([+-])[ \t\n\v\f\r]*(?:([0-9][0-9:.\-]*)|([a-zA-Z]+))")
_PUNCTUATION: Final = frozenset("!\"#$%&'()*,./:;<=>?@[\\]^_`{|}~")


def split_fields(text: str) -> list[Field]:
    """Split the text into fields, letters in lower case."""
    fields: list[Field] = []
    at = 0
    while at < len(text):
        character = text[at]
        space = _SPACES.match(text, at)
        if space is not None:
            at = space.end()
            continue
        field, end = _next_field(text, at, character)
        if field is not None:
            fields.append(field)
            if len(fields) > FIELDS_MAX:
                raise BadFormat
        at = end
    return fields


def _next_field(text: str, at: int, character: str) -> tuple[Field | None, int]:
    if character in "0123456789":
        return _number_field(text, at)
    if character == "." and (match := _FRACTION.match(text, at)):
        return (Kind.NUMBER, match[0]), match.end()
    if match := _WORD.match(text, at):
        return _word_field(text, at, match)
    if character in "+-":
        match = _SIGNED.match(text, at)
        if match is None:
            raise BadFormat
        kind = Kind.ZONE if match[2] else Kind.SPECIAL
        return (kind, match[1] + (match[2] or match[3].lower())), match.end()
    if character in _PUNCTUATION:
        return None, at + 1
    raise BadFormat


def _number_field(text: str, at: int) -> tuple[Field, int]:
    if match := _TIME.match(text, at):
        return (Kind.TIME, match[0]), match.end()
    if match := _NUMERIC_DATE.match(text, at):
        is_decimal = match[1] == "." and match[0].count(".") == 1
        return (Kind.NUMBER if is_decimal else Kind.DATE, match[0]), match.end()
    if match := _DATE_WITH_WORDS.match(text, at):
        return (Kind.DATE, match[0].lower()), match.end()
    match = _DIGITS.match(text, at)
    assert match is not None
    return (Kind.NUMBER, match[0]), match.end()


def _word_field(text: str, at: int, match: re.Match[str]) -> tuple[Field, int]:
    """Take letters; with marks or digits behind them, a date or the name of a zone."""
    word = match[0].lower()
    following = text[match.end() : match.end() + 1]
    is_longer = following and (
        following in "-/." or (following in "+0123456789" and meaning_of(word) is None)
    )
    if not is_longer:
        return (Kind.WORD, word), match.end()
    longer = _NAME_WITH_MARKS.match(text, at)
    assert longer is not None
    return (Kind.DATE, longer[0].lower()), longer.end()
