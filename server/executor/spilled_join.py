"""SpilledJoin: a hash join whose right side is more than memory may hold.

Both sides are spread over parts by their keys, so that what matches is in parts of one number, and each part is
joined by itself: rows without a match are found as before, as all that could match them is in their part.

Rule 1: a part that is still too large is spread again, unless it has not become smaller: then its keys are equal.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from server.executor.key_hashes import LEVELS_MAX, PART_BITS
from server.executor.spool import Partitions, taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from server.executor.context import ExecutionContext
    from server.executor.join import HashJoin
    from server.executor.memory import Held
    from server.executor.spool import Spool
    from server.vector.batch import Batch


class SpilledJoin:
    """One run of a join in parts."""

    __slots__ = ("_context", "_holding", "_join")

    def __init__(self, join: HashJoin, context: ExecutionContext, holding: Held) -> None:
        self._join = join
        self._context = context
        self._holding = holding

    def batches(self, held: list[Batch], more: Iterable[Batch]) -> Iterator[Batch]:
        """The rows of the join; the right side is what is held, which is taken out of the list, and what follows."""
        left = self._join.inputs[0]
        lefts = (
            batch for _ in (None,) for batch in left.batches(self._context)
        )  # begun when asked for
        yield from self._spread(lefts, chain(taken(held), more), 0)

    def _spread(self, left: Iterable[Batch], right: Iterable[Batch], level: int) -> Iterator[Batch]:
        count = 1 << PART_BITS
        with Partitions(self._context, count) as rights, Partitions(self._context, count) as lefts:
            self._write(right, rights, level, is_left=False)
            self._write(left, lefts, level, is_left=True)
            total = sum(part.row_count for part in rights.parts)
            for ours, theirs in zip(lefts.parts, rights.parts, strict=True):
                if self._is_too_large(theirs, total) and level + 1 < LEVELS_MAX:
                    yield from self._spread(ours.read(), theirs.read(), level + 1)
                elif ours.row_count or theirs.row_count:
                    yield from self._joined(ours, theirs)

    def _write(
        self, batches: Iterable[Batch], parts: Partitions, level: int, *, is_left: bool
    ) -> None:
        for batch in batches:
            self._context.check_cancelled()
            numbers = self._join.part_numbers(batch, self._context, is_left=is_left, level=level)
            parts.add(batch, numbers)
            self._holding.reset(0)

    def _is_too_large(self, part: Spool, total: int) -> bool:
        return part.byte_count > self._context.memory.hash_bytes and part.row_count < total

    def _joined(self, left: Spool, right: Spool) -> Iterator[Batch]:
        self._holding.reset(right.byte_count)
        probe = self._join.probe(list(right.read()), self._context)
        for batch in left.read():
            self._context.check_cancelled()
            yield from probe.rows(batch)
        yield from probe.matching.rest()
        self._holding.reset(0)
