"""CHECK, PRIMARY KEY, UNIQUE and FOREIGN KEY: making them, and proving the rows that are there already."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from server.catalog.objects import Column, Constraint, Index, IndexKey, Table
from server.errors import (
    DatatypeMismatch,
    DuplicateObject,
    FeatureNotSupported,
    InvalidColumnReference,
    InvalidForeignKey,
    InvalidObjectDefinition,
    InvalidTableDefinition,
    ObjectNotInPrerequisiteState,
    SqlError,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedObject,
    WrongObjectType,
)
from server.identifiers import generated_name
from server.planner.scope import SYSTEM_COLUMNS
from server.planner.standalone import can_reference, check_condition
from server.planner.stored_text import stored_expression
from server.statements.adopted_indexes import adopt_index, adoptable_index
from server.statements.alter_column import with_column
from server.statements.index_copies import refuse_second_primary
from server.statements.index_storage import build_index, make_index
from server.statements.indexes import has_partitions
from server.statements.names import claim_new_relation, find_relation, free_name, missing_relation
from server.statements.ownership import require_privilege
from server.statements.partition_indexes import (
    refuse_partial_key,
    spread_index,
)
from server.statements.verify import verify_check, verify_foreign_key, verify_not_null

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from server.executor.waits import Wait
    from server.sql import constraints as written
    from server.statements.statement import StatementContext

ACTIONS = {"no_action": "a", "restrict": "r", "cascade": "c", "set_null": "n", "set_default": "d"}


ONLY_HINT: Final = "Do not specify the ONLY keyword."


@dataclass(slots=True)
class ConstraintNames:
    """Names that constraints of a table have or are about to have."""

    context: StatementContext
    table: Table
    taken: set[str] = field(default_factory=set)

    def is_taken(self, name: str) -> bool:
        """Whether a constraint of the schema has the name, or is about to."""
        return name in self.taken or any(
            constraint.name == name and constraint.schema == self.table.schema
            for constraint in self.context.catalog.objects(Constraint)
        )

    def choose(self, written_name: str, second: str, label: str) -> str:
        """The name as written, or one made of the table's and the columns' names."""
        used = self.taken | {
            constraint.name for constraint in self.context.catalog.constraints_of(self.table.oid)
        }
        if written_name:
            if written_name in used:
                raise DuplicateObject(
                    f'constraint "{written_name}" for relation "{self.table.name}" already exists'
                )
            self.taken.add(written_name)
            return written_name
        number = 0
        while True:
            name = generated_name(self.table.name, second, f"{label}{number or ''}")
            if name not in used:
                self.taken.add(name)
                return name
            number += 1


def column_numbers(table: Table, names: tuple[str, ...]) -> tuple[int, ...]:
    """Attribute numbers of the columns a key names; raises UndefinedColumn."""
    numbers = []
    for name in names:
        column = table.column_named(name)
        if column is None:
            raise UndefinedColumn(f'column "{name}" named in key does not exist')
        numbers.append(column.number)
    return tuple(numbers)


def _delete_columns(table: Table, names: tuple[str, ...], keys: tuple[str, ...]) -> tuple[int, ...]:
    """The columns that ON DELETE SET is about, which the key has to have."""
    for name in names:
        if _key_column(table, name).name not in keys:
            raise InvalidColumnReference(
                f'column "{name}" referenced in ON DELETE SET action must be part of foreign key'
            )
    return column_numbers(table, tuple(dict.fromkeys(names)))


def _key_column(table: Table, name: str) -> Column:
    """A column that a foreign key names."""
    column = table.column_named(name)
    if column is not None:
        return column
    if name in SYSTEM_COLUMNS:
        raise FeatureNotSupported("system columns cannot be used in foreign keys")
    raise UndefinedColumn(f'column "{name}" referenced in foreign key constraint does not exist')


def add_check(
    context: StatementContext,
    table: Table,
    constraint: written.Check,
    keys: tuple[str, ...],
    names: ConstraintNames,
) -> Iterator[Wait]:
    """CHECK (condition)."""
    refuse_no_inherit(table, no_inherit=constraint.no_inherit)
    used = check_condition(
        context.environment(), table, constraint.expression.tree, context.statement.offset
    )
    label_column = keys[0] if keys else table.column(used[0]).name if len(used) == 1 else ""
    text = stored_expression(context.environment(), constraint.expression.tree, table)
    if constraint.name and merged_with_inherited(
        context, table, constraint.name, text, no_inherit=constraint.no_inherit
    ):
        return
    name = names.choose(constraint.name, label_column, "check")
    value = Constraint(
        oid=context.new_oid(),
        name=name,
        owner=context.user_oid,
        schema=table.schema,
        table=table.oid,
        kind="c",
        columns=used,
        expression=text,
        validated=constraint.validated,
        no_inherit=constraint.no_inherit,
    )
    context.ddl.put(value)
    if constraint.validated:
        yield from verify_check(context, table, value)


def refuse_no_inherit(table: Table, *, no_inherit: bool) -> None:
    """Raise for a CHECK of a partitioned table that its partitions would not have."""
    if table.kind == "p" and no_inherit:
        raise InvalidTableDefinition(
            f'cannot add NO INHERIT constraint to partitioned table "{table.name}"'
        )


def merged_with_inherited(
    context: StatementContext, table: Table, name: str, text: str, *, no_inherit: bool
) -> Constraint | None:
    """The constraint that the table has from a parent already: it then is the table's own, too."""
    for own in context.catalog.constraints_of(table.oid):
        if own.name != name or own.kind != "c" or not own.inherited or own.local:
            continue
        if own.expression != text:
            return None
        if no_inherit:
            raise InvalidObjectDefinition(
                f'constraint "{own.name}" conflicts with inherited constraint on relation "{table.name}"'
            )
        context.notice("00000", f'merging constraint "{own.name}" with inherited definition')
        merged = replace(own, local=not table.is_partition)
        context.ddl.put(merged)
        return merged
    return None


