"""How well a document matches a query: ts_rank by words, ts_rank_cd by how near they lie together.

Sums are those of PostgreSQL, whose single precision shows in the last digits; float32 is rounded
to wherever PostgreSQL stores a float.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from server.text_search.matching import NO, YES, Spans, VectorLook, holds, weighted
from server.types.lexeme_reader import POSITION_MAX
from server.types.tsquery import AND, PHRASE, Operand, Operation, TsQuery, nodes_of
from server.types.tsvector import position_of, weight_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.types.tsvector import Lexeme, TsVector

BY_LOG_LENGTH, BY_LENGTH, BY_EXTENTS, BY_WORDS, BY_LOG_WORDS, BY_ITSELF = 1, 2, 4, 8, 16, 32
SERIES_LIMIT: Final = 1.64493406685  # of the sum of 1 / i^2
FAR: Final = 100
_SINGLE: Final = struct.Struct("f")


def single(value: float) -> float:
    """Round to single precision."""
    rounded: float = _SINGLE.unpack(_SINGLE.pack(value))[0]
    return rounded


DEFAULT_WEIGHTS: Final = tuple(map(single, (0.1, 0.2, 0.4, 1.0)))  # of D, C, B, A
NOWHERE: Final = (POSITION_MAX,)  # stands for the positions of a lexeme that has none
FIRST_PLACE: Final = (0,)


def rank(
    vector: TsVector, query: TsQuery, method: int, weights: Sequence[float] = DEFAULT_WEIGHTS
) -> float:
    """How often and with which weights the words of the query appear."""
    if not vector.lexemes or query.root is None:
        return 0.0
    root = query.root
    is_joint = isinstance(root, Operation) and root.kind in (AND, PHRASE)
    words = _words(query)
    if is_joint and len(words) > 1:
        result = _joint_rank(vector, words, weights)
    else:
        result = _single_rank(vector, words, weights)
    return _normalised(result if result >= 0 else single(1e-20), vector, method)


def _words(query: TsQuery) -> list[Operand]:
    """The words of a query, each once, in order."""
    found: dict[str, Operand] = {}
    for node in nodes_of(query.root):
        if isinstance(node, Operand):
            found.setdefault(node.word, node)
    return [found[word] for word in sorted(found)]


def _single_rank(vector: TsVector, words: list[Operand], weights: Sequence[float]) -> float:
    result, look = 0.0, VectorLook(vector)
    for word in words:
        for entry in look.entries(word):
            total, best, best_at = 0.0, -1.0, 0
            for at, place in enumerate(entry.positions or FIRST_PLACE):
                weight = weights[weight_of(place)]
                total = single(total + single(weight / ((at + 1) * (at + 1))))
                if weight > best:
                    best, best_at = weight, at
            doubled = single(best / ((best_at + 1) * (best_at + 1)))
            share = single(single(best + total) - doubled)
            result = single(result + share / SERIES_LIMIT)
    return single(result / len(words)) if words else result


def _joint_rank(vector: TsVector, words: list[Operand], weights: Sequence[float]) -> float:
    """Every pair of different words counts by how near their positions are."""
    result, look = -1.0, VectorLook(vector)
    placed: list[tuple[int, ...] | None] = []
    for word in words:
        placed.append(None)
        for entry in look.entries(word):
            places = entry.positions or NOWHERE
            placed[-1] = places
            for earlier in placed[:-1]:
                if earlier is not None:
                    result = _with_pairs(result, places, earlier, weights)
    return result


def _with_pairs(
    result: float, places: tuple[int, ...], earlier: tuple[int, ...], weights: Sequence[float]
) -> float:
    is_unplaced = places is NOWHERE or earlier is NOWHERE
    for place in places:
        for other in earlier:
            distance = abs(position_of(place) - position_of(other))
            if not distance:
                if not is_unplaced:
                    continue
                distance = POSITION_MAX + 1
            product = single(weights[weight_of(place)] * weights[weight_of(other)])
            share = single(math.sqrt(single(product * _nearness(distance))))
            result = share if result < 0 else single(1.0 - (1.0 - result) * (1.0 - share))
    return result


def _nearness(distance: int) -> float:
    if distance > FAR:
        return single(1e-30)
    return single(1.0 / (1.005 + 0.05 * math.exp(single(distance) / 1.5 - 2)))


def _length(vector: TsVector) -> int:
    return sum(len(entry.positions) or 1 for entry in vector.lexemes)


def _normalised(result: float, vector: TsVector, method: int) -> float:
    count = len(vector.lexemes)
    if method & BY_LOG_LENGTH:
        result = single(result / (math.log(_length(vector) + 1) / math.log(2.0)))
    if method & BY_LENGTH:
        result = single(result / _length(vector))
    if method & BY_WORDS:
        result = single(result / count)
    if method & BY_LOG_WORDS:
        result = single(result / (math.log(count + 1) / math.log(2.0)))
    if method & BY_ITSELF:
        result = single(result / single(result + 1))
    return result


# By covers: stretches of the document that hold the whole query.


@dataclass(frozen=True, slots=True)
class Place:
    """A position of the document with the words of the query that stand there."""

    place: int
    operands: tuple[Operand, ...]


@dataclass(slots=True)
class Seen:
    """The words of a query that a walk has met, with their positions."""

    positions: dict[int, list[int]] = field(default_factory=dict)

    def add(self, place: Place) -> None:
        """Note the words of a place."""
        position = position_of(place.place)
        for operand in place.operands:
            known = self.positions.setdefault(id(operand), [])
            if not known or known[-1] != position:
                known.append(position)

    def look(self, operand: Operand, wants_positions: bool) -> Spans:
        """Whether a word was met."""
        known = self.positions.get(id(operand))
        if known is None:
            return Spans(NO)
        return Spans(YES, tuple(sorted(known)) if wants_positions else ())


def cover_rank(
    vector: TsVector, query: TsQuery, method: int, weights: Sequence[float] = DEFAULT_WEIGHTS
) -> float:
    """How short the stretches are in which the whole query matches."""
    if query.root is None:
        return 0.0
    places = _places(vector, query)
    inverse = [1.0 / weight if weight else math.inf for weight in weights]
    total = distances = last_middle = 0.0
    count = 0
    for start, stop in _covers(places, query):
        words = stop - start + 1
        share = words / sum(inverse[weight_of(at.place)] for at in places[start : stop + 1])
        first, last = position_of(places[start].place), position_of(places[stop].place)
        noise = (last - first) - (stop - start)
        total += share / (1 + (noise if noise >= 0 else (stop - start) // 2))
        middle = (first + last) / 2.0
        if count and middle > last_middle:
            distances += 1.0 / (middle - last_middle)
        last_middle = middle
        count += 1
    return single(_normalised_cover(total, vector, method, count / distances if distances else 0))


def _normalised_cover(total: float, vector: TsVector, method: int, spread: float) -> float:
    count = len(vector.lexemes)
    if method & BY_LOG_LENGTH and count:
        total /= math.log(_length(vector) + 1)
    if method & BY_LENGTH and count:
        total /= _length(vector)
    if method & BY_EXTENTS and spread:
        total /= spread
    if method & BY_WORDS and count:
        total /= count
    if method & BY_LOG_WORDS and count:
        total /= math.log(count + 1) / math.log(2.0)
    if method & BY_ITSELF:
        total /= total + 1
    return total


def _places(vector: TsVector, query: TsQuery) -> list[Place]:
    """Where words of the query stand, in the order of the document."""
    look = VectorLook(vector)
    at: dict[tuple[int, int, Lexeme], list[Operand]] = {}
    for node in nodes_of(query.root):
        if isinstance(node, Operand):
            for entry in look.entries(node):
                for place in weighted(entry.positions, node):
                    key = position_of(place), weight_of(place), entry
                    at.setdefault(key, []).append(node)
    return [
        Place(weight << 14 | position, tuple(at[position, weight, entry]))
        for position, weight, entry in sorted(at)
    ]


def _covers(places: list[Place], query: TsQuery) -> Iterator[tuple[int, int]]:
    """The shortest stretches that hold the query: first and last place, each found once."""
    start = 0
    while (stop := _upper(places, query, start)) is not None:
        first = _lower(places, query, start, stop)
        if first is not None:
            yield first, stop
        start = (start if first is None else first) + 1


def _upper(places: list[Place], query: TsQuery, start: int) -> int | None:
    assert query.root is not None
    seen = Seen()
    for index in range(start, len(places)):
        seen.add(places[index])
        if holds(query.root, seen.look):
            return index
    return None


def _lower(places: list[Place], query: TsQuery, start: int, stop: int) -> int | None:
    assert query.root is not None
    seen = Seen()
    for index in range(stop, start - 1, -1):
        seen.add(places[index])
        if holds(query.root, seen.look):
            return index
    return None
