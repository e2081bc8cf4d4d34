"""Expressions of partition keys and of bounds: what may stand in them, and the values of bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.errors import DatatypeMismatch, FeatureNotSupported, InvalidObjectDefinition
from server.expressions.evaluate import compile_row
from server.expressions.expression import Constant, Expression, columns_used
from server.oids import RECORD, UNKNOWN
from server.planner.bind_expression import bind_expression
from server.planner.bind_text import parse_expression
from server.planner.coerce import coerce_to
from server.planner.environment import BindContext, PlanningEnvironment, raise_at
from server.planner.mutability import is_mutable
from server.planner.outer_references import has_subquery
from server.planner.scope import Scope
from server.planner.standalone import table_scope
from server.planner.type_facts import type_name
from server.sql import nodes

if TYPE_CHECKING:
    from sqlglot import exp

    from server.catalog.objects import Table

SYSTEM_COLUMNS = ("ctid", "xmin", "cmin", "xmax", "cmax", "tableoid")


def bind_key_expression(
    environment: PlanningEnvironment, table: Table, tree: exp.Expression, base_offset: int
) -> Expression:
    """Bind an expression of a partition key: immutable, over the columns of the table."""
    context = BindContext(environment, base_offset=base_offset, role=environment.user)
    for node in tree.walk():
        if isinstance(node, nodes.SubLink):
            raise FeatureNotSupported("cannot use subquery in partition key expression")
        if isinstance(node, nodes.ColumnReference):
            _refuse_reference(table, node)
    scope = table_scope(context, table, "partition key expressions")
    bound = bind_expression(context, scope, tree)
    if bound.type.oid in (RECORD, UNKNOWN):
        return bound  # refused for its type
    for number in columns_used(bound):
        if table.column(number).generated:
            raise InvalidObjectDefinition(
                "cannot use generated column in partition key",
                detail=f'Column "{table.column(number).name}" is a generated column.',
            )
    if is_mutable(context, bound):
        raise InvalidObjectDefinition(
            "functions in partition key expression must be marked IMMUTABLE"
        )
    if not columns_used(bound):
        raise InvalidObjectDefinition("cannot use constant expression as partition key")
    return bound


def _refuse_reference(table: Table, node: exp.Expression) -> None:
    parts = node.args["parts"]
    if parts[-1] in SYSTEM_COLUMNS and table.column_named(parts[-1]) is None:
        raise InvalidObjectDefinition(
            "partition key expressions cannot contain system column references"
        )


def names_in(text: str) -> set[str]:
    """The names of columns that an expression of the catalog reads."""
    return {
        node.args["parts"][-1]
        for node in parse_expression(text).walk()
        if isinstance(node, nodes.ColumnReference)
    }


def key_columns(table: Table) -> dict[str, bool]:
    """Names of the columns in the partition key; true: only in an expression."""
    key = table.partition_key
    found: dict[str, bool] = {}
    for part in key.parts if key is not None else ():
        if part.number:
            found[table.column(part.number).name] = False
        else:
            for name in names_in(part.expression or ""):
                found.setdefault(name, True)
    return found


def bound_value(
    environment: PlanningEnvironment,
    key: tuple[int, int, str],
    tree: exp.Expression,
    base_offset: int,
    execution: Any,
) -> Any:
    """The value of an expression in a bound, as the key's type; key: its type, modifier and text."""
    context = BindContext(environment, base_offset=base_offset, role=environment.user)
    for node in tree.walk():
        if isinstance(node, nodes.ColumnReference):
            raise raise_at(
                context,
                node,
                FeatureNotSupported("cannot use column reference in partition bound expression"),
            )
        if isinstance(node, nodes.SubLink):
            raise raise_at(
                context, node, FeatureNotSupported("cannot use subquery in partition bound")
            )
    kind, modifier, shown = key
    bound = bind_expression(context, Scope(clause="partition bound"), tree)
    changed = coerce_to(context, bound, kind, modifier, "a")
    if changed is None or has_subquery(changed):
        error = DatatypeMismatch(
            f'specified value cannot be cast to type {type_name(context, kind)} for column "{shown}"'
        )
        raise raise_at(context, tree, error)
    if isinstance(changed, Constant):
        return changed.value
    return compile_row(changed, {})((), execution)
