"""ALTER TABLE: constraints that are added, dropped, validated and altered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.objects import Constraint, Table
from server.errors import InternalError, UndefinedObject, WrongObjectType
from server.sql import alter_commands as tree
from server.sql import constraints as written
from server.statements.alter_column import existing_column
from server.statements.alter_locks import STRONGEST, refuse_pending
from server.statements.constraints import ConstraintNames
from server.statements.drop import drop_objects
from server.statements.foreign_tables import refuse_constraint
from server.statements.tables import add_constraint
from server.statements.verify import verify_check, verify_foreign_key, verify_not_null

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.waits import Wait
    from server.statements.statement import StatementContext


def add_table_constraint(
    context: StatementContext, table: Table, command: tree.AddConstraint
) -> Iterator[Wait]:
    """ADD CONSTRAINT."""
    names = ConstraintNames(context, table)
    constraint = command.constraint
    if table.kind == "f":
        refuse_constraint(context, constraint)
    if isinstance(constraint, written.Unique) and constraint.primary:
        for name in constraint.columns:
            column = existing_column(table, name)
            for member in context.catalog.family_of(table) if not column.not_null else ():
                own = member.column_named(name)
                if own is not None and (member is table or table.kind == "p"):
                    yield from context.lock_relation(member.oid, STRONGEST, member.name)
                    yield from verify_not_null(context, member, own)
    yield from add_constraint(context, table.oid, constraint, (), names)


def named_constraint(context: StatementContext, table: Table, name: str) -> Constraint | None:
    """A constraint of the table."""
    for constraint in context.catalog.constraints_of(table.oid):
        if constraint.name == name:
            return constraint
    return None


def missing_constraint(table: Table, name: str) -> UndefinedObject:
    """The error for a constraint that is not there."""
    return UndefinedObject(f'constraint "{name}" of relation "{table.name}" does not exist')


def drop_constraint(
    context: StatementContext, table: Table, command: tree.DropConstraint
) -> Iterator[Wait]:
    """DROP CONSTRAINT."""
    found = named_constraint(context, table, command.name)
    if found is None:
        if not command.if_exists:
            raise missing_constraint(table, command.name)
        context.notice("00000", f"{missing_constraint(table, command.name).message}, skipping")
        return
    if found.kind == "f" and found.referenced_table != table.oid:
        refuse_pending(context, (context.catalog.object(found.referenced_table),), "ALTER TABLE")
    yield from drop_objects(context, [found], cascade=command.cascade)


def validate_constraint(
    context: StatementContext, table: Table, command: tree.ValidateConstraint
) -> Iterator[Wait]:
    """VALIDATE CONSTRAINT."""
    found = named_constraint(context, table, command.name)
    if found is None:
        raise missing_constraint(table, command.name)
    if found.kind == "c":
        yield from verify_check(context, table, found)
    elif found.kind == "f":
        target = context.catalog.object(found.referenced_table)
        assert isinstance(target, Table)
        yield from verify_foreign_key(context, table, target, found)
    context.ddl.put(replace(found, validated=True))


def alter_constraint(
    context: StatementContext, table: Table, command: tree.AlterConstraint
) -> Iterator[Wait]:
    """ALTER CONSTRAINT ... DEFERRABLE."""
    yield from ()
    found = named_constraint(context, table, command.name)
    if found is None:
        raise missing_constraint(table, command.name)
    if found.kind != "f":
        raise WrongObjectType(
            f'constraint "{found.name}" of relation "{table.name}" is not a foreign key constraint'
        )
    above = context.catalog.object(found.parent) if found.parent else None
    if isinstance(above, Constraint):
        above = _topmost(context, above)
        whole = context.catalog.object(above.table)
        assert isinstance(whole, Table)
        raise InternalError(
            f'cannot alter constraint "{found.name}" on relation "{table.name}"',
            detail=f'Constraint "{found.name}" is derived from constraint "{above.name}" of relation "{whole.name}".',
            hint="You may alter the constraint it derives from, instead.",
        )
    for each in _with_derived(context, table, found):
        context.ddl.put(
            replace(each, deferrable=command.deferrable, deferred=command.initially_deferred)
        )


def _topmost(context: StatementContext, constraint: Constraint) -> Constraint:
    """The constraint that a partition's comes from in the end."""
    above = context.catalog.object(constraint.parent) if constraint.parent else None
    return _topmost(context, above) if isinstance(above, Constraint) else constraint


def _with_derived(
    context: StatementContext, table: Table, constraint: Constraint
) -> Iterator[Constraint]:
    """A constraint and those that partitions have with it."""
    yield constraint
    for child in context.catalog.children_of(table.oid):
        for each in context.catalog.constraints_of(child.oid):
            if each.parent == constraint.oid:
                yield from _with_derived(context, child, each)
