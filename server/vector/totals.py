"""Totals of groups: an array with a place for each group, to which rows are added one after the other.

The specification of native/totals.pyx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from server.vector.column import Positions, Values


NO_SUM: Final = -0.0
"""What sums of floats begin with: any other zero would take the sign from a sum of nothing but -0."""


def count_rows(totals: Positions, groups: Positions) -> None:
    """Add one to the total of each row's group."""
    np.add.at(totals, groups, 1)


def add_integers(totals: Positions, groups: Positions, values: Values) -> None:
    """Add each integer to the total of its group; the caller knows that none overflows."""
    np.add.at(totals, groups, values.astype(np.int64))


def add_floats(totals: Values, groups: Positions, values: Values) -> bool:
    """Add each float to the total of its group, in order; whether all of those are finite afterwards."""
    with np.errstate(all="ignore"):
        np.add.at(totals, groups, values.astype(np.float64))
    return bool(np.isfinite(totals[groups]).all())
