"""ALTER TABLE forms that note something about a table, its columns or its indexes, and change no row.

What they note is shown by the catalog and goes along into dumps: how PostgreSQL would store columns, which
index a table is clustered on or replicated by.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from server.catalog.index_names import column_names
from server.catalog.objects import Column, Constraint, Index, Table
from server.catalog.views.physical import physical
from server.errors import (
    FeatureNotSupported,
    InvalidParameterValue,
    UndefinedColumn,
    UndefinedObject,
    WrongObjectType,
)
from server.statements.names import column_number
from server.statements.storage_parameters import option_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.waits import Wait
    from server.sql import alter_commands
    from server.statements.statement import StatementContext

STORAGES: Final = {"plain": "p", "external": "e", "extended": "x", "main": "m", "default": ""}
COMPRESSIONS: Final = {"pglz": "p", "lz4": "l", "default": ""}
COLUMN_OPTIONS: Final = ("n_distinct", "n_distinct_inherited")
TARGET_MAX: Final = 10000
IDENTITIES: Final = {"nothing": "n", "full": "f", "default": "d"}


def _put_column(context: StatementContext, table: Table, column: Column) -> None:
    columns = tuple(column if item.number == column.number else item for item in table.columns)
    context.ddl.put(replace(table, columns=columns))


def set_statistics(
    context: StatementContext, table: Table, command: alter_commands.SetStatistics
) -> Iterator[Wait]:
    """SET STATISTICS of a column."""
    yield from ()
    if command.number:
        raise FeatureNotSupported("cannot refer to non-index column by number")
    column = table.column(column_number(table, command.column))
    _put_column(
        context, table, replace(column, statistics_target=checked_target(context, command.target))
    )


def checked_target(context: StatementContext, target: int) -> int:
    """A statistics target as it is kept; raises for one below -1."""
    if target < -1:
        raise InvalidParameterValue(f"statistics target {target} is too low")
    if target > TARGET_MAX:
        context.warn("22023", f"lowering statistics target to {TARGET_MAX}")
    return min(target, TARGET_MAX)


def set_index_statistics(
    context: StatementContext, index: Index, command: alter_commands.SetStatistics
) -> Index:
    """ALTER INDEX ... ALTER COLUMN n SET STATISTICS: for expressions, which have no column of their own."""
    table = context.catalog.object(index.table)
    assert isinstance(table, Table)
    names = column_names(context.catalog, table, index)
    number = command.number
    if number > len(names):
        raise UndefinedColumn(f'column number {number} of relation "{index.name}" does not exist')
    if number > len(index.keys):
        raise FeatureNotSupported(
            f'cannot alter statistics on included column "{names[number - 1]}" of index '
            f'"{index.name}"'
        )
    key = index.keys[number - 1]
    if key.number:
        raise FeatureNotSupported(
            f'cannot alter statistics on non-expression column "{names[number - 1]}" of index '
            f'"{index.name}"',
            hint="Alter statistics on table column instead.",
        )
    key = replace(key, statistics_target=checked_target(context, command.target))
    keys = (*index.keys[: number - 1], key, *index.keys[number:])
    return replace(index, keys=keys)


def set_storage(
    context: StatementContext, table: Table, command: alter_commands.SetStorage
) -> Iterator[Wait]:
    """SET STORAGE: shown, and taken over by LIKE."""
    yield from ()
    word = command.storage.lower()
    if word not in STORAGES:
        raise InvalidParameterValue(f'invalid storage type "{command.storage}"')
    column = table.column(column_number(table, command.column))
    kind = context.catalog.type(column.type)
    if word not in ("plain", "default") and physical(context.catalog, column.type).storage == "p":
        raise FeatureNotSupported(f"column data type {kind.sql_name} can only have storage PLAIN")
    _put_column(context, table, replace(column, storage=STORAGES[word]))


def set_compression(
    context: StatementContext, table: Table, command: alter_commands.SetCompression
) -> Iterator[Wait]:
    """SET COMPRESSION: shown, and taken over by LIKE."""
    yield from ()
    column = table.column(column_number(table, command.column))
    _put_column(
        context, table, replace(column, compression=compression(context, column, command.method))
    )


def compression(context: StatementContext, column: Column, method: str) -> str:
    """The letter of a compression method for a column; raises for one that cannot be."""
    if method not in COMPRESSIONS:
        raise InvalidParameterValue(f'invalid compression method "{method}"')
    if method != "default" and physical(context.catalog, column.type).storage == "p":
        kind = context.catalog.type(column.type)
        raise FeatureNotSupported(f"column data type {kind.sql_name} does not support compression")
    return COMPRESSIONS[method]


def set_column_options(
    context: StatementContext, table: Table, command: alter_commands.SetColumnOptions
) -> Iterator[Wait]:
    """SET (n_distinct = ...) and RESET."""
    yield from ()
    column = table.column(column_number(table, command.column))
    options = dict(each.split("=", 1) for each in column.options)
    for option in command.options:
        if option.name not in COLUMN_OPTIONS:
            raise InvalidParameterValue(f'unrecognized parameter "{option.name}"')
        options.pop(option.name, None)
        if not command.reset:
            options[option.name] = option_text(option)
    texts = tuple(f"{name}={value}" for name, value in options.items())
    _put_column(context, table, replace(column, options=texts))


def _index_of(context: StatementContext, table: Table, name: str) -> Index:
    found = context.catalog.relation_named(table.schema, name)
    if found is None:
        raise UndefinedObject(f'index "{name}" for table "{table.name}" does not exist')
    if not isinstance(found, Index) or found.table != table.oid:
        raise WrongObjectType(f'"{name}" is not an index for table "{table.name}"')
    return found


def clusterable_index(context: StatementContext, table: Table, name: str) -> Index:
    """An index that a table can be clustered on."""
    index = _index_of(context, table, name)
    if index.method not in ("btree", "gist"):
        raise FeatureNotSupported(
            f'cannot cluster on index "{name}" because access method does not support clustering'
        )
    if index.predicate is not None:
        raise FeatureNotSupported(f'cannot cluster on partial index "{name}"')
    if not index.valid:
        raise FeatureNotSupported(f'cannot cluster on invalid index "{name}"')
    return index


def mark_clustered(context: StatementContext, table: Table, chosen: Index | None) -> None:
    """Note on which index a table is clustered."""
    for index in context.catalog.indexes_of(table.oid):
        is_chosen = chosen is not None and index.oid == chosen.oid
        if index.clustered != is_chosen:
            context.ddl.put(replace(index, clustered=is_chosen))


def cluster_on(
    context: StatementContext, table: Table, command: alter_commands.ClusterOn
) -> Iterator[Wait]:
    """CLUSTER ON and SET WITHOUT CLUSTER."""
    if table.kind == "p":
        raise FeatureNotSupported("cannot mark index clustered in partitioned table")
    index = clusterable_index(context, table, command.index) if command.index else None
    if index is not None:
        yield from context.lock_relation(index.oid, "share update exclusive", index.name)
    mark_clustered(context, table, index)


def set_replica_identity(
    context: StatementContext, table: Table, command: alter_commands.SetReplicaIdentity
) -> Iterator[Wait]:
    """REPLICA IDENTITY."""
    yield from ()
    chosen = 0
    if command.kind == "index":
        chosen = _replica_index(context, table, command.index).oid
    letter = IDENTITIES.get(command.kind, "i")
    context.ddl.put(replace(table, replica_identity=letter))
    for index in context.catalog.indexes_of(table.oid):
        if index.replica_identity != (index.oid == chosen):
            context.ddl.put(replace(index, replica_identity=index.oid == chosen))


def _replica_index(context: StatementContext, table: Table, name: str) -> Index:
    """An index that tells rows apart: unique, at once, over columns that are never NULL."""
    index = _index_of(context, table, name)
    if not index.unique:
        raise WrongObjectType(f'cannot use non-unique index "{name}" as replica identity')
    constraint = context.catalog.object(index.constraint) if index.constraint else None
    if isinstance(constraint, Constraint) and constraint.deferrable:
        raise FeatureNotSupported(f'cannot use non-immediate index "{name}" as replica identity')
    if any(not key.number for key in index.keys):
        raise FeatureNotSupported(f'cannot use expression index "{name}" as replica identity')
    if index.predicate is not None:
        raise FeatureNotSupported(f'cannot use partial index "{name}" as replica identity')
    for key in index.keys:
        column = table.column(key.number)
        if not column.not_null:
            raise WrongObjectType(
                f'index "{name}" cannot be used as replica identity because column '
                f'"{column.name}" is nullable'
            )
    return index
