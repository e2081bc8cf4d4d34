"""Prepared and Portal: a statement kept by name, and a statement with its parameters run piece by piece.

Both are made by the extended protocol (Parse, Bind) and by SQL (PREPARE, DECLARE CURSOR), in one name space each.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from server.errors import FeatureNotSupported, ObjectNotInPrerequisiteState, SqlError
from server.executor.waits import Wait
from server.statements.kept_rows import KeptRows

if TYPE_CHECKING:
    from server.planner.planned import PlannedStatement
    from server.sql.parse import Statement
    from server.statements.given_rows import GivenRows
    from server.types.type import TypeReference
    from server.vector.batch import Batch

Source = Iterator["Wait | Batch"]


class StalePlan(FeatureNotSupported):
    """A prepared statement would give other columns than the client was told of; drivers prepare it again."""

    routine = "RevalidateCachedQuery"

    def __init__(self) -> None:
        super().__init__("cached plan must not change result type")


@dataclass(slots=True)
class Prepared:
    """A prepared statement. statement None: the empty query. planned is renewed when the catalog changes."""

    name: str
    sql: str
    statement: Statement | None
    parameter_types: tuple[int, ...]
    planned: PlannedStatement | None = None
    from_sql: bool = False
    prepared_us: int = 0
    result_types: tuple[int, ...] | None = None
    basis: Any = None  # of the session's, on which planned is fresh
    lane: Any = None  # what the short path keeps ready for planned
    row_run: Any = None  # what runs of it with one row after the other keep ready
    control: int = 0  # whether it begins or ends a block: see session/extended_query
    finished: Portal | None = None  # the unnamed portal that a whole series leaves in a block
    inner_parameters: tuple[TypeReference, ...] = ()  # of the query in a utility statement
    given: GivenRows | None = (
        None  # it is planned as one row: statement and parameter_types are of that
    )

    @property
    def parameters(self) -> tuple[TypeReference, ...]:
        """The types of the parameters."""
        if self.planned is None:
            return self.inner_parameters
        found = self.planned.parameters
        return found if self.given is None else self.given.parameters(found)

    def spell_out(self, parse: Callable[[str], Sequence[Statement]]) -> None:
        """Have it be what its text says, to be planned again."""
        given = self.given
        if given is None:
            return
        (self.statement,) = parse(self.sql)
        self.parameter_types, self.given = given.types, None
        self.basis = self.lane = None
        if self.planned is not None:
            every = given.parameters(self.planned.parameters)
            self.planned = replace(self.planned, parameters=every)


@dataclass(slots=True)
class Portal:
    """A statement being run. rows: what is still to come; held: WITH HOLD, survives its transaction, made_in.

    kept holds every row that FETCH and MOVE have come by, and how many Execute gave before those; position is the
    number of the row it stands on.
    """

    name: str
    prepared: Prepared
    parameters: tuple[Any, ...] = ()
    formats: tuple[int, ...] = ()
    planned: PlannedStatement | None = None
    names: tuple[str, ...] = ()
    types: tuple[TypeReference, ...] = ()
    rows: Source | None = None
    pending: Batch | None = None
    done: bool = False
    failed: bool = False  # its query has raised an error: nothing more comes out of it
    started: bool = False
    is_running: bool = False  # a utility statement that runs, and may be about to close all portals
    tag: str = ""
    context: Any = None
    held: bool = False
    made_in: Any = None
    binary: bool = False
    is_cursor: bool = False  # made by DECLARE
    scroll: bool | None = None
    kept: KeptRows = field(default_factory=KeptRows)
    position: int = 0
    created_us: int = 0
    source: str = ""
    given: Batch | None = None  # the rows of its parameters
    binding: Any = None  # the Bind, if no lock has been taken for it

    def fetch(self, count: int) -> Generator[Wait | Batch, None, None]:
        """Give up to `count` rows (0: all); `done` says whether there is nothing more."""
        if self.failed:
            raise ObjectNotInPrerequisiteState(f'portal "{self.name}" cannot be run')
        left = count or -1
        while left:
            batch = yield from self.next_batch()
            if batch is None:
                return
            if 0 < left < batch.count:
                self.pending = batch.slice(left, batch.count)
                batch = batch.slice(0, left)
            self.position += batch.count
            left = max(0, left - batch.count) if left > 0 else left
            yield batch

    def next_batch(self) -> Generator[Wait, None, Batch | None]:
        """What comes next, as it comes; None for nothing more."""
        if self.pending is not None:
            batch, self.pending = self.pending, None
            return batch
        if self.rows is None or self.done:
            self.done = True
            return None
        try:
            for item in self.rows:
                if isinstance(item, Wait):
                    yield item
                elif item.count:
                    return item
        except SqlError:
            self.failed = True
            raise
        self.done = True
        return None

    def keep_rest(self) -> Iterator[Wait]:
        """Run to the end now, staying at the same row: the transaction may be gone when the rest is read."""
        position = self.position
        for item in self.fetch(0):
            if isinstance(item, Wait):
                yield item
            else:
                self.kept.append(item)
        self.position = position
        self.done = True

    def shown(self, batch: Batch) -> Batch:
        """Rows as the client sees them: a cursor's tell where they lie as well."""
        width = len(self.types)
        return batch if len(batch.columns) == width else batch.select(tuple(range(width)))

    def row_here(self) -> tuple[Any, ...] | None:
        """The row that the portal stands on, with what only WHERE CURRENT OF asks of it; None if there is none."""
        return self.kept.row(self.position - 1)

    def close(self) -> None:
        """Stop what runs."""
        rows, self.rows = self.rows, None
        if isinstance(rows, Generator):
            rows.close()


def keep_held(portals: Mapping[str, Portal], running: Any) -> Iterator[Wait]:
    """Keep the rows of cursors that outlive the transaction that made them and is about to end."""
    for portal in tuple(portals.values()):
        if portal.held and portal.made_in is running and not (portal.done or portal.failed):
            yield from portal.keep_rest()


def finished_portal(prepared: Prepared, now_us: int) -> Portal:
    """The unnamed portal that a series leaves in a block: run to its end, so nothing changes it any more."""
    portal = prepared.finished
    if portal is None or portal.planned is not prepared.planned:
        planned = prepared.planned
        portal = prepared.finished = Portal(
            "", prepared, planned=planned, done=True, started=True, source=prepared.sql
        )
        if planned is not None:
            portal.types, portal.names = planned.types, planned.names
            portal.formats = (0,) * len(portal.names)
    portal.created_us = now_us
    return portal
