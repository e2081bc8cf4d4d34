"""pg_class and pg_attribute: relations of every kind and their columns."""

from __future__ import annotations

from functools import singledispatch
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from server.catalog.index_names import column_names
from server.catalog.objects import (
    INFORMATION_SCHEMA_OID,
    PG_CATALOG_OID,
    CatalogObject,
    Column,
    Index,
    Sequence,
    Table,
)
from server.catalog.partition_text import bound_text
from server.catalog.views.moments import oldest_xid
from server.catalog.views.noted_objects import NotedObjects
from server.catalog.views.physical import (
    BTREE_OID,
    HEAP_OID,
    Physical,
    kept_type,
    method_oids,
    named_facts,
    physical,
)
from server.catalog.views.relation import Row, SystemRelation
from server.catalog.views.values import acl_array, texts_or_null

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from server.catalog.catalog_view import CatalogView

SYSTEM_SCHEMAS = (PG_CATALOG_OID, INFORMATION_SCHEMA_OID)
C_COLLATION, DEFAULT_COLLATION = 950, 100
ROWS_UNKNOWN = -1.0

_CLASS_DEFAULTS: dict[str, Any] = {
    "reltype": 0,
    "reloftype": 0,
    "relam": 0,
    "reltablespace": 0,
    "relpages": 0,
    "reltuples": ROWS_UNKNOWN,
    "relallvisible": 0,
    "reltoastrelid": 0,
    "relhasindex": False,
    "relisshared": False,
    "relpersistence": "p",
    "relchecks": 0,
    "relhasrules": False,
    "relhastriggers": False,
    "relhassubclass": False,
    "relrowsecurity": False,
    "relforcerowsecurity": False,
    "relispopulated": True,
    "relreplident": "n",
    "relispartition": False,
    "relrewrite": 0,
    "relfrozenxid": 0,
    "relminmxid": 0,
}


@singledispatch
def class_row(value: CatalogObject, view: CatalogView) -> Row:
    """The row of pg_class of a relation."""
    raise TypeError(value)


def _common(value: Any, view: CatalogView) -> dict[str, Any]:
    return _CLASS_DEFAULTS | {
        "oid": value.oid,
        "relname": value.name,
        "relnamespace": value.schema,
        "relowner": value.owner,
        "relfilenode": getattr(value, "filenode", 0) or (value.oid if value.storage_id else 0),
        "reltablespace": getattr(value, "tablespace", 0),
        "relacl": acl_array(view, value.acl),
    }


@class_row.register(Table)
def _(value: Table, view: CatalogView) -> Row:
    is_system = value.schema in SYSTEM_SCHEMAS
    is_stored = value.kind in "rmt"
    statistics = view.statistics_of(value.oid)
    constraints = view.constraints_of(value.oid)
    keys = [item for item in constraints if item.kind == "f"]
    return _common(value, view) | {
        "reltype": value.row_type,
        "relam": HEAP_OID if is_stored else 0,
        "relkind": value.kind,
        "relnatts": len(value.columns),
        "relfrozenxid": int(is_stored),  # the moment says which
        "relminmxid": int(is_stored),
        "reltoastrelid": value.toast.oid if value.toast is not None else 0,
        "relpages": statistics.pages if statistics else 0,
        "reltuples": statistics.rows if statistics else (ROWS_UNKNOWN if is_stored else 0.0),
        "relhasindex": bool(view.indexes_of(value.oid))
        or value.oid in _indexed_catalogs(is_system),
        "relpersistence": value.persistence,
        "relchecks": sum(item.kind == "c" for item in constraints),
        "relhasrules": value.kind in "vm" or bool(view.rules_of(value.oid)),
        "relhastriggers": bool(
            keys or view.references_to(value.oid) or view.triggers_of(value.oid)
        ),
        "relhassubclass": view.has_children(value.oid),
        "relispopulated": value.populated,
        "relispartition": value.is_partition,
        "relpartbound": _bound(value, view),
        "reloftype": value.of_type,
        "relrowsecurity": value.row_security,
        "relforcerowsecurity": value.force_row_security,
        "relreplident": value.replica_identity if value.kind in "rmp" and not is_system else "n",
        "reloptions": texts_or_null(value.options),
    }


