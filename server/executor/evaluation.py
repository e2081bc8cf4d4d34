"""Expressions over the columns of an operator's input: column numbers become positions here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from server.expressions.evaluate import compile_expression, compile_filter, compile_row
from server.expressions.expression import ColumnId, Constant, Expression, Parameter, Variable
from server.types.type import Value
from server.vector.batch import Batch
from server.vector.column import Column, Positions

if TYPE_CHECKING:
    from server.executor.context import ExecutionContext
    from server.expressions.rowwise import Layout

Evaluator = Callable[[Batch, "ExecutionContext"], Column]
Condition = Callable[[Batch, "ExecutionContext"], Positions | None]
Scalar = Callable[["ExecutionContext"], Value | None]


def layout_of(columns: Sequence[ColumnId]) -> Layout:
    """Positions of the columns of a batch by their numbers."""
    return {column: position for position, column in enumerate(columns)}


def evaluator(expression: Expression, layout: Layout) -> Evaluator:
    """Make what computes the expression for all rows of a batch."""
    if isinstance(expression, Variable):
        position = layout[expression.column]
        return lambda batch, context: batch.columns[position]
    return compile_expression(expression, layout)


def evaluators(expressions: Sequence[Expression], layout: Layout) -> tuple[Evaluator, ...]:
    """Make an evaluator of each expression."""
    return tuple(evaluator(expression, layout) for expression in expressions)


def condition(expression: Expression, layout: Layout) -> Condition:
    """Make what finds the rows for which a condition is true.

    Their positions, None for all rows.
    """
    find = compile_filter(expression, layout)

    def narrow(batch: Batch, context: ExecutionContext) -> Positions | None:
        positions = find(batch, context)
        return None if len(positions) == batch.count else positions

    return narrow


def scalar(expression: Expression) -> Scalar:
    """Make what computes an expression without columns: LIMIT, key conditions, arguments."""
    if isinstance(expression, Constant):
        value = expression.value
        return lambda context: value
    if isinstance(expression, Parameter):
        index = expression.number - 1
        return lambda context: context.parameters[index]
    evaluate = compile_row(expression, {})
    return lambda context: evaluate((), context)
