"""CASE, COALESCE, GREATEST and LEAST over columns: each row takes one of several operands.

Law 1: an operand is evaluated at the rows that reach it and at no others, unless it cannot raise.
Law 2: which branch a row takes is a number; where all branches are constants, the numbers are codes of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.expressions import expression as nodes
from server.expressions.invoke import column_call
from server.expressions.operand import Operand
from server.functions.function import CallContext
from server.types.registry import TYPE_BY_OID
from server.types.type import TypeReference
from server.vector.column import Column
from server.vector.rows import OBJECT, column_of, constant_column, objects
from server.vector.selection import either, merge_columns, positions_of, true_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.expressions.operand import Compile, Evaluator
    from server.expressions.rowwise import Layout
    from server.vector.batch import Batch
    from server.vector.column import Positions, Values

BOOLEAN_TYPE: Final = TypeReference(TYPE_BY_OID[16])
"""Of what a comparison gives that stands in an expression of another type, as in NULLIF."""
WHOLE_SHARE: Final = 4
"""What cannot raise is evaluated at all rows as long as one of so many is open: picking rows costs as much."""
COMPARED_BRANCHES: Final = 8
"""The rows of so many branches are found by a comparison each, of more by sorting."""


def compile_case(compile_columns: Compile) -> Compile:
    """Make the compiler of CASE."""

    def compiler(node: nodes.Case, layout: Layout) -> Evaluator:
        results = [*(then for _, then in node.branches), node.otherwise]
        conditions = [Operand(when, layout, compile_columns) for when, _ in node.branches]
        dtype = node.type.type.dtype
        constants = _constants(results, dtype)
        if constants is not None:
            return lambda batch, context: constants.take(_branches(conditions, batch, context))
        operands = [Operand(result, layout, compile_columns) for result in results]

        def evaluate(batch: Batch, context: Any) -> Column:
            numbers = _branches(conditions, batch, context)
            parts = [
                (rows, operands[number].at(batch, rows, context))
                for number, rows in _rows_by_number(numbers, len(operands))
            ]
            return merge_columns(batch.count, parts, dtype)

        return evaluate

    return compiler


def _constants(results: Sequence[nodes.Expression], dtype: np.dtype[Any]) -> Column | None:
    """Results as rows of one column; None if they are not constants of one form."""
    values = [result.value for result in results if isinstance(result, nodes.Constant)]
    if len(values) < len(results):
        return None
    if dtype != OBJECT:
        return column_of(values, dtype)
    there = [value for value in values if value is not None]
    if not there:
        return column_of(values, dtype)
    valid = column_of(values, dtype).valid
    if all(isinstance(value, str) for value in there):
        words = list(dict.fromkeys(there))
        codes = [0 if value is None else words.index(value) for value in values]
        return Column(np.array(codes, np.int32), valid, None, Column(objects(words)))
    columns = [constant_column(there[0] if value is None else value, dtype, 1) for value in values]
    if any(column.scale is None or column.scale != columns[0].scale for column in columns):
        return None
    return Column(np.concatenate([column.values for column in columns]), valid, columns[0].scale)


def _branches(conditions: Sequence[Operand], batch: Batch, context: Any) -> Values:
    """The number of the first condition that is true of each row, or how many there are."""
    count = batch.count
    numbers = np.full(count, len(conditions), np.min_scalar_type(len(conditions)))
    is_open = np.ones(count, np.bool_)
    for number, condition in enumerate(conditions):
        left = int(np.count_nonzero(is_open))
        if left == 0:
            break
        if left == count or (condition.safe and left * WHOLE_SHARE > count):
            taken = true_rows(condition.evaluate(batch, context))
            taken = taken if left == count else taken & is_open
            numbers[taken] = number
            is_open &= ~taken
        else:
            rest = positions_of(is_open)
            chosen = rest[true_rows(condition.at(batch, rest, context))]
            numbers[chosen] = number
            is_open[chosen] = False
    return numbers


def _rows_by_number(numbers: Values, count: int) -> Iterator[tuple[int, Positions]]:
    """The numbers below count that occur, each with its rows."""
    if count <= COMPARED_BRANCHES:
        for number in range(count):
            rows = positions_of(numbers == number)
            if len(rows):
                yield number, rows
        return
    order = np.argsort(numbers, kind="stable")
    ends = np.cumsum(np.bincount(numbers, minlength=count)).tolist()
    for number, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        if start < end:
            yield number, order[start:end]


def compile_coalesce(compile_columns: Compile) -> Compile:
    """Make the compiler of COALESCE."""

    def compiler(node: nodes.Coalesce, layout: Layout) -> Evaluator:
        operands = [Operand(argument, layout, compile_columns) for argument in node.arguments]
        dtype = node.type.type.dtype

        def evaluate(batch: Batch, context: Any) -> Column:
            rest: Positions = np.arange(batch.count, dtype=np.int64)
            parts: list[tuple[Positions, Column]] = []
            for operand in operands:
                if not len(rest):
                    break
                column = operand.at(batch, rest, context)
                if not column.has_nulls:
                    parts.append((rest, column))
                    break
                there = column.validity()
                parts.append((rest[there], column.take(positions_of(there))))
                rest = rest[~there]
            return merge_columns(batch.count, parts, dtype)

        return evaluate

    return compiler


def compile_extremum(compile_columns: Compile) -> Compile:
    """Make the compiler of GREATEST and LEAST."""

    def compiler(node: nodes.Extremum, layout: Layout) -> Evaluator:
        arguments = [compile_columns(argument, layout) for argument in node.arguments]
        less, greatest = column_call(node.function), node.greatest
        types, dtype = (node.type, node.type), node.type.type.dtype

        def better(best: Column, other: Column, context: Any) -> Column:
            information = CallContext(context.style, BOOLEAN_TYPE, types, context)
            pair = [best, other] if greatest else [other, best]
            is_less = less(information, pair, len(best))
            there = best.validity()
            taken = other.validity() & (~there | (is_less.values & is_less.validity()))
            return either(taken, other, best, dtype)

        def evaluate(batch: Batch, context: Any) -> Column:
            best = arguments[0](batch, context)
            for argument in arguments[1:]:
                best = better(best, argument(batch, context), context)
            return best

        return evaluate

    return compiler
