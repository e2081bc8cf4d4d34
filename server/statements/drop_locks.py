"""The locks of DROP: what must stand still while an object goes, and in which mode.

Rule 1: whoever uses an object has a lock on a relation by which it is reached: so it is that relation that is locked -
        the table of a trigger, both tables of a foreign key, the table whose default reads what goes.
Rule 2: what is no part of a relation has a lock of its own, on the object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.functions.object_identity import class_oid_of
from server.catalog.objects import CatalogObject, Constraint, Index, Policy, Sequence, Table
from server.catalog.statistics_objects import ExtendedStatistics
from server.catalog.trigger_objects import Rule, Trigger
from server.statements.partition_keys import default_partition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.waits import Wait
    from server.statements.dependencies import Doomed
    from server.statements.statement import StatementContext

WEAK, STRONG = "share update exclusive", "access exclusive"


def lock_target(context: StatementContext, target: CatalogObject, mode: str) -> Iterator[Wait]:
    """Lock what a DROP names, with the table that it is a part of; of an index all tables where it has parts."""
    if isinstance(target, Table) and target.is_partition:
        yield from context.lock_relation(target.parents[0], mode, target.name)
    if isinstance(target, Policy | Rule | Trigger):
        yield from context.lock_relation(target.table, mode, target.name)
    elif isinstance(target, Index):
        table = context.catalog.object(target.table)
        assert isinstance(table, Table)
        for value in (table, target, *context.catalog.family_of(table)):
            yield from context.lock_relation(value.oid, mode, value.name)
    elif isinstance(target, Table | Sequence):
        yield from context.lock_relation(target.oid, mode, target.name)
    else:
        yield from context.lock_object(class_oid_of(target), target.oid, mode)


def lock_doomed(context: StatementContext, doomed: Doomed) -> Iterator[Wait]:
    """Lock everything that goes along."""
    for value in doomed.objects:
        for oid, mode in _relations_of(context, value):
            yield from _lock(context, oid, mode)
    for table_oid, _ in doomed.defaults:
        yield from _lock(context, table_oid, STRONG)


def _lock(context: StatementContext, oid: int, mode: str) -> Iterator[Wait]:
    found = context.catalog.object(oid)
    if isinstance(found, Table | Index | Sequence):
        yield from context.lock_relation(oid, mode, found.name)


def _relations_of(context: StatementContext, value: CatalogObject) -> Iterator[tuple[int, str]]:
    if isinstance(value, Table | Index | Sequence):
        yield value.oid, STRONG
    if isinstance(value, Table) and value.is_partition:
        yield from _default_beside(context, value)
    elif isinstance(value, Constraint):
        yield value.table, STRONG
        yield value.referenced_table, STRONG
    elif isinstance(value, Trigger | Policy | Rule):
        yield value.table, STRONG
    elif isinstance(value, ExtendedStatistics):
        yield value.table, WEAK


def _default_beside(context: StatementContext, partition: Table) -> Iterator[tuple[int, str]]:
    """The default partition, which takes rows from now on that the partition would have taken."""
    parent = context.catalog.object(partition.parents[0])
    default = default_partition(context, parent) if isinstance(parent, Table) else None
    if default is not None:
        yield default.oid, STRONG
