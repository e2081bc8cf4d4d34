"""The short path: Bind, Describe, Execute and Sync of point statements, answered at once and in wire form.

Rule 1: a step gives the whole reply, or None; then nothing was done, and the ordinary flow answers.
Rule 2: it never waits: what is locked, asks for attention or is out of date goes the ordinary way.
Rule 3: locks first, then the look whether the plan is fresh: what changes the catalog holds a lock until the change
        can be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from protocol import messages
from protocol.encode import encode
from server.session.block import Event, State, next_state
from server.session.extended_query import bind_parameters, close_portal
from server.session.native import run_lane
from server.session.parameters import is_long
from server.session.point_run import reply_row
from server.session.results import has_known_formats, spread_formats
from server.statements.portal import Portal

if TYPE_CHECKING:
    from server.session.lane import Lane
    from server.session.session import Session

Quick = Callable[[Any, Any], "bytes | None"]

BIND_COMPLETE = b"2\x00\x00\x00\x04"
READY = {status: b"Z\x00\x00\x00\x05" + status.encode() for status in "ITE"}


def bind(session: Session, message: messages.Bind) -> bytes | None:
    """Make the unnamed portal of a statement that has a lane."""
    prepared = session.prepared.get(message.statement)
    if prepared is None or message.portal or session.transaction.state is State.FAILED:
        return None
    if not has_known_formats(message.result_formats):
        return None
    lane: Lane | None = prepared.lane
    if lane is None or prepared.basis is not session.basis():
        return None
    if lane.planned is not prepared.planned:
        return None
    if any(map(is_long, lane.planned.parameters, message.parameters)):
        return None
    session.begin_statement(prepared.sql)
    planned = lane.planned
    portal = Portal("", prepared, planned=planned)
    portal.parameters = bind_parameters(session, prepared, message)
    portal.source = prepared.sql
    portal.created_us = session.activity.query_started_us
    portal.types, portal.names = planned.types, planned.names
    portal.formats = spread_formats(message.result_formats, len(portal.names))
    portal.binding = message
    close_portal(session, "")
    session.portals[""] = portal
    transaction = session.transaction
    transaction.state = next_state(transaction.state, Event.STATEMENT)
    return BIND_COMPLETE


def describe(session: Session, message: messages.Describe) -> bytes | None:
    """Tell the columns of a portal that has a lane."""
    portal = session.portals.get(message.name) if message.kind == "P" else None
    lane = None if portal is None else _lane_of(session, portal)
    if portal is None or lane is None:
        return None
    return lane.description(portal.formats)


def execute(session: Session, message: messages.Execute) -> bytes | None:
    """Run a portal that has a lane and was not run before."""
    portal = session.portals.get(message.portal)
    if portal is None or portal.started or message.max_rows or session.cancelled is not None:
        return None
    if session.transaction.state is State.FAILED or session.notices:
        return None
    lane: Lane | None = portal.prepared.lane
    if (
        lane is None
        or _lane_of(session, portal) is not lane
        or not has_known_formats(portal.formats)
    ):
        return None
    data = _read(session, portal, lane) if lane.key_read is not None else None
    if data is None:
        data = run_lane(session, lane, portal.parameters, portal.formats)
    if data is None:
        return None
    portal.started = portal.done = True
    if session.notices:
        return b"".join([*map(encode, session.take_notices()), data])
    return data


def sync(session: Session, message: messages.Sync) -> bytes | None:
    """End a series of messages that has left nothing to commit."""
    transaction = session.transaction
    if transaction.state is State.IMPLICIT and transaction.running is not None:
        return None
    if session.notices or session.settings.changed:
        return None
    session.skipping = False
    if transaction.state is State.IMPLICIT:
        session.activity.commit_count += 1
    transaction.state = next_state(transaction.state, Event.END)
    if not transaction.in_block:
        session.close_portals()
    session.stop_clock()
    session.show_ready()
    return READY[transaction.status]


def _lane_of(session: Session, portal: Portal) -> Lane | None:
    """The lane that still is that of the portal's plan."""
    prepared = portal.prepared
    lane: Lane | None = prepared.lane
    if lane is None or portal.planned is not lane.planned:
        return None
    return lane if prepared.basis is session.basis() else None


def _read(session: Session, portal: Portal, lane: Lane) -> bytes | None:
    """A plain read by key, on a snapshot of its own where nothing asks for another one."""
    running = session.transaction.running
    engine = session.database.engine
    if not engine.locks.all_free(session, lane.locks):
        return None
    if _lane_of(session, portal) is None or lane.key_read is None:
        return None
    if running is None:
        if not session.basis().read_committed:
            return None
        snapshot = engine.log.snapshot()
    elif running.explicit or running.storage.is_serializable or running.storage.is_ahead:
        return None  # the lock is to be held until the block ends
    else:
        snapshot = session.transaction.snapshot()
    return reply_row(lane, portal.formats, lane.key_read.fetch(snapshot, portal.parameters))


QUICK: Mapping[type[Any], Quick] = {
    messages.Bind: bind,
    messages.Describe: describe,
    messages.Execute: execute,
    messages.Sync: sync,
}
"""The messages that may be answered at once."""
