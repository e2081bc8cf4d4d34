"""Indexes and keys of partitioned tables: each partition has an index of its own for every one of them.

Rule 1: the index of a partitioned table has no entries; it is the parent of those that have.
Rule 2: an index that a partition has already is taken, when it is the same but for its name; otherwise one is
        made.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.objects import Constraint, Index, IndexKey, Table
from server.errors import FeatureNotSupported, WrongObjectType
from server.statements.index_copies import copy_index
from server.statements.inheritance import child_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.waits import Wait
    from server.statements.statement import StatementContext


def refuse_partial_key(table: Table, numbers: tuple[int, ...], word: str) -> None:
    """Raise unless a unique key of a partitioned table has all columns of its partition key."""
    key = table.partition_key
    if key is None:
        return
    for part in key.parts:
        if not part.number:
            raise FeatureNotSupported(
                f"unsupported {word} constraint with partition key definition",
                detail=f"{word} constraints cannot be used when partition keys include expressions.",
            )
        if part.number not in numbers:
            raise FeatureNotSupported(
                "unique constraint on partitioned table must include all partitioning columns",
                detail=f'{word} constraint on table "{table.name}" lacks column '
                f'"{table.column(part.number).name}" which is part of the partition key.',
            )


def spread_index(context: StatementContext, table: Table, index: Index) -> Iterator[Wait]:
    """Give every partition its part of an index of a partitioned table."""
    if table.kind != "p":
        return
    for child in context.catalog.children_of(table.oid):
        yield from context.lock_relation(child.oid, "share", child.name)
        yield from index_partition(context, table, index, child)


def index_partition(
    context: StatementContext, table: Table, index: Index, child: Table
) -> Iterator[Wait]:
    """Give one partition its part of an index: one that it has, or a new one; foreign tables have none."""
    if child.kind == "f":
        if index.unique:
            raise WrongObjectType(
                f'cannot create unique index on partitioned table "{table.name}"',
                detail=f'Table "{table.name}" contains partitions that are foreign tables.',
            )
        return
    wanted = _translated(table, index, child)
    if index.unique:
        numbers = tuple(key.number for key in wanted.keys)
        refuse_partial_key(child, numbers, "PRIMARY KEY" if index.primary else "UNIQUE")
    for own in context.catalog.indexes_of(child.oid):
        if not own.parent and _is_same(own, wanted) and _fits_constraint(context, index, own):
            attach_index(context, index, own)
            if not own.valid:  # of a partitioned table that has it only in part
                context.ddl.put(replace(_now(context, index), valid=False))
            return
    child, made = yield from copy_index(context, child, wanted, is_part=True)
    yield from spread_index(context, child, made)


def _now(context: StatementContext, index: Index) -> Index:
    found = context.catalog.object(index.oid)
    assert isinstance(found, Index)
    return found


def _translated(table: Table, index: Index, child: Table) -> Index:
    """The index as the child would have it."""

    def number(key: int) -> int:
        return child_numbers(table, child, (key,))[0] if key else 0

    return replace(
        index,
        table=child.oid,
        keys=tuple(replace(key, number=number(key.number)) for key in index.keys),
        included=tuple(number(key) for key in index.included),
    )


def _is_same(own: Index, wanted: Index) -> bool:
    def shape(index: Index) -> tuple[object, ...]:
        keys = tuple(_plain(key) for key in index.keys)
        return (
            keys, index.included, index.method, index.unique, index.predicate,
            index.nulls_not_distinct,
        )  # fmt: skip

    return shape(own) == shape(wanted)


def _plain(key: IndexKey) -> IndexKey:
    return replace(key, type=0)


def is_part_of(table: Table, index: Index, child: Table, own: Index) -> bool:
    """Whether an index of a partition is what an index of its table would be there."""
    return _is_same(own, _translated(table, index, child))


def _fits_constraint(context: StatementContext, index: Index, own: Index) -> bool:
    if not index.constraint:
        return True
    if not own.constraint:
        return False
    wanted, found = context.catalog.object(index.constraint), context.catalog.object(own.constraint)
    assert isinstance(wanted, Constraint)
    assert isinstance(found, Constraint)
    return wanted.kind == found.kind and wanted.deferrable == found.deferrable


def attach_index(context: StatementContext, index: Index, own: Index) -> None:
    """Make an index of a partition the part of a partitioned one."""
    context.ddl.put(replace(own, parent=index.oid))
    if index.constraint and own.constraint:
        found = context.catalog.object(own.constraint)
        assert isinstance(found, Constraint)
        context.ddl.put(replace(found, parent=index.constraint, inherited=1, local=False))


def take_indexes(context: StatementContext, table: Table, child: Table) -> Iterator[Wait]:
    """Give a new partition its part of all indexes of the partitioned table."""
    for index in context.catalog.indexes_of(table.oid):
        current = context.catalog.object(child.oid)
        assert isinstance(current, Table)
        yield from index_partition(context, table, index, current)


def release_indexes(context: StatementContext, child: Table) -> None:
    """The indexes of a table that is no partition any more are its own."""
    for index in context.catalog.indexes_of(child.oid):
        if not index.parent:
            continue
        context.ddl.put(replace(index, parent=0))
        constraint = context.catalog.object(index.constraint) if index.constraint else None
        if isinstance(constraint, Constraint):
            context.ddl.put(replace(constraint, parent=0, inherited=0, local=True))
