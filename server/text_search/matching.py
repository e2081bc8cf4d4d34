"""Whether a query matches: PostgreSQL's rules for words, weights, prefixes and phrases.

Rule 1: an answer is NO, MAYBE (positions would be needed that are not there) or YES.
Rule 2: under a phrase every branch says at which positions it ends and how wide it is; `negated`
        positions are those where it does not match.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from server.types.tsquery import AND, NOT, OR, PHRASE, Node, Operand, Operation, TsQuery
from server.types.tsvector import position_of, weight_of

if TYPE_CHECKING:
    from server.types.tsvector import Lexeme, TsVector

NO, MAYBE, YES = 0, 1, 2
BOTH, LEFT_ONLY, RIGHT_ONLY = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Spans:
    """Where a branch under a phrase matches: the positions of its ends, in order."""

    answer: int
    positions: tuple[int, ...] = ()
    is_negated: bool = False
    width: int = 0


Look = Callable[[Operand, bool], Spans]
"""Says whether a word is there, and where, if positions are wanted."""


def matches(vector: TsVector, query: TsQuery) -> bool:
    """Whether the document has what the query asks for."""
    if query.root is None:
        return False
    return holds(query.root, VectorLook(vector).look)


def holds(root: Node, look: Look, *, may_lack_positions: bool = False) -> bool:
    """Whether a query's tree holds; an unknown phrase holds where positions may lack."""
    return _holds(root, look, may_lack_positions) != NO


def _holds(node: Node, look: Look, may_lack: bool) -> int:
    if isinstance(node, Operand):
        return look(node, False).answer
    if node.kind == NOT:
        return YES - _holds(node.right, look, may_lack)
    if node.kind == PHRASE:
        answer = _spans(node, look).answer
        return answer if answer != MAYBE or may_lack else NO
    assert node.left is not None
    left = _holds(node.left, look, may_lack)
    if left == (NO if node.kind == AND else YES):
        return left
    right = _holds(node.right, look, may_lack)
    return min(left, right) if node.kind == AND else max(left, right)


def _spans(node: Node, look: Look) -> Spans:
    """Where a branch under a phrase matches."""
    if isinstance(node, Operand):
        return look(node, True)
    if node.kind == NOT:
        return _negated(_spans(node.right, look))
    assert node.left is not None
    left = _spans(node.left, look)
    if left.answer == NO and node.kind != OR:
        return left
    right = _spans(node.right, look)
    answers = left.answer, right.answer
    if answers == (NO, NO) or (node.kind != OR and right.answer == NO):
        return Spans(NO)
    if MAYBE in answers:
        return Spans(MAYBE)
    return _JOINS[node.kind](node, left, right)


def _negated(inner: Spans) -> Spans:
    if inner.answer == MAYBE:
        return inner
    if inner.answer == NO:
        return Spans(YES, (), True, inner.width)
    if inner.positions:
        return Spans(YES, inner.positions, not inner.is_negated, inner.width)
    return Spans(NO)


def _followed(node: Operation, left: Spans, right: Spans) -> Spans:
    width = node.distance + left.width + right.width
    return _conjunction(left, right, (node.distance + right.width, 0), width)


def _together(_node: Operation, left: Spans, right: Spans) -> Spans:
    width = max(left.width, right.width)
    return _conjunction(left, right, (width - left.width, width - right.width), width)


def _conjunction(left: Spans, right: Spans, offsets: tuple[int, int], width: int) -> Spans:
    """Both: of negated sides, what the other rule of De Morgan says."""
    if left.is_negated and right.is_negated:
        found = _merged(left, right, offsets, BOTH | LEFT_ONLY | RIGHT_ONLY)
        return Spans(YES, found, True, width)
    emits = RIGHT_ONLY if left.is_negated else LEFT_ONLY if right.is_negated else BOTH
    found = _merged(left, right, offsets, emits)
    return Spans(YES if found else NO, found, False, width)


def _either(_node: Operation, left: Spans, right: Spans) -> Spans:
    widths = left.width * (left.answer != NO), right.width * (right.answer != NO)
    width = max(widths)
    offsets = width - widths[0], width - widths[1]
    if left.is_negated or right.is_negated:
        both = left.is_negated and right.is_negated
        emits = BOTH if both else LEFT_ONLY if left.is_negated else RIGHT_ONLY
        return Spans(YES, _merged(left, right, offsets, emits), True, width)
    found = _merged(left, right, offsets, BOTH | LEFT_ONLY | RIGHT_ONLY)
    return Spans(YES if found else NO, found, False, width)


_JOINS: Final[dict[int, Callable[[Operation, Spans, Spans], Spans]]] = {
    PHRASE: _followed,
    AND: _together,
    OR: _either,
}


def _merged(left: Spans, right: Spans, offsets: tuple[int, int], emits: int) -> tuple[int, ...]:
    """The moved positions of one side, the other or both, in order."""
    lefts = {position + offsets[0] for position in left.positions}
    rights = {position + offsets[1] for position in right.positions}
    found: set[int] = set()
    if emits & BOTH:
        found |= lefts & rights
    if emits & LEFT_ONLY:
        found |= lefts - rights
    if emits & RIGHT_ONLY:
        found |= rights - lefts
    return tuple(sorted(position for position in found if position > 0))


class VectorLook:
    """Looks words up in a vector."""

    def __init__(self, vector: TsVector) -> None:
        self.lexemes = vector.lexemes

    def entries(self, operand: Operand) -> Iterator[Lexeme]:
        """The lexemes that a word stands for: itself, or all that begin with it."""
        lexemes, word = self.lexemes, operand.word
        index = bisect_left(lexemes, (word,))
        if operand.is_prefix:
            while index < len(lexemes) and lexemes[index].word.startswith(word):
                yield lexemes[index]
                index += 1
        elif index < len(lexemes) and lexemes[index].word == word:
            yield lexemes[index]

    def look(self, operand: Operand, wants_positions: bool) -> Spans:
        """Whether a word is there with one of its weights."""
        if wants_positions:
            return self._positions(operand)
        found = any(_weighs(entry, operand.weights) for entry in self.entries(operand))
        return Spans(YES if found else NO)

    def _positions(self, operand: Operand) -> Spans:
        places: set[int] = set()
        for entry in self.entries(operand):
            if not entry.positions:
                return Spans(MAYBE)
            places.update(position_of(place) for place in weighted(entry.positions, operand))
        return Spans(YES, tuple(sorted(places))) if places else Spans(NO)


def weighted(positions: Iterable[int], operand: Operand) -> Iterator[int]:
    """The positions that have one of a word's weights."""
    weights = operand.weights
    return (place for place in positions if not weights or weights >> weight_of(place) & 1)


def _weighs(entry: Lexeme, weights: int) -> bool:
    """Whether a lexeme has one of the weights; one without positions has all of them."""
    if not weights or not entry.positions:
        return True
    return any(weights >> weight_of(place) & 1 for place in entry.positions)
