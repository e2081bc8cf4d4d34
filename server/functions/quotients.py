"""Quotients, remainders and whole numbers of scaled columns.

Law 1: each gives what numeric_math gives row by row, or None: the caller then computes with Decimals.
Law 2: a divisor of zero is left to the rows, which raise.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.functions.numeric_math import DISPLAY_SCALE_MAX, GROUP, SIGNIFICANT_DIGITS_MIN
from server.functions.scaled import SCALE_MAX, aligned, at_one_scale, by_rows
from server.types.numeric import EXACT
from server.vector.column import Column, Mask, Positions, Values
from server.vector.late import LateColumn
from server.vector.parted import PartedColumn, parted_column
from server.vector.rows import joint_validity, objects
from server.vector.two_words import TwoWords, next_down, next_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext, Kernel

INT64_MIN: Final = -(1 << 63)
INT64_MAX: Final = (1 << 63) - 1
QUOTIENT_MAX: Final = 9e18
"""Quotients up to here, told by floats, have room in 64 bits with what rounding adds."""
LEAST_POWER: Final = 18
with np.errstate(over="ignore"):
    FLOAT_POWERS: Final = np.power(10.0, np.arange(-LEAST_POWER, 320))
"""Powers of ten from that one on, as floats; the last ones are infinite."""
SECOND_DIGITS: Final = 18
"""How many digits the second word of a quotient of two has at most."""
POWERS: Final = np.array([10**exponent for exponent in range(19)], np.int64)


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


def divide(left: Column, right: Column) -> Column | None:
    """Quotients, each of the scale that its size asks for."""
    if left.scale is None or right.scale is None:
        return None
    operands = _operands(left, right)
    if operands is None:
        return None
    dividends, divisors, valid = operands
    uppers, lowers = np.abs(dividends), _by_first(np.abs, divisors)
    scales = _result_scales((uppers, left.scale), (lowers, right.scale))
    is_negative = (dividends < 0) != (divisors < 0)
    factors = FLOAT_POWERS.take(scales + (right.scale - left.scale + LEAST_POWER), mode="clip")
    is_held = (uppers / lowers) * factors < QUOTIENT_MAX
    is_done = np.zeros(len(uppers), np.bool_)
    parts: list[tuple[Positions, Column]] = []
    for scale in np.flatnonzero(np.bincount(scales)).tolist():
        has_scale, shift = scales == scale, scale + right.scale - left.scale
        for rows, division in (
            (np.flatnonzero(has_scale & is_held), _in_one_word),
            (np.flatnonzero(has_scale & ~is_held), _in_two_words),
        ):
            if not len(rows):
                continue
            numbers = uppers[rows], _at(lowers, rows), is_negative[rows]
            found = division(*numbers, (scale, shift))
            if found is not None:
                parts.append((rows, found if valid is None else _masked(found, valid[rows])))
                is_done[rows] = True
    if not is_done.all():
        rows = np.flatnonzero(~is_done)
        arrays = (uppers, lowers, scales + (right.scale - left.scale), scales, is_negative)
        exactly = _one_by_one(*(array[rows] for array in arrays))
        parts.append((rows, Column(exactly, None if valid is None else valid[rows])))
    if len(parts) == 1 and (not is_done.any() or (is_held.all() and int(scales[0]) <= SCALE_MAX)):
        return parts[0][1]
    return parted_column(len(uppers), parts)


def _is_constant(values: Values) -> bool:
    return values.strides == (0,) and len(values) > 0


def _by_first(operation: Callable[[Values], Values], values: Values) -> Values:
    """What an operation gives of each, computed once if they are all the same."""
    if _is_constant(values):
        return np.broadcast_to(operation(values[:1]), len(values))
    return operation(values)


def _at(values: Values, rows: Positions) -> Values:
    return values[: len(rows)] if _is_constant(values) else values[rows]


def _divided(uppers: Values, lowers: Values) -> tuple[Values, Values]:
    """Quotients and remainders; a constant divides many times as fast when it stands alone."""
    if not _is_constant(lowers):
        return np.divmod(uppers, lowers)
    quotients = uppers // lowers[0]
    return quotients, uppers - quotients * lowers[0]


def _masked(column: Column, valid: Mask) -> Column:
    if isinstance(column, LateColumn):
        return LateColumn(column.parts, column.make, valid)
    return Column(column.values, valid, column.scale)


def _in_one_word(
    uppers: Values, lowers: Values, is_negative: Mask, places: tuple[int, int]
) -> Column | None:
    """Quotients of a scale that 64 bits hold; places: the scale, and by how many digits dividends are moved for it."""
    scale, shift = places
    found = _rounded_quotients(uppers, lowers, shift)
    return None if found is None else Column(np.where(is_negative, -found, found), None, scale)


def _in_two_words(
    uppers: Values, lowers: Values, is_negative: Mask, places: tuple[int, int]
) -> Column | None:
    """The same of those that two words hold."""
    scale, shift = places
    digits = min(SECOND_DIGITS, shift, scale)
    step = _digits(INT64_MAX // int(lowers.max()))
    if digits < 1 or step < 1:
        return None
    if ((uppers / lowers) * 10.0 ** (shift - digits)).max() >= QUOTIENT_MAX:
        return None
    firsts, rests = _divided(uppers, lowers)
    firsts, rests = _divided_on(firsts, (rests, lowers), shift - digits, step)
    seconds, rests = _divided_on(np.zeros_like(firsts), (rests, lowers), digits, step)
    seconds += rests >= lowers - rests
    words = (np.where(is_negative, -each, each) for each in (firsts, seconds))
    return LateColumn(tuple(words), TwoWords(scale, digits))


def _divided_on(
    quotients: Values, operands: tuple[Values, Values], digits: int, step: int
) -> tuple[Values, Values]:
    """So many digits more, as one divides by hand: as many at a time as the rest has room for; and what remains."""
    rests, lowers = operands
    while digits:
        more = min(digits, step)
        following, rests = _divided(rests * 10**more, lowers)
        quotients = quotients * 10**more + following
        digits -= more
    return quotients, rests


def _rounded_quotients(uppers: Values, lowers: Values, shift: int) -> Values | None:
    """Upper * 10**shift / lower, which 64 bits hold, rounded half away from zero; None if remainders have no room."""
    step = _digits(INT64_MAX // int(lowers.max()))
    if shift < 0 or step < 1:
        return None
    quotients, rests = _divided(uppers, lowers)
    quotients, rests = _divided_on(quotients, (rests, lowers), shift, step)
    quotients += rests >= lowers - rests
    return quotients


def _digits(number: int) -> int:
    """The greatest power of ten, but not beyond 18, that is no more than the number."""
    return min(len(str(number)) - 1, 18)


def _one_by_one(
    uppers: Values, lowers: Values, shifts: Values, scales: Values, is_negative: Mask
) -> Values:
    factors = [10**shift for shift in range(int(shifts.max()) + 1)]
    arrays = (uppers, lowers, shifts, scales, is_negative)
    quotients: list[Any] = []
    for upper, lower, shift, scale, negative in zip(*(a.tolist() for a in arrays), strict=True):
        number = (2 * upper * factors[shift] + lower) // (2 * lower)
        quotients.append(Decimal(-number if negative else number).scaleb(-scale, EXACT))
    return objects(quotients)


def _result_scales(left: tuple[Values, int], right: tuple[Values, int]) -> Values:
    weights, firsts = _sizes(*left)
    other_weights, other_firsts = _sizes(*right)
    groups = weights - other_weights - (firsts <= other_firsts)
    digits = SIGNIFICANT_DIGITS_MIN - groups * GROUP
    scales: Values = np.clip(np.maximum(digits, max(left[1], right[1])), 0, DISPLAY_SCALE_MAX)
    return scales


def _sizes(numbers: Values, scale: int) -> tuple[Values, Values]:
    """Weight and value of the first group of four digits of each number; 0, 0 for zero."""
    if _is_constant(numbers):
        weights, firsts = _sizes(numbers[:1].copy(), scale)
        return np.broadcast_to(weights, len(numbers)), np.broadcast_to(firsts, len(numbers))
    lengths = np.searchsorted(POWERS, numbers, side="right")
    weights = (lengths - 1 - scale) // GROUP
    shifts = scale + weights * GROUP
    firsts = np.where(
        shifts >= 0,
        numbers // POWERS[np.clip(shifts, 0, 18)],
        numbers * POWERS[np.clip(-shifts, 0, GROUP)],
    )
    return np.where(numbers > 0, weights, 0), firsts


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
