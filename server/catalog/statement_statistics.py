"""StatementStatistics: how often statements ran, for how long, and how many rows they gave.

A statement is known by role, database and the fingerprint of its text without constants. Nothing is noted of databases
that do not have the extension pg_stat_statements.

Rule 1: entries are few: the least called ones go when there are too many.
Rule 2: any thread may note; nobody waits for longer than it takes to add up some numbers.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.clock import Clock

ENTRIES_MAX: Final = 5000
"""The default of PostgreSQL's pg_stat_statements.max."""

TEXTS_MAX: Final = 5000
KEPT_SHARE: Final = 0.95

Key = tuple[int, int, int]  # role, database, fingerprint


@dataclass(slots=True)
class Entry:
    """What is known of one statement; times in milliseconds, and what their variance follows from."""

    text: str
    calls: int = 0
    rows: int = 0
    total_ms: float = 0.0
    least_ms: float = 0.0
    most_ms: float = 0.0
    mean_ms: float = 0.0
    squares: float = 0.0

    def add(self, elapsed_ms: float, rows: int) -> None:
        """Count a run (Welford's method)."""
        self.calls += 1
        self.rows += rows
        self.total_ms += elapsed_ms
        self.least_ms = elapsed_ms if self.calls == 1 else min(self.least_ms, elapsed_ms)
        self.most_ms = max(self.most_ms, elapsed_ms)
        before = self.mean_ms
        self.mean_ms += (elapsed_ms - before) / self.calls
        self.squares += (elapsed_ms - before) * (elapsed_ms - self.mean_ms)

    @property
    def deviation_ms(self) -> float:
        """The population's standard deviation of the times."""
        return math.sqrt(self.squares / self.calls) if self.calls > 1 else 0.0


class StatementStatistics:
    """The statistics of a server."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._latch = threading.Lock()
        self._entries: dict[Key, Entry] = {}
        self._texts: dict[str, tuple[int, str]] = {}
        self.dropped_count = 0
        self.reset_us = clock.now_us()

    def note(
        self,
        role: int,
        database: int,
        text: str,
        known_as: Callable[[str], tuple[int, str]],
        run: tuple[float, int],
    ) -> None:
        """A statement has run: for how many milliseconds, with how many rows.

        known_as gives the fingerprint of a text and the text without its constants.
        """
        found = self._texts.get(text)
        if found is None:
            found = known_as(text)
        with self._latch:
            if len(self._texts) >= TEXTS_MAX:
                self._texts.clear()
            self._texts[text] = found
            entry = self._entries.get((role, database, found[0]))
            if entry is None:
                self._make_room()
                entry = self._entries[role, database, found[0]] = Entry(found[1])
            entry.add(*run)

    def _make_room(self) -> None:
        if len(self._entries) < ENTRIES_MAX:
            return
        most_called = sorted(self._entries.items(), key=lambda item: -item[1].calls)
        self._entries = dict(most_called[: int(ENTRIES_MAX * KEPT_SHARE)])
        self.dropped_count += 1

    def entries(self) -> list[tuple[Key, Entry]]:
        """All of them."""
        with self._latch:
            return list(self._entries.items())

    def reset(self, role: int, database: int, fingerprint: int) -> None:
        """Forget those of a role, a database, a statement; 0 for any."""
        wanted = (role, database, fingerprint)
        with self._latch:
            if not any(wanted):
                self._entries.clear()
                self.dropped_count, self.reset_us = 0, self._clock.now_us()
            for key in list(self._entries):
                if all(given in (0, own) for given, own in zip(wanted, key, strict=True)):
                    del self._entries[key]
