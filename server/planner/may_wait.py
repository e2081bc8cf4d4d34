"""Whether a change of tables may have to wait in the middle of an expression.

What a statement itself calls is known from its tree. This is about what hangs on the tables that it changes: triggers,
and functions of users in the expressions of indexes, in the checks of partitions and of tables that foreign keys reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.catalog.objects import Table
from server.planner import change_plans
from server.planner.called_routines import calls_routine
from server.planner.plan import Modify
from server.planner.standalone import bind_over_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView
    from server.planner.environment import BindContext
    from server.planner.plan import Node

ALL_EVENTS: Final = frozenset(("insert", "update", "delete"))
CASCADING: Final = frozenset(("update", "delete"))
EVENTS: Final = {
    change_plans.Insert: frozenset(("insert",)),
    change_plans.Update: frozenset(("update",)),
    change_plans.Delete: frozenset(("delete",)),
}
"""By what changes rows of one table, and of those that refer to it; anything else is taken for all of it."""


def tables_may_wait(context: BindContext, node: Node) -> bool:
    """Whether something that hangs on the tables that are written may have to wait."""
    catalog = context.catalog
    written = [oid for oid, mode in context.relations.items() if mode == "row exclusive"]
    referring = [item.table for oid in written for item in catalog.references_to(oid)]
    own, others = _families(catalog, written), _families(catalog, referring)
    events = _events(node, own)
    cascaded = CASCADING if events & CASCADING else frozenset[str]()
    if _fires(catalog, own, events) or _fires(catalog, others, cascaded):
        return True
    if not catalog.state.functions:
        return False
    return any(_calls_routine(context, table) for table in dict.fromkeys((*own, *others)))


def _events(node: Node, tables: list[Table]) -> frozenset[str]:
    """What may happen to rows of the tables: those of a partition may move to another one."""
    if not isinstance(node, Modify) or any(
        each.kind == "p" or each.is_partition for each in tables
    ):
        return ALL_EVENTS
    conflict: change_plans.ConflictClause | None = node.fields.get("conflict")
    if conflict is not None and conflict.update is not None:
        return frozenset(("insert", "update"))
    return EVENTS.get(node.kind, ALL_EVENTS)


def _fires(catalog: CatalogView, tables: list[Table], events: frozenset[str]) -> bool:
    """Whether a trigger may be called by what happens to the tables."""
    found = (trigger for table in tables for trigger in catalog.triggers_of(table.oid))
    return any(not events.isdisjoint(trigger.events) for trigger in found)


def _calls_routine(context: BindContext, table: Table) -> bool:
    bound = (bind_over_table(context.environment, table, text) for text in _texts(context, table))
    return any(map(calls_routine, bound))


def _families(catalog: CatalogView, oids: list[int]) -> list[Table]:
    """The tables with their partitions and children."""
    found = [catalog.object(oid) for oid in dict.fromkeys(oids)]
    tables = [table for table in found if isinstance(table, Table)]
    return [member for table in tables for member in catalog.family_of(table)]


def _texts(context: BindContext, table: Table) -> Iterator[str]:
    """The expressions that are evaluated for a row of a table."""
    for index in context.catalog.indexes_of(table.oid):
        yield from (key.expression for key in index.keys if key.expression is not None)
        if index.predicate is not None:
            yield index.predicate
    for constraint in context.catalog.constraints_of(table.oid):
        if constraint.kind == "c" and constraint.expression is not None:
            yield constraint.expression
    yield from (
        column.default for column in table.live_columns if column.generated and column.default
    )