def _bound(value: Table, view: CatalogView) -> str | None:
    if value.bound is None:
        return None
    parent = view.object(value.parents[0])
    assert isinstance(parent, Table)
    return bound_text(view, parent, value.bound)


def _indexed_catalogs(is_system: bool) -> frozenset[int]:
    if not is_system:
        return frozenset()
    return frozenset(row["indrelid"] for row in named_facts("pg_index"))


@class_row.register(Index)
def _(value: Index, view: CatalogView) -> Row:
    table = view.object(value.table)
    return _common(value, view) | {
        "relowner": table.owner if table else value.owner,
        "relam": method_oids().get(value.method, BTREE_OID),
        "relkind": "I" if getattr(table, "kind", "r") == "p" else "i",
        "relispartition": bool(value.parent),
        "relhassubclass": view.has_children(value.oid),
        "relnatts": len(value.keys) + len(value.included),
        "relpersistence": getattr(table, "persistence", "p"),
        "reltuples": 0.0,
        "reloptions": texts_or_null(value.options),
    }


@class_row.register(Sequence)
def _(value: Sequence, view: CatalogView) -> Row:
    return _common(value, view) | {
        "relkind": "S",
        "relnatts": 3,
        "relpages": 1,
        "reltuples": 1.0,
        "relpersistence": value.persistence,
    }


def relations(view: CatalogView) -> Iterator[Any]:
    """Every table, view, index and sequence of the view's state, and what tables bring along."""
    yield from view.state.of_kind(Table, Index, Sequence)
    yield from view.state.shown.values()


def _builtin_classes(view: CatalogView) -> Iterable[Row]:
    yield from named_facts("pg_class")
    for value in view.objects(Table):
        yield class_row(value, view)


# Columns

EMPTY: Final[Mapping[int, tuple[str, ...]]] = MappingProxyType({})
_ATTRIBUTE_DEFAULTS: dict[str, Any] = {
    "attstattarget": -1,
    "attndims": 0,
    "attcacheoff": -1,
    "atttypmod": -1,
    "attcompression": "",
    "attnotnull": False,
    "atthasdef": False,
    "atthasmissing": False,
    "attidentity": "",
    "attgenerated": "",
    "attisdropped": False,
    "attislocal": True,
    "attinhcount": 0,
    "attcollation": 0,
}

SYSTEM_COLUMNS = (
    (-1, "ctid", 27),
    (-2, "xmin", 28),
    (-3, "cmin", 29),
    (-4, "xmax", 28),
    (-5, "cmax", 29),
    (-6, "tableoid", 26),
)
SEQUENCE_COLUMNS = ((1, "last_value", 20), (2, "log_cnt", 20), (3, "is_called", 16))


def _layout(found: Physical) -> dict[str, Any]:
    return {
        "attlen": found.length,
        "attbyval": found.by_value,
        "attalign": found.alignment,
        "attstorage": found.storage,
    }


def _fixed_columns(
    view: CatalogView,
    oid: int,
    columns: Iterable[tuple[int, str, int]],
    acls: Mapping[int, tuple[str, ...]] = EMPTY,
) -> Iterator[Row]:
    for number, name, type_oid in columns:
        yield _ATTRIBUTE_DEFAULTS | _layout(physical(view, type_oid)) | {
            "attrelid": oid,
            "attname": name,
            "atttypid": type_oid,
            "attnum": number,
            "attacl": acl_array(view, acls.get(number)),
            "attstattarget": 0 if number < 0 else -1,
            "attnotnull": True,
        }  # fmt: skip


def _table_column(view: CatalogView, table: Table, column: Column) -> Row:
    row = _ATTRIBUTE_DEFAULTS | {
        "attrelid": table.oid,
        "attnum": column.number,
        "attndims": column.dimensions,
        "atttypmod": column.modifier,
        "attstattarget": column.statistics_target,
    }
    try:
        found = physical(view, column.type)
    except KeyError:  # of a column that was dropped, its type has gone as well
        found = Physical(-1, False, "i", "p", 0)
    row |= _layout(found)
    if column.storage:
        row["attstorage"] = column.storage
    if column.dropped:
        name = f"........pg.dropped.{column.number}........"
        return row | {"attname": name, "atttypid": 0, "attisdropped": True, "attstattarget": 0}
    return row | {
        "attname": column.name,
        "atttypid": column.type,
        "attndims": column.dimensions,
        "attnotnull": column.not_null,
        "atthasdef": column.listed_default is not None,
        "atthasmissing": column.missing is not None,
        "attidentity": column.identity,
        "attgenerated": column.generated,
        "attcollation": column.collation or _collation(table, found),
        "attacl": acl_array(view, column.acl),
        "attcompression": column.compression,
        "attoptions": texts_or_null(column.options),
        "attfdwoptions": texts_or_null(column.foreign_options),
        "attislocal": column.local,
        "attinhcount": column.inherited,
    }


