"""Row values, arrays, subscripts and fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    IndeterminateDatatype,
    UndefinedColumn,
    WrongObjectType,
)
from server.expressions.expression import (
    ArrayConstructor,
    Call,
    Expression,
    FieldSelect,
    OuterVariable,
    RowConstructor,
    Subscript,
    Variable,
)
from server.functions.function import Function
from server.oids import INT4, JSONB, RECORD, RECORD_ARRAY, TEXT
from server.planner import bind_call
from server.planner.coerce import coerce, coerce_or_fail, coerce_to, settle
from server.planner.common_types import common_type
from server.planner.environment import BindContext, raise_at
from server.planner.scope import Scope, expand_item, find_item, missing_item
from server.planner.type_facts import base_type, row_columns, type_name
from server.sql import nodes
from server.types.array_input import DIMENSIONS_MAX, too_many_dimensions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp

    from server.catalog.objects import Oid
    from server.planner.resolution import Field
    from server.types.type import Subscripting

_VECTORS = {22: 1005, 30: 1028}
"""int2vector and oidvector, with the arrays that slices of them are."""


def _bind(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    from server.planner.bind_expression import bind_expression

    return bind_expression(context, scope, node)


def bind_row(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    """ROW(...), in which t.* stands for its columns."""
    items: list[Expression] = []
    for each in node.args["arguments"]:
        items += bind_expanded(context, scope, each)
    return RowConstructor(
        type=context.type(RECORD),
        items=tuple(items),
        names=tuple(f"f{number}" for number in range(1, len(items) + 1)),
        offset=nodes.offset_of(node),
    )


def bind_expanded(context: BindContext, scope: Scope, node: exp.Expression) -> list[Expression]:
    """The expressions a list element stands for: several for t.* and (row).*."""
    if isinstance(node, nodes.ColumnReference) and node.args.get("star") and node.args["parts"]:
        found = find_item(context, scope, node.args["parts"], nodes.offset_of(node))
        if found is not None:
            expanded = expand_item(context, scope, *found)
            if context.resolution is not None:
                context.resolution.note_star(scope, node, [column for column, _ in expanded])
            return [each for _, each in expanded]
        return [each for _, each in expand_routine_record(context, scope, node)]
    if isinstance(node, nodes.FieldSelection) and node.args.get("star"):
        return [each for _, each in expand_fields(context, scope, node)]
    return [_bind(context, scope, node)]


def expand_routine_record(
    context: BindContext, scope: Scope, node: exp.Expression
) -> list[tuple[str, Expression]]:
    """The fields of record.* where record is no table but a variable or parameter of the routine."""
    parts, offset = node.args["parts"], nodes.offset_of(node)
    record = None if context.routine is None else context.routine.resolve(context, parts, offset)
    if record is None or not result_columns(context, record):
        raise raise_at(context, node, missing_item(scope, parts[-1]))
    if context.resolution is not None:
        context.resolution.note_parameter(node, record)
    return _noted_fields(context, node, record, fields_of(context, record, offset))


def expand_fields(
    context: BindContext, scope: Scope, node: exp.Expression
) -> list[tuple[str, Expression]]:
    """The names and values of (row).*."""
    row = _bind(context, scope, node.args["this"])
    return _noted_fields(context, node, row, fields_of(context, row, nodes.offset_of(node)))


def _noted_fields(
    context: BindContext, node: exp.Expression, row: Expression, found: list[tuple[str, Expression]]
) -> list[tuple[str, Expression]]:
    """The fields of a row, which are noted if anybody asks."""
    if context.resolution is not None:
        noted = tuple(_field_noted(context, row, name) for name, _ in found)
        context.resolution.row_stars[id(node)] = noted
    return found


def fields_of(context: BindContext, row: Expression, offset: int) -> list[tuple[str, Expression]]:
    """Every field of a row value by name."""
    if isinstance(row, RowConstructor):
        return list(zip(row.names, row.items, strict=True))
    result: list[tuple[str, Expression]] = []
    columns = result_columns(context, row)
    if not columns:
        raise WrongObjectType(f"type {type_name(context, row.type.oid)} is not composite").at(
            context.position(offset)
        )
    for number, (name, oid, modifier) in enumerate(columns):
        field = FieldSelect(type=context.type(oid, modifier), argument=row, field=number)
        result.append((name, field))
    return result


def result_columns(context: BindContext, row: Expression) -> tuple[tuple[str, int, int], ...]:
    """Name, type and modifier of the fields of a row value, as far as they are known."""
    if isinstance(row, RowConstructor):
        kinds = [(item.type.oid, item.type.modifier) for item in row.items]
        return tuple((name, *kind) for name, kind in zip(row.names, kinds, strict=True))
    if isinstance(row, Variable | OuterVariable) and row.column in context.record_columns:
        return context.record_columns[row.column]
    function = getattr(row, "function", None)
    if function is not None and getattr(function, "output_types", None):
        pairs = zip(function.output_names, function.output_types, strict=True)
        return tuple((name, oid, -1) for name, oid in pairs)
    if context.type(base_type(context, row.type.oid)).type.kind == "c":
        return row_columns(context, row.type.oid)
    return ()


def bind_field(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    """(row).field; (x).f is also f(x) where x is no row with such a field."""
    offset = nodes.offset_of(node)
    if node.args.get("star"):
        raise raise_at(
            context, node, FeatureNotSupported('row expansion via "*" is not supported here')
        )
    row, name = _bind(context, scope, node.args["this"]), node.args["name"]
    known = any(field == name for field, _, _ in result_columns(context, row))
    called = None if known else bind_call.function_of_row(context, scope, name, row, offset)
    if called is not None:
        return called
    if not known and isinstance(node.args["this"], nodes.ColumnReference):
        item = node.args["this"].args["parts"][-1]
        if isinstance(row, RowConstructor):  # the row of a FROM item
            raise UndefinedColumn(f"column {item}.{name} does not exist").at(
                context.position(offset)
            )
    if context.resolution is not None:
        context.resolution.fields[id(node)] = _field_noted(context, row, name)
    return select_field(context, row, name, offset)


def _field_noted(context: BindContext, row: Expression, name: str) -> Field:
    """Which column of a relation, or attribute of a type, a field of a row is."""
    table = context.catalog.table_of_row_type(base_type(context, row.type.oid))
    column = None if table is None else table.column_named(name)
    return name, (0, 0) if table is None or column is None else (table.oid, column.number)


def select_field(context: BindContext, row: Expression, name: str, offset: int) -> Expression:
    """The field of a row value."""
    columns = result_columns(context, row)
    for number, (field, oid, modifier) in enumerate(columns):
        if field == name:
            if isinstance(row, RowConstructor):
                return row.items[number]
            kind = context.type(oid, modifier)
            return FieldSelect(type=kind, argument=row, field=number, offset=offset)
    shown = type_name(context, row.type.oid)
    position = context.position(offset)
    if columns and row.type.oid != RECORD:
        raise UndefinedColumn(f'column "{name}" not found in data type {shown}').at(position)
    if row.type.oid == RECORD:
        raise UndefinedColumn(f'could not identify column "{name}" in record data type').at(
            position
        )
    raise WrongObjectType(
        f"column notation .{name} applied to type {shown}, which is not a composite type"
    ).at(position)


def bind_array_constructor(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    """ARRAY[...]."""
    return bind_array(context, scope, node, 0)


def bind_array(context: BindContext, scope: Scope, node: exp.Expression, target: int) -> Expression:
    """ARRAY[...]; target: the array type it is being cast to.

    Which tells the type of the elements, or 0.
    """
    offset = nodes.offset_of(node)
    element = context.type(target).type.element_oid if target else 0
    target = target if element else 0  # a cast of the whole array
    items = []
    for each in node.args["arguments"]:
        if isinstance(each, nodes.ArrayConstructor):
            items.append(bind_array(context, scope, each, target))
        else:
            items.append(_bind(context, scope, each))
    if not items and not element:
        raise IndeterminateDatatype(
            "cannot determine type of empty array",
            hint="Explicitly cast to the desired type, for example ARRAY[]::integer[].",
        ).at(context.position(offset))
    nested = any(isinstance(each, nodes.ArrayConstructor) for each in node.args["arguments"])
    nested = nested or any(_is_array(context, item) for item in items)
    if nested:
        return _nested_array(context, items, target if element else 0, offset)
    if element:
        from server.planner.bind_expression import bind_cast

        wanted = context.type(element)
        items = [bind_cast(context, each, wanted, each.offset) for each in items]
    else:
        element = common_type(context, items, "ARRAY")
        items = [coerce_or_fail(context, each, element, "ARRAY") for each in items]
    array = context.type(element).type.array_oid
    if not array:
        raise WrongObjectType(
            f"could not find array type for data type {type_name(context, element)}"
        ).at(context.position(offset))
    return ArrayConstructor(type=context.type(target or array), items=tuple(items), offset=offset)


def _is_array(context: BindContext, expression: Expression) -> bool:
    """Whether it is an array that may stand for a part of one; domains and the vectors of catalogs may not."""
    kind = expression.type.type
    if kind.kind == "d":
        return False
    return kind.category == "A" and kind.element_oid != 0 and kind.oid not in _VECTORS


def _nested_array(
    context: BindContext, items: list[Expression], target: int, offset: int
) -> Expression:
    oid = target or common_type(context, items, "ARRAY")
    items = [coerce_or_fail(context, each, oid, "ARRAY") for each in items]
    return ArrayConstructor(type=context.type(oid), items=tuple(items), nested=True, offset=offset)


def bind_subscript(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    """a[i] and a[i:j]; with one slice among them all subscripts are slices."""
    container = _bind(context, scope, node.args["this"])
    written = node.args["subscripts"]
    offset = nodes.offset_of(node)
    oid = base_type(context, container.type.oid)
    if oid == JSONB:
        return _json_path(context, scope, container, written, offset)
    kind = context.type(oid).type
    if kind.subscripting is not None:
        return _part(context, scope, container, (oid, kind.subscripting), written, offset)
    is_array = kind.category == "A" or oid == RECORD_ARRAY
    if not kind.element_oid or (not is_array and kind.length == -1):
        raise DatatypeMismatch(
            f"cannot subscript type {type_name(context, oid)} because it does not support "
            "subscripting"
        ).at(context.position(container.offset))
    bounds, is_slice = bind_bounds(context, scope, written)
    if len(bounds) > DIMENSIONS_MAX:
        raise too_many_dimensions(len(bounds))
    result = _VECTORS.get(oid, oid) if is_slice else kind.element_oid
    return Subscript(
        type=context.type(result, container.type.modifier),
        argument=container,
        bounds=bounds,
        is_slice=is_slice,
        offset=offset,
    )


def bind_bounds(
    context: BindContext, scope: Scope, written: Sequence[exp.Expression]
) -> tuple[tuple[tuple[Expression | None, Expression | None], ...], bool]:
    """The bounds of subscripts, and whether they mean a slice: with one slice all are slices."""
    is_slice = any(isinstance(each, nodes.ArraySlice) for each in written)
    return tuple(_bound(context, scope, each, is_slice) for each in written), is_slice


def _bound(
    context: BindContext, scope: Scope, node: exp.Expression, is_slice: bool
) -> tuple[Expression | None, Expression | None]:
    def index(each: exp.Expression | None) -> Expression | None:
        if each is None:
            return None
        bound = _bind(context, scope, each)
        made = coerce(context, bound, INT4, "a")
        if made is None:
            raise DatatypeMismatch("array subscript must have type integer").at(
                context.position(bound.offset)
            )
        return made

    if isinstance(node, nodes.ArraySlice):
        return index(node.args.get("lower")), index(node.args.get("upper"))
    if is_slice:  # a[2][1:3] means a[1:2][1:3]
        return context.constant(INT4, 1), index(node.args["this"])
    return index(node.args["this"]), None


def _part(
    context: BindContext,
    scope: Scope,
    container: Expression,
    kind: tuple[Oid, Subscripting],
    written: Sequence[exp.Expression],
    offset: int,
) -> Expression:
    oid, subscripting = kind
    key = bind_text_subscript(context, scope, oid, written)
    fetch = Function(
        oid=0, name="fetchval", arguments=(oid, TEXT), result=TEXT, row=subscripting.fetch
    )
    return Call(type=context.type(TEXT), function=fetch, arguments=(container, key), offset=offset)


def bind_text_subscript(
    context: BindContext, scope: Scope, oid: Oid, written: Sequence[exp.Expression]
) -> Expression:
    """The only subscript of a type whose parts are found by a text."""
    shown = type_name(context, oid)
    if len(written) != 1 or not isinstance(written[0], nodes.ArrayIndex):
        raise FeatureNotSupported(f"{shown} allows only one subscript")
    bound = settle(context, _bind(context, scope, written[0].args["this"]))
    key = coerce_to(context, bound, TEXT, -1, "a")
    if key is None:
        place = context.position(nodes.offset_of(written[0].args["this"]))
        raise DatatypeMismatch(f"{shown} subscript must have type text").at(place)
    return key


def bind_json_subscripts(
    context: BindContext, scope: Scope, written: Sequence[exp.Expression]
) -> list[Expression]:
    """The subscripts of jsonb, each an integer or a text."""
    found = []
    for each in written:
        place = context.position(nodes.offset_of(each.args.get("this") or each))
        if isinstance(each, nodes.ArraySlice):
            raise DatatypeMismatch("jsonb subscript does not support slices").at(place)
        subscript = settle(context, _bind(context, scope, each.args["this"]))
        fitting = [
            coerced
            for oid in (INT4, TEXT)
            if (coerced := coerce_to(context, subscript, oid, -1, "i")) is not None
        ]
        if len(fitting) != 1:
            raise DatatypeMismatch(
                f"subscript type {type_name(context, subscript.type.oid)} is not supported",
                hint="jsonb subscript must be coercible to "
                + ("only one type, integer or text." if fitting else "either integer or text."),
            ).at(place)
        found.append(fitting[0])
    return found


def _json_path(
    context: BindContext,
    scope: Scope,
    value: Expression,
    written: list[exp.Expression],
    offset: int,
) -> Expression:
    steps = []
    for step in bind_json_subscripts(context, scope, written):
        if step.type.oid == TEXT:
            steps.append(step)
            continue
        from server.planner.bind_expression import bind_cast

        steps.append(bind_cast(context, step, context.type(TEXT), offset))
    return bind_call.call_by_name(context, "jsonb_extract_path", [value, *steps], offset)
