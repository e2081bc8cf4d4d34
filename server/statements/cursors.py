"""DECLARE CURSOR, FETCH, MOVE, CLOSE.

A cursor keeps the rows it has given, so that it can go back; NO SCROLL refuses that. WITH HOLD runs to the end when its
transaction commits.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlglot import exp

from server.errors import (
    DuplicateCursor,
    FeatureNotSupported,
    InvalidCursorName,
    NoActiveSqlTransaction,
    ObjectNotInPrerequisiteState,
)
from server.executor.waits import Wait
from server.sql import utility_transactions as tree
from server.statements.portal import Portal, Prepared
from server.statements.prepared import inner_statement
from server.statements.statement import (
    Description,
    Rows,
    Run,
    StatementContext,
    Utility,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from server.sql.utility_statement import UtilityStatement
    from server.vector.batch import Batch


def declare(context: StatementContext, statement: tree.DeclareCursor) -> Run:
    """DECLARE name CURSOR FOR query."""
    session = context.session
    if not statement.hold and not session.transaction.outlives_statement:
        raise NoActiveSqlTransaction("DECLARE CURSOR can only be used in transaction blocks")
    if statement.hold:
        session.rights.refuse_restricted("create a cursor WITH HOLD")
    if statement.name in session.portals:
        raise DuplicateCursor(f'cursor "{statement.name}" already exists')
    inner = inner_statement(context, _query(statement))
    planned = yield from context.plan(inner, context.parameter_types)
    _refuse_locks(statement, planned.locks)
    portal = Portal(
        statement.name,
        Prepared("", context.source, inner, ()),
        planned=planned,
        names=planned.names,
        types=planned.types,
        binary=statement.binary,
        scroll=False if planned.locks and not statement.scroll else statement.scroll,
        created_us=session.activity.query_started_us,
        source=context.source,
    )
    portal.formats = (1 if statement.binary else 0,) * len(planned.names)
    portal.context = context.execution(context.parameters)
    portal.context.is_cursor = True
    portal.rows = context.run(planned, portal.context)
    portal.started = True
    portal.is_cursor = True
    portal.held = statement.hold
    session.portals[statement.name] = portal
    if statement.hold:
        portal.made_in = session.transaction.running
        portal.made_in.holds = True
        context.transaction.on_abort(partial(_forget, session, portal))
    return "DECLARE CURSOR"


def _query(statement: tree.DeclareCursor) -> exp.Expression | UtilityStatement:
    """The query of the cursor, which is to give what finds its rows again."""
    if isinstance(statement.query, exp.Expression):
        statement.query.set("of_cursor", True)
    return statement.query


def _refuse_locks(statement: tree.DeclareCursor, locks: str) -> None:
    """Raise for a cursor that may only read, over rows that are to be locked."""
    if locks and (statement.hold or statement.scroll):
        head = "CURSOR WITH HOLD" if statement.hold else "SCROLL CURSOR"
        kind = "Holdable" if statement.hold else "Scrollable"
        raise FeatureNotSupported(
            f"DECLARE {head} ... {locks} is not supported",
            detail=f"{kind} cursors must be READ ONLY.",
        )


def _forget(session: Any, portal: Portal) -> None:
    """A cursor goes with the transaction that made it when that is rolled back."""
    if session.portals.get(portal.name) is portal:
        del session.portals[portal.name]


def portal_named(context: StatementContext, name: str) -> Portal:
    """A cursor; raises InvalidCursorName."""
    found: Portal | None = context.session.portals.get(name)
    if found is None:
        raise InvalidCursorName(f'cursor "{name}" does not exist')
    return found


def describe_fetch(context: StatementContext, statement: tree.Fetch) -> Description | None:
    """The columns of the cursor; that there is none is for FETCH to say."""
    portal: Portal | None = context.session.portals.get(statement.name)
    if statement.move or portal is None:
        return None
    return Description(portal.names, portal.types)


def fetch(context: StatementContext, statement: tree.Fetch) -> Run:
    """FETCH and MOVE in every direction."""
    portal = portal_named(context, statement.name)
    if not portal.started and portal.planned is not None:  # bound by the protocol, not executed yet
        portal.started = True
        portal.context = context.execution(portal.parameters)
        portal.context.is_cursor = True
        portal.rows = context.run(portal.planned, portal.context)
    steps = fetched(portal, statement)
    while True:
        try:
            item = next(steps)
        except StopIteration as stop:
            return f"{statement.tag} {stop.value}"
        yield item if isinstance(item, Wait) else Rows(item)


def fetched(portal: Portal, statement: tree.Fetch) -> Generator[Any, Any, int]:
    """The batches that FETCH gives, and how many rows it has passed."""
    first, stop, backward = yield from _target(portal, statement)
    taken = max(0, stop - first)
    if taken and not statement.move:
        batches = list(_kept_rows(portal, first, stop))
        for batch in reversed(batches) if backward else batches:
            yield _reversed(batch) if backward else batch
    return taken


def kept_next_row(portal: Portal) -> tuple[Any, ...] | None:
    """What FETCH NEXT gives, in row form, where that is kept already; None: nothing was done."""
    row = portal.kept.row(portal.position)
    if row is None:
        return None
    portal.position += 1
    return row[: len(portal.types)]


def forward(portal: Portal, count: int) -> Generator[Any, Any, None]:
    """Up to `count` rows (0: all) for Execute: from where FETCH and MOVE have left a portal."""
    if portal.kept:
        first, stop, _ = yield from _forward(portal, count or None)
        yield from _kept_rows(portal, first, stop)
        return
    for item in portal.fetch(count):
        if not isinstance(item, Wait):
            portal.kept.unkept += item.count
        yield item if isinstance(item, Wait) else portal.shown(item)


def next_rows(portal: Portal, count: int) -> Generator[Any, Any, None]:
    """The next rows, as FETCH FORWARD gives them."""
    first, stop, _ = yield from _forward(portal, count)
    yield from _kept_rows(portal, first, stop)


def _reversed(batch: Batch) -> Batch:
    return batch.take(np.arange(batch.count - 1, -1, -1))


def _target(portal: Portal, statement: tree.Fetch) -> Generator[Any, Any, tuple[int, int, bool]]:
    """Which rows (from, to, in reverse) a FETCH gives; moves the cursor. Rows are numbered from 0.

    position is the number of rows before and including the current one: 0 is before the first.
    """
    count, direction = statement.count, statement.direction
    if direction == "backward" and count is not None and count < 0:
        direction, count = "forward", -count
    elif direction == "forward" and count is not None and count < 0:
        direction, count = "backward", -count
    if direction == "forward":
        return (yield from _forward(portal, count))
    if direction == "backward":
        _check_scroll(portal)
        return _backward(portal, count)
    return (yield from _absolute(portal, direction, count or 0))


def _check_scroll(portal: Portal) -> None:
    if portal.scroll is False:
        raise ObjectNotInPrerequisiteState(
            "cursor can only scan forward",
            hint="Declare it with SCROLL option to enable backward scan.",
        )


def _forward(portal: Portal, count: int | None) -> Generator[Any, Any, tuple[int, int, bool]]:
    if count == 0:  # the current row again
        if portal.row_here() is not None:
            _check_scroll(portal)
        here = portal.position
        available = yield from _keep_until(portal, here)
        inside = 0 < here <= available
        return (here - 1, here, False) if inside else (0, 0, False)
    start = portal.position
    available = yield from _keep_until(portal, None if count is None else start + count)
    stop = available if count is None else min(available, start + count)
    reached_end = count is None or stop < start + count
    portal.position = stop + 1 if reached_end and portal.done else stop
    return start, max(start, stop), False


def _backward(portal: Portal, count: int | None) -> tuple[int, int, bool]:
    last = min(portal.position - 1, len(portal.kept))
    if portal.position > len(portal.kept):
        last = len(portal.kept)
    first = 0 if count is None else max(0, last - count)
    portal.position = first + 1 if count is not None and last - first == count else 0
    return first, last, True


def _absolute(
    portal: Portal, direction: str, count: int
) -> Generator[Any, Any, tuple[int, int, bool]]:
    goal = portal.position + count if direction == "relative" else count
    if 0 < portal.position >= goal:
        _check_scroll(portal)
    if direction == "absolute" and count < 0:
        available = yield from _keep_until(portal, None)
        goal = available + count + 1
        _check_scroll(portal)
    available = yield from _keep_until(portal, max(goal, 0))
    if goal < 1:
        portal.position = 0
        return 0, 0, False
    if goal > available:
        portal.position = available + 1
        return 0, 0, False
    portal.position = goal
    return goal - 1, goal, False


def _keep_until(portal: Portal, count: int | None) -> Generator[Any, Any, int]:
    """Read on until `count` rows are kept (None: all); gives how many are, which may be more."""
    kept = portal.kept
    while not portal.done and (count is None or len(kept) < count):
        if portal.failed:
            raise ObjectNotInPrerequisiteState(f'portal "{portal.name}" cannot be run')
        batch = yield from portal.next_batch()
        if batch is not None:
            kept.append(batch)
    return len(kept)


def _kept_rows(portal: Portal, first: int, stop: int) -> Iterator[Batch]:
    return map(portal.shown, portal.kept.slices(first, stop))


def close(context: StatementContext, statement: tree.Close) -> Run:
    """CLOSE name, CLOSE ALL."""
    yield from ()
    portals = context.session.portals
    if statement.name:
        portal_named(context, statement.name).close()
        del portals[statement.name]
        return statement.tag
    context.session.forget_portals()
    return statement.tag


UTILITIES = (
    Utility(node=tree.DeclareCursor, run=declare, writes=False, query=_query),
    Utility(node=tree.Fetch, run=fetch, describe=describe_fetch, writes=False),
    Utility(node=tree.Close, run=close, writes=False),
)
