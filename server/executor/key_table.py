"""KeyTable: numbers the distinct combinations of values of several key columns.

Rule 1: numbers are given in order of first appearance and never change; -1 means none.
Rule 2: values are equal as the = operator of their type says: through Type.sort_key, NaN equals
        NaN, -0 equals 0, decimals equal whatever digits they are shown with.
Rule 3: keys of several columns that stand in arrays are numbered as rows, integers and words that
        are few enough as one integer. Otherwise a column is numbered by itself first, pairs of numbers are
        numbered in turn, so keys of any number and type of columns come down to tables of int64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from server.executor.columns import plain_objects
from server.executor.few_keys import few_rows
from server.executor.key_values import integer_keys, is_fixed, is_text
from server.executor.native import IntegerCodes, object_codes
from server.executor.packed_keys import PackedTable, packed_table
from server.executor.row_table import RowTable, row_table
from server.oids import BPCHAR
from server.vector.column import Column, Mask, Positions, Values
from server.vector.rows import joint_validity
from server.vector.texts import TextColumn, TextNumbers

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from server.types.type import Type

PAIR_BITS: Final = 31
_CODE_MAX: Final = 1 << PAIR_BITS
ROWS_AT_ONCE: Final = 1 << 16
INTEGERS_AT_ONCE: Final = 1 << 22
"""How many rows get numbers between two looks at whether that is still wanted; tables of integers grow by pieces."""


class KeyTable:
    """Numbers of the distinct keys seen so far.

    nulls_match: NULL is a value like others; otherwise it has no number.
    """

    def __init__(self, types: Sequence[Type], *, nulls_match: bool) -> None:
        self._types = tuple(types)
        self._nulls_match = nulls_match
        self._rows: PackedTable | RowTable | None = None
        self._each = _EachColumn(types, nulls_match=nulls_match)

    def __len__(self) -> int:
        return len(self._each if self._rows is None else self._rows)

    def add(
        self, columns: Sequence[Column], count: int, look: Callable[[], None] | None = None
    ) -> Positions:
        """Give the number of each row's key, new ones included; -1 for NULLs that do not match.

        look is called again and again if there are many rows, and may raise.
        """
        if not columns:
            return np.zeros(count, np.int64)
        if look is not None and count > ROWS_AT_ONCE:
            at_once = INTEGERS_AT_ONCE if self._are_integers() else ROWS_AT_ONCE
            return self._added_in_pieces(columns, count, (look, at_once))
        few = few_rows(columns, count) if len(columns) > 1 else None
        if few is not None:
            numbers, firsts = few
            codes = self.add([column.take(firsts) for column in columns], len(firsts))
            return codes.take(numbers, mode="clip")  # of all modes the fastest; none is outside
        self._choose(columns)
        known = self._row_codes(columns, count, adding=True)
        return self._each.add(columns) if known is None else known

    def _are_integers(self) -> bool:
        return len(self._types) == 1 and self._types[0].dtype.kind in "iu"

    def _choose(self, columns: Sequence[Column]) -> None:
        """How rows are numbered; it depends on the first ones."""
        if self._rows is None and not len(self._each):
            self._rows = packed_table(self._types, columns)
            if self._rows is None:
                self._rows = row_table(self._types, columns)

    def _added_in_pieces(
        self, columns: Sequence[Column], count: int, pieces: tuple[Callable[[], None], int]
    ) -> Positions:
        look, at_once = pieces
        self._choose(columns)  # by all of them
        codes = np.empty(count, np.int64)
        for start in range(0, count, at_once):
            look()
            stop = min(start + at_once, count)
            codes[start:stop] = self.add(
                [column.slice(start, stop) for column in columns], stop - start
            )
        return codes

    def find(self, columns: Sequence[Column], count: int) -> Positions:
        """Give the number of each row's key, -1 where it was never added."""
        if not columns:
            return np.zeros(count, np.int64)
        codes = self._row_codes(columns, count, adding=False)
        return self._each.find(columns) if codes is None else codes

    def _row_codes(
        self, columns: Sequence[Column], count: int, *, adding: bool
    ) -> Positions | None:
        """Numbers by rows; None: they are given column by column, from now on."""
        rows = self._rows  # another thread may go over to columns meanwhile
        if rows is None:
            return None
        there = None if self._nulls_match else joint_validity(columns)
        if there is None or there.all():
            codes = rows.codes(columns, count, adding=adding)
        else:
            places = np.flatnonzero(there)
            found = rows.codes(
                [column.take(places) for column in columns], len(places), adding=adding
            )
            codes = None
            if found is not None:
                codes = np.full(count, -1, np.int64)
                codes[places] = found
        if codes is None:
            self._give_up(rows)
            if self._rows is not None:
                return self._row_codes(columns, count, adding=adding)
        return codes

    def _give_up(self, rows: PackedTable | RowTable) -> None:
        """Go over to a table that takes more, keeping the numbers given."""
        keys = rows.keys()
        wider = row_table(self._types, keys) if isinstance(rows, PackedTable) else None
        if wider is not None:
            wider.codes(keys, len(rows), adding=True)
            self._rows = wider
            return
        each = _EachColumn(self._types, nulls_match=self._nulls_match)
        if len(rows):
            each.add(keys)
        self._each, self._rows = each, None