def add_unique(
    context: StatementContext,
    table: Table,
    constraint: written.Unique,
    keys: tuple[str, ...],
    names: ConstraintNames,
) -> Iterator[Wait]:
    """PRIMARY KEY or UNIQUE: an index and a constraint of one name."""
    if constraint.using_index:
        yield from _add_using_index(context, table, constraint, names)
        return
    if constraint.primary:
        table = yield from _made_primary(context, table, keys, only=constraint.only)
    numbers = _key_numbers(table, constraint, keys)
    index = _unique_index(context, table, constraint, numbers)
    label = "pkey" if constraint.primary else "key"
    second = "" if constraint.primary else "_".join((*keys, *constraint.include))
    name = constraint.name or free_name(
        context, table.schema, table.name, second, label, taken=names.is_taken
    )
    yield from claim_new_relation(context, table.schema, name)
    names.choose(name, "", "")
    index = replace(index, name=name)
    make_index(context, table, index)
    context.ddl.put(
        Constraint(
            oid=index.constraint,
            name=name,
            owner=table.owner,
            schema=table.schema,
            table=table.oid,
            kind="p" if constraint.primary else "u",
            columns=numbers,
            index=index.oid,
            deferrable=constraint.deferrable,
            deferred=constraint.initially_deferred,
        )
    )
    yield from build_index(context, table, index)
    if not constraint.only:
        yield from spread_index(context, table, index)


def _unique_index(
    context: StatementContext, table: Table, constraint: written.Unique, numbers: tuple[int, ...]
) -> Index:
    """The index, still without a name, of a constraint that is to come and whose OID it has."""
    return Index(
        oid=context.new_oid(),
        name="",
        owner=table.owner,
        schema=table.schema,
        table=table.oid,
        storage_id=0 if table.kind == "p" else context.engine.next_id(),
        keys=tuple(
            IndexKey(number=number, collation=table.column(number).collation) for number in numbers
        ),
        included=column_numbers(table, constraint.include),
        unique=True,
        primary=constraint.primary,
        nulls_not_distinct=constraint.nulls_not_distinct,
        constraint=context.new_oid(),
        valid=not (constraint.only and has_partitions(context, table)),
    )


def _key_numbers(
    table: Table, constraint: written.Unique, keys: tuple[str, ...]
) -> tuple[int, ...]:
    """The columns of a key; raises for those that can be none."""
    numbers = column_numbers(table, keys)
    if len(set(numbers)) != len(numbers):
        twice = next(name for name in keys if keys.count(name) > 1)
        kind = "primary key" if constraint.primary else "unique"
        raise DuplicateObject(f'column "{twice}" appears twice in {kind} constraint')
    refuse_partial_key(table, numbers, "PRIMARY KEY" if constraint.primary else "UNIQUE")
    return numbers


def _add_using_index(
    context: StatementContext, table: Table, constraint: written.Unique, names: ConstraintNames
) -> Iterator[Wait]:
    index = adoptable_index(context, table, constraint)
    if constraint.primary:
        keys = tuple(table.column(key.number).name for key in index.keys)
        table = yield from _made_primary(context, table, keys, only=constraint.only)
    name = constraint.name or index.name
    if name != index.name:
        yield from claim_new_relation(context, table.schema, name)
    adopt_index(context, table, constraint, index, names.choose(name, "", ""))


