"""LateColumn: values that are made when somebody first asks for them, out of arrays that are cheap to carry.

Averages of a million groups of which ten are shown need ten divisions. What picks, cuts and puts
together rows works on the arrays; `values` makes the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from server.vector.column import Column, Mask, Positions, Values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Maker = Callable[..., Values]


class LateColumn(Column):
    """A column of whatever `make` gives for the parts: arrays with an element a row."""

    __slots__ = ("_made", "make", "parts")

    make: Maker
    parts: tuple[Values, ...]
    _made: Values | None

    def __init__(self, parts: Sequence[Values], make: Maker, valid: Mask | None = None) -> None:
        """Make is called as make(*parts, valid); equal makers make columns that can be put together."""
        for name, value in (
            ("parts", tuple(parts)),
            ("make", make),
            ("valid", valid),
            ("scale", None),
            ("dictionary", None),
            ("_made", None),
        ):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.parts[0])

    @property
    def values(self) -> Values:
        """The rows."""
        made = self._made
        if made is None:
            made = self.make(*self.parts, self.valid)
            object.__setattr__(self, "_made", made)
        return made

    def take(self, positions: Values) -> Column:
        """Rows at the positions, in their order; position -1 gives NULL."""
        valid = None if self.valid is None or not len(self) else self.valid[positions]
        if len(positions) and positions.min() < 0:
            there = positions >= 0
            if not len(self):
                empty = [np.zeros(len(positions), part.dtype) for part in self.parts]
                return LateColumn(empty, self.make, there)
            valid = there if valid is None else valid & there
            positions = np.where(there, positions, 0)
        return LateColumn([part[positions] for part in self.parts], self.make, valid)

    def slice(self, start: int, stop: int) -> Column:
        """Rows start to stop, without a copy."""
        valid = None if self.valid is None else self.valid[start:stop]
        return LateColumn([part[start:stop] for part in self.parts], self.make, valid)

    def decoded(self) -> Column:
        """The same rows."""
        return self


class RepeatedColumn(LateColumn):
    """The rows at positions of a few values, which are made once for all rows that repeat them.

    What picks or cuts its rows gives a column that makes each by itself.
    """

    __slots__ = ("few", "positions")

    few: LateColumn
    positions: Positions

    def __init__(self, few: LateColumn, positions: Positions) -> None:
        """Positions are those of values, none is -1."""
        valid = None if few.valid is None else few.valid[positions]
        super().__init__([part[positions] for part in few.parts], few.make, valid)
        object.__setattr__(self, "few", few)
        object.__setattr__(self, "positions", positions)

    @property
    def values(self) -> Values:
        """The rows."""
        made: Values = self.few.values[self.positions]
        return made


def repeated(column: Column, positions: Positions) -> Column:
    """Rows of a column at positions, none of which is -1, made once a value where they are more than the values."""
    if isinstance(column, LateColumn) and len(column) < len(positions):
        return RepeatedColumn(column, positions)
    return column.take(positions)


def late_together(columns: Sequence[Column], valid: Mask | None) -> LateColumn | None:
    """Columns one below the other; None if they are not all made alike."""
    first = columns[0]
    if not isinstance(first, LateColumn):
        return None
    parts = []
    for column in columns:
        if not isinstance(column, LateColumn) or column.make != first.make:
            return None
        parts.append(column.parts)
    return LateColumn(
        [np.concatenate(arrays) for arrays in zip(*parts, strict=True)], first.make, valid
    )
