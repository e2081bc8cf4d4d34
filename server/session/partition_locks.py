"""Locks on partitions that a statement finds out about when its parameters have values.

Rule 1: only partitions that are left by then are locked, and the partitioned tables on the way to them: who changes
        others is in nobody's way.
Rule 2: where the values are not at hand all partitions are locked that planning has left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.objects import Table
from server.catalog.partition_bounds import ancestors_of
from server.executor.append import PartitionChooser
from server.planner.index_locks import with_indexes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView
    from server.executor.context import ExecutionContext
    from server.planner.index_locks import Locked
    from server.planner.planned import PlannedStatement


class PartitionsLeft:
    """The locks of one plan on partitions, for runs with parameters."""

    __slots__ = ("_choosers",)

    def __init__(self, planned: PlannedStatement) -> None:
        self._choosers = [
            (PartitionChooser(each.pruning), each.mode) for each in planned.partitions
        ]

    def locks(self, context: ExecutionContext) -> list[Locked]:
        """What a run with the context's parameters locks."""
        left = (
            (table.oid, mode)
            for chooser, mode in self._choosers
            for table in chooser.tables(context)
        )
        return list(with_indexes(context.catalog, left))


def all_locks(catalog: CatalogView, planned: PlannedStatement) -> tuple[Locked, ...]:
    """The relations that a run of the plan may read or write, whatever its parameters are."""
    if not planned.partitions:
        return planned.relations
    parts = with_indexes(catalog, dict.fromkeys(_all_partitions(catalog, planned)))
    return (*planned.relations, *parts)


def _all_partitions(catalog: CatalogView, planned: PlannedStatement) -> Iterator[Locked]:
    for each in planned.partitions:
        for oid in each.pruning.inputs:
            table = catalog.object(oid)
            if isinstance(table, Table):
                yield oid, each.mode
                yield from ((above.oid, each.mode) for above in ancestors_of(catalog, table))
