"""Sizes of relations and databases, and bytes in a form for people."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from server.catalog.functions.scope import object_of, session_of, view_of
from server.catalog.objects import Database, Index, Sequence, Table
from server.catalog.tablespaces import Tablespace
from server.catalog.toast import table_of_toast
from server.catalog.views.physical import fact_of
from server.errors import (
    FeatureNotSupported,
    InvalidCatalogName,
    InvalidParameterValue,
    NumericValueOutOfRange,
)
from server.functions.declare import row
from server.oids import FIRST_USER_OID
from server.types.array import Array
from server.types.datum_sizes import PAYLOADS, computed_size, stored_size
from server.types.numeric import EXACT

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.catalog.catalog_view import CatalogView
    from server.functions.function import CallContext

UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")
KEPT_LIMIT = 10 * 1024
"""A number stays in its unit up to this."""


def _column_size(call: CallContext, value: Any, is_stored: bool = False) -> int:
    """What a value takes, in a row or by itself."""
    kind = call.arguments[0].type
    while kind.kind == "d":
        kind = view_of(call).type(kind.element_oid)
    element = view_of(call).type(value.element) if isinstance(value, Array) else None
    if kind.length == -1 and element is None and type(value) not in PAYLOADS:
        raise FeatureNotSupported(f"the size of values of type {kind.sql_name} is not supported")
    return (stored_size if is_stored else computed_size)(kind, value, element)


def main_bytes(call: CallContext, value: Any) -> int:
    """What one relation takes in storage, without its indexes and without values that have pages of their own."""
    if isinstance(value, Table) and value.kind == "t":
        return large_bytes(call, view_of(call).object(table_of_toast(value)))
    return _bytes(call, value, lambda relation: relation.page_count)


def large_bytes(call: CallContext, value: Any) -> int:
    """What the values of one relation take that have pages of their own, where PostgreSQL has a table of them."""
    if not isinstance(value, Table):
        return 0
    return _bytes(call, value, lambda relation: relation.large_page_count)


def table_bytes(call: CallContext, value: Any) -> int:
    """What one relation takes in storage, without its indexes."""
    return main_bytes(call, value) + large_bytes(call, value)


def _bytes(call: CallContext, value: Any, pages: Callable[[Any], int]) -> int:
    engine = session_of(call).database.engine
    if not getattr(value, "storage_id", 0):
        return 0
    lookup = engine.index if isinstance(value, Index) else engine.relation
    with engine.latch:
        relation = lookup(value.storage_id)
        return pages(relation) * int(relation.pager.page_bytes)


def _class(call: CallContext, oid: int) -> Any:
    """What has a row in pg_class, tables to look at and types of rows included."""
    value = view_of(call).object(oid)
    return value if isinstance(value, Table | Index | Sequence) else None


def _relation(call: CallContext, oid: int, fork: str = "main") -> int | None:
    value = _class(call, oid)
    if fork not in ("main", "fsm", "vm", "init"):
        raise InvalidParameterValue(
            "invalid fork name", hint='Valid fork names are "main", "fsm", "vm", and "init".'
        )
    if value is None:
        return None
    return main_bytes(call, value) if fork == "main" else 0


def _table(call: CallContext, oid: int) -> int | None:
    value = _class(call, oid)
    return None if value is None else table_bytes(call, value)


def _indexes(call: CallContext, oid: int) -> int | None:
    if _class(call, oid) is None:
        return None
    return sum(main_bytes(call, index) for index in view_of(call).indexes_of(oid))


def _total(call: CallContext, oid: int) -> int | None:
    own = _table(call, oid)
    return None if own is None else own + (_indexes(call, oid) or 0)


def _database_bytes(call: CallContext, view: CatalogView) -> int:
    relations: list[Any] = [*view.objects(Table), *view.objects(Index), *view.objects(Sequence)]
    return sum(table_bytes(call, value) for value in relations)


def _database(call: CallContext, oid: int) -> int | None:
    views = session_of(call).database.catalog.views
    if object_of(call, oid, Database) is None or oid not in views:
        return None
    return _database_bytes(call, views[oid])


def _database_named(call: CallContext, name: str) -> int | None:
    found = view_of(call).database_named(name)
    if found is None:
        raise InvalidCatalogName(f'database "{name}" does not exist')
    return _database(call, found.oid)


def _tablespace(call: CallContext, which: Any) -> int:
    return sum(
        _database_bytes(call, view) for view in session_of(call).database.catalog.views.values()
    )


def pretty_size(size: int) -> str:
    """Bytes in the unit that leaves at most four digits or so, rounded half up."""
    magnitude, sign = abs(size), "-" if size < 0 else ""
    if magnitude < KEPT_LIMIT:
        return f"{size} bytes"
    doubled = magnitude // 2**9  # one bit more than the unit, to round by
    for unit in UNITS[1:]:
        rounded = (doubled + 1) // 2
        if rounded < KEPT_LIMIT * 2 // 2 or unit == UNITS[-1]:
            return f"{sign}{rounded} {unit}"
        doubled //= 2**10
    raise AssertionError(size)


def _pretty_numeric(size: Decimal) -> str:
    if abs(size) < KEPT_LIMIT:
        return f"{size.normalize():f} bytes" if size == size.to_integral() else f"{size:f} bytes"
    return pretty_size(int(size))


_SIZE_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE]([+-]?[0-9]+))?")
_EXPONENT_MAX: Final = 130_000


def _size_bytes(text: str) -> int:
    words = text.strip()
    found = _SIZE_NUMBER.match(words)
    if found is None:
        raise InvalidParameterValue(f'invalid size: "{text}"')
    number, unit = found[0], words[found.end() :].strip().lower()
    names = {name.lower(): power for power, name in enumerate(UNITS)} | {"": 0, "b": 0}
    if unit not in names:
        raise InvalidParameterValue(
            f'invalid size: "{text}"',
            detail=f'Invalid size unit: "{words[found.end() :].strip()}".',
            hint='Valid units are "bytes", "kB", "MB", "GB", "TB", and "PB".',
        )
    if abs(int(found[1] or 0)) > _EXPONENT_MAX:
        raise NumericValueOutOfRange("value overflows numeric format")
    size: int = round(EXACT.multiply(Decimal(number), 1024 ** names[unit]))
    if not -(2**63) <= size < 2**63:
        raise NumericValueOutOfRange("bigint out of range")
    return size


def _location(call: CallContext, oid: int) -> str:
    found = object_of(call, oid, Tablespace)
    if found is None:
        return ""
    return found.location or f"pg_tblspc/{oid}"


def _file_path(call: CallContext, oid: int) -> str | None:
    return None


def _file_node(call: CallContext, oid: int) -> int | None:
    """The number of a relation's file; those of the system catalog have their own OID."""
    value = view_of(call).object(oid)
    if value is None:
        return None if fact_of("pg_class", oid) is None else oid
    if not isinstance(value, Table | Index | Sequence):
        return None
    filenode: int = getattr(value, "filenode", 0)
    is_system = oid < FIRST_USER_OID and getattr(value, "kind", "") == "r"
    return filenode or (oid if value.storage_id or is_system else None)


