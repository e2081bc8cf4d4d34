"""CREATE DATABASE ... TEMPLATE: a new database with all that another one has.

    1   the new database is in the catalog with copies of the objects, and their rows are there, without entries in
        indexes; it is marked as invalid, and nobody may enter it
    2   a session of the server's own in it makes its indexes, as what they compute needs its catalog
    3   it is a database like any other

Rule 1: each step is a transaction. What a crash leaves of the first two is an invalid database, which DROP DATABASE
        takes away; an error takes it away at once.
Rule 2: rows are copied as storage has them, those that a snapshot sees. Nobody else is connected to the template, and
        its tables are locked against what would take their rows away.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from server.catalog.catalog import SHARED_KINDS
from server.catalog.catalog_view import CatalogView
from server.catalog.copied_objects import Renumbering, objects_to_copy
from server.catalog.invalid_databases import INVALID_LIMIT
from server.catalog.large_objects import LargeObject
from server.catalog.objects import Index, Sequence, Table
from server.catalog.role_settings import RoleSettings
from server.catalog.sequences import create_values
from server.catalog.state import CatalogState
from server.errors import SqlError
from server.executor.waits import Wait
from server.identifiers import quote_identifier
from server.statements.copied_values import as_stored, conversions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from server.catalog.objects import CatalogObject, Database
    from server.statements.copied_values import Conversion
    from server.statements.statement import StatementContext
    from storage.engine import ScanView

NO_VERSION: Final = 0
"""Of a catalog that nobody plans by."""


def copy_database(
    context: StatementContext, template: Database, database: Database
) -> Iterator[Wait]:
    """Make the database with all that the template has; in the end a transaction is open that makes it valid."""
    yield from _lock_tables(context, template)
    view = _view(context, template)
    originals = objects_to_copy(view.state.by_oid.values())
    shared = [
        each for each in context.catalog.state.by_oid.values() if isinstance(each, SHARED_KINDS)
    ]
    numbers = Renumbering(context.new_oid, context.engine.next_id)
    copies = numbers.copies(originals, shared)
    for each in copies:
        context.ddl.put_in(database.oid, each)
    if not numbers.storage:
        context.ddl.put(database)
        return
    context.ddl.put(replace(database, connection_limit=INVALID_LIMIT))
    copied_view = CatalogView(CatalogState((*shared, *copies), NO_VERSION, database.oid))
    copying = Copying(context, view, copied_view, numbers.oids)
    for original, copied in zip(originals, copies, strict=True):
        yield from copying.copy(original, copied)
    yield from context.next_transaction()
    name = quote_identifier(database.name)
    elsewhere = context.session.surroundings.run_elsewhere
    try:
        yield from elsewhere(database.oid, f"REINDEX DATABASE {name}")
    except SqlError:
        remove_database(context, database)
        yield from context.next_transaction()
        raise
    context.ddl.put(database)


def remove_database(context: StatementContext, database: Database) -> None:
    """Take a database away with all that is in it."""
    for value in _view(context, database).state.by_oid.values():
        storage_id = getattr(value, "storage_id", 0)
        if storage_id:
            context.transaction.drop_relation(storage_id)
    for settings in list(context.catalog.objects(RoleSettings)):
        if settings.database == database.oid:
            context.ddl.remove(settings.oid)
    context.ddl.remove_database(database.oid)


def _view(context: StatementContext, database: Database) -> CatalogView:
    found: CatalogView = context.session.database.catalog.views[database.oid]
    return found


def _lock_tables(context: StatementContext, template: Database) -> Iterator[Wait]:
    """Lock the template's tables, those that have come to be in between as well."""
    locked: set[int] = set()
    while True:
        tables = [each for each in _view(context, template).objects(Table) if each.storage_id]
        new = [each for each in tables if each.oid not in locked]
        if not new:
            return
        for each in new:
            yield from context.lock_relation(each.oid, "access share", each.name)
            locked.add(each.oid)


class Copying:
    """Makes what storage has of objects: tables and large objects with rows, sequences, empty indexes."""

    def __init__(
        self,
        context: StatementContext,
        before: CatalogView,
        after: CatalogView,
        oids: Mapping[int, int],
    ) -> None:
        self._context = context
        self._before, self._after, self._oids = before, after, oids
        self._snapshot = context.transaction.newest_snapshot()

    def copy(self, original: CatalogObject, copied: CatalogObject) -> Iterator[Wait]:
        """Make what storage has of the copy of an object."""
        transaction = self._context.transaction
        if isinstance(copied, Index) and copied.storage_id:
            table = self._after.object(copied.table)
            assert isinstance(table, Table), copied.name
            transaction.create_index(copied.storage_id, copied.unique, logged=table.is_logged)
        elif isinstance(original, Sequence) and isinstance(copied, Sequence):
            last, _, is_called = self._context.session.database.sequences.read(original)
            create_values(transaction, copied, last, is_called=is_called)
        elif isinstance(original, LargeObject) and isinstance(copied, LargeObject):
            yield from self._copy_rows(original.storage_id, copied.storage_id)
        elif isinstance(original, Table) and isinstance(copied, Table) and copied.storage_id:
            changed = conversions((self._before, original), (self._after, copied), self._oids)
            yield from self._copy_rows(
                original.storage_id, copied.storage_id, changed, logged=copied.is_logged
            )

    def _copy_rows(
        self,
        source_id: int,
        target_id: int,
        changed: Mapping[int, Conversion] = MappingProxyType({}),
        *,
        logged: bool = True,
    ) -> Iterator[Wait]:
        """Copy the rows of a relation, a row group at a time on a worker thread."""
        transaction, engine = self._context.transaction, self._context.engine
        source = engine.relation(source_id)
        target = transaction.create_relation(target_id, source.kinds, logged=logged)

        def insert(view: ScanView) -> None:
            columns, nulls = [], []
            for place in range(len(source.kinds)):
                values, valid = view.column(place)
                convert = changed.get(place)
                columns.append(as_stored(values) if convert is None else convert(values, valid))
                nulls.append(None if valid is None else ~valid)
            with engine.latch:
                target.insert(transaction, columns, nulls, view.count)

        workers = self._context.session.database.workers
        for view in source.scan(self._snapshot):
            yield Wait(workers.submit(partial(insert, view)), what="Execute")
