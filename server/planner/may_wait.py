"""Whether a change of tables may have to wait in the middle of an expression.

What a statement itself calls is known from its tree. This is about what hangs on the tables that it changes: triggers,
and functions of users in the expressions of indexes, in the checks of partitions and of tables that foreign keys reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.objects import Table
from server.planner.called_routines import calls_routine
from server.planner.standalone import bind_over_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.planner.environment import BindContext


def tables_may_wait(context: BindContext) -> bool:
    """Whether something that hangs on the tables that are written may have to wait."""
    tables = _reached(context)
    if any(context.catalog.triggers_of(table.oid) for table in tables):
        return True
    if not context.catalog.state.functions:
        return False
    return any(_calls_routine(context, table) for table in tables)


def _calls_routine(context: BindContext, table: Table) -> bool:
    bound = (bind_over_table(context.environment, table, text) for text in _texts(context, table))
    return any(map(calls_routine, bound))


def _reached(context: BindContext) -> list[Table]:
    """The tables that are written with their partitions and children, and those whose foreign keys refer to them."""
    catalog = context.catalog
    written = [oid for oid, mode in context.relations.items() if mode == "row exclusive"]
    referring = [item.table for oid in written for item in catalog.references_to(oid)]
    found = [catalog.object(oid) for oid in dict.fromkeys((*written, *referring))]
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
