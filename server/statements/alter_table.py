"""ALTER TABLE: a table from subcommand to function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.objects import CatalogObject, Column, Constraint, Index, Sequence, Table
from server.catalog.privileges import acl_of_new_owner
from server.catalog.publication_objects import PublishedTable
from server.catalog.statistics_objects import ExtendedStatistics
from server.errors import (
    DuplicateColumn,
    FeatureNotSupported,
    InternalError,
    InvalidTableDefinition,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedObject,
    WrongObjectType,
)
from server.executor.waits import Wait
from server.planner.bind_modify import default_of_domain
from server.planner.scope import SYSTEM_COLUMNS
from server.planner.standalone import check_default, constant_default
from server.planner.stored_text import stored_default
from server.sql import constraints as written
from server.sql import utility_alter as tree
from server.statements import alter_marks as marks
from server.statements.alter_inheritance import hand_down_column, spread
from server.statements.alter_locks import STRONGEST, lock_mode, refuse_pending
from server.statements.alter_logged import set_logged
from server.statements.alter_others import alter_other
from server.statements.alter_parents import set_inheritance, set_type
from server.statements.alter_types import alter_types, refuse_row_users
from server.statements.column_definition import column_of
from server.statements.constraints import ConstraintNames
from server.statements.dependencies import Part
from server.statements.dependency_finders import of_default, readers_of_part
from server.statements.dependents import Dependent
from server.statements.described import describe
from server.statements.detach import detach_partition, refuse_detaching
from server.statements.drop import drop_objects, dropped_column
from server.statements.field_readers import field_readers
from server.statements.foreign_tables import refuse_constraint, set_foreign_options
from server.statements.names import (
    find_relation,
    refuse_of_others,
    refuse_system,
    relation_named,
    role_oid,
)
from server.statements.ownership import require_member, require_owner
from server.statements.partition_keys import refuse_rows_as_key
from server.statements.partitions import (
    attach_partition,
)
from server.statements.rename_columns import typed_table_error, typed_tables
from server.statements.rewrite import rewrite_table
from server.statements.rules import set_rule
from server.statements.statement import Run, StatementContext, Utility
from server.statements.storage_parameters import (
    changed_parameters,
    changed_toast_parameters,
    parameters_of_relation,
)
from server.statements.table_texts import (
    columns_read,
    generated_from,
)
from server.statements.tables import NewTable, add_constraint, checked_generation, own_sequence
from server.statements.tablespaces import set_tablespace
from server.statements.triggers import set_trigger
from server.statements.unused_columns import with_unused_columns
from server.statements.verify import (
    has_rows,
    verify_check,
    verify_foreign_key,
    verify_not_null,
)
from server.statements.view_texts import keeping_views
from server.types.storage import storage_form, storage_kind
from storage.engine import Kind

if TYPE_CHECKING:
    from server.sql.utility_statement import Option

from server.statements.access_methods import set_access_method
from server.statements.alter_column import existing_column, with_column
from server.statements.alter_identity import (
    add_identity,
    drop_expression,
    drop_identity,
    set_identity,
)

Step = Callable[[StatementContext, Table, Any], Iterator[Wait]]


def alter_table(context: StatementContext, statement: tree.AlterTable) -> Run:
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
    changes = tuple(each for each in commands if isinstance(each, tree.AlterColumnType))
    others = [each for each in commands if not isinstance(each, tree.AlterColumnType)]
    if changes:
        others.append(tree.AlterColumnTypes(changes))
    return sorted(others, key=_pass_of)


def _pass_of(command: Any) -> int:
    if isinstance(command, tree.SetDefault):
        return OTHERS if command.default is not None else DROPS
    if isinstance(command, tree.AddConstraint) and isinstance(command.constraint, written.Unique):
        return KEYS
    if isinstance(command, tree.AlterColumnTypes) and any(each.using for each in command.changes):
        return BEFORE  # USING may read columns that the same statement drops
    return PASSES.get(type(command), LAST)


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


def set_default(
    context: StatementContext, table: Table, command: tree.SetDefault
) -> Iterator[Wait]:
    """SET DEFAULT and DROP DEFAULT."""
    yield from ()
    column = existing_column(table, command.column)
    if column.identity:
        raise SqlSyntaxError(
            f'column "{column.name}" of relation "{table.name}" is an identity column'
        )
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
    if column.identity:
        raise SqlSyntaxError(
            f'column "{column.name}" of relation "{table.name}" is an identity column'
        )
    for constraint in context.catalog.constraints_of(table.oid):
        if constraint.kind == "p" and column.number in constraint.columns:
            raise InvalidTableDefinition(f'column "{column.name}" is in a primary key')
    for index in context.catalog.indexes_of(table.oid):
        if index.replica_identity and any(key.number == column.number for key in index.keys):
            raise InvalidTableDefinition(
                f'column "{column.name}" is in index used as replica identity'
            )
    context.ddl.put(with_column(table, replace(column, not_null=False)))


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


def change_owner(
    context: StatementContext, table: Table, command: tree.ChangeOwner
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
    context: StatementContext, table: Table, command: tree.SetOptions
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
    context: StatementContext, table: Table, command: tree.SetRowSecurity
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
    tree.DropColumn: DROPS,
    tree.DropConstraint: DROPS,
    tree.DropNotNull: DROPS,
    tree.DropIdentity: DROPS,
    tree.DropExpression: DROPS,
    tree.AlterColumnTypes: 1,
    tree.AddColumn: 4,
    tree.SetNotNull: 6,
    tree.AddIdentity: OTHERS,
    tree.AddConstraint: OTHERS,
}
"""When a command runs among those of its statement, by the numbers of PostgreSQL's passes."""

STEPS: dict[type[Any], Step] = {
    tree.SetRowSecurity: set_row_security,
    tree.SetForeignOptions: set_foreign_options,
    tree.SetTablespace: set_tablespace,
    tree.SetAccessMethod: set_access_method,
    tree.AddColumn: add_column,
    tree.DropColumn: drop_column,
    tree.SetDefault: set_default,
    tree.SetNotNull: set_not_null,
    tree.DropNotNull: drop_not_null,
    tree.AlterColumnTypes: alter_types,
    tree.AddConstraint: add_table_constraint,
    tree.DropConstraint: drop_constraint,
    tree.ValidateConstraint: validate_constraint,
    tree.AlterConstraint: alter_constraint,
    tree.ChangeOwner: change_owner,
    tree.AddIdentity: add_identity,
    tree.SetIdentity: set_identity,
    tree.DropIdentity: drop_identity,
    tree.DropExpression: drop_expression,
    tree.SetOptions: set_options,
    tree.SetStatistics: marks.set_statistics,
    tree.SetLogged: set_logged,
    tree.SetStorage: marks.set_storage,
    tree.SetCompression: marks.set_compression,
    tree.SetColumnOptions: marks.set_column_options,
    tree.SetWithoutOids: accept,
    tree.SetReplicaIdentity: marks.set_replica_identity,
    tree.ClusterOn: marks.cluster_on,
    tree.AttachPartition: attach_partition,
    tree.DetachPartition: detach_partition,
    tree.SetInheritance: set_inheritance,
    tree.SetType: set_type,
    tree.SetRule: set_rule,
    tree.SetTrigger: set_trigger,
}

UTILITIES = (Utility(node=tree.AlterTable, run=alter_table),)
