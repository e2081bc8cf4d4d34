"""OPEN, FETCH, MOVE, CLOSE: cursors of the session under the names that refcursor variables hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    DuplicateCursor,
    InvalidCursorDefinition,
    InvalidCursorName,
    NullValueNotAllowed,
)
from server.executor.columns import rows_of as rows_of_batch
from server.executor.waiting import pass_wait
from server.plpgsql import tree
from server.plpgsql.assign import assign_row
from server.plpgsql.embedded import value_of
from server.plpgsql.errors import ErrorInAssignment
from server.plpgsql.running_sql import (
    Found,
    opened,
    processed,
    rows_of,
    set_arguments,
    utility_batches,
)
from server.sql import utility_transactions
from server.statements.cursors import fetched, kept_next_row
from server.statements.portal import Portal, Prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from server.planner.planned import PlannedStatement
    from server.plpgsql.frame import Frame
    from server.plpgsql.signals import Signal


def _open(frame: Frame, statement: tree.Open) -> Signal:
    bound = frame.tree.variables[statement.slot].cursor
    if bound is not None:
        _open_bound(frame, statement.slot, bound, statement.arguments)
        return
    assert statement.rows is not None
    _check_unused(frame, statement.slot)
    _open_rows(frame, statement.slot, statement.rows, statement.scroll)


def _open_bound(
    frame: Frame, slot: int, bound: tree.CursorSpec, arguments: tree.Source | None
) -> Portal:
    _check_unused(frame, slot)
    set_arguments(frame, bound, arguments)
    return _open_rows(frame, slot, tree.Rows(query=bound.query), bound.scroll)


def _check_unused(frame: Frame, slot: int) -> None:
    name = frame.values[slot]
    if name is not None and name in frame.caller.session.portals:
        raise DuplicateCursor(f'cursor "{name}" already in use')


def _open_rows(frame: Frame, slot: int, rows: tree.Rows, scroll: bool | None) -> Portal:
    portals = frame.caller.session.portals
    source = opened(frame, rows)
    name = frame.values[slot]
    if name is None:
        variable = frame.tree.variables[slot]
        if variable.is_constant:
            raise ErrorInAssignment(f'variable "{variable.name}" is declared CONSTANT')
        name = _unused_name(portals)
        frame.values[slot] = name
    portal = Portal(
        name,
        Prepared("", source.text, None, ()),
        planned=source.planned,
        scroll=scroll,
        created_us=frame.caller.session.activity.query_started_us,
        source=source.text,
    )
    if source.planned is not None:
        _start_plan(frame, portal, source.planned, source.values)
    else:
        assert source.statement is not None
        description, batches = utility_batches(frame, source.statement)
        if description is None:
            raise InvalidCursorDefinition(f"cannot open {source.statement.tag} query as cursor")
        portal.names, portal.types = tuple(description.names), tuple(description.types)
        portal.rows = iter(batches)
    portal.formats = (0,) * len(portal.names)
    portal.started = portal.is_cursor = True
    portals[name] = portal
    return portal


def _start_plan(
    frame: Frame, portal: Portal, planned: PlannedStatement, values: tuple[Any, ...]
) -> None:
    surroundings = frame.surroundings
    for wait in surroundings.locks(planned):
        pass_wait(frame.caller, wait)
    portal.names, portal.types = planned.names, planned.types
    portal.context = surroundings.context(values)
    portal.context.is_cursor = True
    portal.rows = surroundings.rows(planned, portal.context)


def loop_rows(frame: Frame, rows: tree.Rows) -> Found:
    """The rows of a loop. One over a cursor opens it, and the cursor stands on the row that the body is about."""
    if rows.cursor < 0:
        return rows_of(frame, rows)
    bound = frame.tree.variables[rows.cursor].cursor
    assert bound is not None
    is_named = frame.values[rows.cursor] is not None
    portal = _open_bound(frame, rows.cursor, bound, rows.cursor_arguments)
    if not frame.caller.is_atomic:  # a COMMIT in the loop must leave it its rows
        portal.held, portal.made_in = True, frame.caller.session.transaction.running
        for wait in portal.keep_rest():
            pass_wait(frame.caller, wait)

    def one_by_one() -> Iterator[Any]:
        node = utility_transactions.Fetch(
            name=portal.name, direction="forward", count=1, move=False
        )
        try:
            while True:
                row = kept_next_row(portal)
                if row is None:
                    fetched_rows, _ = _fetched_rows(frame, portal, node)
                    if not fetched_rows:
                        return
                    row = fetched_rows[0]
                yield row
        finally:
            portal.close()
            frame.caller.session.portals.pop(portal.name, None)
            if not is_named:
                frame.values[rows.cursor] = None

    return Found(portal.names, portal.types, one_by_one())


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
    is_next = count == 1 and statement.direction == "forward" and statement.computed is None
    row = kept_next_row(portal) if is_next and statement.into is not None else None
    if row is not None:
        assert statement.into is not None
        assign_row(frame, statement.into, row, portal.names, portal.types)
        processed(frame, 1)
        return
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
    rows, number = _fetched_rows(frame, portal, node)
    if statement.into is not None:
        first = rows[0] if rows else None
        assign_row(frame, statement.into, first, portal.names, portal.types)
    processed(frame, number)


def _fetched_rows(
    frame: Frame, portal: Portal, node: utility_transactions.Fetch
) -> tuple[list[Any], int]:
    """The rows that a FETCH gives, and how many it has passed."""
    rows: list[Any] = []
    steps = fetched(portal, node)
    while True:
        try:
            item = next(steps)
        except StopIteration as stop:
            return rows, stop.value
        if hasattr(item, "columns"):
            rows += rows_of_batch(item)
        else:
            pass_wait(frame.caller, item)


def _close(frame: Frame, statement: tree.Close) -> Signal:
    portal = _portal(frame, statement.slot)
    portal.close()
    del frame.caller.session.portals[portal.name]


RUNNERS: Final[Mapping[type[tree.Statement], Callable[[Frame, Any], Signal]]] = {
    tree.Open: _open,
    tree.Fetch: _fetch,
    tree.Close: _close,
}
