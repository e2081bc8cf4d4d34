"""Portions: the rows of a window in its order, whole partitions of them at a time.

What a window does with a portion stays in the processor's caches, and a cancelled statement ends between two.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.columns import PICKS_AT_ONCE, picked
from server.executor.morsels import in_order
from server.executor.window_rows import WindowRows, changes_of, rows_with_peers
from server.vector.batch import Batch
from server.vector.column import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.vector.column import Mask, Positions, Values

BESIDE_ROWS_MIN: Final = 1 << 17
"""From how many rows on columns are put in order by several threads."""

PORTION_ROWS: Final = 1 << 17
"""From how many rows on partitions are a portion that is done by itself."""

Portion = tuple[Batch, WindowRows, tuple[Column, ...]]
"""Rows of the input, what a window knows of them, and the columns of ORDER BY."""


def portions(
    batch: Batch,
    order_columns: tuple[Column, ...],
    order: Positions,
    keys: tuple[Sequence[Values], Sequence[Values]],
    context: ExecutionContext,
) -> Iterator[Portion]:
    """The rows of the batch in their order; keys are the arrays of PARTITION BY and those of ORDER BY."""
    changes = [partial(_changes, arrays, order, context.check_cancelled) for arrays in keys]
    partitions, peers = _done(changes, context, batch.count)
    unordered = _Unordered(batch, order_columns, order, partitions, peers)
    bounds = _bounds(partitions)
    if len(bounds) == 1:
        yield unordered.whole(context)
        return
    yield from in_order([partial(unordered.portion, *bound) for bound in bounds], context)


def _changes(arrays: Sequence[Values], order: Positions, look: Callable[[], None]) -> Mask:
    """Where a row differs from the one before it, some rows after the others."""
    changes = np.zeros(len(order), np.bool_)
    for start in range(0, len(order), PICKS_AT_ONCE):
        look()
        rows = order[max(start - 1, 0) : start + PICKS_AT_ONCE]
        found = changes_of([array[rows] for array in arrays], len(rows))
        changes[start : start + PICKS_AT_ONCE] = found[min(start, 1) :]
    return changes


def _bounds(partitions: Mask) -> list[tuple[int, int]]:
    """Rows start ... stop - 1 that are whole partitions; the mask says where one begins."""
    count = len(partitions)
    begins = np.flatnonzero(partitions)
    wanted = np.searchsorted(begins, np.arange(PORTION_ROWS, count, PORTION_ROWS))
    inner = np.unique(begins[wanted[wanted < len(begins)]]).tolist()
    return list(zip([0, *inner], [*inner, count], strict=True))


def _done(steps: Sequence[Callable[[], Any]], context: ExecutionContext, count: int) -> list[Any]:
    """What the steps give, which are about so many rows."""
    made: list[Any] = []
    for one in in_order(steps, context) if count >= BESIDE_ROWS_MIN else (step() for step in steps):
        context.check_cancelled()
        made.append(one)
    return made


@dataclass(frozen=True, slots=True)
class _Unordered:
    """Rows of a window and the order that they are to have."""

    batch: Batch
    order_columns: tuple[Column, ...]
    order: Positions
    partitions: Mask
    peers: Mask

    def portion(self, start: int, stop: int) -> Portion:
        """The rows at these places of the order."""
        rows = self.order[start:stop]
        taken = {id(column): column.take(rows) for column in self._columns()}
        peers = rows_with_peers(self.partitions[start:stop], self.peers[start:stop])
        return self._portion(taken, peers, stop - start)

    def whole(self, context: ExecutionContext) -> Portion:
        """All rows, each column by itself."""
        columns = self._columns()
        look = context.check_cancelled
        steps = [partial(picked, column, self.order, look) for column in columns]
        made = _done(steps, context, self.batch.count)
        taken = {id(column): one for column, one in zip(columns, made, strict=True)}
        return self._portion(taken, rows_with_peers(self.partitions, self.peers), self.batch.count)

    def _columns(self) -> list[Column]:
        return list({id(c): c for c in (*self.batch.columns, *self.order_columns)}.values())

    def _portion(self, taken: dict[int, Column], rows: WindowRows, count: int) -> Portion:
        columns = tuple(taken[id(column)] for column in self.batch.columns)
        return Batch(columns, count), rows, tuple(taken[id(c)] for c in self.order_columns)