class _EachColumn:
    """Numbers of keys, column by column."""

    def __init__(self, types: Sequence[Type], *, nulls_match: bool) -> None:
        self._columns = [_ColumnCodes(key_type, nulls_match) for key_type in types]
        self._pairs = [IntegerCodes() for _ in types[1:]]

    def __len__(self) -> int:
        if self._pairs:
            return len(self._pairs[-1])
        return len(self._columns[0]) if self._columns else 1

    def add(self, columns: Sequence[Column]) -> Positions:
        """Give the number of each row's key, new ones included."""
        codes = self._columns[0].add(columns[0])
        for column, numbers, pairs in zip(columns[1:], self._columns[1:], self._pairs, strict=True):
            keys, valid = _paired(codes, numbers.add(column))
            codes = pairs.add(keys, valid)
        return codes

    def find(self, columns: Sequence[Column]) -> Positions:
        """Give the number of each row's key, -1 where it was never added."""
        codes = self._columns[0].find(columns[0])
        for column, numbers, pairs in zip(columns[1:], self._columns[1:], self._pairs, strict=True):
            keys, valid = _paired(codes, numbers.find(column))
            codes = pairs.find(keys, valid)
        return codes


def _paired(left: Positions, right: Positions) -> tuple[Positions, Mask | None]:
    valid = (left >= 0) & (right >= 0)
    keys = (left << PAIR_BITS) | right
    return keys, None if valid.all() else valid


class _ColumnCodes:
    """Numbers of the distinct values of one column."""

    def __init__(self, key_type: Type, nulls_match: bool) -> None:
        self._type = key_type
        self._nulls_match = nulls_match
        self._null_code = -1
        self._integers: IntegerCodes | None = None
        self._texts: TextNumbers | None = None
        self._scale: int | None = None
        self._is_float = False
        self._objects: dict[Hashable, int] = {}
        self._count = 0  # of numbers given for objects

    def __len__(self) -> int:
        if self._texts is not None:
            return len(self._texts)
        return self._count if self._integers is None else len(self._integers)

    def add(self, column: Column) -> Positions:
        """Give the number of each row's value, new ones included."""
        if self._begins_with_texts(column):
            self._texts = TextNumbers(blank=self._type.oid == BPCHAR)
        if self._texts is not None:
            return self._with_nulls(self._texts.add(column), column)
        if self._integers is None and not self._count and is_fixed(column):
            self._integers = IntegerCodes()
            self._scale = column.scale
            self._is_float = column.values.dtype.kind == "f"
        keys = None if self._integers is None else self._integer_keys(column)
        if keys is not None and self._integers is not None:
            return self._with_nulls(self._integers.add(keys, column.valid), column)
        self._to_objects()
        return self._with_nulls(self._add_objects(column, adding=True), column)

    def find(self, column: Column) -> Positions:
        """Give the number of each row's value, -1 where it has none."""
        integers = self._integers  # another thread may go over to objects meanwhile
        keys = None if integers is None else self._integer_keys(column)
        if self._texts is not None:
            codes = self._texts.find(column)
        elif keys is not None and integers is not None:
            codes = integers.find(keys, column.valid)
        elif len(self) == 0:
            return np.full(len(column), -1, np.int64)
        else:
            self._to_objects()
            codes = self._add_objects(column, adding=False)
        if self._null_code >= 0 and column.valid is not None:
            codes[~column.valid] = self._null_code
        return codes

    def _begins_with_texts(self, column: Column) -> bool:
        """Whether texts that lie in a store, or words, come first."""
        if len(self) or self._texts is not None or not is_text(self._type):
            return False
        return isinstance(column, TextColumn) or column.dictionary is not None

    def _with_nulls(self, codes: Positions, column: Column) -> Positions:
        if self._nulls_match and column.has_nulls:
            assert column.valid is not None
            if self._null_code < 0:
                self._null_code = self._reserve()
            codes[~column.valid] = self._null_code
        assert len(self) < _CODE_MAX
        return codes

    def _reserve(self) -> int:
        if self._texts is not None:
            return self._texts.reserve()
        if self._integers is not None:
            return self._integers.reserve()
        self._count += 1
        return self._count - 1

    def _integer_keys(self, column: Column) -> Positions | None:
        """Rows as the int64 keys of this table, None when only objects can say them."""
        return integer_keys(column, self._scale, is_float=self._is_float)

    def _to_objects(self) -> None:
        """Go over to a table of objects, keeping the numbers given."""
        integers = self._integers
        if integers is None:
            return
        keys = integers.keys()
        column = Column(keys.view(np.float64) if self._is_float else keys, None, self._scale)
        self._count = len(keys)
        for code, value in enumerate(self._sort_keys(plain_objects(column)).tolist()):
            if code != self._null_code:
                self._objects[value] = code
        self._integers = None

    def _add_objects(self, column: Column, *, adding: bool) -> Positions:
        if column.dictionary is not None:
            return self._add_coded(column, column.dictionary, adding=adding)
        values = self._sort_keys(plain_objects(column), column.valid)
        codes, count = object_codes(
            values, column.valid, self._objects, self._count if adding else -1
        )
        if adding:
            self._count = count
        return codes

    def _add_coded(self, column: Column, dictionary: Column, *, adding: bool) -> Positions:
        """Number the words of the dictionary that occur, then the rows through them."""
        rows = column.values if column.valid is None else column.values[column.valid]
        used = np.flatnonzero(np.bincount(rows, minlength=len(dictionary)))
        words = np.full(max(len(dictionary), 1), -1, np.int64)
        words[used] = self._add_objects(dictionary.take(used).decoded(), adding=adding)
        if column.valid is None:
            return words[column.values]
        return np.where(column.valid, words[np.where(column.valid, column.values, 0)], -1)

    def _sort_keys(self, values: Values, valid: Mask | None = None) -> Values:
        sort_key = self._type.sort_key
        if sort_key is None or values.dtype != object:
            return values
        keys = np.empty(len(values), object)
        for i in range(len(values)) if valid is None else np.flatnonzero(valid).tolist():
            keys[i] = sort_key(values[i])
        return keys
