"""PackedTable: numbers of the distinct rows of integers and words that fit into one integer together.

Rule 1: each column has a range of values, in which NULL is the lowest place; a row is the number that its places are
        the digits of. So rows are numbered as single integers are, where they lie close together without hashing.
        Words of dictionaries are numbered first, and their numbers stand for them.
Rule 2: values outside the ranges make these wider, at least twice as wide on that side, and the keys that are known are
        packed anew. Where too many rows are possible the table refuses: they are for RowTable then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from server.executor.columns import concatenate
from server.executor.key_values import integer_keys, is_fixed, is_text
from server.executor.native import IntegerCodes, first_rows
from server.oids import BPCHAR
from server.vector.column import Column
from server.vector.texts import TextColumn, TextNumbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.types.type import Type
    from server.vector.column import Mask, Positions

    Bounds = tuple[int, int]

PLACES_MAX: Final = 1 << 22
"""Up to how many rows may be possible: more would be hashed, and RowTable hashes better."""

_INT64: Final = np.iinfo(np.int64)


class _Integers:
    """A column of integers, or of decimals of a scale."""

    __slots__ = ("_scale",)

    def __init__(self, scale: int | None) -> None:
        self._scale = scale

    def numbers(self, column: Column, *, adding: bool) -> Positions | None:
        """The integers themselves; None: they come in another form."""
        return integer_keys(column, self._scale, is_float=False)

    def column(self, numbers: Positions, valid: Mask | None) -> Column:
        """What stands for the numbers."""
        return Column(numbers, valid, self._scale)


class _Words:
    """A column of texts, that has come as words of a dictionary at first."""

    __slots__ = ("_codes", "_known")

    def __init__(self, *, blank: bool) -> None:
        self._codes = TextNumbers(blank=blank)
        self._known: list[Column] = []  # the words in the order of their numbers

    def numbers(self, column: Column, *, adding: bool) -> Positions | None:
        """A number for each text, -1 where it has none; None: there are no texts."""
        if column.dictionary is None and not isinstance(column, TextColumn):
            return None
        if not adding:
            return self._codes.find(column)
        count = len(self._codes)
        numbers = self._codes.add(column)
        if len(self._codes) > count:
            self._known.append(column.take(first_rows(numbers, count, len(self._codes))))
        return numbers

    def column(self, numbers: Positions, valid: Mask | None) -> Column:
        """What stands for the numbers."""
        rows = numbers if valid is None else np.where(valid, numbers, -1)
        if not self._known:
            return TextColumn(np.zeros(0, np.uint8), np.zeros(0, "V16")).take(rows)
        return concatenate(self._known).take(rows)


@dataclass(frozen=True, slots=True)
class _Digit:
    """The range of a column's numbers; `places` counts them and NULL."""

    source: _Integers | _Words
    lowest: int
    places: int

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
        return _Digit(self.source, lowest, highest - lowest + 2)


class PackedTable:
    """Numbers of rows of integers and words; NULL is a value like others."""

    def __init__(self, digits: Sequence[_Digit]) -> None:
        self._digits = tuple(digits)
        self._codes = IntegerCodes()

    def __len__(self) -> int:
        return len(self._codes)

    def codes(self, columns: Sequence[Column], count: int, *, adding: bool) -> Positions | None:
        """The number of each row, new ones included if adding, otherwise -1; None: it cannot be said."""
        keys = [
            digit.source.numbers(column, adding=adding)
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
        return [
            digit.source.column(each.values, each.valid)
            for digit, each in zip(self._digits, self._unpacked(), strict=True)
        ]

    def _unpacked(self) -> list[Column]:
        """The numbers that the keys are of, in the order of theirs."""
        rest = self._codes.keys()
        columns: list[Column] = []
        for digit in reversed(self._digits):
            rest, places = np.divmod(rest, digit.places)
            valid = places > 0
            numbers = np.where(valid, places - 1, 0) + digit.lowest
            columns.append(Column(numbers, None if valid.all() else valid))
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
        known = self._unpacked()
        pairs = zip(self._digits, bounds, strict=True)
        digits = tuple(digit.reaching(each) for digit, each in pairs)
        if not _fit(digits):
            return False
        self._digits, self._codes = digits, IntegerCodes()
        self._codes.add(self._packed(known), None)
        return True


def packed_table(types: Sequence[Type], columns: Sequence[Column]) -> PackedTable | None:
    """A table for keys that come like these; None if there is none."""
    if len(columns) < 2:  # single integers and words have tables of their own
        return None
    digits = []
    for key_type, column in zip(types, columns, strict=True):
        digit = _digit(key_type, column)
        if digit is None:
            return None
        digits.append(digit)
    return PackedTable(digits) if _fit(digits) else None


def _digit(key_type: Type, column: Column) -> _Digit | None:
    if column.dictionary is not None and is_text(key_type):
        words = _Words(blank=key_type.oid == BPCHAR)
        return _Digit(words, 0, len(column.dictionary) + 2)
    if not is_fixed(column) or column.values.dtype.kind == "f":
        return None
    low, high = _bounds(column)
    low, high = (low, high) if low <= high else (0, 0)
    return _Digit(_Integers(column.scale), low, high - low + 2)


def _fit(digits: Sequence[_Digit]) -> bool:
    places = 1
    for digit in digits:
        places *= digit.places
    return places <= PLACES_MAX


def _bounds(column: Column) -> Bounds:
    """The least and greatest value; bounds that are in every range where there is none."""
    values = column.values if column.valid is None else column.values[column.valid]
    return (int(values.min()), int(values.max())) if len(values) else (_INT64.max, _INT64.min)
