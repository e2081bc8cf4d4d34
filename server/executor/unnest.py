"""unnest() of arrays that are computed as a column, for many rows at once, beside columns or as a lateral join."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.expressions.evaluate import compile_expression
from server.expressions.expression import (
    Call,
    OuterVariable,
    SetReturningCall,
    Subquery,
    Variable,
    transform,
    walk,
)
from server.functions.text_arrays import unnested
from server.planner.physical import FunctionScan
from server.vector.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.executor.context import ExecutionContext
    from server.expressions.columnar import Evaluator
    from server.expressions.expression import ColumnId, Expression
    from server.expressions.rowwise import Layout
    from server.planner import physical
    from server.vector.column import Values

UNNEST_OID: Final = 2331
UNNESTED_ROWS: Final = 1 << 14
"""The arrays of so many rows are unnested at once."""


def unnested_array(expression: Expression) -> Expression | None:
    """The array that unnest() makes a set of; None if the expression is anything else."""
    if not isinstance(expression, Call | SetReturningCall) or len(expression.arguments) != 1:
        return None
    return expression.arguments[0] if expression.function.oid == UNNEST_OID else None


def arrays_of_only_set(sets: Sequence[Expression], layout: Layout) -> Evaluator | None:
    """What gives the arrays of the only one of several sets, if unnest() makes it."""
    array = unnested_array(sets[0]) if len(sets) == 1 else None
    return None if array is None else compile_expression(array, layout)


class LateralUnnest:
    """The right side of a lateral join that is one unnest(), for many left rows at once."""

    __slots__ = ("_arrays", "_types")

    def __init__(self, plan: FunctionScan, arrays: Evaluator) -> None:
        self._arrays = arrays
        self._types = plan.types

    def answers(self, left: Batch, context: ExecutionContext) -> tuple[Batch, Values]:
        """The rows for each left row, of which these are the columns that are asked for, and how many each has."""
        context.check_cancelled()
        items, counts = unnested(self._arrays(left, context), self._types[0].type.dtype)
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
    return LateralUnnest(plan, compile_expression(transform(array, inner), layout))
