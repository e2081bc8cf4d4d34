"""Sorting more rows than memory may hold: they are spread over ranges of their keys, which are sorted one by one.

Rule 1: splitters are keys of a sample of the rows; a range lies between two of them, or is all that equals one,
        which needs no sorting.
Rule 2: rows keep their order within a range, so that sorting stays stable.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np

from server.executor.columns import concatenate_batches
from server.executor.native import ordered_rows
from server.executor.spool import Partitions, taken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.memory import Held
    from server.executor.spool import Spool
    from server.types.type import TypeReference
    from server.vector.batch import Batch
    from server.vector.column import Positions, Values

    Arrays = Callable[[Batch], Sequence[Values]]
    Finish = Callable[[Batch], Iterable[Batch]]

SPLITTERS: Final = 16
SAMPLE_ROWS: Final = 2048


class ExternalSort:
    """Sorts through a temporary file."""

    __slots__ = ("_arrays", "_context", "_finish", "_types")

    def __init__(
        self,
        context: ExecutionContext,
        types: Sequence[TypeReference],
        arrays: Arrays,
        finish: Finish,
    ) -> None:
        """`arrays` gives numbers that sort as the keys do, `finish` sorts what is small enough."""
        self._context = context
        self._types = types
        self._arrays = arrays
        self._finish = finish

    def sorted(self, held: list[Batch], more: Iterable[Batch], holding: Held) -> Iterator[Batch]:
        """The rows in order: of the batches that are held, which leave the list, and of those that follow."""
        sample = concatenate_batches(held, self._types)
        step = max(1, sample.count // SAMPLE_ROWS)
        splitters = self._splitters(sample.take(np.arange(0, sample.count, step)))
        del sample
        with Partitions(self._context, 2 * splitters.count + 1) as ranges:
            self._spread(chain(taken(held), more), splitters, ranges, holding)
            for number, part in enumerate(ranges.parts):
                yield from part.read() if number % 2 else self._range(part, holding)

    def _spread(
        self, batches: Iterable[Batch], splitters: Batch, ranges: Partitions, holding: Held
    ) -> None:
        for batch in batches:
            self._context.check_cancelled()
            ranges.add(batch, self._ranges(batch, splitters))
            holding.reset(0)

    def _range(self, part: Spool, holding: Held) -> Iterator[Batch]:
        if not part.row_count:
            return
        if part.byte_count <= self._context.memory.sort_bytes or part.row_count < SPLITTERS:
            holding.reset(part.byte_count)
            yield from self._finish(concatenate_batches(list(part.read()), self._types))
            holding.reset(0)
            return
        splitters = self._splitters(concatenate_batches(part.sample(SAMPLE_ROWS), self._types))
        with Partitions(self._context, 2 * splitters.count + 1) as ranges:
            self._spread(part.read(), splitters, ranges, holding)
            for number, smaller in enumerate(ranges.parts):
                yield from smaller.read() if number % 2 else self._range(smaller, holding)

    def _splitters(self, sample: Batch) -> Batch:
        """Some distinct rows of a sample, in order and evenly spread."""
        ranks = _joint_ranks(self._arrays(sample), sample.count)
        order = np.argsort(ranks, kind="stable")
        wanted = min(SPLITTERS, sample.count)
        chosen = order[(np.arange(wanted) * 2 + 1) * sample.count // (2 * wanted)]
        _, firsts = np.unique(ranks[chosen], return_index=True)
        return sample.take(chosen[firsts])

    def _ranges(self, batch: Batch, splitters: Batch) -> Positions:
        """The number of each row's range: odd for rows equal to a splitter."""
        together = concatenate_batches([batch, splitters], self._types)
        ranks = _joint_ranks(self._arrays(together), together.count)
        own, bounds = ranks[: batch.count], ranks[batch.count :]
        return np.searchsorted(bounds, own, "left") + np.searchsorted(bounds, own, "right")


def _joint_ranks(arrays: Sequence[Values], count: int) -> Positions:
    """One number a row that orders as all arrays together do."""
    if len(arrays) == 1:
        return np.asarray(arrays[0], np.int64)
    order = ordered_rows(arrays)
    changed = np.zeros(count, np.bool_)
    for array in arrays:
        ordered = array[order]
        changed[1:] |= ordered[1:] != ordered[:-1]
    ranks = np.empty(count, np.int64)
    ranks[order] = np.cumsum(changed)
    return ranks
