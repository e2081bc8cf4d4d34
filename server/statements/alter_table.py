"""ALTER TABLE: a table from subcommand to function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from server.catalog.objects import Index, Sequence, Table
from server.catalog.privileges import acl_of_new_owner
from server.errors import FeatureNotSupported, WrongObjectType
from server.executor.waits import Wait
from server.sql import alter_commands
from server.sql import constraints as written
from server.statements import alter_marks as marks
from server.statements.access_methods import set_access_method
from server.statements.alter_columns import (
    add_column,
    drop_column,
    drop_not_null,
    set_default,
    set_not_null,
)
from server.statements.alter_constraints import (
    add_table_constraint,
    alter_constraint,
    drop_constraint,
    validate_constraint,
)
from server.statements.alter_identity import (
    add_identity,
    drop_expression,
    drop_identity,
    set_identity,
)
from server.statements.alter_inheritance import spread
from server.statements.alter_locks import STRONGEST, lock_mode, refuse_pending
from server.statements.alter_logged import set_logged
from server.statements.alter_others import alter_other
from server.statements.alter_parents import set_inheritance, set_type
from server.statements.alter_types import alter_types
from server.statements.detach import detach_partition, refuse_detaching
from server.statements.foreign_tables import set_foreign_options
from server.statements.names import (
    find_relation,
    refuse_of_others,
    refuse_system,
    relation_named,
    role_oid,
)
from server.statements.ownership import require_member, require_owner
from server.statements.partitions import attach_partition
from server.statements.rename_columns import typed_table_error, typed_tables
from server.statements.rules import set_rule
from server.statements.statement import Run, StatementContext, Utility
from server.statements.storage_parameters import (
    changed_parameters,
    changed_toast_parameters,
    parameters_of_relation,
)
from server.statements.tablespaces import set_tablespace
from server.statements.triggers import set_trigger

Step = Callable[[StatementContext, Table, Any], Iterator[Wait]]


def alter_table(context: StatementContext, statement: alter_commands.AlterTable) -> Run:
    """ALTER TABLE and its kin."""
    found = find_relation(context, statement.relation, statement.offset)
    if found is None and statement.if_exists:
        context.notice("00000", f'relation "{statement.relation[-1]}" does not exist, skipping')
        return statement.tag
    found = relation_named(context, statement.relation, statement.offset)
    refuse_system(found)
    require_owner(context, found)
    refuse_of_others(context, found, "alter")
    if isinstance(found, Sequence | Index):
        yield from alter_other(context, found, statement)
        return statement.tag
    yield from context.lock_relation(found.oid, lock_mode(found, statement.commands), found.name)
    refuse_pending(context, (found,), statement.tag)
    for command in in_passes(statement.commands):
        step = STEPS.get(type(command))
        if step is None:
            raise FeatureNotSupported(f"this form of {statement.tag} is not supported")
        table = context.catalog.object(found.oid)
        assert isinstance(table, Table)
        refuse_detaching(table)
        yield from spread(context, table, command, step, only=statement.only)
        if table.kind == "c":
            yield from _change_typed(context, table, command, step)
    return statement.tag


def _change_typed(
    context: StatementContext, composite: Table, command: Any, step: Step
) -> Iterator[Wait]:
    """The tables of a composite type follow it with CASCADE, and stand in its way without."""
    for table in typed_tables(context, composite):
        if not command.cascade:
            raise typed_table_error(composite)
        yield from context.lock_relation(table.oid, STRONGEST, table.name)
        yield from step(context, table, command)


def in_passes(commands: Iterable[Any]) -> list[Any]:
    """The commands in the order they run: what goes, new types all at once, new columns, the rest."""
    changes = tuple(each for each in commands if isinstance(each, alter_commands.AlterColumnType))
    others = [each for each in commands if not isinstance(each, alter_commands.AlterColumnType)]
    if changes:
        others.append(alter_commands.AlterColumnTypes(changes))
    return sorted(others, key=_pass_of)


def _pass_of(command: Any) -> int:
    if isinstance(command, alter_commands.SetDefault):
        return OTHERS if command.default is not None else DROPS
    if isinstance(command, alter_commands.AddConstraint) and isinstance(
        command.constraint, written.Unique
    ):
        return KEYS
    if isinstance(command, alter_commands.AlterColumnTypes) and any(
        each.using for each in command.changes
    ):
        return BEFORE  # USING may read columns that the same statement drops
    return PASSES.get(type(command), LAST)


def change_owner(
    context: StatementContext, table: Table, command: alter_commands.ChangeOwner
) -> Iterator[Wait]:
    """OWNER TO: indexes and owned sequences follow."""
    yield from ()
    owner = role_oid(context, command.role)
    if owner != table.owner:
        require_member(context, owner)
    columns = tuple(
        replace(column, acl=acl_of_new_owner(column.acl, table.owner, owner))
        for column in table.columns
    )
    acl = acl_of_new_owner(table.acl, table.owner, owner)
    context.ddl.put(replace(table, owner=owner, acl=acl, columns=columns))
    followers: tuple[Any, ...] = (
        *context.catalog.indexes_of(table.oid),
        *context.catalog.sequences_of(table.oid),
    )
    for follower in followers:
        acl = acl_of_new_owner(follower.acl, follower.owner, owner)
        context.ddl.put(replace(follower, owner=owner, acl=acl))


def set_options(
    context: StatementContext, table: Table, command: alter_commands.SetOptions
) -> Iterator[Wait]:
    """SET (...) and RESET (...): kept and shown."""
    known = parameters_of_relation(table.kind)
    options, toast = changed_parameters(command, known, table.options), table.toast
    if toast is not None:
        mode = lock_mode(table, (command,))
        yield from context.lock_relation(toast.oid, mode, f"pg_toast_{table.oid}")
        toast = replace(toast, options=changed_toast_parameters(command, toast.options))
    context.ddl.put(replace(table, options=options, toast=toast))


def accept(context: StatementContext, table: Table, command: Any) -> Iterator[Wait]:
    """What says how PostgreSQL stores things, and means nothing here."""
    yield from ()


def set_row_security(
    context: StatementContext, table: Table, command: alter_commands.SetRowSecurity
) -> Iterator[Wait]:
    """ENABLE, DISABLE, FORCE, NO FORCE ROW LEVEL SECURITY."""
    yield from ()
    if table.kind not in "rp":
        raise WrongObjectType(
            f"ALTER action {ROW_SECURITY_WORDS[command.action]} ROW SECURITY cannot be performed "
            f'on relation "{table.name}"'
        )
    on = command.action in ("enable", "force")
    if command.action in ("enable", "disable"):
        context.ddl.put(replace(table, row_security=on))
    else:
        context.ddl.put(replace(table, force_row_security=on))


ROW_SECURITY_WORDS = {
    "enable": "ENABLE",
    "disable": "DISABLE",
    "force": "FORCE",
    "no_force": "NO FORCE",
}


BEFORE, DROPS, KEYS, OTHERS, LAST = -1, 0, 7, 9, 10
PASSES: dict[type[Any], int] = {
    alter_commands.DropColumn: DROPS,
    alter_commands.DropConstraint: DROPS,
    alter_commands.DropNotNull: DROPS,
    alter_commands.DropIdentity: DROPS,
    alter_commands.DropExpression: DROPS,
    alter_commands.AlterColumnTypes: 1,
    alter_commands.AddColumn: 4,
    alter_commands.SetNotNull: 6,
    alter_commands.AddIdentity: OTHERS,
    alter_commands.AddConstraint: OTHERS,
}
"""When a command runs among those of its statement, by the numbers of PostgreSQL's passes."""

