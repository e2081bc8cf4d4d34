"""DETACH PARTITION, at once or CONCURRENTLY.

Detaching concurrently takes two transactions. The first notes that the partition is being detached: who looks at the
parent later does not see it there, who has looked before does. The second waits for the end of those, and completes it.
What was interrupted in between is completed by DETACH PARTITION ... FINALIZE.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.objects import Constraint, Table
from server.catalog.partition_bounds import ancestors_of
from server.catalog.partition_text import constraint_text
from server.errors import (
    ForeignKeyViolation,
    InvalidObjectDefinition,
    ObjectNotInPrerequisiteState,
    UndefinedTable,
)
from server.executor.waits import Wait
from server.statements.constraints import ConstraintNames
from server.statements.inheritance import leave_parent
from server.statements.internal import first_row, internal_query, qualified_name
from server.statements.names import relation_named
from server.statements.partition_indexes import release_indexes
from server.statements.partition_keys import default_partition
from server.statements.table_texts import columns_read
from server.statements.triggers import release_triggers
from storage.engine import LockMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.sql import alter_commands
    from server.statements.statement import StatementContext

WEAK = "share update exclusive"
STRONG = "access exclusive"
FINALIZE_HINT = (
    "Use ALTER TABLE ... DETACH PARTITION ... FINALIZE to complete the pending detach operation."
)


def detach_partition(
    context: StatementContext, table: Table, command: alter_commands.DetachPartition
) -> Iterator[Wait]:
    """DETACH PARTITION."""
    if table.kind != "p":
        raise InvalidObjectDefinition(f'table "{table.name}" is not partitioned')
    if command.concurrently:
        context.session.transaction.refuse_in_block("ALTER TABLE ... DETACH CONCURRENTLY")
        if default_partition(context, table) is not None:
            raise ObjectNotInPrerequisiteState(
                "cannot detach partitions concurrently when a default partition exists"
            )
    found = relation_named(context, command.partition)
    mode = WEAK if command.concurrently else STRONG
    yield from context.lock_relation(found.oid, mode, found.name)
    child = context.catalog.object(found.oid)
    if not isinstance(child, Table) or not child.is_partition or child.parents != (table.oid,):
        raise UndefinedTable(
            f'relation "{found.name}" is not a partition of relation "{table.name}"'
        )
    if command.finalize:
        yield from _finalize(context, table, child)
        return
    _refuse_pending(context, table, child, concurrently=command.concurrently)
    yield from _refuse_referenced(context, table, child)
    if command.concurrently:
        yield from _begin(context, table, child)
        yield from _complete_later(context, table, child)
    else:
        yield from _lock_referring(context, table)
        default = default_partition(context, table)
        if default is not None:
            yield from context.lock_relation(default.oid, STRONG, default.name)
        _complete(context, table, child)


def refuse_detaching(table: Table) -> None:
    """A partition whose detaching was interrupted is not altered."""
    if table.detached_xid:
        raise ObjectNotInPrerequisiteState(
            f'cannot alter partition "{table.name}" with an incomplete detach', hint=FINALIZE_HINT
        )


def _refuse_pending(
    context: StatementContext, table: Table, child: Table, *, concurrently: bool
) -> None:
    if concurrently:
        for other in context.catalog.all_children_of(table.oid):
            if other.detached_xid:
                schema = context.catalog.object(table.schema)
                assert schema is not None
                raise ObjectNotInPrerequisiteState(
                    f'partition "{other.name}" already pending detach in partitioned table '
                    f'"{schema.name}.{table.name}"',
                    hint=FINALIZE_HINT,
                )
    elif child.detached_xid:
        raise ObjectNotInPrerequisiteState(
            f'cannot detach partition "{child.name}"',
            detail="The partition is being detached concurrently or has an unfinished detach.",
            hint=FINALIZE_HINT,
        )


def _begin(context: StatementContext, table: Table, child: Table) -> Iterator[Wait]:
    """The first transaction: later ones do not see the partition. Its bound stays, as a check that is its own."""
    _add_check(context, child)
    context.ddl.put(replace(child, detached_xid=context.transaction.xid))
    yield from context.next_transaction()


def _complete_later(context: StatementContext, table: Table, child: Table) -> Iterator[Wait]:
    """The second transaction: when all have ended who may still read the partition as one."""
    yield from _wait_for_holders(context, table)
    for oid, name, mode, what in (
        (table.oid, table.name, WEAK, "partitioned table"),
        (child.oid, child.name, STRONG, "partition"),
    ):
        yield from context.lock_relation(oid, mode, name)
        if context.catalog.object(oid) is None:
            raise ObjectNotInPrerequisiteState(f'{what} "{name}" was removed concurrently')
    parent, current = context.catalog.object(table.oid), context.catalog.object(child.oid)
    assert isinstance(parent, Table)
    assert isinstance(current, Table)
    _require_pending(current)
    yield from _lock_referring(context, parent)
    _complete(context, parent, current)


def _finalize(context: StatementContext, table: Table, child: Table) -> Iterator[Wait]:
    _require_pending(child)
    yield from _wait_for_holders(context, table, with_old_snapshots=True)
    yield from _lock_referring(context, table)
    current = context.catalog.object(child.oid)
    assert isinstance(current, Table)
    _complete(context, table, current)


def _require_pending(child: Table) -> None:
    if not child.detached_xid:
        raise ObjectNotInPrerequisiteState(
            f'cannot complete detaching partition "{child.name}"',
            detail="There's no pending concurrent detach.",
        )


def _wait_for_holders(
    context: StatementContext, table: Table, *, with_old_snapshots: bool = False
) -> Iterator[Wait]:
    """Wait for those who have a lock on the parent now; with_old_snapshots: as far as they see what they saw first."""
    done = context.engine.locks.wait_for_holders(
        context.transaction,
        ("relation", table.oid),
        LockMode.ACCESS_EXCLUSIVE,
        lambda holder: not with_old_snapshots or getattr(holder, "keep_snapshot", False),
    )
    if not done.done:
        yield Wait(done, what="virtualxid")


def _complete(context: StatementContext, table: Table, child: Table) -> None:
    release_indexes(context, child)
    release_triggers(context, child)
    for constraint in context.catalog.constraints_of(child.oid):
        if constraint.kind == "f" and constraint.parent:
            context.ddl.put(replace(constraint, parent=0, inherited=0, local=True))
    context.ddl.put(replace(leave_parent(context, table, child), bound=None, detached_xid=0))


def _add_check(context: StatementContext, child: Table) -> None:
    """Keep the partition's constraint as a check: attaching it again then needs no look at the rows."""
    text = constraint_text(context.catalog, child)
    if text is None or (child.bound is not None and child.bound.strategy == "hash"):
        return  # the constraint of a hash partition asks the parent, which may go
    used = tuple(sorted(columns_read(context, child, text)))
    label = child.column(used[0]).name if len(used) == 1 else ""
    context.ddl.put(
        Constraint(
            oid=context.new_oid(),
            name=ConstraintNames(context, child).choose("", label, "check"),
            owner=context.user_oid,
            schema=child.schema,
            table=child.oid,
            kind="c",
            columns=used,
            expression=text,
        )
    )


