"""StatementScope: what one running utility statement sees of its session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.objects import PG_CATALOG_OID
from server.errors import InvalidSchemaName
from server.session import execution
from storage.engine import LockMode

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from server.catalog.catalog import CatalogTransaction
    from server.catalog.catalog_view import CatalogView
    from server.executor.context import ExecutionContext
    from server.executor.waits import Wait
    from server.planner.environment import PlanningEnvironment
    from server.planner.planned import PlannedStatement
    from server.session.session import Session
    from server.session.state import Running
    from server.sql.parse import Statement
    from server.vector.batch import Batch
    from storage.engine import Engine, Transaction


class CatalogChanged(Exception):
    """While the statement waited for a lock the catalog has changed: it is to be begun again, with its locks."""


class StatementScope:
    """One statement's view of its session; see StatementContext for what each part promises."""

    def __init__(
        self,
        session: Session,
        statement: Statement,
        parameters: tuple[Any, ...],
        parameter_types: tuple[int, ...] = (),
    ) -> None:
        self.session = session
        self.statement = statement
        self.parameters = parameters
        self.parameter_types = parameter_types
        self.settings = session.settings
        self.source = statement.source
        self.names: Any = None  # of the body that the statement stands in, see BindContext.routine
        self.begins_again = False  # whoever runs it takes CatalogChanged

    @property
    def running(self) -> Running:
        """The transaction the statement runs in."""
        running = self.session.transaction.running
        assert running is not None, self.statement.tag
        return running

    @property
    def engine(self) -> Engine:
        """The storage engine."""
        return self.session.database.engine

    @property
    def transaction(self) -> Transaction:
        """The storage transaction."""
        return self.running.storage

    @property
    def catalog(self) -> CatalogView:
        """What the statement sees of the catalog."""
        return self.session.transaction.catalog

    @property
    def ddl(self) -> CatalogTransaction:
        """Where catalog objects are put and removed."""
        return self.running.catalog

    @property
    def user_oid(self) -> int:
        """The role that runs the statement."""
        return self.session.user_oid

    def new_oid(self) -> int:
        """An OID for a new object."""
        return self.session.database.catalog.new_oid()

    def search_path(self) -> tuple[int, ...]:
        """OIDs of the schemas in the order they are searched."""
        return self.session.search_path()

    def creation_schema(self) -> int:
        """The first schema of the search path that was named."""
        skipped = {self.session.temporary_schema, PG_CATALOG_OID}
        for oid in self.session.search_path():
            if oid not in skipped:
                return oid
        raise InvalidSchemaName("no schema has been selected to create in")

    def position(self, offset: int) -> int:
        """What the client is shown for an offset into the statement."""
        return self.statement.offset + offset + 1 if offset >= 0 else 0

    def notice(self, sqlstate: str, message: str, detail: str = "", hint: str = "") -> None:
        """Send a NOTICE."""
        self.session.notice(sqlstate, message, detail, hint)

    def warn(self, sqlstate: str, message: str) -> None:
        """Send a WARNING."""
        self.session.warn(sqlstate, message)

    def lock_relation(self, oid: int, mode: str, name: str = "") -> Iterator[Wait]:
        """Take a table lock and hold it to the end of the transaction; raises CatalogChanged."""
        yield from self._locked(execution.lock_relation(self.session, oid, mode, name))

    def look_at_relation(self, oid: int, name: str = "") -> Iterator[Wait]:
        """Wait until nobody has a table to himself, and hold nothing; raises CatalogChanged."""
        running = self.session.transaction.running
        assert running is not None, name
        locks, owner = self.session.database.engine.locks, running.storage
        before = locks.position(owner)
        yield from self.lock_relation(oid, "access share", name)
        if locks.position(owner) != before:
            locks.release(owner, ("relation", oid), LockMode.ACCESS_SHARE)

    def lock_object(self, class_oid: int, oid: int, mode: str) -> Iterator[Wait]:
        """Take a lock on what is no relation; raises CatalogChanged."""
        yield from self._locked(execution.lock_object(self.session, class_oid, oid, mode))

    def _locked(self, lock: Iterator[Wait]) -> Iterator[Wait]:
        version = self.catalog.version
        yield from lock
        if self.begins_again and self.catalog.version != version:
            raise CatalogChanged

    def execution(self, parameters: tuple[Any, ...] = ()) -> ExecutionContext:
        """A context to run a plan in."""
        return execution.context(self.session, parameters)

    def environment(self, parameter_types: tuple[int, ...] = ()) -> PlanningEnvironment:
        """What planning a statement now depends on."""
        return execution.environment(self.session, parameter_types)

    def plan(
        self,
        statement: Statement,
        parameter_types: tuple[int, ...] = (),
        *,
        checks_access: bool = True,
    ) -> Generator[Wait, None, PlannedStatement]:
        """Plan a query or data change and take its locks."""
        planner = execution.plan_allowed if checks_access else execution.plan_locked
        names = self.names if statement.source is self.source else None  # EXECUTE has others
        return planner(self.session, statement, parameter_types, names)

    def run(
        self, planned: PlannedStatement, running: ExecutionContext
    ) -> Generator[Wait | Batch, None, None]:
        """Run a plan whose locks are held."""
        return execution.portal_rows(self.session, planned, running)

    def next_transaction(self) -> Iterator[Wait]:
        """Commit what the statement has done so far; the rest is a transaction of its own."""
        self.begins_again = False
        yield from self.session.surroundings.end_transaction(commit=True, chained=False)

    def apart(self, steps: Iterator[Any]) -> Generator[Any, None, None]:
        """Run steps whose functions may have to wait in the middle."""
        return execution.apart(self.session, steps)
