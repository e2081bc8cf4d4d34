"""Means of many scaled sums: the digits that numeric_math.divide gives, chosen for all groups at once.

A mean of few groups is a division like others. Queries that compare each row with the mean of its group need one for
every group, and nearly all of the work of a division is to find out how many digits it is to show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from server.functions import numeric_math as exact

if TYPE_CHECKING:
    from decimal import Decimal

    from server.vector.column import Mask, Positions, Values

_GROUP: Final = 4  # decimal digits that count as one when significant ones are counted
_POWERS: Final = tuple(10**power for power in range(64))
_POWER_ARRAY: Final = np.array(_POWERS[:19], np.int64)
_WORD_MIN: Final = -(1 << 63)


def means(sums: Positions, counts: Positions, scale: int) -> list[Decimal]:
    """Each sum / 10**scale divided by its count; counts are positive."""
    if len(sums) and sums.min() == _WORD_MIN:
        totals = [exact.scaled(total, scale) for total in sums.tolist()]
        divisors = [exact.scaled(count, 0) for count in counts.tolist()]
        return [exact.divide(*pair) for pair in zip(totals, divisors, strict=True)]
    sizes = np.abs(sums)
    shown = _shown_digits(sizes, counts, scale)
    found = []
    for total, count, digits in zip(sums.tolist(), counts.tolist(), shown.tolist(), strict=True):
        upper = 2 * abs(total) * _POWERS[digits - scale]
        quotient = (upper + count) // (2 * count)
        found.append(exact.scaled(quotient if total >= 0 else -quotient, digits))
    return found


def _shown_digits(sizes: Positions, counts: Positions, scale: int) -> Positions:
    """How many digits behind the point the quotients show."""
    weights, firsts = _leading_groups(sizes, scale)
    other_weights, other_firsts = _leading_groups(counts, 0)
    groups = weights - other_weights - (firsts <= other_firsts)
    digits: Positions = np.maximum(exact.SIGNIFICANT_DIGITS_MIN - groups * _GROUP, max(scale, 0))
    return digits


def _leading_groups(sizes: Positions, scale: int) -> tuple[Positions, Values]:
    """Weight and value of the first group of four digits of size / 10**scale; 0, 0 for zero."""
    lengths = np.searchsorted(_POWER_ARRAY, sizes, side="right")
    weights = (lengths - 1 - scale) // _GROUP
    shifts = scale + weights * _GROUP
    firsts = sizes // _POWER_ARRAY[np.maximum(shifts, 0)] * _POWER_ARRAY[np.maximum(-shifts, 0)]
    there = sizes > 0
    return np.where(there, weights, 0), np.where(there, firsts, 0)


@dataclass(frozen=True, slots=True)
class Means:
    """Makes means of sums of a scale."""

    scale: int

    def __call__(self, sums: Values, counts: Values, valid: Mask | None) -> Values:
        """Divide each sum by its count."""
        made = np.empty(len(sums), object)
        there = np.flatnonzero(counts)
        made[there] = means(sums[there], counts[there], self.scale)
        return made

    def near(self, sums: Values, counts: Values) -> Values:
        """About the same as floats."""
        found: Values = sums / (np.maximum(counts, 1) * float(10**self.scale))
        return found
