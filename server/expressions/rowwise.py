"""The row form of expressions: closures over one row of values.

Law: on every row, the row form and the columnar form of an expression agree in value and in whether
they raise. A closure takes the row (a tuple or list indexed by the layout's positions) and the
execution context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from server.errors import FeatureNotSupported
from server.expressions import expression as nodes
from server.expressions.array_stores import store_element, store_slice
from server.expressions.arrays import construct_array, one_subscript, subscript_array
from server.expressions.branch_tables import BranchTable, branch_table
from server.expressions.json_stores import store_coordinate, store_member
from server.expressions.row_calls import (
    RowEvaluator,
    call_by_row,
    has_null,
    modifier_of,
    row_of,
)
from server.expressions.row_tests import OR_EQUAL, row_test, table_of
from server.functions.function import CallContext, Function
from server.types.array import Array
from server.types.identifiers import of_same_bits
from server.types.record import Record
from server.types.registry import TYPE_BY_OID
from server.types.type import Type, TypeReference
from server.vector.rows import OBJECT

BOOLEAN = TypeReference(TYPE_BY_OID[16])
PLAIN_EQUALITIES = frozenset(
    (
        "booleq",
        "chareq",
        "int2eq",
        "int4eq",
        "int8eq",
        "int24eq",
        "int28eq",
        "int42eq",
        "int48eq",
        "int82eq",
        "int84eq",
        "oideq",
        "texteq",
        "nameeq",
        "date_eq",
        "time_eq",
        "timestamp_eq",
        "timestamptz_eq",
        "uuid_eq",
        "byteaeq",
    )
)
"""Equalities that Python's own, and so a hash table, decides alike."""
Layout = Mapping[nodes.ColumnId, int]
Compiler = Callable[[Any, Layout], RowEvaluator]


def compile_row(expression: nodes.Expression, layout: Layout) -> RowEvaluator:
    """Make the closure that computes the expression for one row."""
    compiler = COMPILERS.get(type(expression))
    if compiler is None:
        name = type(expression).__name__
        raise FeatureNotSupported(f"expression {name} is not supported in this place")
    return compiler(expression, layout)


def _all(expressions: Sequence[nodes.Expression], layout: Layout) -> tuple[RowEvaluator, ...]:
    return tuple(compile_row(expression, layout) for expression in expressions)


def _variable(node: nodes.Variable, layout: Layout) -> RowEvaluator:
    position = layout[node.column]
    return lambda row, context: row[position]


def _outer_variable(node: nodes.OuterVariable, layout: Layout) -> RowEvaluator:
    column = node.column
    return lambda row, context: context.outer[column]


def _constant(node: nodes.Constant, layout: Layout) -> RowEvaluator:
    value = node.value
    return lambda row, context: value


def _parameter(node: nodes.Parameter, layout: Layout) -> RowEvaluator:
    index = node.number - 1
    return lambda row, context: context.parameters[index]


def _call(node: nodes.Call, layout: Layout) -> RowEvaluator:
    return call_by_row(node, _all(node.arguments, layout))


def _relabel(node: nodes.Relabel, layout: Layout) -> RowEvaluator:
    argument = compile_row(node.argument, layout)
    source, target = node.argument.type.type, node.type.type
    if source.dtype == target.dtype or OBJECT in (source.dtype, target.dtype):
        return argument
    return lambda row, context: of_same_bits(argument(row, context), source, target)


def _cast_text(node: nodes.CastText, layout: Layout) -> RowEvaluator:
    argument = compile_row(node.argument, layout)
    format_value = node.argument.type.type.format
    parse, modifier = node.type.type.parse, node.type.modifier

    def evaluate(row: Sequence[Any], context: Any) -> Any:
        value = argument(row, context)
        if value is None:
            return None
        return parse(format_value(value, context.style), modifier, context.style)

    return evaluate


def _apply_modifier(node: nodes.ApplyModifier, layout: Layout) -> RowEvaluator:
    argument = compile_row(node.argument, layout)
    apply = modifier_of(node.type, node.explicit)
    if apply is None:
        return argument

    def evaluate(row: Sequence[Any], context: Any) -> Any:
        value = argument(row, context)
        return None if value is None else apply(value)

    return evaluate


