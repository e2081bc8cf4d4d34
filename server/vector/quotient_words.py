"""Quotients of decimals, as words: each of the scale that its size asks for, rounded half away from zero.

The specification of native/quotient_words.pyx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from server.vector.column import Values

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
    least = max(dividend_scale, divisor_scale)
    found: list[tuple[int, int, int, int]] = []
    for dividend, divisor in zip(dividends.tolist(), divisors.tolist(), strict=True):
        upper, lower = abs(dividend), abs(divisor)
        (weight, one), (below, other) = _size(upper, dividend_scale), _size(lower, divisor_scale)
        scale = digits_min - GROUP * (weight - below - (one <= other))
        scale = min(max(scale, least), scale_max)
        form, first, second = _words(upper, lower, scale, scale + divisor_scale - dividend_scale)
        sign = -1 if (dividend < 0) != (divisor < 0) else 1
        found.append((scale, form, sign * first, sign * second))
    columns = np.array(found, np.int64).reshape(-1, 4).T
    scales, forms, firsts, seconds = map(np.ascontiguousarray, columns)
    return scales.astype(np.int16), forms.astype(np.int8), firsts, seconds


def _size(number: int, scale: int) -> tuple[int, int]:
    """The place of the first group of four digits of a number, and that group."""
    if not number:
        return 0, 0
    weight = (len(str(number)) - 1 - scale) // GROUP
    shift = scale + weight * GROUP
    return weight, number // 10**shift if shift >= 0 else number * 10**-shift


def _words(upper: int, lower: int, scale: int, shift: int) -> tuple[int, int, int]:
    """The form and the words of a quotient whose dividend is moved by so many digits."""
    if not 0 <= shift <= SHIFT_MAX or _is_wide(upper, shift):
        return LEFT, 0, 0
    number, rest = divmod(upper * 10**shift, lower)
    number += rest >= lower - rest
    if number < ONE_WORD_MAX:
        return ONE_WORD, number, 0
    first, second = divmod(number, 10 ** min(scale, SECOND_DIGITS))
    if not scale or first.bit_length() > WORD_BITS_MAX:
        return LEFT, 0, 0
    return TWO_WORDS, first, second


def _is_wide(upper: int, shift: int) -> bool:
    """Whether the moved dividend may be more than two words hold."""
    if shift > 19:
        power: int = 10 ** (shift - 19)
        if (upper * 10**19).bit_length() + power.bit_length() > BITS_MAX:
            return True
    moved: int = upper * 10**shift
    return moved.bit_length() > BITS_MAX
