"""Series: all messages up to the next ReadyForQuery of a point statement, or of one about blocks, in one step.

They are Bind of the unnamed portal, perhaps Describe, Execute and Sync of a prepared statement. What takes them, and
Query, from the wire is native/key_series; the ordinary flow gives the same replies, a message at a time.

Rule 1: a step gives None and has changed nothing that the ordinary flow would not change, or the replies up to
        ReadyForQuery; what is still to come (a commit that waits, an error) is `session.unfinished`, to be run then.
Rule 2: the session is at rest, idle or in a block that has not failed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from server.errors import SqlError
from server.identifiers import quote_identifier
from server.session.block import State
from server.session.extended_query import bind_parameters, close_portal
from server.session.native import commit_block, run_series_of
from server.session.results import has_known_formats, spread_formats
from server.session.rights import AUTHORIZATION, ROLE
from server.session.unfinished import Steps, attempt, fail, finish, ready
from server.settings import REPORTED
from server.sql.utility_session import Set
from server.sql.utility_transactions import (
    Begin,
    Commit,
    Release,
    Rollback,
    RollbackTo,
    Savepoint,
    TransactionModes,
)
from server.statements.portal import Prepared, finished_portal
from server.statements.settings import SPECIAL, joined
from server.statements.transactions import modes_of

if TYPE_CHECKING:
    from protocol.messages import Bind
    from server.executor.waits import Wait
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
        is_in_block = isinstance(statement.tree, IN_BLOCK)
        if is_in_block and session.transaction.in_block:
            _leave_portal(session, prepared)  # a savepoint knows which portals there are
        reply = control(session, statement.tree, head)
        if reply and not is_in_block and session.transaction.in_block:
            _leave_portal(session, prepared)
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


def _leave_portal(session: Session, prepared: Prepared) -> None:
    session.portals[""] = finished_portal(prepared, session.activity.query_started_us)


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


def _savepoint(session: Session, tree: Savepoint) -> None:
    session.transaction.savepoint(tree.name)


def _release(session: Session, tree: Release) -> None:
    session.transaction.release(tree.name)


def _go_back(session: Session, tree: RollbackTo) -> Steps | None:
    """What is left to do where so much is taken back that workers do it."""
    session.close_portals_since(tree.name)
    steps = session.transaction.rollback_to(tree.name)
    first = next(steps, None)
    return None if first is None else _resumed(first, steps)


def _resumed(first: Wait, steps: Iterator[Wait]) -> Steps:
    yield first
    yield from steps


def _in_block(act: Callable[[Session, Any], Steps | None], data: bytes) -> Control:
    """What does something in an open block that has not failed, and tells this."""

    def control(session: Session, tree: Any, head: bytes) -> bytes | None:
        if session.transaction.state is not State.OPEN or session.basis().is_watched:
            return None
        try:
            left = act(session, tree)
        except Exception as error:  # noqa: BLE001 - handed on to where errors become replies
            session.unfinished = fail(session, head, error)
            return b""
        if left is None and not session.notices and not session.settings.changed:
            return head + data + ready(session)
        session.unfinished = _finished(session, head, data, left)
        return b""

    return control


def _set_value(session: Session, tree: Set) -> None:
    session.transaction.start_statement()
    text = joined(tree.name.lower(), tree.values) if tree.values else None
    session.settings.set(tree.name.lower(), text, local=tree.local)
    session.note_changed_settings()
    if session.settings.changed.isdisjoint(REPORTED):
        session.settings.changed.clear()


def _set(session: Session, tree: Set, head: bytes) -> bytes | None:
    """SET in a block, of what is no more than a value."""
    return None if tree.name.lower() in WITH_MEANING else _set_in_block(session, tree, head)


def _finished(session: Session, head: bytes, data: bytes, left: Steps | None) -> Steps:
    if left is None or (yield from attempt(session, head, left)):
        yield from finish(session, head, data)


IN_BLOCK = (Savepoint, Release, RollbackTo, Set)
WITH_MEANING = frozenset((*SPECIAL, ROLE, AUTHORIZATION))
_set_in_block = _in_block(_set_value, _complete("SET"))
PLAIN_MODES = TransactionModes()
CONTROLS: Mapping[type[Any], Control] = {
    Begin: _begin,
    Commit: _commit,
    Rollback: _roll_back,
    Savepoint: _in_block(_savepoint, _complete("SAVEPOINT")),
    Release: _in_block(_release, _complete("RELEASE")),
    RollbackTo: _in_block(_go_back, ROLLED_BACK),
    Set: _set,
}
"""The statements about blocks and savepoints, and settings within blocks."""

SAVEPOINT_TEXT: Final = re.compile(
    r"(savepoint|release savepoint|release|rollback to savepoint|rollback to) "
    r'(?:([a-z_][a-z0-9_]{0,62})|"([a-zA-Z0-9_ .-]{1,63})") *;? *',
    re.IGNORECASE | re.ASCII,
)
SAVEPOINT_TREES: Final[Mapping[str, Callable[[str], Any]]] = {
    "savepoint": Savepoint,
    "release": Release,
    "rollback": RollbackTo,
}


def run_savepoint_text(session: Session, sql: str) -> bytes | None:
    """Answer a Query about a savepoint in its usual form."""
    said = SAVEPOINT_TEXT.fullmatch(sql)
    if said is None or session.transaction.state is not State.OPEN or session.basis().is_watched:
        return None
    name = said[3] or said[2].lower()
    if said[2] and quote_identifier(name) != name:
        return None  # a keyword
    tree = SAVEPOINT_TREES[said[1].split()[0].lower()](name)
    session.begin_statement(sql)
    if session.portals:
        close_portal(session, "")
    session.prepared.pop("", None)
    return CONTROLS[type(tree)](session, tree, b"")
