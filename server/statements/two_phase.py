"""PREPARE TRANSACTION, COMMIT PREPARED and ROLLBACK PREPARED."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from server.catalog.privileges import is_superuser
from server.errors import (
    DuplicateObject,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidParameterValue,
    ObjectNotInPrerequisiteState,
    OutOfMemory,
    UndefinedObject,
)
from server.executor.waits import Wait
from server.sql import utility_transactions as tree
from server.statements.statement import Run, StatementContext, Utility

if TYPE_CHECKING:
    from storage.engine import Engine

GID_BYTES_MAX = 200


@dataclass(frozen=True, slots=True)
class Note:
    """What a prepared transaction keeps beside storage's part: when, by whom and where it was prepared."""

    prepared_us: int
    owner_oid: int
    database_oid: int


def read_note(text: str) -> Note:
    """The note of a prepared transaction."""
    return Note(*json.loads(text))


def prepare(context: StatementContext, statement: tree.PrepareTransaction) -> Run:
    """PREPARE TRANSACTION; of a failed transaction it is a ROLLBACK, and says so in its tag."""
    session, gid = context.session, statement.identifier
    transaction = session.transaction
    failed = transaction.is_failed or not transaction.in_block
    transaction.leave_block(commit=True)
    if failed:
        transaction.abort()
        return "ROLLBACK"
    note = [session.clock.now_us(), session.user_oid, session.database_oid]

    def check() -> None:
        _refuse_own(session)
        _refuse_identifier(session, gid)
        _refuse_mail_and_locks(session)

    yield from transaction.prepare(gid, json.dumps(note), check)
    return "PREPARE TRANSACTION"


def _refuse_identifier(session: Any, gid: str) -> None:
    engine: Engine = session.database.engine
    if len(gid.encode()) >= GID_BYTES_MAX:
        raise InvalidParameterValue(f'transaction identifier "{gid}" is too long')
    limit = session.settings.integer("max_prepared_transactions")
    if not limit:
        raise ObjectNotInPrerequisiteState(
            "prepared transactions are disabled",
            hint="Set max_prepared_transactions to a nonzero value.",
        )
    if gid in engine.prepared:
        raise DuplicateObject(f'transaction identifier "{gid}" is already in use')
    if len(engine.prepared) >= limit:
        raise OutOfMemory(
            "maximum number of prepared transactions reached",
            hint=f"Increase max_prepared_transactions (currently {limit}).",
        )


def _has_changed(running: Any, session: Any, temporary: int) -> bool:
    """Whether the transaction has made, changed or dropped objects in the session's temporary schema."""
    committed = session.database.catalog.views[session.database_oid]
    changed = (value or committed.object(oid) for oid, value in running.catalog.changes.items())
    return any(getattr(item, "schema", 0) == temporary for item in changed)


def _refuse_own(session: Any) -> None:
    """A session's own things cannot be in a transaction that outlives it."""
    running = session.transaction.running
    if any(portal.held and portal.made_in is running for portal in session.portals.values()):
        raise FeatureNotSupported(
            "cannot PREPARE a transaction that has created a cursor WITH HOLD"
        )
    held, _ = session.database.engine.locks.lasting(running.storage)
    temporary = session.temporary_schema
    for (kind, oid, *_), _mode in held:
        item = running.catalog.view.object(oid) if kind == "relation" else None
        if temporary and getattr(item, "schema", 0) == temporary:
            raise FeatureNotSupported(
                "cannot PREPARE a transaction that has operated on temporary objects"
            )
    if temporary and _has_changed(running, session, temporary):
        raise FeatureNotSupported(
            "cannot PREPARE a transaction that has operated on temporary objects"
        )
    if running.has_exported:
        raise FeatureNotSupported("cannot PREPARE a transaction that has exported snapshots")


def _refuse_mail_and_locks(session: Any) -> None:
    """What PostgreSQL comes to when it has the identifier."""
    running = session.transaction.running
    if running.mail:
        raise FeatureNotSupported(
            "cannot PREPARE a transaction that has executed LISTEN, UNLISTEN, or NOTIFY"
        )
    locks = session.database.engine.locks
    held, _ = locks.lasting(running.storage)
    own, _ = locks.lasting(session)
    if {tag for tag, _ in held} & {tag for tag, _ in own}:
        raise FeatureNotSupported(
            "cannot PREPARE while holding both session-level and transaction-level locks "
            "on the same object"
        )


def commit_prepared(context: StatementContext, statement: tree.CommitPrepared) -> Run:
    """COMMIT PREPARED."""
    yield from _finish(context, statement.identifier, commit=True)
    return "COMMIT PREPARED"


def rollback_prepared(context: StatementContext, statement: tree.RollbackPrepared) -> Run:
    """ROLLBACK PREPARED."""
    yield from _finish(context, statement.identifier, commit=False)
    return "ROLLBACK PREPARED"


def _finish(context: StatementContext, gid: str, *, commit: bool) -> Run:
    session = context.session
    engine: Engine = session.database.engine
    found = engine.prepared.get(gid)
    if found is None:
        raise UndefinedObject(f'prepared transaction with identifier "{gid}" does not exist')
    note = read_note(found.state.note)
    if session.user_oid != note.owner_oid and not is_superuser(
        session.transaction.catalog, session.user_oid
    ):
        raise InsufficientPrivilege(
            "permission denied to finish prepared transaction",
            hint="Must be superuser or the user that prepared the transaction.",
        )
    if note.database_oid != session.database_oid:
        raise FeatureNotSupported(
            "prepared transaction belongs to another database",
            hint="Connect to the database where the transaction was prepared to finish it.",
        )
    done = engine.finish_prepared(gid, commit=commit)
    if not done.done:
        yield Wait(done, what="WALSync")
    if done.error is not None:
        raise done.error
    if found.transaction.is_resumed:
        with engine.latch:
            session.database.catalog.load()
    return ""


UTILITIES = (
    Utility(node=tree.PrepareTransaction, run=prepare, writes=False, controls=True),
    Utility(node=tree.CommitPrepared, run=commit_prepared, writes=False, outside_block=True),
    Utility(node=tree.RollbackPrepared, run=rollback_prepared, writes=False, outside_block=True),
)