def _and(node: nodes.And, layout: Layout) -> RowEvaluator:
    arguments = _all(node.arguments, layout)

    def evaluate(row: Sequence[Any], context: Any) -> bool | None:
        result: bool | None = True
        for argument in arguments:
            value = argument(row, context)
            if value is None:
                result = None
            elif not value:
                return False
        return result

    return evaluate


def _or(node: nodes.Or, layout: Layout) -> RowEvaluator:
    arguments = _all(node.arguments, layout)

    def evaluate(row: Sequence[Any], context: Any) -> bool | None:
        result: bool | None = False
        for argument in arguments:
            value = argument(row, context)
            if value is None:
                result = None
            elif value:
                return True
        return result

    return evaluate


def _not(node: nodes.Not, layout: Layout) -> RowEvaluator:
    argument = compile_row(node.argument, layout)

    def evaluate(row: Sequence[Any], context: Any) -> bool | None:
        value = argument(row, context)
        return None if value is None else not value

    return evaluate


def _is_null(node: nodes.IsNull, layout: Layout) -> RowEvaluator:
    argument, negated = compile_row(node.argument, layout), node.negated
    if node.argument.type.type.kind in "cp":
        return lambda row, context: is_null_record(argument(row, context), negated)
    if negated:
        return lambda row, context: argument(row, context) is not None
    return lambda row, context: argument(row, context) is None


def is_null_record(value: Any, negated: bool) -> bool:
    """IS [NOT] NULL of a record: every field is [not] NULL."""
    if not isinstance(value, tuple):
        return (value is not None) == negated
    return all((field is not None) == negated for field in value)


def _boolean_test(node: nodes.BooleanTest, layout: Layout) -> RowEvaluator:
    argument, truth, negated = compile_row(node.argument, layout), node.truth, node.negated
    return lambda row, context: (argument(row, context) is truth) != negated


def _is_distinct(node: nodes.IsDistinct, layout: Layout) -> RowEvaluator:
    left, right = compile_row(node.left, layout), compile_row(node.right, layout)
    equal, negated = _bind(node.function, (node.left, node.right)), node.negated

    def evaluate(row: Sequence[Any], context: Any) -> bool:
        first, second = left(row, context), right(row, context)
        if first is None or second is None:
            return (first is not second) != negated
        return (not equal(context, first, second)) != negated

    return evaluate


def _bind(function: Function, arguments: Sequence[nodes.Expression]) -> Callable[..., Any]:
    """A comparison as a function that takes the execution context first, whether it wants it or not."""
    invoke = row_of(function)
    if not function.needs_context:
        return lambda context, *values: invoke(*values)
    types = tuple(argument.type for argument in arguments)
    return lambda context, *values: invoke(
        CallContext(context.style, BOOLEAN, types, context), *values
    )


def _case(node: nodes.Case, layout: Layout) -> RowEvaluator:
    results = tuple(compile_row(result, layout) for _, result in node.branches)
    otherwise = compile_row(node.otherwise, layout)
    table = branch_table(node)
    if table is not None and table.is_known:
        return _by_table(table, layout, (*results, otherwise))
    conditions = tuple(compile_row(condition, layout) for condition, _ in node.branches)
    branches = tuple(zip(conditions, results, strict=True))

    def evaluate(row: Sequence[Any], context: Any) -> Any:
        for condition, result in branches:
            if condition(row, context):
                return result(row, context)
        return otherwise(row, context)

    return evaluate


def _by_table(table: BranchTable, layout: Layout, results: Sequence[RowEvaluator]) -> RowEvaluator:
    position, number_of = layout[table.column], table.numbers()
    return lambda row, context: results[number_of(row[position])](row, context)


def _coalesce(node: nodes.Coalesce, layout: Layout) -> RowEvaluator:
    arguments = _all(node.arguments, layout)

    def evaluate(row: Sequence[Any], context: Any) -> Any:
        for argument in arguments:
            value = argument(row, context)
            if value is not None:
                return value
        return None

    return evaluate


