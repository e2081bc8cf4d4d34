"""ALTER TABLE over children: which commands go on to the tables below, and what is refused there.

Rule 1: what a table has from a parent is changed at the parent; the table itself may not change it.
Rule 2: a child goes through the same step as its parent, unless the step is about what is inherited itself:
        those have a function of their own here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from server.catalog.objects import Column, Constraint, Table
from server.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    InvalidObjectDefinition,
    InvalidTableDefinition,
    WrongObjectType,
)
from server.executor.waits import Wait
from server.planner.partition_values import key_columns
from server.sql import alter_commands
from server.sql import constraints as written
from server.statements.alter_locks import refuse_pending
from server.statements.constraints import ONLY_HINT
from server.statements.inheritance import child_numbers, heir_of_others, refuse_type_conflict
from server.statements.statement import StatementContext
from server.statements.unused_columns import with_unused_columns
from server.statements.verify import verify_check

Step = Callable[[StatementContext, Table, Any], Iterator[Wait]]
Guard = Callable[[StatementContext, Table, Any, bool], None]


def current(context: StatementContext, oid: int) -> Table:
    """The table as it is now."""
    table = context.catalog.object(oid)
    assert isinstance(table, Table)
    return table


def spread(
    context: StatementContext, table: Table, command: Any, step: Step, *, only: bool
) -> Iterator[Wait]:
    """Run a command on a table and on those below it, as far as it concerns them."""
    if table.kind in "vm" and type(command) in NOT_FOR_VIEWS:
        word = "views" if table.kind == "v" else "materialized views"
        raise WrongObjectType(
            f"ALTER action {NOT_FOR_VIEWS[type(command)]} cannot be performed on relation "
            f'"{table.name}"',
            detail=f"This operation is not supported for {word}.",
        )
    guard = GUARDS.get(type(command))
    if guard is not None:
        guard(context, table, command, only)
    before = table
    yield from step(context, table, command)
    further = FURTHER.get(type(command))
    if further is None or context.catalog.object(table.oid) is None:
        return
    yield from further(context, before, command, step, only)


def children(context: StatementContext, table: Table) -> Iterator[Any]:
    """The children of a table, locked; yields Wait in between."""
    for child in context.catalog.children_of(table.oid):
        yield from context.lock_relation(child.oid, "access exclusive", child.name)
        refuse_pending(context, (child,), "ALTER TABLE")


def _has_children(context: StatementContext, table: Table) -> bool:
    return context.catalog.has_children(table.oid)


NOT_FOR_VIEWS: dict[type[Any], str] = {
    alter_commands.AddColumn: "ADD COLUMN",
    alter_commands.DropColumn: "DROP COLUMN",
    alter_commands.SetNotNull: "ALTER COLUMN ... SET NOT NULL",
    alter_commands.DropNotNull: "ALTER COLUMN ... DROP NOT NULL",
    alter_commands.AlterColumnTypes: "ALTER COLUMN ... SET DATA TYPE",
    alter_commands.AddConstraint: "ADD CONSTRAINT",
    alter_commands.DropConstraint: "DROP CONSTRAINT",
}
"""What cannot be said of views, in the words of the error."""


# What is refused at the table that is named ------------------------------------------------------


def _named(table: Table, name: str) -> Column | None:
    return table.column_named(name)


def _refuse_key(context: StatementContext, table: Table, name: str, verb: str) -> None:
    """A column of a partition key, of the table or of a partition that is partitioned itself, stays."""
    for member in context.catalog.family_of(table):
        if name in key_columns(member):
            raise InvalidTableDefinition(
                f'cannot {verb} column "{name}" because it is part of the partition key of '
                f'relation "{member.name}"'
            )


def _guard_add_column(
    context: StatementContext, table: Table, command: alter_commands.AddColumn, only: bool
) -> None:
    if table.is_partition:
        raise WrongObjectType("cannot add column to a partition")
    if table.of_type:
        raise WrongObjectType("cannot add column to typed table")
    if not _has_children(context, table):
        return
    if any(isinstance(item, written.Identity) for item in command.column.constraints):
        raise InvalidTableDefinition(
            "cannot recursively add identity column to table that has child tables"
        )
    if only:
        raise InvalidTableDefinition("column must be added to child tables too")


def _guard_drop_column(
    context: StatementContext, table: Table, command: alter_commands.DropColumn, only: bool
) -> None:
    if table.of_type:
        raise WrongObjectType("cannot drop column from typed table")
    column = _named(table, command.name)
    if column is None:
        return
    if column.inherited:
        raise InvalidTableDefinition(f'cannot drop inherited column "{column.name}"')
    _refuse_key(context, table, column.name, "drop")
    if only and table.kind == "p" and _has_children(context, table):
        raise InvalidTableDefinition(
            "cannot drop column from only the partitioned table when partitions exist",
            hint=ONLY_HINT,
        )


def _guard_alter_type(
    context: StatementContext, table: Table, command: alter_commands.AlterColumnTypes, only: bool
) -> None:
    if table.of_type:
        raise WrongObjectType("cannot alter column type of typed table")
    for change in command.changes:
        _guard_new_type(context, table, change.column, only)


def _guard_new_type(context: StatementContext, table: Table, name: str, only: bool) -> None:
    column = _named(table, name)
    if column is None:
        return
    if column.inherited:
        raise InvalidTableDefinition(f'cannot alter inherited column "{column.name}"')
    heir = heir_of_others(context, table, column.name)
    if heir is not None:
        raise InvalidTableDefinition(
            f'cannot alter inherited column "{column.name}" of relation "{heir.name}"'
        )
    _refuse_key(context, table, column.name, "alter")
    if only and _has_children(context, table):
        raise InvalidTableDefinition(
            f'type of inherited column "{column.name}" must be changed in child tables too'
        )


def _guard_set_not_null(
    context: StatementContext, table: Table, command: alter_commands.SetNotNull, only: bool
) -> None:
    if only and table.kind == "p" and _has_children(context, table):
        raise InvalidTableDefinition("constraint must be added to child tables too", hint=ONLY_HINT)


def _guard_drop_not_null(
    context: StatementContext, table: Table, command: alter_commands.DropNotNull, only: bool
) -> None:
    if only and table.kind == "p" and _has_children(context, table):
        raise InvalidTableDefinition(
            "cannot remove constraint from only the partitioned table when partitions exist",
            hint=ONLY_HINT,
        )
    if not table.is_partition:
        return
    parent = current(context, table.parents[0])
    column = parent.column_named(command.column)
    if column is not None and column.not_null:
        raise InvalidTableDefinition(f'column "{column.name}" is marked NOT NULL in parent table')


def _guard_add_constraint(
    context: StatementContext, table: Table, command: alter_commands.AddConstraint, only: bool
) -> None:
    constraint = command.constraint
    is_check = isinstance(constraint, written.Check) and not constraint.no_inherit
    if is_check and only and _has_children(context, table):
        raise InvalidTableDefinition("constraint must be added to child tables too")
    if isinstance(constraint, written.ForeignKey) and table.kind == "p":
        referenced = constraint.referenced[-1]
        if only:
            raise WrongObjectType(
                f'cannot use ONLY for foreign key on partitioned table "{table.name}" '
                f'referencing relation "{referenced}"'
            )
        if not constraint.validated:
            raise WrongObjectType(
                f'cannot add NOT VALID foreign key on partitioned table "{table.name}" '
                f'referencing relation "{referenced}"',
                detail="This feature is not yet supported on partitioned tables.",
            )


def _guard_drop_constraint(
    context: StatementContext, table: Table, command: alter_commands.DropConstraint, only: bool
) -> None:
    for item in context.catalog.constraints_of(table.oid):
        if item.name != command.name:
            continue
        if item.inherited:
            raise InvalidTableDefinition(
                f'cannot drop inherited constraint "{item.name}" of relation "{table.name}"'
            )
        if only and table.kind == "p" and _has_children(context, table):
            raise InvalidTableDefinition(
                "cannot remove constraint from only the partitioned table when partitions exist",
                hint=ONLY_HINT,
            )


def _guard_validate(
    context: StatementContext, table: Table, command: alter_commands.ValidateConstraint, only: bool
) -> None:
    found = _constraint(context, table, command.name)
    checked = found is not None and found.kind == "c" and not found.validated
    if only and checked and _has_children(context, table):
        raise InvalidTableDefinition("constraint must be validated on child tables too")


def _guard_drop_expression(
    context: StatementContext, table: Table, command: alter_commands.DropExpression, only: bool
) -> None:
    column = _named(table, command.column)
    if column is None:
        return
    if only and _has_children(context, table):
        raise FeatureNotSupported(
            "ALTER TABLE / DROP EXPRESSION must be applied to child tables too"
        )
    if column.inherited and column.generated:
        raise InvalidTableDefinition("cannot drop generation expression from inherited column")


GUARDS: dict[type[Any], Guard] = {
    alter_commands.AddColumn: _guard_add_column,
    alter_commands.DropColumn: _guard_drop_column,
    alter_commands.AlterColumnTypes: _guard_alter_type,
    alter_commands.SetNotNull: _guard_set_not_null,
    alter_commands.DropNotNull: _guard_drop_not_null,
    alter_commands.AddConstraint: _guard_add_constraint,
    alter_commands.DropConstraint: _guard_drop_constraint,
    alter_commands.ValidateConstraint: _guard_validate,
    alter_commands.DropExpression: _guard_drop_expression,
}
"""What is refused before a command runs on the table it names."""


# What is done below ------------------------------------------------------------------------------


Further = Callable[[StatementContext, Table, Any, Step, bool], Iterator[Wait]]


def _same_step(
    context: StatementContext, table: Table, command: Any, step: Step, only: bool
) -> Iterator[Wait]:
    """The same for every heir, once for one of several parents."""
    if only:
        return
    met = {table.oid}
    pending = [table]
    while pending:
        parent = pending.pop(0)
        yield from children(context, parent)
        for child in context.catalog.children_of(parent.oid):
            if child.oid not in met:
                met.add(child.oid)
                yield from step(context, current(context, child.oid), command)
                pending.append(child)


def _constraint(context: StatementContext, table: Table, name: str) -> Constraint | None:
    for item in context.catalog.constraints_of(table.oid):
        if item.name == name:
            return item
    return None


def _added_column(
    context: StatementContext,
    table: Table,
    command: alter_commands.AddColumn,
    step: Step,
    only: bool,
) -> Iterator[Wait]:
    """The children have the column, with which its keys came; they get its checks."""
    if only or table.column_named(command.column.name) is not None:
        return
    yield from hand_down_checks(context, table.oid)


def hand_down_column(context: StatementContext, parent_oid: int, name: str) -> Iterator[Wait]:
    """Give a column of the parent to all tables below."""
    from server.statements.alter_columns import put_column

    parent = current(context, parent_oid)
    column = parent.column_named(name)
    if column is None:
        return
    yield from children(context, parent)
    for child in context.catalog.children_of(parent_oid):
        child = current(context, child.oid)
        own = child.column_named(name)
        if own is not None:
            _refuse_other_type(context, child, own, column)
            context.notice(
                "00000", f'merging definition of column "{name}" for child "{child.name}"'
            )
            context.ddl.put(_with_column(child, replace(own, inherited=own.inherited + 1)))
            continue
        child = with_unused_columns(context, child)
        made = replace(
            column,
            number=len(child.columns) + 1,
            inherited=1,
            local=False,
            identity="",
            missing=None,
            comment=None,
        )
        yield from put_column(context, child, made)
        yield from hand_down_column(context, child.oid, name)


def _refuse_other_type(
    context: StatementContext, child: Table, own: Column, column: Column
) -> None:
    if (own.type, own.modifier) != (column.type, column.modifier):
        raise DatatypeMismatch(
            f'child table "{child.name}" has different type for column "{column.name}"'
        )
    refuse_type_conflict(context, f'child table "{child.name}" column', own, column)


def _with_column(table: Table, column: Column) -> Table:
    columns = tuple(column if item.number == column.number else item for item in table.columns)
    return replace(table, columns=columns)


def hand_down_checks(context: StatementContext, parent_oid: int) -> Iterator[Wait]:
    """Give the CHECKs of a parent to all tables below that do not have them."""
    parent = current(context, parent_oid)
    for child in context.catalog.children_of(parent_oid):
        for check in context.catalog.constraints_of(parent_oid):
            if check.kind == "c" and not check.no_inherit:
                yield from _hand_down(context, parent, child, check)
        yield from hand_down_checks(context, child.oid)


def _hand_down(
    context: StatementContext, parent: Table, child: Table, check: Constraint
) -> Iterator[Wait]:
    own = _constraint(context, child, check.name)
    child = current(context, child.oid)
    numbers = child_numbers(parent, child, check.columns)
    if own is None:
        made = replace(
            check,
            oid=context.new_oid(),
            table=child.oid,
            schema=child.schema,
            columns=numbers,
            inherited=1,
            local=False,
            comment=None,
        )
        context.ddl.put(made)
        if made.validated:
            yield from verify_check(context, child, made)
        return
    if own.inherited:
        return
    if own.expression != check.expression:
        from server.errors import DuplicateObject

        raise DuplicateObject(
            f'constraint "{check.name}" for relation "{child.name}" already exists'
        )
    if own.no_inherit:
        raise InvalidTableDefinition(
            f'constraint "{check.name}" conflicts with non-inherited constraint on relation '
            f'"{child.name}"'
        )
    if check.validated and not own.validated:
        raise InvalidObjectDefinition(
            f'constraint "{check.name}" conflicts with NOT VALID constraint on relation "{child.name}"'
        )
    context.notice("00000", f'merging constraint "{check.name}" with inherited definition')
    context.ddl.put(replace(own, inherited=1, local=not child.is_partition))


def _dropped_column(
    context: StatementContext,
    table: Table,
    command: alter_commands.DropColumn,
    step: Step,
    only: bool,
) -> Iterator[Wait]:
    """A column that nobody else gives the child goes there too."""
    if table.column_named(command.name) is None:
        return
    yield from children(context, table)
    for child in context.catalog.children_of(table.oid):
        child = current(context, child.oid)
        own = child.column_named(command.name)
        if own is None or not own.inherited:
            continue
        if only:
            context.ddl.put(
                _with_column(child, replace(own, inherited=own.inherited - 1, local=True))
            )
        elif own.inherited == 1 and not own.local:
            yield from step(context, child, command)
            yield from _dropped_column(context, child, command, step, only)
        else:
            context.ddl.put(_with_column(child, replace(own, inherited=own.inherited - 1)))


def _added_constraint(
    context: StatementContext,
    table: Table,
    command: alter_commands.AddConstraint,
    step: Step,
    only: bool,
) -> Iterator[Wait]:
    constraint = command.constraint
    if isinstance(constraint, written.Check) and not constraint.no_inherit and not only:
        yield from children(context, table)
        yield from hand_down_checks(context, table.oid)


def _dropped_constraint(
    context: StatementContext,
    table: Table,
    command: alter_commands.DropConstraint,
    step: Step,
    only: bool,
) -> Iterator[Wait]:
    """What becomes of a CHECK in the children when a parent has dropped it."""
    yield from children(context, table)
    for child in context.catalog.children_of(table.oid):
        own = _constraint(context, child, command.name)
        if own is None or own.kind != "c" or not own.inherited:
            continue
        if only:
            context.ddl.put(replace(own, inherited=own.inherited - 1, local=True))
        elif own.inherited == 1 and not own.local:
            context.ddl.remove(own.oid)
            yield from _dropped_constraint(context, child, command, step, only)
        else:
            context.ddl.put(replace(own, inherited=own.inherited - 1))


def _validated(
    context: StatementContext,
    table: Table,
    command: alter_commands.ValidateConstraint,
    step: Step,
    only: bool,
) -> Iterator[Wait]:
    found = _constraint(context, table, command.name)
    if found is None or found.kind not in "cf" or only:
        return
    for child in context.catalog.children_of(table.oid):
        own = _constraint(context, child, command.name)
        if own is not None and own.kind == found.kind and not own.validated:
            yield from step(context, child, command)
            yield from _validated(context, child, command, step, only)


FURTHER: dict[type[Any], Further] = {
    alter_commands.AddColumn: _added_column,
    alter_commands.DropColumn: _dropped_column,
    alter_commands.AddConstraint: _added_constraint,
    alter_commands.DropConstraint: _dropped_constraint,
    alter_commands.ValidateConstraint: _validated,
    alter_commands.SetDefault: _same_step,
    alter_commands.SetNotNull: _same_step,
    alter_commands.DropNotNull: _same_step,
    alter_commands.AlterColumnTypes: _same_step,
    alter_commands.SetStatistics: _same_step,
    alter_commands.SetStorage: _same_step,
    alter_commands.DropExpression: _same_step,
}
"""What a command does below the table it names."""


def refuse_inherited_rename(context: StatementContext, table: Table, column: Column) -> None:
    """A column is renamed where it comes from."""
    if table.of_type:
        raise WrongObjectType("cannot rename column of typed table")
    if column.inherited or heir_of_others(context, table, column.name) is not None:
        raise InvalidTableDefinition(f'cannot rename inherited column "{column.name}"')
