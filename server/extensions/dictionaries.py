"""dict_int and dict_xsyn: dictionaries of text search for numbers that are too long, and for synonyms by the line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from server.errors import InvalidParameterValue
from server.extensions.extension import Extension
from server.text_search.dictionary import (
    SingleWords,
    Variant,
    checked_options,
    read_lines,
    truth,
)
from server.types.letters import lower

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.text_search.dictionary import Lexemes, Option

LEADING_NUMBER: Final = re.compile(r"\s*[+-]?\d+")


class Integers(SingleWords):
    """Numbers, cut to `maxlen` digits or left out where they are longer, without a sign if `absval` is on."""

    KNOWN: Final = ("maxlen", "rejectlong", "absval")

    def __init__(self, options: Sequence[Option]) -> None:
        given = checked_options("intdict", options, self.KNOWN)
        length = LEADING_NUMBER.match(given.get("maxlen", "6"))
        self.length_max = int(length[0]) if length else 0
        if self.length_max < 1:
            raise InvalidParameterValue("maxlen value has to be >= 1")
        self.rejects = truth("rejectlong", given.get("rejectlong", "false"))
        self.is_absolute = truth("absval", given.get("absval", "false"))

    def lexize(self, word: str) -> Lexemes | None:
        """The number as it is kept."""
        if self.is_absolute and word[:1] in ("+", "-"):
            word = word[1:]
        if len(word) <= self.length_max:
            return (Variant(word),)
        return () if self.rejects else (Variant(word[: self.length_max]),)


class ExtendedSynonyms(SingleWords):
    """Words of one line of a file: the original first, then its synonyms.

    Options say which of them are looked for and which are given.
    """

    KNOWN: Final = ("matchorig", "keeporig", "matchsynonyms", "keepsynonyms", "rules")

    def __init__(self, options: Sequence[Option]) -> None:
        given = checked_options("xsyn", options, self.KNOWN)
        self.matches_original, self.keeps_original, self.matches_synonyms, self.keeps_synonyms = (
            truth(name, given.get(name, "false" if name == "matchsynonyms" else "true"))
            for name in self.KNOWN[:4]
        )
        self.lines: dict[str, Lexemes] = {}
        for line in read_lines(given["rules"], "rules", "synonym") if "rules" in given else ():
            if line.strip() and not line.startswith("#"):
                self._add(lower(line).split())

    def _add(self, words: list[str]) -> None:
        kept = tuple(
            Variant(word) for word in self._some(words, self.keeps_original, self.keeps_synonyms)
        )
        for word in self._some(words, self.matches_original, self.matches_synonyms):
            self.lines.setdefault(word, kept)

    @staticmethod
    def _some(words: list[str], original: bool, synonyms: bool) -> Iterator[str]:
        yield from words[:1] if original else ()
        yield from words[1:] if synonyms else ()

    def lexize(self, word: str) -> Lexemes | None:
        """What is kept of the word's line."""
        return self.lines.get(lower(word))


def _extension(
    name: str, comment: str, prefix: str, objects: tuple[str, str], maker: type, *, trusted: bool
) -> Extension:
    """An extension of a template and a dictionary of it, which says what it is."""
    dictionary, description = objects
    return Extension(
        name=name,
        version="1.0",
        comment=comment,
        trusted=trusted,
        declarations=f"""
{prefix}_init(internal) internal | volatile strict = internal
{prefix}_lexize(internal, internal, internal, internal) internal | volatile strict = lexize
""",
        functions={},
        dictionaries={"lexize": maker},
        more=f"""
create text search template {dictionary}_template (init = {prefix}_init, lexize = {prefix}_lexize);
create text search dictionary {dictionary} (template = {dictionary}_template);
comment on text search dictionary {dictionary} is '{description}';
""",
    )


DICT_INT: Final = _extension(
    "dict_int",
    "text search dictionary template for integers",
    "dintdict",
    ("intdict", "dictionary for integers"),
    Integers,
    trusted=True,
)
DICT_XSYN: Final = _extension(
    "dict_xsyn",
    "text search dictionary template for extended synonym processing",
    "dxsyn",
    ("xsyn", "eXtended synonym dictionary"),
    ExtendedSynonyms,
    trusted=False,
)
