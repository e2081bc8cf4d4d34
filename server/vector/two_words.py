"""TwoWords: decimals that 64 bits do not hold, as two integers each: a share of 0.4 has twenty digits to show.

A number is its first word, of some digits fewer than its scale, and a second one with those digits; both have its sign.
Sums, extremes and rounded numbers are found from the words; for everybody else they are Decimals, made when asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Final

import numpy as np

from server.vector.column import Column
from server.vector.late import LateColumn
from server.vector.rows import objects

if TYPE_CHECKING:
    from server.vector.column import Mask, Values

_EXACT: Final = Context(prec=64)


@dataclass(frozen=True, slots=True)
class TwoWords:
    """Makes Decimals of a scale out of two words, the second of which has so many digits."""

    scale: int
    digits: int

    def __call__(self, firsts: Values, seconds: Values, valid: Mask | None) -> Values:
        """The numbers."""
        unit, exponent = 10**self.digits, -self.scale
        pairs = zip(firsts.tolist(), seconds.tolist(), strict=True)
        return objects(
            [Decimal(one * unit + other).scaleb(exponent, _EXACT) for one, other in pairs]
        )


def words_of(column: Column) -> tuple[Column, Column] | None:
    """The words as scaled columns, of which each number is the sum; None: there are none."""
    if not isinstance(column, LateColumn) or not isinstance(column.make, TwoWords):
        return None
    (firsts, seconds), made = column.parts, column.make
    scale = made.scale - made.digits
    return Column(firsts, column.valid, scale), Column(seconds, column.valid, made.scale)


def next_down(column: Column) -> Column | None:
    """The first words of the greatest numbers not above these that a first word holds alone."""
    words = words_of(column)
    if words is None:
        return None
    first, second = words
    return Column(first.values - (second.values < 0), first.valid, first.scale)


def next_up(column: Column) -> Column | None:
    """The same of the least numbers not below these."""
    words = words_of(column)
    if words is None:
        return None
    first, second = words
    return Column(first.values + (second.values > 0), first.valid, first.scale)


def nearest(column: Column, scale: int) -> Column | None:
    """First words that are rounded to a scale as the numbers are; None where second ones have a say beyond that."""
    words = words_of(column)
    if words is None or words[0].scale is None or scale > words[0].scale:
        return None
    first, second = words
    if scale < words[0].scale:  # half a unit is a whole number of first words
        return first
    assert isinstance(column, LateColumn)
    assert isinstance(column.make, TwoWords)
    half = 5 * 10 ** (column.make.digits - 1)
    carries = np.sign(second.values) * (np.abs(second.values) >= half)
    return Column(first.values + carries, first.valid, first.scale)
