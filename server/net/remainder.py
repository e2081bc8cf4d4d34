"""Remainder: what a start has left for later is done beside the clients, in bits that hold nobody up.

Until then nobody looks for garbage: most of what there is will stay, and looking through it would hold up the first.
"""

from __future__ import annotations

import gc
from time import perf_counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

FIRST_SECONDS: Final = 0.5
"""Whoever has waited for the server is answered first."""
BIT_SECONDS: Final = 0.001
PAUSE_SECONDS: Final = 0.004


class Remainder:
    """Takes from an iterator until it has no more: some each time, and then it is the clients' turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop, left: Iterator[object]) -> None:
        self._loop = loop
        self._left = left
        self._next = loop.call_later(FIRST_SECONDS, self._bit)

    def stop(self) -> None:
        """Leave the rest undone."""
        self._next.cancel()

    def _bit(self) -> None:
        began = perf_counter()
        for _ in self._left:
            if perf_counter() - began >= BIT_SECONDS:
                self._next = self._loop.call_later(PAUSE_SECONDS, self._bit)
                return
        gc.freeze()  # what has been imported stays
        gc.enable()
