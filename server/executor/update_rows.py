"""UPDATE: new versions of the rows that the input found, in whatever version they are by then."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from server.executor.columns import batch_of_rows, beside, rows_of
from server.executor.evaluation import evaluators, layout_of
from server.executor.many_rows import MANY_ROWS, update_rows
from server.executor.modify_rows import RowDriver, replaced
from server.executor.new_rows import refuse_transactions, shows_transactions, with_system_columns
from server.executor.row_moves import move_row
from server.executor.row_order import blindly
from server.executor.table_writer import is_same
from server.executor.target_checks import TargetChecks
from server.executor.triggers import before_row, rows_together
from server.executor.waits import Sees
from server.vector.batch import Batch
from server.vector.rows import values_of
from storage.engine import Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.family import FamilyMember
    from server.executor.leaf_insert import LeafInsert
    from server.executor.operator import Builder
    from server.executor.table_shape import Row, TableShape
    from server.executor.table_writer import TableWriter
    from server.executor.waits import Wait
    from server.planner import change_plans
    from server.vector.column import Column


class Update(RowDriver):
    """UPDATE, with RETURNING.

    New values are computed for a batch at once; those of rows that have changed meanwhile again,
    for the row alone.
    """

    event = "update"

    __slots__ = ("_evaluators", "_shows_transactions", "_target_checks")

    plan: change_plans.Update

    def __init__(self, plan: change_plans.Update, builder: Builder) -> None:
        super().__init__(plan, builder)
        layout = layout_of(plan.input.output)
        self._evaluators = evaluators([item for _, item in plan.assignments], layout)
        self._target_checks = TargetChecks(plan)
        self._shows_transactions = shows_transactions(plan)
        if plan.returning is not None:
            width = len(plan.input.output)
            layout = dict(layout) | {column: width + number - 1 for number, column in plan.row}
            width += len(plan.table.columns)
            layout |= {column: n for n, column in enumerate(plan.row_system, width)}
            self._returning = evaluators(plan.returning, layout)

    @property
    def assigned(self) -> tuple[int, ...]:
        """The attributes that are given new values."""
        return tuple(number for number, _ in self.plan.assignments)

    def change(
        self, batch: Batch, member: FamilyMember, writer: TableWriter, context: ExecutionContext
    ) -> Iterator[Any]:
        """Update the rows of a batch of the input."""
        olds = self._read(batch, member, writer)
        compute = partial(self._new_rows, batch, olds, member, writer, context)
        if self._sees and batch.count > 1:
            computed = blindly(context, member.table.oid, compute)
            if computed is None:
                raise Sees
        else:
            computed = compute()
        if computed[0].count:
            yield from self._change(batch, (*computed, olds), member, writer, context)

    def _change(
        self,
        batch: Batch,
        computed: tuple[Batch, dict[int, LeafInsert], Sequence[Row]],
        member: FamilyMember,
        writer: TableWriter,
        context: ExecutionContext,
    ) -> Iterator[Any]:
        """Write the rows that were computed, again those that have changed meanwhile."""
        made, movers, olds = computed
        arrived: dict[int, Row] = {}
        numbers = self._changed(member, writer, made, olds)
        row_ids = batch.columns[self._row_id].values
        changed = {number: made.columns[number - 1] for number in numbers}
        count = 0 if movers else update_rows(writer, row_ids, changed)
        done: list[int] = list(range(count))
        renewed: dict[int, Row] = {}
        columns = [values_of(column.slice(count, batch.count)) for column in changed.values()]
        rest = zip(row_ids[count:].tolist(), *columns, strict=True)
        for place, (row_id, *values) in enumerate(rest, count):
            context.check_cancelled()
            changes: dict[int, Any] = dict(zip(numbers, values, strict=True))
            mover = movers.get(place)
            there: list[Row] = []
            move = mover, made if mover is None else made.slice(place, place + 1), there
            outcome = yield from self._write(member, row_id, changes, move, writer, context)
            while outcome is not None and outcome.status is not Status.DONE:
                row = rows_of(batch.slice(place, place + 1))[0]
                newer = yield from self._recheck.newer(row, outcome, member, writer, context)
                if newer is None:
                    break
                renewed[place] = newer
                again = batch_of_rows([newer], self.plan.input.types)
                one, moving = self._new_rows(
                    again, self._read(again, member, writer), member, writer, context
                )
                if not one.count:
                    break
                made = made if batch.count > 1 else one
                found = rows_of(one)[0]
                changes = {number: found[number - 1] for number in numbers}
                mover = moving.get(0)
                row_id = self._recheck.row_id(newer)
                move = mover, one, there
                outcome = yield from self._write(member, row_id, changes, move, writer, context)
            else:
                arrived |= dict.fromkeys([place], there[0]) if there else {}
                is_stopped = outcome is None or (mover is not None and not there)
                done += [] if is_stopped else [place]
        self.counted(context, len(done))
        if self._returning is not None:
            yield self._returned(batch, made, (done, renewed, arrived), member, writer, context)

    def _returned(
        self,
        batch: Batch,
        made: Batch,
        changed: tuple[list[int], dict[int, Row], dict[int, Row]],
        member: FamilyMember,
        writer: TableWriter,
        context: ExecutionContext,
    ) -> Batch:
        """What RETURNING gives of the rows that were changed: done, from newer versions, and moved elsewhere."""
        assert self._returning is not None
        done, renewed, arrived = changed
        arrived = {place: arrived[number] for place, number in enumerate(done) if number in arrived}
        rows = replaced(batch, done, renewed, self.plan.input.types)
        if renewed and batch.count > 1:
            olds = self._read(rows, member, writer)
            made, _ = self._new_rows(rows, olds, member, writer, context)
            done = list(range(rows.count))
        width = len(writer.shape.types)
        there = {place: row[:width] for place, row in arrived.items()}
        made = replaced(made, done, {}, ())
        made = replaced(made, range(made.count), there, writer.shape.types)
        shown = member.as_target(made, context)
        moved: dict[int, Any] = {place: row[width] for place, row in arrived.items()}
        if moved and self._shows_transactions:
            refuse_transactions()
        shown = with_system_columns(shown, member.table.oid, context, others=moved)
        both = beside(rows, shown)
        found_columns = tuple(evaluate(both, context) for evaluate in self._returning)
        return Batch(found_columns, rows.count)

    def check_instead(
        self, made: Sequence[Row], shape: TableShape, context: ExecutionContext
    ) -> None:
        """The check options of the views that the one with triggers was reached by."""
        rows = batch_of_rows(made, shape.types)
        self._target_checks.check(rows, self.plan.table, context)

    def new_rows(
        self, batch: Batch, olds: Sequence[Row], context: ExecutionContext
    ) -> Sequence[Row | None]:
        """The rows of a view as they are to be."""
        columns = [values_of(evaluate(batch, context)) for evaluate in self._evaluators]
        found: list[Row | None] = []
        for place, old in enumerate(olds):
            new = list(old)
            for number, values in zip(self.assigned, columns, strict=True):
                new[number - 1] = values[place]
            found.append(tuple(new))
        return found

    def beside_new(
        self, rows: Batch, made: Sequence[Row], shape: TableShape, context: ExecutionContext
    ) -> Batch:
        """What RETURNING sees."""
        new = with_system_columns(batch_of_rows(made, shape.types), shape.table.oid, context)
        return beside(rows, new)

    @staticmethod
    def _changed(
        member: FamilyMember, writer: TableWriter, made: Batch, olds: Sequence[Row]
    ) -> tuple[int, ...]:
        """The attributes that may have new values: triggers may change any, of rows that were like these."""
        if not writer.shape.triggers.rows("before", "update"):
            return member.changed
        live = [column.number for column in member.table.live_columns]
        if made.count < MANY_ROWS or made.count != len(olds):
            return tuple(live)
        kept = set(live).difference(member.changed)
        return tuple(n for n in live if n not in kept or _differ(made.columns[n - 1], olds, n))

    @staticmethod
    def _told(member: FamilyMember, writer: TableWriter) -> Iterable[int] | None:
        """The attributes that AFTER triggers are told of where BEFORE ones may change any: the statement's."""
        if not writer.shape.triggers.rows("before", "update"):
            return None
        return {*member.assigned, *writer.shape.live.generated}

    def _write(
        self,
        member: FamilyMember,
        row_id: int,
        changes: dict[int, Any],
        move: tuple[LeafInsert | None, Batch, list[Row]],
        writer: TableWriter,
        context: ExecutionContext,
    ) -> Generator[Wait, None, Outcome | None]:
        """Update a row where it is, or move it to where it belongs now; None if a trigger keeps it there."""
        mover, made, there = move
        if mover is None:
            return (yield from writer.update(row_id, changes, self._told(member, writer)))
        return (yield from move_row(row_id, made, mover, writer, context, there))

    def _read(self, batch: Batch, member: FamilyMember, writer: TableWriter) -> Sequence[Row]:
        """The rows as they are stored, if more of them is wanted than the input gives."""
        if not member.unseen and not writer.shape.triggers.rows("before", "update"):
            return ()
        return [writer.read(row_id) for row_id in batch.columns[self._row_id].values.tolist()]

    def _new_rows(
        self,
        batch: Batch,
        olds: Sequence[Row],
        member: FamilyMember,
        writer: TableWriter,
        context: ExecutionContext,
    ) -> tuple[Batch, dict[int, LeafInsert]]:
        """The rows as they are to be, a column for each attribute, and those that move.

        Rows that stay are checked; the others are where they arrive. olds: see _read.
        """
        columns = {number: batch.columns[position] for number, position in member.old}
        is_fired = bool(writer.shape.triggers.rows("before", "update"))
        if member.unseen or is_fired:
            numbers = range(1, len(writer.shape.types) + 1) if is_fired else member.unseen
            full = batch_of_rows(olds, writer.shape.types)
            columns |= {number: full.columns[number - 1] for number in numbers}
        for number, evaluate in zip(member.assigned, self._evaluators, strict=True):
            columns[number] = evaluate(batch, context)
        made = writer.full_batch(columns, batch.count)
        if is_fired:
            made = self._after_triggers(olds, made, member, writer, context)
        made = member.checks.complete(made, context)
        known = frozenset(columns.keys() | set(member.changed))
        movers = member.movers(made, self._target_checks, context)
        staying = made
        if movers:
            places = [place for place in range(made.count) if place not in movers]
            staying = made.take(np.array(places, np.int64))
        member.checks.check(staying, writer.shape, context, known)
        self._target_checks.check(staying, member.table, context)
        return made, movers

    def _after_triggers(
        self,
        olds: Sequence[Row],
        made: Batch,
        member: FamilyMember,
        writer: TableWriter,
        context: ExecutionContext,
    ) -> Batch:
        """The rows as BEFORE triggers give them, without those that they stop."""
        pairs = list(zip(olds, rows_of(made), strict=True))
        if len(pairs) == 1:
            given = [before_row(context, writer.shape, "update", pairs[0], member.assigned)]
        else:
            together = rows_together(context, writer.shape, "update", pairs, member.assigned)
            if together is None or None in together:
                raise Sees
            given = together
        kept = [row for row in given if row is not None]
        return batch_of_rows(kept, writer.shape.types)


def _differ(column: Column, olds: Sequence[Row], number: int) -> bool:
    """Whether an attribute of some row may be another than it was."""
    return not all(
        is_same(value, old[number - 1]) for value, old in zip(values_of(column), olds, strict=True)
    )