def _references(context: StatementContext, table: Table) -> Iterator[tuple[Table, Constraint]]:
    """The foreign keys to a partitioned table, and to those above it, with the table that each refers to."""
    for item in (table, *ancestors_of(context.catalog, table)):
        for constraint in context.catalog.references_to(item.oid):
            if not constraint.parent:
                yield item, constraint


def _source(context: StatementContext, constraint: Constraint) -> Table:
    source = context.catalog.object(constraint.table)
    assert isinstance(source, Table)
    return source


def _lock_referring(context: StatementContext, table: Table) -> Iterator[Wait]:
    """Lock the tables whose foreign keys look for rows in the partition no more."""
    for _, constraint in list(_references(context, table)):
        source = _source(context, constraint)
        yield from context.lock_relation(source.oid, STRONG, source.name)


def _refuse_referenced(context: StatementContext, table: Table, child: Table) -> Iterator[Wait]:
    """Rows that foreign keys refer to stay where these look for them; nobody refers to more of them from here on."""
    for item, constraint in list(_references(context, table)):
        source = _source(context, constraint)
        yield from context.lock_relation(source.oid, "share", source.name)
        mine = [f'f."{source.column(number).name}"' for number in constraint.columns]
        names = [item.column(number).name for number in constraint.referenced_columns]
        theirs = ", ".join(f'p."{name}"' for name in names)
        sql = (
            f"SELECT {', '.join(f'{name}::text' for name in mine)} "
            f"FROM {qualified_name(context, source.schema, source.name)} f "
            f"WHERE ({', '.join(mine)}) IN (SELECT {theirs} FROM "
            f"{qualified_name(context, child.schema, child.name)} p) LIMIT 1"
        )
        row = first_row((yield from internal_query(context, sql)))
        if row is not None:
            raise ForeignKeyViolation(
                f'removing partition "{child.name}" violates foreign key constraint '
                f'"{constraint.name}{_number_of(context, item, child)}"',
                detail=f"Key ({', '.join(names)})=({', '.join(map(str, row))}) is still referenced "
                f'from table "{source.name}".',
            )


def _number_of(context: StatementContext, table: Table, child: Table) -> int:
    """In PostgreSQL a foreign key to a partitioned table is one to each partition, too, and these are numbered."""
    below = [member.oid for member in context.catalog.family_of(table) if member.oid != table.oid]
    return below.index(child.oid) + 1
