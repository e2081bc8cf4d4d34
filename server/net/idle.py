"""IdleWatch: ends a session whose client has said nothing for too long.

Rule 1: idle_session_timeout is for a session without a transaction, idle_in_transaction_session_timeout for one with.
Rule 2: it costs nothing while both are 0. What is answered in compiled code tells nobody; so when the time is up and
        the session has done something in between, all of the time begins anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import IdleInTransactionSessionTimeout, IdleSessionTimeout

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from server.errors import SqlError
    from server.session.session import Session

IDLE, IN_TRANSACTION, ACTIVE = "idle", "idle in transaction", "active"
TERMINATING = "terminating connection due to"
MS_PER_SECOND = 1000


class IdleWatch:
    """The timer of one session; `end` is called with what the client is to be told."""

    __slots__ = ("_end", "_loop", "_session", "_timer")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, session: Session, end: Callable[[SqlError], None]
    ) -> None:
        self._loop = loop
        self._session = session
        self._end = end
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """The server waits for the client."""
        self.stop()
        state = self._session.activity.state
        limits_ms = [self._limit_ms(each) for each in (state, IDLE, IN_TRANSACTION)]
        if not any(limits_ms):
            return
        limit_ms = next(filter(None, limits_ms))
        seconds = limit_ms / MS_PER_SECOND
        self._timer = self._loop.call_later(seconds, self._look, self._stamp(), limit_ms)

    def stop(self) -> None:
        """The session ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _limit_ms(self, state: str) -> int:
        """How long a session may be in a state."""
        if state == ACTIVE:
            return 0
        within = "" if state == IDLE else "in_transaction_"
        return self._session.settings.integer(f"idle_{within}session_timeout")

    def _stamp(self) -> tuple[str, int]:
        activity = self._session.activity
        return activity.state, activity.query_started_us

    def _look(self, stamp: tuple[str, int], limit_ms: int) -> None:
        state, _ = stamp
        if stamp != self._stamp() or self._limit_ms(state) != limit_ms:
            self.begin()
        elif state == IDLE:
            self._end(IdleSessionTimeout(f"{TERMINATING} idle-session timeout"))
        else:
            self._end(IdleInTransactionSessionTimeout(f"{TERMINATING} idle-in-transaction timeout"))
