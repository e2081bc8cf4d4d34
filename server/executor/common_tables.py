"""WITH.

Rows that are computed once and read in several places. Its rounds, if it is RECURSIVE, are in recursive_union.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from server.executor.kept_batches import KeptBatches
from server.executor.operator import Builder, Operator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.context import ExecutionContext
    from server.planner import physical
    from server.vector.batch import Batch


class SharedRows:
    """The rows of a WITH query, read from its operator as far as somebody wants them."""

    __slots__ = ("_rows", "_source", "number")

    def __init__(
        self, batches: Iterator[Batch], context: ExecutionContext | None = None, number: int = 0
    ) -> None:
        """Without a context they all stay in memory; with one somebody has to close it."""
        self.number = number  # among all such rows of a run
        self._rows = KeptBatches(context)
        self._source: Iterator[Batch] | None = batches

    def __len__(self) -> int:
        """How many batches have been read so far."""
        return len(self._rows)

    def read(self) -> Iterator[Batch]:
        """Yield all batches from the first on; several readers may be at different places."""
        at = 0
        while True:
            if at == len(self._rows) and not self._pull():
                return
            yield self._rows[at]
            at += 1

    def close(self) -> None:
        """Give up what it holds."""
        self._rows.close()

    def _pull(self) -> bool:
        batch = None if self._source is None else next(self._source, None)
        if batch is None:
            self._source = None
            return False
        self._rows.add(batch)
        return True


class CommonTable(Operator):
    """Runs its input with WITH queries in reach."""

    __slots__ = ("_tables",)

    def __init__(self, plan: physical.CommonTable, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.input, *(node for _, node in plan.tables)))
        self._tables = tuple(number for number, _ in plan.tables)

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows of the input."""
        with ExitStack() as stack:
            for number, operator in zip(self._tables, self.inputs[1:], strict=True):
                if number in context.modified_tables:
                    context.common_tables[number] = context.modified_tables[number]
                else:
                    context.shared_rows_count += 1
                    batches = operator.batches(context)
                    shared = SharedRows(batches, context, context.shared_rows_count)
                    context.common_tables[number] = stack.enter_context(closing(shared))
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
