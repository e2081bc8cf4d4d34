"""ON CONFLICT: a row whose key is taken is passed over, or updates the row that has the key.

Rule 1: rows go one by one, and each looks again after every wait; those that need not, together before them.
Rule 2: under REPEATABLE READ a row in the way that the snapshot does not see is a serialization
        failure.
Rule 3: a row that this very command has written cannot be updated by it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from server.errors import CardinalityViolation, FeatureNotSupported, SerializationFailure
from server.executor.columns import batch_of_rows, concatenate_batches, rows_of
from server.executor.exclusions import TakenKeys, taken_keys
from server.executor.partition_routing import Router
from server.executor.recheck import changed_by_trigger
from server.executor.row_checks import RowChecks
from server.executor.triggers import before_row
from server.executor.upsert_many import ManyUpserts
from server.executor.waiting import doing, refuse_unseen, wait_for_row
from server.expressions.evaluate import compile_row
from storage.engine import RowLock, Status

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.index_keys import IndexShape
    from server.executor.table_shape import Row
    from server.executor.table_writer import TableWriter
    from server.executor.waits import Wait
    from server.planner import change_plans
    from server.vector.batch import Batch
    from server.vector.column import Mask, Positions


class Upsert:
    """The ON CONFLICT clause of an INSERT, made ready."""

    __slots__ = (
        "_assignments",
        "_checks",
        "_clause",
        "_many",
        "_on_existing",
        "_where",
        "_width",
    )

    def __init__(self, plan: change_plans.Insert, checks: RowChecks) -> None:
        assert plan.conflict is not None
        self._clause = clause = plan.conflict
        # The row it becomes has the policies of UPDATE, the proposed one had those of INSERT.
        self._checks = (
            RowChecks(plan.row, plan.checks, plan.generated, clause.policies)
            if clause.policies
            else checks
        )
        self._on_existing = RowChecks(clause.existing, (), (), clause.policies_existing)
        # Expressions see the existing row, then the proposed one.
        self._width = len(plan.table.columns)
        layout = {column: number - 1 for number, column in clause.existing}
        layout |= {column: self._width + number - 1 for number, column in clause.excluded}
        self._where = None if clause.where is None else compile_row(clause.where, layout)
        self._assignments = tuple(
            (number, compile_row(expression, layout)) for number, expression in clause.update or ()
        )
        self._many = ManyUpserts(plan, layout, (self._on_existing, self._checks))

    def run(
        self, batch: Batch, writer: TableWriter, context: ExecutionContext
    ) -> Generator[Wait, None, tuple[Batch, list[int]]]:
        """Insert or update; give the rows that were written, and the places of those that were updated."""
        oids = {index.oid for index in self._clause.indexes}
        arbiters = [
            shape for shape in writer.shape.unique_indexes if not oids or shape.index.oid in oids
        ]
        taken = yield from taken_keys(writer.shape, oids, context)
        if taken or not self._many.may_run(batch, arbiters, writer, context):
            _, rows, renewed = yield from self._run_each(batch, arbiters, writer, context, taken)
            return rows, np.flatnonzero(renewed).tolist()
        left, keys = writer.insert_fresh(batch, arbiters)
        fresh = np.setdiff1d(np.arange(batch.count), left)
        left, updated, made = self._many.update(batch, (left, keys), writer, context)
        rest = batch.take(np.sort(left))
        places, rows, renewed = yield from self._run_each(rest, arbiters, writer, context)
        places = np.concatenate((fresh, updated, np.sort(left)[places]))
        order = np.argsort(places)
        renewed = np.concatenate((np.zeros(len(fresh)), np.ones(len(updated)), renewed))
        parts = batch.take(fresh), made, rows
        written = concatenate_batches(parts, writer.shape.types).take(order)
        return written, np.flatnonzero(renewed[order]).tolist()

    def _run_each(
        self,
        batch: Batch,
        arbiters: list[IndexShape],
        writer: TableWriter,
        context: ExecutionContext,
        taken: Sequence[TakenKeys] = (),
    ) -> Generator[Wait, None, tuple[Positions, Batch, Mask]]:
        """Insert or update one by one: the places of rows that were written, these, and which of them were updated."""
        places: list[int] = []
        written: list[Row] = []
        renewed: list[bool] = []
        first = min((shape.index.oid for shape in arbiters), default=0)
        earlier = [keys for keys in taken if keys.index < first]
        later = [keys for keys in taken if keys.index >= first]
        for place, row in enumerate(rows_of(batch)):
            context.check_cancelled()
            if (yield from _is_excluded(row, earlier)):
                continue
            is_free = not later or (yield from writer.is_free(row, arbiters))
            if is_free and (yield from _is_excluded(row, later)):
                continue
            made = yield from self._write(row, arbiters, writer, context)
            if made is not None:
                for keys in taken:
                    keys.add(made)
                places.append(place)
                written.append(made)
                renewed.append(made is not row)
        rows = batch_of_rows(written, writer.shape.types)
        return np.array(places, np.int64), rows, np.array(renewed, np.bool_)

    def _write(
        self,
        row: Row,
        arbiters: list[IndexShape],
        writer: TableWriter,
        context: ExecutionContext,
    ) -> Generator[Wait, None, Row | None]:
        """Insert one row or update the one in its way; the row written, None for none."""
        while True:
            outcome = yield from writer.insert_unless(row, arbiters)
            if outcome.status is Status.DONE:
                return row
            refuse_unseen(context, writer.relation, outcome.new_row_id)
            if self._clause.update is None:
                return None
            row_id = yield from self._lock(outcome.new_row_id, writer, context)
            if row_id is None:
                continue
            self._check_first_time(row_id, writer, context)
            existing = writer.read(row_id)
            made = self._updated(existing, row, writer, context)
            if made is None:
                return None
            changes = {number: made[number - 1] for number in self._changed(existing, made)}
            result = yield from writer.update(row_id, changes, self._told(writer))
            if result.status is Status.DONE:
                return made
            if result.status is Status.SELF_MODIFIED:
                raise changed_by_trigger("update")

    def _told(self, writer: TableWriter) -> Iterable[int]:
        """The attributes that AFTER triggers are told of: those of the statement, whatever their values."""
        return {*(number for number, _ in self._clause.update or ()), *writer.shape.live.generated}

    def _lock(
        self, row_id: int, writer: TableWriter, context: ExecutionContext
    ) -> Generator[Wait, None, int | None]:
        """Lock the row in the way, so that WHERE sees its newest version; None if it has gone."""
        keys = writer.shape.key_attributes
        is_kept = keys.isdisjoint(number for number, _ in self._assignments)
        mode = RowLock.NO_KEY_UPDATE if is_kept else RowLock.UPDATE
        while True:
            with context.engine.latch:
                outcome = writer.relation.lock_row(
                    context.transaction, context.snapshot, row_id, mode
                )
            if outcome.status is Status.DONE:
                return row_id
            if outcome.status is Status.SELF_MODIFIED:
                raise _second_time()
            if outcome.status is Status.BLOCKED:
                where = doing("locking", writer.shape.table.name, row_id)
                blocker_xid = outcome.blocker_xid
                yield from wait_for_row(context, writer.relation, row_id, mode, blocker_xid, where)
                return None  # what was learned before a wait is not believed after it
            if not context.read_committed:
                verb = "delete" if outcome.status is Status.DELETED else "update"
                raise SerializationFailure(f"could not serialize access due to concurrent {verb}")
            if outcome.status is Status.DELETED:
                return None
            row_id = outcome.new_row_id

    def _updated(
        self, existing: Row, row: Row, writer: TableWriter, context: ExecutionContext
    ) -> Row | None:
        """The existing row with the assignments, None if WHERE is not true for it."""
        both = (*existing, *row)
        if self._where is not None and self._where(both, context) is not True:
            return None
        self._on_existing.check_policies(
            batch_of_rows([existing], writer.shape.types), writer.shape, context, using=True
        )
        values = list(existing)
        for number, evaluate in self._assignments:
            values[number - 1] = evaluate(both, context)
        if writer.shape.triggers.rows("before", "update"):
            changed = [number for number, _ in self._assignments]
            pair = existing, tuple(values)
            given = before_row(context, writer.shape, "update", pair, changed)
            if given is None:
                return None
            values = list(given)
        batch = self._checks.complete(batch_of_rows([values], writer.shape.types), context)
        self._checks.check(batch, writer.shape, context)
        self._check_home(batch, writer, context)
        return rows_of(batch)[0]

    @staticmethod
    def _check_home(batch: Batch, writer: TableWriter, context: ExecutionContext) -> None:
        """Raise for a row that does not belong into its partition any more."""
        table = writer.shape.table
        if table.is_partition and not Router(table, context).are_home(batch, context):
            raise FeatureNotSupported(
                "invalid ON UPDATE specification",
                detail="The result tuple would appear in a different partition than the "
                "original tuple.",
            )

    def _changed(self, existing: Row, made: Row) -> list[int]:
        assigned = {number for number, _ in self._assignments}
        return [
            number
            for number, (old, new) in enumerate(zip(existing, made, strict=True), 1)
            if number in assigned or old is not new
        ]

    @staticmethod
    def _check_first_time(row_id: int, writer: TableWriter, context: ExecutionContext) -> None:
        with context.engine.latch:
            is_own = writer.relation.version(row_id).xmin == context.transaction.stamp()
        if is_own:
            raise _second_time()


def _second_time() -> CardinalityViolation:
    return CardinalityViolation(
        "ON CONFLICT DO UPDATE command cannot affect row a second time",
        hint="Ensure that no rows proposed for insertion within the same command have "
        "duplicate constrained values.",
    )


def _is_excluded(row: Row, taken: Sequence[TakenKeys]) -> Generator[Wait, None, bool]:
    """Whether an exclusion constraint keeps a row out."""
    for keys in taken:
        if (yield from keys.exclude(row)):
            return True
    return False
