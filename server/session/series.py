"""Series: all messages up to the next ReadyForQuery of a point statement, BEGIN, COMMIT or ROLLBACK, in one step.

They are Bind of the unnamed portal, perhaps Describe, Execute and Sync of a prepared statement, or a Query. What
takes them from the wire is native/key_series; the ordinary flow gives the same replies, a message at a time.

Rule 1: a step gives None and has changed nothing that the ordinary flow would not change, or the replies up to
        ReadyForQuery; what is still to come (a commit that waits, an error) is `session.unfinished`, to be run then.
Rule 2: the session is at rest, idle or in a block that has not failed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

from protocol.messages import Framed
from server.errors import SqlError
from server.session.block import State
from server.session.extended_query import bind_parameters, close_portal
from server.session.lane import run_lane
from server.session.results import spread_formats
from server.session.skeletons import find, parse_literals
from server.sql.utility_transactions import Begin, Commit, Rollback, TransactionModes
from server.statements.portal import Portal, Prepared
from server.statements.transactions import modes_of

if TYPE_CHECKING:
    from protocol.messages import Bind
    from server.session.lane import Lane
    from server.session.session import Session

Steps = Generator[Any, Any, None]
Control = Callable[["Session", Any, bytes], "bytes | None"]

BIND_COMPLETE = b"2\x00\x00\x00\x04"
NO_DATA = b"n\x00\x00\x00\x04"
READY = {status: b"Z\x00\x00\x00\x05" + status.encode() for status in "ITE"}


def _complete(tag: str) -> bytes:
    return b"C" + (len(tag) + 5).to_bytes(4, "big") + tag.encode() + b"\0"


BEGUN, STARTED = _complete("BEGIN"), _complete("START TRANSACTION")
COMMITTED, ROLLED_BACK = _complete("COMMIT"), _complete("ROLLBACK")


def run_series(
    session: Session,
    prepared: Prepared,
    message: Bind,
    described: bool,
    values: tuple[Any, ...] | None,
) -> bytes | None:
    """Answer Bind, perhaps Describe, Execute of all rows and Sync. values: the parameters, if they are known."""
    statement = prepared.statement
    control = None if statement is None else CONTROLS.get(type(statement.tree))
    if statement is not None and control is not None:
        if message.parameters or len(message.parameter_formats) > 1:
            return None
        session.begin_statement(prepared.sql)
        close_portal(session, "")
        head = BIND_COMPLETE + NO_DATA if described else BIND_COMPLETE
        return _left(session, prepared, control(session, statement.tree, head))
    lane = _fresh_lane(session, prepared)
    if lane is None:
        return None
    session.begin_statement(prepared.sql)
    try:
        parameters = bind_parameters(session, prepared, message) if values is None else values
        formats = spread_formats(message.result_formats, len(lane.planned.names))
    except SqlError:
        return None
    close_portal(session, "")
    head = BIND_COMPLETE + lane.description(formats) if described else BIND_COMPLETE
    return _left(session, prepared, _run(session, lane, parameters, formats, head))


def run_text(session: Session, sql: str) -> bytes | None:
    """Answer a Query."""
    tree = CONTROL_TEXTS.get(sql.rstrip(" ;\n").lower()) if len(sql) <= TEXT_LENGTH_MAX else None
    if tree is not None:
        session.begin_statement(sql)
        session.prepared.pop("", None)
        return CONTROLS[type(tree)](session, tree, b"")
    found = find(session, sql)
    lane = None if found is None else _fresh_lane(session, found[0])
    if found is None or lane is None:
        return None
    parameters = parse_literals(session, lane, found[1])
    if parameters is None:
        return None
    session.begin_statement(sql)
    session.prepared.pop("", None)
    formats = (0,) * len(lane.planned.names)
    head = lane.description(formats) if lane.planned.returns_rows else b""
    return _run(session, lane, parameters, formats, head)


def _fresh_lane(session: Session, prepared: Prepared) -> Lane | None:
    lane: Lane | None = prepared.lane
    if lane is None or lane.planned is not prepared.planned:
        return None
    return lane if prepared.basis is session.basis() else None


def _run(
    session: Session,
    lane: Lane,
    parameters: tuple[Any, ...],
    formats: tuple[int, ...],
    head: bytes,
) -> bytes | None:
    """Run a point statement and end the series."""
    try:
        data = run_lane(session, lane, parameters, formats)
    except Exception as error:  # noqa: BLE001 - handed on to where errors become replies
        session.unfinished = _fail(session, head, error)
        return b""
    if data is None:
        return None
    if session.transaction.state is State.OPEN and not session.notices:
        return head + data + _ready(session)
    session.unfinished = _finish(session, head, data)
    return b""


def _begin(session: Session, tree: Begin, head: bytes) -> bytes | None:
    transaction = session.transaction
    if transaction.state is not State.IDLE:
        return None
    try:
        transaction.begin(modes_of(tree.modes))
    except Exception as error:  # noqa: BLE001 - handed on to where errors become replies
        session.unfinished = _fail(session, head, error)
        return b""
    return head + (STARTED if tree.start else BEGUN) + _ready(session)


def _commit(session: Session, tree: Commit, head: bytes) -> bytes | None:
    if session.transaction.state is not State.OPEN or tree.chain:
        return None
    session.transaction.leave_block(commit=True)
    session.unfinished = _finish_commit(session, head)
    return b""


def _roll_back(session: Session, tree: Rollback, head: bytes) -> bytes | None:
    if session.transaction.state is not State.OPEN or tree.chain:
        return None
    session.transaction.leave_block(commit=False)
    session.transaction.abort()
    session.unfinished = _finish(session, head, ROLLED_BACK)
    return b""


def _finish_commit(session: Session, head: bytes) -> Steps:
    try:
        yield from session.driven(_commit_running(session))
    except GeneratorExit:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary: it becomes a reply
        yield from _fail(session, head, error)
        return
    yield from _finish(session, head, COMMITTED)


def _commit_running(session: Session) -> Steps:
    yield from session.transaction.commit(synchronous=session.synchronous_commit)


def _finish(session: Session, head: bytes, data: bytes) -> Steps:
    """Send what is done, commit what is implicit, say that the next may come."""
    if session.notices or session.settings.changed:
        yield Framed(head)
        yield from session.take_notices()
        yield from session.changed_settings()
        head = b""
    if session.transaction.state is not State.IDLE:
        yield Framed(head + data)
        yield from session.end_cycle()
        return
    session.close_portals()
    yield Framed(head + data + _ready(session))


def _fail(session: Session, head: bytes, error: Exception) -> Steps:
    if head:
        yield Framed(head)
    yield from session.failed(error)
    yield from session.end_cycle()


def _ready(session: Session) -> bytes:
    session.stop_clock()
    session.show_ready()
    return READY[session.transaction.status]


def _left(session: Session, prepared: Prepared, reply: bytes | None) -> bytes | None:
    """In an open block the unnamed portal stays, run to its end."""
    if reply and session.transaction.in_block:
        portal = prepared.finished
        if portal is None or portal.planned is not prepared.planned:
            portal = prepared.finished = _finished_portal(prepared)
        portal.created_us = session.activity.query_started_us
        session.portals[""] = portal
    return reply


def _finished_portal(prepared: Prepared) -> Portal:
    """A portal that was run to its end; nothing changes it any more."""
    portal = Portal("", prepared, planned=prepared.planned, done=True, started=True)
    if prepared.planned is not None:
        portal.types, portal.names = prepared.planned.types, prepared.planned.names
        portal.formats = (0,) * len(portal.names)
    portal.source = prepared.sql
    return portal


CONTROLS: Mapping[type[Any], Control] = {Begin: _begin, Commit: _commit, Rollback: _roll_back}
"""The statements that open and end blocks."""

_PLAIN_BEGIN = Begin(TransactionModes())
_PLAIN_COMMIT = Commit()
CONTROL_TEXTS: Mapping[str, Begin | Commit | Rollback] = {
    "begin": _PLAIN_BEGIN,
    "commit": _PLAIN_COMMIT,
    "end": _PLAIN_COMMIT,
    "rollback": Rollback(),
}
"""Statements known beforehand by their text."""

TEXT_LENGTH_MAX = 16
"""Of the texts known beforehand, with what may follow them."""
