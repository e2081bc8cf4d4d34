"""unaccent: letters without their marks, by the decompositions of Unicode and what these leave out."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from server.extensions.extension import Extension

# ruff: noqa: RUF001 - letters that look alike are what this is about
# Letters that are no letter with a mark to Unicode.
WITHOUT_PARTS: Final = str.maketrans(
    {
        "Æ": "AE", "æ": "ae", "Œ": "OE", "œ": "oe", "Ø": "O", "ø": "o", "ß": "ss", "ẞ": "SS",
        "Đ": "D", "đ": "d", "Ð": "D", "ð": "d", "Þ": "TH", "þ": "th", "Ł": "L", "ł": "l",
        "Ħ": "H", "ħ": "h", "ı": "i", "ĸ": "q", "Ŧ": "T", "ŧ": "t", "Ŋ": "N", "ŋ": "n",
        "ƒ": "f", "Ё": "Е", "ё": "е", "‘": "'", "’": "'", "“": '"', "”": '"', "«": "<<",
        "»": ">>", "–": "-", "—": "-", "…": "...", "×": "*", "÷": "/", "€": "€",
    }
)  # fmt: skip


@lru_cache(maxsize=4096)
def _plain(letter: str) -> str:
    parts = unicodedata.normalize("NFKD", letter)
    base = "".join(part for part in parts if not unicodedata.combining(part))
    return base if base.isascii() and base else letter


def unaccent(text: str) -> str:
    """The text with plain letters."""
    if text.isascii():
        return text
    return "".join(map(_plain, text.translate(WITHOUT_PARTS)))


UNACCENT: Final = Extension(
    name="unaccent",
    version="1.1",
    comment="text search dictionary that removes accents",
    declarations="""
unaccent(text) text | stable strict = unaccent
unaccent(regdictionary, text) text | stable strict = by_dictionary
""",
    functions={
        "unaccent": unaccent,
        "by_dictionary": lambda _dictionary, text: unaccent(text),
    },
)
