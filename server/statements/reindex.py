"""REINDEX: indexes get new storage and are filled anew; those of the system catalog have none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from server.catalog.objects import (
    PG_TOAST_OID,
    Constraint,
    Index,
    Schema,
    Table,
)
from server.catalog.toast import table_of_toast
from server.catalog.views.physical import named_facts
from server.errors import FeatureNotSupported, InsufficientPrivilege, WrongObjectType
from server.oids import FIRST_USER_OID
from server.sql import utility_session as tree
from server.statements.index_phases import reindex_beside_writers
from server.statements.index_storage import rebuild_index
from server.statements.names import (
    find_relation,
    refuse_of_others,
    relation_named,
    schema_named,
    split_name,
)
from server.statements.option_values import boolean_option
from server.statements.ownership import owns, require_owner
from server.statements.statement import Run, StatementContext, Utility
from server.statements.tablespaces import place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.state import Relation

WEAK, PLAIN, STRONG = "share update exclusive", "share", "access exclusive"
"""Beside writers; of the table whose index is made anew; of that index."""
SYSTEM = (11, 13207)
"""The schemas of relations that are computed; in PostgreSQL those of information_schema are tables like any other."""
FIRST_UNPINNED_OID = 12_000
"""Below are the relations of the catalog itself, their TOAST tables and indexes among them."""


def reindex(context: StatementContext, statement: tree.Reindex) -> Run:
    """REINDEX."""
    how = _how(context, statement)
    block = context.session.transaction
    if statement.kind in ("schema", "system", "database"):
        block.refuse_in_block(f"REINDEX {statement.kind.upper()}")
        yield from _reindex_many(context, statement, how)
        return "REINDEX"
    if how.concurrently:
        block.refuse_in_block("REINDEX CONCURRENTLY")
    found = _named(context, statement)
    _check(context, statement.kind, found, concurrently=how.concurrently)
    if _is_system(found):
        if how.tablespace is not None:
            raise FeatureNotSupported(f'cannot move system relation "{_first_index(found)}"')
        return "REINDEX"
    if found.schema == PG_TOAST_OID:
        yield from _reindex_toast(context, found)
        return "REINDEX"
    refuse_of_others(context, found, "reindex")
    if _is_partitioned(context, found):
        block.refuse_in_block(f"REINDEX {statement.kind.upper()}")
    if isinstance(found, Index):
        yield from _reindex_one(context, found, how)
    else:
        yield from _reindex_table(context, found, how, notices=True)
    return "REINDEX"


def _named(context: StatementContext, statement: tree.Reindex) -> Relation:
    """What is to be made anew; indexes of the system catalog are no objects, and known by name alone."""
    found = find_relation(context, statement.name, statement.offset)
    if found is not None:
        return found
    schema, name = split_name(context, statement.name, statement.offset)
    for row in named_facts("pg_class") if schema in ("", "pg_catalog") else ():
        if row["relname"] == name and row["relkind"] == "i":
            home = row["relnamespace"]
            return Index(oid=row["oid"], name=name, schema=home, table=0, storage_id=0, keys=())
    return relation_named(context, statement.name, statement.offset)


def _is_system(found: Relation) -> bool:
    """Whether it belongs to the system catalog, whose relations are computed."""
    return found.schema in SYSTEM or found.oid < FIRST_USER_OID


def _first_index(found: Relation) -> str:
    """The index that PostgreSQL would come to first."""
    if isinstance(found, Index):
        return found.name
    indexes = {row["indexrelid"] for row in named_facts("pg_index") if row["indrelid"] == found.oid}
    names = (row["relname"] for row in named_facts("pg_class") if row["oid"] in indexes)
    return next(names, found.name)


def _reindex_toast(context: StatementContext, found: Relation) -> Iterator[Any]:
    """The index of a TOAST relation has nothing in it: it gets another file."""
    relation = context.catalog.object(found.table) if isinstance(found, Index) else found
    assert isinstance(relation, Table), found.name
    table = context.catalog.object(table_of_toast(relation))
    assert isinstance(table, Table), found.name
    yield from context.lock_relation(table.oid, WEAK, table.name)
    _renew_toast(context, table.oid)


def _renew_toast(context: StatementContext, oid: int) -> None:
    table = context.catalog.object(oid)
    if isinstance(table, Table) and table.toast is not None:
        toast = replace(table.toast, index_filenode=context.new_oid())
        context.ddl.put(replace(table, toast=toast))


@dataclass(frozen=True, slots=True)
class How:
    """How indexes are made anew, and the tablespace they move to; None: they stay."""

    concurrently: bool
    tablespace: int | None


def _how(context: StatementContext, statement: tree.Reindex) -> How:
    concurrently, tablespace = False, None
    for option in statement.options:
        if option.name == "concurrently":
            concurrently = boolean_option(option)
        elif option.name == "tablespace":
            tablespace = str(option.value)
    if tablespace is None:
        return How(concurrently, None)
    if concurrently and tablespace == "pg_global":
        raise FeatureNotSupported('cannot move non-shared relation to tablespace "pg_global"')
    return How(concurrently, place(context, tablespace))


def _check(context: StatementContext, kind: str, found: Relation, *, concurrently: bool) -> None:
    if kind == "index" and not isinstance(found, Index):
        raise WrongObjectType(f'"{found.name}" is not an index')
    if kind == "table" and not (isinstance(found, Table) and found.kind in "rpmt"):
        raise WrongObjectType(f'"{found.name}" is not a table or materialized view')
    require_owner(context, found)
    if concurrently and found.oid < FIRST_UNPINNED_OID:
        raise FeatureNotSupported("cannot reindex system catalogs concurrently")


def _is_partitioned(context: StatementContext, found: Any) -> bool:
    table = context.catalog.object(found.table) if isinstance(found, Index) else found
    return isinstance(table, Table) and table.kind == "p"


def _reindex_one(context: StatementContext, index: Index, how: How) -> Iterator[Any]:
    """An index, or the parts of a partitioned one."""
    if how.concurrently and _is_exclusion(context, index):
        raise FeatureNotSupported(
            "concurrent index creation for exclusion constraints is not supported"
        )
    parts = context.catalog.child_indexes_of(index.oid)
    yield from _rebuild(context, index, how)
    for part in parts:
        yield from _reindex_one(context, part, how)


def _reindex_table(
    context: StatementContext, found: Any, how: How, *, notices: bool
) -> Iterator[Any]:
    """All indexes of a table and its partitions."""
    indexes = context.catalog.indexes_of(found.oid)
    children = context.catalog.children_of(found.oid) if found.kind == "p" else ()
    if not indexes and notices and found.kind != "p" and found.toast is None:
        which = "that can be reindexed concurrently" if how.concurrently else "to reindex"
        context.notice("00000", f'table "{found.name}" has no indexes {which}')
    for index in indexes:
        what = _left_out(context, index) if how.concurrently else ""
        if what:
            home = context.catalog.object(index.schema)
            assert home is not None
            name = f"{home.name}.{index.name}"
            context.warn("0A000", f'cannot reindex {what} "{name}" concurrently, skipping')
        else:
            yield from _rebuild(context, index, how)
    if found.toast is not None:
        _renew_toast(context, found.oid)
    for child in children:
        yield from _reindex_table(context, child, how, notices=False)


def _left_out(context: StatementContext, index: Index) -> str:
    """What about an index keeps REINDEX TABLE CONCURRENTLY from it; nothing about most."""
    if not index.valid:
        return "invalid index"
    return "exclusion constraint index" if _is_exclusion(context, index) else ""


def _is_exclusion(context: StatementContext, index: Index) -> bool:
    constraint = context.catalog.object(index.constraint) if index.constraint else None
    return isinstance(constraint, Constraint) and constraint.kind == "x"


def _rebuild(context: StatementContext, index: Index, how: How) -> Iterator[Any]:
    """One index, which may be gone by the time its table is locked; concurrently: in transactions of its own."""
    table = context.catalog.object(index.table)
    if not isinstance(table, Table) or not table.storage_id:
        return
    beside_writers = how.concurrently and table.persistence != "t"
    yield from context.lock_relation(table.oid, WEAK if beside_writers else PLAIN, table.name)
    table, found = context.catalog.object(index.table), context.catalog.object(index.oid)
    if not isinstance(table, Table) or not isinstance(found, Index):
        return
    if not beside_writers:
        yield from context.lock_relation(found.oid, STRONG, found.name)
        yield from rebuild_index(context, table, found)
        _move(context, index.oid, how)
        return
    yield from reindex_beside_writers(context, table, found)
    _move(context, index.oid, how)
    yield from context.next_transaction()


def _move(context: StatementContext, oid: int, how: How) -> None:
    found = context.catalog.object(oid)
    if how.tablespace is not None and isinstance(found, Index):
        context.ddl.put(replace(found, tablespace=how.tablespace))


def _reindex_many(context: StatementContext, statement: tree.Reindex, how: How) -> Iterator[Any]:
    """REINDEX SCHEMA, SYSTEM and DATABASE."""
    concurrently = how.concurrently
    if statement.kind == "system" and concurrently:
        raise FeatureNotSupported("cannot reindex system catalogs concurrently")
    schema = _scope(context, statement)
    if concurrently and (schema is None or schema.oid in SYSTEM):
        context.warn("0A000", "cannot reindex system catalogs concurrently, skipping all")
    if statement.kind == "system":
        return
    for table in list(context.catalog.objects(Table)):
        is_meant = schema is None or table.schema == schema.oid
        if is_meant and table.kind in "rm" and table.storage_id and _may(context, table, schema):
            yield from _reindex_table(context, table, how, notices=False)


def _scope(context: StatementContext, statement: tree.Reindex) -> Schema | None:
    """The schema that is meant, whose owner the user must be; None for the database."""
    name = statement.name[-1]
    if statement.kind == "schema":
        schema = schema_named(context, name)
        require_owner(context, schema)
        return schema
    home = context.catalog.object(context.session.database_oid)
    assert home is not None
    if name and name != home.name:
        raise FeatureNotSupported("can only reindex the currently open database")
    if not owns(context, home):
        raise InsufficientPrivilege(f"must be owner of database {home.name}")
    return None


def _may(context: StatementContext, table: Table, schema: Schema | None) -> bool:
    return schema is not None or owns(context, table)


UTILITIES = (Utility(node=tree.Reindex, run=reindex),)
