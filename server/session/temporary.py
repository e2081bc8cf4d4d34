"""Temporary tables: a schema pg_temp_N of the session's own.

Emptied and dropped as the session and its transactions end.

The schema and what is in it are ordinary catalog objects. A server that was killed leaves them behind; the next start
drops them before anybody connects.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.catalog import Catalog, CatalogTransaction
from server.catalog.objects import (
    TEMPORARY_PREFIX,
    CatalogObject,
    Index,
    Policy,
    Schema,
    Table,
    UserType,
)
from server.catalog.trigger_objects import Rule, Trigger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.catalog.catalog_view import CatalogView
    from server.session.session import Session
    from server.session.session_facts import SessionFacts
    from server.session.state import Running
    from storage.engine import Engine, Kind, Transaction


def ensure_schema(session: SessionFacts) -> int:
    """The OID of the session's temporary schema, which is made when it is first needed."""
    running = session.transaction.running
    assert running is not None
    is_new = not session.temporary_schema
    oid = session.temporary_schema or session.database.catalog.new_oid()
    if is_new or running.catalog.view.object(oid) is None:  # it went with ROLLBACK TO SAVEPOINT
        running.catalog.put(Schema(oid=oid, name=f"{TEMPORARY_PREFIX}{session.pid}"))
    session.temporary_schema = oid

    def forget() -> None:
        session.temporary_schema = 0

    if is_new:
        running.storage.on_abort(forget)
    return oid


def contents(catalog: CatalogTransaction, schema: int) -> list[CatalogObject]:
    """Everything in a schema, and what cannot be without it: what belongs to tables first, then the tables."""
    everything = list(catalog.view.objects(CatalogObject))
    found = {value.oid: value for value in everything if getattr(value, "schema", 0) == schema}
    gone = {oid for value in found.values() for oid in _oids_of(value)}
    more: list[CatalogObject] = list(found.values())
    while more:
        more = [value for value in everything if value.oid not in found and _relies_on(value, gone)]
        found |= {value.oid: value for value in more}
        gone |= {oid for value in more for oid in _oids_of(value)}
    return sorted(found.values(), key=lambda value: isinstance(value, Table))


def _oids_of(value: CatalogObject) -> tuple[int, ...]:
    """The object itself and the types that come with it."""
    return value.oid, *(getattr(value, name, 0) for name in ("row_type", "array_type", "array_oid"))


def _relies_on(value: CatalogObject, gone: set[int]) -> bool:
    """Whether an object of any schema belongs to a relation, or is a domain over a type, that goes."""
    if isinstance(value, Policy | Rule | Trigger):
        return value.table in gone
    return isinstance(value, UserType) and value.kind == "d" and value.base_type in gone - {0}


def remove(
    catalog: CatalogTransaction, storage: Transaction, values: Iterable[CatalogObject]
) -> None:
    """Take objects out of the catalog, and their storage away."""
    for value in values:
        storage_id = getattr(value, "storage_id", 0)
        if storage_id:
            storage.drop_relation(storage_id)
        catalog.remove(value.oid)


def end_transaction(session: Session, running: Running) -> None:
    """Before a commit: ON COMMIT DELETE ROWS and ON COMMIT DROP."""
    if not session.temporary_schema:
        return
    for value in contents(running.catalog, session.temporary_schema):
        view = running.catalog.view
        table = view.object(value.oid)
        if not isinstance(table, Table) or not table.temporary_on_commit:
            continue
        if table.temporary_on_commit == "drop":
            remove(running.catalog, running.storage, _with_dependents(view, table))
        elif table.temporary_on_commit == "delete_rows" and table.storage_id:
            _empty(session.database.engine, running, table, view.indexes_of(table.oid))


def _with_dependents(view: CatalogView, table: Table) -> list[CatalogObject]:
    """A temporary table after everything that cannot be without it: views and children are temporary, too."""
    tables: dict[int, Table] = {}
    open_ends = [table]
    while open_ends:
        found = open_ends.pop()
        if found.oid not in tables:
            tables[found.oid] = found
            open_ends += view.children_of(found.oid)
            open_ends += [each for each in view.objects(Table) if found.oid in each.depends_on]
    owned: dict[int, CatalogObject] = {}
    for oid in tables:
        for each in (
            *view.references_to(oid),
            *view.indexes_of(oid),
            *view.constraints_of(oid),
            *view.sequences_of(oid),
            *view.policies_of(oid),
            *view.rules_of(oid),
            *view.triggers_of(oid),
        ):
            owned[each.oid] = each
    return [*owned.values(), *tables.values()]


def _empty(engine: Engine, running: Running, table: Table, indexes: Iterable[Index]) -> None:
    kinds: tuple[Kind, ...] = engine.relation(table.storage_id).kinds
    running.storage.drop_relation(table.storage_id)
    changed = replace(table, storage_id=engine.next_id())
    running.storage.create_relation(changed.storage_id, kinds, logged=False)
    running.catalog.put(changed)
    for index in indexes:
        running.storage.drop_index(index.storage_id)
        renewed = replace(index, storage_id=engine.next_id())
        running.storage.create_index(renewed.storage_id, renewed.unique, logged=False)
        running.catalog.put(renewed)


def empty_schema(catalog: CatalogTransaction, storage: Transaction, schema: int) -> None:
    """Drop everything in a temporary schema; the schema itself stays."""
    if schema:
        remove(catalog, storage, contents(catalog, schema))


def end_session(session: Session) -> None:
    """The session is over: its temporary objects go."""
    if session.temporary_schema:
        database = session.database
        drop_schemas(
            database.engine, database.catalog, session.database_oid, session.temporary_schema
        )
        session.temporary_schema = 0


def drop_schemas(engine: Engine, catalog: Catalog, database: int, schema: int = 0) -> None:
    """Drop one temporary schema of a database, or all of them (at the start of the server)."""
    found = [
        value
        for value in catalog.views[database].objects(Schema)
        if value.oid == schema or (not schema and value.is_temporary)
    ]
    if not found:
        return
    storage = engine.begin()
    changes = CatalogTransaction(catalog, database, storage)
    storage.on_commit(changes.publish)
    for value in found:
        empty_schema(changes, storage, value.oid)
        changes.remove(value.oid)
    storage.commit(synchronous=False)
