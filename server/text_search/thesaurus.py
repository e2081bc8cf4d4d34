"""Thesaurus dictionaries: phrases put for phrases, the longest that fits.

Both sides are normalised by another dictionary, but for substitute words that have a star. A sample
`?` stands for any stop word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from server.errors import InvalidParameterValue
from server.text_search.dictionary import (
    ADDS_POSITION,
    ConfigFileError,
    Variant,
    checked_options,
    read_lines,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from server.text_search.dictionary import Dictionary, Lexemes, Option

STOP: Final = ""  # a place that a stop word takes


@dataclass(frozen=True, slots=True)
class _Entry:
    """A sample, as the lexemes that each of its words may be, and what is put for it."""

    sample: tuple[frozenset[str], ...]
    substitute: Lexemes


class Thesaurus:
    """A file of phrases `sample : substitute`."""

    KNOWN: Final = ("DictFile", "Dictionary")

    def __init__(self, options: Sequence[Option], find: Callable[[str], Dictionary]) -> None:
        given = checked_options("Thesaurus", options, self.KNOWN)
        for name in ("DictFile", "Dictionary"):
            if name.lower() not in given:
                raise InvalidParameterValue(f"missing {name} parameter")
        self.inner = find(given["dictionary"])
        lines = read_lines(given["dictfile"], "ths", "thesaurus")
        self.entries = tuple(self._entry(line) for line in lines if _has_text(line))

    def _entry(self, line: str) -> _Entry:
        sample, colon, substitute = line.partition(":")
        words, targets = sample.split(), substitute.split()
        if not colon or not words or not targets:
            raise ConfigFileError("unexpected end of line")
        return _Entry(
            tuple(self._sample(word) for word in words), tuple(self._substitutes(targets))
        )

    def _sample(self, word: str) -> frozenset[str]:
        if word == "?":
            return frozenset((STOP,))
        found = self.inner.lexize(word)
        if found is None:
            raise ConfigFileError(
                f'thesaurus sample word "{word}" isn\'t recognized by subdictionary'
            )
        if not found:
            raise ConfigFileError(
                f'thesaurus sample word "{word}" is a stop word',
                hint='Use "?" to represent a stop word within a sample phrase.',
            )
        return frozenset(variant.word for variant in found)

    def _substitutes(self, words: Iterable[str]) -> Iterable[Variant]:
        for position, word in enumerate(words):
            flags = ADDS_POSITION if position else 0
            if word.startswith("*"):
                yield Variant(word[1:], 0, flags)
                continue
            found = self.inner.lexize(word)
            if not found:
                what = (
                    "is a stop word" if found is not None else "isn't recognized by subdictionary"
                )
                raise ConfigFileError(f'thesaurus substitute word "{word}" {what}')
            for variant in found:
                yield Variant(variant.word, variant.number, flags)

    def lexize(self, word: str) -> Lexemes | None:
        """What is put for a word alone."""
        walk = ThesaurusWalk(self)
        found, wants_more = walk.step(word)
        if wants_more:
            found = walk.step(None)[0] or found
        return found

    def walk(self) -> ThesaurusWalk:
        """Begin a phrase."""
        return ThesaurusWalk(self)


def _has_text(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


class ThesaurusWalk:
    """The samples that the words so far are the beginning of."""

    def __init__(self, thesaurus: Thesaurus) -> None:
        self.thesaurus = thesaurus
        self.count = 0
        self.open = thesaurus.entries

    def step(self, word: str | None) -> tuple[Lexemes | None, bool]:
        """Take a word: the substitute of a sample that ends here, and whether a longer one may."""
        if word is None:
            return None, False
        found = self.thesaurus.inner.lexize(word)
        if found is None:
            return None, False
        forms = frozenset(variant.word for variant in found) or frozenset((STOP,))
        at = self.count
        self.count += 1
        self.open = tuple(
            entry
            for entry in self.open
            if len(entry.sample) > at and not forms.isdisjoint(entry.sample[at])
        )
        ended = [entry for entry in self.open if len(entry.sample) == self.count]
        may_go_on = any(len(entry.sample) > self.count for entry in self.open)
        return (ended[0].substitute if ended else None), may_go_on
