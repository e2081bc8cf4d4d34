"""What a session and its transaction keep of what every short statement asks. The original of native/session_state.

The twins have the same attributes, which compiled code reads without asking the interpreter for them by name; what
rarely counts stays in Session itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from server.session.block import State

if TYPE_CHECKING:
    import weakref
    from collections.abc import Callable, Generator

    from protocol.messages import NoticeResponse
    from server.catalog.catalog import CatalogTransaction
    from server.clock import Clock
    from server.database import Database
    from server.errors import SqlError
    from server.executor.context import ExecutionContext
    from server.session.basis import Basis
    from server.session.blocked import Blocked
    from server.session.mail import Mail
    from server.session.rights import Rights
    from server.session.session_facts import Identity
    from server.session.subtransactions import Savepoint
    from server.session.transaction import SessionTransaction
    from server.session.unfinished import Flushing
    from server.session_settings import SessionSettings
    from server.statements.portal import Portal, Prepared
    from server.types.type import TextStyle
    from storage.engine import Snapshot, Transaction


@dataclass(slots=True)
class Activity:
    """What pg_stat_activity shows of a session."""

    started_us: int
    state: str = "idle"
    query: str = ""
    query_started_us: int = 0
    transaction_started_us: int = 0
    state_changed_us: int = 0
    commit_count: int = 0
    rollback_count: int = 0


@dataclass(slots=True)
class Modes:
    """ISOLATION LEVEL, READ ONLY and DEFERRABLE of a transaction."""

    isolation: str = "read committed"
    read_only: bool = False
    deferrable: bool = False


@dataclass(slots=True, eq=False)
class Running:
    """The parts of a transaction under way."""

    storage: Transaction
    make_catalog: Callable[[Transaction], CatalogTransaction]
    modes: Modes
    started_us: int
    made_catalog: CatalogTransaction | None = None  # `catalog`, if anybody has asked for it
    has_snapshot: bool = False
    has_exported: bool = False
    mail: list[tuple[int, Callable[[], None]]] = field(default_factory=list)  # see Mail
    newest: weakref.ref[Snapshot] | None = None  # nobody else knows whether it is still held
    savepoints: list[Savepoint] = field(default_factory=list)
    deferred: list[Any] = field(default_factory=list)
    holds: bool = False  # cursors that outlive it, whose rows are kept when it commits
    constraint_modes: dict[int, bool] = field(default_factory=dict)
    event: Any = None  # while its triggers are being called
    large_objects: list[Any] = field(default_factory=list)  # open ones, by descriptor
    explicit: bool = False
    style: TextStyle | None = None
    style_of: TextStyle | None = None
    point_context: ExecutionContext | None = None  # of its point statements, made on point_basis
    point_basis: Basis | None = None

    @property
    def catalog(self) -> CatalogTransaction:
        """The transaction's own changes to the catalog; most have none."""
        if self.made_catalog is None:
            self.made_catalog = self.make_catalog(self.storage)
        return self.made_catalog


class TransactionState:
    """Where a session stands between its transactions, and the one under way."""

    make_catalog: Callable[[Transaction], CatalogTransaction]

    def __init__(self) -> None:
        self.state = State.IDLE
        self.running: Running | None = None
        self.modes: Modes | None = None  # of the transaction last begun; AND CHAIN passes them on
        self.is_shared = False  # the statement is one of several of a Query
        self.is_pipelined = False  # a statement has run since the last Sync


class SessionState:
    """One client's, as far as every statement asks for it."""

    transaction: SessionTransaction
    mail: Mail
    rights: Rights
    activity: Activity

    def __init__(
        self, database: Database, identity: Identity, settings: SessionSettings, clock: Clock
    ) -> None:
        self.database = database
        self.catalog = database.catalog
        self.try_locks = database.engine.locks.try_all
        self.identity = identity
        self.settings = settings
        self.clock = clock
        self.prepared: dict[str, Prepared] = {}
        self.portals: dict[str, Portal] = {}
        self.skeletons: dict[tuple[str, str], Prepared | None] = {}
        self.phrases: list[Any] | None = None  # see native/phrases
        self.parsed: dict[tuple[str, tuple[int, ...]], Prepared] = {}  # see extended_query
        self.skipping = False  # an extended-query message failed: ignore all until Sync
        self.notices: list[NoticeResponse] = []
        self.cancelled: SqlError | None = None
        self.deadline_ns = 0
        self.temporary_schema = 0
        self.point_context: ExecutionContext | None = (
            None  # of the last point statement, for the next
        )
        self.point_basis: Basis | None = None  # which that was made on
        self.single_steps = 0  # of a pipeline, that are not to be run together: see native/pipeline
        # What a step that was taken from the wire leaves to be done.
        self.unfinished: Generator[Any, Any, None] | Flushing | Blocked | None = None
        self.wait_event = ""  # as pg_stat_activity shows it
        self._basis: Basis | None = None
