"""Linger: stays awake for a moment after a lone client was served.

Its next message mostly comes at once, and to wake up a core that sleeps takes longer than to serve it. With more than
one client there is other work in that moment, and nobody lingers.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sized

LINGER_NS = 60_000


class Linger:
    """Keeps the event loop from waiting for events while it lasts: it only looks for them."""

    __slots__ = ("_clock", "_is_on", "_loop", "_sessions", "_until_ns")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sessions: Sized,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._loop = loop
        self._sessions = sessions
        self._clock = clock
        self._is_on = False
        self._until_ns = 0

    def begin(self) -> None:
        """A client was answered."""
        if len(self._sessions) > 1:
            return
        self._until_ns = self._clock() + LINGER_NS
        if not self._is_on:
            self._is_on = True
            self._loop.call_soon(self._look)

    def _look(self) -> None:
        """Have the loop look for events once more; it waits for none as long as something is to be called."""
        self._is_on = len(self._sessions) == 1 and self._clock() < self._until_ns
        if self._is_on:
            self._loop.call_soon(self._look)
