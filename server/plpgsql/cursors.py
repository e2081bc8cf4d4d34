"""OPEN, FETCH, MOVE, CLOSE: cursors of the session under the names that refcursor variables hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.errors import DuplicateCursor, InvalidCursorName, NullValueNotAllowed
from server.executor.columns import rows_of as rows_of_batch
from server.executor.routines import pass_wait
from server.plpgsql import tree
from server.plpgsql.assign import assign_row
from server.plpgsql.embedded import value_of
from server.plpgsql.running_sql import cursor_plan, set_arguments
from server.sql import utility_transactions
from server.statements.cursors import fetched
from server.statements.portal import Portal, Prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from server.plpgsql.frame import Frame
    from server.plpgsql.signals import Signal


def _open(frame: Frame, statement: tree.Open) -> Signal:
    variable = frame.tree.variables[statement.slot]
    name = frame.values[statement.slot]
    portals = frame.caller.session.portals
    if name is not None and name in portals:
        raise DuplicateCursor(f'cursor "{name}" already in use')
    rows, scroll = statement.rows, statement.scroll
    if variable.cursor is not None:
        set_arguments(frame, variable.cursor, statement.arguments)
        rows, scroll = tree.Rows(query=variable.cursor.query), variable.cursor.scroll
    assert rows is not None
    planned, values, text = cursor_plan(frame, rows)
    if name is None:
        name = _unused_name(portals)
        frame.values[statement.slot] = name
    surroundings = frame.surroundings
    for wait in surroundings.locks(planned):
        pass_wait(frame.caller, wait)
    portal = Portal(
        name,
        Prepared("", text, None, ()),
        planned=planned,
        names=planned.names,
        types=planned.types,
        scroll=scroll,
        created_us=frame.caller.session.activity.query_started_us,
        source=text,
    )
    portal.formats = (0,) * len(planned.names)
    portal.context = surroundings.context(values)
    portal.rows = surroundings.rows(planned, portal.context)
    portal.started = portal.is_cursor = True
    portals[name] = portal


def _unused_name(portals: Mapping[str, Any]) -> str:
    number = 1
    while f"<unnamed portal {number}>" in portals:
        number += 1
    return f"<unnamed portal {number}>"


def _portal(frame: Frame, slot: int) -> Portal:
    name = frame.values[slot]
    if name is None:
        raise NullValueNotAllowed(f'cursor variable "{frame.tree.variables[slot].name}" is null')
    found: Portal | None = frame.caller.session.portals.get(name)
    if found is None:
        raise InvalidCursorName(f'cursor "{name}" does not exist')
    return found


def _fetch(frame: Frame, statement: tree.Fetch) -> Signal:
    portal = _portal(frame, statement.slot)
    count = statement.count
    if statement.computed is not None:
        count, _ = value_of(frame, statement.computed, frame.binding().type(23))
        if count is None:
            raise NullValueNotAllowed("relative or absolute cursor position is null")
    node = utility_transactions.Fetch(
        name=portal.name,
        direction=statement.direction,
        count=count,
        move=statement.is_move,
    )
    rows: list[Any] = []
    steps = fetched(portal, node)
    number = 0
    while True:
        try:
            item = next(steps)
        except StopIteration as stop:
            number = stop.value
            break
        if hasattr(item, "columns"):
            rows += rows_of_batch(item)
        else:
            pass_wait(frame.caller, item)
    if statement.into is not None:
        first = rows[0] if rows else None
        assign_row(frame, statement.into, first, portal.names, portal.types)
    frame.row_count = number
    frame.values[frame.tree.found_slot] = number > 0


def _close(frame: Frame, statement: tree.Close) -> Signal:
    portal = _portal(frame, statement.slot)
    portal.close()
    del frame.caller.session.portals[portal.name]


RUNNERS: Final[Mapping[type[tree.Statement], Callable[[Frame, Any], Signal]]] = {
    tree.Open: _open,
    tree.Fetch: _fetch,
    tree.Close: _close,
}
