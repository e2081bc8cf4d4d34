"""Linger: stays awake for a moment after clients were answered.

The next message mostly comes at once, and to wake up a core that sleeps takes longer than to serve it.

Rule 1: it has to pay. A moment in which something came earns a little credit, one in which nothing came costs much;
        without credit it is tried now and then, the less often the longer it was of no use.
Rule 2: it keeps nobody from working: not the workers, and not others on this core, who show by taking it away from us.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

LINGER_NS = 60_000
TAKEN_AWAY_NS = 200_000  # between two looks, else microseconds: somebody was on the core
CREDIT_MAX = 32
IN_VAIN = 8  # moments that paid make up for one that did not
PASSED_MAX = 64  # answers between two tries


class Linger:
    """Keeps the event loop from waiting for events while it lasts: it only looks for them."""

    __slots__ = (
        "_clock", "_credit", "_is_busy", "_is_on", "_looked_ns", "_loop", "_passed", "_to_pass",
        "_until_ns",
    )  # fmt: skip

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        is_busy: Callable[[], bool],
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._loop = loop
        self._is_busy = is_busy
        self._clock = clock
        self._is_on = False
        self._until_ns = 0
        self._looked_ns = 0
        self._credit = CREDIT_MAX
        self._to_pass = 1  # answers between two tries, once there is no credit
        self._passed = 0

    def begin(self) -> None:
        """Clients were answered."""
        if self._is_on:
            now = self._clock()
            if now - self._looked_ns > TAKEN_AWAY_NS:
                self._charge()
            elif self._credit < CREDIT_MAX:
                self._credit += 1
                self._to_pass = 1
        elif not self._credit and self._passed < self._to_pass:
            self._passed += 1
            return
        else:
            now = self._clock()
            self._is_on = True
            self._passed = 0
            self._loop.call_soon(self._look)
        self._looked_ns = now
        self._until_ns = now + LINGER_NS

    def _look(self) -> None:
        """Have the loop look for events once more; it waits for none as long as something is to be called."""
        now = self._clock()
        is_taken_away = now - self._looked_ns > TAKEN_AWAY_NS
        if is_taken_away or now >= self._until_ns or self._is_busy():
            self._is_on = False
            self._charge()
            return
        self._looked_ns = now
        self._loop.call_soon(self._look)

    def _charge(self) -> None:
        """It was of no use."""
        if self._credit:
            self._credit = max(self._credit - IN_VAIN, 0)
        else:
            self._to_pass = min(self._to_pass * 2, PASSED_MAX)
