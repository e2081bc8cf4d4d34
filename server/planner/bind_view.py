"""Views: their text, bound where they are used, with the rights of their owner."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.errors import FeatureNotSupported, InvalidObjectDefinition, StatementTooComplex
from server.expressions.expression import Variable
from server.planner.bind_from import schema_name
from server.planner.bind_text import parse_query, without_positions
from server.planner.scope import RangeColumn, RangeItem, Scope

if TYPE_CHECKING:
    from server.catalog.objects import Table
    from server.planner.environment import BindContext
    from server.planner.plan import Node

VIEW_DEPTH_MAX = 100
TRUE_WORDS = ("", "true", "on", "yes", "1", "t", "y")


def role_below(context: BindContext, view: Table) -> int:
    """Whose rights count for what a view reads: its owner's, or with security_invoker the user's."""
    return view.reader(context.environment.user)


def bind_view(context: BindContext, view: Table, alias: str) -> tuple[RangeItem, Node]:
    """The names and the plan of a view."""
    from server.planner.bind_query import bind_query

    if view.oid in context.views:
        raise InvalidObjectDefinition(
            f'infinite recursion detected in rules for relation "{view.name}"'
        )
    if len(context.views) >= VIEW_DEPTH_MAX:
        raise StatementTooComplex("stack depth limit exceeded")
    assert view.view_query is not None
    role, environment, notes = context.role, context.environment, context.resolution
    context.resolution = None
    context.role, context.views = role_below(context, view), (*context.views, view.oid)
    # Names mean what they meant when the view was made, whatever the reader's search path.
    if view.view_path:
        context.environment = replace(environment, search_path=view.view_path)
    try:
        with without_positions(context):
            own = Scope()
            query = bind_query(context, own, parse_query(view.view_query))
    finally:
        context.role, context.views = role, context.views[:-1]
        context.environment, context.resolution = environment, notes
    if len(query.columns) != len(view.live_columns):  # a table grew under SELECT *
        raise FeatureNotSupported(
            f'view "{view.name}" has to be made again: a table it reads has other columns now'
        )
    listed = []
    for column, found in zip(view.live_columns, query.columns, strict=False):
        kind = context.column_type(column)
        variable = Variable(
            type=kind if kind.oid == found.type.oid else found.type,
            column=found.column,
            name=column.name,
        )
        listed.append(RangeColumn(column.name, variable, (view.oid, column.number)))
    plan = query.exactly()
    item = RangeItem(
        alias=alias,
        listed=tuple(listed),
        table=view,
        schema=schema_name(context, view.schema),
        query=plan,
        inside=own.items,
    )
    return item, plan
