"""Latch: what only one thread has at a time, and that thread as often as it likes. The original of native/latch.

An RLock that compiled code takes without asking it for its methods, which costs more than taking it.
"""

from threading import RLock


class Latch:
    """Use it in a with statement."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = RLock()

    def acquire(self) -> None:
        """Wait until no other thread has it."""
        self._lock.acquire()

    def release(self) -> None:
        """Give it back once; RuntimeError: this thread does not have it."""
        self._lock.release()

    def is_owned(self) -> bool:
        """Whether this thread has it."""
        return self._lock._is_owned()  # type: ignore[attr-defined, no-any-return]

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()
