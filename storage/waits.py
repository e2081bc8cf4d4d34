"""Completion: the one thing everybody waits for, be it a lock, a flush or work on another thread.

Rule 1: it is completed once, with or without an error, by any thread.
Rule 2: a callback runs exactly once, on whichever thread completes or registers last; it must
        be short and must not raise.
No lock is needed: `done` is set before the callbacks are popped, callbacks are added before `done`
is read, and list.pop is atomic, so whoever comes second finds what the first has left.
"""

import threading
from collections.abc import Callable


class Completion:
    """Something that will be done; `error` says how it went once `done` is true."""

    __slots__ = ("_callbacks", "done", "error")

    def __init__(self) -> None:
        self.done = False
        self.error: BaseException | None = None
        self._callbacks: list[Callable[[], None]] = []

    def complete(self, error: BaseException | None = None) -> None:
        """Marks it done and runs the callbacks."""
        assert not self.done, "completed twice"
        self.error = error
        self.done = True
        if self._callbacks:
            self._run_callbacks()

    def on_done(self, callback: Callable[[], None]) -> None:
        """Calls back when done; at once, on this thread, when it is done already."""
        self._callbacks.append(callback)
        if self.done:
            self._run_callbacks()

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Blocks this thread until done and raises the error, if any; False when time ran out."""
        if not self.done:
            turn = threading.Lock()  # an Event is several of them
            turn.acquire()
            self.on_done(turn.release)
            if not turn.acquire(
                timeout=-1 if timeout_seconds is None else max(0.0, timeout_seconds)
            ):
                return False
        if self.error is not None:
            raise self.error
        return True

    def _run_callbacks(self) -> None:
        while self._callbacks:
            try:
                callback = self._callbacks.pop(0)
            except IndexError:  # Another thread took the last one between the test and the pop.
                return
            callback()


def completed(error: BaseException | None = None) -> Completion:
    """A completion that is done already."""
    completion = Completion()
    completion.complete(error)
    return completion
