"""Partitions: the tree they form, and the test that hash partitioning is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.functions.scope import object_of, view_of
from server.catalog.objects import Index, Table
from server.catalog.partition_bounds import key_types
from server.catalog.partition_hash import row_hash
from server.errors import InvalidParameterValue, UndefinedTable
from server.functions.declare import row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.functions.function import CallContext

Part = Table | Index


def _part(call: CallContext, oid: int) -> Part | None:
    """A relation that is partitioned or a partition."""
    table = object_of(call, oid, Table)
    if table is not None:
        return table if table.kind == "p" or table.is_partition else None
    index = object_of(call, oid, Index)
    if index is None:
        return None
    owner = object_of(call, index.table, Table)
    is_part = bool(index.parent) or (owner is not None and owner.kind == "p")
    return index if is_part else None


def _parent(value: Part) -> int:
    if isinstance(value, Table):
        return value.parents[0] if value.is_partition and not value.detached_xid else 0
    return value.parent


def _ancestors(call: CallContext, oid: int) -> Iterator[int]:
    value = _part(call, oid)
    while value is not None:
        yield value.oid
        above = _parent(value)
        value = _part(call, above) if above else None


def _root(call: CallContext, oid: int) -> int | None:
    found = list(_ancestors(call, oid))
    return found[-1] if found else None


def _children(call: CallContext, value: Part) -> tuple[Part, ...]:
    view = view_of(call)
    if isinstance(value, Table):
        return view.children_of(value.oid) if value.kind == "p" else ()
    return tuple(sorted(view.child_indexes_of(value.oid), key=lambda index: index.table))


def _is_leaf(call: CallContext, value: Part) -> bool:
    if isinstance(value, Table):
        return value.kind != "p"
    owner = object_of(call, value.table, Table)
    return owner is None or owner.kind != "p"


def _tree(call: CallContext, oid: int) -> Iterator[tuple[Any, ...]]:
    root = _part(call, oid)
    if root is None:
        return
    pending: list[tuple[Part, int]] = [(root, 0)]
    while pending:
        value, level = pending.pop(0)
        yield value.oid, _parent(value) or None, _is_leaf(call, value), level
        pending.extend((child, level + 1) for child in _children(call, value))


def _check_numbers(modulus: int, remainder: int) -> None:
    if modulus <= 0:
        raise InvalidParameterValue(
            "modulus for hash partition must be an integer value greater than zero"
        )
    if remainder < 0:
        raise InvalidParameterValue(
            "remainder for hash partition must be an integer value greater than or equal to zero"
        )
    if remainder >= modulus:
        raise InvalidParameterValue("remainder for hash partition must be less than modulus")


def _satisfies_hash(
    call: CallContext, parent: int | None, modulus: int | None, remainder: int | None, *values: Any
) -> bool:
    if parent is None or modulus is None or remainder is None:
        return False
    _check_numbers(modulus, remainder)
    view = view_of(call)
    table = view.object(parent)
    if table is None:
        raise UndefinedTable(f"could not open relation with OID {parent}")
    key = table.partition_key if isinstance(table, Table) else None
    if key is None or key.strategy != "hash":
        raise InvalidParameterValue(f'"{table.name}" is not a hash partitioned table')
    types = [argument.type for argument in call.arguments[3:]]
    mark = ""
    if len(types) != len(values):  # VARIADIC: all are of the type of the array's items
        types, mark = types[-1:] * len(values), '"'
    if len(values) != len(key.parts):
        raise InvalidParameterValue(
            f"number of partitioning columns ({len(key.parts)}) does not match number of "
            f"partition keys provided ({len(values)})"
        )
    for number, (part, given) in enumerate(zip(key.parts, types, strict=False), 1):
        if given.oid != part.type:
            wanted = view.type(part.type).sql_name
            raise InvalidParameterValue(
                f"column {number} of the partition key has type {mark}{wanted}{mark}, "
                f"but supplied value is of type {mark}{given.sql_name}{mark}"
            )
    hashed = row_hash(key_types(view, key), values)
    return hashed % modulus == remainder


FUNCTIONS = (
    row(
        "3425 pg_partition_ancestors(partitionid regclass) regclass(relid regclass) volatile set context",
        _ancestors,
        "a partition and the tables above it",
    ),
    row(
        "3424 pg_partition_root(regclass) regclass stable context",
        _root,
        "the table above a partition",
    ),
    row(
        "3423 pg_partition_tree(rootrelid regclass) record(relid regclass, parentrelid regclass, "
        "isleaf bool, level int4) volatile set context",
        _tree,
        "the partitions of a table",
    ),
    row(
        "5028 satisfies_hash_partition(oid, int4, int4, variadic any) bool stable lax context",
        _satisfies_hash,
        "whether a key belongs into a partition by hash",
    ),
)
