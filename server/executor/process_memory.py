"""ProcessMemory: whether the server has taken more of the machine than it may, whatever statements believe to hold.

Rule 1: counts of what operators hold leave out what they need for a moment, and are estimates of objects. So the
        process is asked as well, now and then, while statements work.
Rule 2: of all statements the one that holds most is to give up, and only that one.
"""

from __future__ import annotations

import ctypes
import gc
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.clock import Clock
    from server.executor.memory import Memory

SHARE_MAX: Final = 0.8
"""What part of the machine's memory the server may have in use, beside pages of files."""

LOOK_NS: Final = 50_000_000
"""How long an answer of the system is believed."""

_SIZES: Final = Path("/proc/self/statm")


def resident_bytes() -> int:
    """The memory of the process that is no page of a file; 0 where the system does not tell."""
    with suppress(OSError, ValueError):
        _, resident, shared, *_ = map(int, _SIZES.read_text().split())
        return (resident - shared) * os.sysconf("SC_PAGE_SIZE")
    return 0


def give_back() -> None:
    """Give what is garbage, and memory that is free within the process, back to the system."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


class ProcessMemory:
    """Asks the process for its size, and finds the statement that has to give up."""

    def __init__(
        self,
        limit_bytes: int,
        clock: Clock,
        size: Callable[[], int] = resident_bytes,
        shrink: Callable[[], None] = give_back,
    ) -> None:
        self._limit_bytes = limit_bytes
        self._size = size
        self._shrink = shrink
        self._clock = clock
        self._next_ns = 0
        self._is_full = False
        self._statements: WeakSet[Memory] = WeakSet()

    def join(self, memory: Memory) -> None:
        """A statement takes part."""
        self._statements.add(memory)

    def asks_for(self, memory: Memory) -> bool:
        """Whether this statement has to give up for the server to go on."""
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._next_ns:
            self._next_ns = now_ns + LOOK_NS
            self._is_full = self._is_over()
        if not self._is_full:
            return False
        most = max(each.used_bytes for each in (memory, *self._statements))
        if memory.used_bytes < most:
            return False  # the heaviest one looks soon, too
        self._is_full = False  # it needs time to end
        return True

    def _is_over(self) -> bool:
        if self._size() <= self._limit_bytes:
            return False
        self._shrink()
        return self._size() > self._limit_bytes
