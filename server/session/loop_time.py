"""LoopTime: how long a statement may hold up the event loop before it is begun again on a worker thread.

How long planning takes shows while it goes on: a short text may name views upon views or a thousand partitions.
It reads nothing but the statement and its environment, so what is cut off has left nothing behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.clock import Clock

Made = TypeVar("Made")

LOOP_NS_MAX: Final = 20_000_000
PLANNING_LOOKS_MIN: Final = 16
"""A statement with fewer looks at the time is small: it only met modules that had to be loaded, or a busy machine."""

LARGE_STEPS_MIN: Final = 500
"""A statement of so many parts takes about so long to become a program, too."""


class TakesLong(Exception):
    """A statement that was thought short is not: it is begun again on a worker thread."""


class LoopTime:
    """The time that a session's work on the loop has left; without end elsewhere."""

    __slots__ = ("_clock", "_end_ns", "_looks_left")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._end_ns = 0
        self._looks_left = 0

    def check(self) -> None:
        """Raise TakesLong when the time is up."""
        self._looks_left -= 1
        if self._end_ns and self._looks_left < 0 and self._clock.monotonic_ns() > self._end_ns:
            raise TakesLong

    def within(self, function: Callable[[], Made], looks_min: int = 0) -> Made:
        """What the function gives, unless it takes long and looks more often than so."""
        self._looks_left = looks_min
        self._end_ns = self._clock.monotonic_ns() + LOOP_NS_MAX
        try:
            return function()
        finally:
            self._end_ns = 0
