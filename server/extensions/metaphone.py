"""Metaphone (Lawrence Philips, 1990): what an English word sounds like, in sixteen consonants.

Rule 1: for each letter the first rule that holds says what is heard and how many letters it is about.
Rule 2: letters that come twice are heard once, but C; vowels are heard at the beginning alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

VOWELS: Final = "AEIOU"
SOFTENING: Final = "EIY"


@dataclass(slots=True)
class Letters:
    """A word in capitals and the place that is looked at."""

    text: str
    place: int = 0

    def at(self, offset: int) -> str:
        """The letter at an offset from the place, a blank if there is none."""
        place = self.place + offset
        return self.text[place] if 0 <= place < len(self.text) else " "

    def is_end(self, offset: int) -> bool:
        """Whether no letter stands there."""
        return not _is_letter(self.at(offset))


def _is_letter(letter: str) -> bool:
    return letter.isascii() and letter.isalpha()


@dataclass(frozen=True, slots=True)
class Heard:
    """What is heard of a letter where a condition holds."""

    when: Callable[[Letters], bool]
    code: str
    step: int = 1


def _always(_word: Letters) -> bool:
    return True


def _next(*letters: str) -> Callable[[Letters], bool]:
    """Whether the next letters are each among those given for their place."""
    return lambda word: all(word.at(place) in some for place, some in enumerate(letters, 1))


def _plain(code: str) -> tuple[Heard, ...]:
    return (Heard(_always, code),)


FIRST: Final[dict[str, tuple[Heard, ...]]] = {
    "A": (Heard(_next("E"), "E", 2), Heard(_always, "A")),
    **dict.fromkeys("GKP", (Heard(_next("N"), "N", 2),)),
    "X": _plain("S"),
    **{vowel: _plain(vowel) for vowel in "EIOU"},
    "W": (
        Heard(_next("R"), "R", 2),
        Heard(_next("H"), "H", 2),
        Heard(_next(VOWELS), "W", 2),
        Heard(_always, ""),
    ),
}
"""What is heard of first letters; others are heard as they are within a word."""


def _is_gh_heard(word: Letters) -> bool:
    return word.at(1) == "H" and not (word.at(-3) in "BDH" or word.at(-4) == "H")


def _is_signed(word: Letters) -> bool:
    is_past = word.at(2) == "E" and word.at(3) == "D"
    return word.at(1) == "N" and (word.is_end(2) or is_past)


RULES: Final[dict[str, tuple[Heard, ...]]] = {
    "B": (Heard(lambda w: w.at(-1) == "M", ""), *_plain("B")),
    "C": (
        Heard(_next("I", "A"), "X"),
        Heard(lambda w: w.at(1) in SOFTENING and w.at(-1) == "S", ""),
        Heard(_next(SOFTENING), "S"),
        Heard(lambda w: w.at(1) == "H" and (w.at(2) == "R" or w.at(-1) == "S"), "K", 2),
        Heard(_next("H"), "X", 2),
        *_plain("K"),
    ),
    "D": (Heard(_next("G", SOFTENING), "J", 2), *_plain("T")),
    "F": _plain("F"),
    "G": (
        Heard(_is_gh_heard, "F", 2),
        Heard(_next("H"), ""),
        Heard(_is_signed, ""),
        Heard(_next("N"), "K"),
        Heard(lambda w: w.at(1) in SOFTENING and w.at(-1) != "G", "J"),
        *_plain("K"),
    ),
    "H": (Heard(lambda w: w.at(1) in VOWELS and w.at(-1) not in "CGPST", "H"),),
    "J": _plain("J"),
    "K": (Heard(lambda w: w.at(-1) != "C", "K"),),
    "L": _plain("L"),
    "M": _plain("M"),
    "N": _plain("N"),
    "P": (Heard(_next("H"), "F"), *_plain("P")),
    "Q": _plain("K"),
    "R": _plain("R"),
    "S": (
        Heard(_next("I", "OA"), "X"),
        Heard(_next("H"), "X", 2),
        Heard(_next("C", "H", "W"), "X", 3),
        *_plain("S"),
    ),
    "T": (
        Heard(_next("I", "OA"), "X"),
        Heard(_next("H"), "0", 2),
        *_plain("T"),
    ),
    "V": _plain("F"),
    "W": (Heard(_next(VOWELS), "W"),),
    "X": _plain("KS"),
    "Y": (Heard(_next(VOWELS), "Y"),),
    "Z": _plain("S"),
}
NOTHING: Final = Heard(_always, "")


def metaphone(text: str, most: int) -> str:
    """The code of a word, with so many letters at most."""
    word = Letters(text.upper())
    while word.place < len(word.text) and not _is_letter(word.at(0)):
        word.place += 1
    code = ""
    heard = _heard(FIRST, word)
    if heard is not NOTHING:
        code, word.place = heard.code, word.place + heard.step
    while word.place < len(word.text) and len(code) < most:
        letter = word.at(0)
        if letter == word.at(-1) and letter != "C":
            word.place += 1
            continue
        heard = _heard(RULES, word)
        code += heard.code
        word.place += heard.step
    return code[:most]


def _heard(rules: dict[str, tuple[Heard, ...]], word: Letters) -> Heard:
    found = (each for each in rules.get(word.at(0), ()) if each.when(word))
    return next(found, NOTHING)