def collation_of(view: CatalogView, table: Table, column: Column) -> int:
    """The collation of a column's values, its type's where none was said; 0 for none."""
    return column.collation or _collation(table, physical(view, column.type))


def _collation(table: Table, found: Physical) -> int:
    """Catalogs proper sort by bytes."""
    is_catalog = table.schema == PG_CATALOG_OID and table.kind == "r"
    return C_COLLATION if is_catalog and found.collation == DEFAULT_COLLATION else found.collation


def _index_columns(view: CatalogView, index: Index) -> Iterator[Row]:
    table = view.object(index.table)
    assert isinstance(table, Table), index.name
    names = column_names(view, table, index)
    parts: list[tuple[int, int, int]] = [
        (key.type or table.column(key.number).type, key.number, key.collation) for key in index.keys
    ]
    parts += [(table.column(number).type, number, 0) for number in index.included]
    for position, (name, (type_oid, number, collation)) in enumerate(
        zip(names, parts, strict=True), 1
    ):
        found = physical(view, type_oid)
        column = table.column(number) if number else None
        key = index.keys[position - 1] if position <= len(index.keys) else None
        kept = kept_type(view, index.method, type_oid, key.operator_class) if key else 0
        is_own = kept in (0, type_oid)
        layout = _layout(found if is_own else physical(view, kept))
        if is_own and column is not None and column.storage:
            layout["attstorage"] = column.storage
        yield _ATTRIBUTE_DEFAULTS | layout | {
            "attrelid": index.oid,
            "attname": name,
            "atttypid": type_oid if is_own else kept,
            "attnum": position,
            "atttypmod": column.modifier if column and is_own else -1,
            "attstattarget": key.statistics_target if key else -1,
            "attoptions": texts_or_null(key.class_options if key else ()),
            "attcollation": collation or (column.collation if column else 0) or found.collation,
        }  # fmt: skip


def attribute_rows(view: CatalogView, value: CatalogObject) -> Iterator[Row]:
    """The rows of pg_attribute of a relation."""
    if isinstance(value, Index):
        yield from _index_columns(view, value)
        return
    if isinstance(value, Sequence):
        yield from _fixed_columns(view, value.oid, SEQUENCE_COLUMNS)
    if isinstance(value, Table):
        for column in value.columns:
            yield _table_column(view, value, column)
    if not isinstance(value, Table) or value.kind in "rmpt":
        acls = dict(value.system_acls) if isinstance(value, Table) else EMPTY
        yield from _fixed_columns(view, value.oid, SYSTEM_COLUMNS, acls)


def _builtin_attributes(view: CatalogView) -> Iterator[Row]:
    tables = {table.oid: table for table in view.objects(Table)}
    for relation in (*tables.values(), *view.shown()):
        yield from attribute_rows(view, relation)
    for row in named_facts("pg_index"):
        if row["indrelid"] not in tables:
            continue
        table = tables[row["indrelid"]]
        for position, number in enumerate(row["indkey"].items, 1):
            column = _table_column(view, table, table.column(number))
            own = {"attrelid": row["indexrelid"], "attnum": position}
            yield {**column, **own, "attnotnull": False, "attacl": None}


RELATIONS = (
    SystemRelation(
        name="pg_class",
        builtin=_builtin_classes,
        noted=NotedObjects(relations, lambda view, value: (class_row(value, view),)),
        momentary=(("relfrozenxid", oldest_xid),),
    ),
    SystemRelation(
        name="pg_attribute",
        builtin=_builtin_attributes,
        noted=NotedObjects(relations, attribute_rows),
    ),
)
