"""The nodes of the row machine over one input: filters, projections, LIMIT, ORDER BY and DISTINCT."""

from __future__ import annotations

from functools import partial
from itertools import islice
from operator import itemgetter, ne
from typing import TYPE_CHECKING, Any

import numpy as np

from server.errors import (
    InvalidRowCountInLimitClause,
    InvalidRowCountInResultOffsetClause,
)
from server.executor.evaluation import layout_of
from server.executor.limit import row_count
from server.executor.native import tied_rows
from server.executor.row_locks import LockedRows
from server.executor.row_node import (
    Leave,
    NotCovered,
    column_evaluator,
    columns_to_load,
    key_of,
    row_evaluator,
)
from server.expressions.expression import Variable, columns_used
from server.planner import physical

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.row_node import Row, RowNode, RowRun
    from server.expressions.expression import ColumnId, Expression, SortKey
    from server.expressions.rowwise import Layout

    Make = Callable[[physical.Plan, frozenset[ColumnId]], RowNode]


class FilteredRows:
    """Rows for which a condition is true."""

    __slots__ = ("_condition", "_input", "output", "stored")

    def __init__(self, plan: physical.Filter, needed: frozenset[ColumnId], make: Make) -> None:
        self._input = make(plan.input, needed | columns_used(plan.condition))
        self.output = self._input.output
        if plan.output != self.output:
            raise NotCovered
        self._condition = row_evaluator(plan.condition, layout_of(self.output))
        self.stored = self._input.stored

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """Those of every portion."""
        context, passes = run.context, self._condition
        for rows in self._input.portions(run):
            yield [row for row in rows if passes(row, context) is True]


class ProjectedRows:
    """A value an expression."""

    __slots__ = ("_evaluators", "_input", "_pick", "output", "stored")

    def __init__(self, plan: physical.Project, needed: frozenset[ColumnId], make: Make) -> None:
        wanted: set[ColumnId] = set()
        for column, expression in zip(plan.output, plan.expressions, strict=True):
            if not isinstance(expression, Variable):
                wanted |= columns_used(expression)
            elif column in needed:
                wanted.add(expression.column)
        self._input = make(plan.input, frozenset(wanted))
        layout = layout_of(self._input.output)
        self._evaluators = tuple(row_evaluator(each, layout) for each in plan.expressions)
        self._pick = _picker(plan.expressions, layout)
        self.output = plan.output
        below = self._input.stored
        self.stored = frozenset(
            column
            for column, expression in zip(plan.output, plan.expressions, strict=True)
            if isinstance(expression, Variable) and expression.column in below
        )

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """Every portion as it is to be."""
        context, pick, evaluators = run.context, self._pick, self._evaluators
        for rows in self._input.portions(run):
            if pick is not None:
                yield list(map(pick, rows))
            else:
                yield [tuple([each(row, context) for each in evaluators]) for row in rows]


def _picker(expressions: Sequence[Expression], layout: Layout) -> Callable[[Row], Row] | None:
    """What picks columns, where there is nothing else to do; None: there is."""
    places = [layout[each.column] for each in expressions if isinstance(each, Variable)]
    if len(places) < len(expressions) or not places:
        return None
    if len(places) == 1:
        place = places[0]
        return lambda row: (row[place],)
    return itemgetter(*places)


class LimitedRows:
    """The first rows after those that OFFSET leaves out. Only here rows may be locked: no others are asked for."""

    __slots__ = ("_count", "_input", "_locks", "_offset", "output", "stored")

    def __init__(self, plan: physical.Limit, needed: frozenset[ColumnId], make: Make) -> None:
        if plan.with_ties:
            raise NotCovered
        self._input = _with_locks(plan.input, needed, make)
        self._count = _optional(plan.count)
        self._offset = _optional(plan.offset)
        self._locks = isinstance(_below_projections(plan.input), physical.LockRows)
        self.output, self.stored = self._input.output, self._input.stored

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """No more of the input than is asked for."""
        context = run.context
        skip = row_count(self._offset, context, InvalidRowCountInResultOffsetClause, "OFFSET") or 0
        wanted = row_count(self._count, context, InvalidRowCountInLimitClause, "LIMIT")
        if wanted == 0:
            return
        if self._locks and (wanted is None or (wanted > 1 and context.is_lazy)):
            raise Leave  # who asks may not want them all
        for portion in self._input.portions(run):
            rows = portion
            if skip:
                rows, skip = rows[skip:], max(0, skip - len(rows))
            if wanted is not None:
                rows = rows[:wanted]
                wanted -= len(rows)
            yield rows
            if wanted == 0:
                return


def _with_locks(plan: physical.Plan, needed: frozenset[ColumnId], make: Make) -> RowNode:
    """The node of a plan below LIMIT, which may lock rows below projections."""
    if isinstance(plan, physical.LockRows):
        return LockedRows(plan, needed, make)
    if isinstance(plan, physical.Project):
        return ProjectedRows(plan, needed, partial(_with_locks, make=make))
    return make(plan, needed)


def _below_projections(plan: physical.Plan) -> physical.Plan:
    while isinstance(plan, physical.Project):
        plan = plan.input
    return plan


def _optional(expression: Expression | None) -> Callable[[ExecutionContext], Any] | None:
    if expression is None:
        return None
    evaluate = row_evaluator(expression, {})
    return lambda context: evaluate((), context)


