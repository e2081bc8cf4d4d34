"""Snowball dictionaries: stems of words, by the library snowballstemmer.

A stemmer has state, so each is used under a lock; stems of common words are remembered.
"""

from __future__ import annotations

from functools import cache, lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from server.errors import InvalidParameterValue, UndefinedObject
from server.text_search.dictionary import (
    Lexemes,
    SingleWords,
    Variant,
    checked_options,
    stop_words,
)
from server.types.letters import lower

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.text_search.dictionary import Option

WORD_BYTES_MAX: Final = 1000
_LOCK: Final = Lock()


@cache
def _library() -> Any:
    """The library with all its languages, which a server that stems nothing need not read."""
    import snowballstemmer

    return snowballstemmer


@cache
def _stemmer(language: str) -> Any:
    return _library().stemmer(language)


@lru_cache(maxsize=65536)
def stem(language: str, word: str) -> str:
    """The stem of a word in lower case."""
    with _LOCK:
        result: str = _stemmer(language).stemWord(word)
    return result


class Snowball(SingleWords):
    """Stems of a language without its stop words."""

    KNOWN: Final = ("Language", "StopWords")

    def __init__(self, options: Sequence[Option]) -> None:
        given = checked_options("Snowball", options, self.KNOWN)
        if "language" not in given:
            raise InvalidParameterValue("missing Language parameter")
        self.language = lower(given["language"])
        if self.language not in _library().algorithms():
            raise UndefinedObject(
                f'no Snowball stemmer available for language "{given["language"]}" '
                'and encoding "UTF8"'
            )
        self.stops = stop_words(given["stopwords"]) if "stopwords" in given else frozenset()

    def lexize(self, word: str) -> Lexemes | None:
        """The stem; words of absurd length are left as they are."""
        low = lower(word)
        if len(low.encode()) > WORD_BYTES_MAX:
            return (Variant(low),)
        if not low or low in self.stops:
            return ()
        return (Variant(stem(self.language, low)),)
