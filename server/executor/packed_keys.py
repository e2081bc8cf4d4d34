"""PackedTable: numbers of the distinct rows of integers that fit into one integer together.

Rule 1: each column has a range of values, in which NULL is the lowest place; a row is the number that its places are
        the digits of. So rows are numbered as single integers are, where they lie close together without hashing.
Rule 2: values outside the ranges make these wider, at least twice as wide on that side, and the keys that are known are
        packed anew. Where too many rows are possible the table refuses: they are for RowTable then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from server.executor.key_values import integer_keys, is_fixed
from server.executor.native import IntegerCodes
from server.vector.column import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.vector.column import Positions

    Bounds = tuple[int, int]

PLACES_MAX: Final = 1 << 22
"""Up to how many rows may be possible: more would be hashed, and RowTable hashes better."""

_INT64: Final = np.iinfo(np.int64)


@dataclass(frozen=True, slots=True)
class _Digit:
    """The range of a column's values; `places` counts them and NULL."""

    lowest: int
    places: int
    scale: int | None

    @property
    def highest(self) -> int:
        """The greatest value in the range."""
        return self.lowest + self.places - 2

    def reaching(self, bounds: Bounds) -> _Digit:
        """A range with other values in it, with room for more where they are outside this one."""
        low, high = bounds
        lowest, highest = self.lowest, self.highest
        if low < lowest:
            lowest = max(low - (highest - low), _INT64.min)
        if high > highest:
            highest = min(high + (high - lowest), _INT64.max)
        return _Digit(lowest, highest - lowest + 2, self.scale)


class PackedTable:
    """Numbers of rows of integers; NULL is a value like others."""

    def __init__(self, digits: Sequence[_Digit]) -> None:
        self._digits = tuple(digits)
        self._codes = IntegerCodes()

    def __len__(self) -> int:
        return len(self._codes)

    def codes(self, columns: Sequence[Column], count: int, *, adding: bool) -> Positions | None:
        """The number of each row, new ones included if adding, otherwise -1; None: it cannot be said."""
        keys = [
            integer_keys(column, digit.scale, is_float=False)
            for column, digit in zip(columns, self._digits, strict=True)
        ]
        values = [each for each in keys if each is not None]
        if len(values) < len(keys):
            return None
        if not count:
            return np.zeros(0, np.int64)
        masked = [Column(each, column.valid) for each, column in zip(values, columns, strict=True)]
        bounds = [_bounds(column) for column in masked]
        if all(
            digit.lowest <= low and high <= digit.highest
            for digit, (low, high) in zip(self._digits, bounds, strict=True)
        ):
            packed = self._packed(masked)
            return self._codes.add(packed, None) if adding else self._codes.find(packed, None)
        if not adding:
            return self._found_inside(masked, count)
        return self._codes.add(self._packed(masked), None) if self._widen(bounds) else None

    def keys(self) -> list[Column]:
        """The keys, in the order of their numbers."""
        rest = self._codes.keys()
        columns: list[Column] = []
        for digit in reversed(self._digits):
            rest, places = np.divmod(rest, digit.places)
            valid = places > 0
            values = np.where(valid, places - 1, 0) + digit.lowest
            columns.append(Column(values, None if valid.all() else valid, digit.scale))
        return columns[::-1]

    def _packed(self, columns: Sequence[Column]) -> Positions:
        """Rows as one integer each; all values are in their ranges."""
        packed: Positions | None = None
        for digit, column in zip(self._digits, columns, strict=True):
            if digit.lowest == _INT64.min:
                places = column.values - digit.lowest
                places += 1
            else:
                places = column.values - (digit.lowest - 1)
            if column.valid is not None:
                places *= column.valid
            if packed is None:
                packed = places
            else:
                packed *= digit.places
                packed += places
        assert packed is not None
        return packed

    def _found_inside(self, columns: Sequence[Column], count: int) -> Positions:
        """The numbers of rows of which some are not in the ranges: those have none."""
        inside = np.ones(count, np.bool_)
        for digit, column in zip(self._digits, columns, strict=True):
            fits = (column.values >= digit.lowest) & (column.values <= digit.highest)
            inside &= fits if column.valid is None else fits | ~column.valid
        rows = np.flatnonzero(inside)
        found = np.full(count, -1, np.int64)
        found[rows] = self._codes.find(self._packed([each.take(rows) for each in columns]), None)
        return found

    def _widen(self, bounds: Sequence[Bounds]) -> bool:
        """Make the ranges wide enough; false: they would be too wide."""
        known = self.keys()
        pairs = zip(self._digits, bounds, strict=True)
        digits = tuple(digit.reaching(each) for digit, each in pairs)
        if not _fit(digits):
            return False
        self._digits, self._codes = digits, IntegerCodes()
        self._codes.add(self._packed(known), None)
        return True


def packed_table(columns: Sequence[Column]) -> PackedTable | None:
    """A table for keys that come like these; None if there is none."""
    if len(columns) < 2:  # single integers have a table of their own
        return None
    digits = []
    for column in columns:
        if not is_fixed(column) or column.values.dtype.kind == "f":
            return None
        low, high = _bounds(column)
        low, high = (low, high) if low <= high else (0, 0)
        digits.append(_Digit(low, high - low + 2, column.scale))
    return PackedTable(digits) if _fit(digits) else None


def _fit(digits: Sequence[_Digit]) -> bool:
    places = 1
    for digit in digits:
        places *= digit.places
    return places <= PLACES_MAX


def _bounds(column: Column) -> Bounds:
    """The least and greatest value; bounds that are in every range where there is none."""
    values = column.values if column.valid is None else column.values[column.valid]
    return (int(values.min()), int(values.max())) if len(values) else (_INT64.max, _INT64.min)