class SortedRows:
    """Rows in order; equal ones as PostgreSQL's sorts leave them."""

    __slots__ = ("_count", "_input", "_keys", "output", "stored")

    def __init__(self, plan: physical.Sort, needed: frozenset[ColumnId], make: Make) -> None:
        used = columns_to_load(key.expression for key in plan.keys)
        self._input = make(plan.input, needed | used)
        self._keys = tuple(_SortKey(key, self._input) for key in plan.keys)
        self._count = _optional(plan.count)
        self.output, self.stored = self._input.output, self._input.stored
        if plan.output != self.output:
            raise NotCovered

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """All at once."""
        context = run.context
        bound = None if self._count is None else self._count(context)
        if bound is not None and bound < 0:
            raise InvalidRowCountInLimitClause("LIMIT must not be negative")
        rows = [row for portion in self._input.portions(run) for row in portion]
        if len(rows) > 1:
            columns = [key.values(rows, context) for key in self._keys]
            order = list(range(len(rows)))
            for key, column in zip(reversed(self._keys), reversed(columns), strict=True):
                order.sort(key=column.__getitem__, reverse=key.descending)
            order = _with_ties(order, columns, -1 if bound is None else bound)
            rows = [rows[place] for place in order]
        yield rows if bound is None else rows[:bound]


class _SortKey:
    """A key of ORDER BY, as what Python orders."""

    __slots__ = ("_evaluate", "_key_of", "_null_rank", "descending")

    def __init__(self, key: SortKey, source: RowNode) -> None:
        self._evaluate = column_evaluator(key.expression, layout_of(source.output))
        self._key_of = key_of(key.expression, source)
        self.descending = key.descending
        self._null_rank = 0 if key.nulls_first != key.descending else 2

    def values(self, rows: Sequence[Row], context: ExecutionContext) -> list[Any]:
        """What the key is of each row."""
        values = _keyed(self._evaluate(rows, context), self._key_of)
        if None in values:
            null = (self._null_rank, 0)
            return [null if value is None else (1, value) for value in values]
        return values


def _keyed(values: list[Any], made_by: Callable[[Any], Any] | None) -> list[Any]:
    if made_by is None:
        return values
    return [None if value is None else made_by(value) for value in values]


def _with_ties(order: list[int], columns: Sequence[list[Any]], bound: int) -> list[int]:
    """The order, with equal rows as PostgreSQL leaves them; with a bound >= 0 of no more than so many."""
    keys = columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
    in_order = [keys[place] for place in order]
    changes = list(map(ne, in_order, islice(in_order, 1, None)))
    if all(changes):
        return order
    ranks = np.empty(len(order), np.int64)
    ranks[order[0]] = 0
    ranks[order[1:]] = np.cumsum(changes)
    return tied_rows(ranks, bound).tolist()  # type: ignore[no-any-return]


class DistinctRows:
    """The first row of each set of equal rows."""

    __slots__ = ("_input", "_keys", "output", "stored")

    def __init__(self, plan: physical.Distinct, needed: frozenset[ColumnId], make: Make) -> None:
        keys: tuple[Expression, ...] | None = plan.on
        if keys is None:
            keys = tuple(
                Variable(type=reference, column=column)
                for column, reference in zip(plan.input.output, plan.input.types, strict=True)
            )
        self._input = make(plan.input, needed | columns_to_load(keys))
        self._keys = GroupKeys(keys, self._input)
        self.output, self.stored = plan.output, self._input.stored
        if plan.output != self._input.output:
            raise NotCovered

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """Those of a portion that are new."""
        seen: set[Any] = set()
        for rows in self._input.portions(run):
            yield self._keys.fresh(rows, seen, run.context)


class GroupKeys:
    """Expressions whose values tell rows apart as GROUP BY and DISTINCT do: NULLs are equal."""

    __slots__ = ("_evaluators", "_is_single", "_key_of")

    def __init__(self, keys: Sequence[Expression], source: RowNode) -> None:
        layout = layout_of(source.output)
        self._evaluators = tuple(column_evaluator(key, layout) for key in keys)
        self._key_of = tuple(key_of(key, source) for key in keys)
        self._is_single = len(keys) == 1

    def columns(self, rows: Sequence[Row], context: ExecutionContext) -> list[list[Any]]:
        """The values of the expressions, a list for each."""
        return [evaluate(rows, context) for evaluate in self._evaluators]

    def hashed(self, columns: Sequence[list[Any]], count: int) -> list[Any]:
        """What hashes and compares for each of so many rows as their values do."""
        made = [
            _keyed(column, made_by) for column, made_by in zip(columns, self._key_of, strict=True)
        ]
        if self._is_single:
            return made[0]
        return list(zip(*made, strict=True)) if made else [()] * count

    def of(self, rows: Sequence[Row], context: ExecutionContext) -> list[Any]:
        """`hashed` of rows."""
        return self.hashed(self.columns(rows, context), len(rows))

    def fresh(self, rows: Sequence[Row], seen: set[Any], context: ExecutionContext) -> list[Row]:
        """The first rows of their keys, unless those were seen; from now on they are."""
        found = []
        for row, key in zip(rows, self.of(rows, context), strict=True):
            if key not in seen:
                seen.add(key)
                found.append(row)
        return found

    def has_null(self, key: Any) -> bool:
        """Whether one of the values behind a key is NULL."""
        return key is None if self._is_single else None in key
