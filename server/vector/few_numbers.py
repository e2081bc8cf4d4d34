"""Integers of a narrow range as codes: what is computed of each of them once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from server.vector.column import Column

if TYPE_CHECKING:
    from server.vector.column import Positions, Values

ROWS_MIN: Final = 1024
ROWS_PER_NUMBER_MIN: Final = 2
"""How many rows there must be to a number of the range."""


def coded_numbers(column: Column) -> Column | None:
    """The same rows as codes of the numbers between the least and the greatest; None: those are too many."""
    if type(column) is not Column or len(column) < ROWS_MIN:
        return None
    if column.values.dtype.kind != "i" or column.scale is not None or column.dictionary is not None:
        return None
    valid = column.valid
    numbers = column.values if valid is None else column.values[valid]
    if not len(numbers):
        return None
    lowest, highest = int(numbers.min()), int(numbers.max())
    if (highest - lowest + 1) * ROWS_PER_NUMBER_MIN > len(numbers):
        return None
    rows = column.values if valid is None else np.where(valid, column.values, lowest)
    words = np.arange(lowest, highest + 1).astype(column.values.dtype)
    codes = (rows.astype(np.int64) - lowest).astype(np.int32)
    return Column(codes, valid, None, Column(words))


def distinct(numbers: Values) -> tuple[Values, Positions]:
    """The distinct numbers in order, and the place of each row's among them; those of a narrow range are not sorted."""
    if len(numbers) >= ROWS_MIN:
        lowest, highest = int(numbers.min()), int(numbers.max())
        if (highest - lowest + 1) * ROWS_PER_NUMBER_MIN <= len(numbers):
            places = numbers.astype(np.int64) - lowest
            there = np.zeros(highest - lowest + 1, np.bool_)
            there[places] = True
            found = (np.flatnonzero(there) + lowest).astype(numbers.dtype)
            return found, (np.cumsum(there) - 1)[places]
    found, rows = np.unique(numbers, return_inverse=True)
    return found, rows
