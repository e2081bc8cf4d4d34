"""Functions in FROM: their columns, column definition lists, ROWS FROM, WITH ORDINALITY."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.user_functions import with_columns
from server.errors import SqlSyntaxError
from server.expressions.expression import Call, Expression, SetReturningCall, columns_used
from server.oids import INT8, RECORD
from server.planner.bind_collection import result_columns
from server.planner.bind_from import Bound, lateral_scope, named_columns, renamed
from server.planner.bind_type import bind_type
from server.planner.coerce import settle
from server.planner.environment import BindContext, raise_at
from server.planner.names import target_name
from server.planner.physical import RowShape
from server.planner.plan import FunctionScan
from server.planner.scope import RangeColumn, RangeItem, Scope
from server.planner.type_facts import base_type
from server.sql import nodes

if TYPE_CHECKING:
    from sqlglot import exp

    from server.types.type import TypeReference


def bind_function_table(context: BindContext, scope: Scope, node: exp.Expression) -> Bound:
    """One or more functions in FROM."""
    seen = Scope(parent=lateral_scope(scope), clause="FROM", sets=True)
    alias = node.args.get("alias")
    written = [part for each in node.args["functions"] for part in _parts(each)]
    functions: list[Expression] = []
    widths: list[int] = []
    rows: list[RowShape] = []
    columns: list[tuple[str, TypeReference]] = []
    for item in written:
        function, name = _bind_function(context, seen, item.args["this"])
        definitions: list[exp.Expression] = item.args.get("columns") or []
        if not definitions and len(written) == 1:
            definitions = node.args.get("columns") or []
        of_column = alias if len(written) == 1 else None  # several name their own
        found = _columns_of(context, function, name, of_column, definitions, item.args["this"])
        if definitions:
            function = _with_columns(function, found)
        functions.append(function)
        widths.append(len(found))
        rows.append(_shape(context, function, definitions, found))
        columns += found
    scalar = len(columns) == 1 and len(written) == 1
    ordinality = bool(node.args.get("ordinality"))
    if ordinality:
        columns.append(("ordinality", context.type(INT8)))
    alias = alias or _default_alias(written)
    outputs = named_columns(context, columns)
    plan = FunctionScan(
        function_columns=outputs,
        functions=tuple(functions),
        widths=tuple(widths),
        rows=tuple(rows),
        with_ordinality=ordinality,
        alias=alias,
    )
    listed = tuple(RangeColumn(column.name, column.variable()) for column in outputs)
    names = tuple(node.args.get("column_aliases") or ())
    listed = renamed(listed, names, alias)
    named = RangeItem(
        alias=alias,
        listed=listed,
        scalar=scalar and not ordinality and not rows[0].is_row,
        row_type=_row_type(context, functions, ordinality=ordinality),
    )
    if context.resolution is not None:
        context.resolution.functions[id(node)] = named
        if _reads_beside(seen):
            context.resolution.beside.add(id(node))
    return Bound(plan, [named], bool(seen.outer))


def _reads_beside(seen: Scope) -> bool:
    """Whether a function reads columns of the items before it in the same FROM."""
    before = [] if seen.parent is None else seen.parent.items
    return any(
        not seen.outer.keys().isdisjoint(columns_used(column.expression))
        for item in before
        for column in item.columns()
    )


def _with_columns(function: Expression, columns: list[tuple[str, TypeReference]]) -> Expression:
    """The call of a function that is told which columns its records must have."""
    if not isinstance(function, Call):
        return function
    make = function.function.with_columns
    if make is not None:
        return replace(function, function=replace(function.function, row=make(columns)))
    told = with_columns(
        function.function, [(name, kind.oid, kind.modifier) for name, kind in columns]
    )
    return replace(function, function=told)


def _shape(
    context: BindContext,
    function: Expression,
    definitions: list[exp.Expression],
    columns: list[tuple[str, TypeReference]],
) -> RowShape:
    if definitions:
        return RowShape(is_row=True, types=tuple(kind for _, kind in columns))
    found = result_columns(context, function)
    # A lone OUT argument of a plain type is the value itself.
    is_value = len(found) == 1 and function.type.type.kind != "c" and function.type.oid != RECORD
    return RowShape(is_row=bool(found) and not is_value)


def _row_type(context: BindContext, functions: list[Expression], *, ordinality: bool) -> int:
    """The composite type that rows of the FROM item are of, 0 for none."""
    if len(functions) != 1 or ordinality or functions[0].type.oid == RECORD:
        return 0
    oid = functions[0].type.oid
    return oid if context.type(base_type(context, oid)).type.kind == "c" else 0


def _parts(item: exp.Expression) -> list[exp.Expression]:
    """Unnest of several arrays stands for several unnest side by side."""
    call = item.args["this"]
    if not isinstance(call, nodes.FunctionCall) or call.args["name"][-1] != "unnest":
        return [item]
    arguments = call.args["arguments"]
    if len(arguments) < 2:
        return [item]
    parts: list[exp.Expression] = []
    for argument in arguments:
        single = call.copy()
        single.set("arguments", [argument.copy()])
        parts.append(nodes.RowsFromItem(this=single, columns=[]))
    return parts


def _default_alias(written: list[exp.Expression]) -> str:
    return target_name(written[0].args["this"]) if written else ""


def _bind_function(
    context: BindContext, scope: Scope, node: exp.Expression
) -> tuple[Expression, str]:
    from server.planner.bind_expression import bind_expression

    bound = settle(context, bind_expression(context, scope, node))
    if isinstance(bound, SetReturningCall):
        bound = Call(
            type=bound.type,
            function=bound.function,
            arguments=bound.arguments,
            offset=bound.offset,
        )
    return bound, target_name(node)


def _columns_of(
    context: BindContext,
    function: Expression,
    name: str,
    alias: str | None,
    definitions: list[exp.Expression],
    node: exp.Expression,
) -> list[tuple[str, TypeReference]]:
    found = result_columns(context, function)
    if found:
        if definitions:
            raise raise_at(
                context,
                node,
                SqlSyntaxError(
                    "a column definition list is redundant for a function with OUT parameters"
                ),
            )
        return [(column, context.type(oid, modifier)) for column, oid, modifier in found]
    if function.type.oid == RECORD:
        if not definitions:
            raise raise_at(
                context,
                node,
                SqlSyntaxError(
                    'a column definition list is required for functions returning "record"'
                ),
            )
        return [(each.args["name"], bind_type(context, each.args["type"])) for each in definitions]
    if definitions:
        raise raise_at(
            context,
            node,
            SqlSyntaxError(
                'a column definition list is only allowed for functions returning "record"'
            ),
        )
    single: tuple[str, ...] = getattr(getattr(function, "function", None), "output_names", ())
    return [(single[0] if len(single) == 1 else alias or name, function.type)]
