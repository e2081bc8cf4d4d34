"""Basis: what planning and running a statement take from settings and catalog.

Worked out once and kept while both stay.

A session asks for it at every statement; a plan that was made on the same basis is fresh without a further look.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from server.catalog.trigger_objects import FIRING_STATES
from server.clock import SystemClock
from server.config import setting_named
from server.executor.memory import Memory, machine_bytes
from server.executor.process_memory import SHARE_MAX, ProcessMemory
from server.extensions.pg_stat_statements import PG_STAT_STATEMENTS
from server.planner.environment import PlanningEnvironment
from server.session.style import text_style
from server.session.transaction import READ_COMMITTED_LEVELS

if TYPE_CHECKING:
    from server.catalog.catalog_view import CatalogView
    from server.session.session_facts import SessionFacts
    from server.session_settings import SessionSettings
    from server.types.type import TextStyle


UNSET_SHARE: Final = 8
BASES_MAX: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """Compared by identity. deadline and the like are settings in the unit they are used in."""

    view: CatalogView
    settings_version: int
    user_oid: int
    temporary_schema: int
    search_path: tuple[int, ...]
    explicit_search_path: tuple[int, ...]
    style: TextStyle
    environment: PlanningEnvironment
    statement_timeout_ms: int
    lock_timeout_ms: int
    deadlock_timeout_ms: int
    memory: Memory
    synchronous_commit: bool
    isolation: str  # of transactions that do not say: this and the next two
    read_only: bool
    deferrable: bool
    read_committed: bool
    temporary_kb_max: int  # of temporary files; -1: no limit
    is_counted: bool  # pg_stat_statements is there
    is_watched: bool  # somebody is told of statements: it, or a feature
    routines: dict[Any, Any] = field(default_factory=dict)  # plans of the bodies of functions

    def fits(self, session: SessionFacts, view: CatalogView) -> bool:
        """Whether nothing it was made of has changed."""
        return (
            self.view is view
            and self.settings_version == session.settings.version
            and self.user_oid == session.user_oid
            and self.temporary_schema == session.temporary_schema
        )


class Bases:
    """The last few bases of a session: functions with settings of their own go from one to the other."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: list[Basis] = []

    def found(self, session: SessionFacts, view: CatalogView) -> Basis | None:
        """The one that fits."""
        return next((each for each in self._known if each.fits(session, view)), None)

    def kept(self, basis: Basis) -> Basis:
        """Keep one, which pushes out those of another catalog."""
        known = [each for each in self._known if each.view is basis.view]
        self._known = [*known[1 - BASES_MAX :], basis]
        return basis


@dataclass(frozen=True, slots=True)
class Common:
    """What is the same on every basis of a catalog, a user and the same settings, whoever's session it is."""

    search_path: tuple[int, ...]
    explicit_search_path: tuple[int, ...]
    style: TextStyle  # without names
    statement_timeout_ms: int
    lock_timeout_ms: int
    deadlock_timeout_ms: int
    memory: Memory
    temporary_kb_max: int
    synchronous_commit: bool
    isolation: str
    read_only: bool
    deferrable: bool
    is_counted: bool
    row_security: bool
    firing_states: str
    avoids_table_scans: bool
    keeps_join_order: bool


def make_basis(session: SessionFacts, view: CatalogView) -> Basis:
    """Work it out."""
    common = _common(session, view)
    style = common.style.knowing(session.names, session.moment)
    user_oid = session.user_oid
    environment = PlanningEnvironment(
        catalog=view,
        search_path=common.search_path,
        user=user_oid,
        row_count=session.database.row_count,
        first_look=session.database.first_look,
        style=style,
        database=session.database_name,
        temporary_schema=session.temporary_schema,
        row_security=common.row_security,
        firing_states=common.firing_states,
        avoids_table_scans=common.avoids_table_scans,
        keeps_join_order=common.keeps_join_order,
        interrupted=session.check_on_loop,
    )
    return Basis(
        view=view,
        settings_version=session.settings.version,
        user_oid=user_oid,
        temporary_schema=session.temporary_schema,
        search_path=common.search_path,
        explicit_search_path=common.explicit_search_path,
        style=style,
        environment=environment,
        statement_timeout_ms=common.statement_timeout_ms,
        lock_timeout_ms=common.lock_timeout_ms,
        deadlock_timeout_ms=common.deadlock_timeout_ms,
        memory=common.memory.copy(),
        temporary_kb_max=common.temporary_kb_max,
        isolation=common.isolation,
        read_only=common.read_only,
        deferrable=common.deferrable,
        is_counted=common.is_counted,
        is_watched=common.is_counted or session.database.hooks.is_any,
        read_committed=common.isolation in READ_COMMITTED_LEVELS,
        synchronous_commit=common.synchronous_commit,
    )


def _common(session: SessionFacts, view: CatalogView) -> Common:
    """It is kept where others will have the same: for a catalog that all see, and no schema of one's own."""
    if view.version < 0 or session.temporary_schema:
        return _make_common(session, view)
    kept = session.database.bases
    key = (view.version, session.database_oid, session.user_oid, session.settings.origin())
    found = kept.get(key)
    if found is None:
        found = _make_common(session, view)
        kept.put(key, found)
    return found


def _make_common(session: SessionFacts, view: CatalogView) -> Common:
    settings = session.settings
    return Common(
        search_path=session.search_path(),
        explicit_search_path=session.explicit_search_path(),
        style=text_style(settings),
        statement_timeout_ms=settings.integer("statement_timeout"),
        lock_timeout_ms=settings.integer("lock_timeout"),
        deadlock_timeout_ms=settings.integer("deadlock_timeout"),
        memory=_memory(settings),
        temporary_kb_max=settings.integer("temp_file_limit"),
        synchronous_commit=settings.text("synchronous_commit") != "off",
        isolation=settings.text("default_transaction_isolation"),
        read_only=bool(settings["default_transaction_read_only"]),
        deferrable=bool(settings["default_transaction_deferrable"]),
        is_counted=any(
            value.binary == PG_STAT_STATEMENTS.library
            for value in view.user_functions_named(PG_STAT_STATEMENTS.name)
        ),
        row_security=bool(settings["row_security"]),
        firing_states=FIRING_STATES[settings.text("session_replication_role")],
        avoids_table_scans=not settings["enable_seqscan"],
        keeps_join_order=settings.integer("join_collapse_limit") == 1,
    )


def _memory(settings: SessionSettings) -> Memory:
    """What a statement may hold.

    A work_mem that nobody has set leaves an operation a share of what the statement may hold.
    """
    limit = settings.integer("statement_memory_limit") * 1024 or machine_bytes() // 2
    work = settings.integer("work_mem") * 1024
    if settings.assigned(setting_named("work_mem")).source == "default":
        work = max(work, limit // UNSET_SHARE)
    multiplier = float(settings["hash_mem_multiplier"])
    return Memory(work, int(work * multiplier), limit, _process_memory())


@cache
def _process_memory() -> ProcessMemory:
    """The memory of the server, which all its statements share."""
    return ProcessMemory(int(machine_bytes() * SHARE_MAX), SystemClock())
