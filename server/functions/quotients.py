"""Quotients, remainders and whole numbers of scaled columns.

Law 1: each gives what numeric_math gives row by row, or None: the caller then computes with Decimals.
Law 2: a divisor of zero is left to the rows, which raise.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np

from server.functions.means import Means
from server.functions.numeric_math import DISPLAY_SCALE_MAX, SIGNIFICANT_DIGITS_MIN
from server.functions.scaled import SCALE_MAX, aligned, at_one_scale, by_rows
from server.types.numeric import EXACT
from server.vector.column import Column, Mask, Positions, Values
from server.vector.late import LateColumn, RepeatedColumn
from server.vector.native import quotient_sums, quotient_words
from server.vector.parted import Part, PartedColumn
from server.vector.quotient_words import ONE_WORD, SECOND_DIGITS, TWO_WORDS
from server.vector.rows import joint_validity, objects
from server.vector.two_words import TwoWords, next_down, next_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext, Kernel

    Combine = Callable[[Column, Column], Column | None]

INT64_MIN: Final = -(1 << 63)
INT64_MAX: Final = (1 << 63) - 1
FORMS: Final = 3
"""How many forms a quotient may have."""


def _operands(left: Column, right: Column) -> tuple[Values, Values, Mask | None] | None:
    """The numbers of both, 1 where a row is NULL; None where a divisor is zero or a number has no opposite."""
    valid = joint_validity((left, right))
    dividends, divisors = left.values, right.values
    if valid is not None:
        dividends = np.where(valid, dividends, 1)
        if not (_is_constant(divisors) and divisors[0]):
            divisors = np.where(valid, divisors, 1)
    if not len(divisors) or not divisors.all():
        return None
    if int(dividends.min()) == INT64_MIN or int(divisors.min()) == INT64_MIN:
        return None
    return dividends, divisors, valid


class Quotients(PartedColumn):
    """Quotients that are divided when somebody looks at them; sums do so as they add."""

    __slots__ = ("_is_made", "dividends", "divisors", "scales")

    dividends: Values
    divisors: Values
    scales: tuple[int, int]
    _is_made: bool

    def __init__(
        self, dividends: Values, divisors: Values, scales: tuple[int, int], valid: Mask | None
    ) -> None:
        """No divisor is zero, and no number without an opposite, in NULL rows either."""
        super().__init__(len(dividends), (), valid)
        for name, value in (
            ("dividends", dividends),
            ("divisors", divisors),
            ("scales", scales),
            ("_is_made", False),
        ):
            object.__setattr__(self, name, value)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The quotients by scale and form."""
        if not self._is_made:
            object.__setattr__(self, "_parts", tuple(_parts(self)))
            object.__setattr__(self, "_is_made", True)
        return self._parts

    def take(self, positions: Values) -> Column:
        """Rows at the positions, in their order; position -1 gives NULL."""
        if self._is_made or not len(self) or len(positions) > len(self):  # then rows are repeated
            return super().take(positions)
        there = positions >= 0
        valid = None if there.all() else there
        rows = positions if valid is None else np.where(there, positions, 0)
        if self.valid is not None:
            valid = self.valid[rows] if valid is None else valid & self.valid[rows]
        return Quotients(self.dividends[rows], self.divisors[rows], self.scales, valid)

    def slice(self, start: int, stop: int) -> Column:
        """Rows start to stop, without a copy."""
        rows = slice(start, stop)
        valid = None if self.valid is None else self.valid[rows]
        return Quotients(self.dividends[rows], self.divisors[rows], self.scales, valid)

    def masked(self, valid: Mask) -> PartedColumn:
        """The same rows, NULL where valid says so; it leaves NULL what is."""
        return Quotients(self.dividends, self.divisors, self.scales, valid)

    def near(self) -> Values:
        """About the same as floats, of fifteen digits."""
        scale = self.scales[0] - self.scales[1]
        near: Values = self.dividends / self.divisors
        return near / 10.0**scale if scale >= 0 else near * 10.0**-scale

    def sums(
        self, groups: Positions, group_count: int
    ) -> tuple[Values, Positions, Values, Values] | None:
        """What quotient_sums gives; groups are those of the rows that are not NULL."""
        rows = slice(None) if self.valid is None else np.flatnonzero(self.valid)
        pair = self.dividends[rows], self.divisors[rows]
        return quotient_sums(*pair, self.scales, SIGNIFICANT_DIGITS_MIN, groups, group_count)


def divide(left: Column, right: Column) -> Column | None:
    """Quotients, each of the scale that its size asks for."""
    if left.scale is None or right.scale is None or max(left.scale, right.scale) > SCALE_MAX:
        return None
    operands = _operands(left, right)
    if operands is None:
        return None
    return Quotients(*operands[:2], (left.scale, right.scale), operands[2])


