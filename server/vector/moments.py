"""Running moments of floats over groups.

The specification of native/moments.pyx.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.vector.column import Positions, Values


def add_moments(
    groups: Positions, values: Values, counts: Values, sums: Values, squares: Values
) -> bool:
    """Add each value to the count, the sum and the sum of squared differences of its group, in order.

    Tells whether one of them became infinite without an infinite value.
    """
    overflowed = False
    for group, value in zip(groups.tolist(), values.tolist(), strict=True):
        before = float(sums[group])
        count, total = float(counts[group]) + 1, before + value
        counts[group], sums[group] = count, total
        if count > 1:
            difference = value * count - total
            squared = float(squares[group])
            # What is no number stays the one it is: machines choose differently between two of them.
            if not math.isnan(squared):
                squared += difference * difference / (count * (count - 1))
            if math.isinf(total) or math.isinf(squared):
                overflowed |= not (math.isinf(before) or math.isinf(value))
                squared = math.nan
            squares[group] = squared
        elif not math.isfinite(value):
            squares[group] = math.nan
    return overflowed


def add_pair_moments(groups: Positions, ys: Values, xs: Values, totals: Values) -> bool:
    """Add each pair to N, Sx, Sxx, Sy, Syy, Sxy of its group, a row of totals, in order; tells as add_moments."""
    overflowed = False
    for group, y, x in zip(groups.tolist(), ys.tolist(), xs.tolist(), strict=True):
        total = totals[group].tolist()
        overflowed |= add_pair(total, x, y)
        totals[group] = total
    return overflowed


def add_pair(total: list[float], x: float, y: float) -> bool:
    """Add a pair to N, Sx, Sxx, Sy, Syy, Sxy; tells as add_moments."""
    overflowed = False
    before_x, before_y = total[1], total[3]
    total[0] += 1
    count = total[0]
    total[1] += x
    total[3] += y
    if count > 1:
        dx, dy = x * count - total[1], y * count - total[3]
        scale = 1.0 / (count * (count - 1))
        for place, moment in ((2, dx * dx), (4, dy * dy), (5, dx * dy)):
            if not math.isnan(total[place]):
                total[place] += moment * scale
        plain_x = not (math.isinf(before_x) or math.isinf(x))
        plain_y = not (math.isinf(before_y) or math.isinf(y))
        overflowed = (
            (plain_x and (math.isinf(total[1]) or math.isinf(total[2])))
            or (plain_y and (math.isinf(total[3]) or math.isinf(total[4])))
            or (plain_x and plain_y and math.isinf(total[5]))
        )
        for place in (2, 4, 5):
            if math.isinf(total[place]):
                total[place] = math.nan
        return overflowed
    if not math.isfinite(x):
        total[2] = total[5] = math.nan
    if not math.isfinite(y):
        total[4] = total[5] = math.nan
    return overflowed
