"""What window frames hold, row by row: the row of the best value, sums of floats, the ends of RANGE frames.

Frames are rows starts ... stops - 1; an empty one has starts >= stops.

The specification of native/frame_rows.pyx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from server.vector.totals import NO_SUM

if TYPE_CHECKING:
    from server.vector.column import Mask, Positions, Values


def extreme_rows(
    keys: Positions, valid: Mask | None, starts: Positions, stops: Positions, greatest: bool
) -> Positions:
    """The row of the least or greatest key in each frame, of equal ones the last; -1: all are NULL."""
    result = np.full(len(starts), -1, np.int64)
    for number, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
        rows = np.arange(start, max(stop, start))
        if valid is not None:
            rows = rows[valid[rows]]
        if len(rows):
            best = keys[rows].max() if greatest else keys[rows].min()
            result[number] = rows[keys[rows] == best][-1]
    return result


def float_sums(values: Values, valid: Mask | None, starts: Positions, stops: Positions) -> Values:
    """The sum of each frame, added up from its first row to its last; 0 where all are NULL."""
    result = np.full(len(starts), NO_SUM)
    with np.errstate(all="ignore"):
        for number, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
            for row in range(start, stop):
                if valid is None or valid[row]:
                    result[number] += values[row]
    return result


def range_ends(  # noqa: PLR0913 - values, frames, and how they compare
    values: Values,
    valid: Mask | None,
    bounds: Values,
    starts: Positions,
    stops: Positions,
    *,
    less: bool,
    starting: bool,
    nulls_first: bool,
) -> Positions:
    """The first row of each frame if starting, otherwise the one behind its last.

    A row is inside if its value is <= the bound of the frame when less, else >= it; starts and stops
    are those of the partitions.
    """
    found = np.empty(len(starts), np.int64)
    at = 0
    for row, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
        at = max(at, start)
        own_is_null = valid is not None and not valid[row]
        while at < stop:
            is_null = valid is not None and not valid[at]
            if is_null or own_is_null:
                # At the start of the NULLs' frame, or of the others', stands the first of its kind.
                reached = is_null == own_is_null or is_null != nulls_first
                if not starting:
                    reached = is_null != own_is_null and is_null != nulls_first
            else:
                inside = values[at] <= bounds[row] if less else values[at] >= bounds[row]
                reached = bool(inside) == starting
            if reached:
                break
            at += 1
        found[row] = at
    return found