STEPS: dict[type[Any], Step] = {
    alter_commands.SetRowSecurity: set_row_security,
    alter_commands.SetForeignOptions: set_foreign_options,
    alter_commands.SetTablespace: set_tablespace,
    alter_commands.SetAccessMethod: set_access_method,
    alter_commands.AddColumn: add_column,
    alter_commands.DropColumn: drop_column,
    alter_commands.SetDefault: set_default,
    alter_commands.SetNotNull: set_not_null,
    alter_commands.DropNotNull: drop_not_null,
    alter_commands.AlterColumnTypes: alter_types,
    alter_commands.AddConstraint: add_table_constraint,
    alter_commands.DropConstraint: drop_constraint,
    alter_commands.ValidateConstraint: validate_constraint,
    alter_commands.AlterConstraint: alter_constraint,
    alter_commands.ChangeOwner: change_owner,
    alter_commands.AddIdentity: add_identity,
    alter_commands.SetIdentity: set_identity,
    alter_commands.DropIdentity: drop_identity,
    alter_commands.DropExpression: drop_expression,
    alter_commands.SetOptions: set_options,
    alter_commands.SetStatistics: marks.set_statistics,
    alter_commands.SetLogged: set_logged,
    alter_commands.SetStorage: marks.set_storage,
    alter_commands.SetCompression: marks.set_compression,
    alter_commands.SetColumnOptions: marks.set_column_options,
    alter_commands.SetWithoutOids: accept,
    alter_commands.SetReplicaIdentity: marks.set_replica_identity,
    alter_commands.ClusterOn: marks.cluster_on,
    alter_commands.AttachPartition: attach_partition,
    alter_commands.DetachPartition: detach_partition,
    alter_commands.SetInheritance: set_inheritance,
    alter_commands.SetType: set_type,
    alter_commands.SetRule: set_rule,
    alter_commands.SetTrigger: set_trigger,
}

UTILITIES = (Utility(node=alter_commands.AlterTable, run=alter_table),)
