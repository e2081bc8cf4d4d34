"""Texts gone through by the tables of an automaton: which have a match, where its groups are, what replaces it.

Rule 1: tables know ASCII alone. A text that has anything else where it is looked at, or that is long, is
        strange: somebody else has to tell.
Rule 2: matches are those of server/functions/regex_search.py: the leftmost one, as long or short as the
        expression prefers, taken apart from the left.

The specification of native/matched_texts.pyx.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from server.vector.text_views import VIEW, cut_view, texts_of, views_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.vector.column import Mask, Values

EDGE: Final = 128
"""The symbol that stands for both ends of a text."""
BYTES_MAX: Final = 1024
PIECES_MAX: Final = 32
GROUPS_MAX: Final = 31


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Moves of an automaton.

    moves[state * class_count + class] is 2 * next state, -2 for none, with 1 added if a match ends before
    the symbol. starts has the state to begin with behind each symbol; cold states have begun nothing.
    """

    moves: Values
    classes: Values
    starts: Values
    cold: Values
    class_count: int


Piece = tuple[Table, Table | None, bool, int]
"""A part of an expression, what is behind it if anything, whether it is short, the group that it is or 0."""


class _StrangeText(Exception):
    """The tables cannot tell."""


class Matcher:
    """Finds what an expression matches in texts of ASCII that are not too long."""

    def __init__(
        self, floating: Table, whole: Table | None, is_short: bool, pieces: Sequence[Piece]
    ) -> None:
        self._floating = floating
        self._whole = whole
        self._is_short = is_short
        self._pieces = pieces

    def tests(self, store: Values, views: Values) -> tuple[Mask, Mask]:
        """Which texts have a match; and which cannot be told here."""
        passed, strange = np.zeros(len(views), np.bool_), np.zeros(len(views), np.bool_)
        for row, text in enumerate(texts_of(store, views)):
            try:
                passed[row] = self._first(text, 0) is not None
            except _StrangeText:
                strange[row] = True
        return passed, strange

    def cut_views(self, store: Values, views: Values, group: int) -> tuple[Values, Mask, Mask]:
        """The views of a group of the first match; which texts have one; and which cannot be told here."""
        passed, strange = np.zeros(len(views), np.bool_), np.zeros(len(views), np.bool_)
        made = bytearray()
        for row, text in enumerate(texts_of(store, views)):
            first = stop = 0
            try:
                spans = self._find(text, 0)
                if spans is not None:
                    passed[row], (first, stop) = True, spans[group]
            except _StrangeText:
                strange[row] = True
            made += cut_view(views[row].tobytes(), text, first, stop)
        return np.frombuffer(bytes(made), VIEW), passed, strange

    def replaced(
        self, store: Values, views: Values, parts: Sequence[bytes | int], everywhere: bool
    ) -> tuple[Values, Values, Mask]:
        """Texts with parts, bytes or numbers of groups, for the first match or all; and which cannot be told here."""
        strange = np.zeros(len(views), np.bool_)
        made = []
        for row, text in enumerate(texts_of(store, views)):
            try:
                made.append(self._replaced(text, parts, everywhere))
            except _StrangeText:
                strange[row] = True
                made.append(b"")
        return *views_of(made), strange

    def _replaced(self, text: bytes, parts: Sequence[bytes | int], everywhere: bool) -> bytes:
        start = end = 0
        made = b""
        while start <= len(text):
            spans = self._find(text, start)
            if spans is None:
                break
            made += text[end : spans[0][0]]
            for part in parts:
                made += part if isinstance(part, bytes) else text[slice(*spans[part])]
            end = spans[0][1]
            start = end + (spans[0][0] == end)
            if not everywhere:
                break
        return made + text[end:]

    def _first(self, text: bytes, start: int) -> tuple[int, int] | None:
        """The first place where a match ends, and one before which no match that ends there begins."""
        cold = start

        def see(place: int, state: int) -> None:
            nonlocal cold
            if self._floating.cold[state]:
                cold = place

        ends = _ends(self._floating, text, start, len(text), see, only_first=True)
        return (ends[0], cold) if ends else None

    def _find(self, text: bytes, start: int) -> dict[int, tuple[int, int]] | None:
        """The spans of the first match from a place."""
        found = self._first(text, start)
        assert self._whole is not None
        for begin in range(found[1], len(text) + 1) if found else ():
            ends = _ends(self._whole, text, begin, len(text))
            if ends:
                end = ends[0] if self._is_short else ends[-1]
                spans = self._dissected(text, begin, end)
                if spans is not None:
                    return {**spans, 0: (begin, end)}
        return None

    def _dissected(self, text: bytes, start: int, stop: int) -> dict[int, tuple[int, int]] | None:
        """The groups in what is matched."""
        spans = {}
        for table, rest, short, group in self._pieces:
            middle: int | None = stop
            if rest is not None:
                ends = _ends(table, text, start, stop)
                fitting = (
                    end
                    for end in (ends if short else reversed(ends))
                    if stop in _ends(rest, text, end, stop)[-1:]
                )
                middle = next(fitting, None)
            if middle is None:
                return None
            if group:
                spans[group] = start, middle
            start = middle
        return spans


def _ends(
    table: Table,
    text: bytes,
    start: int,
    stop: int,
    see: Callable[[int, int], None] | None = None,
    only_first: bool = False,
) -> list[int]:
    """All places up to a stop where a match from a place ends, in order."""
    if len(text) > BYTES_MAX:
        raise _StrangeText
    found: list[int] = []
    state = int(table.starts[text[start - 1] if start else EDGE])
    for place in range(start, stop + 1):
        if see is not None:
            see(place, state)
        symbol = text[place] if place < len(text) else EDGE
        if symbol >= EDGE and place < len(text):
            raise _StrangeText
        move = int(table.moves[state * table.class_count + int(table.classes[symbol])])
        if move & 1:
            found.append(place)
            if only_first:
                break
        state = move >> 1
        if state < 0:
            break
    return found