def _parts(column: Quotients) -> list[Part]:
    (scale_above, scale_below), there = column.scales, column.valid
    given = np.arange(len(column)) if there is None else np.flatnonzero(there)
    dividends, divisors = column.dividends[given], column.divisors[given]
    scales, forms, firsts, seconds = quotient_words(
        dividends, scale_above, divisors, scale_below, SIGNIFICANT_DIGITS_MIN, DISPLAY_SCALE_MAX
    )
    found: list[Part] = []
    for kind in np.flatnonzero(np.bincount(scales * FORMS + forms)).tolist():
        scale, form = divmod(kind, FORMS)
        rows = np.flatnonzero((scales == scale) & (forms == form))
        if form == ONE_WORD:
            made = Column(firsts[rows], None, scale)
        elif form == TWO_WORDS:
            words = TwoWords(scale, min(scale, SECOND_DIGITS))
            made = LateColumn((firsts[rows], seconds[rows]), words)
        else:
            shift = scale + scale_below - scale_above
            made = Column(_one_by_one(dividends[rows], divisors[rows], scale, shift))
        found.append((given[rows], made))
    return found


def means_in_words(column: Column) -> Column:
    """The same column; means that are not made yet are divided as words, for whoever looks at all of them."""
    if not isinstance(column, LateColumn) or not isinstance(column.make, Means) or not len(column):
        return column
    if isinstance(column, RepeatedColumn):
        return means_in_words(column.few).take(column.positions)
    sums, counts = column.parts
    made = divide(Column(sums, column.valid, column.make.scale), Column(counts, column.valid, 0))
    return column if made is None else made


def with_means(combine: Combine) -> Combine:
    """The same for means that are not made yet."""
    return lambda left, right: combine(means_in_words(left), means_in_words(right))


def _one_by_one(dividends: Values, divisors: Values, scale: int, shift: int) -> Values:
    """Quotients of a scale that no two words hold."""
    factor = 10 ** max(shift, 0)
    below = 10 ** max(-shift, 0)
    quotients: list[Decimal] = []
    for dividend, divisor in zip(dividends.tolist(), divisors.tolist(), strict=True):
        upper, lower = abs(dividend) * factor, abs(divisor) * below
        number = (2 * upper + lower) // (2 * lower)
        is_negative = (dividend < 0) != (divisor < 0)
        quotients.append(Decimal(-number if is_negative else number).scaleb(-scale, EXACT))
    return objects(quotients)


def _is_constant(values: Values) -> bool:
    return values.strides == (0,) and len(values) > 0


def remainder(left: Column, right: Column) -> Column | None:
    """Remainders of cut quotients, of the sign of the dividend."""
    pair = aligned(left, right)
    if pair is None:
        return None
    first, second, scale = pair
    operands = _operands(Column(first, left.valid), Column(second, right.valid))
    if operands is None:
        return None
    dividends, divisors, valid = operands
    return Column(np.fmod(dividends, divisors), valid, scale)


def divide_whole(left: Column, right: Column) -> Column | None:
    """Quotients cut to integers."""
    pair = aligned(left, right)
    if pair is None:
        return None
    operands = _operands(Column(pair[0], left.valid), Column(pair[1], right.valid))
    if operands is None:
        return None
    dividends, divisors, valid = operands
    return Column((dividends - np.fmod(dividends, divisors)) // divisors, valid, 0)


def whole(column: Column, upwards: int) -> Column | None:
    """The next integer: -1 downwards, 1 upwards, 0 towards zero."""
    if column.scale is None:
        return _whole_of_words(column, upwards)
    if len(column) and int(column.values.min()) == INT64_MIN:
        return None
    unit, values = 10**column.scale, column.values
    if unit > INT64_MAX:
        return None
    if upwards < 0:
        numbers = values // unit
    elif upwards > 0:
        numbers = -(-values // unit)
    else:
        numbers = np.sign(values) * (np.abs(values) // unit)
    return Column(numbers, column.valid, 0)


def _whole_of_words(column: Column, upwards: int) -> Column | None:
    down, up = next_down(column), next_up(column)
    if down is None or up is None:
        return None
    if upwards:
        return whole(down if upwards < 0 else up, upwards)
    cut = np.where(down.values < 0, up.values, down.values)
    return whole(Column(cut, column.valid, down.scale), 0)


def whole_kernel(row: Callable[[Decimal], Decimal], upwards: int) -> Kernel:
    """`whole` as a kernel."""

    def kernel(context: CallContext, column: Column, *, count: int) -> Column:
        if isinstance(column, PartedColumn):
            made = at_one_scale(column, 0, lambda part: whole(part, upwards), row)
        else:
            made = whole(column, upwards)
        return by_rows(row, (column,)) if made is None else made

    return kernel
