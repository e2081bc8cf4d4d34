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
) -> None:
    """Add each value to the count, the sum and the sum of squared differences of its group, in order."""
    for group, value in zip(groups.tolist(), values.tolist(), strict=True):
        counts[group] += 1
        sums[group] += value
        count = counts[group]
        if count > 1:
            difference = value * count - sums[group]
            squares[group] += difference * difference / (count * (count - 1))
        elif not math.isfinite(value):
            squares[group] = math.nan


def add_pair_moments(groups: Positions, ys: Values, xs: Values, totals: Values) -> None:
    """Add each pair to N, Sx, Sxx, Sy, Syy, Sxy of its group, a row of totals, in order."""
    for group, y, x in zip(groups.tolist(), ys.tolist(), xs.tolist(), strict=True):
        total = totals[group].tolist()
        add_pair(total, x, y)
        totals[group] = total


def add_pair(total: list[float], x: float, y: float) -> None:
    """Add a pair to N, Sx, Sxx, Sy, Syy, Sxy."""
    total[0] += 1
    count = total[0]
    total[1] += x
    total[3] += y
    if count > 1:
        dx, dy = x * count - total[1], y * count - total[3]
        scale = 1.0 / (count * (count - 1))
        total[2] += dx * dx * scale
        total[4] += dy * dy * scale
        total[5] += dx * dy * scale
    elif not (math.isfinite(x) and math.isfinite(y)):
        total[2] = total[4] = total[5] = math.nan