def _made_primary(
    context: StatementContext, before: Table, keys: tuple[str, ...], *, only: bool
) -> Generator[Wait, None, Table]:
    """The table with columns that may be its primary key, once its rows are found to have no NULL there."""
    if only:
        _require_not_null_below(context, before, keys)
    table = _prepare_primary(context, before, keys)
    for number in column_numbers(table, keys):
        if not before.column(number).not_null:
            yield from verify_not_null(context, table, table.column(number))
    if not only and table.kind != "p":
        yield from _no_nulls_below(context, table, keys)
    return table


def _no_nulls_below(
    context: StatementContext, parent: Table, keys: tuple[str, ...]
) -> Iterator[Wait]:
    """What inherits from a table has no NULL in the columns of its primary key either."""
    for member in context.catalog.family_of(parent)[1:]:
        yield from context.lock_relation(member.oid, "access exclusive", member.name)
        for name in keys:
            heir = context.catalog.object(member.oid)
            column = heir.column_named(name) if isinstance(heir, Table) else None
            if isinstance(heir, Table) and column is not None and not column.not_null:
                yield from verify_not_null(context, heir, column)
                context.ddl.put(with_column(heir, replace(column, not_null=True)))


def _require_not_null_below(context: StatementContext, table: Table, keys: tuple[str, ...]) -> None:
    """A key of a partitioned table ONLY: its partitions take no NULL in it already."""
    for name in keys:
        column = table.column_named(name)
        if table.kind != "p" or column is None or column.not_null:
            continue
        for child in context.catalog.children_of(table.oid):
            own = child.column_named(name)
            if own is not None and not own.not_null:
                raise InvalidTableDefinition(
                    "constraint must be added to child tables too",
                    detail=f'Column "{name}" of relation "{child.name}" is not already NOT NULL.',
                    hint=ONLY_HINT,
                )


def _prepare_primary(context: StatementContext, table: Table, keys: tuple[str, ...]) -> Table:
    """A table has one primary key, and its columns are NOT NULL."""
    refuse_second_primary(context, table)
    numbers = column_numbers(table, keys)
    if all(table.column(number).not_null for number in numbers):
        return table
    columns = tuple(
        replace(column, not_null=True) if column.number in numbers else column
        for column in table.columns
    )
    table = replace(table, columns=columns)
    context.ddl.put(table)
    return table


_MAY_REFER_TO = {
    "p": ("p", "permanent", "permanent"),
    "u": ("pu", "unlogged", "permanent or unlogged"),
    "t": ("t", "temporary", "temporary"),
}
"""The persistence of tables that a table of each persistence may refer to."""


def lock_referenced_family(context: StatementContext, target: Table) -> Iterator[Wait]:
    """Lock a table that a foreign key is to refer to, with its partitions, against changes of their rows."""
    family = context.catalog.family_of(target) if target.kind == "p" else (target,)
    for member in family:
        yield from context.lock_relation(member.oid, "share row exclusive", member.name)


def add_foreign_key(
    context: StatementContext,
    table: Table,
    constraint: written.ForeignKey,
    keys: tuple[str, ...],
    names: ConstraintNames,
) -> Iterator[Wait]:
    """FOREIGN KEY (columns) REFERENCES table (columns)."""
    target = _referenced_table(context, table, constraint)
    if target.oid != table.oid:
        yield from lock_referenced_family(context, target)
    numbers = tuple(_key_column(table, name).number for name in keys)
    deleted = _delete_columns(table, constraint.on_delete_columns, keys)
    _refuse_generated(table, numbers, constraint)
    index, referenced = _referenced_index(context, target, constraint.referenced_columns)
    require_privilege(context, target, "x", referenced)
    if len(numbers) != len(referenced):
        raise InvalidForeignKey(
            "number of referencing and referenced columns for foreign key disagree"
        )
    value = Constraint(
        oid=context.new_oid(),
        name=names.choose(constraint.name, "_".join(keys), "fkey"),
        owner=table.owner,
        schema=table.schema,
        table=table.oid,
        kind="f",
        columns=numbers,
        index=index.oid,
        referenced_table=target.oid,
        referenced_columns=referenced,
        on_update=ACTIONS[constraint.on_update],
        on_delete=ACTIONS[constraint.on_delete],
        delete_columns=deleted,
        match="f" if constraint.match == "full" else "s",
        deferrable=constraint.deferrable,
        deferred=constraint.initially_deferred,
        validated=constraint.validated,
    )
    check_key_types(context, value)
    context.ddl.put(value)
    if table.kind == "p":
        from server.statements.partitions import spread_foreign_key

        for child in context.catalog.children_of(table.oid):
            yield from spread_foreign_key(context, table, value, child.oid)
    elif constraint.validated:
        yield from verify_foreign_key(context, table, target, value)


