"""BuildSide: the rows of a join's right side by their keys, and the pairs that left rows make with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from server.executor.columns import plain_objects
from server.executor.key_filter import is_integer
from server.executor.key_table import KeyTable
from server.executor.native import dense_codes, grouped_rows, joined_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.executor.join_kinds import Pairs
    from server.types.type import Type
    from server.vector.column import Column, Mask, Positions

PAIRS_MAX: Final = 1 << 18
"""How many pairs of rows are looked at in one go."""

DENSE_SPAN_MIN: Final = 1 << 16
DENSE_PLACES_PER_ROW: Final = 8
"""How far keys may be apart to be numbered by their distance from the lowest."""


class BuildSide:
    """The rows of one side by their keys."""

    __slots__ = ("_codes", "_is_met", "_rows", "_starts")

    def __init__(
        self,
        columns: Sequence[Column],
        types: Sequence[Type],
        count: int,
        look: Callable[[], None] | None = None,
    ) -> None:
        self._codes: DenseKeys | KeyTable = dense_keys(columns) or KeyTable(
            types, nulls_match=False
        )
        codes = self._codes.add(columns, count, look)
        self._starts, self._rows = grouped_rows(codes, len(self._codes))
        self._is_met: Mask | None = None

    def pairs(self, keys: Sequence[Column], count: int) -> Iterator[Pairs]:
        """Yield the positions of pairs of rows with equal keys, left ones ascending."""
        if not len(self._rows):
            return
        codes = self._codes.find(keys, count)
        row = 0
        while row < count:
            left, right, row = joined_rows(codes, self._starts, self._rows, row, PAIRS_MAX)
            yield left, right

    def first_pairs(self, keys: Sequence[Column], count: int) -> Iterator[Pairs]:
        """Yield for each left row that has partners a pair with the first of them."""
        if not len(self._rows):
            return
        codes = self._codes.find(keys, count)
        lefts = np.flatnonzero(codes >= 0)
        known = codes[lefts]
        starts = self._starts[known]
        there = np.flatnonzero(self._starts[known + 1] > starts)  # dense numbers may be of no row
        yield lefts[there], self._rows[starts[there]]

    def newly_met(self, keys: Sequence[Column], count: int) -> Iterator[Pairs]:
        """Yield pairs with all rows of this side whose key is met for the first time, some perhaps again."""
        if not len(self._rows):
            return
        if self._is_met is None:
            self._is_met = np.zeros(len(self._codes), np.bool_)
        codes = self._codes.find(keys, count)
        lefts = np.flatnonzero(codes >= 0)
        lefts = lefts[~self._is_met[codes[lefts]]]
        self._is_met[codes[lefts]] = True
        codes, firsts = np.unique(codes[lefts], return_index=True)
        row = 0
        while row < len(codes):
            places, right, row = joined_rows(codes, self._starts, self._rows, row, PAIRS_MAX)
            yield lefts[firsts[places]], right


PAIRS: Final[dict[str, Callable[[BuildSide, Sequence[Column], int], Iterator[Pairs]]]] = {
    "": BuildSide.pairs,
    "left": BuildSide.first_pairs,
    "right": BuildSide.newly_met,
}
"""How pairs are found, by the side whose rows one pair each is enough to know about."""


class DenseKeys:
    """Integers of a narrow range: the number of each is its distance from the lowest."""

    __slots__ = ("_lowest", "_span")

    def __init__(self, lowest: int, span: int) -> None:
        self._lowest = lowest
        self._span = span

    def __len__(self) -> int:
        return self._span

    def find(self, columns: Sequence[Column], count: int) -> Positions:
        """Give the number of each row's key, -1 where it is not in the range or NULL."""
        column = columns[0]
        if is_integer(column):
            return dense_codes(column.values, column.valid, self._lowest, self._span)
        values = plain_objects(column)  # integers in another form: codes, strides of a constant
        return dense_codes(values.astype(np.int64), column.valid, self._lowest, self._span)

    def add(
        self, columns: Sequence[Column], count: int, look: Callable[[], None] | None = None
    ) -> Positions:
        """The same: all keys have their numbers."""
        if look is not None:
            look()
        return self.find(columns, count)


def dense_keys(columns: Sequence[Column]) -> DenseKeys | None:
    """Numbers for keys of one integer column, unless they are spread too far."""
    if len(columns) != 1 or not is_integer(columns[0]):
        return None
    column = columns[0]
    keys = column.values if column.valid is None else column.values[column.valid]
    if not len(keys):
        return None
    lowest, highest = int(keys.min()), int(keys.max())
    if highest - lowest >= max(DENSE_SPAN_MIN, DENSE_PLACES_PER_ROW * len(keys)):
        return None
    return DenseKeys(lowest, highest - lowest + 1)
