"""ON CONFLICT for many rows at once: rows whose keys nobody has, and rows in the way that nobody else is at.

Rule 1: what is done here would be done row by row to the same end; all other rows are left to Upsert, one by one,
        after these. So where they could tell, because keys are assigned or triggers fire, nothing is done here.
Rule 2: a row in the way is read without its lock: it is one that the statement's snapshot sees, which keeps the
        version, and it is updated only if that version is still the newest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from server.executor.columns import beside
from server.executor.evaluation import evaluator, evaluators
from server.executor.many_rows import CHANGED_AT_ONCE, MANY_ROWS, update_rows
from server.vector.batch import Batch
from storage.engine import RowLock, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.executor.context import ExecutionContext
    from server.executor.index_keys import IndexShape
    from server.executor.row_checks import RowChecks
    from server.executor.table_keys import Keys
    from server.executor.table_writer import TableWriter
    from server.expressions.rowwise import Layout
    from server.planner import change_plans
    from server.vector.column import Positions

Checks = tuple["RowChecks", "RowChecks"]
"""What existing rows are checked for, what those are that they become, and by the views they are reached by."""

INSERTED_TOGETHER_MIN = 4
"""How many rows are worth their arrays where none is updated: four take as long together as one by one."""


class ManyUpserts:
    """The ON CONFLICT clause of an INSERT, made ready for batches."""

    __slots__ = (
        "_assigned", "_assignments", "_checks", "_clause", "_numbers", "_rows_min", "_where",
    )  # fmt: skip

    def __init__(self, plan: change_plans.Insert, layout: Layout, checks: Checks) -> None:
        assert plan.conflict is not None
        self._clause = clause = plan.conflict
        self._checks = checks
        self._where = None if clause.where is None else evaluator(clause.where, layout)
        self._rows_min = INSERTED_TOGETHER_MIN if clause.update is None else MANY_ROWS
        self._assigned = tuple(number for number, _ in clause.update or ())
        self._assignments = evaluators([item for _, item in clause.update or ()], layout)
        generated = (number for number, _ in plan.generated)
        self._numbers = tuple(dict.fromkeys((*self._assigned, *generated)))

    def may_run(
        self,
        batch: Batch,
        arbiters: Sequence[IndexShape],
        writer: TableWriter,
        context: ExecutionContext,
    ) -> bool:
        """Whether rows of the batch may be written together."""
        shape = writer.shape
        keys = {number for arbiter in arbiters for number in arbiter.attributes}
        return (
            batch.count >= self._rows_min
            and context.read_committed
            and context.transaction.tracked is None
            and not shape.triggers
            and not shape.inverted
            and not shape.table.is_partition
            and bool(arbiters)
            and not any(arbiter.is_deferrable for arbiter in arbiters)
            and all(index.is_columns_only for index in shape.indexes)
            and keys.isdisjoint(self._numbers)
        )

    def update(
        self,
        batch: Batch,
        found: tuple[Positions, Sequence[tuple[IndexShape, Keys]]],
        writer: TableWriter,
        context: ExecutionContext,
    ) -> tuple[Positions, Positions, Batch]:
        """Pass over rows at some places of the batch, or update those in their way.

        Places that are left, and those of rows that were updated, with these.
        """
        places, keys = found
        places, row_ids, left = self._in_the_way(places, keys, writer, context)
        if self._clause.update is None:
            return left, places[:0], batch.slice(0, 0)
        with context.engine.latch:
            view = writer.relation.versions_view(row_ids)
            existing = writer.shape.load_batch(view)
        proposed = batch.take(places)
        on_existing, checks = self._checks
        both = beside(existing, proposed)
        if self._where is not None:
            result = self._where(both, context)
            is_chosen = result.values.astype(np.bool_) & result.validity()
            unlocked = self._lock(row_ids[~is_chosen], writer, context)
            left = np.concatenate((left, places[~is_chosen][unlocked]))
            chosen = np.flatnonzero(is_chosen)
            places, row_ids = places[chosen], row_ids[chosen]
            existing, both = existing.take(chosen), both.take(chosen)
        on_existing.check_policies(existing, writer.shape, context, using=True)
        columns = list(existing.columns)
        for number, evaluate in zip(self._assigned, self._assignments, strict=True):
            columns[number - 1] = evaluate(both, context)
        made = checks.complete(Batch(tuple(columns), existing.count), context)
        checks.check(made, writer.shape, context)
        changed = {number: made.columns[number - 1] for number in self._numbers}
        done = update_rows(writer, row_ids, changed)
        return np.concatenate((left, places[done:])), places[:done], made.slice(0, done)

    def _in_the_way(
        self,
        places: Positions,
        keys: Sequence[tuple[IndexShape, Keys]],
        writer: TableWriter,
        context: ExecutionContext,
    ) -> tuple[Positions, Positions, Positions]:
        """Rows that are in the way of those at some places: these places and the row ids, in the order of the ids.

        And the places that are left: nobody is there by now, or it is to be waited for, or known to the snapshot.
        """
        rows: list[int] = []
        first, own = keys[0]
        index = context.engine.index(first.storage_id)
        for start in range(0, len(places), CHANGED_AT_ONCE):
            context.check_cancelled()
            part = places[start : start + CHANGED_AT_ONCE].tolist()
            with context.engine.latch:
                settled = index.find_settled(
                    context.transaction,
                    writer.relation,
                    context.snapshot,
                    [own[place] for place in part],
                )
                rows += [
                    self._row_in_the_way(place, keys, writer, context) if row_id < 0 else row_id
                    for place, row_id in zip(part, settled, strict=True)
                ]
        found = np.array(rows, np.int64)
        ids, firsts = np.unique(found, return_index=True)
        ids, firsts = ids[ids >= 0], firsts[ids >= 0]
        left = np.ones(len(places), np.bool_)
        left[firsts] = False
        if self._clause.update is None:
            left = found < 0
        return places[firsts], ids, places[left]

    @staticmethod
    def _row_in_the_way(
        place: int,
        keys: Sequence[tuple[IndexShape, Keys]],
        writer: TableWriter,
        context: ExecutionContext,
    ) -> int:
        """The version that has the key of the row at a place and that the snapshot sees, or -1."""
        for shape, own in keys:
            key = own[place]
            found = None if key is None else writer.duplicate_of(shape, key, -1)
            if found is None:
                continue
            if found.status is not Status.DUPLICATE:
                return -1
            row_id = found.new_row_id
            is_seen = context.snapshot.sees(writer.relation.version(row_id).xmin)
            return row_id if is_seen else -1
        return -1

    def _lock(
        self, row_ids: Positions, writer: TableWriter, context: ExecutionContext
    ) -> list[int]:
        """Lock rows that WHERE is not true for, as updates would; which ones could not be."""
        is_kept = writer.shape.key_attributes.isdisjoint(self._assigned)
        mode = RowLock.NO_KEY_UPDATE if is_kept else RowLock.UPDATE
        failed = []
        for number, row_id in enumerate(row_ids.tolist()):
            context.check_cancelled()
            with context.engine.latch:
                outcome = writer.relation.lock_row(
                    context.transaction, context.snapshot, row_id, mode
                )
            if outcome.status is not Status.DONE:
                failed.append(number)
        return failed
