"""Joins of the row machine: by hash, by a key that an index is searched for row by row, or by any condition."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from server.executor.evaluation import layout_of
from server.executor.join import can_hash
from server.executor.row_node import NotCovered, row_evaluator
from server.executor.row_nodes import GroupKeys
from server.expressions.expression import columns_used

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.row_node import Row, RowNode, RowRun
    from server.expressions.expression import ColumnId, Expression
    from server.planner import physical

    Make = Callable[[physical.Plan, frozenset[ColumnId]], RowNode]

KINDS: Final = frozenset(("inner", "left", "semi", "anti"))


class _Joined:
    """What a kind of join makes of a left row and the right rows that may match it."""

    __slots__ = ("_condition", "_kind", "_nulls", "_pick", "output", "stored")

    def __init__(
        self,
        plan: physical.HashJoin | physical.NestedLoop,
        condition: Expression | None,
        left: RowNode,
        right: RowNode,
    ) -> None:
        layout = layout_of(left.output + right.output)
        self._kind = plan.kind
        self._condition = None if condition is None else row_evaluator(condition, layout)
        self._nulls = (None,) * len(right.output)
        self._pick = _picker([layout[column] for column in plan.output])
        self.output = plan.output
        self.stored = (left.stored | right.stored) & frozenset(plan.output)

    def add(
        self, row: Row, candidates: Sequence[Row], found: list[Row], context: ExecutionContext
    ) -> None:
        """Add what comes of a left row."""
        kind, condition, pick = self._kind, self._condition, self._pick
        matched = False
        for candidate in candidates:
            both = row + candidate
            if condition is not None and condition(both, context) is not True:
                continue
            matched = True
            if kind in ("semi", "anti"):
                break
            found.append(pick(both))
        if kind != "inner" and matched == (kind == "semi"):
            found.append(pick(row + self._nulls))


def _picker(places: Sequence[int]) -> Callable[[Row], Row]:
    if len(places) > 1:
        return itemgetter(*places)
    if places:
        place = places[0]
        return lambda row: (row[place],)
    return lambda row: ()


class HashedRows:
    """An equi-join; the right side is held."""

    __slots__ = ("_joined", "_left", "_left_keys", "_right", "_right_keys", "output", "stored")

    def __init__(self, plan: physical.HashJoin, needed: frozenset[ColumnId], make: Make) -> None:
        lefts = [left for left, _, _ in plan.keys]
        rights = [right for _, right, _ in plan.keys]
        if plan.kind not in KINDS or not all(
            can_hash(left.type.type, right.type.type)
            for left, right in zip(lefts, rights, strict=True)
        ):
            raise NotCovered
        used = _columns_of([*lefts, *rights, plan.residual])
        self._left = make(plan.left, needed | used)
        self._right = make(plan.right, needed | used)
        self._left_keys = GroupKeys(lefts, self._left)
        self._right_keys = GroupKeys(rights, self._right)
        self._joined = _Joined(plan, plan.residual, self._left, self._right)
        self.output, self.stored = self._joined.output, self._joined.stored

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """A portion of the left side with its partners."""
        context = run.context
        partners: dict[Any, list[Row]] = {}
        has_null = self._left_keys.has_null
        for rows in self._right.portions(run):
            for key, row in zip(self._right_keys.of(rows, context), rows, strict=True):
                if not has_null(key):
                    partners.setdefault(key, []).append(row)
        for rows in self._left.portions(run):
            found: list[Row] = []
            for key, row in zip(self._left_keys.of(rows, context), rows, strict=True):
                candidates = () if has_null(key) else partners.get(key, ())
                run.count(len(candidates))
                self._joined.add(row, candidates, found, context)
            yield found


class LoopedRows:
    """A join by any condition; the right side runs once, or once a left row, of which it sees some columns."""

    __slots__ = ("_joined", "_lateral", "_left", "_places", "_right", "output", "stored")

    def __init__(self, plan: physical.NestedLoop, needed: frozenset[ColumnId], make: Make) -> None:
        if plan.kind not in KINDS:
            raise NotCovered
        used = _columns_of([plan.condition])
        self._left = make(plan.left, needed | used | frozenset(plan.lateral))
        self._right = make(plan.right, needed | used)
        layout = layout_of(self._left.output)
        self._lateral = plan.lateral
        self._places = tuple(layout[column] for column in plan.lateral)
        self._joined = _Joined(plan, plan.condition, self._left, self._right)
        self.output, self.stored = self._joined.output, self._joined.stored

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """A portion of the left side with its partners."""
        kept: list[Row] | None = None
        for rows in self._left.portions(run):
            found: list[Row] = []
            for row in rows:
                if self._lateral:
                    candidates = self._answer(run, row)
                elif kept is None:
                    candidates = kept = _all(self._right, run)
                else:
                    run.count(len(kept))
                    candidates = kept
                self._joined.add(row, candidates, found, run.context)
            yield found

    def _answer(self, run: RowRun, row: Row) -> list[Row]:
        """What the right side gives for a left row."""
        context = run.context
        before = context.outer
        outer: dict[ColumnId, Any] = dict(before) if before else {}
        for column, place in zip(self._lateral, self._places, strict=True):
            outer[column] = row[place]
        context.outer = outer
        try:
            return _all(self._right, run)
        finally:
            context.outer = before


def _all(node: RowNode, run: RowRun) -> list[Row]:
    found: list[Row] = []
    for rows in node.portions(run):
        found += rows
    return found


def _columns_of(expressions: Sequence[Expression | None]) -> frozenset[ColumnId]:
    found: set[ColumnId] = set()
    for each in expressions:
        if each is not None:
            found |= columns_used(each)
    return frozenset(found)
