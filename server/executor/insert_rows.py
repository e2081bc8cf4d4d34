"""Where an INSERT's rows go: into a table, into one partition, or into those that they belong to.

Rule 1: a target does not hold the state of a run; what it finds out of the catalog is kept, as plans are
        bound to one version of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.executor.columns import concatenate_batches, with_table_oid
from server.executor.leaf_insert import LeafInsert
from server.executor.partition_routing import Router
from server.executor.table_shape import shape_of
from server.executor.table_writer import TableWriter
from server.types.registry import TYPE_BY_OID
from server.types.type import TypeReference

if TYPE_CHECKING:
    from collections.abc import Generator

    from server.executor.context import ExecutionContext
    from server.executor.waits import Wait
    from server.planner import physical
    from server.vector.batch import Batch
    from server.vector.column import Column

OID_OID = 26


class PartitionedTarget:
    """The partitions of a table that rows are inserted into by way of it."""

    __slots__ = ("_leaves", "_plan", "_router")

    def __init__(self, plan: physical.Insert) -> None:
        self._plan = plan
        self._router: Router | None = None
        self._leaves: dict[int, LeafInsert] = {}

    def insert(
        self, columns: dict[int, Column], count: int, context: ExecutionContext
    ) -> Generator[Wait, None, Batch]:
        """Insert rows given by attribute of the table; gives them as they were stored."""
        table = self._plan.table
        shape = shape_of(table, context)
        batch = TableWriter.full_batch_of(table, columns, count, context)
        if self._router is None:
            self._router = Router(table, context)
        stored: list[Batch] = []
        for leaf, positions in self._router.route(batch, context):
            target = self._leaves.get(leaf.oid)
            if target is None:
                target = LeafInsert(table, leaf, context, self._plan)
                self._leaves[leaf.oid] = target
            rows = batch if len(positions) == batch.count else batch.take(positions)
            made = yield from target.insert(rows, context)
            stored.append(with_table_oid(made, leaf.oid))
        oid = TypeReference(TYPE_BY_OID[OID_OID])
        return concatenate_batches(stored, (*shape.types, oid))
