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
from server.planner.change_plans import Update
from server.session.state import RowWait
from server.session.unfinished import Steps, attempt, finish, tell
from server.session.waiting import look_for_deadlock
from server.statements.portal import finished_portal

if TYPE_CHECKING:
    from collections.abc import Generator

    from server.executor.context import ExecutionContext
    from server.executor.waits import Wait
    from server.session.lane import Lane
    from server.session.session import Session
    from server.statements.portal import Prepared


class Blocked(RowWait):
    """What is left of a series after its change has met another transaction; then it `finish`es."""

    __slots__ = ()

    def __iter__(self) -> Steps:
        session, head, synced = self.session, self.head, self.synced
        if (yield from attempt(session, head, self._wait_and_change(), synced)):
            data = self.lane.complete(self.context.row_count)
            yield from end_series(session, self.prepared, head, data, self.sql, synced)

    def _wait_and_change(self) -> Steps:
        """Leave the number of rows changed in the context."""
        context, lane = self.context, self.lane
        try:
            if self.error is not None:
                raise self.error
            yield from self._until_unblocked()
            if context.is_stale and lane.changes_by_key and self.count < 1:
                # The row may be one that the transaction should see by now, or has changed itself.
                yield from catch_up(context.transaction)
                context.is_stale = False
                context.snapshot = context.transaction.statement_snapshot()
                self.count = self.changed()
                yield from self._until_unblocked()
            if self.count == LEFT:
                yield from execute(lane.planned, context, lane.program)
            else:
                yield from run_after_statement(context)
                context.row_count = self.count
        finally:
            context.snapshot = None
            context.after_statement.clear()

    def _until_unblocked(self) -> Generator[Wait, bool | None, None]:
        """Wait until nobody is in the way of the change: the count is how many rows it has changed, or LEFT."""
        context = self.context
        while self.count < LEFT:
            try:
                context.check_cancelled()
                where = _where(context, self.lane)
                yield from wait_for_xid(context, -self.count, where, row=context.row_in_way)
            except BaseException:
                self.pass_on()
                raise
            self.count = self.changed()

    @property
    def deadlock_timeout_seconds(self) -> float:
        """After which time of waiting `is_deadlocked` is to be asked."""
        # The session's, unless the statement has let go of it meanwhile.
        basis = self.prepared.basis
        return (self.session.basis() if basis is None else basis).deadlock_timeout_ms / 1000

    def is_deadlocked(self) -> bool | None:
        """Whether nobody but the session itself can end the wait; then the steps tell the error. None: ask again."""
        if self.completion is not None and not self.completion.done:
            try:
                if not look_for_deadlock(self.session):
                    return None
            except DeadlockDetected as error:
                error.context = error.context or _where(self.context, self.lane)
                self.error = error
        return self.error is not None

    def withdraw(self) -> None:
        """Wait no more."""
        completion, self.completion = self.completion, None
        if completion is None:
            return
        self.session.wait_event = ""
        context = self.context
        if completion.done:
            self.pass_on()
        else:
            context.engine.locks.cancel_wait(context.transaction, completion)


def checked(
    session: Session, prepared: Prepared, head: bytes, data: bytes, sql: str | None, synced: bool
) -> Steps:
    """What is left of a series that has inserted a row and told it in data, but not looked at what it refers to."""
    running = session.transaction.running
    assert running is not None
    assert running.point_context is not None
    context = running.point_context
    try:
        is_done = yield from attempt(session, head, run_after_statement(context), synced)
    finally:
        context.after_statement.clear()
    if is_done:
        yield from end_series(session, prepared, head, data, sql, synced)


def end_series(
    session: Session, prepared: Prepared, head: bytes, data: bytes, sql: str | None, synced: bool
) -> Steps:
    """The series is done up to its commit."""
    if sql is None and (session.transaction.in_block or not synced):
        session.portals[""] = finished_portal(prepared, session.activity.query_started_us)
    if synced:
        yield from finish(session, head, data)
    else:
        session.transaction.is_pipelined = True
        yield from tell(session, head, data)


def _where(context: ExecutionContext, lane: Lane) -> str:
    """What errors say of the wait: the row that is to be changed."""
    plan = lane.planned.plan
    if context.row_in_way is None or context.snapshot is None or not isinstance(plan, Update):
        return ""
    table_id, root_id = context.row_in_way
    with context.engine.latch:
        row_id = context.engine.relation(table_id).find_id(context.snapshot, root_id)
    return doing("updating", plan.table.name, root_id if row_id < 0 else row_id)
