"""Changes of views that have INSTEAD OF triggers: the rows of the view, and what the trigger is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.expressions.expression import Constant
from server.oids import INT8
from server.planner.bind_lock import ROW_ID
from server.planner.bind_view import bind_view
from server.planner.plan import OutputColumn, Project

if TYPE_CHECKING:
    from server.catalog.objects import Table
    from server.expressions.expression import Expression
    from server.planner.bind_modify import ModifyTarget
    from server.planner.environment import BindContext
    from server.planner.plan import Node

EVENTS = {"a": "insert", "w": "update", "d": "delete"}
"""What a privilege is needed for."""


def has_instead(context: BindContext, view: Table, privileges: str) -> bool:
    """Whether this change of a view is left to a trigger, which need not fire in the session's role."""
    event = EVENTS[privileges[0]]
    return any(
        trigger.timing == "instead" and event in trigger.events
        for trigger in context.catalog.triggers_of(view.oid)
    )


def rows_of_target(context: BindContext, target: ModifyTarget) -> Node:
    """The rows that a change may concern: a scan of the table, or the view's query in its place."""
    if target.table.kind != "v":
        return target.scan
    item, node = bind_view(context, target.table, target.item.alias)
    outputs = [OutputColumn(target.scan.column_of(ROW_ID), context.type(INT8))]
    expressions: list[Expression] = [Constant(type=context.type(INT8), value=0)]
    columns = zip(target.table.live_columns, item.listed, strict=True)
    for column, listed in columns:
        kind = context.column_type(column)
        outputs.append(OutputColumn(target.scan.column_of(column.number), kind, column.name))
        expressions.append(listed.expression)
    return Project(input=node, outputs=tuple(outputs), expressions=tuple(expressions))
