"""Database: what all sessions share - storage, catalog, plans, worker threads, and who is connected.

A server has one Database value, which serves every database of the cluster; a session says which it is in by OID.
"""

from __future__ import annotations

import random
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

from server.catalog.catalog import CATALOG_KINDS, CATALOG_RELATION, Catalog
from server.catalog.codec import KIND_NUMBER, encode_object
from server.catalog.database_activity import DatabaseActivities, DatabaseActivity
from server.catalog.function_activity import FunctionActivities
from server.catalog.initial import initial_objects
from server.catalog.sequences import SequenceValues
from server.catalog.statement_statistics import StatementStatistics
from server.catalog.table_activity import TableActivities
from server.clock import Clock, SystemClock
from server.executor.deferred import run_deferred
from server.executor.temporary_files import TemporaryFiles
from server.feature import Feature, hooks_of, statements_of
from server.notifications import Channels
from server.plan_cache import LeastRecentlyUsed, PlanCache
from server.statement_threads import Threads
from server.workers import Workers
from storage.waits import Completion

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import CatalogObject, Role, Table
    from server.catalog.objects import Database as DatabaseObject
    from server.catalog.statistics_objects import ColumnStatistics
    from server.config import ServerSettings
    from server.executor.waits import Wait
    from server.first_looks import FirstLooks
    from server.login_rules import Rule
    from server.statements.statement import Utility
    from server.types.type import TypeReference
    from storage.engine import Engine, WaitEdge

LOW_BITS = 0xFFFFFFFF
BASES_MAX = 256


