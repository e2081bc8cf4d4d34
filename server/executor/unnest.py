"""Sets of many rows at once, beside columns or as a lateral join: unnest() and regexp_matches() without flags."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.columns import concatenate
from server.expressions.evaluate import compile_expression
from server.expressions.expression import (
    ArrayConstructor,
    Call,
    OuterVariable,
    SetReturningCall,
    Subquery,
    Variable,
    transform,
    walk,
)
from server.functions.registry import FUNCTION_BY_OID
from server.functions.text_arrays import unnested
from server.planner.physical import FunctionScan
from server.vector.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.executor.context import ExecutionContext
    from server.expressions.expression import ColumnId, Expression
    from server.expressions.rowwise import Layout
    from server.planner import physical
    from server.vector.column import Column, Values

UNNEST_OID: Final = 2331
REGEXP_MATCH_OID: Final = 3396
REGEXP_MATCHES_OID: Final = 2763
Items = Callable[[Batch, "ExecutionContext"], "tuple[Column, Values]"]
"""The items of the sets of all rows one behind the other, and how many each row has."""

UNNESTED_ROWS: Final = 1 << 14
"""The arrays of so many rows are unnested at once."""


def unnested_array(expression: Expression) -> Expression | None:
    """The array that unnest() makes a set of; None if the expression is anything else."""
    if not isinstance(expression, Call | SetReturningCall) or len(expression.arguments) != 1:
        return None
    return expression.arguments[0] if expression.function.oid == UNNEST_OID else None


def items_of_only_set(sets: Sequence[Expression], layout: Layout) -> Items | None:
    """What gives the items of the only one of several sets, if it can be had for many rows at once."""
    if len(sets) != 1:
        return None
    array = unnested_array(sets[0])
    if array is None:
        return _first_matches(sets[0], layout)
    return _items(array, sets[0].type.type.dtype, layout)


def _items(array: Expression, dtype: np.dtype[Any], layout: Layout) -> Items:
    """The items of arrays; an ARRAY[] of columns is never made."""
    if isinstance(array, ArrayConstructor) and array.items and not array.nested:
        items = [compile_expression(each, layout) for each in array.items]
        return lambda batch, context: _side_by_side([item(batch, context) for item in items])
    arrays = compile_expression(array, layout)
    return lambda batch, context: unnested(arrays(batch, context), dtype)


def _side_by_side(columns: Sequence[Column]) -> tuple[Column, Values]:
    """The values of columns, row by row, and how many a row has."""
    count = len(columns[0])
    places = np.arange(len(columns) * count).reshape(len(columns), count).T.ravel()
    return concatenate(columns).take(places), np.full(count, len(columns))


def _first_matches(expression: Expression, layout: Layout) -> Items | None:
    """What regexp_matches() finds without flags: what regexp_match() finds, where that is anything."""
    if not isinstance(expression, Call | SetReturningCall):
        return None
    if expression.function.oid != REGEXP_MATCHES_OID:
        return None
    function = FUNCTION_BY_OID[REGEXP_MATCH_OID]
    call = Call(type=expression.type, function=function, arguments=expression.arguments)
    find = compile_expression(call, layout)

    def matches(batch: Batch, context: ExecutionContext) -> tuple[Column, Values]:
        found = find(batch, context)
        there = found.validity()
        return found.take(np.flatnonzero(there)), there.astype(np.int64)

    return matches


class LateralUnnest:
    """The right side of a lateral join that is one unnest(), for many left rows at once."""

    __slots__ = ("_items",)

    def __init__(self, items: Items) -> None:
        self._items = items

    def answers(self, left: Batch, context: ExecutionContext) -> tuple[Batch, Values]:
        """The rows for each left row, of which these are the columns that are asked for, and how many each has."""
        context.check_cancelled()
        items, counts = self._items(left, context)
        return Batch((items,), len(items)), counts


def lateral_unnest(plan: physical.Plan, lateral: Sequence[ColumnId]) -> LateralUnnest | None:
    """The right side of a lateral join, which reads those columns of the left one, if it is one unnest()."""
    if not isinstance(plan, FunctionScan) or plan.widths != (1,):
        return None
    if plan.with_ordinality or plan.rows[0].is_row:
        return None
    array = unnested_array(plan.functions[0])
    if array is None or any(isinstance(node, Subquery) for node in walk(array)):
        return None
    columns = frozenset(lateral)

    def inner(node: Expression) -> Expression:
        if isinstance(node, OuterVariable) and node.column in columns:
            return Variable(type=node.type, column=node.column, name=node.name)
        return node

    layout = {column: number for number, column in enumerate(lateral)}
    return LateralUnnest(_items(transform(array, inner), plan.types[0].type.dtype, layout))
