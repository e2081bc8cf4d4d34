"""Basis: what planning and running a statement take from settings and catalog.

Worked out once and kept while both stay.

A session asks for it at every statement; a plan that was made on the same basis is fresh without a further look.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from server.config import setting_named
from server.executor.memory import Memory, machine_bytes
from server.extensions.pg_stat_statements import PG_STAT_STATEMENTS
from server.planner.environment import PlanningEnvironment
from server.session.transaction import READ_COMMITTED_LEVELS

if TYPE_CHECKING:
    from server.catalog.catalog_view import CatalogView
    from server.config import SessionSettings
    from server.session.session import Session
    from server.types.type import TextStyle


UNSET_SHARE: Final = 8


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
    memory: Memory
    synchronous_commit: bool
    isolation: str  # of transactions that do not say: this and the next two
    read_only: bool
    deferrable: bool
    read_committed: bool
    is_watched: bool  # pg_stat_statements is there
    routines: dict[Any, Any] = field(default_factory=dict)  # plans of the bodies of functions

    def fits(self, session: Session, view: CatalogView) -> bool:
        """Whether nothing it was made of has changed."""
        return (
            self.view is view
            and self.settings_version == session.settings.version
            and self.user_oid == session.user_oid
            and self.temporary_schema == session.temporary_schema
        )


def make_basis(session: Session, view: CatalogView) -> Basis:
    """Work it out."""
    settings = session.settings
    path = session.search_path()
    style = session.style
    isolation = settings.text("default_transaction_isolation")
    environment = PlanningEnvironment(
        catalog=view,
        search_path=path,
        user=session.user_oid,
        row_count=session.database.row_count,
        style=style,
        database=session.database_name,
        row_security=bool(settings["row_security"]),
        avoids_table_scans=not settings["enable_seqscan"],
        keeps_join_order=settings.integer("join_collapse_limit") == 1,
        interrupted=session.check_cancelled,
    )
    return Basis(
        view=view,
        settings_version=settings.version,
        user_oid=session.user_oid,
        temporary_schema=session.temporary_schema,
        search_path=path,
        explicit_search_path=session.explicit_search_path(),
        style=style,
        environment=environment,
        statement_timeout_ms=settings.integer("statement_timeout"),
        memory=_memory(settings),
        isolation=isolation,
        read_only=bool(settings["default_transaction_read_only"]),
        deferrable=bool(settings["default_transaction_deferrable"]),
        is_watched=any(
            value.binary == PG_STAT_STATEMENTS.library
            for value in view.user_functions_named(PG_STAT_STATEMENTS.name)
        ),
        read_committed=isolation in READ_COMMITTED_LEVELS,
        synchronous_commit=session.settings.text("synchronous_commit") != "off",
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
    return Memory(work, int(work * multiplier), limit)
