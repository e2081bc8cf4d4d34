"""What a kind of join makes of pairs of rows that match, and of rows without a match.

Rule 1: pairs come for one batch of the left side at a time, in portions; all pairs of a left row
        come before the next batch starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from server.executor.columns import null_batch, slices
from server.executor.evaluation import condition, layout_of
from server.expressions.expression import Expression, columns_used
from server.vector.batch import Batch
from server.vector.column import Column, Mask, Positions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from server.executor.context import ExecutionContext
    from server.planner import physical
    from server.types.type import TypeReference

Pairs = tuple[Positions, Positions]

_PAIRED: Final = frozenset({"inner", "left", "right", "full"})
_KEEPS_LEFT: Final = frozenset({"left", "full"})
_MARKS_RIGHT: Final = frozenset({"right", "full", "right_semi", "right_anti"})
_MARKS_LEFT: Final = frozenset({"left", "full", "semi", "anti", "null_anti"})

TURNED: Final = {"left": "right", "semi": "right_semi", "anti": "right_anti"}
"""What a join is called when its sides change places: right_semi and right_anti give rows of their right side."""


class Matcher:
    """A kind of join with its residual condition, made ready."""

    __slots__ = (
        "condition",
        "condition_columns",
        "kind",
        "left_types",
        "output",
        "right_output",
        "right_types",
    )

    def __init__(
        self, plan: physical.HashJoin | physical.NestedLoop, residual: Expression | None
    ) -> None:
        self.kind = plan.kind
        both = plan.left.output + plan.right.output
        layout = layout_of(both)
        self.left_types: tuple[TypeReference, ...] = plan.left.types
        self.right_types: tuple[TypeReference, ...] = plan.right.types
        self.output = tuple(layout[column] for column in plan.output)
        width = len(plan.left.output)
        self.right_output = frozenset(index - width for index in self.output if index >= width)
        self.condition = None
        self.condition_columns: tuple[int, ...] = ()
        if residual is not None:
            used = sorted(columns_used(residual) & set(both))
            self.condition_columns = tuple(layout[column] for column in used)
            self.condition = condition(residual, layout_of(used))

    def start(self, right: Batch, context: ExecutionContext) -> Matching:
        """Begin a run with the rows of the right side."""
        return Matching(self, right, context)


class Matching:
    """A join under way."""

    __slots__ = ("_context", "_matcher", "_right", "_right_matched")

    def __init__(self, matcher: Matcher, right: Batch, context: ExecutionContext) -> None:
        self._matcher = matcher
        self._right = right
        self._context = context
        self._right_matched: Mask | None = None
        if matcher.kind in _MARKS_RIGHT:
            self._right_matched = np.zeros(right.count, np.bool_)

    def replace_right(self, right: Batch) -> None:
        """Go on with other rows on the right.

        Lateral joins, which cannot keep unmatched right rows.
        """
        assert self._right_matched is None
        self._right = right

    def rows(
        self, left: Batch, pairs: Iterable[Pairs], *, are_sure: bool = False
    ) -> Iterator[Batch]:
        """Yield what a batch of the left side gives; pairs have equal keys, and if they are sure, satisfy the rest."""
        kind = self._matcher.kind
        matched: Mask | None = None
        if kind in _MARKS_LEFT:
            matched = np.zeros(left.count, np.bool_)
        for candidates in pairs:
            self._context.check_cancelled()
            lefts, rights = candidates if are_sure else self._satisfying(left, candidates)
            if matched is not None:
                matched[lefts] = True
            if self._right_matched is not None:
                self._right_matched[rights] = True
            if kind in _PAIRED and len(lefts):
                yield self._joined(left, lefts, rights)
        if matched is None:
            return
        if kind in _KEEPS_LEFT:
            alone = np.flatnonzero(~matched)
            yield self._joined(left, alone, np.full(len(alone), -1))
        elif kind == "semi":
            yield self._left_only(left, np.flatnonzero(matched))
        else:  # anti, null_anti
            yield self._left_only(left, np.flatnonzero(~matched))

    def rows_in_order(self, left: Batch, lefts: Positions, rights: Positions) -> Iterator[Batch]:
        """The same of all pairs of a batch, in ascending order of its rows, which those of the left side stay in."""
        if self._matcher.kind != "left":
            yield from self.rows(left, [(lefts, rights)])
            return
        self._context.check_cancelled()
        lefts, rights = self._satisfying(left, (lefts, rights))
        is_alone = np.ones(left.count, np.bool_)
        is_alone[lefts] = False
        alone = np.flatnonzero(is_alone)
        if len(alone):
            lefts = np.concatenate((lefts, alone))
            rights = np.concatenate((rights, np.full(len(alone), -1)))
            order = np.argsort(lefts, kind="stable")
            lefts, rights = lefts[order], rights[order]
        yield self._joined(left, lefts, rights)

    def rest(self) -> Iterator[Batch]:
        """Yield what is known of the right side's rows only when the left side has ended."""
        if self._right_matched is None:
            return
        if self._matcher.kind == "right_semi":
            yield from slices(self._right_only(np.flatnonzero(self._right_matched)))
            return
        alone = np.flatnonzero(~self._right_matched)
        if self._matcher.kind == "right_anti":
            yield from slices(self._right_only(alone))
        elif len(alone):
            nothing = null_batch(self._matcher.left_types, 1)
            joined = self._joined(nothing, np.full(len(alone), -1), alone)
            yield from slices(joined)

    def _satisfying(self, left: Batch, pairs: Pairs) -> Pairs:
        """The pairs for which the residual condition is true."""
        matcher = self._matcher
        if matcher.condition is None or not len(pairs[0]):
            return pairs
        candidates = self._columns(left, pairs, matcher.condition_columns)
        positions = matcher.condition(candidates, self._context)
        if positions is None:
            return pairs
        return pairs[0][positions], pairs[1][positions]

    def _joined(self, left: Batch, lefts: Positions, rights: Positions) -> Batch:
        return self._columns(left, (lefts, rights), self._matcher.output)

    def _columns(self, left: Batch, pairs: Pairs, indexes: tuple[int, ...]) -> Batch:
        width = len(left.columns)
        lefts = None if _are_all(pairs[0], left.count) else pairs[0]
        columns: list[Column] = [
            (left.columns[index] if lefts is None else left.columns[index].take(lefts))
            if index < width
            else self._right.columns[index - width].take(pairs[1])
            for index in indexes
        ]
        return Batch(tuple(columns), len(pairs[0]))

    def _left_only(self, left: Batch, positions: Positions) -> Batch:
        """Rows of the left side, picked from it."""
        rows = left.select(self._matcher.output)
        return rows if _are_all(positions, left.count) else rows.take(positions)

    def _right_only(self, positions: Positions) -> Batch:
        """Rows of the right side, picked from it."""
        width = len(self._matcher.left_types)
        places = tuple(index - width for index in self._matcher.output)
        return self._right.select(places).take(positions)


def _are_all(positions: Positions, count: int) -> bool:
    """Whether these are all rows in their order, as when a filter has left those with partners: none need be picked."""
    if len(positions) != count or not count or positions[0] != 0 or positions[-1] != count - 1:
        return False
    return bool((positions[1:] > positions[:-1]).all())
