"""Templates of to_char and its kin: cut into keywords and literal text.

Keywords are found greedily, the longest first. FM (fill mode) and TH (ordinal suffix) change the
keyword beside them; text in double quotes stands for itself.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple


def words(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


DATE_KEYWORDS: Final = words(
    "A.D. A.M. AD AM B.C. BC CC D DAY DD DDD DY Day Dy FF1 FF2 FF3 FF4 FF5 FF6 FX HH HH12 "
    "HH24 I ID IDDD IW IYY IYYY IY J MI MM MON MONTH MS Mon Month OF P.M. PM Q RM SS SSSS "
    "SSSSS TZH TZM TZ US W WW Y Y,YYY YY YYY YYYY a.d. a.m. ad am b.c. bc cc d day dd ddd dy "
    "ff1 ff2 ff3 ff4 ff5 ff6 fx hh hh12 hh24 i id iddd iw iyy iyyy iy j mi mm mon month ms of "
    "p.m. pm q rm ss ssss sssss tz tzh tzm us w ww y y,yyy yy yyy yyyy "
)
NUMBER_KEYWORDS: Final = words(
    ", . 0 9 B C D EEEE G L MI PL PR RN S SG SP TH V b c d eeee g l mi pl pr rn s sg sp th v rn"
)
CASED: Final = frozenset(
    {
        "A.D.",
        "A.M.",
        "AD",
        "AM",
        "B.C.",
        "BC",
        "DAY",
        "DY",
        "Day",
        "Dy",
        "MON",
        "MONTH",
        "Mon",
        "Month",
    }
    | {
        "P.M.",
        "PM",
        "RM",
        "TZ",
        "a.d.",
        "a.m.",
        "ad",
        "am",
        "b.c.",
        "bc",
        "day",
        "dy",
        "mon",
        "month",
    }
    | {"p.m.", "pm", "rm", "tz"}
)
"""Keywords whose case is that of the result."""


class Part(NamedTuple):
    """A keyword (upper-case unless cased), or literal text under the keyword ''."""

    keyword: str
    text: str = ""
    fill: bool = False  # FM
    suffix: str = ""  # TH or th
    spelled: bool = False  # TM
    quoted: bool = False  # literal text that was in quotes


def _longest(template: str, position: int, keywords: tuple[str, ...]) -> str:
    return next((word for word in keywords if template.startswith(word, position)), "")


_DATE_ORDER: Final = tuple(sorted(set(DATE_KEYWORDS), key=len, reverse=True))


@lru_cache(maxsize=512)
def date_parts(template: str) -> tuple[Part, ...]:
    """The parts of a template for dates and times."""
    parts: list[Part] = []
    position, fill, spelled = 0, False, False
    while position < len(template):
        two = template[position : position + 2].upper()
        if two in ("FM", "TM"):
            fill, spelled = fill or two == "FM", spelled or two == "TM"
            position += 2
            continue
        word = _longest(template, position, _DATE_ORDER)
        if not word:
            is_quoted = template[position] in ('"', "\\")
            text, position = _literal(template, position)
            parts.append(Part("", text, quoted=is_quoted))
            continue
        position += len(word)
        suffix = template[position : position + 2]
        if suffix not in ("TH", "th"):
            suffix = ""
        position += len(suffix)
        keyword = word if word in CASED else word.upper()
        parts.append(Part(keyword, word, fill, suffix, spelled))
        fill = spelled = False
    return tuple(parts)


def _literal(template: str, position: int) -> tuple[str, int]:
    character = template[position]
    if character == '"':
        return quoted(template, position + 1)
    if character == "\\" and template[position + 1 : position + 2] == '"':
        return '"', position + 2
    return character, position + 1


def quoted(template: str, position: int) -> tuple[str, int]:
    """The text up to a closing quote, in which a backslash escapes, and the place behind it."""
    text: list[str] = []
    while position < len(template):
        character = template[position]
        if character == '"':
            return "".join(text), position + 1
        if character == "\\" and position + 1 < len(template):
            position += 1
            character = template[position]
        text.append(character)
        position += 1
    return "".join(text), position


ROMAN_MONTHS: Final = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
MONTHS: Final = words(
    "January February March April May June July August September October November December"
)
WEEKDAYS: Final = words("Sunday Monday Tuesday Wednesday Thursday Friday Saturday")


def ordinal(digits: str) -> str:
    """The English suffix of an ordinal number."""
    number = digits.lstrip("-").lstrip("0") or "0"
    if number[-2:-1] == "1" and len(number) > 1:
        return "th"
    return {"1": "st", "2": "nd", "3": "rd"}.get(number[-1], "th")
