"""What a row that refers to others finds ready, so that those are looked up and kept in one step each.

Rule 1: this is for foreign keys that are nothing but stored columns beside stored columns of the same type; all
        others, and whatever is not plain to see, are for `queue_insert` and its checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from server.executor.table_shape import TableShape, shape_of
from storage.engine import KeyReader, LockMode, table_lock

if TYPE_CHECKING:
    from server.catalog.objects import Constraint
    from server.executor.context import ExecutionContext
    from storage.engine import TableLock


class ReferencedKey(NamedTuple):
    """Where the key of a row that is referred to lies in one that refers to it, and who finds it."""

    reader: KeyReader
    columns: tuple[int, ...]


def referenced_keys(
    shape: TableShape, context: ExecutionContext
) -> tuple[ReferencedKey, ...] | None:
    """All that a new row of a table refers to; None: that is for the checks."""
    found = [
        referenced_key(shape, constraint, context) if _is_plain(constraint) else None
        for constraint in shape.checked_later
    ]
    known = [key for key in found if key is not None]
    return tuple(known) if len(known) == len(found) else None


def are_checked_at_once(shape: TableShape) -> bool:
    """Whether what new rows are looked at for is foreign keys that cannot be put off."""
    return all(item.kind == "f" and not item.deferrable for item in shape.checked_later)


def referenced_locks(shape: TableShape, context: ExecutionContext) -> tuple[TableLock, ...]:
    """The locks that looking at what new rows refer to takes."""
    catalog = context.catalog
    oids = dict.fromkeys(item.referenced_table for item in shape.checked_later if item.kind == "f")
    tables = [oid for oid in oids if catalog.object(oid).kind == "r"]
    indexes = [index.oid for oid in tables for index in catalog.indexes_of(oid)]
    return tuple(table_lock(oid, LockMode.ROW_SHARE) for oid in (*tables, *indexes))


def _is_plain(constraint: Constraint) -> bool:
    return constraint.kind == "f" and constraint.match == "s" and not constraint.deferrable


def referenced_key(
    shape: TableShape, constraint: Constraint, context: ExecutionContext
) -> ReferencedKey | None:
    """Who finds what a foreign key refers to; None: it is not plain columns beside such of the same types."""
    table = context.catalog.object(constraint.referenced_table)
    if table.kind != "r":
        return None
    index = shape_of(table, context).unique_index_on(constraint.referenced_columns)
    if index is None or not index.is_plain:
        return None
    own = dict(zip(constraint.referenced_columns, constraint.columns, strict=True))
    columns = tuple(own[key.number] - 1 for key in index.index.keys)
    if [shape.types[column] for column in columns] != [part.reference for part in index.parts]:
        return None
    numbers = [key.number - 1 for key in index.index.keys]
    kinds = [part.kind for part in index.parts]
    reader = KeyReader(context.engine, table.storage_id, index.storage_id, numbers, kinds, ())
    return ReferencedKey(reader, columns)
