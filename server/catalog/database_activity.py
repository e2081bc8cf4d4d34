"""DatabaseActivity: what pg_stat_database counts of a database since the server started.

Rule 1: a session counts its own commits and rollbacks; they are added up when somebody asks, and when it ends.
Rule 2: what was done to rows is counted by their tables, what was read by tables and indexes; what they had when
        they were last looked at stays when they are dropped or truncated, so that sums never go down.
Rule 3: nothing is set to zero: a reset keeps what there was, and tells what has come since.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from storage.engine import Counts, ScanCounts

US_PER_MS = 1000.0


class Counted(Protocol):
    """What a session counts."""

    started_us: int
    commit_count: int
    rollback_count: int


@dataclass(slots=True)
class DatabaseActivity:
    """The sessions of the clients of one database, those that have ended added up, and what they did."""

    live: dict[int, Counted] = field(default_factory=dict)  # by process id
    ended: Counter[str] = field(default_factory=Counter)
    at_reset: Counter[str] = field(default_factory=Counter)
    reset_us: int | None = None
    _seen: dict[Hashable, Counter[str]] = field(default_factory=dict)

    def opened(self, pid: int, session: Counted) -> None:
        """A client has logged in."""
        self.live[pid] = session
        self.ended["sessions"] += 1

    def closed(self, pid: int, now_us: int) -> None:
        """A client has gone, who may not have logged in."""
        session = self.live.pop(pid, None)
        if session is not None:
            self.ended.update(_of_session(session, now_us))

    def deadlocked(self) -> None:
        """Sessions were waiting for each other, and one of them fails."""
        self.ended["deadlocks"] += 1

    def wrote_file(self, byte_count: int) -> None:
        """A temporary file was closed."""
        self.ended["temp_files"] += 1
        self.ended["temp_bytes"] += byte_count

    def look_at(
        self,
        tables: Iterable[tuple[int, Counts]],
        scanned: Iterable[tuple[int, ScanCounts]] = (),
    ) -> None:
        """What was done to all tables that are committed, by storage id, and how all relations were read, by OID."""
        found: dict[Hashable, Counter[str]] = {
            ("rows", storage_id): _of_rows(counts) for storage_id, counts in tables
        }
        found.update((("scans", oid), _of_scans(counts)) for oid, counts in scanned)
        for key in [key for key in self._seen if key not in found]:
            self.ended.update(self._seen.pop(key))
        self._seen.update(found)

    def shown(self, now_us: int) -> dict[str, int]:
        """Columns of pg_stat_database, times in microseconds."""
        return dict(self._all(now_us) - self.at_reset)

    def reset(self, now_us: int) -> None:
        """Count from now on."""
        self.at_reset, self.reset_us = self._all(now_us), now_us

    def _all(self, now_us: int) -> Counter[str]:
        found = self.ended.copy()
        for session in tuple(self.live.values()):
            found.update(_of_session(session, now_us))
        for seen in self._seen.values():
            found.update(seen)
        return found


DatabaseActivities = defaultdict[int, DatabaseActivity]
"""By OID of the database."""


def _of_session(session: Counted, now_us: int) -> Counter[str]:
    return Counter(
        xact_commit=session.commit_count,
        xact_rollback=session.rollback_count,
        session_time=max(0, now_us - session.started_us),
    )


def _of_scans(counts: ScanCounts) -> Counter[str]:
    return Counter(tup_returned=counts.returned, tup_fetched=counts.fetched)


def _of_rows(counts: Counts) -> Counter[str]:
    return Counter(
        tup_inserted=counts.inserted, tup_updated=counts.updated, tup_deleted=counts.deleted
    )
