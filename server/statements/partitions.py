"""Partitions come and go: PARTITION OF, ATTACH, DETACH, and foreign keys that spread over them.

Rule 1: nobody writes rows that a new partition would take, or that one that goes had taken: who writes has locks on the
        partitions that rows may go to. The lock on the parent keeps others from changing its partitions.
Rule 2: a partition's rows satisfy its constraint from the moment it is one; so do those of the default
        partition, whose constraint gets narrower.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.objects import Constraint, Index, Table
from server.catalog.partition_bounds import ancestors_of, leaves_of
from server.catalog.partition_text import constraint_text
from server.errors import (
    CheckViolation,
    DatatypeMismatch,
    DuplicateTable,
    InvalidObjectDefinition,
    ObjectNotInPrerequisiteState,
    WrongObjectType,
)
from server.statements.constraints import lock_referenced_family
from server.statements.inheritance import child_numbers, merge_into_child
from server.statements.internal import first_row, internal_query, qualified_name, schema_name
from server.statements.names import relation_named
from server.statements.ownership import require_owner
from server.statements.partition_indexes import attach_index, is_part_of, take_indexes
from server.statements.partition_keys import default_partition, partition_bound
from server.statements.triggers import take_triggers
from server.statements.verify import has_rows, verify_foreign_key

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from server.executor.waits import Wait
    from server.sql import alter_commands
    from server.statements.statement import StatementContext


def complete_partition(context: StatementContext, parent: Table, child_oid: int) -> Iterator[Wait]:
    """What a new partition gets from its parent beside columns and checks."""
    child = context.catalog.object(child_oid)
    assert isinstance(child, Table)
    yield from take_indexes(context, parent, child)
    yield from take_foreign_keys(context, parent, child_oid)
    yield from _lock_referring(context, parent, child)


def _lock_referring(context: StatementContext, parent: Table, child: Table) -> Iterator[Wait]:
    """Lock the tables whose rows may refer to those of the partition from now on."""
    for table in (parent, *ancestors_of(context.catalog, parent)):
        for constraint in context.catalog.references_to(table.oid):
            if constraint.table != child.oid:
                yield from context.lock_relation(
                    constraint.table, "share row exclusive", constraint.name
                )


def verify_default(
    context: StatementContext, parent: Table, child_oid: int, *, names_leaf: bool
) -> Iterator[Wait]:
    """Raise CheckViolation if the default partition has a row that belongs to a new partition.

    names_leaf: the error is about the partition that has the row, as for ATTACH, and not about the default itself.
    """
    default = default_partition(context, parent)
    if default is None or default.oid == child_oid:
        return
    for member in context.catalog.family_of(default):
        yield from context.lock_relation(member.oid, "access exclusive", member.name)
    found = yield from _violating_leaf(context, default)
    if found is not None:
        named = found if names_leaf else default
        raise _violation(
            context,
            named,
            f'updated partition constraint for default partition "{named.name}" would be violated by some row',
        )


def _verify_attached(context: StatementContext, table: Table) -> Iterator[Wait]:
    found = yield from _violating_leaf(context, table)
    if found is not None:
        raise _violation(
            context,
            found,
            f'partition constraint of relation "{found.name}" is violated by some row',
        )


def _violating_leaf(context: StatementContext, table: Table) -> Generator[Wait, None, Table | None]:
    """The first of the tables with the rows of a partition that has one against the partition's constraint."""
    leaves = {leaf.oid: leaf for leaf in leaves_of(context.catalog, table)}
    if not any(has_rows(context, leaf) for leaf in leaves.values()):
        return None
    condition = constraint_text(context.catalog, table)
    if condition is None:
        return None
    name = qualified_name(context, table.schema, table.name)
    sql = f"SELECT tableoid FROM {name} WHERE NOT {condition} LIMIT 1"
    row = first_row((yield from internal_query(context, sql)))
    return None if row is None else leaves[int(row[0])]


