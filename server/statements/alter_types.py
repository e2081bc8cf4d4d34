"""ALTER COLUMN TYPE: the rows are written anew, every new value from the row as it was.

Rule 1: all changes of one statement are made together, so that USING reads old values only.
Rule 2: nothing that reads the column is left behind with a meaning of its own: views, policies and generated
        columns stand in the way, foreign keys have to compare the new type.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.index_names import key_names
from server.catalog.objects import Column, Constraint, Index, Table, UserType
from server.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    InvalidColumnDefinition,
    InvalidParameterValue,
)
from server.identifiers import quote_identifier
from server.oids import INT2, INT4, INT8
from server.planner.domains import check_of
from server.planner.standalone import bind_type_name, can_assign, keeps_default, type_over_table
from server.statements.analyze import forget_columns
from server.statements.body_texts import bodies_reading
from server.statements.collations import collation_for
from server.statements.column_definition import refuse_itself
from server.statements.column_types import refuse_pseudo_type
from server.statements.constraints import check_key_types
from server.statements.described import describe
from server.statements.names import column_number
from server.statements.rewrite import Conversion, rewrite_table
from server.statements.sequences import retype_identity
from server.statements.table_texts import generated_from, policies_reading
from server.statements.view_texts import readers_of_column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.waits import Wait
    from server.sql import alter_commands
    from server.statements.statement import StatementContext


def alter_types(
    context: StatementContext, table: Table, command: alter_commands.AlterColumnTypes
) -> Iterator[Wait]:
    """All ALTER COLUMN TYPE of one statement."""
    columns = {}
    conversions = {}
    for change in command.changes:
        column = table.column(column_number(table, change.column))
        changed = _changed(context, table, column, change)
        columns[column.number] = changed
        conversions[column.number] = _conversion(context, table, column, changed, change)
    now = replace(
        table, columns=tuple(columns.get(column.number, column) for column in table.columns)
    )
    for changed in columns.values():
        if not keeps_default(context.environment(), now, changed):
            what = "generation expression" if changed.generated else "default"
            raise DatatypeMismatch(
                f'{what} for column "{changed.name}" cannot be cast automatically to type '
                f"{context.catalog.type(changed.type).sql_name}"
            )
    word = "type" if table.kind == "c" else "table"
    refuse_row_users(context, table.row_type, f'cannot alter {word} "{table.name}"', word)
    _follow_collations(context, table, columns)
    yield from _write(context, table, now, conversions)
    forget_columns(context, table, frozenset(columns))
    _check_domains(context, table)
    _check_foreign_keys(context, now, frozenset(columns))
    for changed in columns.values():
        if changed.identity:
            yield from retype_identity(context, now, changed)


def _follow_collations(context: StatementContext, table: Table, columns: dict[int, Column]) -> None:
    """Keys of indexes that have the collation of their column have that of its new type."""
    for index in context.catalog.indexes_of(table.oid):
        keys = tuple(
            replace(key, collation=columns[key.number].collation)
            if key.number in columns and key.collation == table.column(key.number).collation
            else key
            for key in index.keys
        )
        if keys != index.keys:
            context.ddl.put(replace(index, keys=keys))


def _write(
    context: StatementContext, table: Table, now: Table, conversions: dict[int, Conversion]
) -> Iterator[Wait]:
    if not table.storage_id:
        yield from ()
        context.ddl.put(now)
    else:
        yield from rewrite_table(context, now, {}, old=table, conversions=conversions)


def _changed(
    context: StatementContext, table: Table, column: Column, command: alter_commands.AlterColumnType
) -> Column:
    """The column with its new type; raises for what stands in the way."""
    _refuse_readers(context, table, column)
    reference = bind_type_name(context.environment(), command.type)
    refuse_pseudo_type(column.name, reference.type)
    if column.identity and reference.oid not in (INT8, INT2, INT4):
        raise InvalidParameterValue("identity column type must be smallint, integer, or bigint")
    refuse_itself(context, table, reference.oid)
    if command.using is not None and column.generated:
        raise InvalidColumnDefinition(
            "cannot specify USING when altering type of generated column",
            detail=f'Column "{column.name}" is a generated column.',
        )
    return replace(
        column,
        default=_listed_default(column),
        type=reference.oid,
        modifier=reference.modifier,
        collation=collation_for(context, command.collation, reference.oid)
        or reference.type.collation,
        missing=None,
        dimensions=len(command.type.args.get("array_bounds") or ()),
    )


def _listed_default(column: Column) -> str | None:
    """The default; a NULL that a length made one to be listed stays listed: in parentheses."""
    default = column.listed_default
    if default is not None and default.startswith("NULL::"):
        return f"({default})"
    return column.default


def _refuse_readers(context: StatementContext, table: Table, column: Column) -> None:
    """Views, policies and generated columns keep the type of what they read."""
    readers = readers_of_column(context, table, column)
    if readers:
        raise FeatureNotSupported(
            "cannot alter type of a column used by a view or rule",
            detail=f"rule _RETURN on {describe(context, readers[0])} "
            f'depends on column "{column.name}"',
        )
    for function in bodies_reading(context, table, column):
        raise FeatureNotSupported(
            "cannot alter type of a column used by a function or procedure",
            detail=f'{describe(context, function)} depends on column "{column.name}"',
        )
    for policy in policies_reading(context, table, column):
        raise FeatureNotSupported(
            "cannot alter type of a column used in a policy definition",
            detail=f'{describe(context, policy)} depends on column "{column.name}"',
        )
    for other in generated_from(context, table, column):
        raise FeatureNotSupported(
            "cannot alter type of a column used by a generated column",
            detail=f'Column "{column.name}" is used by generated column "{other.name}".',
        )


def _conversion(
    context: StatementContext,
    table: Table,
    column: Column,
    changed: Column,
    command: alter_commands.AlterColumnType,
) -> Conversion:
    """How a value of the column is made of its row; raises DatatypeMismatch where that takes a cast."""
    environment = context.environment()
    using = command.using.source if command.using is not None else None
    source = column.type if using is None else type_over_table(environment, table, using)
    if table.kind != "c" and not can_assign(environment, source, changed.type):
        kind = context.catalog.type(changed.type).sql_name
        name = quote_identifier(column.name)
        if using is not None:
            raise DatatypeMismatch(
                f'result of USING clause for column "{column.name}" cannot be cast automatically '
                f"to type {kind}",
                hint="You might need to add an explicit cast.",
            )
        raise DatatypeMismatch(
            f'column "{column.name}" cannot be cast automatically to type {kind}',
            hint=f'You might need to specify "USING {name}::{kind}".'
            if not column.generated
            else "",
        )
    return Conversion(quote_identifier(column.name) if using is None else using)


def _check_domains(context: StatementContext, composite: Table) -> None:
    """Raise for a check of a domain over the row type that means nothing any more."""
    for domain in context.catalog.objects(UserType):
        if domain.kind == "d" and domain.base_type == composite.row_type:
            for constraint in context.catalog.constraints_of(domain.oid):
                check_of(context.environment(), domain, constraint)


def _check_foreign_keys(context: StatementContext, now: Table, numbers: frozenset[int]) -> None:
    """Raise DatatypeMismatch for a foreign key that cannot compare its columns any more."""
    mine = [item for item in context.catalog.constraints_of(now.oid) if item.kind == "f"]
    for constraint in (*mine, *context.catalog.references_to(now.oid)):
        if _concerns(constraint, now, numbers):
            check_key_types(context, constraint)


def _concerns(constraint: Constraint, table: Table, numbers: frozenset[int]) -> bool:
    own = constraint.columns if constraint.table == table.oid else ()
    others = constraint.referenced_columns if constraint.referenced_table == table.oid else ()
    return not numbers.isdisjoint((*own, *others))


def refuse_row_users(context: StatementContext, oid: int, what: str, word: str) -> None:
    """Raise FeatureNotSupported if a table holds values of a type, or of one made of it."""
    pending, seen = [oid], {0}
    its = "uses its row type" if word == "table" else "uses it"
    while pending:
        found = pending.pop()
        if found in seen:
            continue
        seen.add(found)
        pending += _made_of(context, found)
        for table in context.catalog.objects(Table):
            for column in table.live_columns if table.kind in "rmp" else ():
                if column.type == found:
                    raise FeatureNotSupported(
                        f'{what} because column "{table.name}.{column.name}" {its}'
                    )
        for index in context.catalog.objects(Index):
            _refuse_key(context, index, found, f"{what} because column", its)


def _made_of(context: StatementContext, oid: int) -> list[int]:
    """The types that are made of one: its array, domains over it, rows with it."""
    found = [context.catalog.type(oid).array_oid]
    found += [each.oid for each in context.catalog.objects(UserType) if each.base_type == oid]
    for table in context.catalog.objects(Table):
        if table.row_type and any(column.type == oid for column in table.live_columns):
            found.append(table.row_type)
    return found


def _refuse_key(context: StatementContext, index: Index, oid: int, what: str, its: str) -> None:
    if all(key.number or key.type != oid for key in index.keys):
        return
    table = context.catalog.object(index.table)
    assert isinstance(table, Table)
    for key, name in zip(index.keys, key_names(context.catalog, table, index.keys), strict=True):
        if not key.number and key.type == oid:
            raise FeatureNotSupported(f'{what} "{index.name}.{name}" {its}')
