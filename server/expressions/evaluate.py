"""Evaluation of expressions: the four ways in.

An expression is compiled once and evaluated often, in one of two forms that agree on every row:
over columns for analytics, over single rows for the short path. A layout tells where the columns of
the input stand. The context is the executor's; expressions read its parameters, outer, style and
subquery(node, values of node.outer).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from server.expressions import expression as nodes
from server.expressions.columnar import Evaluator, compile_columns
from server.expressions.folding import fold_constants
from server.expressions.operand import Operand
from server.expressions.records import as_record
from server.expressions.row_calls import RowEvaluator, call_context, has_null
from server.expressions.rowwise import Layout, compile_row
from server.vector.batch import Batch
from server.vector.column import Positions
from server.vector.selection import positions_of, true_rows

__all__ = [
    "Evaluator",
    "Layout",
    "RowEvaluator",
    "compile_expression",
    "compile_filter",
    "compile_row",
    "compile_set",
    "evaluate_filter",
    "fold_constants",
]

Filter = Callable[[Batch, Any], Positions]
SetEvaluator = Callable[[Sequence[Any], Any], Iterable[Any]]


def compile_expression(expression: nodes.Expression, layout: Layout) -> Evaluator:
    """Make the columnar form: (batch, context) -> Column of the batch's length."""
    return compile_columns(expression, layout)


def evaluate_filter(evaluator: Evaluator, batch: Batch, context: Any) -> Positions:
    """Positions of the rows for which a condition is true."""
    return positions_of(true_rows(evaluator(batch, context)))


def compile_filter(condition: nodes.Expression, layout: Layout) -> Filter:
    """Make the positions of the rows for which a condition is true.

    A conjunction narrows as it goes: conjuncts that cannot raise come first only if they were
    written first.
    """
    operands = [Operand(conjunct, layout, compile_columns) for conjunct in conjuncts(condition)]
    if len(operands) == 1:
        only = operands[0].evaluate
        return lambda batch, context: evaluate_filter(only, batch, context)
    if not all(operand.safe for operand in operands):
        whole = compile_columns(condition, layout)
        return lambda batch, context: evaluate_filter(whole, batch, context)
    return lambda batch, context: _narrow(operands, batch, context)


def conjuncts(condition: nodes.Expression) -> Iterator[nodes.Expression]:
    """The operands of a conjunction, those of conjunctions among them too."""
    if isinstance(condition, nodes.And):
        for argument in condition.arguments:
            yield from conjuncts(argument)
    else:
        yield condition


def _narrow(operands: Sequence[Operand], batch: Batch, context: Any) -> Positions:
    positions = evaluate_filter(operands[0].evaluate, batch, context)
    for operand in operands[1:]:
        if not len(positions):
            break
        if len(positions) * 3 > batch.count:
            mask = true_rows(operand.evaluate(batch, context))
            kept = mask if len(positions) == batch.count else mask[positions]
        else:
            kept = true_rows(operand.at(batch, positions, context))
        positions = positions[kept]
    return positions


def compile_set(node: nodes.Call | nodes.SetReturningCall, layout: Layout) -> SetEvaluator:
    """Make the iterator of a set-returning function's results for one row."""
    arguments = [compile_row(argument, layout) for argument in node.arguments]
    function = node.function
    invoke: Callable[..., Iterable[Any]] | None = function.row
    assert invoke is not None, function

    def evaluate(row: Sequence[Any], context: Any) -> Iterable[Any]:
        values = [argument(row, context) for argument in arguments]
        if function.strict and has_null(values):
            return ()
        if function.needs_context:
            values.insert(0, call_context(context, node.type, node.arguments))
        return invoke(*values)

    record = as_record(function)
    return evaluate if record is None else lambda row, context: map(record, evaluate(row, context))
