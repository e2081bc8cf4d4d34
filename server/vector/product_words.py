"""Products of decimals as two words each. The specification of native/product_words.pyx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from server.vector.column import Values

WORD_MAX: Final = (1 << 63) - 1


def product_words(
    firsts: Values, seconds: Values | None, digits: int, factors: Values, digits_made: int
) -> tuple[Values, Values] | None:
    """Numbers of two words, or of one, times integers; None: a first word is too small for one of them.

    A number is its first word times 10**digits plus the second, which has the same sign; so are the products, with
    the digits that are asked for. digits <= 18
    """
    unit, unit_made = 10**digits, 10**digits_made
    low = [0] * len(firsts) if seconds is None else seconds.tolist()
    made: list[tuple[int, int]] = []
    for first, second, factor in zip(firsts.tolist(), low, factors.tolist(), strict=True):
        number = (first * unit + second) * factor
        upper, lower = divmod(abs(number), unit_made)
        if upper > WORD_MAX:
            return None
        made.append((-upper, -lower) if number < 0 else (upper, lower))
    columns = np.array(made, np.int64).reshape(-1, 2).T
    return np.ascontiguousarray(columns[0]), np.ascontiguousarray(columns[1])