class Database:
    """What all sessions share."""

    def __init__(  # noqa: PLR0913 - what the composition root puts together
        self,
        engine: Engine,
        settings: ServerSettings,
        *,
        hba: Sequence[Rule] = (),
        features: Sequence[Feature] = (),
        mock_secret: bytes = b"",
        clock: Clock | None = None,
        source: random.Random | None = None,
    ) -> None:
        """Take over an open engine, which `initialise` has been run on."""
        self.engine = engine
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self.random = source or random.SystemRandom()
        self.started_us = self.clock.now_us()
        self.hba = tuple(hba)
        self.features = tuple(features)
        self.hooks = hooks_of(features)
        self.mock_secret = mock_secret
        self.plans = PlanCache()
        self.bases: LeastRecentlyUsed[Hashable, Any] = LeastRecentlyUsed(BASES_MAX)
        self._shapes: dict[tuple[int, str], tuple[CatalogView, dict[int, Any]]] = {}
        self.sequences = SequenceValues(engine)
        self.workers = Workers(settings.integer("query_workers"))
        self.threads = Threads()
        self.sessions: dict[int, Any] = {}
        self.departure = Completion()  # of the next of them that ends
        self.exported: dict[str, Any] = {}  # snapshots by name; see server/session/exported.py
        self.background: dict[int, Any] = {}  # sessions of the server's own
        self.taken_back: dict[Any, int] = {}  # in which database; see server/session/taking_back.py
        self.tables = TableActivities()
        self.functions = FunctionActivities()
        self.statement_statistics = StatementStatistics(self.clock)
        self.activities: DatabaseActivities = defaultdict(DatabaseActivity)
        self.channels = Channels()
        engine.queue.clock_ns = self.clock.monotonic_ns
        engine.track_commits(self.clock.now_us if settings["track_commit_timestamp"] else None)
        engine.queue.is_alone = lambda: len(self.sessions) < 2
        self.catalog = Catalog(engine)
        self.catalog.load()

    @cached_property
    def statements(self) -> Mapping[Any, Utility]:
        """The utility statements that are supported, by the class of their tree: no query asks."""
        return statements_of(self.features)

    def depart(self, pid: int) -> None:
        """A session has ended; whoever waits for others to leave a database looks again."""
        if self.sessions.pop(pid, None) is not None:
            departure, self.departure = self.departure, Completion()
            departure.complete()

    def temporary_files(self, oid: int) -> TemporaryFiles:
        """The temporary files of a session in a database."""
        return TemporaryFiles(self.engine.temporary_file, self.activities[oid].wrote_file)

    def row_count(self, table: Table) -> float:
        """How many rows a table has now, about: what the planner asks."""
        if not table.storage_id:
            return 1000.0
        return float(self.engine.relation(table.storage_id).row_estimate)

    def first_look(
        self, members: Sequence[tuple[Table, int]], reference: TypeReference, rows: float
    ) -> ColumnStatistics | None:
        """What some rows say of a column that ANALYZE has not seen: what the planner asks, too."""
        return self._first_looks.column(members, reference, rows)

    @cached_property
    def _first_looks(self) -> FirstLooks:
        from server.first_looks import FirstLooks  # a start needs none

        return FirstLooks(self.engine)

    def shapes_of(self, view: CatalogView, firing_states: str) -> dict[int, Any]:
        """What writing to tables needs to know of them, kept as long as the catalog stays as it is.

        firing_states: of the triggers and foreign keys that are part of it.
        """
        if view.version < 0:  # of one transaction only
            return {}
        place = (id(view), firing_states)
        found = self._shapes.get(place)
        if found is None or found[0] is not view:
            self._shapes = {
                key: item
                for key, item in self._shapes.items()
                if item[0] in self.catalog.views.values()
            }
            found = self._shapes[place] = (view, {})
        return found[1]

    def run_deferred(self, running: Any) -> Iterator[Wait]:
        """Check the constraints a transaction put off to its end."""
        if running.deferred:
            yield from run_deferred(running.deferred)

    def describe_deadlock(self, edges: list[WaitEdge]) -> str:
        """The detail of a deadlock error: who waits for whom."""
        lines = []
        for edge in edges:
            mode = "".join(word.capitalize() for word in edge.mode.name.split("_")) + "Lock"
            waiter: Any = edge.waiter.lock_group
            blocker = edge.blocker.lock_group
            session = self.sessions.get(waiter)
            name = lock_name(edge.tag, 0 if session is None else session.database_oid)
            lines.append(
                f"Process {waiter} waits for {mode} on {name}; blocked by process {blocker}."
            )
        return "\n".join(lines)

    def role(self, name: str) -> Role | None:
        """A role by name, in any database."""
        view = next(iter(self.catalog.views.values()))
        return view.role_named(name)

    def database(self, name: str) -> DatabaseObject | None:
        """A database by name."""
        view = next(iter(self.catalog.views.values()))
        return view.database_named(name)

    def close(self) -> None:
        """Stop the threads and close storage with a checkpoint."""
        self.workers.close()
        self.threads.close()
        self.sequences.settle()
        self.engine.close()


def lock_name(tag: Sequence[str | int], database_oid: int) -> str:
    """What a lock is on, as a report of a deadlock names it."""
    kind, *numbers = tag
    if kind == "advisory":
        database, count, *keys = map(int, numbers)
        high, low = keys if count > 1 else (keys[0] >> 32, keys[0])
        return f"advisory lock [{database},{high & LOW_BITS},{low & LOW_BITS},{count}]"
    if kind == "relation":
        return f"relation {numbers[0]} of database {database_oid}"
    if kind == "object":
        return f"object {numbers[1]} of class {numbers[0]} of database {database_oid}"
    name = {"xid": "transaction"}.get(str(kind), str(kind))
    return " ".join((name, *map(str, numbers)))


def initialise(engine: Engine, superuser: str = "postgres", password: str | None = None) -> None:
    """Put the catalog of a new cluster into an empty engine: the first role and databases."""
    transaction = engine.begin()
    transaction.create_relation(CATALOG_RELATION, CATALOG_KINDS)
    table = engine.relation(CATALOG_RELATION)
    for database, value in initial_objects(superuser, password):
        table.insert_row(transaction, catalog_row(database, value))
    transaction.commit().wait()


def catalog_row(database: int, value: CatalogObject) -> tuple[int, int, int, bytes]:
    """The stored row of an object."""
    return database, value.oid, KIND_NUMBER[type(value)], encode_object(value)