def _null_if(node: nodes.NullIf, layout: Layout) -> RowEvaluator:
    left, right = compile_row(node.left, layout), compile_row(node.right, layout)
    equal = _bind(node.function, (node.left, node.right))

    def evaluate(row: Sequence[Any], context: Any) -> Any:
        first, second = left(row, context), right(row, context)
        if first is None or second is None:
            return first
        return None if equal(context, first, second) else first

    return evaluate


def _extremum(node: nodes.Extremum, layout: Layout) -> RowEvaluator:
    arguments = _all(node.arguments, layout)
    less, greatest = _bind(node.function, node.arguments[:1] * 2), node.greatest

    def evaluate(row: Sequence[Any], context: Any) -> Any:
        best = None
        for argument in arguments:
            value = argument(row, context)
            if value is None:
                continue
            if best is None:
                best = value
            elif greatest:
                best = value if less(context, best, value) else best
            else:
                best = value if less(context, value, best) else best
        return best

    return evaluate


def _parts_of_list(
    items: tuple[nodes.Expression, ...],
) -> tuple[tuple[nodes.Expression, ...], tuple[nodes.Expression, ...]]:
    """What is an array, whose elements are all computed, and what is compared item by item, up to one that is equal."""
    whole = tuple(item for item in items if not nodes.columns_used(item))
    if len(whole) < 2 or all(isinstance(item, nodes.Constant) for item in whole):
        return (), items
    return whole, tuple(item for item in items if nodes.columns_used(item))


def _in_list(node: nodes.InList, layout: Layout) -> RowEvaluator:
    argument = compile_row(node.argument, layout)
    if isinstance(node.items, nodes.Constants):
        table = table_of(node.function.name, [item.value for item in node.items])
        if table is not None:
            return _in_table(argument, table, negated=node.negated)
    equal, negated = _bind(node.function, (node.argument, node.items[0])), node.negated
    strict = node.function.strict
    whole, single = _parts_of_list(node.items)
    wholly, singly = _all(whole, layout), _all(single, layout)

    def evaluate(row: Sequence[Any], context: Any) -> bool | None:
        value = argument(row, context)
        listed = [item(row, context) for item in wholly]
        if value is None and strict:
            return None
        values = chain(listed, (item(row, context) for item in singly))
        found = quantified(
            lambda item: equal(context, value, item), values, every=False, strict=strict
        )
        return found if found is None else found != negated

    return evaluate


def _in_table(
    argument: RowEvaluator, table: Callable[[Any], bool | None], *, negated: bool
) -> RowEvaluator:
    def evaluate(row: Sequence[Any], context: Any) -> bool | None:
        value = argument(row, context)
        found = None if value is None else table(value)
        return found if found is None else found != negated

    return evaluate


def quantified(
    test: Callable[[Any], bool | None], items: Any, *, every: bool, strict: bool = True
) -> bool | None:
    """ANY or ALL of a test over items in three-valued logic; a NULL item makes a strict test NULL."""
    unknown = False
    for item in items:
        outcome = None if item is None and strict else test(item)
        if outcome is None:
            unknown = True
        elif bool(outcome) != every:
            return not every
    return None if unknown else every


LONG_ARRAY: Final = 8192
"""Who compares a value with so many items looks whether the statement is cancelled."""


def look(context: Any) -> None:
    """Raise if the statement that an expression belongs to is cancelled; planning is asked elsewhere."""
    check = getattr(context, "check_cancelled", None)
    if check is not None:
        check()


def _array_comparison(node: nodes.ArrayComparison, layout: Layout) -> RowEvaluator:
    argument, array = compile_row(node.argument, layout), compile_row(node.array, layout)
    test, every = _bind(node.function, (node.argument, node.argument)), node.every
    strict = node.function.strict

    def evaluate(row: Sequence[Any], context: Any) -> bool | None:
        value, items = argument(row, context), array(row, context)
        if items is None:
            return None
        if value is None and strict:
            return every if not items.items else None
        if len(items.items) >= LONG_ARRAY:
            look(context)
        return quantified(
            lambda item: test(context, value, item), items.items, every=every, strict=strict
        )

    return evaluate


