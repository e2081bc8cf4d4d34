"""What WHERE CURRENT OF asks: in which table, and at which ctid, the row lies that a cursor stands on.

Rule 1: nobody can call these by name; they are in no table of functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.functions.scope import object_of, session_of, view_of
from server.catalog.objects import Table
from server.errors import InvalidCursorName, InvalidCursorState
from server.functions.declare import row

if TYPE_CHECKING:
    from server.functions.function import CallContext
    from server.planner.cursor_rows import CursorSource


def _current_row(call: CallContext, name: str, target: int) -> int | None:
    """The ctid of the version that is seen now of the row that the cursor has given."""
    oid, row_id = _place(call, name, target)
    table = object_of(call, oid, Table)
    if row_id is None or table is None:
        return None
    relation = call.execution.engine.relation(table.storage_id)
    with call.execution.engine.latch:
        found: int = relation.find_id(call.execution.snapshot, relation.root(row_id))
    return None if found < 0 else found + 1


def _current_table(call: CallContext, name: str, target: int) -> int:
    return _place(call, name, target)[0]


def _place(call: CallContext, name: str, target: int) -> tuple[int, int | None]:
    """The table and the row id of the cursor's row; no row id if it is of no table below the target."""
    portal = session_of(call).portals.get(name)
    if portal is None:
        raise InvalidCursorName(f'cursor "{name}" does not exist')
    planned = portal.planned
    if planned is None or planned.tag != "SELECT":
        raise InvalidCursorState(f'cursor "{name}" is not a SELECT query')
    if portal.held and portal.made_in is not session_of(call).transaction.running:
        raise InvalidCursorState(f'cursor "{name}" is held from a previous transaction')
    source = _source(call, name, planned, target)
    given = portal.row_here()
    if given is None:
        raise InvalidCursorState(f'cursor "{name}" is not positioned on a row')
    oid = source.table if source.table_oid is None else given[source.table_oid]
    return oid, given[source.row_id] if _includes(call, target, oid) else None


def _source(call: CallContext, name: str, planned: Any, target: int) -> CursorSource:
    """Which of the tables of the cursor's query is meant."""
    found = [each for each in planned.cursor_sources if _includes(call, each.table, target)]
    if len(found) == 1:
        only: CursorSource = found[0]
        return only
    table = object_of(call, target, Table)
    shown = "" if table is None else table.name
    if not planned.locks:
        raise InvalidCursorState(
            f'cursor "{name}" is not a simply updatable scan of table "{shown}"'
        )
    if found:
        raise InvalidCursorState(
            f'cursor "{name}" has multiple FOR UPDATE/SHARE references to table "{shown}"'
        )
    raise InvalidCursorState(
        f'cursor "{name}" does not have a FOR UPDATE/SHARE reference to table "{shown}"'
    )


def _includes(call: CallContext, oid: int, target: int) -> bool:
    """Whether a table is the other one or above it."""
    table = object_of(call, oid, Table)
    return table is not None and any(
        member.oid == target for member in view_of(call).family_of(table)
    )


CURRENT_ROW = row(
    "0 current_row(text, oid) tid stable context", _current_row, "the ctid of a cursor's row"
)
CURRENT_TABLE = row(
    "0 current_table(text, oid) oid stable context", _current_table, "the table of a cursor's row"
)
