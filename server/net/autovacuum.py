"""Autovacuum: visits tables of which enough has changed, every autovacuum_naptime, as a session like any other.

In between it seals what was loaded.

Rule 1: it says VACUUM and ANALYZE through a Session, so that locks, catalog and progress are those of the statements.
Rule 2: one table after the other; an error is logged and the next table has its turn.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from protocol.messages import ErrorResponse, Query
from server.catalog.objects import Schema, Table
from server.catalog.table_activity import Due, TableActivity, due, is_enabled, seal_delay_s
from server.errors import AdminShutdown
from server.executor.waits import Wait
from server.identifiers import quote_identifier
from server.session.own_sessions import open_session
from server.statements.vacuum import AUTOVACUUM
from storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.catalog.catalog_view import CatalogView
    from server.database import Database
    from server.session.session import Session

_LOG = logging.getLogger(__name__)

US_PER_SECOND = 1_000_000
LOOK_SECONDS = 1
"""How often it looks for row groups that were loaded."""
GOING = "terminating autovacuum process due to administrator command"


def due_tables(database: Database) -> Iterator[tuple[int, CatalogView, Table, Due]]:
    """The tables worth a visit, with the database they are in."""
    for database_oid, view in list(database.catalog.views.items()):
        for table in list(view.objects(Table)):
            if table.kind not in ("r", "m") or not table.storage_id or table.persistence == "t":
                continue
            try:
                is_known = view.statistics_of(table.oid) is not None
                found = _due(database, table, is_known=is_known)
            except StorageError as error:  # a damaged table is no reason to leave out the others
                _LOG.warning('autovacuum: table "%s": %s', table.name, error)
                continue
            if found:
                yield database_oid, view, table, found


def loaded_tables(database: Database) -> Iterator[tuple[int, CatalogView, Table]]:
    """The tables with row groups that were loaded and may be sealed, with the database they are in."""
    filled = set(database.engine.filled_relations())
    if not filled:
        return
    for database_oid, view in list(database.catalog.views.items()):
        for table in list(view.objects(Table)):
            if table.storage_id not in filled or table.kind not in ("r", "m"):
                continue
            relation = database.engine.relation(table.storage_id)
            activity = database.tables.of(table.oid)
            if seal_delay_s(table.options, database.settings) < 0 or table.persistence == "t":
                relation.groups.filled.clear()
                continue
            loaded = activity.cooling.loaded_groups(
                database.engine, relation, database.clock.now_us()
            )
            if loaded:
                activity.cold_groups = tuple(loaded)
                yield database_oid, view, table


def _due(database: Database, table: Table, *, is_known: bool) -> Due:
    with database.engine.latch:
        relation = database.engine.relation(table.storage_id)
        rows, reclaimable = relation.row_estimate, relation.reclaimable_count
    activity = database.tables.of(table.oid)
    activity.cold_groups = _cold_groups(database, table, relation, activity)
    found = due(
        activity,
        relation.counts,
        rows=rows,
        reclaimable=reclaimable,
        options=table.options,
        settings=database.settings,
        is_known=is_known,
    )
    if is_enabled(table.options) and not database.engine.settled.is_settled(table.storage_id):
        return replace(found, vacuum=True)  # a crash has left rows in it
    return found


def _cold_groups(
    database: Database, table: Table, relation: Any, activity: TableActivity
) -> tuple[int, ...]:
    """The row groups in which nothing has changed for autovacuum_seal_delay."""
    seconds = seal_delay_s(table.options, database.settings)
    if seconds < 0:
        return ()
    now_us, idle_us = database.clock.now_us(), int(seconds * US_PER_SECOND)
    return tuple(activity.cooling.cold_groups(database.engine, relation, now_us, idle_us))


def statement_for(view: CatalogView, table: Table, what: Due) -> str:
    """The statement that does what is due."""
    verb = "VACUUM (ANALYZE)" if what.analyze else "VACUUM"
    if not what.vacuum and not what.seal:
        verb = "ANALYZE"
    return f"{verb} {_full_name(view, table)}"


def sealing_statement(view: CatalogView, table: Table) -> str:
    """The statement that seals what was loaded, if nobody has the table for himself."""
    return f"VACUUM (SKIP_LOCKED) {_full_name(view, table)}"


def _full_name(view: CatalogView, table: Table) -> str:
    schema = view.object(table.schema)
    assert isinstance(schema, Schema)
    return f"{quote_identifier(schema.name)}.{quote_identifier(table.name)}"


class Autovacuum:
    """The background task; `stop` ends it, with what it is doing."""

    def __init__(
        self, database: Database, loop: asyncio.AbstractEventLoop, next_pid: Callable[[], int]
    ) -> None:
        self._database = database
        self._loop = loop
        self._next_pid = next_pid
        self._stopping = False
        self._session: Session | None = None
        self._task = loop.create_task(self._run())

    async def stop(self) -> None:
        """End; a vacuum under way stops at its next step."""
        self._stopping = True
        if self._session is not None:
            self._session.cancel(AdminShutdown(GOING))
        else:
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        settings = self._database.settings
        rested_s = 0
        while not self._stopping:
            await asyncio.sleep(LOOK_SECONDS)
            rested_s += LOOK_SECONDS
            if not settings["autovacuum"]:
                continue
            for database_oid, view, table in list(loaded_tables(self._database)):
                await self._visit(database_oid, sealing_statement(view, table))
            if rested_s >= settings.integer("autovacuum_naptime"):
                await self._visit_all()
                rested_s = 0

    async def _visit_all(self) -> None:
        """Do what is due anywhere."""
        if self._database.engine.log.aborted:
            await self._work(self._database.engine.settled.look)
        for database_oid, view, table, what in list(due_tables(self._database)):
            await self._visit(database_oid, statement_for(view, table, what))
        if self._database.catalog.has_dead_rows:
            await self._work(self._database.catalog.vacuum)

    async def _work(self, step: Callable[[], object]) -> None:
        """What is about no table of anybody's: the catalog, and the ids of transactions that were cut off."""
        if not self._stopping:
            await self._satisfied(Wait(self._database.workers.submit(step), what="Execute"))

    async def _visit(self, database_oid: int, sql: str) -> None:
        if self._stopping:
            return
        pid = self._next_pid()
        session = self._session = open_session(self._database, database_oid, pid, AUTOVACUUM)
        self._database.background[pid] = session
        try:
            await self._drive(session, sql)
        finally:
            self._session = None
            self._database.background.pop(pid, None)

    async def _drive(self, session: Session, sql: str) -> None:
        """Run one statement to its end."""
        steps = session.handle(Query(sql))
        answer: Any = None
        while True:
            try:
                item = steps.send(answer)
            except StopIteration:
                return
            answer = None
            if isinstance(item, Wait):
                answer = await self._satisfied(item)
            elif isinstance(item, ErrorResponse):
                _LOG.info("autovacuum: %s: %s", sql, item.fields.message)

    def _tell(self, event: asyncio.Event) -> None:
        """Called on any thread."""
        self._loop.call_soon_threadsafe(event.set)

    async def _satisfied(self, wait: Wait) -> bool:
        """Whether the completion was done in time."""
        event = asyncio.Event()
        wait.completion.on_done(lambda: self._tell(event))
        timeout_seconds = None if wait.timeout_ms is None else wait.timeout_ms / 1000
        try:
            await asyncio.wait_for(event.wait(), timeout_seconds)
        except TimeoutError:
            return wait.completion.done
        return True
