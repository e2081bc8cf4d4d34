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
from server.vector.native import product_words
from server.vector.rows import joint_validity, objects

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.vector.column import Mask, Values

INT64_MAX: Final = (1 << 63) - 1
PRODUCT_DIGITS: Final = 18
FLOAT_DIGITS_MAX: Final = 27
"""Powers of ten up to this are exact in what numpy calls longdouble."""
_MARGIN: Final = 8 * np.finfo(np.longdouble).eps
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
    """Scaled integers that are rounded to a scale as the numbers are; None where there are none of 64 bits."""
    words = words_of(column)
    if words is None or words[0].scale is None:
        return None
    if scale < words[0].scale:  # half a unit is a whole number of first words
        return words[0]
    return _with_digits(column, scale, is_cut=False)


def cut(column: Column, scale: int) -> Column | None:
    """The numbers cut to a scale, no less than the first words have; None where 64 bits do not hold them."""
    words = words_of(column)
    if words is None or words[0].scale is None or scale < words[0].scale:
        return None
    return _with_digits(column, scale, is_cut=True)


def _with_digits(column: Column, scale: int, *, is_cut: bool) -> Column | None:
    """First words with digits of the second ones."""
    assert isinstance(column, LateColumn)
    assert isinstance(column.make, TwoWords)
    (firsts, seconds), made = column.parts, column.make
    unit, factor = 10 ** max(made.scale - scale, 0), 10 ** (scale - made.scale + made.digits)
    if factor > 10**made.digits or not _is_below(firsts, INT64_MAX // factor):
        return None
    size = np.abs(seconds)
    carries = size // unit
    if not is_cut:
        carries += size - carries * unit >= unit - unit // 2
    return Column(firsts * factor + np.sign(seconds) * carries, column.valid, scale)


def with_sign(column: Column, change: Callable[[Values], Values]) -> LateColumn | None:
    """The numbers with another sign, as change gives it to both words; None: there are none."""
    if words_of(column) is None:
        return None
    assert isinstance(column, LateColumn)
    firsts, seconds = column.parts
    return LateColumn((change(firsts), change(seconds)), column.make, column.valid)


def floats_of(column: Column) -> tuple[Values, Mask] | None:
    """The numbers as floats, and which of them may be others as they lie between two; None: they are no words."""
    split = _split(column)
    if split is None or split[3] > FLOAT_DIGITS_MAX:
        return None
    firsts, seconds, digits, scale = split
    wide = firsts.astype(np.longdouble)
    if seconds is not None:
        wide = wide * np.longdouble(10**digits) + seconds
    wide /= np.longdouble(10) ** scale
    below, above = ((wide * (1 + sign * _MARGIN)).astype(np.float64) for sign in (-1, 1))
    return above, below != above


def product(left: Column, right: Column) -> LateColumn | None:
    """Products of decimals, one of which has one word; None: two words may not hold them, or there is no scale."""
    one, other = _split(left), _split(right)
    if one is None or other is None:
        return None
    if other[1] is not None:
        one, other = other, one
    (firsts, seconds, digits, scale), (factors, low, _, other_scale) = one, other
    made_digits = min(scale + other_scale, PRODUCT_DIGITS)
    if low is not None or not made_digits or not len(left):
        return None
    valid = joint_validity((left, right))
    if valid is not None:  # what stands for NULL may be too large
        factors = np.where(valid, factors, 0)
    made = product_words(firsts, seconds, digits, factors, made_digits)
    return (
        None
        if made is None
        else LateColumn(made, TwoWords(scale + other_scale, made_digits), valid)
    )


def with_more_digits(column: Column, scale: int) -> LateColumn | None:
    """The same numbers at a scale above zero that is no smaller than theirs; None: two words may not hold them."""
    split = _split(column)
    if split is None or not 0 <= scale - split[3] <= PRODUCT_DIGITS or not scale:
        return None
    firsts, seconds, digits, below = split
    if column.valid is not None:
        firsts = np.where(column.valid, firsts, 0)
    made_digits = min(scale, PRODUCT_DIGITS)
    factors = np.full(len(firsts), 10 ** (scale - below))
    made = product_words(firsts, seconds, digits, factors, made_digits)
    return None if made is None else LateColumn(made, TwoWords(scale, made_digits), column.valid)


def _split(column: Column) -> tuple[Values, Values | None, int, int] | None:
    """The words, the digits of the second, and the scale; None: there are none."""
    if column.scale is not None:
        return column.values, None, 0, column.scale
    if not isinstance(column, LateColumn) or not isinstance(column.make, TwoWords):
        return None
    firsts, seconds = column.parts
    return firsts, seconds, column.make.digits, column.make.scale


def _is_below(values: Values, limit: int) -> bool:
    return not len(values) or max(int(values.max()), -int(values.min())) < limit
