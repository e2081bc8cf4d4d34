"""SessionTransaction: what a session's current transaction consists of, and how it begins, nests and ends.

It holds storage's transaction, the catalog's changes, the layers of SET, savepoints and the queue of deferred
constraint checks, and moves them together: they all commit, or they all roll back.
"""

from __future__ import annotations

import weakref
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from server.catalog.catalog import CatalogTransaction
from server.errors import (
    ActiveSqlTransaction,
    NoActiveSqlTransaction,
    ReadOnlySqlTransaction,
)
from server.executor.waiting import catch_up
from server.executor.waits import Wait
from server.session.block import STATUS, Event, State, next_state
from server.session.exported import export_snapshot, import_snapshot
from server.session.state import Modes, Running
from server.session.subtransactions import SubTransactions, go_back_to_innermost
from server.session.taking_back import take_back, take_back_since, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from server.catalog.catalog_view import CatalogView
    from server.session.basis import Basis
    from server.session.session import Session
    from storage.engine import Snapshot, Transaction
    from storage.waits import Completion


READ_COMMITTED_LEVELS = ("read committed", "read uncommitted")
SERIALIZABLE = "serializable"
SAFE_SNAPSHOT = "SafeSnapshot"
"""The wait of a deferrable transaction for a snapshot that no writer can endanger."""


MODES_SHOWN: Mapping[str, Callable[[Modes], str]] = {
    "transaction_isolation": lambda modes: modes.isolation,
    "transaction_read_only": lambda modes: "on" if modes.read_only else "off",
    "transaction_deferrable": lambda modes: "on" if modes.deferrable else "off",
}
"""The settings that tell what a transaction is like."""


