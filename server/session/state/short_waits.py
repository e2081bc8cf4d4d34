"""What a series may leave that needs no generator: a commit that waits for its flush, a change that waits for a row.

The originals of native/short_waits. Each is the beginning of a class whose steps know whatever else may come of it:
`server.session.unfinished.Flushing` and `server.session.blocked.Blocked`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.executor.point_change import LEFT
from server.session.block import State
from server.statements.portal import finished_portal

if TYPE_CHECKING:
    from server.executor.context import ExecutionContext
    from server.session.lane import Lane
    from server.session.session import Session
    from server.statements.portal import Prepared
    from storage.waits import Completion

READY_IDLE = b"Z\x00\x00\x00\x05I"
READY_OPEN = b"Z\x00\x00\x00\x05T"
WAIT_EVENT = "transactionid"


class FlushWait:
    """A commit whose record is written; head and data are to be sent when it is durable."""

    __slots__ = ("completion", "data", "head", "session")

    def __init__(self, session: Session, completion: Completion, head: bytes, data: bytes) -> None:
        self.completion = completion
        self.session = session
        self.head = head
        self.data = data

    def reply(self) -> bytes | None:
        """All that is to be sent, the completion being done; None: the steps are to be run."""
        session = self.session
        if self.completion.error is not None or session.transaction.state is not State.IDLE:
            return None
        if session.notices or session.settings.changed or session.mail.box.arrived:
            return None
        if session.portals:
            session.close_portals()
        session.rest("idle")
        return self.head + self.data + READY_IDLE


class RowWait:
    """A point change that another transaction is in the way of, or that has left checks.

    count: the negative xid of that transaction, or how many rows are changed. sql and synced: as for the series.
    completion: what is waited for. error: what it has failed with.
    """

    __slots__ = (
        "completion",
        "context",
        "count",
        "error",
        "head",
        "lane",
        "prepared",
        "session",
        "sql",
        "synced",
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
        self.session = session
        self.prepared = prepared
        self.lane = lane
        self.count = count
        self.head = head
        self.sql = sql
        self.synced = synced
        self.context: ExecutionContext = running.point_context
        self.completion: Completion | None = None
        self.error: Exception | None = None

    def wait(self) -> Completion | None:
        """What to wait for before `go_on`; None: the steps are to be run."""
        session, context = self.session, self.context
        if self.count >= LEFT or self.error is not None or session.cancelled is not None:
            return None
        basis = self.prepared.basis
        if not self.synced or session.deadline_ns or basis is None or basis.lock_timeout_ms:
            return None
        transaction = context.transaction
        completion: Completion = context.engine.locks.wait_for_xid(
            transaction, -self.count, context.row_in_way, transaction.current_xid
        )
        if completion.done:  # its end is not published yet: see executor.waiting
            return None
        self.completion = completion
        session.wait_event = WAIT_EVENT
        return completion

    def go_on(self) -> bytes | None:
        """All that is to be sent, the completion being done; None: `wait` again."""
        session, context = self.session, self.context
        self.completion = None
        session.wait_event = ""
        if session.cancelled is not None:
            self.pass_on()
            return None
        try:
            self.count = self.changed()
        except Exception as error:  # noqa: BLE001 - handed on to where errors become replies
            self.error = error
            return None
        if self.count < 0 or context.after_statement or session.notices:
            return None
        if context.is_stale and not self.count:
            return None
        if session.transaction.state is not State.OPEN:
            return None
        context.snapshot = None
        if self.sql is None:
            session.portals[""] = finished_portal(self.prepared, session.activity.query_started_us)
        session.rest("idle in transaction")
        return self.head + self.lane.complete(self.count) + READY_OPEN

    def changed(self) -> int:
        """Try again: what `count` is now. If that does not take the row others may try."""
        assert self.lane.change is not None
        count = 0
        try:
            count = self.lane.change.count(self.context)
        finally:
            if LEFT <= count < 1:
                self.pass_on()
        return count

    def pass_on(self) -> None:
        """The row is not taken: whoever waits for it behind this session looks."""
        self.context.engine.locks.pass_on(self.context.transaction.current_xid)
