"""TableActivity: when a table was vacuumed and analysed, and what had been done to it by then.

Rule 1: storage counts what is done to a table since the server started; what is kept here are those counts at the
        last vacuum and the last ANALYZE, so that the difference is what has happened since.
Rule 2: all of it is gone after a restart, when nobody knows how much has changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Final, NamedTuple, Protocol

from storage.engine import Cooling, Counts, Vacuumed


class Scanned(NamedTuple):
    """What storage.scan_counts had counted at some moment."""

    scans: int
    returned: int
    fetched: int

    def since(self, before: Scanned) -> Scanned:
        """What has come since."""
        return Scanned(*(max(0, now - then) for now, then in zip(self, before, strict=True)))


NOT_SCANNED: Final = Scanned(0, 0, 0)


@dataclass(slots=True)
class TableActivity:
    """The maintenance of one table, and what had been counted of it, or of an index, at the last reset."""

    last_vacuum_us: int | None = None
    last_autovacuum_us: int | None = None
    last_analyze_us: int | None = None
    last_autoanalyze_us: int | None = None
    vacuum_count: int = 0
    autovacuum_count: int = 0
    analyze_count: int = 0
    autoanalyze_count: int = 0
    at_vacuum: Counts = field(default_factory=Counts)
    at_analyze: Counts = field(default_factory=Counts)
    at_reset: Counts = field(default_factory=Counts)
    scans_at_reset: Scanned = NOT_SCANNED
    cooling: Cooling = field(default_factory=Cooling)
    cold_groups: tuple[int, ...] = ()  # those that the next autovacuum is to seal

    def reset(self, counts: Counts, scanned: Scanned) -> None:
        """Tell from now on what has come since; what maintenance goes by stays."""
        self.at_reset, self.scans_at_reset = counts, scanned
        self.last_vacuum_us = self.last_autovacuum_us = None
        self.last_analyze_us = self.last_autoanalyze_us = None
        self.vacuum_count = self.autovacuum_count = 0
        self.analyze_count = self.autoanalyze_count = 0

    def vacuumed(self, now_us: int, counts: Counts, *, by_server: bool) -> None:
        """A vacuum has ended."""
        self.at_vacuum = counts
        if by_server:
            self.last_autovacuum_us, self.autovacuum_count = now_us, self.autovacuum_count + 1
        else:
            self.last_vacuum_us, self.vacuum_count = now_us, self.vacuum_count + 1

    def analyzed(self, now_us: int, counts: Counts, *, by_server: bool) -> None:
        """An ANALYZE has ended."""
        self.at_analyze = counts
        if by_server:
            self.last_autoanalyze_us, self.autoanalyze_count = now_us, self.autoanalyze_count + 1
        else:
            self.last_analyze_us, self.analyze_count = now_us, self.analyze_count + 1


@dataclass(frozen=True, slots=True)
class VacuumProgress:
    """A vacuum under way, as pg_stat_progress_vacuum shows it."""

    pid: int
    database_oid: int
    database: str
    table_oid: int
    done: Vacuumed


@dataclass(slots=True)
class IndexProgress:
    """An index being built, as pg_stat_progress_create_index shows it."""

    pid: int
    database_oid: int
    database: str
    table_oid: int
    command: str
    index_oid: int = 0
    phase: str = "initializing"


class TableActivities:
    """The maintenance of every table, by OID, and the vacuums and builds of indexes under way, by process id."""

    def __init__(self) -> None:
        self._tables: dict[int, TableActivity] = {}
        self.running: dict[int, VacuumProgress] = {}
        self.building: dict[int, IndexProgress] = {}

    def of(self, oid: int) -> TableActivity:
        """The maintenance of one table."""
        return self._tables.setdefault(oid, TableActivity())


def changes(counts: Counts) -> int:
    """Rows inserted, updated and deleted."""
    return counts.inserted + counts.updated + counts.deleted


def counts_since(now: Counts, before: Counts) -> Counts:
    """Each count since; of a table that was truncated meanwhile all that there are."""
    pairs = [(getattr(now, each.name), getattr(before, each.name)) for each in fields(Counts)]
    if any(new < old for new, old in pairs):
        return now
    return Counts(*(new - old for new, old in pairs))


def changes_since(now: Counts, before: Counts) -> int:
    """Rows changed since; a table that was truncated meanwhile counts from zero again."""
    return max(0, changes(now) - changes(before))


@dataclass(frozen=True, slots=True)
class Due:
    """What autovacuum is to do with a table."""

    vacuum: bool
    analyze: bool
    seal: bool = False

    def __bool__(self) -> bool:
        return self.vacuum or self.analyze or self.seal


class Settings(Protocol):
    """Values of settings by their names."""

    def __getitem__(self, name: str, /) -> Any:
        """The value of a setting."""


def parameter(options: tuple[str, ...], name: str, settings: Settings) -> float:
    """A storage parameter of a table, or the setting of that name."""
    for option in options:
        key, _, value = option.partition("=")
        if key == name:
            return float(value)
    return float(settings[name])


def is_enabled(options: tuple[str, ...]) -> bool:
    """Whether autovacuum visits a table with these storage parameters."""
    return "autovacuum_enabled=false" not in options and "autovacuum_enabled=off" not in options


def seal_delay_s(options: tuple[str, ...], settings: Settings) -> float:
    """How long row groups of a table are to be left alone before they are sealed; negative: for ever."""
    return parameter(options, "autovacuum_seal_delay", settings) if is_enabled(options) else -1.0


def due(  # noqa: PLR0913 - what the manual's formulas are made of
    activity: TableActivity,
    counts: Counts,
    *,
    rows: float,
    reclaimable: int,
    options: tuple[str, ...],
    settings: Settings,
    is_known: bool = True,
) -> Due:
    """Whether so much has changed that a table is worth a visit: the manual's formulas.

    A table of which nothing is known is analysed however small it is: a join of two such tables is otherwise guessed
    at, and what comes after it with it.
    """
    if not is_enabled(options):
        return Due(vacuum=False, analyze=False)

    def limit(kind: str) -> float:
        threshold = parameter(options, f"autovacuum_{kind}_threshold", settings)
        return threshold + parameter(options, f"autovacuum_{kind}_scale_factor", settings) * rows

    since_vacuum = changes_since(counts, activity.at_vacuum)
    return Due(
        vacuum=reclaimable > limit("vacuum") and since_vacuum > 0,
        analyze=changes_since(counts, activity.at_analyze) > (limit("analyze") if is_known else 0),
        seal=bool(activity.cold_groups),
    )
