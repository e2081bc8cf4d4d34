"""ALTER TABLE ... ALTER COLUMN ... ADD, SET and DROP IDENTITY, and DROP EXPRESSION."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.errors import InvalidParameterValue, ObjectNotInPrerequisiteState
from server.statements.drop import remove_object
from server.statements.sequences import change_sequence
from server.statements.tables import own_sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.objects import Column, Sequence, Table
    from server.executor.waits import Wait
    from server.sql import alter_commands
    from server.statements.statement import StatementContext

from server.statements.alter_column import INTEGERS, existing_column, with_column


def add_identity(
    context: StatementContext, table: Table, command: alter_commands.AddIdentity
) -> Iterator[Wait]:
    """ADD GENERATED AS IDENTITY."""
    column = existing_column(table, command.column)
    if column.type not in INTEGERS:
        raise InvalidParameterValue("identity column type must be smallint, integer, or bigint")
    # The sequence is made before the column is looked at: its name may be in the way.
    yield from own_sequence(context, table, column.number, "i", True, command.identity.options)
    if not column.not_null:
        raise ObjectNotInPrerequisiteState(
            f'column "{column.name}" of relation "{table.name}" must be declared NOT NULL before identity can be added'
        )
    if column.identity or column.default is not None:
        what = "is already an identity column" if column.identity else "already has a default value"
        raise ObjectNotInPrerequisiteState(
            f'column "{column.name}" of relation "{table.name}" {what}'
        )
    table = with_column(table, replace(column, identity="a" if command.identity.always else "d"))
    context.ddl.put(table)


def set_identity(
    context: StatementContext, table: Table, command: alter_commands.SetIdentity
) -> Iterator[Wait]:
    """SET GENERATED, SET sequence options, RESTART."""
    column = existing_column(table, command.column)
    if not column.identity:
        raise ObjectNotInPrerequisiteState(
            f'column "{column.name}" of relation "{table.name}" is not an identity column'
        )
    options = []
    for option in command.options:
        if option.name == "generated":
            always = str(option.value) in ("a", "97", "always")
            context.ddl.put(with_column(table, replace(column, identity="a" if always else "d")))
        else:
            options.append(option)
    if options:
        sequence = identity_sequence(context, table, column)
        yield from change_sequence(context, sequence, options)


def identity_sequence(context: StatementContext, table: Table, column: Column) -> Sequence:
    """The sequence behind an identity column."""
    owned = (table.oid, column.number)
    return next(item for item in context.catalog.sequences_of(table.oid) if item.owned_by == owned)


def drop_identity(
    context: StatementContext, table: Table, command: alter_commands.DropIdentity
) -> Iterator[Wait]:
    """DROP IDENTITY."""
    yield from ()
    column = existing_column(table, command.column)
    if not column.identity:
        message = f'column "{column.name}" of relation "{table.name}" is not an identity column'
        if not command.if_exists:
            raise ObjectNotInPrerequisiteState(message)
        context.notice("00000", f"{message}, skipping")
        return
    remove_object(context, identity_sequence(context, table, column))
    context.ddl.put(with_column(table, replace(column, identity="")))


def drop_expression(
    context: StatementContext, table: Table, command: alter_commands.DropExpression
) -> Iterator[Wait]:
    """DROP EXPRESSION: the column keeps its values."""
    yield from ()
    column = existing_column(table, command.column)
    if not column.generated:
        message = (
            f'column "{column.name}" of relation "{table.name}" is not a stored generated column'
        )
        if not command.if_exists:
            raise ObjectNotInPrerequisiteState(message)
        context.notice("00000", f"{message}, skipping")
        return
    context.ddl.put(with_column(table, replace(column, generated="", default=None)))