def _violation(context: StatementContext, table: Table, message: str) -> CheckViolation:
    return CheckViolation(message, schema=schema_name(context, table.schema), table=table.name)


# Foreign keys ------------------------------------------------------------------------------------


def take_foreign_keys(context: StatementContext, parent: Table, child_oid: int) -> Iterator[Wait]:
    """Give a partition the foreign keys and the triggers of its parent."""
    child = context.catalog.object(child_oid)
    assert isinstance(child, Table)
    take_triggers(context, parent, child)
    for constraint in context.catalog.constraints_of(parent.oid):
        if constraint.kind == "f":
            yield from spread_foreign_key(context, parent, constraint, child_oid)


def spread_foreign_key(
    context: StatementContext, parent: Table, constraint: Constraint, child_oid: int
) -> Iterator[Wait]:
    """Give a partition, and those below it, a foreign key of its parent."""
    child = context.catalog.object(child_oid)
    assert isinstance(child, Table)
    yield from context.lock_relation(child.oid, "share row exclusive", child.name)
    numbers = child_numbers(parent, child, constraint.columns)
    made = None
    for own in context.catalog.constraints_of(child_oid):
        if own.kind == "f" and not own.parent and _is_same_key(own, constraint, numbers):
            made = replace(own, parent=constraint.oid, inherited=1, local=False)
    if made is None:
        made = replace(
            constraint,
            oid=context.new_oid(),
            name=_free_constraint_name(context, child, constraint.name),
            schema=child.schema,
            table=child_oid,
            columns=numbers,
            delete_columns=child_numbers(parent, child, constraint.delete_columns),
            parent=constraint.oid,
            inherited=1,
            local=False,
            comment=None,
        )
        target = context.catalog.object(made.referenced_table)
        assert isinstance(target, Table)
        yield from lock_referenced_family(context, target)
        context.ddl.put(made)
        if made.validated:
            yield from verify_foreign_key(context, child, target, made)
    else:
        context.ddl.put(made)
    if child.kind == "p":
        for below in context.catalog.children_of(child_oid):
            yield from spread_foreign_key(context, child, made, below.oid)


def _is_same_key(own: Constraint, wanted: Constraint, numbers: tuple[int, ...]) -> bool:
    def shape(item: Constraint) -> tuple[object, ...]:
        return (
            item.referenced_table, item.referenced_columns, item.on_update, item.on_delete,
            item.match, item.deferrable, item.deferred, item.validated,
        )  # fmt: skip

    return own.columns == numbers and shape(own) == shape(wanted)


def _free_constraint_name(context: StatementContext, table: Table, name: str) -> str:
    used = {item.name for item in context.catalog.constraints_of(table.oid)}
    number, found = 0, name
    while found in used:
        number += 1
        found = f"{name}{number}"
    return found


# ATTACH and DETACH -------------------------------------------------------------------------------


def attach_partition(
    context: StatementContext, table: Table, command: alter_commands.AttachPartition
) -> Iterator[Wait]:
    """ATTACH PARTITION."""
    if table.kind != "p":
        raise InvalidObjectDefinition(f'table "{table.name}" is not partitioned')
    found = relation_named(context, command.partition, command.offset)
    if not isinstance(found, Table) or found.kind not in "rpf":
        raise WrongObjectType(
            f'ALTER action ATTACH PARTITION cannot be performed on relation "{found.name}"'
        )
    yield from context.lock_relation(found.oid, "access exclusive", found.name)
    child = context.catalog.object(found.oid)
    assert isinstance(child, Table)
    require_owner(context, child)
    _refuse_attaching(context, table, child)
    assert command.bound is not None
    bound = partition_bound(context, table, child.name, command.bound)
    child = merge_into_child(context, table, child, is_partition=True)
    context.ddl.put(replace(child, parents=(table.oid,), bound=bound))
    yield from complete_partition(context, table, child.oid)
    current = context.catalog.object(child.oid)
    assert isinstance(current, Table)
    yield from _verify_attached(context, current)
    yield from verify_default(context, table, child.oid, names_leaf=True)


