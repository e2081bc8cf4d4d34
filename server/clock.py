"""Clock: where the server takes the time from, so that tests can hand down another one."""

from __future__ import annotations

import time
from typing import Protocol

POSTGRES_EPOCH_US = 946_684_800_000_000
"""2000-01-01 in microseconds since 1970-01-01."""


class Clock(Protocol):
    """Tells the time."""

    def now_us(self) -> int:
        """Microseconds since 2000-01-01 UTC."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since some start; never goes back."""


class SystemClock:
    """The machine's clock."""

    def now_us(self) -> int:
        """Microseconds since 2000-01-01 UTC."""
        return time.time_ns() // 1000 - POSTGRES_EPOCH_US

    # It is asked with every commit and every turn of the loop: nothing of Python's stands between.
    monotonic_ns = staticmethod(time.monotonic_ns)