def _array_constructor(node: nodes.ArrayConstructor, layout: Layout) -> RowEvaluator:
    element = node.type.type.element_oid
    if isinstance(node.items, nodes.Constants) and not node.nested:
        known = construct_array(element, [item.value for item in node.items], nested=False)
        return lambda row, context: known
    items, nested = _all(node.items, layout), node.nested

    def evaluate(row: Sequence[Any], context: Any) -> Array:
        return construct_array(element, [item(row, context) for item in items], nested)

    return evaluate


def _subscript(node: nodes.Subscript, layout: Layout) -> RowEvaluator:
    argument = compile_row(node.argument, layout)
    pairs = tuple(
        tuple(None if bound is None else compile_row(bound, layout) for bound in pair)
        for pair in node.bounds
    )
    is_slice = node.is_slice
    if not is_slice and len(pairs) == 1:
        (only,) = [bound for bound in pairs[0] if bound is not None]
        return one_subscript(argument, only)

    def evaluate(row: Sequence[Any], context: Any) -> Any:
        value = argument(row, context)
        if value is None:
            return None
        bounds = [
            tuple(None if bound is None else (bound(row, context),) for bound in pair)
            for pair in pairs
        ]
        return subscript_array(value, bounds, is_slice)

    return evaluate


def _row_constructor(node: nodes.RowConstructor, layout: Layout) -> RowEvaluator:
    items, make = _all(node.items, layout), record_maker(node)
    return lambda row, context: make([item(row, context) for item in items])


def record_maker(node: nodes.RowConstructor) -> Callable[[Sequence[Any]], Record]:
    """What makes records of the values of a row constructor's items."""
    types = tuple(item.type.type for item in node.items)
    names = node.own_names or node.names
    return lambda values: Record.of(values, types, names)


def _field_select(node: nodes.FieldSelect, layout: Layout) -> RowEvaluator:
    argument, field = compile_row(node.argument, layout), node.field

    def evaluate(row: Sequence[Any], context: Any) -> Any:
        value = argument(row, context)
        return None if value is None else value[field]

    return evaluate


def _field_store(node: nodes.FieldStore, layout: Layout) -> RowEvaluator:
    argument, value = compile_row(node.argument, layout), compile_row(node.value, layout)
    field, names = node.field, node.names
    types = tuple(kind.type for kind in node.types)

    def evaluate(row: Sequence[Any], context: Any) -> Record:
        old = argument(row, context)
        return with_field(field, types, names, old, value(row, context))

    return evaluate


def with_field(
    field: int,
    types: tuple[Type, ...],
    names: tuple[str, ...],
    old: Sequence[Any] | None,
    value: Any,
) -> Record:
    """A row with another value in one field; NULL is a row of NULLs."""
    fields = [None] * len(names) if old is None else list(old)
    fields[field] = value
    return Record.of(fields, types, names)


def _element_store(node: nodes.ElementStore, layout: Layout) -> RowEvaluator:
    if node.type.type.category != "A":
        return _member_store(node, layout)
    argument, value = compile_row(node.argument, layout), compile_row(node.value, layout)
    pairs = tuple(
        tuple(None if bound is None else compile_row(bound, layout) for bound in pair)
        for pair in node.bounds
    )
    element = node.type.type.element_oid
    store = store_slice if node.is_slice else store_element

    def evaluate(row: Sequence[Any], context: Any) -> Array:
        array = argument(row, context) or Array(element, (), ())
        bounds = [
            tuple(None if bound is None else (bound(row, context),) for bound in pair)
            for pair in pairs
        ]
        return store(array, bounds, value(row, context))

    return evaluate


