"""fuzzystrmatch: how alike strings sound, and how many letters they differ in."""

from __future__ import annotations

from typing import Final

from server.errors import InvalidParameterValue, ZeroLengthCharacterString
from server.extensions.double_metaphone import double_metaphone
from server.extensions.extension import Extension
from server.extensions.metaphone import metaphone

LETTERS_MAX: Final = 255
SOUNDS: Final = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "01230120022455012623010202", strict=True))
SOUNDEX_LETTERS: Final = 4


def _distance(source: str, target: str, insert: int = 1, delete: int = 1, change: int = 1) -> int:
    """The least cost of making one string of another."""
    for text in (source, target):
        if len(text) > LETTERS_MAX:
            raise InvalidParameterValue(
                f"levenshtein argument exceeds maximum length of {LETTERS_MAX} characters"
            )
    row = [column * insert for column in range(len(target) + 1)]
    for number, letter in enumerate(source, 1):
        above, row = row, [number * delete]
        for column, other in enumerate(target, 1):
            row.append(
                min(
                    above[column] + delete,
                    row[-1] + insert,
                    above[column - 1] + (letter != other) * change,
                )
            )
    return row[-1]


def _bounded(source: str, target: str, *costs_and_limit: int) -> int:
    """The distance, or any number above the limit if it is above."""
    *costs, limit = costs_and_limit
    found = _distance(source, target, *costs)
    return found if found <= limit or limit < 0 else limit + 1


def _soundex(text: str) -> str:
    letters = [char for char in text.upper() if "A" <= char <= "Z"]
    if not letters:
        return ""
    code = letters[0]
    last = SOUNDS[letters[0]]
    for letter in letters[1:]:
        sound = SOUNDS[letter]
        if sound not in ("0", last):
            code += sound
        last = sound
        if len(code) == SOUNDEX_LETTERS:
            break
    return code.ljust(SOUNDEX_LETTERS, "0")


def _difference(left: str, right: str) -> int:
    pairs = zip(_soundex(left), _soundex(right), strict=False)
    return sum(first == second for first, second in pairs)


def _metaphone(text: str, most: int) -> str:
    if not text:
        return ""
    if len(text.encode()) > LETTERS_MAX:
        raise InvalidParameterValue(f"argument exceeds the maximum length of {LETTERS_MAX} bytes")
    if most > LETTERS_MAX:
        raise InvalidParameterValue(f"output exceeds the maximum length of {LETTERS_MAX} bytes")
    if most <= 0:
        raise ZeroLengthCharacterString("output cannot be empty string")
    return metaphone(text, most)


FUZZYSTRMATCH: Final = Extension(
    name="fuzzystrmatch",
    version="1.1",
    comment="determine similarities and distance between strings",
    declarations="""
levenshtein(text, text) int4 = levenshtein
levenshtein(text, text, int4, int4, int4) int4 = levenshtein
levenshtein_less_equal(text, text, int4) int4 = bounded
levenshtein_less_equal(text, text, int4, int4, int4, int4) int4 = bounded
soundex(text) text = soundex
text_soundex(text) text = soundex
difference(text, text) int4 = difference
metaphone(text, int4) text = metaphone
dmetaphone(text) text = dmetaphone
dmetaphone_alt(text) text = dmetaphone_alt
""",
    functions={
        "levenshtein": _distance,
        "bounded": _bounded,
        "soundex": _soundex,
        "difference": _difference,
        "metaphone": _metaphone,
        "dmetaphone": lambda text: double_metaphone(text)[0],
        "dmetaphone_alt": lambda text: double_metaphone(text)[1],
    },
)
