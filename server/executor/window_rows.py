"""WindowRows: the sorted rows of a window, what window functions look at.

A window function is called once for all partitions together, as evaluate(call, rows, *arguments),
and gives a column with a row for each. All arrays have an element for each row, in the order of the
window; rows of a partition stand together.

    starts, stops              the partition: from, to (exclusive)
    peer_starts, peer_stops    rows that ORDER BY does not tell apart
    peer_numbers               number of the peer group, over all partitions
    frame_starts, frame_stops  the frame, within the partition; an empty one has starts >= stops
    excluded                   rows that the frame leaves out, as (starts, stops) to be cut from it,
    the row itself kept if keeps_current; None: none
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.vector.column import Mask, Positions


@dataclass(slots=True, eq=False)
class WindowRows:
    """The sorted rows of a window with their partitions, peers and frames."""

    count: int
    starts: Positions
    stops: Positions
    peer_starts: Positions
    peer_stops: Positions
    peer_numbers: Positions
    frame_starts: Positions = field(default_factory=lambda: np.zeros(0, np.int64))
    frame_stops: Positions = field(default_factory=lambda: np.zeros(0, np.int64))
    excluded: tuple[Positions, Positions] | None = None
    keeps_current: bool = False

    def pieces(self) -> list[tuple[Positions, Positions]]:
        """The frame as ranges in ascending order: one, or what exclusion leaves of it."""
        starts, stops = self.frame_starts, self.frame_stops
        if self.excluded is None:
            return [(starts, stops)]
        cut_starts, cut_stops = self.excluded
        before = (starts, np.minimum(stops, cut_starts))
        after = (np.maximum(starts, cut_stops), stops)
        if not self.keeps_current:
            return [before, after]
        current = np.arange(self.count)
        inside = (current >= starts) & (current < stops)
        return [before, (current, np.where(inside, current + 1, current)), after]

    def frame_sizes(self) -> Positions:
        """How many rows each frame has."""
        sizes = np.zeros(self.count, np.int64)
        for starts, stops in self.pieces():
            sizes += np.maximum(stops - starts, 0)
        return sizes

    def nth(self, numbers: Positions) -> Positions:
        """The row that is the frame's number-th from 0 on; -1 where it has fewer.

        Or number is below 0.
        """
        result = np.full(self.count, -1, np.int64)
        left = numbers.astype(np.int64, copy=True)
        wanted = left >= 0
        for starts, stops in self.pieces():
            sizes = np.maximum(stops - starts, 0)
            here = wanted & (left < sizes)
            result[here] = starts[here] + left[here]
            wanted = wanted & ~here
            left = left - sizes
        return result


def rows_with_peers(partition_changes: Mask, order_changes: Mask) -> WindowRows:
    """Partitions and peers of sorted rows.

    Each mask says where a row differs from the one before it.
    """
    count = len(partition_changes)
    starts, stops, _ = _runs(partition_changes)
    peer_starts, peer_stops, numbers = _runs(partition_changes | order_changes)
    return WindowRows(count, starts, stops, peer_starts, peer_stops, numbers)


def _runs(changes: Mask) -> tuple[Positions, Positions, Positions]:
    """For each row the start and the end of its run, and the number of the run."""
    count = len(changes)
    begins = changes.copy()
    begins[:1] = True
    first = np.flatnonzero(begins)
    numbers = np.cumsum(begins) - 1
    ends = np.append(first[1:], count)
    return first[numbers], ends[numbers], numbers


def changes_of(arrays: Sequence[Positions | Mask], count: int) -> Mask:
    """Where a row differs from the one before it in any of the arrays."""
    changes = np.zeros(count, np.bool_)
    for array in arrays:
        changes[1:] |= array[1:] != array[:-1]
    return changes
