"""Numbering rows of several key columns at once, in order of first appearance.

The specification of native/row_codes.pyx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.vector.text_views import texts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.vector.column import Positions

COLUMNS_MAX: Final = 16

Line = tuple[int | bytes | None, ...]


class RowCodes:
    """Gives each distinct row of key columns the next number; numbers never change.

    Columns come as (int64 values, valid), or as (store, views, valid) if they are of texts. NULL is
    a value like others.
    """

    def __init__(self, texts: Sequence[bool], blanks: Sequence[bool]) -> None:
        """Texts, blanks: of each column, whether it is of texts, and whether blanks at their ends mean nothing."""
        self._texts = tuple(texts)
        self._blanks = tuple(blanks)
        self._numbers: dict[Line, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, columns: Sequence[tuple[Any, ...]], count: int) -> Positions:
        """Give the number of each row, new ones included."""
        numbers = self._numbers
        codes = [numbers.setdefault(line, len(numbers)) for line in self._lines(columns, count)]
        return np.array(codes, np.int64)

    def find(self, columns: Sequence[tuple[Any, ...]], count: int) -> Positions:
        """Give the number of each row, -1 where it has none."""
        codes = [self._numbers.get(line, -1) for line in self._lines(columns, count)]
        return np.array(codes, np.int64)

    def line(self, number: int) -> Line:
        """One key: None, an integer, or the bytes of a text for each column."""
        return list(self._numbers)[number]

    def _lines(self, columns: Sequence[tuple[Any, ...]], count: int) -> list[Line]:
        cells = []
        for column, is_text, blank in zip(columns, self._texts, self._blanks, strict=True):
            valid = column[-1]
            rows: list[Any] = (
                list(texts_of(column[0], column[1], blank)) if is_text else column[0].tolist()
            )
            if valid is not None:
                rows = [row if there else None for row, there in zip(rows, valid, strict=True)]
            cells.append(rows)
        return list(zip(*cells, strict=True))
