"""DeadlockWatch: looks for a deadlock when somebody has waited for a row for deadlock_timeout, with one timer for all.

Rows are waited for often and hardly ever for long: a timer for each wait would be made and thrown away each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio


class Waiting(Protocol):
    """Whoever waits."""

    def has_waited_long(self) -> None:
        """Look whether the wait can end; told once."""


class DeadlockWatch:
    """Those who wait, by the time of the loop at which each is to look."""

    __slots__ = ("_due", "_loop", "_timer", "_timer_at")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: dict[Waiting, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def begin(self, waiting: Waiting, seconds: float) -> None:
        """Somebody waits, and looks after so many seconds unless the wait has ended."""
        due = self._loop.time() + seconds
        self._due[waiting] = due
        if self._timer is None or due < self._timer_at:
            self._set_timer(due)

    def end(self, waiting: Waiting) -> None:
        """The wait has ended. The timer stays: who waits next mostly needs it."""
        self._due.pop(waiting, None)

    def _set_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        for waiting in [waiting for waiting, due in self._due.items() if due <= now]:
            if self._due.pop(waiting, None) is not None:
                waiting.has_waited_long()
        if self._due and self._timer is None:
            self._set_timer(min(self._due.values()))
