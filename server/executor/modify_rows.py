"""UPDATE and DELETE: rows that the input found are changed, in whatever version they are by then.

Rule 1: the input is read to its end first, so that no row is met again in its new version.
Rule 2: READ COMMITTED: a row that another transaction has changed meanwhile is changed in its
        newest version, if that still satisfies the condition; one that was deleted is passed over.
        Otherwise it is a serialization failure.
Rule 3: a row that the input gives twice is changed once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from server.errors import SerializationFailure
from server.executor.columns import batch_of_rows, beside, rows_of
from server.executor.evaluation import evaluators, layout_of
from server.executor.modify import Driver
from server.executor.row_checks import RowChecks
from server.executor.table_writer import TableWriter
from server.executor.waits import is_wait
from server.expressions.evaluate import compile_row
from server.vector.batch import Batch
from server.vector.rows import values_of
from storage.engine import Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.operator import Builder
    from server.executor.table_shape import Row
    from server.planner import physical
    from server.types.type import Value


class RowDriver(Driver):
    """What UPDATE and DELETE share: the row id, the recheck, the rows for RETURNING."""

    __slots__ = ("_old", "_recheck", "_row_id")

    plan: physical.Update | physical.Delete

    def __init__(self, plan: physical.Update | physical.Delete, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.input,))
        layout = layout_of(plan.input.output)
        self._row_id = layout[plan.row_id]
        self._old = tuple((number, layout[column]) for number, column in plan.old)
        self._recheck = None if plan.recheck is None else compile_row(plan.recheck, layout)

    def run(self, context: ExecutionContext) -> Iterator[Any]:
        """Change the rows; yield what RETURNING asks for."""
        context.row_counts[self.plan] = 0
        found: list[Batch] = []
        for batch in self.inputs[0].batches(context):
            if is_wait(batch):
                yield batch
            else:
                found.append(batch)
        writer = TableWriter(self.plan.table, context)
        for batch in found:
            yield from self.change(batch, writer, context)

    def change(self, batch: Batch, writer: TableWriter, context: ExecutionContext) -> Iterator[Any]:
        """Change the rows of a batch of the input."""
        raise NotImplementedError

    def newer(
        self, row: Row, outcome: Outcome, writer: TableWriter, context: ExecutionContext
    ) -> Row | None:
        """The input's row with the newest version's values.

        None if it is not to be changed any more.
        """
        if outcome.status is Status.SELF_MODIFIED:
            return None
        if not context.read_committed:
            verb = "delete" if outcome.status is Status.DELETED else "update"
            raise SerializationFailure(f"could not serialize access due to concurrent {verb}")
        if outcome.status is Status.DELETED:
            return None
        current = writer.read(outcome.new_row_id)
        values = list(row)
        for number, position in self._old:
            values[position] = current[number - 1]
        values[self._row_id] = outcome.new_row_id
        renewed = tuple(values)
        if self._recheck is not None and self._recheck(renewed, context) is not True:
            return None
        return renewed


class Delete(RowDriver):
    """DELETE, with RETURNING."""

    __slots__ = ("_returning",)

    plan: physical.Delete

    def __init__(self, plan: physical.Delete, builder: Builder) -> None:
        super().__init__(plan, builder)
        self._returning = None
        if plan.returning is not None:
            self._returning = evaluators(plan.returning, layout_of(plan.input.output))

    def change(self, batch: Batch, writer: TableWriter, context: ExecutionContext) -> Iterator[Any]:
        """Delete the rows of a batch of the input."""
        gone: list[int] = []
        renewed: dict[int, Row] = {}
        for number, row_id in enumerate(batch.columns[self._row_id].values.tolist()):
            context.check_cancelled()
            outcome = yield from writer.delete(row_id)
            while outcome.status is not Status.DONE:
                row = rows_of(batch.slice(number, number + 1))[0]
                newer = self.newer(row, outcome, writer, context)
                if newer is None:
                    break
                renewed[number] = newer
                outcome = yield from writer.delete(outcome.new_row_id)
            else:
                gone.append(number)
        self.counted(context, len(gone))
        if self._returning is not None:
            rows = replaced(batch, gone, renewed, self.plan.input.types)
            columns = tuple(evaluate(rows, context) for evaluate in self._returning)
            yield Batch(columns, rows.count)


def replaced(
    batch: Batch, kept: Sequence[int], renewed: dict[int, Row], types: Sequence[Any]
) -> Batch:
    """The rows of a batch that are kept, some of them replaced."""
    rows = batch.take(np.array(kept, np.int64))
    if not renewed.keys() & set(kept):
        return rows
    values = rows_of(rows)
    for place, number in enumerate(kept):
        values[place] = renewed.get(number, values[place])
    return batch_of_rows(values, types)


class Update(RowDriver):
    """UPDATE, with RETURNING.

    New values are computed for a batch at once; those of rows that have changed meanwhile again,
    for the row alone.
    """

    __slots__ = ("_assignments", "_checks", "_evaluators", "_returning")

    plan: physical.Update

    def __init__(self, plan: physical.Update, builder: Builder) -> None:
        super().__init__(plan, builder)
        layout = layout_of(plan.input.output)
        self._assignments = tuple(number for number, _ in plan.assignments)
        self._evaluators = evaluators([item for _, item in plan.assignments], layout)
        self._checks = RowChecks(plan.row, plan.checks, plan.generated, plan.policies)
        self._returning = None
        if plan.returning is not None:
            width = len(plan.input.output)
            layout = dict(layout) | {column: width + number - 1 for number, column in plan.row}
            self._returning = evaluators(plan.returning, layout)

    def change(self, batch: Batch, writer: TableWriter, context: ExecutionContext) -> Iterator[Any]:
        """Update the rows of a batch of the input."""
        made = self._new_rows(batch, writer, context)
        numbers = self._assignments + tuple(number for number, _ in self.plan.generated)
        row_ids = batch.columns[self._row_id].values
        changed = {number: made.columns[number - 1] for number in numbers}
        count = writer.update_many(row_ids, changed)
        done: list[int] = list(range(count))
        renewed: dict[int, Row] = {}
        columns = [values_of(column.slice(count, batch.count)) for column in changed.values()]
        rest = zip(row_ids[count:].tolist(), *columns, strict=True)
        for place, (row_id, *values) in enumerate(rest, count):
            context.check_cancelled()
            changes = dict(zip(numbers, values, strict=True))
            outcome = yield from writer.update(row_id, changes)
            while outcome.status is not Status.DONE:
                row = rows_of(batch.slice(place, place + 1))[0]
                newer = self.newer(row, outcome, writer, context)
                if newer is None:
                    break
                renewed[place] = newer
                changes = self._recomputed(newer, numbers, writer, context)
                outcome = yield from writer.update(outcome.new_row_id, changes)
            else:
                done.append(place)
        self.counted(context, len(done))
        if self._returning is not None:
            rows = replaced(batch, done, renewed, self.plan.input.types)
            if renewed:
                made, done = self._new_rows(rows, writer, context), list(range(rows.count))
            both = beside(rows, replaced(made, done, {}, ()))
            found = tuple(evaluate(both, context) for evaluate in self._returning)
            yield Batch(found, rows.count)

    def _new_rows(self, batch: Batch, writer: TableWriter, context: ExecutionContext) -> Batch:
        """The rows as they are to be, checked; a column for each attribute."""
        columns = {number: batch.columns[position] for number, position in self._old}
        for number, evaluate in zip(self._assignments, self._evaluators, strict=True):
            columns[number] = evaluate(batch, context)
        made = self._checks.complete(writer.full_batch(columns, batch.count), context)
        known = columns.keys() | {number for number, _ in self.plan.generated}
        self._checks.check(made, writer.shape, context, frozenset(known))
        return made

    def _recomputed(
        self,
        row: Row,
        numbers: Sequence[int],
        writer: TableWriter,
        context: ExecutionContext,
    ) -> dict[int, Value | None]:
        made = self._new_rows(batch_of_rows([row], self.plan.input.types), writer, context)
        values = rows_of(made)[0]
        return {number: values[number - 1] for number in numbers}