def _refuse_attaching(context: StatementContext, table: Table, child: Table) -> None:
    if child.is_partition:
        raise WrongObjectType(f'"{child.name}" is already a partition')
    if child.of_type:
        raise WrongObjectType("cannot attach a typed table as partition")
    if child.parents:
        raise WrongObjectType("cannot attach inheritance child as partition")
    if child.kind == "r" and context.catalog.has_children(child.oid):
        raise WrongObjectType("cannot attach inheritance parent as partition")
    if child.oid == table.oid or any(
        item.oid == child.oid for item in ancestors_of(context.catalog, table)
    ):
        raise DuplicateTable(
            "circular inheritance not allowed",
            detail=f'"{table.name}" is already a child of "{child.name}".',
        )
    if (child.persistence == "t") != (table.persistence == "t"):
        first, second = ("temporary", "permanent")
        if child.persistence != "t":
            first, second = second, first
        raise WrongObjectType(
            f'cannot attach a {first} relation as partition of {second} relation "{table.name}"'
        )
    for column in child.live_columns:
        if table.column_named(column.name) is None:
            raise DatatypeMismatch(
                f'table "{child.name}" contains column "{column.name}" not found in parent '
                f'"{table.name}"',
                detail="The new partition may contain only the columns present in parent.",
            )


def attach_index_partition(
    context: StatementContext, index: Index, command: alter_commands.AttachPartition
) -> Iterator[Wait]:
    """ALTER INDEX ... ATTACH PARTITION."""
    yield from ()
    found = relation_named(context, command.partition, command.offset)
    if not isinstance(found, Index):
        raise InvalidObjectDefinition(f'"{found.name}" is not an index')
    if found.parent == index.oid:
        return
    table, child = context.catalog.object(index.table), context.catalog.object(found.table)
    assert isinstance(table, Table)
    assert isinstance(child, Table)
    message = f'cannot attach index "{found.name}" as a partition of index "{index.name}"'
    if any(item.table == child.oid for item in context.catalog.child_indexes_of(index.oid)):
        raise ObjectNotInPrerequisiteState(
            message, detail=f'Another index is already attached for partition "{child.name}".'
        )
    if found.parent:
        raise ObjectNotInPrerequisiteState(
            message, detail=f'Index "{found.name}" is already attached to another index.'
        )
    if child.parents != (table.oid,) or not child.is_partition:
        raise ObjectNotInPrerequisiteState(
            message,
            detail=f'Index "{found.name}" is not an index on any partition of table "{table.name}".',
        )
    if not is_part_of(table, index, child, found):
        raise InvalidObjectDefinition(message, detail="The index definitions do not match.")
    if index.constraint and not found.constraint:
        constraint = context.catalog.object(index.constraint)
        assert constraint is not None
        raise InvalidObjectDefinition(
            message,
            detail=f'The index "{index.name}" belongs to a constraint in table "{table.name}" but '
            f'no constraint exists for index "{found.name}".',
        )
    attach_index(context, index, found)
    _validate_when_complete(context, table, index)


def _validate_when_complete(context: StatementContext, table: Table, index: Index) -> None:
    """An index made with ONLY is valid when every partition has its part."""
    tables = {item.table for item in context.catalog.child_indexes_of(index.oid) if item.valid}
    if not index.valid and all(
        child.oid in tables for child in context.catalog.children_of(table.oid)
    ):
        whole = replace(index, valid=True)
        context.ddl.put(whole)
        above = context.catalog.object(index.parent) if index.parent else None
        home = context.catalog.object(above.table) if isinstance(above, Index) else None
        if isinstance(above, Index) and isinstance(home, Table):
            _validate_when_complete(context, home, above)
