"""Parked: what a connection waits for without a generator: the flush of its commit, or a row that somebody holds.

Both are waited for very often, and mostly end with one short reply that whoever is called back can send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.executor.waits import Wait
from server.session.blocked import Blocked
from server.session.unfinished import Flushing
from storage.waits import Completion

if TYPE_CHECKING:
    from server.net.connection import ClientConnection
    from server.net.deadlock_watch import DeadlockWatch
    from server.session.unfinished import Steps

# They stand for waits whose completions are watched here.
FLUSH = Wait(Completion(), what="WALSync")
ROW = Wait(Completion(), what="transactionid")


class Parked:
    """The waits of one connection."""

    __slots__ = ("_blocked", "_connection", "_deadlock_watch")

    def __init__(self, connection: ClientConnection, deadlock_watch: DeadlockWatch) -> None:
        self._connection = connection
        self._deadlock_watch = deadlock_watch
        self._blocked: Blocked | None = None  # the change that waits for a row

    def begin(self, steps: Steps | Flushing | Blocked) -> bool:
        """Wait for what a series has left, if that can be; false: its steps are to be run."""
        if type(steps) is Flushing and not steps.completion.done:
            self._await_flush(steps)
            return True
        return type(steps) is Blocked and self._await_row(steps)

    def run(self) -> bool:
        """Leave a row's line the usual way: the steps know all others. Whether the connection stood in one."""
        steps = self._blocked
        if steps is None:
            return False
        self.leave()
        self._connection.take_up(steps)
        return True

    def leave(self) -> None:
        """Wait for no row any more."""
        steps, self._blocked = self._blocked, None
        if steps is not None:
            self._deadlock_watch.end(self)
            steps.withdraw()

    def has_waited_long(self) -> None:
        """A change has waited for deadlock_timeout."""
        steps = self._blocked
        if steps is None:
            return
        is_deadlocked = steps.is_deadlocked()
        if is_deadlocked:
            self.run()
        elif is_deadlocked is None:
            self._deadlock_watch.begin(self, steps.deadlock_timeout_seconds)

    def _await_row(self, steps: Blocked) -> bool:
        """Go on with a change when nobody is in its way any more; false: its steps are to be run."""
        completion = steps.wait()
        if completion is None:
            return False
        self._blocked = steps
        self._connection.park(ROW)
        self._deadlock_watch.begin(self, steps.deadlock_timeout_seconds)
        completion.on_done(lambda: self._connection.call_soon(self._unblocked, completion))
        return True

    def _unblocked(self, completion: Completion) -> None:
        steps = self._blocked
        if steps is None or steps.completion is not completion or self._connection.is_closed:
            return
        self._deadlock_watch.end(self)
        reply = steps.go_on()
        if reply is not None:
            self._blocked = None
            self._connection.answered(reply)
        elif not self._await_row(steps):
            self.run()

    def _await_flush(self, steps: Flushing) -> None:
        """Answer a commit when it is durable."""
        steps.session.wait_event = FLUSH.what
        self._connection.park(FLUSH)
        steps.completion.on_done(lambda: self._connection.call_soon(self._flushed, steps))

    def _flushed(self, steps: Flushing) -> None:
        if self._connection.is_closed:
            return
        steps.session.wait_event = ""
        reply = steps.reply()
        if reply is None:
            self._connection.take_up(steps)
        else:
            self._connection.answered(reply)
