"""BEGIN, COMMIT, ROLLBACK, savepoints and SET TRANSACTION."""

from __future__ import annotations

from typing import Any

from server.errors import ActiveSqlTransaction
from server.sql import utility_session
from server.sql import utility_transactions as tree
from server.statements.statement import Run, StatementContext, Utility


def modes_of(modes: tree.TransactionModes) -> dict[str, Any]:
    """What was said, as SessionTransaction.set_modes takes it."""
    return {
        "isolation": modes.isolation,
        "read_only": modes.read_only,
        "deferrable": modes.deferrable,
    }


def begin(context: StatementContext, statement: tree.Begin) -> Run:
    """BEGIN and START TRANSACTION."""
    yield from ()
    context.session.transaction.begin(modes_of(statement.modes))
    return "START TRANSACTION" if statement.start else "BEGIN"


def commit(context: StatementContext, statement: tree.Commit) -> Run:
    """COMMIT; of a failed transaction it is a ROLLBACK, and says so in its tag."""
    transaction = context.session.transaction
    failed = transaction.is_failed
    if statement.chain:
        transaction.require_block("COMMIT AND CHAIN", begun=True)
    modes = _chained(context) if statement.chain else None
    transaction.leave_block(commit=True)
    if failed:
        transaction.abort()
    else:
        yield from transaction.commit(synchronous=context.session.synchronous_commit)
    if modes is not None:
        transaction.begin(modes)
    return "ROLLBACK" if failed else "COMMIT"


def rollback(context: StatementContext, statement: tree.Rollback) -> Run:
    """ROLLBACK."""
    transaction = context.session.transaction
    if statement.chain:
        transaction.require_block("ROLLBACK AND CHAIN", begun=True)
    modes = _chained(context) if statement.chain else None
    transaction.leave_block(commit=False)
    transaction.abort()
    yield from transaction.caught_up()
    if modes is not None:
        transaction.begin(modes)
    return "ROLLBACK"


def _chained(context: StatementContext) -> dict[str, Any]:
    modes = context.session.transaction.modes
    return {
        "isolation": modes.isolation,
        "read_only": modes.read_only,
        "deferrable": modes.deferrable,
    }


def savepoint(context: StatementContext, statement: tree.Savepoint) -> Run:
    """SAVEPOINT name."""
    yield from ()
    context.session.transaction.savepoint(statement.name)
    return "SAVEPOINT"


def release(context: StatementContext, statement: tree.Release) -> Run:
    """RELEASE SAVEPOINT name."""
    yield from ()
    context.session.transaction.release(statement.name)
    return "RELEASE"


def rollback_to(context: StatementContext, statement: tree.RollbackTo) -> Run:
    """ROLLBACK TO SAVEPOINT name."""
    context.session.close_portals_since(statement.name)
    yield from context.session.transaction.rollback_to(statement.name)
    return "ROLLBACK"


def _refuse_writing(transaction: Any, read_only: bool | None) -> None:
    """A read-only transaction may become READ WRITE only before its first query."""
    running = transaction.running
    if read_only is not False or not running.modes.read_only:
        return
    _refuse_first(
        (
            running.savepoints,
            "cannot set transaction read-write mode inside a read-only transaction",
        ),
        (running.has_snapshot, "transaction read-write mode must be set before any query"),
    )


def _refuse_level(running: Any) -> None:
    """A transaction may have another isolation level only before its first query, and as a whole."""
    level = "SET TRANSACTION ISOLATION LEVEL"
    _refuse_first(
        (running.has_snapshot, f"{level} must be called before any query"),
        (running.savepoints, f"{level} must not be called in a subtransaction"),
    )


def _refuse_deferrable(running: Any) -> None:
    """So it is with [NOT] DEFERRABLE, be it what it is already."""
    deferrable = "SET TRANSACTION [NOT] DEFERRABLE"
    _refuse_first(
        (running.savepoints, f"{deferrable} cannot be called within a subtransaction"),
        (running.has_snapshot, f"{deferrable} must be called before any query"),
    )


def _refuse_first(*checks: tuple[object, str]) -> None:
    """Raise the message of the first thing that is so; the order is PostgreSQL's."""
    for is_so, message in checks:
        if is_so:
            raise ActiveSqlTransaction(message)


def set_transaction(context: StatementContext, statement: utility_session.SetTransaction) -> Run:
    """SET TRANSACTION and SET SESSION CHARACTERISTICS."""
    yield from ()
    session = context.session
    modes = modes_of(statement.modes)
    if statement.for_session:
        for name, value in modes.items():
            if value is not None:
                text = value if isinstance(value, str) else "on" if value else "off"
                session.settings.set(f"default_transaction_{name}", text)
        return "SET"
    if not session.transaction.outlives_statement:
        session.warn("25P01", "SET TRANSACTION can only be used in transaction blocks")
    if statement.snapshot:
        session.transaction.import_snapshot(statement.snapshot)
        return "SET"
    running = session.transaction.running
    if modes["isolation"] not in (None, running.modes.isolation):
        _refuse_level(running)
    if modes["deferrable"] is not None:
        _refuse_deferrable(running)
    _refuse_writing(session.transaction, modes["read_only"])
    session.transaction.set_modes(**modes)
    return "SET"


UTILITIES = (
    Utility(node=utility_session.SetTransaction, run=set_transaction, writes=False),
    Utility(node=tree.Begin, run=begin, writes=False, controls=True),
    Utility(node=tree.Commit, run=commit, writes=False, controls=True),
    Utility(node=tree.Rollback, run=rollback, writes=False, controls=True),
    Utility(node=tree.Savepoint, run=savepoint, writes=False, controls=True),
    Utility(node=tree.Release, run=release, writes=False, controls=True),
    Utility(node=tree.RollbackTo, run=rollback_to, writes=False, controls=True),
)
