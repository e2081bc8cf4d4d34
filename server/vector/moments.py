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
