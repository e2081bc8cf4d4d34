"""WITH.

Rows that are computed once and read in several places, and the rounds of WITH RECURSIVE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.executor.key_table import KeyTable, first_rows
from server.executor.operator import Builder, Operator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.context import ExecutionContext
    from server.planner import physical
    from server.vector.batch import Batch


class SharedRows:
    """The rows of a WITH query, read from its operator as far as somebody wants them."""

    __slots__ = ("_batches", "_source", "number")

    def __init__(self, batches: Iterator[Batch], number: int = 0) -> None:
        self.number = number  # among all such rows of a run
        self._batches: list[Batch] = []
        self._source: Iterator[Batch] | None = batches

    def read(self) -> Iterator[Batch]:
        """Yield all batches from the first on; several readers may be at different places."""
        at = 0
        while True:
            if at == len(self._batches) and not self._pull():
                return
            yield self._batches[at]
            at += 1

    def _pull(self) -> bool:
        batch = None if self._source is None else next(self._source, None)
        if batch is None:
            self._source = None
            return False
        self._batches.append(batch)
        return True


class CommonTable(Operator):
    """Runs its input with WITH queries in reach."""

    __slots__ = ("_tables",)

    def __init__(self, plan: physical.CommonTable, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.input, *(node for _, node in plan.tables)))
        self._tables = tuple(number for number, _ in plan.tables)

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows of the input."""
        for number, operator in zip(self._tables, self.inputs[1:], strict=True):
            if number in context.modified_tables:
                context.common_tables[number] = context.modified_tables[number]
            else:
                context.shared_rows_count += 1
                shared = SharedRows(operator.batches(context), context.shared_rows_count)
                context.common_tables[number] = shared
        yield from self.inputs[0].batches(context)


class CommonTableScan(Operator):
    """Reads a WITH query."""

    __slots__ = ()

    plan: physical.CommonTableScan

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows."""
        rows: SharedRows = context.common_tables[self.plan.table_id]
        return rows.read()


class WorkTableScan(Operator):
    """Reads the rows of the round before."""

    __slots__ = ()

    plan: physical.WorkTableScan

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows."""
        return iter(context.work_tables[self.plan.table_id])


class RecursiveUnion(Operator):
    """The first term, then round after round of the recursive one until a round is empty."""

    __slots__ = ()

    plan: physical.RecursiveUnion

    def __init__(self, plan: physical.RecursiveUnion, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.first, plan.recursive))

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows of each round as they come."""
        seen = KeyTable([reference.type for reference in self.plan.types], nulls_match=True)
        number = self.plan.table_id
        outside = context.work_tables.get(number, [])
        working: list[Batch] = []
        source = self.inputs[0]
        while True:
            made: list[Batch] = []
            for batch in source.batches(context):
                fresh = batch if self.plan.all else _unseen(batch, seen)
                if fresh.count:
                    made.append(fresh)
                    context.work_tables[number] = outside
                    yield fresh
                    context.work_tables[number] = working
            if not made:
                break
            working = context.work_tables[number] = made
            source = self.inputs[1]
        context.work_tables[number] = outside


def _unseen(batch: Batch, seen: KeyTable) -> Batch:
    known = len(seen)
    codes = seen.add(batch.columns, batch.count)
    return batch.take(first_rows(codes, known, len(seen)))