def _of_file_node(call: CallContext, tablespace: int, number: int) -> int | None:
    """The relation with that storage, which is not a temporary one; where it would lie does not matter."""
    del tablespace
    view = view_of(call)
    if not number:
        return None
    if _file_node(call, number) == number:
        return None if getattr(view.object(number), "persistence", "p") == "t" else number
    moved: tuple[Table | Index, ...] = (*view.objects(Table), *view.objects(Index), *view.shown())
    return next((value.oid for value in moved if value.filenode == number), None)


FUNCTIONS = (
    row(
        "1269 pg_column_size(any) int4 stable context",
        _column_size,
        "how many bytes PostgreSQL gives to a value",
    ),
    row("2325 pg_relation_size(regclass) int8 volatile context", _relation, "bytes of a relation"),
    row(
        "2332 pg_relation_size(regclass, text) int8 volatile context",
        _relation,
        "bytes of a fork of a relation",
    ),
    row("2997 pg_table_size(regclass) int8 volatile context", _table, "bytes of a table"),
    row("2998 pg_indexes_size(regclass) int8 volatile context", _indexes, "bytes of its indexes"),
    row(
        "2286 pg_total_relation_size(regclass) int8 volatile context",
        _total,
        "bytes of a table and its indexes",
    ),
    row("2324 pg_database_size(oid) int8 volatile context", _database, "bytes of a database"),
    row(
        "2168 pg_database_size(name) int8 volatile context",
        _database_named,
        "bytes of a database",
    ),
    row("2322 pg_tablespace_size(oid) int8 volatile context", _tablespace, "bytes of a tablespace"),
    row(
        "2323 pg_tablespace_size(name) int8 volatile context", _tablespace, "bytes of a tablespace"
    ),
    row("2288 pg_size_pretty(int8) text", pretty_size, "bytes for people", "10485760 -> 10 MB"),
    row("3166 pg_size_pretty(numeric) text", _pretty_numeric, "bytes for people"),
    row("3334 pg_size_bytes(text) int8", _size_bytes, "bytes of a size", "'1 kB' -> 1024"),
    row("3778 pg_tablespace_location(oid) text stable context", _location, "where a tablespace is"),
    row(
        "3034 pg_relation_filepath(regclass) text stable context",
        _file_path,
        "the file of a relation; storage has no file of its own for one",
    ),
    row(
        "2999 pg_relation_filenode(regclass) oid stable context",
        _file_node,
        "the number of a relation's storage",
    ),
    row(
        "3454 pg_filenode_relation(oid, oid) regclass stable context",
        _of_file_node,
        "the relation whose storage has a number",
    ),
)
