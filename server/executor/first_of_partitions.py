"""FirstOfPartitions: drops rows that are behind the first ones of their partition, before a window sorts them.

Rule 1: rows come out in the order they came in, so that sorting them afterwards finds the same ones first.
Rule 2: up to ROWS_MIN rows nothing is dropped.
Rule 3: where little can be dropped it stops looking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from server.executor.columns import concatenate_batches
from server.executor.key_table import KeyTable
from server.executor.key_values import is_fixed
from server.executor.sort import order_by, ranks
from server.executor.window_rows import changes_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.executor.context import ExecutionContext
    from server.executor.memory import Held
    from server.executor.sort import KeyEvaluator
    from server.planner import physical
    from server.vector.batch import Batch
    from server.vector.column import Column, Positions

ROWS_MIN: Final = 1 << 17
KEPT_SHARE_MAX: Final = 0.7
"""How much of the rows may be left for dropping others to be worth while."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What the first key of a row must not be above, by partition."""

    numbers: KeyTable
    bounds: Positions
    is_open: bool  # rows that are equal to it are behind it


class FirstOfPartitions:
    """One run: what is kept of the input of a window."""

    __slots__ = ("_count", "_order", "_partition", "_plan")

    def __init__(
        self, plan: physical.Window, partition: KeyEvaluator, order: KeyEvaluator, count: int
    ) -> None:
        self._plan = plan
        self._partition = partition
        self._order = order
        self._count = count

    def of(self, batches: Iterable[Batch], context: ExecutionContext, holding: Held) -> list[Batch]:
        """The rows that may be among the first `count` of their partitions."""
        kept: list[Batch] = []
        held, limit = 0, ROWS_MIN
        bounds: _Bounds | None = None
        for batch in batches:
            context.check_cancelled()
            fresh = batch if bounds is None else self._within(batch, bounds, context)
            kept.append(fresh)
            holding.add(context.bytes_of(fresh))
            held += fresh.count
            if held > limit:
                best = self._best(concatenate_batches(kept, self._plan.input.types), context)
                limit = max(ROWS_MIN, 2 * best.count)
                if best.count > KEPT_SHARE_MAX * held:
                    limit = 4 * held
                kept, held = [best], best.count
                holding.reset(context.bytes_of(best))
                bounds = self._bounds(best, context)
        return kept

    def _best(self, batch: Batch, context: ExecutionContext) -> Batch:
        """The rows that are among the first of their partition so far."""
        partition = self._partition.arrays(batch, context)
        order_arrays = self._order.arrays(batch, context)
        look = context.check_cancelled
        order = order_by([*partition, *order_arrays], batch.count, look)
        starts = changes_of([array[order] for array in partition], batch.count)
        places = np.arange(batch.count)
        numbers = places - np.maximum.accumulate(np.where(starts, places, 0))
        if self._plan.with_peers:  # rows that ORDER BY does not tell apart have one rank
            firsts = starts | changes_of([array[order] for array in order_arrays], batch.count)
            firsts[:1] = True
            numbers = numbers[np.maximum.accumulate(np.where(firsts, places, 0))]
        return batch.take(np.sort(order[numbers < self._count]))

    def _bounds(self, batch: Batch, context: ExecutionContext) -> _Bounds | None:
        """The first keys of the last rows of full partitions; None: they cannot be compared with later ones."""
        first = self._first_key(batch, context)
        if first is None or not self._count:
            return None
        columns = self._partition.columns(batch, context)
        numbers = KeyTable([key.type.type for key in self._plan.partition], nulls_match=True)
        groups = numbers.add(columns, batch.count)
        counts = np.bincount(groups, minlength=len(numbers))
        bounds = np.full(len(numbers), np.iinfo(np.int64).min)
        np.maximum.at(bounds, groups, first)
        bounds[counts < self._count] = np.iinfo(np.int64).max
        return _Bounds(numbers, bounds, len(self._plan.order) == 1 and not self._plan.with_peers)

    def _within(self, batch: Batch, bounds: _Bounds, context: ExecutionContext) -> Batch:
        """The rows of a batch that are not behind the bounds of their partitions."""
        first = self._first_key(batch, context)
        if first is None:
            return batch
        columns = self._partition.columns(batch, context)
        groups = bounds.numbers.find(columns, batch.count)
        own = bounds.bounds[np.maximum(groups, 0)]
        passed = (groups < 0) | (first < own if bounds.is_open else first <= own)
        passed |= own == np.iinfo(np.int64).max
        return batch.take(np.flatnonzero(passed))

    def _first_key(self, batch: Batch, context: ExecutionContext) -> Positions | None:
        """The first key of each row as a number that sorts as it does in all batches; None: there is none."""
        if not self._plan.order:
            return None
        key = self._plan.order[0]
        column: Column = self._order.columns(batch, context)[0]
        if not is_fixed(column) or column.scale is not None or column.has_nulls:
            return None
        found = ranks(column, key.expression.type.type)
        return ~found if key.descending else found


def count_of(bound: object, excess: int, limit: int = ROWS_MIN) -> int | None:
    """How many rows of a partition are wanted; None: so many that nothing is gained."""
    if not isinstance(bound, int):
        return None
    count = max(0, bound + excess)
    return count if count < limit else None
