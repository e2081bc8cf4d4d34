"""ALTER TABLE and its kin for views, indexes, sequences: a table from subcommand to the value it is read as."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from server.errors import FeatureNotSupported
from server.sql.alter_commands import (
    AddColumn,
    AddConstraint,
    AddIdentity,
    AlterColumnType,
    AlterCommand,
    AlterConstraint,
    AlterTable,
    AttachPartition,
    ChangeOwner,
    ClusterOn,
    DetachPartition,
    DropColumn,
    DropConstraint,
    DropExpression,
    DropIdentity,
    DropNotNull,
    SetAccessMethod,
    SetColumnOptions,
    SetCompression,
    SetDefault,
    SetForeignOptions,
    SetIdentity,
    SetInheritance,
    SetLogged,
    SetNotNull,
    SetOptions,
    SetReplicaIdentity,
    SetRowSecurity,
    SetRule,
    SetStatistics,
    SetStorage,
    SetTablespace,
    SetTrigger,
    SetType,
    SetWithoutOids,
    ValidateConstraint,
)
from server.sql.constraints import Identity, Unique, constraint
from server.sql.context import Context, definition_of, names, relation_parts
from server.sql.expressions import type_name
from server.sql.grammar import tree
from server.sql.object_names import object_kind
from server.sql.utility_statement import (
    Option,
    option_value,
    optional_expression,
    options,
    role_name,
)
from server.sql.utility_tables import column, partition_bound


def alter_table(context: Context, message: tree.AlterTableStmt) -> AlterTable:
    """Convert ALTER TABLE."""
    only = not message.relation.inh
    commands = (alter_command(context, item.alter_table_cmd) for item in message.cmds)
    return AlterTable(
        object_kind(message.objtype),
        relation_parts(message.relation),
        tuple(_with_only(command) if only else command for command in commands),
        message.missing_ok,
        only,
        context.source_offset(message.relation.location),
    )


def _with_only(command: AlterCommand) -> AlterCommand:
    """A key says itself whether partitions get it, for it is made with its table as with ALTER TABLE."""
    if isinstance(command, AddConstraint) and isinstance(command.constraint, Unique):
        return replace(command, constraint=replace(command.constraint, only=True))
    return command


def alter_command(context: Context, message: tree.AlterTableCmd) -> AlterCommand:
    """Convert one subcommand."""
    if message.subtype in FIXED_COMMANDS:
        return FIXED_COMMANDS[message.subtype]
    if message.subtype not in COMMANDS:
        name = tree.AlterTableType.Name(message.subtype).removeprefix("AT_")
        raise FeatureNotSupported(f"ALTER TABLE action {name} is not supported")
    return COMMANDS[message.subtype](context, message)


def is_cascade(message: tree.AlterTableCmd) -> bool:
    """Whether CASCADE was written."""
    return bool(message.behavior == tree.DROP_CASCADE)


def alter_column_type(context: Context, message: tree.AlterTableCmd) -> AlterCommand:
    """Convert ALTER COLUMN TYPE, whose USING is where a default would be."""
    definition = definition_of(message).column_def
    has_collation = definition.HasField("coll_clause")
    return AlterColumnType(
        message.name,
        type_name(context, definition.type_name),
        names(definition.coll_clause.collname) if has_collation else (),
        optional_expression(context, definition.raw_default),
        is_cascade(message),
        context.source_offset(definition.location),
    )


def add_identity(context: Context, message: tree.AlterTableCmd) -> AlterCommand:
    """Convert ADD GENERATED AS IDENTITY."""
    identity = constraint(context, definition_of(message).constraint)
    assert isinstance(identity, Identity)
    return AddIdentity(message.name, identity)


def set_statistics(context: Context, message: tree.AlterTableCmd) -> AlterCommand:
    """Convert SET STATISTICS."""
    target = option_value(context, definition_of(message))
    return SetStatistics(message.name, message.num, target if isinstance(target, int) else -1)


def alter_constraint(_context: Context, message: tree.AlterTableCmd) -> AlterCommand:
    """Convert ALTER CONSTRAINT."""
    changed = definition_of(message).atalter_constraint
    if changed.alter_enforceability or changed.alter_inheritability:
        raise FeatureNotSupported("only deferrability of constraints can be altered")
    return AlterConstraint(changed.conname, changed.deferrable, changed.initdeferred)


def inheritance(context: Context, message: tree.AlterTableCmd) -> AlterCommand:
    """Convert INHERIT and NO INHERIT."""
    parent = definition_of(message).range_var
    removed = message.subtype == tree.AT_DropInherit
    return SetInheritance(relation_parts(parent), removed, context.source_offset(parent.location))


def foreign_options(context: Context, message: tree.AlterTableCmd) -> AlterCommand:
    """Convert OPTIONS."""
    return SetForeignOptions(message.name, option_list(context, message))


REPLICA_IDENTITIES: Final = {"n": "nothing", "f": "full", "d": "default", "i": "index"}


def replica_identity(_context: Context, message: tree.AlterTableCmd) -> AlterCommand:
    """Convert REPLICA IDENTITY."""
    identity = definition_of(message).replica_identity_stmt
    return SetReplicaIdentity(REPLICA_IDENTITIES[identity.identity_type], identity.name)


def attach_partition(context: Context, message: tree.AlterTableCmd) -> AlterCommand:
    """Convert ATTACH PARTITION."""
    command = definition_of(message).partition_cmd
    bound = partition_bound(context, command.bound) if command.HasField("bound") else None
    offset = context.source_offset(command.name.location)
    return AttachPartition(relation_parts(command.name), bound, offset)


def detach_partition(context: Context, message: tree.AlterTableCmd) -> AlterCommand:
    """Convert DETACH PARTITION."""
    command = definition_of(message).partition_cmd
    return DetachPartition(
        relation_parts(command.name),
        command.concurrent,
        message.subtype == tree.AT_DetachPartitionFinalize,
        context.source_offset(command.name.location),
    )


def option_list(context: Context, message: tree.AlterTableCmd) -> tuple[Option, ...]:
    """Convert the options a subcommand carries."""
    return options(context, definition_of(message).list.items)


def set_options(context: Context, message: tree.AlterTableCmd) -> AlterCommand:
    """Convert SET and RESET of storage options."""
    return SetOptions(option_list(context, message), message.subtype == tree.AT_ResetRelOptions)


def set_column_options(context: Context, message: tree.AlterTableCmd) -> AlterCommand:
    """Convert SET and RESET of a column's options."""
    reset = message.subtype == tree.AT_ResetOptions
    return SetColumnOptions(message.name, option_list(context, message), reset)


