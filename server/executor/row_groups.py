"""GROUP BY and aggregates of the row machine: count, sum, avg, min and max of common types by rows, others by columns.

Rule 1: what the aggregates of columns would make of values that are not finite, or too large, is left to them.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.aggregate import PreparedAggregate
from server.executor.evaluation import layout_of
from server.executor.row_node import (
    Leave,
    NotCovered,
    column_evaluator,
    columns_to_load,
    row_evaluator,
    sort_key_of,
)
from server.executor.row_nodes import GroupKeys
from server.executor.row_operators import operator_rows
from server.expressions.expression import Variable, columns_used, walk
from server.functions import numeric_math
from server.oids import INT2, INT4, INT8, NUMERIC
from server.vector.batch import Batch
from server.vector.rows import column_of, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from decimal import Decimal

    from server.executor.context import ExecutionContext
    from server.executor.row_node import Row, RowNode, RowRun
    from server.expressions.expression import AggregateCall, ColumnId, Expression
    from server.expressions.rowwise import Layout
    from server.planner import physical
    from server.types.type import TypeReference

    Make = Callable[[physical.Plan, frozenset[ColumnId]], RowNode]
    Finish = Callable[[list[Any]], Any]

_INTEGERS: Final = frozenset((INT2, INT4, INT8))
_INT8_LIMIT: Final = 1 << 63


def _sum_of_small(values: list[int]) -> int:
    found = sum(values)
    if not -_INT8_LIMIT <= found < _INT8_LIMIT:
        raise Leave
    return found


def _sum_of_large(values: list[int]) -> Decimal:
    return numeric_math.scaled(sum(values), 0)


def _sum_of_decimals(values: list[Decimal]) -> Decimal:
    if not all(value.is_finite() for value in values):
        raise Leave
    return numeric_math.total(values)


def _mean_of_integers(values: list[int]) -> Decimal:
    count = numeric_math.scaled(len(values), 0)
    return numeric_math.divide(_sum_of_large(values), count)


def _mean_of_decimals(values: list[Decimal]) -> Decimal:
    return numeric_math.divide(_sum_of_decimals(values), numeric_math.scaled(len(values), 0))


def _least_decimal(values: list[Decimal]) -> Decimal:
    """Of equal ones the last, as they may differ in their scales."""
    found = values[0]
    for value in values:
        if not _finite(value) > found:
            found = value
    return found


def _greatest_decimal(values: list[Decimal]) -> Decimal:
    found = values[0]
    for value in values:
        if not _finite(value) < found:
            found = value
    return found


def _finite(value: Decimal) -> Decimal:
    if not value.is_finite():
        raise Leave
    return value


FINISHES: Final[dict[tuple[str, int], Finish]] = {
    ("sum", INT2): _sum_of_small,
    ("sum", INT4): _sum_of_small,
    ("sum", INT8): _sum_of_large,
    ("sum", NUMERIC): _sum_of_decimals,
    ("avg", INT2): _mean_of_integers,
    ("avg", INT4): _mean_of_integers,
    ("avg", INT8): _mean_of_integers,
    ("avg", NUMERIC): _mean_of_decimals,
    ("min", NUMERIC): _least_decimal,
    ("max", NUMERIC): _greatest_decimal,
}
"""What becomes of the values that are not NULL, of which there are some, by aggregate and type."""

ORDERED_OIDS: Final = _INTEGERS | frozenset((26, 25, 1043, 1082, 1083, 1114, 1184))
"""Types whose values are the same wherever they are equal, so that it does not matter which of them is the least."""


class _Call:
    """A call of an aggregate of values that Python reckons with, made ready."""

    __slots__ = ("_counts", "_evaluate", "_filter", "_finish")

    def __init__(self, call: AggregateCall, layout: Layout) -> None:
        if call.distinct or call.order or call.direct_arguments or len(call.arguments) > 1:
            raise NotCovered
        if call.aggregate.definition is not None:
            raise NotCovered
        self._filter = None if call.filter is None else row_evaluator(call.filter, layout)
        self._evaluate = column_evaluator(call.arguments[0], layout) if call.arguments else None
        self._counts = call.aggregate.name == "count"
        self._finish = len if self._counts else _finish_of(call)

    def values(self, groups: Sequence[Sequence[Row]], context: ExecutionContext) -> list[Any]:
        """What the call gives for the rows of each group."""
        return [self._value(rows, context) for rows in groups]

    def _value(self, rows: Sequence[Row], context: ExecutionContext) -> Any:
        passes, evaluate = self._filter, self._evaluate
        if passes is not None:
            rows = [row for row in rows if passes(row, context) is True]
        if evaluate is None:
            return len(rows)
        values = evaluate(rows, context)
        if None in values:
            values = [value for value in values if value is not None]
        return self._finish(values) if values or self._counts else None


def _finish_of(call: AggregateCall) -> Finish:
    name = call.aggregate.name
    if not call.arguments:
        raise NotCovered
    argument = call.arguments[0].type.type
    if name in ("min", "max") and argument.oid in ORDERED_OIDS:
        if sort_key_of(argument) is not None:
            raise NotCovered
        return min if name == "min" else max
    finish = FINISHES.get((name, argument.oid))
    if finish is None:
        raise NotCovered
    return finish


class _ColumnCall:
    """Any other call, which reads columns of the rows: DISTINCT and ORDER BY are those of the operators, too."""

    __slots__ = ("_pick", "_prepared", "_types")

    def __init__(self, call: AggregateCall, source: RowNode, keys: Sequence[Expression]) -> None:
        if call.aggregate.definition is not None:
            raise NotCovered
        layout = layout_of(source.output)
        read = [
            *call.direct_arguments,
            *call.arguments,
            *(key.expression for key in call.order),
        ]
        for each in read if call.filter is None else [*read, call.filter]:
            row_evaluator(each, layout)
        types = _types_of(read if call.filter is None else [*read, call.filter])
        self._types = [types[column] for column in sorted(types)]
        places = [layout[column] for column in sorted(types)]
        self._pick = [itemgetter(place) for place in places]
        self._prepared = PreparedAggregate(call, layout_of(sorted(types)), keys)

    def values(self, groups: Sequence[Sequence[Row]], context: ExecutionContext) -> list[Any]:
        """What the call gives for the rows of each group."""
        rows = [row for group in groups for row in group]
        columns = tuple(
            column_of(list(map(pick, rows)), reference.type.dtype)
            for pick, reference in zip(self._pick, self._types, strict=True)
        )
        numbers = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        collector = self._prepared.collector(context)
        chosen, arguments = self._prepared.arguments(Batch(columns, len(rows)), context)
        if chosen is not None:
            numbers = numbers[chosen]
        if len(numbers):
            collector.add(numbers, len(groups), arguments)
        return values_of(collector.finish(len(groups)))


def _types_of(expressions: Iterable[Expression]) -> dict[ColumnId, TypeReference]:
    """The types of the columns that expressions read."""
    nodes = (node for each in expressions for node in walk(each))
    return {node.column: node.type for node in nodes if isinstance(node, Variable)}


def _call_of(
    call: AggregateCall, source: RowNode, keys: Sequence[Expression]
) -> _Call | _ColumnCall:
    try:
        return _Call(call, layout_of(source.output))
    except NotCovered:
        return _ColumnCall(call, source, keys)


class GroupedRows:
    """One row a group, its keys and then its aggregates; without keys one row in all."""

    __slots__ = ("_calls", "_input", "_keys", "output", "stored")

    def __init__(
        self, plan: physical.HashAggregate, needed: frozenset[ColumnId], make: Make
    ) -> None:
        used = columns_to_load(plan.keys)
        for expression in plan.aggregates:
            used |= columns_used(expression)
        self._input = make(plan.input, frozenset(_needed_keys(plan, needed) | used))
        self._keys = GroupKeys(plan.keys, self._input) if plan.keys else None
        self._calls = tuple(_call_of(call, self._input, plan.keys) for call in plan.aggregates)
        self.output = plan.output
        self.stored = frozenset(
            column
            for column, key in zip(plan.output, plan.keys, strict=False)
            if isinstance(key, Variable) and key.column in self._input.stored
        )

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """All groups, in the order in which they were met."""
        context = run.context
        rows = [row for portion in self._input.portions(run) for row in portion]
        if self._keys is None:
            yield self._rows([()], [rows], context)
            return
        columns = self._keys.columns(rows, context)
        keys = self._keys.hashed(columns, len(rows))
        groups: dict[Any, tuple[Row, list[Row]]] = {}
        for row, key, values in zip(rows, keys, zip(*columns, strict=True), strict=True):
            known = groups.get(key)
            if known is None:
                groups[key] = (values, [row])
            else:
                known[1].append(row)
        found = groups.values()
        yield self._rows([values for values, _ in found], [rows for _, rows in found], context)

    def _rows(
        self, keys: Sequence[Row], groups: Sequence[list[Row]], context: ExecutionContext
    ) -> list[Row]:
        results = [call.values(groups, context) for call in self._calls]
        if not results:
            return list(keys)
        given = zip(*results, strict=True)
        return [(*key, *values) for key, values in zip(keys, given, strict=True)]


def grouped_rows(plan: physical.HashAggregate, needed: frozenset[ColumnId], make: Make) -> RowNode:
    """The node of GROUP BY; grouping sets are done by the operator."""
    if plan.set_number or plan.sets != (tuple(range(len(plan.keys))),):
        return operator_rows(plan, needed, make)
    return GroupedRows(plan, needed, make)


def _needed_keys(plan: physical.HashAggregate, needed: frozenset[ColumnId]) -> set[ColumnId]:
    """The columns that are keys and wanted in row form above."""
    return {
        key.column
        for column, key in zip(plan.output, plan.keys, strict=False)
        if isinstance(key, Variable) and column in needed
    }
