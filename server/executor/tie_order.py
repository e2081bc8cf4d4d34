"""The order of rows with equal keys: that of PostgreSQL's sorts, which are not stable.

Rule 1: fewer than seven rows are sorted by insertion; so are the parts of a partition, and rows in
        order already stay as they are. Anything else is partitioned as Bentley and McIlroy do
        ("Engineering a Sort Function", 1993): median of three, above forty rows of three medians,
        equal keys swapped to both ends first.
Rule 2: of the first N rows, once more than 2 N have come, a heap with the last of them on top is
        kept; a later row that equals it is dropped.

The specification of native/tie_order.pyx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from server.vector.column import Positions

INSERTION_ROWS: Final = 7
NINTHER_ROWS: Final = 40


def tied_rows(ranks: Positions, bound: int) -> Positions:
    """The rows in ascending order of their ranks; with a bound >= 0 only so many of them."""
    keys = ranks.tolist()
    rows = list(range(len(keys)))
    if bound < 0 or len(keys) <= 2 * bound:
        _Partitions(keys, rows).sort(0, len(rows))
        return np.array(rows if bound < 0 else rows[:bound], np.int64)
    return np.array(_first(keys, bound), np.int64)


class _Partitions:
    """Rows sorted in place by their keys."""

    def __init__(self, keys: list[int], rows: list[int]) -> None:
        self._keys = keys
        self._rows = rows

    def sort(self, start: int, stop: int) -> None:
        """Sort the rows at start ... stop - 1, the smaller part of a partition first."""
        while stop - start >= INSERTION_ROWS:
            if self._in_order(start, stop):
                return
            low, high = self._partition(start, stop)
            if low - start <= stop - high:
                self.sort(start, low)
                start = high
            else:
                self.sort(high, stop)
                stop = low
        self._insert(start, stop)

    def _key(self, place: int) -> int:
        return self._keys[self._rows[place]]

    def _swap(self, one: int, other: int) -> None:
        rows = self._rows
        rows[one], rows[other] = rows[other], rows[one]

    def _swap_runs(self, one: int, other: int, count: int) -> None:
        for step in range(count):
            self._swap(one + step, other + step)

    def _insert(self, start: int, stop: int) -> None:
        for sorted_to in range(start + 1, stop):
            place = sorted_to
            while place > start and self._key(place - 1) > self._key(place):
                self._swap(place, place - 1)
                place -= 1

    def _in_order(self, start: int, stop: int) -> bool:
        return all(self._key(place - 1) <= self._key(place) for place in range(start + 1, stop))

    def _median(self, one: int, two: int, three: int) -> int:
        a, b, c = self._key(one), self._key(two), self._key(three)
        if a < b:
            return two if b < c else (three if a < c else one)
        return two if b > c else (one if a < c else three)

    def _pivot(self, start: int, stop: int) -> int:
        count = stop - start
        middle = start + count // 2
        if count <= INSERTION_ROWS:
            return middle
        first, last = start, stop - 1
        if count > NINTHER_ROWS:
            step = count // 8
            first = self._median(first, first + step, first + 2 * step)
            middle = self._median(middle - step, middle, middle + step)
            last = self._median(last - 2 * step, last - step, last)
        return self._median(first, middle, last)

    def _partition(self, start: int, stop: int) -> tuple[int, int]:
        """Where the rows below the pivot end and those above it begin."""
        self._swap(start, self._pivot(start, stop))
        pivot = self._key(start)
        equal_low = low = start + 1
        equal_high = high = stop - 1
        while True:
            while low <= high and self._key(low) <= pivot:
                if self._key(low) == pivot:
                    self._swap(equal_low, low)
                    equal_low += 1
                low += 1
            while low <= high and self._key(high) >= pivot:
                if self._key(high) == pivot:
                    self._swap(high, equal_high)
                    equal_high -= 1
                high -= 1
            if low > high:
                break
            self._swap(low, high)
            low += 1
            high -= 1
        below, above = low - equal_low, equal_high - high
        moved = min(equal_low - start, below)
        self._swap_runs(start, low - moved, moved)
        moved = min(above, stop - equal_high - 1)
        self._swap_runs(low, stop - moved, moved)
        return start + below, stop - above


def _first(keys: list[int], bound: int) -> list[int]:
    heap: list[int] = []
    for row, key in enumerate(keys):
        if len(heap) < bound:
            _rise(heap, keys, row)
        elif bound and key < keys[heap[0]]:
            _sink(heap, keys, row)
    result = []
    while heap:
        result.append(heap[0])
        last = heap.pop()
        if heap:
            _sink(heap, keys, last)
    return result[::-1]


def _rise(heap: list[int], keys: list[int], row: int) -> None:
    place = len(heap)
    heap.append(row)
    while place:
        parent = (place - 1) // 2
        if keys[row] <= keys[heap[parent]]:
            break
        heap[place] = heap[parent]
        place = parent
    heap[place] = row


def _sink(heap: list[int], keys: list[int], row: int) -> None:
    """Put the row in the place of the top."""
    place = 0
    while (child := 2 * place + 1) < len(heap):
        if child + 1 < len(heap) and keys[heap[child]] < keys[heap[child + 1]]:
            child += 1
        if keys[row] >= keys[heap[child]]:
            break
        heap[place] = heap[child]
        place = child
    heap[place] = row
