"""Rows of coded texts by the words that they are: what is known of the words, told of each row.

Codes of NULL rows mean nothing and may be beyond the words. The specification of native/word_numbers.pyx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from server.vector.column import Mask, Positions, Values


def numbers_of_rows(
    codes: Values, valid: Mask | None, numbers: Positions
) -> tuple[Positions, bool]:
    """The number of each row's word, -1 for NULL; and whether a word that occurs has a number below zero."""
    made = np.full(len(codes), -1, np.int64)
    rows = slice(None) if valid is None else valid
    made[rows] = found = numbers[codes[rows]]
    return made, bool((found < 0).any())


def words_in_use(codes: Values, valid: Mask | None, count: int) -> Mask:
    """Which of so many words occur."""
    used = np.zeros(count, np.bool_)
    used[codes if valid is None else codes[valid]] = True
    return used
