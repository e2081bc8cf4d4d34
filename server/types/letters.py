"""Letters beyond ASCII, as the locale C.UTF-8 has them: which characters are letters, and their cases.

Rule 1: cases are of single characters: what has no single other form stays as it is, and a sigma is small in one way.
Rule 2: a letter is what Unicode calls alphabetic - marks that spell vowels and circled letters, too - or a digit
        beyond ASCII; numbers that are no digits, as one half, are none.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from functools import cache
from typing import Final

_OTHER_MARKS: Final = """
345 34f 5b0-5bd 5bf 5c1-5c2 5c4-5c5 5c7 610-61a 64b-657 659-65f 670 6d6-6dc 6e1-6e4 6e7-6e8 6ed
711 730-73f 816-817 81b-823 825-827 829-82c 8d4-8df 8e3-8e9 8f0-8ff afd-aff b55 c04 c55-c56
e38-e3a e47 e4c e4e eb8-eb9 ecc f3e-f3f f71-f72 f74 f7a-f7d f80 108d 17b4-17b5 17c9-17d1 17d3
180b-180d 180f 18a9 1a17-1a18 1abf-1ac0 1acc-1ace 1ce1 1cf7 1de7-1df4 2de0-2dff a674-a67b
a69e-a69f aab0 aab2-aab4 aab7-aab8 aabe abec fb1e fe00-fe0f 10376-1037a 10a0d 10a0f 10d24-10d27
10eab-10eac 11080-11081 11100-11102 111c9 111cb-111cc 11a33 11a98 16fe4 16ff0-16ff1 1bc9d-1bc9e
1cf00-1cf2d 1cf30-1cf46 1da00-1da36 1da3b-1da6c 1da75 1da84 1da9b-1da9f 1daa1-1daaf 1e000-1e006
1e008-1e018 1e01b-1e021 1e023-1e024 1e026-1e02a 1e947 e0100-e01ef
"""
"""Marks that are alphabetic although they have a combining class, or are not although they have none."""
_CIRCLED: Final = (
    ("\u24b6", "\u24e9"),
    ("\U0001f130", "\U0001f149"),
    ("\U0001f150", "\U0001f169"),
    ("\U0001f170", "\U0001f189"),
)
_LETTERS: Final = frozenset(("Lu", "Ll", "Lt", "Lm", "Lo", "Nl", "Nd"))
_MARKS: Final = frozenset(("Mn", "Mc"))


_ASCII_WORD: Final = re.compile(r"[A-Za-z0-9]+")


@cache
def _bounds() -> list[int]:
    """Where the other marks begin and end, in turns."""
    bounds = []
    for written in _OTHER_MARKS.split():
        first, _, last = written.partition("-")
        bounds += [int(first, 16), int(last or first, 16) + 1]
    return bounds


def is_letter(character: str) -> bool:
    """Whether a character is a letter; digits of ASCII are not."""
    if character.isascii():
        return character.isalpha()
    category = unicodedata.category(character)
    if category in _MARKS:
        is_other = bisect_right(_bounds(), ord(character)) % 2 == 1
        return (unicodedata.combining(character) == 0) != is_other
    if category == "So":
        return any(first <= character <= last for first, last in _CIRCLED)
    return category in _LETTERS


def is_alphanumeric(character: str) -> bool:
    """Whether a character is a letter or a digit."""
    return character.isalnum() if character.isascii() else is_letter(character)


def is_upper(character: str) -> bool:
    """Whether a character is a capital, or two of which the first is one."""
    return character.isupper() or character.istitle()


def is_lower(character: str) -> bool:
    """Whether a character is small; of two letters in one, the first may be a capital."""
    if character.istitle() and not character.isupper():
        return len(character.upper()) == 1
    return character.islower()


def lower(text: str) -> str:
    """The text in small letters."""
    if text.isascii():
        return text.lower()
    return text.replace("\u03a3", "\u03c3").replace("\u0130", "i").lower()


def upper(text: str) -> str:
    """The text in capitals."""
    made = text.upper()
    if len(made) == len(text):
        return made
    return "".join(form if len(form := letter.upper()) == 1 else _form(letter) for letter in text)


def _form(letter: str) -> str:
    """The form that begins a word, for a letter without a single capital, or the letter."""
    form = letter.title()
    return form if len(form) == 1 else letter


def initial_capitals(text: str) -> str:
    """The first letter of each word a capital, the others small."""
    if text.isascii():
        return _ASCII_WORD.sub(lambda word: word[0].capitalize(), text)
    shown, inside = [], False
    for character in text:
        shown.append(lower(character) if inside else upper(character))
        inside = is_alphanumeric(character)
    return "".join(shown)
