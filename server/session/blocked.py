"""Blocked: a point change that another transaction is in the way of, or that has left checks.

Rule 1: to iterate over it is to do all that is left, in whatever way it turns out. Who can be called back when a
        completion is done may do the usual in fewer steps: `wait`, then `go_on`, until there is a reply.
Rule 2: of several who want one row the first in line is told when it is free, and the others when that one has ended;
        so whoever was told and has not taken the row passes it on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import DeadlockDetected
from server.executor.deferred import run_after_statement
from server.executor.point_change import LEFT
from server.executor.run import execute
from server.executor.waiting import catch_up, doing, wait_for_xid
from server.planner.physical import Update
from server.session.block import State
from server.session.unfinished import READY, Steps, fail, finish, tell
from server.session.waiting import look_for_deadlock
from server.statements.portal import finished_portal

if TYPE_CHECKING:
    from collections.abc import Generator

    from server.executor.context import ExecutionContext
    from server.executor.waits import Wait
    from server.session.lane import Lane
    from server.session.session import Session
    from server.statements.portal import Prepared
    from storage.waits import Completion

WAIT_EVENT = "transactionid"


class Blocked:
    """What is left of a series after its change has met another transaction; then it `finish`es.

    count: the negative xid of that transaction, or how many rows are changed. sql and synced: as for the series.
    completion: what is waited for.
    """

    __slots__ = (
        "_context",
        "_count",
        "_error",
        "_head",
        "_lane",
        "_prepared",
        "_session",
        "_sql",
        "_synced",
        "completion",
    )

    def __init__(  # noqa: PLR0913  (what a series has at hand when it stops)
        self,
        session: Session,
        prepared: Prepared,
        lane: Lane,
        count: int,
        head: bytes,
        sql: str | None,
        synced: bool,
    ) -> None:
        running = session.transaction.running
        assert running is not None
        assert running.point_context is not None
        self._session = session
        self._prepared = prepared
        self._lane = lane
        self._count = count
        self._head = head
        self._sql = sql
        self._synced = synced
        self._context: ExecutionContext = running.point_context
        self.completion: Completion | None = None
        self._error: Exception | None = None

    def __iter__(self) -> Steps:
        session, context = self._session, self._context
        try:
            if self._error is not None:
                raise self._error
            yield from session.driven(_wait_and_change(context, self._lane, self._count))
            data = self._lane.complete(context.row_count)
        except GeneratorExit:
            raise
        except Exception as error:  # noqa: BLE001 - the boundary: it becomes a reply
            yield from fail(session, self._head, error, self._synced)
            return
        if self._sql is None and (session.transaction.in_block or not self._synced):
            session.portals[""] = finished_portal(self._prepared, session.activity.query_started_us)
        if self._synced:
            yield from finish(session, self._head, data)
        else:
            session.transaction.is_pipelined = True
            yield from tell(session, self._head, data)

    @property
    def deadlock_timeout_seconds(self) -> float:
        """After which time of waiting `is_deadlocked` is to be asked."""
        return self._session.settings.integer("deadlock_timeout") / 1000

    def wait(self) -> Completion | None:
        """What to wait for before `go_on`; None: the steps are to be run."""
        session, context = self._session, self._context
        if self._count >= LEFT or self._error is not None or session.cancelled is not None:
            return None
        if not self._synced:
            return None
        if session.deadline_ns or session.settings.integer("lock_timeout"):
            return None
        transaction = context.transaction
        completion: Completion = context.engine.locks.wait_for_xid(
            transaction, -self._count, context.row_in_way, transaction.current_xid
        )
        if completion.done:  # its end is not published yet: see executor.waiting
            return None
        self.completion = completion
        session.wait_event = WAIT_EVENT
        return completion

    def go_on(self) -> bytes | None:
        """All that is to be sent, the completion being done; None: `wait` again."""
        session, context = self._session, self._context
        self.completion = None
        session.wait_event = ""
        if session.cancelled is not None:
            _pass_on(context)
            return None
        try:
            self._count = _change(context, self._lane)
        except Exception as error:  # noqa: BLE001 - handed on to where errors become replies
            self._error = error
            return None
        if self._count < 0 or context.after_statement or session.notices:
            return None
        if context.is_stale and not self._count:
            return None
        if session.transaction.state is not State.OPEN:
            return None
        context.snapshot = None
        if self._sql is None:
            session.portals[""] = finished_portal(self._prepared, session.activity.query_started_us)
        session.rest("idle in transaction")
        return self._head + self._lane.complete(self._count) + READY["T"]

    def is_deadlocked(self) -> bool:
        """Whether nobody but the session itself can end the wait; then the steps tell the error."""
        if self.completion is not None and not self.completion.done:
            try:
                look_for_deadlock(self._session)
            except DeadlockDetected as error:
                error.context = error.context or _where(self._context, self._lane)
                self._error = error
        return self._error is not None

    def withdraw(self) -> None:
        """Wait no more."""
        completion, self.completion = self.completion, None
        if completion is None:
            return
        self._session.wait_event = ""
        context = self._context
        if completion.done:
            _pass_on(context)
        else:
            context.engine.locks.cancel_wait(context.transaction, completion)


def _wait_and_change(context: ExecutionContext, lane: Lane, count: int) -> Steps:
    """Leave the number of rows changed in the context."""
    try:
        count = yield from _unblocked(context, lane, count)
        if context.is_stale and lane.changes_by_key and count < 1:
            # The row may be one that the transaction should see by now, or has changed itself.
            yield from catch_up(context.transaction)
            context.is_stale = False
            context.snapshot = context.transaction.statement_snapshot()
            count = yield from _unblocked(context, lane, _change(context, lane))
        if count == LEFT:
            yield from execute(lane.planned, context, lane.program)
        else:
            yield from run_after_statement(context)
            context.row_count = count
    finally:
        context.snapshot = None
        context.after_statement.clear()


def _unblocked(
    context: ExecutionContext, lane: Lane, count: int
) -> Generator[Wait, bool | None, int]:
    """Wait until nobody is in the way of the change: how many rows it has changed, or LEFT."""
    while count < LEFT:
        try:
            context.check_cancelled()
            where = _where(context, lane)
            yield from wait_for_xid(context, -count, where, row=context.row_in_way)
        except BaseException:
            _pass_on(context)
            raise
        count = _change(context, lane)
    return count


def _change(context: ExecutionContext, lane: Lane) -> int:
    """Try again, and let others try if that does not take the row."""
    assert lane.change is not None
    count = 0
    try:
        count = lane.change.count(context)
    finally:
        if LEFT <= count < 1:
            _pass_on(context)
    return count


def _where(context: ExecutionContext, lane: Lane) -> str:
    """What errors say of the wait: the row that is to be changed."""
    plan = lane.planned.plan
    if context.row_in_way is None or context.snapshot is None or not isinstance(plan, Update):
        return ""
    table_id, root_id = context.row_in_way
    with context.engine.latch:
        row_id = context.engine.relation(table_id).find_id(context.snapshot, root_id)
    return doing("updating", plan.table.name, root_id if row_id < 0 else row_id)


def _pass_on(context: ExecutionContext) -> None:
    context.engine.locks.pass_on(context.transaction.current_xid)
