"""Dictionaries: what becomes of a token - lexemes, nothing (a stop word), or the next dictionary's turn.

Rule 1: lexize gives None for a word that the dictionary does not know, no lexemes for a stop word.
Rule 2: a dictionary that wants several words gives a Walk, which is asked word by word.
Rule 3: dictionaries are made of a template and options, and never change.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final, Protocol

from server.errors import BY_SQLSTATE, InvalidParameterValue, SqlError
from server.types.letters import lower

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ADDS_POSITION, IS_PREFIX, FILTERS = 1, 2, 4
Option = tuple[str, str]


class ConfigFileError(SqlError, sqlstate="F0000"):
    """config_file_error."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A lexeme; those of one number belong together, and different numbers are alternatives."""

    word: str
    number: int = 0
    flags: int = 0


Lexemes = tuple[Variant, ...]


class Walk(Protocol):
    """A dictionary in the middle of a phrase."""

    def step(self, word: str | None) -> tuple[Lexemes | None, bool]:
        """Take the next word, None at the end: what was found so far, and whether more may come."""


class Dictionary(Protocol):
    """What makes lexemes of words."""

    def lexize(self, word: str) -> Lexemes | None:
        """The lexemes of a word alone."""

    def walk(self) -> Walk | None:
        """Begin a phrase; None for dictionaries of single words."""


class SingleWords:
    """A dictionary that looks at one word at a time."""

    def walk(self) -> Walk | None:
        """No phrases."""
        return None


def read_lines(name: str, extension: str, what: str) -> list[str]:
    """The lines of a file of dictionaries, whose name may have no path."""
    if not name or any(not (char.islower() or char.isdigit() or char == "_") for char in name):
        raise InvalidParameterValue(f'invalid text search configuration file name "{name}"')
    file = files("server") / "data" / "text_search" / f"{name}.{extension}"
    if not file.is_file():
        raise ConfigFileError(
            f'could not open {what} file "{name}.{extension}": No such file or directory'
        )
    return file.read_text("utf-8").splitlines()


@cache
def stop_words(name: str) -> frozenset[str]:
    """The words of a stop list."""
    found = (line.split()[:1] for line in read_lines(name, "stop", "stop-word"))
    return frozenset(lower(words[0]) for words in found if words)


def truth(name: str, value: str) -> bool:
    """An option that is true or false."""
    words = {"true": True, "on": True, "yes": True, "1": True, "t": True, "y": True}
    words |= {"false": False, "off": False, "no": False, "0": False, "f": False, "n": False}
    if value.lower() not in words:
        raise BY_SQLSTATE["42601"](f"{name} requires a Boolean value")
    return words[value.lower()]


def checked_options(
    template: str, options: Sequence[Option], known: Iterable[str]
) -> dict[str, str]:
    """Options by name, each known and given once."""
    found: dict[str, str] = {}
    for name, value in options:
        shown = {key.lower(): key for key in known}.get(name)
        if shown is None:
            raise InvalidParameterValue(f'unrecognized {template} parameter: "{name}"')
        if name in found:
            raise InvalidParameterValue(f"multiple {shown} parameters")
        found[name] = value
    return found


class Simple(SingleWords):
    """Words in lower case, or only what is no stop word if `accepts` is off."""

    KNOWN: Final = ("StopWords", "Accept")

    def __init__(self, options: Sequence[Option]) -> None:
        given = checked_options("simple dictionary", options, self.KNOWN)
        self.stops = stop_words(given["stopwords"]) if "stopwords" in given else frozenset()
        self.accepts = truth("accept", given.get("accept", "true"))

    def lexize(self, word: str) -> Lexemes | None:
        """The word in lower case."""
        low = lower(word)
        if not low or low in self.stops:
            return ()
        return (Variant(low),) if self.accepts else None


class Synonym(SingleWords):
    """Words put for others, from a file of pairs; a star behind the second makes it a prefix."""

    KNOWN: Final = ("Synonyms", "CaseSensitive")

    def __init__(self, options: Sequence[Option]) -> None:
        given = checked_options("synonym", options, self.KNOWN)
        if "synonyms" not in given:
            raise InvalidParameterValue("missing Synonyms parameter")
        self.is_exact = truth("casesensitive", given.get("casesensitive", "false"))
        self.words = dict(self._pairs(read_lines(given["synonyms"], "syn", "synonym")))

    def _pairs(self, lines: Iterable[str]) -> Iterator[tuple[str, Variant]]:
        for line in lines:
            words = line.split()
            if len(words) < 2:
                continue
            source, target = words[:2]
            flags = IS_PREFIX if target.endswith("*") else 0
            target = target.removesuffix("*")
            if self.is_exact:
                yield source, Variant(target, 0, flags)
            else:
                yield lower(source), Variant(lower(target), 0, flags)

    def lexize(self, word: str) -> Lexemes | None:
        """The word that stands for this one."""
        found = self.words.get(word if self.is_exact else lower(word))
        return None if found is None else (found,)
