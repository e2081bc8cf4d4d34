"""ALTER TABLE ... INHERIT, NO INHERIT, OF and NOT OF: what a table is a child or an instance of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.objects import Table, UserType
from server.errors import DatatypeMismatch, DuplicateTable, UndefinedTable, WrongObjectType
from server.planner.standalone import bind_type_name
from server.statements.inheritance import leave_parent, merge_into_child
from server.statements.names import relation_named
from server.statements.ownership import require_owner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.waits import Wait
    from server.sql import alter_commands
    from server.statements.statement import StatementContext


def set_inheritance(
    context: StatementContext, table: Table, command: alter_commands.SetInheritance
) -> Iterator[Wait]:
    """INHERIT and NO INHERIT."""
    if table.is_partition:
        raise WrongObjectType("cannot change inheritance of a partition")
    if table.kind == "p":
        raise WrongObjectType("cannot change inheritance of partitioned table")
    if table.of_type:
        raise WrongObjectType("cannot change inheritance of typed table")
    parent = relation_named(context, command.parent, command.offset)
    if not isinstance(parent, Table) or parent.kind not in "rp":
        raise WrongObjectType(f'"{parent.name}" is not a table or foreign table')
    if not command.removed:
        require_owner(context, parent)
    yield from context.lock_relation(parent.oid, "share update exclusive", parent.name)
    if command.removed:
        if parent.oid not in table.parents:
            raise UndefinedTable(
                f'relation "{parent.name}" is not a parent of relation "{table.name}"'
            )
        context.ddl.put(leave_parent(context, parent, table))
        return
    _refuse_inheriting(context, parent, table)
    child = merge_into_child(context, parent, table, is_partition=False)
    context.ddl.put(replace(child, parents=(*child.parents, parent.oid)))


def _refuse_inheriting(context: StatementContext, parent: Table, table: Table) -> None:
    if parent.persistence == "t" and table.persistence != "t":
        raise WrongObjectType(f'cannot inherit from temporary relation "{parent.name}"')
    if parent.kind == "p":
        raise WrongObjectType(f'cannot inherit from partitioned table "{parent.name}"')
    if parent.is_partition:
        raise WrongObjectType("cannot inherit from a partition")
    if parent.oid in table.parents:
        raise DuplicateTable(f'relation "{parent.name}" would be inherited from more than once')
    if any(member.oid == parent.oid for member in context.catalog.family_of(table)):
        raise DuplicateTable(
            "circular inheritance not allowed",
            detail=f'"{parent.name}" is already a child of "{table.name}".',
        )


def set_type(
    context: StatementContext, table: Table, command: alter_commands.SetType
) -> Iterator[Wait]:
    """OF type and NOT OF: the columns must be those of the type already."""
    yield from ()
    if command.type is None:
        if not table.of_type:
            raise WrongObjectType(f'"{table.name}" is not a typed table')
        context.ddl.put(replace(table, of_type=0))
        return
    if table.parents:
        raise WrongObjectType("typed tables cannot inherit")
    reference = bind_type_name(context.environment(), command.type)
    value = context.catalog.object(reference.oid)
    relation = context.catalog.object(value.relation) if isinstance(value, UserType) else None
    if not isinstance(relation, Table):
        raise WrongObjectType(f"type {reference.type.sql_name} is not a composite type")
    _refuse_other_columns(table, relation)
    context.ddl.put(replace(table, of_type=reference.oid))


def _refuse_other_columns(table: Table, relation: Table) -> None:
    wanted = list(relation.live_columns)
    for number, column in enumerate(table.live_columns):
        if number >= len(wanted):
            raise DatatypeMismatch(f'table has extra column "{column.name}"')
        expected = wanted[number]
        if expected.name != column.name:
            raise DatatypeMismatch(
                f'table has column "{column.name}" where type requires "{expected.name}"'
            )
        if (expected.type, expected.modifier) != (column.type, column.modifier):
            raise DatatypeMismatch(
                f'table "{table.name}" has different type for column "{column.name}"'
            )
    if len(wanted) > len(table.live_columns):
        missing = wanted[len(table.live_columns)]
        raise DatatypeMismatch(f'table is missing column "{missing.name}"')
