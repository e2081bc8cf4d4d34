"""Threads for statements whose functions may have to wait; see server/session/own_thread.py."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

IDLE_MAX: Final = 8


class Threads:
    """Threads for statements: one that has done its work waits for the next, as starting one takes long."""

    def __init__(self) -> None:
        self._idle: list[Pooled] = []

    def start(self, work: Callable[[], None]) -> threading.Thread:
        """Have a thread do something; the thread."""
        try:
            found = self._idle.pop()
        except IndexError:
            found = Pooled(self._rest)
            found.thread.start()
        found.works.put(work)
        return found.thread

    def _rest(self, pooled: Pooled) -> bool:
        """A thread has nothing more to do: whether it is to wait."""
        if len(self._idle) >= IDLE_MAX:
            return False
        self._idle.append(pooled)
        return True

    def close(self) -> None:
        """End those that wait."""
        while self._idle:
            self._idle.pop().works.put(None)


class Pooled:
    """A thread, and what it is to do; None ends it."""

    __slots__ = ("_rest", "thread", "works")

    def __init__(self, rest: Callable[[Pooled], bool]) -> None:
        self._rest = rest
        self.works: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.thread = threading.Thread(target=self._serve, name="routines", daemon=True)

    def _serve(self) -> None:
        work = self.works.get()
        while work is not None:
            work()
            del work  # a statement must not live on with the thread that ran it
            if not self._rest(self):
                return
            work = self.works.get()
