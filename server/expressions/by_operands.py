"""Nodes without kernels, over columns: their operands are computed as columns, only the node itself row by row.

Rule 1: operands that the row form may leave out are computed for all rows only if they cannot raise.
Rule 2: what is volatile goes row by row as a whole, so that it is called in the order of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from server.expressions import expression as nodes
from server.expressions.arrays import construct_array
from server.expressions.invoke import column_call, looked_after
from server.expressions.row_tests import OR_EQUAL
from server.expressions.rowwise import compile_row
from server.expressions.safety import cannot_raise
from server.functions.function import CallContext
from server.functions.text_arrays import element_of
from server.types.array import Array
from server.vector.batch import Batch
from server.vector.column import Column
from server.vector.rows import column_of, constant_column, is_constant, values_of

Evaluator = Callable[[Batch, Any], Column]
Compile = Callable[[Any, Any], Evaluator]


def by_operands(compile_columns: Compile, by_rows: Compile) -> Compile:
    """Make the compiler of a node whose operands are computed first, given that of operands."""

    def compiler(node: nodes.Expression, layout: Any) -> Evaluator:
        if _needs_rows(node):
            return by_rows(node, layout)
        operands: list[Evaluator] = []

        def placed(operand: nodes.Expression) -> nodes.Expression:
            operands.append(compile_columns(operand, layout))
            return nodes.Variable(type=operand.type, column=len(operands) - 1)

        bare = nodes.map_operands(node, placed)
        apply = compile_row(bare, {number: number for number in range(len(operands))})
        return _over_operands(operands, node, apply)

    return compiler


def _needs_rows(node: nodes.Expression) -> bool:
    if any(isinstance(part, nodes.Call) and _is_volatile(part) for part in nodes.walk(node)):
        return True
    return not isinstance(node, nodes.ArrayComparison | nodes.FieldSelect) and not all(
        map(cannot_raise, _left_out(node))
    )


def _is_volatile(call: nodes.Call) -> bool:
    return call.function.volatility == "v"


def _left_out(node: nodes.Expression) -> list[nodes.Expression]:
    """The operands that are not always computed: subscripts, of NULL."""
    operands = nodes.children(node)
    return operands[1:] if isinstance(node, nodes.Subscript) else []


def _over_operands(
    operands: Sequence[Evaluator],
    node: nodes.Expression,
    apply: Callable[[Sequence[Any], Any], Any],
) -> Evaluator:
    dtype = node.type.type.dtype
    is_element = isinstance(node, nodes.Subscript) and not node.is_slice and len(operands) == 2

    def evaluate(batch: Batch, context: Any) -> Column:
        columns = [operand(batch, context) for operand in operands]
        if batch.count > 1 and all(is_constant(column) for column in columns):
            first = [values_of(column.slice(0, 1))[0] for column in columns]
            return constant_column(apply(first, context), dtype, batch.count)
        element = element_of(*columns) if is_element else None
        if element is not None:
            return element
        rows = zip(*map(values_of, columns), strict=True)
        made = (apply(row, context) for row in rows)
        return column_of(looked_after(made, batch.count, context), dtype)

    return evaluate


def array_constructor(compile_columns: Compile, by_rows: Compile) -> Compile:
    """Make the compiler of ARRAY[...]."""

    def compiler(node: nodes.ArrayConstructor, layout: Any) -> Evaluator:
        if not node.items or _needs_rows(node):
            return by_rows(node, layout)
        items = [compile_columns(item, layout) for item in node.items]
        element, dtype = node.type.type.element_oid, node.type.type.dtype
        dimensions = ((len(items), 1),)

        def make(row: tuple[Any, ...]) -> Array:
            if node.nested:
                return construct_array(element, row, nested=True)
            return Array(element, dimensions, row)

        def evaluate(batch: Batch, context: Any) -> Column:
            columns = [item(batch, context) for item in items]
            if batch.count > 1 and all(is_constant(column) for column in columns):
                first = tuple([values_of(column.slice(0, 1))[0] for column in columns])
                return constant_column(make(first), dtype, batch.count)
            rows = zip(*map(values_of, columns), strict=True)
            return column_of([make(row) for row in rows], dtype)

        return evaluate

    return compiler


def row_comparison(compile_columns: Compile, by_rows: Compile) -> Compile:
    """Make the compiler of (a, b) < (c, d): a kernel a pair, each for the rows that those before leave open."""

    def compiler(node: nodes.RowComparison, layout: Any) -> Evaluator:
        if not all(map(cannot_raise, (*node.left[1:], *node.right[1:]))):
            return by_rows(node, layout)
        if any(function.volatility == "v" for function in (*node.orders, *node.equals)):
            return by_rows(node, layout)
        return _lexicographic(node, layout, compile_columns)

    return compiler


def _lexicographic(node: nodes.RowComparison, layout: Any, compile_columns: Compile) -> Evaluator:
    sides = [
        (compile_columns(left, layout), compile_columns(right, layout))
        for left, right in zip(node.left, node.right, strict=True)
    ]
    types = [(left.type, right.type) for left, right in zip(node.left, node.right, strict=True)]
    equals, orders = map(column_call, node.equals), map(column_call, node.orders)
    tests = list(zip(sides, types, equals, orders, strict=True))
    or_equal = node.operator in OR_EQUAL

    def evaluate(batch: Batch, context: Any) -> Column:
        values = np.full(batch.count, or_equal, np.bool_)
        known = np.ones(batch.count, np.bool_)
        is_open = np.ones(batch.count, np.bool_)
        for (left, right), kinds, equal, order in tests:
            if not is_open.any():
                break
            pair = [left(batch, context), right(batch, context)]
            told = CallContext(context.style, node.type, kinds, context)
            same, less = equal(told, pair, batch.count), order(told, pair, batch.count)
            there = same.validity() & less.validity()
            known &= there | ~is_open
            is_open &= there
            np.copyto(values, less.values, where=is_open & ~same.values)
            is_open &= same.values
        return Column(values, None if bool(known.all()) else known)

    return evaluate
