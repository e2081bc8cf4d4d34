"""KeptRows: the rows that a cursor has come by, found by their number.

Rule 1: batches are kept whole, as its query gives them; FETCH gives parts of them.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final

from server.executor.columns import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.vector.batch import Batch

READY_ROWS: Final = 64
"""So many rows are taken out of their columns at a time: who asks for one will ask for the next."""

Row = tuple[Any, ...]


class KeptRows:
    """Rows are numbered from 0; unkept is how many were passed before the first one that is kept."""

    __slots__ = ("_batches", "_ready", "_ready_from", "_starts", "count", "unkept")

    def __init__(self) -> None:
        self.unkept = 0
        self.count = 0
        self._batches: list[Batch] = []
        self._starts: list[int] = []  # how many kept rows are before each batch
        self._ready: list[Row] = []
        self._ready_from = -1

    def __bool__(self) -> bool:
        return bool(self._batches)

    def __len__(self) -> int:
        """How many rows were come by, those passed included."""
        return self.unkept + self.count

    def append(self, batch: Batch) -> None:
        """Keep what comes next."""
        if batch.count:
            self._starts.append(self.count)
            self._batches.append(batch)
            self.count += batch.count

    def slices(self, first: int, stop: int) -> Iterator[Batch]:
        """The rows of a range, in parts."""
        first, stop = max(first - self.unkept, 0), min(stop - self.unkept, self.count)
        if first >= stop:
            return
        for number in range(bisect_right(self._starts, first) - 1, len(self._batches)):
            batch, start = self._batches[number], self._starts[number]
            if start >= stop:
                return
            yield batch.slice(max(first - start, 0), min(stop - start, batch.count))

    def row(self, number: int) -> Row | None:
        """One row in row form; None where none of this number is kept."""
        place = number - self.unkept
        if not 0 <= place < self.count:
            return None
        if not 0 <= place - self._ready_from < len(self._ready) or self._ready_from < 0:
            self._make_ready(place)
        return self._ready[place - self._ready_from]

    def _make_ready(self, place: int) -> None:
        index = bisect_right(self._starts, place) - 1
        batch, start = self._batches[index], self._starts[index]
        offset = place - start
        self._ready = rows_of(batch.slice(offset, min(offset + READY_ROWS, batch.count)))
        self._ready_from = place
