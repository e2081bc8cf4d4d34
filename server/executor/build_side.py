"""BuildSide: the rows of a join's right side by their keys, and the pairs that left rows make with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from server.executor.columns import plain_objects
from server.executor.key_filter import is_integer
from server.executor.key_table import KeyTable
from server.executor.native import (
    dense_codes,
    grouped_rows,
    joined_rows,
    single_pairs,
    single_rows,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.executor.join_kinds import Pairs
    from server.types.type import Type
    from server.vector.column import Column, Mask, Positions, Values

PAIRS_MAX: Final = 1 << 18
"""How many pairs of rows are looked at in one go."""

LOOK_ROWS: Final = 4096
"""How many rows to look at first, to see whether some have the same key."""

DENSE_SPAN_MIN: Final = 1 << 16
DENSE_PLACES_PER_ROW: Final = 8
"""How far keys may be apart to be numbered by their distance from the lowest."""


class BuildSide:
    """The rows of one side by their keys."""

    __slots__ = ("_codes", "_is_met", "_rows")

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
        self._rows: SingleRows | GroupedRows = rows_by_number(codes, len(self._codes))
        self._is_met: Mask | None = None

    def pairs(self, keys: Sequence[Column], count: int) -> Iterator[Pairs]:
        """Yield the positions of pairs of rows with equal keys, left ones ascending."""
        if not len(self._rows):
            return
        yield from self._rows.pairs(self._codes.find(keys, count))

    def first_pairs(self, keys: Sequence[Column], count: int) -> Iterator[Pairs]:
        """Yield for each left row that has partners a pair with the first of them."""
        if not len(self._rows):
            return
        yield self._rows.first_pairs(self._codes.find(keys, count))

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
        for places, right in self._rows.pairs(codes):
            yield lefts[firsts[places]], right


def rows_by_number(codes: Positions, code_count: int) -> SingleRows | GroupedRows:
    """Rows by the number of their key; -1 is the number of no key."""
    begin = codes[:LOOK_ROWS]
    begin = begin[begin >= 0]
    is_shared = len(np.unique(begin)) < len(begin)  # so there is no need to look at all of them
    single = None if is_shared else single_rows(codes, code_count)
    if single is None:
        return GroupedRows(*grouped_rows(codes, code_count))
    return SingleRows(single, int(np.count_nonzero(codes >= 0)))


class SingleRows:
    """Rows of which no two have the same number, as those of a primary key."""

    __slots__ = ("_count", "_row_of")

    def __init__(self, row_of: Values, count: int) -> None:
        self._row_of = row_of
        self._count = count

    def __len__(self) -> int:
        return self._count

    def pairs(self, codes: Positions) -> Iterator[Pairs]:
        """Yield the pairs of places in codes and rows of that number, places ascending."""
        for start in range(0, len(codes), PAIRS_MAX):
            lefts, rights = single_pairs(codes[start : start + PAIRS_MAX], self._row_of)
            yield lefts + start if start else lefts, rights

    def first_pairs(self, codes: Positions) -> Pairs:
        """The same at once: no number has two rows."""
        return single_pairs(codes, self._row_of)


class GroupedRows:
    """Rows of one number one behind the other: those of number n are rows[starts[n] : starts[n + 1]]."""

    __slots__ = ("_rows", "_starts")

    def __init__(self, starts: Positions, rows: Positions) -> None:
        self._starts = starts
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def pairs(self, codes: Positions) -> Iterator[Pairs]:
        """Yield the pairs of places in codes and rows of that number, places ascending."""
        row = 0
        while row < len(codes):
            lefts, rights, row = joined_rows(codes, self._starts, self._rows, row, PAIRS_MAX)
            yield lefts, rights

    def first_pairs(self, codes: Positions) -> Pairs:
        """For each place whose number has rows the pair with the first of them."""
        lefts = np.flatnonzero(codes >= 0)
        known = codes[lefts]
        starts = self._starts[known]
        there = np.flatnonzero(self._starts[known + 1] > starts)  # dense numbers may be of no row
        return lefts[there], self._rows[starts[there]]


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
