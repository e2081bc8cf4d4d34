"""Rows of keys that take few values: each distinct row is looked at once.

Groups by flags, states and kinds have a handful of keys in a batch of many rows. To number columns of such values is
much cheaper than to look up whole rows of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from server.executor.key_filter import is_integer
from server.executor.native import ViewCodes, packed_rows
from server.vector.texts import TextColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.vector.column import Column, Positions, Values

ROWS_MIN: Final = 2048
SAMPLE_ROWS: Final = 256
VALUES_MAX: Final = 64
"""How many values a column may take."""

ROWS_PER_PLACE: Final = 8
"""How many rows there must be for each combination of values that is possible."""


def few_rows(columns: Sequence[Column], count: int) -> tuple[Positions, Positions] | None:
    """The number of each row among the distinct ones, and where each of those comes first; None: there may be many."""
    if count < ROWS_MIN:
        return None
    found, sizes, places = [], [], 1
    for column in columns:
        coded = None if column.valid is not None else _coded(column)
        if coded is None:
            return None
        codes, size = coded
        found.append(codes)
        sizes.append(size)
        places *= size
        if places * ROWS_PER_PLACE > count:
            return None
    return packed_rows(found, sizes, count)


def _coded(column: Column) -> tuple[Values, int] | None:
    """Codes of the values of a column, and how many there may be; None: too many, or nobody knows."""
    if column.dictionary is not None:
        return column.values, len(column.dictionary)
    if isinstance(column, TextColumn):
        table = ViewCodes()
        if table.add(column.views[:SAMPLE_ROWS], VALUES_MAX) is None:
            return None
        codes = table.add(column.views, VALUES_MAX)
        return None if codes is None else (codes, len(table))
    if not is_integer(column) or np.ptp(column.values[:SAMPLE_ROWS]) >= VALUES_MAX:
        return None
    lowest, highest = int(column.values.min()), int(column.values.max())
    if highest - lowest >= VALUES_MAX:
        return None
    return column.values - lowest, highest - lowest + 1
