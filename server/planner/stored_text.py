"""Expressions and queries of DDL as the catalog keeps them.

Bound once, so that names and types are said in full.

Rule 1: what is kept means the same under every search path: types and relations of users are
        qualified, users' functions, and relations and other objects named by regclass and its kin,
        are OIDs.
Rule 2: what the printer of typed expressions cannot say as SQL (subqueries, SQL's own function
        syntax) is kept as written.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.names import type_text as name_type
from server.catalog.objects import FIRST_USER_OID, Column, Table
from server.errors import SqlError
from server.expressions.expression import (
    ApplyModifier,
    ArrayComparison,
    ArrayConstructor,
    Call,
    CastText,
    Constant,
    Expression,
    FieldSelect,
    InList,
    Relabel,
    Subquery,
    columns_used,
    transform,
    walk,
)
from server.identifiers import quote_identifier
from server.planner.bind_expression import bind_expression
from server.planner.bind_text import parse_expression, without_positions
from server.planner.coerce import base_type, coerce_to
from server.planner.deparse import Names, deparse
from server.planner.environment import BindContext, PlanningEnvironment
from server.planner.resolution import Resolution
from server.planner.scope import Scope
from server.planner.standalone import table_scope
from server.sql import nodes
from server.sql.deparse import deparse as deparse_tree

if TYPE_CHECKING:
    from sqlglot import exp

    from server.types.type import Type, TypeReference

INTERVAL, NUMERIC, INT4, INT4_MAX = 1186, 1700, 23, 2**31 - 1
WRITTEN_ONLY = (nodes.SqlValueFunction, nodes.SubLink, nodes.RowConstructor, nodes.FieldSelection)
NUMBERS = (nodes.IntegerConstant, nodes.NumericConstant)
UNSAID = (Subquery, FieldSelect)


def stored_expression(
    environment: PlanningEnvironment, tree: exp.Expression, table: Table | None = None
) -> str:
    """The text of a condition or of an index's expression over a table's columns."""
    return _stored(environment, tree, table, None)


def stored_check(
    environment: PlanningEnvironment, tree: exp.Expression, base: TypeReference
) -> str:
    """The text of a domain's check, over VALUE of the type the domain is of."""
    value = Column(number=1, name="value", type=base.oid, modifier=base.modifier)
    return _stored(environment, tree, Table(oid=0, name="", schema=0, columns=(value,)), None)


def stored_default(
    environment: PlanningEnvironment,
    tree: exp.Expression,
    column: Column,
    table: Table | None = None,
) -> str:
    """The text of a default, without the cast to the column's type."""
    return _stored(environment, tree, table, column)


def stored_generated(environment: PlanningEnvironment, table: Table, column: Column) -> str:
    """The text of a generated column's expression, from the text it was written as."""
    assert column.default is not None
    return _stored(environment, parse_expression(column.default), table, column)


def _stored(
    environment: PlanningEnvironment,
    tree: exp.Expression,
    table: Table | None,
    target: Column | None,
) -> str:
    if target is not None and isinstance(tree, NUMBERS):
        return deparse_tree(tree)
    context = BindContext(environment, base_offset=-1, role=environment.user)
    context.resolution = Resolution()
    scope = table_scope(context, table, "") if table is not None else Scope()
    with without_positions(context):
        bound = bind_expression(context, scope, tree)
        written = deparse_tree(context.resolution.by_oid(tree, context.catalog))
        context.resolution = None
        if any(_is_written_only(node) for node in tree.walk()):
            return written
        if target is not None:
            changed = coerce_to(context, bound, target.type, target.modifier, "a")
            bound = bound if changed is None else _assignable(context, changed, target)
    if any(isinstance(node, UNSAID) for node in walk(bound)):
        return written
    return _checked(_said(context, bound, table), written, context, scope)


def _assignable(context: BindContext, changed: Expression, target: Column) -> Expression:
    """The expression without the casts that assigning it to the column adds anyway."""
    plain = _without_implicit(changed)
    again = coerce_to(context, plain, target.type, target.modifier, "a")
    return changed if again is None else plain


def _is_written_only(node: exp.Expr) -> bool:
    if isinstance(node, nodes.FunctionCall):
        return bool(node.args["sql_syntax"])
    if isinstance(node, nodes.ColumnReference):  # that of the table it is of by then
        return bool(node.args["parts"][-1:] == ("tableoid",))
    return isinstance(node, WRITTEN_ONLY)


def _without_implicit(bound: Expression) -> Expression:
    """The expression without the casts that an assignment adds on top of it."""
    while True:
        if isinstance(bound, ApplyModifier) and not bound.explicit:
            bound = bound.argument
        elif isinstance(bound, Call) and bound.form == "implicit":
            bound = bound.arguments[0]
        elif isinstance(bound, Relabel | CastText) and not isinstance(bound.argument, Constant):
            bound = bound.argument
        else:
            return bound


def _said(context: BindContext, bound: Expression, table: Table | None) -> str:
    """The text of an expression whose types say where they are found."""

    def plain(node: Expression) -> Expression:
        if isinstance(node, InList):
            node = _as_comparison(node)
        if isinstance(node, ArrayComparison) and isinstance(node.array, Constant):
            node = replace(node, array=_spelled_out(context, node.array))
        if isinstance(node, Constant) and _is_whole_numeric(node):
            integer = context.constant(INT4, int(node.value or 0))
            return CastText(type=replace(node.type, modifier=-1), argument=integer)
        kind = node.type.type
        modifier = node.type.modifier
        if isinstance(node, Constant) and node.type.oid != INTERVAL:
            modifier = -1
        if isinstance(node, Constant):
            kind = context.type(base_type(context, kind.oid)).type
        if kind is node.type.type and kind.oid < FIRST_USER_OID and modifier == node.type.modifier:
            return node
        reference = replace(node.type, type=_qualified(context, kind), modifier=modifier)
        return replace(node, type=reference)

    names = {}
    if table is not None:
        names = {column.number: quote_identifier(column.name) for column in table.live_columns}
    return deparse(transform(bound, plain), Names(names, catalog=context.catalog, path=()))


def _as_comparison(node: InList) -> Expression:
    """IN as a comparison with an array whose items are written one by one."""
    return ArrayComparison(
        type=node.type,
        function=node.function,
        argument=node.argument,
        array=ArrayConstructor(type=node.argument.type, items=node.items),
        every=node.negated,
        operator="<>" if node.negated else "=",
    )


def _spelled_out(context: BindContext, array: Constant) -> Expression:
    """A constant array as one written item by item."""
    if array.value is None or len(array.value.dimensions) != 1:
        return array
    kind = context.type(array.value.element)
    items = tuple(Constant(type=kind, value=item) for item in array.value.items)
    return ArrayConstructor(type=array.type, items=items)


def _is_whole_numeric(node: Constant) -> bool:
    """Whether a numeric looks like an integer, which it would be read back as."""
    if node.type.oid != NUMERIC or node.value is None or not node.value.is_finite():
        return False
    return bool(node.value.as_tuple().exponent == 0) and abs(node.value) <= INT4_MAX


def _qualified(context: BindContext, kind: Type) -> Type:
    """A type of a user under its full name."""
    if kind.oid < FIRST_USER_OID:
        return kind
    return replace(kind, sql_name=name_type(context.catalog, (), kind.oid))


def _checked(text: str, written: str, context: BindContext, scope: Any) -> str:
    """The text, if it reads back as an expression over the same columns; else what was written."""
    try:
        with without_positions(context):
            again = bind_expression(context, scope, parse_expression(text))
    except SqlError:
        return written
    columns_used(again)
    return text
