"""Expressions of DDL as the catalog keeps them.

Bound once, so that names and types are said in full, as view_text says them.

Rule 1: what is kept means the same under every search path: types and relations of users are
        qualified, users' functions, and relations and other objects named by regclass and its kin,
        are OIDs.
Rule 2: what is kept is what was written, not what it comes to: constants are not computed with.
Rule 3: what a target adds by assignment is not said; a literal without a type says the target's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.objects import Column, Table
from server.errors import SqlError
from server.expressions.expression import columns_used
from server.oids import INTERVAL
from server.planner.bind_expression import bind_expression
from server.planner.bind_text import parse_expression, without_positions
from server.planner.coerce import coerce_to
from server.planner.environment import BindContext, PlanningEnvironment
from server.planner.resolution import Resolution
from server.planner.scope import Scope
from server.planner.standalone import table_scope
from server.planner.type_facts import base_type
from server.planner.view_text import ResolvedExpression
from server.sql.deparse import deparse

if TYPE_CHECKING:
    from sqlglot import exp

    from server.types.type import TypeReference


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
    context = BindContext(environment, base_offset=-1, role=environment.user, defines_view=True)
    context.resolution = Resolution()
    scope = table_scope(context, table, "") if table is not None else Scope()
    with without_positions(context):
        bound = bind_expression(context, scope, tree)
        if target is not None:
            _assign(context, bound, target)
    said = ResolvedExpression(tree, context.resolution)
    text = said.text(context.catalog, assigned=target is not None)
    return _checked(text, deparse(tree), context, scope)


def _assign(context: BindContext, bound: Any, target: Column) -> None:
    """Note what assigning the expression makes of it; a literal becomes one of the type beneath a domain."""
    kind = base_type(context, target.type)
    modifier = target.modifier if kind == INTERVAL else -1
    coerce_to(context, bound, kind, modifier, "a")


def _checked(text: str, written: str, context: BindContext, scope: Any) -> str:
    """The text, if it reads back as an expression over the same columns; else what was written."""
    try:
        context.resolution = None
        with without_positions(context):
            again = bind_expression(context, scope, parse_expression(text))
    except SqlError:
        return written
    columns_used(again)
    return text
