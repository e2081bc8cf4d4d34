"""Where an INSERT's rows go: into a table, into one partition, or into those that they belong to.

Rule 1: a target does not hold the state of a run; what it finds out of the catalog is kept, as plans are
        bound to one version of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from server.executor.columns import concatenate_batches
from server.executor.leaf_insert import LeafInsert
from server.executor.new_rows import SYSTEM_TYPES, refuse_transactions, shows_transactions
from server.executor.partition_routing import Router, translation
from server.executor.row_places import at_rows
from server.executor.table_shape import shape_of
from server.executor.table_writer import TableWriter

if TYPE_CHECKING:
    from collections.abc import Generator

    from server.catalog.objects import Table
    from server.executor.context import ExecutionContext
    from server.executor.waits import Wait
    from server.planner import change_plans
    from server.vector.batch import Batch
    from server.vector.column import Column, Positions


class PartitionedTarget:
    """The partitions of a table that rows are inserted into by way of it."""

    __slots__ = ("_leaves", "_plan", "_router", "_shows_transactions")

    def __init__(self, plan: change_plans.Insert) -> None:
        self._plan = plan
        self._router: Router | None = None
        self._shows_transactions = shows_transactions(plan)
        self._leaves: dict[int, LeafInsert] = {}

    def insert(
        self, columns: dict[int, Column], count: int, context: ExecutionContext
    ) -> Generator[Wait, None, Batch]:
        """Insert rows given by attribute of the table; gives them as they were stored, with system columns."""
        table = self._plan.table
        shape = shape_of(table, context)
        batch = TableWriter.full_batch_of(table, columns, count, context)
        if self._router is None:
            self._router = Router(table, context)
        stored: list[Batch] = []
        places: list[Positions] = []
        for leaf, positions in self._router.route(batch, context):
            target = self._leaves.get(leaf.oid)
            if target is None:
                self._refuse_alike(leaf)
                target = LeafInsert(table, leaf, context, self._plan)
                self._leaves[leaf.oid] = target
            rows = batch if len(positions) == batch.count else batch.take(positions)
            with at_rows(positions):
                made = yield from target.insert(rows, context)
            stored.append(made)
            places.append(positions)
        found = concatenate_batches(stored, (*shape.types, *SYSTEM_TYPES))
        if self._plan.returning is None or len(stored) < 2 or found.count < batch.count:
            return found  # nobody looks, it is in order, or triggers have left rows out
        return found.take(np.argsort(np.concatenate(places)))

    def _refuse_alike(self, leaf: Table) -> None:
        """Raise for a partition with the columns of its parent, of whose rows PostgreSQL cannot show xmin and xmax."""
        numbers = translation(self._plan.table, leaf)
        if self._shows_transactions and numbers == tuple(range(1, len(numbers) + 1)):
            refuse_transactions()
