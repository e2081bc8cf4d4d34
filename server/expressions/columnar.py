"""The columnar form of expressions: closures over a batch.

Law 1: an operand of AND, OR, CASE and COALESCE is evaluated at the rows that reach it and at no
others, unless it
       cannot raise; so an error never escapes from a row that was not to be computed.
Law 2: nothing is interpreted row by row if a kernel exists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from server.expressions import expression as nodes
from server.expressions.by_operands import array_constructor, by_operands, row_comparison
from server.expressions.choices import (
    BOOLEAN_TYPE,
    compile_case,
    compile_coalesce,
    compile_extremum,
)
from server.expressions.invoke import column_call, looked_after, with_validity
from server.expressions.membership import compile_array_membership, compile_membership
from server.expressions.operand import Operand, lazily
from server.expressions.row_calls import call_context, modifier_of
from server.expressions.rowwise import Layout, compile_row, record_maker
from server.functions.column_texts import text_column_of
from server.functions.float_numerics import rounded_floats
from server.functions.function import CallContext
from server.functions.json_documents import parsed_documents
from server.functions.read_columns import read_column
from server.functions.scaled import round_column
from server.oids import ANY
from server.types.numeric import precision_and_scale
from server.vector.batch import Batch
from server.vector.column import Column, Values
from server.vector.rows import (
    column_of,
    constant_column,
    is_constant,
    objects,
    plain_values,
    values_of,
)
from server.vector.selection import positions_of
from server.vector.texts import text_column

if TYPE_CHECKING:
    from server.types.type import Type

Made = TypeVar("Made")
Evaluator = Callable[[Batch, Any], Column]
Compiler = Callable[[Any, Layout], Evaluator]
BOOLEAN = np.dtype(np.bool_)
LONG_CONSTANT_ROWS = 1 << 18
"""Constants are repeated once, without memory, for batches of up to so many rows; cutting is cheaper than repeating."""


def compile_columns(expression: nodes.Expression, layout: Layout) -> Evaluator:
    """Make the closure that computes the expression for a batch."""
    compiler = COMPILERS.get(type(expression), _by_rows)
    return compiler(expression, layout)


def _by_rows(node: nodes.Expression, layout: Layout) -> Evaluator:
    """The row form, row by row: for what has no kernels."""
    used = sorted(nodes.columns_used(node))
    evaluate_row = compile_row(node, {column: n for n, column in enumerate(used)})
    indexes = tuple(layout[column] for column in used)
    dtype = node.type.type.dtype

    def evaluate(batch: Batch, context: Any) -> Column:
        if not indexes:
            return column_of([evaluate_row((), context) for _ in range(batch.count)], dtype)
        rows = zip(*[values_of(batch.columns[index]) for index in indexes], strict=True)
        return column_of([evaluate_row(row, context) for row in rows], dtype)

    return evaluate


def _variable(node: nodes.Variable, layout: Layout) -> Evaluator:
    position = layout[node.column]
    return lambda batch, context: batch.columns[position]


def _constant(node: nodes.Constant, layout: Layout) -> Evaluator:
    value, dtype = node.value, node.type.type.dtype
    long = lazily(lambda: constant_column(value, dtype, LONG_CONSTANT_ROWS))

    def evaluate(batch: Batch, context: Any) -> Column:
        if batch.count > LONG_CONSTANT_ROWS:
            return constant_column(value, dtype, batch.count)
        return long().slice(0, batch.count)

    return evaluate


def _once(node: nodes.Expression, layout: Layout) -> Evaluator:
    """What does not depend on the row: parameters, outer variables, uncorrelated subqueries."""
    evaluate_row = compile_row(node, {})
    dtype = node.type.type.dtype

    def evaluate(batch: Batch, context: Any) -> Column:
        if batch.count == 0:
            return constant_column(None, dtype, 0)
        return constant_column(evaluate_row((), context), dtype, batch.count)

    return evaluate


def _call(node: nodes.Call, layout: Layout) -> Evaluator:
    if node.variadic and node.function.variadic == ANY:
        return _by_rows(node, layout)
    arguments = [compile_columns(argument, layout) for argument in node.arguments]
    call = column_call(node.function)

    def evaluate(batch: Batch, context: Any) -> Column:
        columns = [argument(batch, context) for argument in arguments]
        return call(call_context(context, node.type, node.arguments), columns, batch.count)

    return evaluate


def _relabel(node: nodes.Relabel, layout: Layout) -> Evaluator:
    argument = compile_columns(node.argument, layout)
    source, target = node.argument.type.type.dtype, node.type.type.dtype
    if source == target or object in (source, target):
        return argument

    def evaluate(batch: Batch, context: Any) -> Column:
        column = argument(batch, context)
        values = column.values
        if source.itemsize < target.itemsize:  # an integer as an oid, which has no sign
            values = values.view(np.dtype(f"u{source.itemsize}"))
        return Column(values.astype(target), column.valid)

    return evaluate


def _mapped(
    argument: Evaluator, result: np.dtype[Any], change: Callable[[Any, Any], Any]
) -> Evaluator:
    """Apply a change to each value, once for each word of a dictionary in use."""

    def evaluate(batch: Batch, context: Any) -> Column:
        column = argument(batch, context)
        if batch.count > 1 and is_constant(column):
            value = change(values_of(column.slice(0, 1))[0], context)
            return constant_column(value, result, batch.count)
        valid = column.valid
        if column.dictionary is not None and len(column):
            words, numbers = np.unique(
                column.values if valid is None else column.values[valid], return_inverse=True
            )
            changed = [change(word, context) for word in column.dictionary.values[words].tolist()]
            spread = np.zeros(len(column), np.int64)
            spread[slice(None) if valid is None else valid] = numbers
            filled = column_of(changed or [None], result)
            return with_validity(filled.take(spread), valid)
        rows = plain_values(column)
        if valid is None:
            made = (change(value, context) for value in rows)
        else:
            pairs = zip(rows, valid.tolist(), strict=True)
            made = (change(v, context) if there else None for v, there in pairs)
        return column_of(looked_after(made, len(column), context), result)

    return evaluate


_TEXTS = frozenset({"text", "varchar"})
_IN_COLUMNS = frozenset(
    {"int2", "int4", "int8", "float4", "float8", "numeric", "date", "timestamp", "timestamptz"}
)
"""Types whose text forms are written and read for a whole column faster than value by value."""
_DOCUMENTS = frozenset({"json", "jsonb"})


def _cast_text(node: nodes.CastText, layout: Layout) -> Evaluator:
    source, target = node.argument.type.type, node.type.type
    format_value = source.format
    parse, modifier = target.parse, node.type.modifier
    argument = compile_columns(node.argument, layout)

    def change(value: Any, context: Any) -> Any:
        return parse(format_value(value, context.style), modifier, context.style)

    if source.name in _IN_COLUMNS and target.name in _TEXTS and modifier < 0:
        return _unless_few(argument, target.dtype, change, _texts_of(source))
    if source.name in _TEXTS and target.name in _DOCUMENTS:
        return _unless_few(argument, target.dtype, change, _documents_of(target))
    if source.name in _TEXTS and target.name in _IN_COLUMNS:
        return _unless_few(argument, target.dtype, change, _read_as(target, modifier))
    return _mapped(argument, target.dtype, change)


def _texts_of(source: Type) -> Callable[[Column, Any], Column]:
    return lambda column, context: text_column_of(column, source, context.style)


def _documents_of(target: Type) -> Callable[[Column, Any], Column]:
    def read(column: Column, context: Any) -> Column:
        return parsed_documents(text_column(column), target.name == "jsonb")

    return read


def _read_as(target: Type, modifier: int) -> Callable[[Column, Any], Column]:
    def read(column: Column, context: Any) -> Column:
        return read_column(text_column(column), target, modifier, context.style)

    return read


def _unless_few(
    argument: Evaluator,
    result: np.dtype[Any],
    change: Callable[[Any, Any], Any],
    change_all: Callable[[Column, Any], Column],
) -> Evaluator:
    """Change a whole column, or each of the few values that its rows share."""
    each = _mapped(lambda batch, context: batch.columns[0], result, change)

    def evaluate(batch: Batch, context: Any) -> Column:
        column = argument(batch, context)
        if batch.count < 2 or column.dictionary is not None or is_constant(column):
            return each(Batch((column,), batch.count), context)
        return change_all(column, context)

    return evaluate


def _apply_modifier(node: nodes.ApplyModifier, layout: Layout) -> Evaluator:
    argument = compile_columns(node.argument, layout)
    apply = modifier_of(node.type, node.explicit)
    if apply is None:
        return argument
    dtype, change = node.type.type.dtype, lambda value, context: apply(value)
    limits = precision_and_scale(node.type.modifier) if node.type.type.name == "numeric" else None
    if limits is None:
        return _mapped(argument, dtype, change)
    precision, scale = limits
    each = _mapped(lambda batch, context: batch.columns[0], dtype, change)

    def evaluate(batch: Batch, context: Any) -> Column:
        column = argument(batch, context)
        scaled = rounded_floats(column, scale)
        rounded = round_column(column if scaled is None else scaled, precision, scale)
        return each(Batch((column,), batch.count), context) if rounded is None else rounded

    return evaluate


def _junction(deciding: bool) -> Compiler:
    """AND (decided by false) and OR (decided by true)."""

    def compiler(node: nodes.And | nodes.Or, layout: Layout) -> Evaluator:
        operands = [Operand(argument, layout, compile_columns) for argument in node.arguments]

        def evaluate(batch: Batch, context: Any) -> Column:
            return _junction_over(operands, deciding, batch, context)

        return evaluate

    return compiler


def _junction_over(
    operands: Sequence[Operand], deciding: bool, batch: Batch, context: Any
) -> Column:
    decided = np.zeros(batch.count, np.bool_)
    unknown: Values | None = None
    for operand in operands:
        open_rows = ~decided
        left = int(np.count_nonzero(open_rows))
        if left == 0:
            break
        if left == batch.count or (operand.safe and left * 4 > batch.count):
            column, places = operand.evaluate(batch, context), None
        else:
            places = positions_of(open_rows)
            column = operand.at(batch, places, context)
        values = column.values if deciding else ~column.values
        at = slice(None) if places is None else places
        decided[at] |= values if column.valid is None else values & column.valid
        if column.valid is not None:
            unknown = np.zeros(batch.count, np.bool_) if unknown is None else unknown
            unknown[at] |= ~column.valid
    values = decided if deciding else ~decided
    return Column(values, None if unknown is None else decided | ~unknown)


def _not(node: nodes.Not, layout: Layout) -> Evaluator:
    argument = compile_columns(node.argument, layout)

    def evaluate(batch: Batch, context: Any) -> Column:
        column = argument(batch, context)
        return Column(~column.values, column.valid)

    return evaluate


def _is_null(node: nodes.IsNull, layout: Layout) -> Evaluator:
    if node.argument.type.type.kind in "cp":
        return _by_rows(node, layout)
    argument, negated = compile_columns(node.argument, layout), node.negated

    def evaluate(batch: Batch, context: Any) -> Column:
        valid = argument(batch, context).validity()
        return Column(valid if negated else ~valid)

    return evaluate


def _boolean_test(node: nodes.BooleanTest, layout: Layout) -> Evaluator:
    argument, truth, negated = compile_columns(node.argument, layout), node.truth, node.negated

    def evaluate(batch: Batch, context: Any) -> Column:
        column = argument(batch, context)
        valid = column.validity()
        holds = ~valid if truth is None else valid & (column.values == truth)
        return Column(~holds if negated else holds)

    return evaluate


def _is_distinct(node: nodes.IsDistinct, layout: Layout) -> Evaluator:
    left, right = compile_columns(node.left, layout), compile_columns(node.right, layout)
    call, negated = column_call(node.function), node.negated
    types = (node.left.type, node.right.type)

    def evaluate(batch: Batch, context: Any) -> Column:
        first, second = left(batch, context), right(batch, context)
        information = CallContext(context.style, node.type, types, context)
        equal = call(information, [first, second], batch.count)
        there, other = first.validity(), second.validity()
        same = np.where(there & other, equal.values, there == other).astype(np.bool_)
        return Column(same if negated else ~same)

    return evaluate


def _null_if(node: nodes.NullIf, layout: Layout) -> Evaluator:
    left, right = compile_columns(node.left, layout), compile_columns(node.right, layout)
    call = column_call(node.function)
    types = (node.left.type, node.right.type)

    def evaluate(batch: Batch, context: Any) -> Column:
        first, second = left(batch, context), right(batch, context)
        information = CallContext(context.style, BOOLEAN_TYPE, types, context)
        equal = call(information, [first, second], batch.count)
        there = first.validity() & second.validity() & equal.validity()
        return with_validity(first, ~(there & equal.values))

    return evaluate


def _subquery(node: nodes.Subquery, layout: Layout) -> Evaluator:
    if not nodes.columns_used(node):
        return _once(node, layout)
    return _by_rows(node, layout)


def _row_constructor(node: nodes.RowConstructor, layout: Layout) -> Evaluator:
    items, make = [compile_columns(item, layout) for item in node.items], record_maker(node)

    def evaluate(batch: Batch, context: Any) -> Column:
        if not items:
            return Column(objects([make(())] * batch.count))
        columns = [values_of(item(batch, context)) for item in items]
        rows = map(make, zip(*columns, strict=True))
        return Column(objects(looked_after(rows, batch.count, context)))

    return evaluate


COMPILERS: Mapping[type[nodes.Expression], Compiler] = {
    nodes.Variable: _variable,
    nodes.OuterVariable: _once,
    nodes.Constant: _constant,
    nodes.Parameter: _once,
    nodes.Call: _call,
    nodes.Relabel: _relabel,
    nodes.CastText: _cast_text,
    nodes.ApplyModifier: _apply_modifier,
    nodes.And: _junction(False),
    nodes.Or: _junction(True),
    nodes.Not: _not,
    nodes.IsNull: _is_null,
    nodes.BooleanTest: _boolean_test,
    nodes.IsDistinct: _is_distinct,
    nodes.Case: compile_case(compile_columns),
    nodes.Coalesce: compile_coalesce(compile_columns),
    nodes.NullIf: _null_if,
    nodes.Extremum: compile_extremum(compile_columns),
    nodes.InList: compile_membership(compile_columns, _by_rows),
    nodes.RowConstructor: _row_constructor,
    nodes.ArrayConstructor: array_constructor(compile_columns, _by_rows),
    nodes.ArrayComparison: compile_array_membership(
        compile_columns, by_operands(compile_columns, _by_rows)
    ),
    nodes.Subscript: by_operands(compile_columns, _by_rows),
    nodes.FieldSelect: by_operands(compile_columns, _by_rows),
    nodes.RowComparison: row_comparison(compile_columns, _by_rows),
    nodes.Subquery: _subquery,
}