class SessionTransaction(SubTransactions):
    """The transaction state of one session."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._told_early: Transaction | None = None
        self.make_catalog = partial(
            CatalogTransaction, session.database.catalog, session.database_oid
        )

    @property
    def status(self) -> str:
        """The letter of ReadyForQuery."""
        return STATUS[self.state]

    @property
    def is_failed(self) -> bool:
        """Whether only ROLLBACK is accepted."""
        return self.state is State.FAILED

    @property
    def in_block(self) -> bool:
        """Whether BEGIN has been said."""
        return self.state in (State.OPEN, State.FAILED)

    @property
    def outlives_statement(self) -> bool:
        """Whether other statements stand in this one's transaction: after BEGIN, or in one Query with it."""
        return self.is_shared or self.in_block

    def shown_mode(self, name: str) -> str | None:
        """The text of a setting that tells a mode of the running transaction; None for any other setting."""
        modes = self.running.modes if self.running is not None else None
        show = MODES_SHOWN.get(name.lower())
        return None if modes is None or show is None else show(modes)

    @property
    def catalog(self) -> CatalogView:
        """The catalog that statements see now."""
        if self.running is not None and self.running.made_catalog is not None:
            return self.running.made_catalog.view
        return self._session.database.catalog.views[self._session.database_oid]

    @property
    def backend_xmin(self) -> int | None:
        """The xmin of the snapshot this session holds, or None."""
        running = self.running
        if running is None:
            return None
        newest = None if running.newest is None else running.newest()
        held = running.storage.held_snapshot or newest
        return None if held is None else held.xmin

    @property
    def snapshot_blockers(self) -> list[Any]:
        """The sessions whose transactions must end before this one has a safe snapshot."""
        if self.running is None or self._session.wait_event != SAFE_SNAPSHOT:
            return []
        tracked = self.running.storage.tracked
        return [] if tracked is None else [each.owner for each in tracked.possible]

    def require_block(self, command: str, *, begun: bool = False) -> None:
        """Refuse a command that makes no sense in a transaction of its own; begun: BEGIN must have been said."""
        if not begun and self._is_called():
            return
        if not (self.in_block if begun else self.outlives_statement):
            raise NoActiveSqlTransaction(f"{command} can only be used in transaction blocks")

    def start_statement(self) -> Running:
        """A statement is about to run: begin an implicit transaction unless one is open."""
        self.state = next_state(self.state, Event.STATEMENT)
        return self._ensure()

    def begin(self, modes: dict[str, Any]) -> None:
        """BEGIN."""
        session = self._session
        if self.state is State.OPEN:
            session.warn("25001", "there is already a transaction in progress")
        self.state = next_state(self.state, Event.BEGIN)
        running = self._ensure()
        running.explicit = True
        self.set_modes(**modes)

    def set_modes(
        self,
        *,
        isolation: str | None = None,
        read_only: bool | None = None,
        deferrable: bool | None = None,
    ) -> None:
        """SET TRANSACTION."""
        assert self.running is not None
        modes = self.running.modes
        if isolation is not None:
            modes.isolation = isolation
            self.running.storage.keep_snapshot = isolation not in READ_COMMITTED_LEVELS
            self.running.storage.is_serializable = isolation == SERIALIZABLE
        if read_only is not None:
            modes.read_only = read_only
            self.running.storage.is_read_only = read_only
        if deferrable is not None:
            modes.deferrable = deferrable

    def _ensure(self) -> Running:
        if self.running is not None:
            return self.running
        return self.begin_on(self._session.basis())

    def begin_on(self, basis: Basis) -> Running:
        """A transaction in the modes of the session's basis."""
        session = self._session
        database = session.database
        modes = Modes(basis.isolation, basis.read_only, basis.deferrable)
        storage = database.engine.begin(
            keep_snapshot=not basis.read_committed, lock_group=session.pid
        )
        storage.is_serializable = modes.isolation == SERIALIZABLE
        storage.is_read_only = modes.read_only
        self.modes = modes
        self.running = Running(storage, self.make_catalog, modes, session.statement_us())
        session.settings.begin()
        if database.hooks.after_commit:
            storage.on_commit(partial(database.hooks.committed, session, storage))
        return self.running

    def snapshot(self) -> Snapshot:
        """The snapshot of the next statement; what earlier statements of the transaction wrote is in it."""
        running = self.running
        assert running is not None
        running.storage.next_command()
        running.has_snapshot = True
        snapshot = running.storage.snapshot()
        running.newest = weakref.ref(snapshot)
        return snapshot

    def await_safe_snapshot(self) -> Iterator[Wait]:
        """SERIALIZABLE READ ONLY DEFERRABLE: wait for a snapshot that no writer can endanger."""
        running = self.running
        if running is None or running.has_snapshot:
            return
        modes = running.modes
        if not (modes.deferrable and modes.read_only and modes.isolation == SERIALIZABLE):
            return
        while True:
            self.snapshot()
            tracked = running.storage.tracked
            if tracked is None:
                return
            if not tracked.decided.done:
                yield Wait(tracked.decided, what=SAFE_SNAPSHOT)
            if tracked.is_safe:
                return
            running.storage.forget_snapshot()

    def keep_moment(self) -> None:
        """A block that looks at one moment does so from its first statement on, whatever that then waits for."""
        running = self.running
        if running is None or not self.outlives_statement:
            return
        if running.storage.keep_snapshot and not running.has_snapshot:
            self.snapshot()

    def export_snapshot(self, snapshot: Snapshot) -> str:
        """Give the snapshot a name under which other sessions can take it."""
        return export_snapshot(self._session, snapshot)

    def import_snapshot(self, name: str) -> None:
        """SET TRANSACTION SNAPSHOT."""
        import_snapshot(self._session, name)

    def refuse_in_block(self, tag: str) -> None:
        """Refuse a command that manages transactions of its own."""
        if self.outlives_statement:
            raise ActiveSqlTransaction(f"{tag} cannot run inside a transaction block")
        if self._is_called():
            raise ActiveSqlTransaction(f"{tag} cannot be executed from a function")
        if self.is_pipelined and self.state is State.IMPLICIT:
            raise ActiveSqlTransaction(f"{tag} cannot be executed within a pipeline")

    @property
    def is_bound(self) -> bool:
        """Whether a statement has to leave the transaction open that it stands in: see `refuse_in_block`."""
        is_in_pipeline = self.is_pipelined and self.state is State.IMPLICIT
        return self.outlives_statement or self._is_called() or is_in_pipeline

    def _is_called(self) -> bool:
        """Whether what asks is the body of a function, whose statement goes on after it."""
        own = self._session.own_thread
        return own is not None and own.is_here()

    def refuse_writes(self, tag: str) -> None:
        """Raise if the transaction is read-only."""
        if self.running is not None and self.running.modes.read_only:
            raise ReadOnlySqlTransaction(f"cannot execute {tag} in a read-only transaction")

    # Ends

    def commit(self, *, synchronous: bool = True) -> Generator[Wait, None, None]:
        """Commit what is running: deferred checks, WAL, flush, publication. An error leaves it rolled back."""
        running = self.running
        if running is None:
            return
        try:
            yield from self._session.run_deferred(running)
        except BaseException:
            self.abort()
            raise
        completion = self.commit_now(running, synchronous)
        if not completion.done:
            yield Wait(completion, what="WALSync")
        if completion.error is not None:
            raise completion.error

    def commit_now(self, running: Running, synchronous: bool) -> Completion:
        """`commit` behind the deferred checks; done when it is published. An error leaves it rolled back."""
        try:
            if running.made_catalog is not None or running.mail:
                _publish_with(running)
            completion = running.storage.commit(synchronous)
        except Exception:
            self.abort()
            raise
        self.running = None
        self._session.activity.commit_count += 1
        self._session.leave_point_context()
        self._session.settings.end()
        return completion

    def prepare(self, gid: str, note: str, check: Callable[[], None]) -> Iterator[Wait]:
        """PREPARE TRANSACTION: what is running leaves the session. An error leaves it rolled back.

        check: raises for an identifier that cannot be had, once nothing else stands against the transaction.
        """
        running = self.running
        assert running is not None
        try:
            yield from self._session.run_deferred(running)
            check()
            _publish_with(running)
            completion = self._session.database.engine.prepare(running.storage, gid, note)
        except BaseException:
            self.abort()
            raise
        self.running = None
        self._session.settings.end()
        if not completion.done:
            yield Wait(completion, what="WALSync")
        if completion.error is not None:
            raise completion.error

    def abort(self) -> None:
        """Roll back what is running."""
        running, self.running = self.running, None
        if running is None:
            return
        self._session.activity.rollback_count += 1
        self._session.leave_point_context()
        self._note_seen(running)
        settings = self._session.settings
        while settings.depth:
            settings.rollback()
        take_back(self._session, running)

    @property
    def is_ahead(self) -> bool:
        """Whether what is running has built on a commit that nobody sees yet."""
        return self.running is not None and self.running.storage.is_ahead

    def _note_seen(self, running: Running) -> None:
        if running.storage.is_ahead:
            self._told_early = running.storage

    def caught_up(self) -> Generator[Any, Any, None]:
        """Before a failure or a rollback is told: wait until everybody sees the commits that it came after.

        A key that is there already, a row that was updated: whoever hears of that looks for it next.
        """
        storage, self._told_early = self._told_early, None
        if storage is None:
            return
        try:
            yield from catch_up(storage)
        except Exception as error:  # noqa: BLE001 - what is told has happened, whoever sees it
            tell(error)

    def leave_block(self, *, commit: bool) -> None:
        """Move the state for COMMIT or ROLLBACK, with PostgreSQL's warning outside a block."""
        if not self.in_block:
            self._session.warn("25P01", "there is no transaction in progress")
        self.state = next_state(self.state, Event.COMMIT if commit else Event.ROLLBACK)

    def end_implicit(self) -> Generator[Any, Any, None]:
        """The last statement of an implicit transaction is done."""
        if self.state is not State.IMPLICIT:
            return
        self.state = next_state(self.state, Event.END)
        yield from self.commit(synchronous=self._session.synchronous_commit)

    def fail(self) -> None:
        """A statement failed: what it stood in - the transaction or the innermost savepoint - is undone at once.

        Others must not wait for the locks of a block that can only be rolled back until the client says ROLLBACK.
        """
        was_failed = self.is_failed
        self.state = next_state(self.state, Event.ERROR)
        running = self.running
        if running is None or was_failed:
            return
        if self.in_block and running.savepoints:
            self._note_seen(running)
            try:
                go_back_to_innermost(running)
            except Exception as error:  # noqa: BLE001 - nothing of it can be told from what should be gone
                tell(error)
                self.abort()
        else:
            self.abort()

    def taking_back(self) -> Generator[Any, Any, None]:
        """Before `fail` in a savepoint: much is taken back by workers. What cannot be is left to `fail`."""
        running = self.running
        if running is None or self.is_failed or not (self.in_block and running.savepoints):
            return
        try:
            yield from take_back_since(self._session, running, running.savepoints[-1].storage)
        except Exception as error:  # noqa: BLE001 - the statement has an error of its own to tell
            tell(error)


def _publish_with(running: Running) -> None:
    """Let the catalog's changes be seen when the transaction is, before anything else that waits for that."""
    for _, callback in sorted(running.mail, key=itemgetter(0)):
        running.storage.on_commit(callback)
    running.mail.clear()
    if running.made_catalog is not None:
        running.storage.on_commit(running.made_catalog.publish, first=True)
