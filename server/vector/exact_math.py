"""Square roots and logarithms of decimals, to the last digit. The specification of native/exact_math.pyx.

Rule 1: what cannot be told to the last digit here is left to the caller: LEFT in place of a number.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from server.vector.column import Positions, Values

LEFT: Final = -(1 << 63)
GROUP: Final = 4
BITS_MAX: Final = 126
ARGUMENT_BITS_MAX: Final = 55
"""Of arguments of logarithms."""
PARTS: Final = 128
"""Into so many parts numbers between powers of two are divided, of whose ends the logarithms are known."""
UNIT_DIGITS: Final = 30
WORD_DIGITS: Final = 18
NEAR_ONE: Final = Decimal("0.9"), Decimal("1.1")
"""Logarithms of what lies between are left: they show more digits."""
_PRECISE: Final = Context(prec=60, rounding=ROUND_HALF_UP)


def square_roots(values: Values, scale: int, digits_min: int) -> tuple[Values, Positions]:
    """The scale and the digits of the root of each number, of which none is below zero."""
    found: list[tuple[int, int]] = []
    for value in values.tolist():
        weight = (len(str(value)) - 1 - scale) // GROUP if value else 0
        shown = max(digits_min - 2 * weight - 1, scale)
        fourfold = 4 * value * 10 ** (2 * shown - scale)
        fits = fourfold.bit_length() <= BITS_MAX
        found.append((shown, (math.isqrt(fourfold) + 1) // 2 if fits else LEFT))
    columns = np.array(found, np.int64).reshape(-1, 2).T
    return columns[0].astype(np.int16), np.ascontiguousarray(columns[1])


@lru_cache(maxsize=2)
def logarithm_table(base: int) -> Positions:
    """Logarithms to the base ten, or for 0 to that of e: of two, of ten, of e, and of the ends of parts.

    Each as two words, the second of WORD_DIGITS digits, with UNIT_DIGITS digits behind the point in all.
    """
    below = _PRECISE.ln(Decimal(10)) if base else Decimal(1)
    ends = [Decimal(PARTS + part) / PARTS for part in range(PARTS)]
    logarithms = [_PRECISE.ln(number) for number in (Decimal(2), Decimal(10))]
    logarithms += [Decimal(1), *map(_PRECISE.ln, ends)]
    unit = Decimal(10) ** UNIT_DIGITS
    numbers = [int(_PRECISE.divide(number, below) * unit + Decimal("0.5")) for number in logarithms]
    return np.array([divmod(number, 10**WORD_DIGITS) for number in numbers], np.int64)


def logarithms(
    values: Values, scale: int, digits_min: int, table: Positions
) -> tuple[Values, Positions]:
    """The scale and the digits of the logarithm of each number, of which all are above zero."""
    to_ten = int(table[2, 0]) < 10 ** (UNIT_DIGITS - WORD_DIGITS)
    found: list[tuple[int, int]] = []
    for value in values.tolist():
        number = Decimal(value).scaleb(-scale)
        if NEAR_ONE[0] <= number <= NEAR_ONE[1] or value.bit_length() > ARGUMENT_BITS_MAX:
            found.append((scale, LEFT))
            continue
        natural = _PRECISE.ln(number)
        size = abs(natural)
        shown = max(digits_min - (size >= 10) + (size < Decimal("0.1")), scale)
        exact = _PRECISE.log10(number) if to_ten else natural
        digits = int(_PRECISE.scaleb(exact, shown).to_integral_value(ROUND_HALF_UP))
        found.append((shown, digits if abs(digits) < -LEFT else LEFT))
    columns = np.array(found, np.int64).reshape(-1, 2).T
    return columns[0].astype(np.int16), np.ascontiguousarray(columns[1])