def _member_store(node: nodes.ElementStore, layout: Layout) -> RowEvaluator:
    """Into jsonb, or into a type that has a fixed number of elements."""
    argument, value = compile_row(node.argument, layout), compile_row(node.value, layout)
    steps = _all([first for first, _ in node.bounds if first is not None], layout)
    kind = node.type.type
    store: Callable[..., Any] = store_member if kind.name == "jsonb" else store_coordinate
    if kind.subscripting is not None:
        store = kind.subscripting.store

    def evaluate(row: Sequence[Any], context: Any) -> Any:
        subscripts = [step(row, context) for step in steps]
        return store(argument(row, context), subscripts, value(row, context))

    return evaluate


def _row_comparison(node: nodes.RowComparison, layout: Layout) -> RowEvaluator:
    pairs = list(zip(_all(node.left, layout), _all(node.right, layout), strict=True))
    sides = list(zip(node.left, node.right, strict=True))
    orders = [_bind(function, side) for function, side in zip(node.orders, sides, strict=True)]
    equals = [_bind(function, side) for function, side in zip(node.equals, sides, strict=True)]
    or_equal = node.operator in OR_EQUAL

    def evaluate(row: Sequence[Any], context: Any) -> bool | None:
        for (left, right), order, equal in zip(pairs, orders, equals, strict=True):
            first, second = left(row, context), right(row, context)
            if first is None or second is None:
                return None
            if not equal(context, first, second):
                return bool(order(context, first, second))
        return or_equal

    return evaluate


def _subquery(node: nodes.Subquery, layout: Layout) -> RowEvaluator:
    outer = _all(node.outer, layout)
    if node.kind in ("exists", "scalar", "array"):
        method = node.kind

        def evaluate(row: Sequence[Any], context: Any) -> Any:
            answer = context.subquery(node, tuple([value(row, context) for value in outer]))
            return getattr(answer, method)()

        return evaluate
    return _quantified_subquery(node, layout, outer)


def _quantified_subquery(
    node: nodes.Subquery, layout: Layout, outer: Sequence[RowEvaluator]
) -> RowEvaluator:
    tests, every = _all(node.test, layout), node.kind == "all"
    compares, equals = (
        [_bind(function, (own, own)) for function, own in zip(functions, node.test, strict=False)]
        for functions in (node.functions, node.equals)
    )
    test = row_test(node.operator, compares, equals)
    hashes = node.kind == "any" and all(f.name in PLAIN_EQUALITIES for f in node.functions)

    def evaluate(row: Sequence[Any], context: Any) -> bool | None:
        context.check_cancelled()
        answer = context.subquery(node, tuple([value(row, context) for value in outer]))
        values = [own(row, context) for own in tests]
        rows = None
        if hashes and not has_null(values):
            whole, rows = answer.keys()
            if tuple(values) in whole:
                return True

        found = answer.rows() if rows is None else rows
        return quantified(lambda other: test(context, values, other), found, every=every)

    return evaluate


COMPILERS: Mapping[type[nodes.Expression], Compiler] = {
    nodes.Variable: _variable,
    nodes.OuterVariable: _outer_variable,
    nodes.Constant: _constant,
    nodes.Parameter: _parameter,
    nodes.Call: _call,
    nodes.Relabel: _relabel,
    nodes.CastText: _cast_text,
    nodes.ApplyModifier: _apply_modifier,
    nodes.And: _and,
    nodes.Or: _or,
    nodes.Not: _not,
    nodes.IsNull: _is_null,
    nodes.BooleanTest: _boolean_test,
    nodes.IsDistinct: _is_distinct,
    nodes.Case: _case,
    nodes.Coalesce: _coalesce,
    nodes.NullIf: _null_if,
    nodes.Extremum: _extremum,
    nodes.InList: _in_list,
    nodes.ArrayComparison: _array_comparison,
    nodes.ArrayConstructor: _array_constructor,
    nodes.Subscript: _subscript,
    nodes.RowConstructor: _row_constructor,
    nodes.FieldSelect: _field_select,
    nodes.FieldStore: _field_store,
    nodes.ElementStore: _element_store,
    nodes.RowComparison: _row_comparison,
    nodes.Subquery: _subquery,
}
