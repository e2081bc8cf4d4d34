"""gin_trgm_ops: the sequences of three letters in texts, and those that patterns and similar texts need.

Rule 1: letters are folded one by one, so that a part of a text has the same ones wherever it stands.
Rule 2: a pattern is read as runs of known characters between gaps. At a gap a word may go on: it is not padded there.
Rule 3: what a similar text must share follows from the least similarity: two texts have at least as many sequences
        together as one of them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from server.errors import SqlError
from server.extensions import pg_trgm
from server.functions.pattern import split_pattern
from server.functions.regex_nodes import Alternation, Characters, Group, Repeat, Sequence
from server.functions.regex_nodes import Node as RegexNode
from server.functions.regex_reader import read_regex
from server.inverted.entry_keys import text_key
from server.inverted.row_sets import EVERYTHING, AllOf, AnyOf, AtLeast, Key, Node, Search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

TRIGRAM: Final = b"\x01"
GAP: Final = "\0"
"""Stands for any characters, or none."""
ROUNDING: Final = 1e-6
REPEATED_MAX: Final = 8
_USUAL: Final = {
    pg_trgm.SIMILARITY: 0.3,
    pg_trgm.WORD_SIMILARITY: 0.6,
    pg_trgm.STRICT_WORD_SIMILARITY: 0.5,
}
_THRESHOLDS: Final = {
    "similar": pg_trgm.SIMILARITY,
    "similar word": pg_trgm.WORD_SIMILARITY,
    "similar strict word": pg_trgm.STRICT_WORD_SIMILARITY,
}
_SET: Final = re.compile(r"\[([^\\^\-\[\]&~|]{1,4})\]")

Runs = tuple[str, ...]
"""Texts with gaps; one of them is in every text that matches."""


def fold(text: str) -> str:
    """The letters of a text without their case, each folded by itself."""
    return text.lower().replace("\u03c2", "\u03c3")


def _padded(text: str) -> Iterator[str]:
    """The words of a text with gaps, with blanks where they begin and end for certain."""
    for match in pg_trgm.WORD.finditer(text):
        before, after = text[: match.start()][-1:], text[match.end() :][:1]
        yield ("" if before == GAP else "  ") + match[0] + ("" if after == GAP else " ")


def _trigrams(text: str) -> Iterator[str]:
    for word in _padded(fold(text)):
        for at in range(len(word) - 2):
            yield word[at : at + 3]


@lru_cache(maxsize=1 << 16)
def _key(trigram: str) -> bytes:
    return text_key(TRIGRAM, trigram.encode())


class Trigrams:
    """The operator class."""

    def __init__(self, settings: Mapping[str, Any] = _USUAL) -> None:
        self._settings = settings

    def under(self, settings: Any) -> Trigrams:
        """The class as settings say how similar texts have to be."""
        return Trigrams(settings)

    def keys(self, value: str) -> set[bytes]:
        """A key for each sequence."""
        return {_key(trigram) for trigram in _trigrams(value.replace(GAP, " "))}

    def search(self, strategy: str, value: Any) -> Search:
        """The rows that may match a pattern, equal a text, or be similar to it."""
        setting = _THRESHOLDS.get(strategy)
        if setting is not None:
            return Search(_similar(float(self._settings[setting]), value))
        try:
            return Search(_SEARCHES[strategy](value))
        except SqlError:  # whoever looks at a row will say it
            return Search(EVERYTHING)


def _all_in(text: str) -> Node:
    keys = sorted({_key(trigram) for trigram in _trigrams(text)})
    return AllOf(tuple(map(Key, keys)))


def _like(pattern: str) -> Node:
    pieces = split_pattern(pattern)
    written = ["".join(GAP if each is None else each for each in piece) for piece in pieces]
    return _all_in(GAP.join(written))


def _matching(pattern: str, flags: str) -> Node:
    runs = _runs(read_regex(pattern, flags)[0])
    return AnyOf(tuple(_all_in(f"{GAP}{run}{GAP}") for run in runs))


def _runs(node: RegexNode) -> Runs:
    """What is in every match of an expression."""
    if isinstance(node, Characters):
        return (_character(node) or GAP,)
    if isinstance(node, Group):
        return _runs(node.item)
    if isinstance(node, Alternation):
        return _limited(run for branch in node.branches for run in _runs(branch))
    if isinstance(node, Sequence):
        found: Runs = ("",)
        for item in node.items:
            found = _limited(run + more for run in found for more in _runs(item))
        return found
    if isinstance(node, Repeat) and node.least:
        return tuple(f"{GAP}{run}{GAP}" if node.most != 1 else run for run in _runs(node.item))
    return (GAP,)


def _limited(runs: Iterable[str]) -> Runs:
    found = tuple(dict.fromkeys(runs))
    return found if len(found) <= REPEATED_MAX else (GAP,)


def _character(node: Characters) -> str | None:
    """The character that a set has, whatever its case; None: it has several, or nobody knows."""
    written = node.python or ""
    if written and written[0] != "[":
        return fold(written[-1])
    inside = _SET.fullmatch(written)
    folded = {fold(character) for character in inside[1]} if inside else set()
    return folded.pop() if len(folded) == 1 else None


def _similar(limit: float, text: str) -> Node:
    wanted = pg_trgm.trigrams(text)
    keys = sorted({_key(fold(trigram)) for trigram in wanted})
    count = ceil(limit * len(keys) - ROUNDING)
    if count <= 0 or len(keys) < len(wanted):  # two of them are one when folded
        return EVERYTHING
    return AtLeast(count, tuple(map(Key, keys)))


_SEARCHES: Final[dict[str, Callable[[str], Node]]] = {
    "equals": _all_in,
    "like": _like,
    "matches": lambda pattern: _matching(pattern, ""),
    "matches in any case": lambda pattern: _matching(pattern, "i"),
}
