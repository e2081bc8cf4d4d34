"""Bands: joins by < and > look only at pairs of rows that lie near each other.

A condition such as  r.low <= l.x AND l.x < r.high  bounds what right rows may be of a left one: the rows of
the right side are sorted by what has an upper bound, and of what has a lower one the greatest so far is
kept, which grows from row to row. So the candidates of a left row are one stretch of that order, whose ends
are searched for. Whether the right side has points and the left one ranges or the other way round, or each
has one bound, makes no difference.

Rule 1: every pair for which the condition is true is in a stretch; in stretches that are exact, all are.
Rule 2: where a key cannot be had as plain numbers, or raises, there are no bands: all pairs are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from server.errors import SqlError
from server.executor.evaluation import evaluator, layout_of
from server.expressions.expression import And, Call, Subquery, columns_used, walk
from server.functions.date_columns import DATE_LIMIT, within
from server.functions.scaled import rescaled
from server.oids import DATE, FIRST_USER_OID, NUMERIC, TIMESTAMP, TIMESTAMPTZ
from server.planner.matching import is_volatile
from server.types.calendar import US_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.evaluation import Evaluator
    from server.executor.join_kinds import Pairs
    from server.expressions.expression import Expression
    from server.planner import physical
    from server.vector.batch import Batch
    from server.vector.column import Column, Mask, Values

    Side = Literal["left", "right"]

_FAMILIES: Final = (
    frozenset({20, 21, 23}),
    frozenset({DATE, TIMESTAMP}),
    frozenset({TIMESTAMPTZ}),
    frozenset({700}),
    frozenset({701}),
    frozenset({NUMERIC}),
)
_SWAPPED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Bound:
    """Right keys are above or below left ones: right operator left."""

    operator: str
    left: Evaluator
    right: Evaluator
    left_oid: int
    right_oid: int


class Bands:
    """What a join condition says about how far the rows of a pair may be apart."""

    __slots__ = ("is_all", "lower", "upper")

    def __init__(self, upper: Bound | None, lower: Bound | None, *, is_all: bool) -> None:
        self.upper = upper
        self.lower = lower
        self.is_all = is_all  # the condition is these bounds and nothing else

    def start(self, right: Batch, context: ExecutionContext) -> Stretches | None:
        """Begin a run with the rows of the right side."""
        bounds = [bound for bound in (self.upper, self.lower) if bound is not None]
        try:
            columns = [bound.right(right, context) for bound in bounds]
        except SqlError as error:
            if error.is_intervention:
                raise
            return None
        keys = [_numbers(each, bound, "right") for each, bound in zip(columns, bounds, strict=True)]
        if any(each is None for each in keys):
            return None
        return Stretches(self, columns, [each for each in keys if each is not None])


class Stretches:
    """The rows of a right side in the order of their keys."""

    __slots__ = ("_bands", "_highs", "_is_exact", "_lows", "_order", "_scales")

    def __init__(self, bands: Bands, columns: Sequence[Column], keys: Sequence[Values]) -> None:
        there = np.arange(len(columns[0]))
        for column in columns:
            if column.valid is not None:
                there = there[column.valid[there]]
        order = there[np.argsort(keys[0][there], kind="stable")]
        self._bands = bands
        self._order = order
        self._scales = [column.scale for column in columns]
        self._highs = keys[0][order] if bands.upper is not None else None
        self._lows: Values | None = None
        self._is_exact = bands.is_all
        if bands.lower is not None:
            lows = keys[-1][order]
            self._lows = np.maximum.accumulate(lows) if len(lows) else lows
            self._is_exact &= bool(np.array_equal(lows, self._lows, equal_nan=False))

    def pairs(
        self, left: Batch, pairs_max: int, context: ExecutionContext
    ) -> tuple[Iterator[Pairs], bool] | None:
        """The pairs of left rows with the rows of their stretches, and whether all satisfy the condition."""
        starts = np.zeros(left.count, np.int64)
        stops = np.full(left.count, len(self._order))
        there: Mask | None = None
        for bound, sought in ((self._bands.upper, self._highs), (self._bands.lower, self._lows)):
            if bound is None or sought is None:
                continue
            scale = self._scales[0 if bound is self._bands.upper else -1]
            try:
                column = bound.left(left, context)
            except SqlError as error:
                if error.is_intervention:
                    raise
                return None
            keys = _numbers(column, bound, "left", scale)
            if keys is None:
                return None
            side: Side = "right" if bound.operator in ("<=", ">") else "left"
            found = np.searchsorted(sought, keys, side=side)
            if bound is self._bands.upper:
                stops = found
            else:
                starts = found
            if column.valid is not None:
                there = column.valid if there is None else there & column.valid
        counts = np.maximum(stops - starts, 0)
        if there is not None:
            counts = np.where(there, counts, 0)
        return self._portions(starts, counts, pairs_max), self._is_exact

    def _portions(self, starts: Values, counts: Values, pairs_max: int) -> Iterator[Pairs]:
        ends = np.cumsum(counts)
        row, count = 0, len(counts)
        while row < count:
            before = int(ends[row - 1]) if row else 0
            stop = int(np.searchsorted(ends, before + pairs_max, side="right"))
            stop = min(max(stop, row + 1), count)
            lengths = counts[row:stop]
            lefts = np.repeat(np.arange(row, stop), lengths)
            shifts = np.repeat(starts[row:stop] - (ends[row:stop] - lengths), lengths)
            yield lefts, self._order[np.arange(before, int(ends[stop - 1])) + shifts]
            row = stop


def bands_of(plan: physical.NestedLoop) -> Bands | None:
    """The bounds in the condition of a join; None if there are none."""
    condition = plan.condition
    if condition is None:
        return None
    terms = condition.arguments if isinstance(condition, And) else (condition,)
    found: dict[bool, Bound] = {}
    for term in terms:
        bound = _bound(term, plan)
        if bound is not None:
            found.setdefault(bound.operator in ("<", "<="), bound)
    if not found:
        return None
    return Bands(found.get(True), found.get(False), is_all=len(found) == len(terms))


def _bound(term: Expression, plan: physical.NestedLoop) -> Bound | None:
    if not isinstance(term, Call) or term.form != "operator" or term.operator not in _SWAPPED:
        return None
    first, second = term.arguments
    oids = {first.type.type.oid, second.type.type.oid}
    if term.function.oid >= FIRST_USER_OID or not any(oids <= family for family in _FAMILIES):
        return None
    if is_volatile(term) or any(isinstance(node, Subquery) for node in walk(term)):
        return None
    lefts, rights = frozenset(plan.left.output), frozenset(plan.right.output)
    operator = term.operator
    if columns_used(first) <= lefts:
        first, second, operator = second, first, _SWAPPED[operator]
    inner, outer = columns_used(first), columns_used(second)
    if not inner or not outer or not inner <= rights or not outer <= lefts:
        return None
    return Bound(
        operator,
        evaluator(second, layout_of(plan.left.output)),
        evaluator(first, layout_of(plan.right.output)),
        second.type.type.oid,
        first.type.type.oid,
    )


def _numbers(column: Column, bound: Bound, side: Side, scale: int | None = None) -> Values | None:
    """Numbers that compare as the keys do; those of decimals at the scale of the other side."""
    if column.dictionary is not None:
        column = column.decoded()
    oid = bound.left_oid if side == "left" else bound.right_oid
    if oid == NUMERIC:
        if column.scale is None:
            return None
        return column.values if side == "right" else _at_scale(column, bound.operator, scale)
    if column.values.dtype == object:
        return None
    if oid == DATE and bound.left_oid != bound.right_oid:
        if not within(column.values, DATE_LIMIT):
            return None
        return column.values.astype(np.int64) * US_PER_DAY
    return column.values


def _at_scale(column: Column, operator: str, scale: int | None) -> Values | None:
    """Decimals at another scale, rounded so that integers of it compare with them as before."""
    if scale is None or column.scale is None:
        return None
    if column.scale <= scale:
        return rescaled(column, scale)
    unit = 10 ** (column.scale - scale)
    is_down = operator in ("<=", ">")
    rounded: Values = column.values // unit if is_down else -(-column.values // unit)
    return rounded