def _referenced_table(
    context: StatementContext, table: Table, constraint: written.ForeignKey
) -> Table:
    """The table that a foreign key refers to; raises for what it cannot refer to, and how."""
    target = find_relation(context, constraint.referenced, constraint.offset)
    if target is None:
        raise _without_position(missing_relation(context, constraint.referenced))
    if not isinstance(target, Table) or target.kind not in "rp":
        name = getattr(target, "name", "")
        raise WrongObjectType(f'referenced relation "{name}" is not a table')
    letters, own, others = _MAY_REFER_TO[table.persistence]
    if target.persistence not in letters:
        raise InvalidTableDefinition(
            f"constraints on {own} tables may reference only {others} tables"
        )
    if constraint.match == "partial":
        raise FeatureNotSupported("MATCH PARTIAL not yet implemented")
    return target


def _refuse_generated(
    table: Table, numbers: tuple[int, ...], constraint: written.ForeignKey
) -> None:
    """Raise for an action that would have to give a generated column a value."""
    if not any(table.column(number).generated for number in numbers):
        return
    for event, action in (("UPDATE", constraint.on_update), ("DELETE", constraint.on_delete)):
        if ACTIONS[action] in "nd" or (event == "UPDATE" and ACTIONS[action] == "c"):
            raise SqlSyntaxError(
                f"invalid ON {event} action for foreign key constraint containing generated column"
            )


def _without_position(error: SqlError) -> SqlError:
    error.position = 0
    return error


def _is_deferrable(context: StatementContext, index: Index) -> bool:
    """Whether the constraint behind an index may be checked late: rows may refer to none of such keys."""
    constraint = context.catalog.object(index.constraint) if index.constraint else None
    return isinstance(constraint, Constraint) and constraint.deferrable


def _deferrable_key(word: str, target: Table) -> ObjectNotInPrerequisiteState:
    return ObjectNotInPrerequisiteState(
        f'cannot use a deferrable {word} for referenced table "{target.name}"'
    )


def _referenced_index(
    context: StatementContext, target: Table, names: tuple[str, ...]
) -> tuple[Index, tuple[int, ...]]:
    """The unique index that a foreign key rests on, and the referenced columns in the order written."""
    indexes = context.catalog.indexes_of(target.oid)
    if not names:
        for index in indexes:
            if index.primary:
                if _is_deferrable(context, index):
                    raise _deferrable_key("primary key", target)
                return index, tuple(key.number for key in index.keys)
        raise UndefinedObject(f'there is no primary key for referenced table "{target.name}"')
    numbers = [_key_column(target, name).number for name in names]
    found_deferrable = False
    for index in indexes:
        keys = [key.number for key in index.keys]
        if (
            index.unique
            and index.valid
            and index.predicate is None
            and 0 not in keys
            and sorted(keys) == sorted(numbers)
        ):
            if not _is_deferrable(context, index):
                return index, tuple(numbers)
            found_deferrable = True
    if found_deferrable:
        raise _deferrable_key("unique constraint", target)
    raise InvalidForeignKey(
        f'there is no unique constraint matching given keys for referenced table "{target.name}"'
    )


def check_key_types(context: StatementContext, constraint: Constraint) -> None:
    """Raise DatatypeMismatch unless each pair of columns of a foreign key can be compared."""
    table = context.catalog.object(constraint.table)
    target = context.catalog.object(constraint.referenced_table)
    assert isinstance(table, Table)
    assert isinstance(target, Table)
    pairs = zip(constraint.columns, constraint.referenced_columns, strict=True)
    for number, other in pairs:
        column, match = table.column(number), target.column(other)
        if can_reference(context.environment(), match.type, column.type):
            continue
        left = context.catalog.type(column.type).sql_name
        right = context.catalog.type(match.type).sql_name
        raise DatatypeMismatch(
            f'foreign key constraint "{constraint.name}" cannot be implemented',
            detail=f'Key columns "{column.name}" and "{match.name}" are of incompatible types: '
            f"{left} and {right}.",
        )
