"""The nodes of the row machine over one input: filters, projections, LIMIT, ORDER BY and DISTINCT."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from server.errors import (
    InvalidRowCountInLimitClause,
    InvalidRowCountInResultOffsetClause,
)
from server.executor.evaluation import layout_of
from server.executor.limit import row_count
from server.executor.native import tied_rows
from server.executor.row_node import NotCovered, row_evaluator, sort_key_of
from server.expressions.expression import Variable, columns_used

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.row_node import Row, RowNode, RowRun
    from server.expressions.expression import ColumnId, Expression, SortKey
    from server.expressions.rowwise import Layout
    from server.planner import physical

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
    """The first rows after those that OFFSET leaves out."""

    __slots__ = ("_count", "_input", "_offset", "output", "stored")

    def __init__(self, plan: physical.Limit, needed: frozenset[ColumnId], make: Make) -> None:
        if plan.with_ties:
            raise NotCovered
        self._input = make(plan.input, needed)
        self._count = _optional(plan.count)
        self._offset = _optional(plan.offset)
        self.output, self.stored = self._input.output, self._input.stored

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """No more of the input than is asked for."""
        context = run.context
        skip = row_count(self._offset, context, InvalidRowCountInResultOffsetClause, "OFFSET") or 0
        wanted = row_count(self._count, context, InvalidRowCountInLimitClause, "LIMIT")
        if wanted == 0:
            return
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


def _optional(expression: Expression | None) -> Callable[[ExecutionContext], Any] | None:
    if expression is None:
        return None
    evaluate = row_evaluator(expression, {})
    return lambda context: evaluate((), context)


class SortedRows:
    """Rows in order; equal ones as PostgreSQL's sorts leave them."""

    __slots__ = ("_count", "_input", "_keys", "output", "stored")

    def __init__(self, plan: physical.Sort, needed: frozenset[ColumnId], make: Make) -> None:
        used: set[ColumnId] = set()
        for key in plan.keys:
            used |= columns_used(key.expression)
        self._input = make(plan.input, needed | used)
        layout = layout_of(self._input.output)
        self._keys = tuple(_SortKey(key, layout) for key in plan.keys)
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
        count = len(rows)
        if count > 1:
            columns = [key.values(rows, context) for key in self._keys]
            order = list(range(count))
            for key, column in zip(reversed(self._keys), reversed(columns), strict=True):
                order.sort(key=column.__getitem__, reverse=key.descending)
            order = _with_ties(order, columns, -1 if bound is None else bound)
            rows = [rows[place] for place in order]
        yield rows if bound is None else rows[:bound]


class _SortKey:
    """A key of ORDER BY, as what Python orders."""

    __slots__ = ("_evaluate", "_key_of", "_null_rank", "descending")

    def __init__(self, key: SortKey, layout: Layout) -> None:
        self._evaluate = row_evaluator(key.expression, layout)
        self._key_of = sort_key_of(key.expression.type.type)
        self.descending = key.descending
        self._null_rank = 0 if key.nulls_first != key.descending else 2

    def values(self, rows: Sequence[Row], context: ExecutionContext) -> list[Any]:
        """What the key is of each row."""
        evaluate, key_of = self._evaluate, self._key_of
        values = [evaluate(row, context) for row in rows]
        has_null = None in values
        if key_of is not None:
            values = [None if value is None else key_of(value) for value in values]
        if has_null:
            null = (self._null_rank, 0)
            return [null if value is None else (1, value) for value in values]
        return values


def _with_ties(order: list[int], columns: Sequence[Sequence[Any]], bound: int) -> list[int]:
    """The order, with equal rows as PostgreSQL leaves them; with a bound >= 0 of no more than so many."""
    ranks = [0] * len(order)
    rank, before = 0, order[0]
    for place in order[1:]:
        if any(column[place] != column[before] for column in columns):
            rank += 1
        ranks[place] = rank
        before = place
    if rank + 1 == len(order):
        return order
    return tied_rows(np.array(ranks, np.int64), bound).tolist()  # type: ignore[no-any-return]


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
        used: frozenset[ColumnId] = frozenset().union(*map(columns_used, keys))
        self._input = make(plan.input, needed | used)
        layout = layout_of(self._input.output)
        self._keys = GroupKeys(keys, layout)
        self.output, self.stored = plan.output, self._input.stored
        if plan.output != self._input.output:
            raise NotCovered

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """Those of a portion that are new."""
        seen: set[Any] = set()
        for rows in self._input.portions(run):
            fresh = []
            for row, key in zip(rows, self._keys.of(rows, run.context), strict=True):
                if key not in seen:
                    seen.add(key)
                    fresh.append(row)
            yield fresh


class GroupKeys:
    """Expressions whose values tell rows apart as GROUP BY and DISTINCT do: NULLs are equal."""

    __slots__ = ("_evaluators", "_key_of")

    def __init__(self, keys: Sequence[Expression], layout: Layout) -> None:
        self._evaluators = tuple(row_evaluator(key, layout) for key in keys)
        self._key_of = tuple(sort_key_of(key.type.type) for key in keys)

    def values(self, row: Row, context: ExecutionContext) -> Row:
        """The values of a row."""
        return tuple([evaluate(row, context) for evaluate in self._evaluators])

    def of(self, rows: Sequence[Row], context: ExecutionContext) -> list[Row]:
        """What hashes and compares for each row."""
        return [self.hashed(self.values(row, context)) for row in rows]

    def hashed(self, values: Row) -> Row:
        """Values as what hashes and compares as they do."""
        if not any(self._key_of):
            return values
        return tuple(
            [
                value if value is None or key_of is None else key_of(value)
                for value, key_of in zip(values, self._key_of, strict=True)
            ]
        )
