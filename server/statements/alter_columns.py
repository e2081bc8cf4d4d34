"""ALTER TABLE: columns that are added and dropped, and what is said about one: its default, whether it may be null."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.objects import CatalogObject, Column, Index, Table
from server.catalog.publication_objects import PublishedTable
from server.catalog.statistics_objects import ExtendedStatistics
from server.errors import (
    DuplicateColumn,
    FeatureNotSupported,
    InvalidTableDefinition,
    SqlSyntaxError,
    UndefinedColumn,
)
from server.planner.bind_modify import default_of_domain
from server.planner.scope import SYSTEM_COLUMNS
from server.planner.standalone import check_default, constant_default
from server.planner.stored_text import stored_default
from server.statements.alter_inheritance import hand_down_column
from server.statements.alter_types import refuse_row_users
from server.statements.column_definition import column_of
from server.statements.constraints import ConstraintNames
from server.statements.dependencies import Part
from server.statements.dependency_finders import of_default, readers_of_part
from server.statements.dependents import Dependent
from server.statements.described import describe
from server.statements.drop import drop_objects, dropped_column
from server.statements.field_readers import field_readers
from server.statements.partition_keys import refuse_rows_as_key
from server.statements.rewrite import rewrite_table
from server.statements.table_texts import columns_read, generated_from
from server.statements.tables import NewTable, add_constraint, checked_generation, own_sequence
from server.statements.unused_columns import with_unused_columns
from server.statements.verify import has_rows, verify_not_null
from server.statements.view_texts import keeping_views
from server.types.storage import storage_form, storage_kind
from storage.engine import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from server.executor.waits import Wait
    from server.sql import alter_commands as tree
    from server.sql.utility_statement import Option
    from server.statements.statement import StatementContext

from server.statements.alter_column import existing_column, with_column


def add_column(context: StatementContext, table: Table, command: tree.AddColumn) -> Iterator[Wait]:
    """ADD COLUMN: rows that are there get the default, without being touched where it is a constant."""
    item = command.column
    if table.column_named(item.name) is not None:
        message = f'column "{item.name}" of relation "{table.name}" already exists'
        if not command.if_not_exists:
            raise DuplicateColumn(message)
        context.notice("42701", f"{message}, skipping")
        return
    refuse_rows_as_key(table)
    table = with_unused_columns(context, table)
    new = NewTable(context, table, ConstraintNames(context, table), list(table.columns))
    column = column_of(context, new, item, len(table.columns) + 1)
    if column.generated:
        column = checked_generation(
            context, replace(table, columns=(*table.columns, column)), column
        )
    yield from put_column(context, table, column, new.sequences)
    yield from hand_down_column(context, table.oid, item.name)
    for constraint, holder in new.later:
        assert holder is not None
        yield from add_constraint(context, table.oid, constraint, (holder.name,), new.names)


def put_column(
    context: StatementContext,
    table: Table,
    column: Column,
    sequences: Iterable[tuple[Column, str, bool, tuple[Option, ...]]] = (),
) -> Iterator[Wait]:
    """Put a column at the end of a table; rows that are there get its default."""
    rows = has_rows(context, table)
    computed = bool(sequences) or bool(column.generated)
    missing = None
    kind_of_column = context.catalog.type(column.type)
    has_default = column.default is not None or kind_of_column.kind == "d"
    if computed or column.listed_default is not None:  # rows elsewhere would not have the value
        refuse_row_users(context, table.row_type, f'cannot alter table "{table.name}"', "table")
    if rows and has_default and not computed:
        is_constant, value = constant_default(
            context.environment(), table, column, context.execution()
        )
        computed = not is_constant
        if value is not None:
            missing = storage_form(kind_of_column, column.modifier, value)
    changed = replace(table, columns=(*table.columns, replace(column, missing=missing)))
    kind = Kind[storage_kind(kind_of_column, column.modifier)]
    if table.storage_id:
        with context.engine.latch:
            context.engine.relation(table.storage_id).add_column(context.transaction, kind, missing)
    with keeping_views(context, table.oid):
        context.ddl.put(changed)
    for owner, sequence_kind, is_identity, options in sequences:
        changed = yield from own_sequence(
            context, changed, owner.number, sequence_kind, is_identity, options
        )
    if rows and computed:
        yield from rewrite_table(
            context, changed, {column.number: _default_text(context, changed, column)}
        )
    elif column.not_null and rows:
        yield from verify_not_null(context, changed, column)


def _default_text(context: StatementContext, table: Table, column: Column) -> str:
    current = table.column(column.number)
    if current.identity:
        sequence = next(
            item
            for item in context.catalog.sequences_of(table.oid)
            if item.owned_by == (table.oid, column.number)
        )
        return f"nextval('{sequence.oid}'::regclass)"
    return current.default or default_of_domain(context.catalog, current.type) or "NULL"


def drop_column(
    context: StatementContext, table: Table, command: tree.DropColumn
) -> Iterator[Wait]:
    """DROP COLUMN: its number stays taken; indexes and constraints on it go along."""
    column = table.column_named(command.name)
    if column is None:
        if command.name in SYSTEM_COLUMNS:
            raise FeatureNotSupported(f'cannot drop system column "{command.name}"')
        message = f'column "{command.name}" of relation "{table.name}" does not exist'
        if not command.if_exists:
            raise UndefinedColumn(message)
        context.notice("00000", f"{message}, skipping")
        return
    refuse_rows_as_key(table)
    targets = _going_along(context, table, column)
    part = Part(
        f"column {column.name} of {describe(context, table)}",
        (
            *(Dependent(item, automatic=True) for item in targets),
            *_in_the_way(context, table, column),
        ),
        default_of=(table.oid, column.number),
    )
    yield from drop_objects(context, [], cascade=command.cascade, part=part)
    now = context.catalog.object(table.oid)
    assert isinstance(now, Table)
    with keeping_views(context, now.oid):
        context.ddl.put(with_column(now, dropped_column(context.catalog, column)))


def _going_along(context: StatementContext, table: Table, column: Column) -> list[CatalogObject]:
    """What goes with a column without a word: indexes and constraints over it, its sequence."""
    catalog = context.catalog
    indexes = [
        index
        for index in catalog.indexes_of(table.oid)
        if not index.constraint and _index_uses(context, table, index, column)
    ]
    including = {
        index.constraint
        for index in catalog.indexes_of(table.oid)
        if column.number in index.included
    }
    constraints = [
        item
        for item in catalog.constraints_of(table.oid)
        if column.number in item.columns or item.oid in including
    ]
    owned = (table.oid, column.number)
    sequences = [item for item in catalog.sequences_of(table.oid) if item.owned_by == owned]
    statistics = [
        item
        for item in catalog.listed(table.oid, ExtendedStatistics)
        if column.number in item.columns
        or any(column.number in columns_read(context, table, text) for text in item.expressions)
    ]
    return [*indexes, *constraints, *sequences, *statistics]


def _in_the_way(context: StatementContext, table: Table, column: Column) -> Iterator[Dependent]:
    """What goes with a column only with CASCADE."""
    for constraint in context.catalog.references_to(table.oid):
        if column.number in constraint.referenced_columns:
            yield Dependent(constraint, automatic=False)
    for reader in readers_of_part(context, table, column):
        yield Dependent(reader, automatic=False)
    for member in context.catalog.listed(table.oid, PublishedTable):
        if column.number in {*member.columns, *columns_read(context, table, member.condition)}:
            yield Dependent(member, automatic=False)
    for other in generated_from(context, table, column):
        yield of_default(context, table, other)
    yield from field_readers(context, table, column)


def _index_uses(context: StatementContext, table: Table, index: Index, column: Column) -> bool:
    if column.number in index.included or any(key.number == column.number for key in index.keys):
        return True
    texts = (index.predicate, *(key.expression for key in index.keys))
    return any(column.number in columns_read(context, table, text) for text in texts)


def _refuse_identity(table: Table, column: Column) -> None:
    if column.identity:
        raise SqlSyntaxError(
            f'column "{column.name}" of relation "{table.name}" is an identity column'
        )


def set_default(
    context: StatementContext, table: Table, command: tree.SetDefault
) -> Iterator[Wait]:
    """SET DEFAULT and DROP DEFAULT."""
    yield from ()
    column = existing_column(table, command.column)
    _refuse_identity(table, column)
    if column.generated:
        raise SqlSyntaxError(
            f'column "{column.name}" of relation "{table.name}" is a generated column'
        )
    default = None
    if command.default is not None:
        check_default(context.environment(), column, command.default.tree, context.statement.offset)
        default = stored_default(context.environment(), command.default.tree, column)
    context.ddl.put(with_column(table, replace(column, default=default)))


def set_not_null(
    context: StatementContext, table: Table, command: tree.SetNotNull
) -> Iterator[Wait]:
    """SET NOT NULL."""
    column = existing_column(table, command.column)
    yield from verify_not_null(context, table, column)
    context.ddl.put(with_column(table, replace(column, not_null=True)))


def drop_not_null(
    context: StatementContext, table: Table, command: tree.DropNotNull
) -> Iterator[Wait]:
    """DROP NOT NULL."""
    yield from ()
    column = existing_column(table, command.column)
    _refuse_identity(table, column)
    for constraint in context.catalog.constraints_of(table.oid):
        if constraint.kind == "p" and column.number in constraint.columns:
            raise InvalidTableDefinition(f'column "{column.name}" is in a primary key')
    for index in context.catalog.indexes_of(table.oid):
        if index.replica_identity and any(key.number == column.number for key in index.keys):
            raise InvalidTableDefinition(
                f'column "{column.name}" is in index used as replica identity'
            )
    context.ddl.put(with_column(table, replace(column, not_null=False)))
