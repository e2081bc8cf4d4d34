"""A clock that stands still until it is told to move."""

import pytest

START_US = 820_454_400_000_000  # 2026-01-01 in microseconds since 2000-01-01


class ManualClock:
    """A Clock whose time a test moves."""

    def __init__(self) -> None:
        self.microseconds = START_US
        self.nanoseconds = 1_000_000_000

    def now_us(self) -> int:
        """Microseconds since 2000-01-01 UTC."""
        return self.microseconds

    def monotonic_ns(self) -> int:
        """Nanoseconds since some start."""
        return self.nanoseconds

    def advance_ms(self, milliseconds: int) -> None:
        """Let time pass."""
        self.microseconds += milliseconds * 1000
        self.nanoseconds += milliseconds * 1_000_000


@pytest.fixture
def clock():
    """A clock that stands still."""
    return ManualClock()
