"""INSERT: rows of the input become rows of the table.

Rule 1: what is inserted by this command the command's own scans do not see: their snapshot is
        older.
Rule 2: drivers yield Wait in place of a batch when a row of another transaction is in the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.executor.columns import batch_of_rows, concatenate_batches, rows_of
from server.executor.evaluation import evaluators
from server.executor.insert_rows import PartitionedTarget
from server.executor.loads import rows_at_once
from server.executor.new_rows import SYSTEM_TYPES, with_system_columns
from server.executor.operator import Builder, Operator
from server.executor.partition_routing import Router
from server.executor.row_checks import RowChecks, ViewChecks
from server.executor.row_order import seeing
from server.executor.row_places import at_row, at_rows
from server.executor.table_shape import shape_of
from server.executor.table_writer import TableWriter
from server.executor.triggers import (
    before_row,
    before_statement,
    queue_after_statement,
    rows_together,
)
from server.executor.upsert import Upsert
from server.executor.waits import Wait, is_wait
from server.expressions.evaluate import compile_row
from server.planner.change_plans import no_arbiter
from server.vector.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from server.catalog.objects import Table
    from server.executor.context import ExecutionContext
    from server.planner import change_plans
    from server.vector.column import Column


WRITTEN_AT_ONCE: Final = 8192
"""Rows that others wait for the latch while they are written; what fills a group is encoded before that."""


class Driver(Operator):
    """An operator that changes rows: counts them, and may yield Wait."""

    __slots__ = ()

    def counted(self, context: ExecutionContext, count: int) -> None:
        """Add to the number of rows this node has changed."""
        context.row_counts[self.plan] = context.row_counts.get(self.plan, 0) + count


class Insert(Driver):
    """INSERT, with ON CONFLICT and RETURNING."""

    __slots__ = (
        "_assumed",
        "_checks",
        "_is_one_by_one",
        "_partitions",
        "_returning",
        "_router",
        "_upsert",
        "_view_checks",
    )

    plan: change_plans.Insert

    def __init__(self, plan: change_plans.Insert, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.input,))
        self._checks = RowChecks(plan.row, plan.checks, plan.generated, plan.policies)
        self._upsert = None if plan.conflict is None else Upsert(plan, self._checks)
        self._partitions = PartitionedTarget(plan) if plan.table.kind == "p" else None
        self._router: Router | None = None
        self._view_checks = ViewChecks(plan.row, plan.view_checks)
        layout = {column: number - 1 for number, column in plan.row}
        layout |= {column: n for n, column in enumerate(plan.row_system, len(plan.table.columns))}
        self._returning = None
        if plan.returning is not None:
            self._returning = evaluators(plan.returning, layout)
        assumed = () if plan.conflict is None else plan.conflict.assumed
        self._assumed = [compile_row(each, {}) for each in assumed]
        updated = () if plan.conflict is None else plan.conflict.update or ()
        self._is_one_by_one = bool(
            seeing((*(plan.returning or ()), *(value for _, value in updated)))
        )

    def run(self, context: ExecutionContext) -> Iterator[Any]:
        """Insert batch by batch; yield what RETURNING asks for."""
        context.row_counts[self.plan] = 0
        self.before_statement(context)
        yield from self._insert_all(context)
        self.after_statement(context)

    def before_statement(self, context: ExecutionContext) -> None:
        """Fire the BEFORE triggers of the statement."""
        for holds in self._assumed:
            if holds((), context) is not True:
                raise no_arbiter()
        for event, changed in self._events():
            before_statement(context, shape_of(self.plan.table, context), event, changed)

    def after_statement(self, context: ExecutionContext) -> None:
        """Queue the AFTER triggers of the statement."""
        for event, changed in reversed(self._events()):
            queue_after_statement(context, shape_of(self.plan.table, context), event, changed)

    def _events(self) -> list[tuple[str, list[int]]]:
        """What the statement may do, and to which columns."""
        conflict = self.plan.conflict
        if conflict is None or conflict.update is None:
            return [("insert", [])]
        return [("insert", []), ("update", [number for number, _ in conflict.update])]

    def _insert_all(self, context: ExecutionContext) -> Iterator[Any]:
        context.is_changing = True
        rows_max = self._rows_max(context)
        for batch in self.inputs[0].batches(context):
            if is_wait(batch):
                yield batch
                continue
            for part in portions(batch, rows_max):
                context.check_cancelled()
                columns = dict(zip(self.plan.attributes, part.columns, strict=True))
                made = yield from self.insert(columns, part.count, context)
                if self._returning is not None:
                    found = tuple(evaluate(made, context) for evaluate in self._returning)
                    yield Batch(found, made.count)

    def _rows_max(self, context: ExecutionContext) -> Callable[[int], int]:
        """How many of so many rows are written together next."""
        if self._is_one_by_one:
            return lambda _left: 1
        if self.plan.table.kind in ("p", "v"):
            return lambda _left: WRITTEN_AT_ONCE
        return rows_at_once(self.plan.table, context, WRITTEN_AT_ONCE)

    def insert(
        self, columns: dict[int, Column], count: int, context: ExecutionContext
    ) -> Generator[Wait, None, Batch]:
        """Insert rows given by attribute.

        The way in for COPY. Gives the rows as they were stored, with system columns.
        """
        if self.plan.table.kind == "v":
            full = TableWriter.full_batch_of(self.plan.table, columns, count, context)
            return self._insert_instead(full, context)
        if self._partitions is not None:
            if self.plan.policies:
                full = TableWriter.full_batch_of(self.plan.table, columns, count, context)
                self._checks.check_policies(full, shape_of(self.plan.table, context), context)
            batch = yield from self._partitions.insert(columns, count, context)
            self._view_checks.check(batch, self.plan.table, context)
            self.counted(context, batch.count)
            return batch
        writer = TableWriter(self.plan.table, context)
        batch = writer.full_batch(columns, count)
        if writer.shape.triggers.rows("before", "insert"):
            return (yield from self._insert_one_by_one(batch, writer, context))
        batch = yield from self._write(batch, writer, context)
        return batch

    def _insert_instead(self, batch: Batch, context: ExecutionContext) -> Batch:
        """Let triggers of a view do it; gives the rows as they left them."""
        shape = shape_of(self.plan.table, context)
        made = []
        for row in rows_of(batch):
            given = before_row(context, shape, "insert", (None, row), timing="instead")
            if given is not None:
                made.append(given)
        self.counted(context, len(made))
        rows = batch_of_rows(made, shape.types)
        self._view_checks.check(rows, self.plan.table, context)
        return with_system_columns(rows, self.plan.table.oid, context)

    def _insert_one_by_one(
        self, batch: Batch, writer: TableWriter, context: ExecutionContext
    ) -> Generator[Wait, None, Batch]:
        """Each row's BEFORE triggers see the rows before it, unless they do not look."""
        rows = rows_of(batch)
        given = None
        if len(rows) > 1:
            given = rows_together(context, writer.shape, "insert", [(None, row) for row in rows])
        if given is not None:
            kept = {place: row for place, row in enumerate(given) if row is not None}
            together = batch_of_rows(list(kept.values()), writer.shape.types)
            with at_rows(list(kept)):
                return (yield from self._write(together, writer, context))
        made: list[Batch] = []
        for place, row in enumerate(rows):
            context.check_cancelled()
            with at_row(place):
                changed = before_row(context, writer.shape, "insert", (None, row))
                if changed is not None:
                    one = batch_of_rows([changed], writer.shape.types)
                    made.append((yield from self._write(one, writer, context)))
        return concatenate_batches(made, (*writer.shape.types, *SYSTEM_TYPES))

    def _write(
        self, batch: Batch, writer: TableWriter, context: ExecutionContext
    ) -> Generator[Wait, None, Batch]:
        """Check and insert rows; gives those that were written.

        Check options of views are about rows that no constraint stands against and no conflict has kept away.
        """
        batch = self._checks.complete(batch, context)
        wrong = self._checks.first_wrong(batch, writer.shape, context)
        if wrong is not None:
            if wrong[0]:  # the mistakes of rows before it come first
                yield from self._write(batch.slice(0, wrong[0]), writer, context)
            raise wrong[1]
        if self.plan.table.is_partition and not self.plan.table.detached_xid:
            self._check_bound(batch, context)
        locked: list[int] = []
        if self._upsert is not None:
            batch, locked = yield from self._upsert.run(batch, writer, context)
        else:
            yield from writer.insert(batch)
        self._view_checks.check(batch, self.plan.table, context)
        self.counted(context, batch.count)
        return with_system_columns(batch, self.plan.table.oid, context, locked=locked)

    def _check_bound(self, batch: Batch, context: ExecutionContext) -> None:
        """Raise unless the rows belong into this partition."""
        if self._router is None:
            self._router = Router(self.plan.table, context)
        self._router.route(batch, context)


def insert_columns(
    context: ExecutionContext, table: Table, columns: Sequence[Column], count: int = -1
) -> Generator[Wait, None, None]:
    """Insert rows that come as a column for each live attribute, in order.

    NOT NULL, unique and foreign keys are looked after, CHECK and generated columns are not: COPY
    into tables that may have them goes through `Insert.insert`.
    """
    writer = TableWriter(table, context)
    numbers = [column.number for column in table.live_columns]
    given = dict(zip(numbers, columns, strict=True))
    batch = writer.full_batch(given, len(columns[0]) if columns else count)
    RowChecks((), (), ()).check(batch, writer.shape, context)
    for part in portions(batch, rows_at_once(table, context, WRITTEN_AT_ONCE)):
        context.check_cancelled()
        yield from writer.insert(part)


def portions(batch: Batch, rows_max: Callable[[int], int]) -> Iterator[Batch]:
    """The rows of a batch, as many at a time as may be written of those that are left."""
    start, stop = 0, rows_max(batch.count)
    if batch.count <= stop:
        yield batch
        return
    while start < batch.count:
        yield batch.slice(start, stop)
        start, stop = stop, stop + rows_max(batch.count - stop)
