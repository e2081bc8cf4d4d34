"""Series: all messages up to the next ReadyForQuery of a point statement, BEGIN, COMMIT or ROLLBACK, in one step.

They are Bind of the unnamed portal, perhaps Describe, Execute and Sync of a prepared statement. What takes them, and
Query, from the wire is native/key_series; the ordinary flow gives the same replies, a message at a time.

Rule 1: a step gives None and has changed nothing that the ordinary flow would not change, or the replies up to
        ReadyForQuery; what is still to come (a commit that waits, an error) is `session.unfinished`, to be run then.
Rule 2: the session is at rest, idle or in a block that has not failed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from server.errors import SqlError
from server.session.block import State
from server.session.extended_query import bind_parameters, close_portal
from server.session.native import commit_block, run_series_of
from server.session.results import has_known_formats, spread_formats
from server.session.unfinished import fail, finish, ready
from server.sql.utility_transactions import Begin, Commit, Rollback, TransactionModes
from server.statements.portal import Prepared, finished_portal
from server.statements.transactions import modes_of

if TYPE_CHECKING:
    from protocol.messages import Bind
    from server.session.lane import Lane
    from server.session.session import Session

Control = Callable[["Session", Any, bytes], "bytes | None"]

BIND_COMPLETE = b"2\x00\x00\x00\x04"
NO_DATA = b"n\x00\x00\x00\x04"


def _complete(tag: str) -> bytes:
    return b"C" + (len(tag) + 5).to_bytes(4, "big") + tag.encode() + b"\0"


BEGUN, STARTED = _complete("BEGIN"), _complete("START TRANSACTION")
COMMITTED, ROLLED_BACK = _complete("COMMIT"), _complete("ROLLBACK")


def run_series(
    session: Session, prepared: Prepared, message: Bind, described: bool
) -> bytes | None:
    """Answer Bind, perhaps Describe, Execute of all rows and Sync."""
    statement = prepared.statement
    control = None if statement is None else CONTROLS.get(type(statement.tree))
    if statement is not None and control is not None:
        if message.parameters or len(message.parameter_formats) > 1 or prepared.parameters:
            return None
        session.begin_statement(prepared.sql)
        if session.portals:
            close_portal(session, "")
        head = BIND_COMPLETE + NO_DATA if described else BIND_COMPLETE
        reply = control(session, statement.tree, head)
        if reply and session.transaction.in_block:
            started_us = session.activity.query_started_us
            session.portals[""] = finished_portal(prepared, started_us)
        return reply
    lane = _fresh_lane(session, prepared)
    if lane is None or not has_known_formats(message.result_formats):
        return None
    try:
        parameters = bind_parameters(session, prepared, message)
        formats = spread_formats(message.result_formats, len(lane.planned.names))
    except SqlError:
        return None
    head = BIND_COMPLETE + lane.description(formats) if described else BIND_COMPLETE
    return run_series_of(session, prepared, lane, parameters, formats, head)


def _fresh_lane(session: Session, prepared: Prepared) -> Lane | None:
    lane: Lane | None = prepared.lane
    if lane is None or lane.planned is not prepared.planned:
        return None
    return lane if prepared.basis is session.basis() else None


def _begin(session: Session, tree: Begin, head: bytes) -> bytes | None:
    transaction = session.transaction
    if transaction.state is not State.IDLE:
        return None
    try:
        transaction.begin({} if tree.modes == PLAIN_MODES else modes_of(tree.modes))
    except Exception as error:  # noqa: BLE001 - handed on to where errors become replies
        session.unfinished = fail(session, head, error)
        return b""
    return head + (STARTED if tree.start else BEGUN) + ready(session)


def _commit(session: Session, tree: Commit, head: bytes) -> bytes | None:
    if session.transaction.state is not State.OPEN or tree.chain:
        return None
    return commit_block(session, head, COMMITTED)


def _roll_back(session: Session, tree: Rollback, head: bytes) -> bytes | None:
    if session.transaction.state is not State.OPEN or tree.chain:
        return None
    if session.transaction.is_ahead:
        return None
    session.transaction.leave_block(commit=False)
    session.transaction.abort()
    session.unfinished = finish(session, head, ROLLED_BACK)
    return b""


PLAIN_MODES = TransactionModes()
CONTROLS: Mapping[type[Any], Control] = {Begin: _begin, Commit: _commit, Rollback: _roll_back}
"""The statements that open and end blocks."""
