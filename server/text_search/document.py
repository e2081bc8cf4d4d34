"""From a text to lexemes with positions: its tokens, each by the dictionaries of its kind.

A dictionary may want to see following words before it decides; then they wait, and are done again
by the dictionaries behind it if it decides against them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from server.text_search.dictionary import ADDS_POSITION, FILTERS, IS_PREFIX
from server.text_search.parser import parse
from server.types.lexeme_reader import POSITION_MAX
from server.types.tsvector import WORD_BYTES_MAX, TsVector, make_vector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from server.text_search.dictionary import Dictionary, Lexemes
    from server.text_search.parser import Token


@dataclass(frozen=True, slots=True)
class Configuration:
    """The dictionaries of each kind of token."""

    dictionaries: Mapping[int, Sequence[Dictionary]]


class Word(NamedTuple):
    """A lexeme in a document."""

    position: int
    word: str
    variant: int
    is_prefix: bool


class Lexized(NamedTuple):
    """What dictionaries made of one or more tokens: None for nothing."""

    tokens: tuple[Token, ...]
    lexemes: Lexemes | None


class Lexizer:
    """Gives tokens to dictionaries."""

    def __init__(self, configuration: Configuration, tokens: Iterable[Token]) -> None:
        self.dictionaries = configuration.dictionaries
        self.source = iter(tokens)
        self.waiting: deque[Token] = deque()

    def run(self) -> Iterator[Lexized]:
        """Every token, alone or with those it was taken together with."""
        while (token := self._next()) is not None:
            yield self._lexized(token)

    def _next(self) -> Token | None:
        return self.waiting.popleft() if self.waiting else next(self.source, None)

    def _lexized(self, token: Token) -> Lexized:
        text = token.text
        for dictionary in self.dictionaries.get(token.kind, ()):
            walk = dictionary.walk()
            if walk is not None:
                phrase = self._phrase(dictionary, token, text)
                if phrase is not None:
                    return phrase
                continue
            found = dictionary.lexize(text)
            if found is None:
                continue
            if found and found[0].flags & FILTERS:
                text = found[0].word
                continue
            return Lexized((token,), found)
        return Lexized((token,), None)

    def _phrase(self, dictionary: Dictionary, first: Token, text: str) -> Lexized | None:
        """The longest phrase that begins with a token; what comes behind it waits."""
        walk = dictionary.walk()
        assert walk is not None
        read, best_count, best = [first], 0, None
        found, wants_more = walk.step(text)
        while True:
            if found is not None:
                best, best_count = found, len(read)
            if not wants_more:
                break
            following = self._following(dictionary, read)
            if following is None:
                break
            found, wants_more = walk.step(following.text)
        taken = best_count if best is not None else 1
        self.waiting.extendleft(reversed(read[taken:]))
        return None if best is None else Lexized(tuple(read[:taken]), best)

    def _following(self, dictionary: Dictionary, read: list[Token]) -> Token | None:
        """The next token that the dictionary is for; tokens for none are passed over."""
        while (token := self._next()) is not None:
            read.append(token)
            dictionaries = self.dictionaries.get(token.kind, ())
            if dictionaries:
                return token if dictionary in dictionaries else None
        return None


class DocumentReader:
    """Reads the texts of a document, positions going on; stop words leave gaps."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.position = 0

    def words(self, text: str) -> Iterator[Word]:
        """The lexemes of a text."""
        tokens = (token for token in parse(text) if len(token.text.encode()) <= WORD_BYTES_MAX)
        for _, lexemes in Lexizer(self.configuration, tokens).run():
            self.position += lexemes is not None
            for variant in lexemes or ():
                self.position += bool(variant.flags & ADDS_POSITION)
                yield Word(
                    min(self.position, POSITION_MAX),
                    variant.word,
                    variant.number,
                    bool(variant.flags & IS_PREFIX),
                )


def words_of(configuration: Configuration, text: str) -> Iterator[Word]:
    """The lexemes of a text alone."""
    return DocumentReader(configuration).words(text)


def vector_of(words: Iterable[Word]) -> TsVector:
    """A vector of the lexemes of a document."""
    return make_vector((word.word, (word.position,)) for word in words)
