"""Utility: one row a kind of utility statement - its class, the function that runs it, what it returns.

A runner is a generator: it yields Wait when it cannot go on and Rows when it has a result, and returns the command
tag. It reaches everything through the StatementContext it is given; sessions are above this layer and unknown here.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from server.oids import TEXT
from server.types.registry import TYPE_BY_OID
from server.types.type import TypeReference
from server.vector.batch import Batch
from server.vector.column import Column

if TYPE_CHECKING:
    from sqlglot import exp

    from server.catalog.catalog import CatalogTransaction
    from server.catalog.catalog_view import CatalogView
    from server.executor.context import ExecutionContext
    from server.executor.waits import Wait
    from server.planner.environment import PlanningEnvironment
    from server.planner.planned import PlannedStatement
    from server.session_settings import SessionSettings
    from server.sql.parse import Statement
    from server.sql.utility_statement import UtilityStatement
    from storage.engine import Engine, Transaction


@dataclass(frozen=True, slots=True)
class Description:
    """Names and types of the columns a statement returns."""

    names: tuple[str, ...]
    types: tuple[TypeReference, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a utility statement's result."""

    batch: Batch


Run = Generator[Any, Any, str]


class StatementContext(Protocol):
    """What a running utility statement may use of its session."""

    session: Any  # the session itself, for statements that manage its parts
    settings: SessionSettings
    statement: Statement
    source: str  # the text of the statement
    parameters: tuple[Any, ...]
    parameter_types: tuple[int, ...]  # type OIDs of the parameters
    names: Any  # of the body that the statement stands in, see BindContext.routine

    @property
    def engine(self) -> Engine:
        """The storage engine."""

    @property
    def transaction(self) -> Transaction:
        """The storage transaction the statement runs in."""

    @property
    def catalog(self) -> CatalogView:
        """What the statement sees of the catalog."""

    @property
    def ddl(self) -> CatalogTransaction:
        """Where catalog objects are put and removed."""

    @property
    def user_oid(self) -> int:
        """The role that runs the statement."""

    def new_oid(self) -> int:
        """An OID for a new object."""

    def search_path(self) -> tuple[int, ...]:
        """OIDs of the schemas in the order they are searched."""

    def creation_schema(self) -> int:
        """The schema that unqualified new objects go to; raises InvalidSchemaName when there is none."""

    def notice(self, sqlstate: str, message: str, detail: str = "", hint: str = "") -> None:
        """Send a NOTICE."""

    def warn(self, sqlstate: str, message: str) -> None:
        """Send a WARNING."""

    def lock_relation(self, oid: int, mode: str, name: str = "") -> Iterator[Wait]:
        """Take a table lock and hold it to the end of the transaction."""

    def look_at_relation(self, oid: int, name: str = "") -> Iterator[Wait]:
        """Wait until nobody has a table to himself, and hold nothing: for who looks what there is in it."""

    def lock_object(self, class_oid: int, oid: int, mode: str) -> Iterator[Wait]:
        """Take a lock on what is no relation, as on a function, and hold it to the end of the transaction."""

    def execution(self, parameters: tuple[Any, ...] = ()) -> ExecutionContext:
        """A context to run a plan in, with a new snapshot."""

    def environment(self, parameter_types: tuple[int, ...] = ()) -> PlanningEnvironment:
        """What planning a statement now depends on."""

    def position(self, offset: int) -> int:
        """What the client is shown for an offset into the statement."""

    def plan(
        self,
        statement: Statement,
        parameter_types: tuple[int, ...] = (),
        *,
        checks_access: bool = True,
    ) -> Generator[Wait, None, PlannedStatement]:
        """Plan a query or data change and take its locks; checks_access: for the user to run."""

    def run(
        self, planned: PlannedStatement, context: ExecutionContext
    ) -> Generator[Wait | Batch, None, None]:
        """Run a plan whose locks are held."""

    def next_transaction(self) -> Iterator[Wait]:
        """Commit what the statement has done so far; the rest is a transaction of its own."""

    def apart(self, steps: Iterator[Any]) -> Generator[Any, None, None]:
        """Run steps whose functions may have to wait in the middle; yields their items and Waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Utility:
    """A kind of utility statement.

    writes: refused in a read-only transaction. outside_block: refused inside a transaction block. controls: BEGIN and
    the like, which run in a failed transaction too and manage the transaction themselves. query: what in it may read
    parameters of the extended protocol; parameters: their types, where they are not those of a query.
    """

    node: type[UtilityStatement]
    run: Callable[[Any, Any], Run]
    describe: Callable[[Any, Any], Description | None] | None = None
    writes: bool = True
    outside_block: bool = False
    controls: bool = False
    query: Callable[[Any], exp.Expression | UtilityStatement] | None = None
    parameters: Callable[[Any, Any], tuple[TypeReference, ...]] | None = None


def text_description(*names: str) -> Description:
    """Columns of text."""
    return Description(names, (TypeReference(TYPE_BY_OID[TEXT]),) * len(names))


def text_rows(*columns: Sequence[str | None]) -> Rows:
    """Rows of text columns."""
    made = []
    for values in columns:
        array: Any = _objects(values)
        valid = _valid(values)
        made.append(Column(array, valid))
    return Rows(Batch(tuple(made), len(columns[0]) if columns else 0))


def _objects(values: Sequence[object]) -> Any:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _valid(values: Sequence[object]) -> Any:
    valid = np.fromiter((value is not None for value in values), np.bool_, len(values))
    return None if bool(valid.all()) else valid


def by_node(rows: Sequence[Utility]) -> Mapping[type[UtilityStatement], Utility]:
    """The rows by the class of their statement; a class may stand once only."""
    table = {row.node: row for row in rows}
    assert len(table) == len(rows), "a statement is listed twice"
    return table
