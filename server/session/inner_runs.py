"""InnerRuns: statements of bodies that run on single rows or on lists of rows, without the outfit of a whole statement.

Rule 1: what cannot be run at once and on its own - a lock is not free, another transaction is in the way - is left to
        the ordinary run, having done nothing.
Rule 2: a context serves one run at a time, and the next one of the same basis when nothing holds on to it: runs are
        nested where an expression calls a function. Bodies and statements that are tried have theirs lent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.errors import SqlError
from server.executor.deferred import run_after_statement
from server.executor.waiting import pass_wait
from server.session.access import check_access
from server.session.execution import LOCK_MODES, context, running_style
from server.session.partition_locks import all_locks
from server.session.transaction import READ_COMMITTED_LEVELS
from storage.engine import LockMode, table_lock

if TYPE_CHECKING:
    from server.executor.context import ExecutionContext
    from server.executor.point import RunPoint
    from server.executor.program import Program
    from server.executor.routines import Ran
    from server.planner.planned import PlannedStatement
    from server.session.basis import Basis
    from server.session.session import Session
    from server.session.state import Running
    from storage.engine import TableLock

READY = "ready"
READY_MAX = 2000
SPARE_MAX = 8


class Ready:
    """A plan that the user may run, made ready: what runs it, None for nothing, and the locks it takes."""

    __slots__ = ("locks", "program", "run")

    def __init__(
        self, program: Program, run: RunPoint | None, locks: tuple[TableLock, ...]
    ) -> None:
        self.program = program
        self.run = run
        self.locks = locks


class InnerRuns:
    """A session's. spare: contexts of runs that are over, all of the basis."""

    __slots__ = ("_basis", "_session", "_spare")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._basis: Basis | None = None
        self._spare: list[ExecutionContext] = []

    def run(
        self,
        caller: ExecutionContext,
        planned: PlannedStatement,
        values: tuple[Any, ...],
        *,
        sees_changes: bool,
        is_lazy: bool = False,
    ) -> Ran | None:
        """Run a plan of which one run is at most a few rows; None: it has to be run as others are."""
        session = self._session
        basis = session.basis()
        ready = self._ready(basis, planned)
        if ready.run is None:
            return None
        running = self._locked(planned, ready)
        if running is None:
            return None
        made = self._context(basis, running)
        made.program, made.parameters, made.accesses = ready.program, values, planned.access
        made.snapshot = session.transaction.snapshot() if sees_changes else caller.snapshot
        made.depth, made.cancelled, made.is_lazy = caller.depth + 1, caller.cancelled, is_lazy
        deferred_count = len(running.deferred)
        try:
            rows = ready.run(made)
        except SqlError:
            self.give_back(made)
            raise
        if rows is None:
            return None
        count = made.row_counts.get(planned.plan, len(rows))
        if made.after_statement:
            for wait in run_after_statement(made):
                pass_wait(caller, wait)
        if len(running.deferred) == deferred_count:
            self.give_back(made)
        return rows, count

    def lend(self, values: tuple[Any, ...] = ()) -> ExecutionContext:
        """A context with a new snapshot, for somebody who gives it back if nothing has got hold of it."""
        session = self._session
        running = session.transaction.start_statement()
        made = self._context(session.basis(), running)
        made.snapshot, made.parameters = session.transaction.snapshot(), values
        made.depth, made.cancelled = 0, session.check_cancelled
        return made

    def give_back(self, made: ExecutionContext) -> None:
        """The next one of its basis may have it, unless too much is left in it of what it was lent for."""
        if made.basis is not self._basis or len(self._spare) >= SPARE_MAX:
            return
        if made.memory.used_bytes or made.after_statement or any(map(bool, _left_in(made))):
            return
        _clean(made)
        self._spare.append(made)

    def _ready(self, basis: Basis, planned: PlannedStatement) -> Ready:
        known: dict[PlannedStatement, Ready] = basis.routines.setdefault(READY, {})
        found = known.get(planned)
        if found is None:
            if len(known) >= READY_MAX:
                known.clear()
            found = known[planned] = self._make_ready(planned)
        return found

    def _make_ready(self, planned: PlannedStatement) -> Ready:
        check_access(self._session.transaction.catalog, planned.access)
        program = self._session.database.plans.program(planned)
        locks = tuple(
            table_lock(oid, LockMode(LOCK_MODES[mode]))
            for oid, mode in all_locks(self._session.transaction.catalog, planned)
        )
        return Ready(program, program.inner, locks)

    def _locked(self, planned: PlannedStatement, ready: Ready) -> Running | None:
        """The transaction, with all locks; None where one would have to be waited for."""
        session = self._session
        running = session.transaction.start_statement()
        storage = running.storage
        if storage.keep_snapshot and not running.has_snapshot:
            session.transaction.snapshot()
        if ready.locks and not session.database.engine.locks.try_all(storage, ready.locks):
            return None
        return None if storage.is_ahead and planned.tag != "INSERT" else running

    def _context(self, basis: Basis, running: Running) -> ExecutionContext:
        session = self._session
        if self._basis is not basis:
            self._basis = basis
            self._spare.clear()
        if not self._spare:
            made = context(session)
            made.basis = basis
            return made
        made = self._spare.pop()
        made.transaction = running.storage
        made.style = running_style(running, basis)
        made.statement_time_us = session.activity.query_started_us
        made.transaction_time_us = running.started_us
        made.deferred, made.constraint_modes = running.deferred, running.constraint_modes
        made.read_committed = running.modes.isolation in READ_COMMITTED_LEVELS
        return made


def _left_in(made: ExecutionContext) -> tuple[Any, ...]:
    """What only statements leave that were run as a whole or have fired triggers for statements."""
    return (
        made.announced,
        made.transitions,
        made.changed_rows,
        made.common_tables,
        made.modified_tables,
        made.work_tables,
        made.key_filters,
        made.overrides,
        made.programs,
        made.seeing,
    )


def _clean(made: ExecutionContext) -> None:
    """Let go of what the next run must not find, and of what would keep rows and snapshots alive."""
    made.snapshot = made.program = made.transaction = made.deferred = None
    made.parameters = made.accesses = ()
    if made.row_counts:
        made.row_counts.clear()
    if made.answers:
        made.answers.clear()
    made.is_stale = made.is_lazy = made.is_cursor = False
    made.row_in_way = None
