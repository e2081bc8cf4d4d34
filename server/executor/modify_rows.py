"""RowDriver, which UPDATE and DELETE share, and DELETE: rows that the input found, in any version they are by then.

Rule 1: the input is read to its end first, so that no row is met again in its new version.
Rule 2: a row that another transaction has changed meanwhile is changed as server.executor.recheck says.
Rule 3: a row that the input gives twice is changed once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from server.executor.columns import batch_of_rows, rows_of
from server.executor.evaluation import evaluators, layout_of
from server.executor.family import FamilyMember
from server.executor.many_rows import delete_rows
from server.executor.modify import Driver
from server.executor.recheck import Recheck
from server.executor.row_moves import may_go
from server.executor.row_order import seeing
from server.executor.table_shape import shape_of
from server.executor.table_writer import TableWriter
from server.executor.triggers import before_row, before_statement, queue_after_statement
from server.executor.waits import Sees, is_wait
from server.planner import change_plans
from server.vector.batch import Batch
from server.vector.column import Column
from storage.engine import Status

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from server.catalog.objects import Table
    from server.executor.context import ExecutionContext
    from server.executor.operator import Builder
    from server.executor.table_shape import Row, TableShape


class RowDriver(Driver):
    """What UPDATE and DELETE share: the row id, the recheck, the rows for RETURNING.

    With an Outdated in place of a batch where MERGE is to choose again.
    """

    __slots__ = (
        "_is_one_by_one",
        "_old",
        "_parts",
        "_recheck",
        "_returning",
        "_row_id",
        "_sees",
        "_table_oid",
    )

    plan: change_plans.Update | change_plans.Delete
    event: ClassVar[str]

    def __init__(self, plan: change_plans.Update | change_plans.Delete, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.input,))
        layout = layout_of(plan.input.output)
        self._row_id = layout[plan.row_id]
        self._table_oid = None if plan.table_oid is None else layout[plan.table_oid]
        self._old = tuple((number, layout[column]) for number, column in plan.old)
        self._recheck = Recheck(plan, layout, self.event)
        self._parts: dict[int, FamilyMember] = {}
        self._returning: Any = None
        self._is_one_by_one = bool(seeing(plan.returning or ()))
        assigned = plan.assignments if isinstance(plan, change_plans.Update) else ()
        self._sees = bool(seeing([value for _, value in assigned]))

    def run(self, context: ExecutionContext) -> Iterator[Any]:
        """Change the rows; yield what RETURNING asks for."""
        context.row_counts[self.plan] = 0
        found: list[Batch] = []
        for batch in self.inputs[0].batches(context):
            if is_wait(batch):
                yield batch
            else:
                found.append(batch)
        self.before_statement(context)
        for batch in found:
            yield from self.change_rows(batch, context)
        self.after_statement(context)

    def before_statement(self, context: ExecutionContext) -> None:
        """Fire the BEFORE triggers of the statement."""
        before_statement(context, shape_of(self.plan.table, context), self.event, self.assigned)

    def after_statement(self, context: ExecutionContext) -> None:
        """Queue the AFTER triggers of the statement."""
        queue_after_statement(
            context, shape_of(self.plan.table, context), self.event, self.assigned
        )

    def change_instead(self, batch: Batch, context: ExecutionContext) -> Iterator[Any]:
        """Let triggers of a view change the rows of a batch; yield what RETURNING asks for."""
        shape = shape_of(self.plan.table, context)
        positions = [0] * len(shape.types)
        for number, position in self._old:
            positions[number - 1] = position
        kept: list[int] = []
        made: list[Row] = []
        rows = rows_of(batch)
        olds = [tuple(row[position] for position in positions) for row in rows]
        for place, (old, new) in enumerate(
            zip(olds, self.new_rows(batch, olds, context), strict=True)
        ):
            context.check_cancelled()
            given = before_row(
                context, shape, self.event, (old, new), self.assigned, timing="instead"
            )
            if given is not None:
                kept.append(place)
                made.append(given)
        self.check_instead(made, shape, context)
        self.counted(context, len(kept))
        if self._returning is not None:
            both = self.beside_new(batch.take(np.array(kept, np.int64)), made, shape, context)
            yield Batch(tuple(evaluate(both, context) for evaluate in self._returning), both.count)

    def new_rows(
        self, batch: Batch, olds: Sequence[Row], context: ExecutionContext
    ) -> Sequence[Row | None]:
        """The rows of a view as they are to be."""
        return [None] * len(olds)

    def beside_new(
        self, rows: Batch, made: Sequence[Row], shape: TableShape, context: ExecutionContext
    ) -> Batch:
        """What RETURNING sees."""
        return rows

    def check_instead(
        self, made: Sequence[Row], shape: TableShape, context: ExecutionContext
    ) -> None:
        """Raise for a row, as the triggers of a view left it, that a view above must not get."""

    @property
    def assigned(self) -> tuple[int, ...]:
        """The attributes that are given new values."""
        return ()

    def change_rows(self, batch: Batch, context: ExecutionContext) -> Iterator[Any]:
        """Change the rows of a batch of the input, of whichever tables they are."""
        if self.plan.table.kind == "v":
            yield from self.change_instead(batch, context)
            return
        for member, rows in self._by_table(batch, context):
            writer = TableWriter(member.table, context)
            if not (member.fires_before or self._sees or self._is_one_by_one):
                yield from self.change(rows, member, writer, context)
                continue
            rows, own = self._not_yet_changed(rows, member, context)
            if self._may_go_together(rows, writer, context):
                if member.fires_before:
                    rows = yield from self._locked(rows, member, writer, context)
                try:
                    yield from self.change(rows, member, writer, context)
                except Sees:
                    context.seeing.add(member.table.oid)
                else:
                    continue
            yield from self._change_singly(rows, own, member, writer, context)

    def _change_singly(
        self,
        rows: Batch,
        own: set[int],
        member: FamilyMember,
        writer: TableWriter,
        context: ExecutionContext,
    ) -> Iterator[Any]:
        """Change rows one by one: what is called for one sees the rows before it; own: to which those are added."""
        for place in range(rows.count):
            row = rows.slice(place, place + 1)
            row_id = int(row.columns[self._row_id].values[0])
            if row_id in own:
                continue
            locked = yield from self._locked(row, member, writer, context)
            count = context.row_counts.get(self.plan, 0)
            if locked.count:
                yield from self.change(locked, member, writer, context)
            if context.row_counts.get(self.plan, 0) > count and not self.plan.of_merge:
                own.add(row_id)

    def _not_yet_changed(
        self, rows: Batch, member: FamilyMember, context: ExecutionContext
    ) -> tuple[Batch, set[int]]:
        """The rows without those that this command has changed already, which a join may give again, and these."""
        own = context.changed_rows.setdefault((self.plan, member.table.oid), set())
        if not own:
            return rows, own
        row_ids = rows.columns[self._row_id].values.tolist()
        places = [place for place, row_id in enumerate(row_ids) if row_id not in own]
        return rows.take(np.array(places, np.int64)), own

    def _may_go_together(self, rows: Batch, writer: TableWriter, context: ExecutionContext) -> bool:
        """Whether what is called for a row may be called for all before the first is written, if it does not look."""
        shape = writer.shape
        if rows.count == 1 or shape.table.is_partition or shape.table.oid in context.seeing:
            return False
        if self.event != "update" or self._is_one_by_one:
            return False
        if not self._sees and not shape.triggers.rows("before", "update"):
            return False
        row_ids = rows.columns[self._row_id].values
        return len(np.unique(row_ids)) == rows.count

    def _locked(
        self, rows: Batch, member: FamilyMember, writer: TableWriter, context: ExecutionContext
    ) -> Generator[Any, None, Batch]:
        """The rows, locked, in the versions that they have by then."""
        found = []
        for row in rows_of(rows):
            context.check_cancelled()
            locked = yield from self._recheck.locked(row, member, writer, context)
            if locked is not None:
                found.append(locked)
        return batch_of_rows(found, self.plan.input.types)

    def _by_table(
        self, batch: Batch, context: ExecutionContext
    ) -> Iterator[tuple[FamilyMember, Batch]]:
        """The rows of a batch by the table of the family that they are of."""
        if self._table_oid is None:
            yield self._member(self.plan.table.oid, context), batch
            return
        oids = batch.columns[self._table_oid].values
        for oid in dict.fromkeys(oids.tolist()):
            chosen = np.flatnonzero(oids == oid)
            rows = batch if len(chosen) == batch.count else batch.take(chosen)
            yield self._member(oid, context), rows

    def _member(self, oid: int, context: ExecutionContext) -> FamilyMember:
        member = self._parts.get(oid)
        if member is None:
            table: Table = (
                self.plan.table if oid == self.plan.table.oid else context.catalog.object(oid)
            )
            member = self._parts[oid] = FamilyMember(self.plan, table, self._old, context)
        return member

    def change(
        self, batch: Batch, member: FamilyMember, writer: TableWriter, context: ExecutionContext
    ) -> Iterator[Any]:
        """Change the rows of a batch of the input."""
        raise NotImplementedError


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


class Delete(RowDriver):
    """DELETE, with RETURNING."""

    event = "delete"

    __slots__ = ()

    plan: change_plans.Delete

    def __init__(self, plan: change_plans.Delete, builder: Builder) -> None:
        super().__init__(plan, builder)
        if plan.returning is not None:
            layout = layout_of(plan.input.output)
            layout = {**layout, plan.row_xmax: len(plan.input.output)}
            self._returning = evaluators(plan.returning, layout)

    def change(
        self, batch: Batch, member: FamilyMember, writer: TableWriter, context: ExecutionContext
    ) -> Iterator[Any]:
        """Delete the rows of a batch of the input."""
        row_ids = batch.columns[self._row_id].values
        gone: list[int] = delete_rows(writer, row_ids).tolist()
        renewed: dict[int, Row] = {}
        is_left = np.ones(batch.count, np.bool_)
        is_left[gone] = False
        for number in np.flatnonzero(is_left).tolist():
            row_id = int(row_ids[number])
            context.check_cancelled()
            if not may_go(row_id, writer, context):
                continue
            outcome = yield from writer.delete(row_id)
            while outcome.status is not Status.DONE:
                row = rows_of(batch.slice(number, number + 1))[0]
                newer = yield from self._recheck.newer(row, outcome, member, writer, context)
                if newer is None:
                    break
                renewed[number] = newer
                row_id = self._recheck.row_id(newer)
                if not may_go(row_id, writer, context):
                    break
                outcome = yield from writer.delete(row_id)
            else:
                gone.append(number)
        self.counted(context, len(gone))
        if self._returning is not None:
            gone.sort()
            rows = replaced(batch, gone, renewed, self.plan.input.types)
            xmax = np.full(rows.count, context.transaction.stamp() >> 16, np.int64)
            rows = Batch((*rows.columns, Column(xmax)), rows.count)
            columns = tuple(evaluate(rows, context) for evaluate in self._returning)
            yield Batch(columns, rows.count)
