"""CREATE FOREIGN TABLE, and what ALTER says of foreign tables only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from server.catalog.foreign_objects import ForeignServer
from server.catalog.objects import Column, Table
from server.errors import FeatureNotSupported, WrongObjectType
from server.sql import alter_commands
from server.sql import constraints as written
from server.sql import utility_foreign as tree
from server.sql.object_names import ObjectName
from server.statements.foreign import wrapper_of
from server.statements.foreign_options import checked_options, server_named
from server.statements.names import column_number, find_relation
from server.statements.ownership import require_privilege
from server.statements.statement import Run, StatementContext, Utility
from server.statements.tables import make_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.waits import Wait

REFUSED: Final[tuple[tuple[type[Any], str], ...]] = (
    (written.ForeignKey, "foreign key"),
    (written.Exclusion, "exclusion"),
)
"""Constraints that foreign tables cannot have, besides keys."""


def create_foreign_table(context: StatementContext, statement: tree.CreateForeignTable) -> Run:
    """CREATE FOREIGN TABLE."""
    server = server_named(context, "", ObjectName((statement.server,)))
    require_privilege(context, server, "U")
    _refuse_constraints(context, statement)
    validator = wrapper_of(context, server).validator
    known = find_relation(context, statement.table.relation)
    yield from make_table(
        context,
        statement.table,
        kind="f",
        storage_id=0,
        server=server.oid,
        foreign_options=checked_options(context, (), statement.options, validator, "table"),
    )
    made = find_relation(context, statement.table.relation)
    if not isinstance(made, Table) or made == known:
        return statement.command_tag
    for name, options in statement.column_options:
        column = made.column(column_number(made, name))
        kept = checked_options(context, (), options, validator, "column")
        made = _with_column(made, replace(column, foreign_options=kept))
    context.ddl.put(made)
    return statement.command_tag


def _refuse_constraints(context: StatementContext, statement: tree.CreateForeignTable) -> None:
    table = statement.table
    listed = [*table.constraints, *(one for each in table.columns for one in each.constraints)]
    for constraint in listed:
        refuse_constraint(context, constraint)


def refuse_constraint(context: StatementContext, constraint: written.Constraint) -> None:
    """Raise for what a foreign table cannot be constrained by."""
    word = next((word for kind, word in REFUSED if isinstance(constraint, kind)), "")
    if isinstance(constraint, written.Unique):
        word = "primary key" if constraint.primary else "unique"
    if word:
        raise FeatureNotSupported(f"{word} constraints are not supported on foreign tables").at(
            context.position(constraint.offset)
        )


def set_foreign_options(
    context: StatementContext, table: Table, command: alter_commands.SetForeignOptions
) -> Iterator[Wait]:
    """OPTIONS of a foreign table or of one of its columns."""
    yield from ()
    if table.kind != "f":
        raise WrongObjectType(f'"{table.name}" is not a foreign table')
    server = context.catalog.object(table.server)
    assert isinstance(server, ForeignServer)
    validator = wrapper_of(context, server).validator
    if not command.column:
        kept = checked_options(context, table.foreign_options, command.options, validator, "table")
        context.ddl.put(replace(table, foreign_options=kept))
        return
    column = table.column(column_number(table, command.column))
    kept = checked_options(context, column.foreign_options, command.options, validator, "column")
    context.ddl.put(_with_column(table, replace(column, foreign_options=kept)))


def _with_column(table: Table, column: Column) -> Table:
    columns = tuple(column if each.number == column.number else each for each in table.columns)
    return replace(table, columns=columns)


UTILITIES = (Utility(node=tree.CreateForeignTable, run=create_foreign_table),)
