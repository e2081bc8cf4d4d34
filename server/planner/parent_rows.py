"""Rows of a table as rows of a parent, or of the type it is of, which they may be cast to everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.objects import Table
from server.functions.function import Function
from server.types.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.objects import Oid
    from server.planner.environment import BindContext


def as_parent_row(context: BindContext, source: Oid, target: Oid) -> Function | None:
    """What makes a row of the parent's type, or of a typed table's, of one of the child's; None for other types."""
    if context.type(source).type.kind != "c" or context.type(target).type.kind != "c":
        return None
    child = context.catalog.table_of_row_type(source)
    parent = context.catalog.table_of_row_type(target)
    if child is None or parent is None:
        return None
    if child.of_type != target and parent.oid not in _ancestors(context, child):
        return None
    places = {column.name: place for place, column in enumerate(child.live_columns)}
    taken = [places[column.name] for column in parent.live_columns]
    types = tuple(context.type(column.type).type for column in parent.live_columns)
    names = tuple(column.name for column in parent.live_columns)

    def cut(row: Any) -> Record:
        return Record.of([row[place] for place in taken], types, names)

    return Function(oid=0, name=parent.name, arguments=(source,), result=target, row=cut)


def _ancestors(context: BindContext, table: Table) -> Iterator[Oid]:
    for oid in table.parents:
        yield oid
        above = context.catalog.object(oid)
        if isinstance(above, Table):
            yield from _ancestors(context, above)
