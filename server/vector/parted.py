"""PartedColumn: decimals of several scales, kept as the scaled columns they came from.

CASE WHEN ... THEN price ELSE 0 END has rows of scale 2 and rows of scale 0. Each decimal must keep
its own, so the column has no one scale; but sums can take the parts one by one. For everybody else
`values` are Decimals, made when they are first asked for. A part without a scale holds Decimals, all
finite, of which 64 bits do not hold the digits: as two words (two_words.py) or as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from server.vector.column import Column, Mask, Positions, Values
from server.vector.rows import plain_values

if TYPE_CHECKING:
    from collections.abc import Sequence

Part = tuple[Positions, Column]  # positions without NULLs, and the values that stand there


class PartedColumn(Column):
    """A column of decimals whose rows are spread over scaled parts."""

    __slots__ = ("_made", "_parts", "count")

    count: int
    _parts: tuple[Part, ...]
    _made: Values | None

    def __init__(self, count: int, parts: Sequence[Part], valid: Mask | None) -> None:
        for name, value in (
            ("count", count),
            ("_parts", tuple(parts)),
            ("valid", valid),
            ("scale", None),
            ("dictionary", None),
            ("_made", None),
        ):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return self.count

    @property
    def parts(self) -> tuple[Part, ...]:
        """The scaled columns, and the rows that they fill."""
        return self._parts

    @property
    def values(self) -> Values:
        """The rows as Decimals."""
        made = self._made
        if made is None:
            made = np.full(self.count, None, object)
            for positions, column in self.parts:
                rows = np.empty(len(positions), object)
                rows[:] = plain_values(column)
                made[positions] = rows
            object.__setattr__(self, "_made", made)
        return made

    def take(self, positions: Values) -> Column:
        """Rows at the positions, in their order; position -1 gives NULL."""
        numbers = np.full(self.count + 1, -1, np.int64)  # the last stands for position -1
        start = 0
        for places, column in self.parts:
            numbers[places] = np.arange(start, start + len(column))
            start += len(column)
        taken = numbers[positions]
        parts, start = [], 0
        for _, column in self.parts:
            stop = start + len(column)
            rows = np.flatnonzero((taken >= start) & (taken < stop))
            parts.append((rows, column.take(taken[rows] - start)))
            start = stop
        return parted_column(len(taken), parts)

    def slice(self, start: int, stop: int) -> Column:
        """Rows start to stop."""
        return self.take(np.arange(start, min(stop, self.count)))

    def decoded(self) -> Column:
        """The same rows."""
        return self

    def masked(self, valid: Mask) -> PartedColumn:
        """The same rows, NULL where valid says so; it leaves NULL what is."""
        if self.valid is not None and np.array_equal(self.valid, valid):
            return self
        parts: list[Part] = []
        for positions, column in self.parts:
            kept = np.flatnonzero(valid[positions])
            if len(kept) < len(positions):
                positions, column = positions[kept], column.take(kept)
            parts.append((positions, column))
        return PartedColumn(self.count, parts, valid)


def parted_column(count: int, parts: Sequence[Part]) -> PartedColumn:
    """Make the column of parts that may hold NULLs; positions that no part fills are NULL."""
    valid = np.zeros(count, np.bool_)
    kept: list[Part] = []
    for positions, column in parts:
        if column.valid is not None:
            there = np.flatnonzero(column.valid)
            positions, column = positions[there], column.take(there)
        valid[positions] = True
        kept.append((positions, column))
    return PartedColumn(count, kept, None if bool(valid.all()) else valid)


def parted_together(columns: Sequence[Column]) -> PartedColumn | None:
    """Scaled columns, and those of several scales, one below the other; None if some are in another form."""
    parts: list[Part] = []
    start = 0
    for column in columns:
        if isinstance(column, PartedColumn):
            parts += [(start + positions, part) for positions, part in column.parts]
        elif column.scale is not None:
            parts.append((np.arange(start, start + len(column)), column))
        else:
            return None
        start += len(column)
    return parted_column(start, parts)


def together(count: int, parts: Sequence[Part]) -> PartedColumn:
    """As parted_column, of parts that may have parts themselves."""
    found: list[Part] = []
    for positions, column in parts:
        if isinstance(column, PartedColumn):
            found += [(positions[rows], part) for rows, part in column.parts]
        else:
            found.append((positions, column))
    return parted_column(count, found)