TRIGGER_STATES: Final[dict[int, str]] = {
    tree.AT_EnableTrig: "origin",
    tree.AT_EnableAlwaysTrig: "always",
    tree.AT_EnableReplicaTrig: "replica",
    tree.AT_DisableTrig: "disabled",
}
RULE_STATES: Final[dict[int, str]] = {
    tree.AT_EnableRule: "origin",
    tree.AT_EnableAlwaysRule: "always",
    tree.AT_EnableReplicaRule: "replica",
    tree.AT_DisableRule: "disabled",
}
FIXED_COMMANDS: Final[dict[int, AlterCommand]] = {
    tree.AT_SetLogged: SetLogged(True),
    tree.AT_SetUnLogged: SetLogged(False),
    tree.AT_DropCluster: ClusterOn(""),
    tree.AT_EnableTrigAll: SetTrigger("all", "origin", group=True),
    tree.AT_DisableTrigAll: SetTrigger("all", "disabled", group=True),
    tree.AT_EnableTrigUser: SetTrigger("user", "origin", group=True),
    tree.AT_DisableTrigUser: SetTrigger("user", "disabled", group=True),
    tree.AT_EnableRowSecurity: SetRowSecurity("enable"),
    tree.AT_DisableRowSecurity: SetRowSecurity("disable"),
    tree.AT_ForceRowSecurity: SetRowSecurity("force"),
    tree.AT_NoForceRowSecurity: SetRowSecurity("no_force"),
    tree.AT_DropOf: SetType(None),
    tree.AT_DropOids: SetWithoutOids(),
}
COMMANDS: Final[dict[int, Callable[[Context, Any], AlterCommand]]] = {
    tree.AT_AddColumn: lambda context, message: AddColumn(
        column(context, definition_of(message).column_def),
        message.missing_ok,
        is_cascade(message),
    ),
    tree.AT_DropColumn: lambda _, message: DropColumn(
        message.name, message.missing_ok, is_cascade(message)
    ),
    tree.AT_ColumnDefault: lambda context, message: SetDefault(
        message.name, optional_expression(context, definition_of(message))
    ),
    tree.AT_SetNotNull: lambda _, message: SetNotNull(message.name),
    tree.AT_DropNotNull: lambda _, message: DropNotNull(message.name),
    tree.AT_AlterColumnType: alter_column_type,
    tree.AT_AddIdentity: add_identity,
    tree.AT_SetIdentity: lambda context, message: SetIdentity(
        message.name, option_list(context, message)
    ),
    tree.AT_DropIdentity: lambda _, message: DropIdentity(message.name, message.missing_ok),
    tree.AT_DropExpression: lambda _, message: DropExpression(message.name, message.missing_ok),
    tree.AT_SetStatistics: set_statistics,
    tree.AT_SetStorage: lambda _, message: SetStorage(
        message.name, definition_of(message).string.sval
    ),
    tree.AT_SetCompression: lambda _, message: SetCompression(
        message.name, definition_of(message).string.sval
    ),
    tree.AT_SetOptions: set_column_options,
    tree.AT_ResetOptions: set_column_options,
    tree.AT_AddConstraint: lambda context, message: AddConstraint(
        constraint(context, definition_of(message).constraint)
    ),
    tree.AT_AlterConstraint: alter_constraint,
    tree.AT_ValidateConstraint: lambda _, message: ValidateConstraint(message.name),
    tree.AT_DropConstraint: lambda _, message: DropConstraint(
        message.name, message.missing_ok, is_cascade(message)
    ),
    tree.AT_ChangeOwner: lambda _, message: ChangeOwner(role_name(message.newowner)),
    tree.AT_SetRelOptions: set_options,
    tree.AT_ResetRelOptions: set_options,
    tree.AT_SetTableSpace: lambda _, message: SetTablespace(message.name),
    tree.AT_SetAccessMethod: lambda _, message: SetAccessMethod(message.name),
    tree.AT_ClusterOn: lambda _, message: ClusterOn(message.name),
    **{
        kind: lambda _, message: SetTrigger(message.name, TRIGGER_STATES[message.subtype])
        for kind in TRIGGER_STATES
    },
    **{
        kind: lambda _, message: SetRule(message.name, RULE_STATES[message.subtype])
        for kind in RULE_STATES
    },
    **dict.fromkeys((tree.AT_GenericOptions, tree.AT_AlterColumnGenericOptions), foreign_options),
    tree.AT_AddInherit: inheritance,
    tree.AT_DropInherit: inheritance,
    tree.AT_AddOf: lambda context, message: SetType(
        type_name(context, definition_of(message).type_name)
    ),
    tree.AT_ReplicaIdentity: replica_identity,
    tree.AT_AttachPartition: attach_partition,
    tree.AT_DetachPartition: detach_partition,
    tree.AT_DetachPartitionFinalize: detach_partition,
}

UTILITIES: Final = {"alter_table_stmt": alter_table}
