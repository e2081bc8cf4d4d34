"""Quotients of decimals, as words: each of the scale that its size asks for, rounded half away from zero.

The specification of native/quotient_words.pyx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from server.vector.column import Positions, Values

ONE_WORD: Final = 0
TWO_WORDS: Final = 1
LEFT: Final = 2
"""The forms: a number of 64 bits, two of them, or whatever is beyond these and left to the caller."""
SECOND_DIGITS: Final = 18
"""How many digits the second word has at most; fewer only where the scale has."""
GROUP: Final = 4
ONE_WORD_MAX: Final = 9 * 10**18
SHIFT_MAX: Final = 38
BITS_MAX: Final = 126
WORD_BITS_MAX: Final = 62


def quotient_words(
    dividends: Values,
    dividend_scale: int,
    divisors: Values,
    divisor_scale: int,
    digits_min: int,
    scale_max: int,
) -> tuple[Values, Values, Values, Values]:
    """Of each quotient: its scale, in what form it is, and its words. No divisor is zero.

    digits_min: how many digits are to be shown at least; scale_max: how many behind the point at most.
    """
    found: list[tuple[int, int, int, int]] = []
    scales_of = dividend_scale, divisor_scale
    for dividend, divisor in zip(dividends.tolist(), divisors.tolist(), strict=True):
        upper, lower = abs(dividend), abs(divisor)
        scale = min(_scale(upper, lower, scales_of, digits_min), scale_max)
        form, first, second = _words(upper, lower, scale, scale + divisor_scale - dividend_scale)
        sign = -1 if (dividend < 0) != (divisor < 0) else 1
        found.append((scale, form, sign * first, sign * second))
    columns = np.array(found, np.int64).reshape(-1, 4).T
    scales, forms, firsts, seconds = map(np.ascontiguousarray, columns)
    return scales.astype(np.int16), forms.astype(np.int8), firsts, seconds


def quotient_sums(
    dividends: Values,
    divisors: Values,
    scales: tuple[int, int],
    digits_min: int,
    groups: Positions,
    group_count: int,
) -> tuple[Values, Positions, Values, Values] | None:
    """Sums of quotients by group and scale: scales, groups, first and second words; None: two words do not hold one.

    Quotients are those of quotient_words. The second words have as many digits as the scale, SECOND_DIGITS at most.
    """
    bits_max = BITS_MAX - len(dividends).bit_length()
    totals: dict[tuple[int, int], int] = {}
    rows = zip(dividends.tolist(), divisors.tolist(), groups.tolist(), strict=True)
    for dividend, divisor, group in rows:
        upper, lower = abs(dividend), abs(divisor)
        scale = _scale(upper, lower, scales, digits_min)
        number = _quotient(upper, lower, scale + scales[1] - scales[0])
        if number is None or number.bit_length() > bits_max:
            return None
        key = -scale, group
        sign = -1 if (dividend < 0) != (divisor < 0) else 1
        totals[key] = totals.get(key, 0) + sign * number
    found: list[tuple[int, int, int, int]] = []
    for (scale, group), total in sorted(totals.items()):
        first, second = divmod(abs(total), 10 ** min(-scale, SECOND_DIGITS))
        if first.bit_length() > WORD_BITS_MAX:
            return None
        sign = -1 if total < 0 else 1
        found.append((-scale, group, sign * first, sign * second))
    columns = np.array(found, np.int64).reshape(-1, 4).T
    shown, owners, firsts, seconds = map(np.ascontiguousarray, columns)
    return shown.astype(np.int16), owners, firsts, seconds


def _scale(upper: int, lower: int, scales: tuple[int, int], digits_min: int) -> int:
    """How many digits a quotient shows behind the point."""
    (weight, one), (below, other) = _size(upper, scales[0]), _size(lower, scales[1])
    return max(digits_min - GROUP * (weight - below - (one <= other)), *scales)


def _size(number: int, scale: int) -> tuple[int, int]:
    """The place of the first group of four digits of a number, and that group."""
    if not number:
        return 0, 0
    weight = (len(str(number)) - 1 - scale) // GROUP
    shift = scale + weight * GROUP
    return weight, number // 10**shift if shift >= 0 else number * 10**-shift


def _words(upper: int, lower: int, scale: int, shift: int) -> tuple[int, int, int]:
    """The form and the words of a quotient whose dividend is moved by so many digits."""
    number = _quotient(upper, lower, shift)
    if number is None:
        return LEFT, 0, 0
    if number < ONE_WORD_MAX:
        return ONE_WORD, number, 0
    first, second = divmod(number, 10 ** min(scale, SECOND_DIGITS))
    if not scale or first.bit_length() > WORD_BITS_MAX:
        return LEFT, 0, 0
    return TWO_WORDS, first, second


def _quotient(upper: int, lower: int, shift: int) -> int | None:
    """A quotient of a dividend moved by so many digits, rounded; None: two words do not hold the moved one."""
    if not 0 <= shift <= SHIFT_MAX or _is_wide(upper, shift):
        return None
    number, rest = divmod(upper * 10**shift, lower)
    return int(number + (rest >= lower - rest))


def _is_wide(upper: int, shift: int) -> bool:
    """Whether the moved dividend may be more than two words hold."""
    low: int = upper * 10 ** min(shift, 19)
    if low.bit_length() + (10 ** max(shift - 19, 0)).bit_length() > BITS_MAX + 1:
        return True
    moved: int = upper * 10**shift
    return moved.bit_length() > BITS_MAX
