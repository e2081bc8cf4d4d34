"""RowTable: numbers of the distinct rows of key columns that stand in arrays, found in one go.

Rule 1: it takes integers, floats, scaled decimals of one scale and texts as they lie; what is anything else it refuses,
        and its keys can be taken out again, in the order of their numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.key_values import integer_keys, is_fixed, is_text
from server.executor.native import RowCodes
from server.executor.row_codes import COLUMNS_MAX
from server.oids import BPCHAR
from server.vector.column import Column
from server.vector.rows import column_of
from server.vector.texts import TextColumn, text_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.types.type import Type
    from server.vector.column import Positions, Values

_OBJECT: Final = np.dtype(object)


@dataclass(frozen=True, slots=True)
class _Form:
    """How the values of a column come."""

    is_text: bool
    is_float: bool = False
    scale: int | None = None

    def input(self, column: Column) -> tuple[Any, ...] | None:
        """What the table of codes takes; None: something else has come."""
        if self.is_text:
            texts = text_column(column)
            return texts.store, texts.views, column.valid
        keys = integer_keys(column, self.scale, is_float=self.is_float)
        return None if keys is None else (keys, column.valid)

    def column(self, values: Sequence[Any]) -> Column:
        """A column of values that were taken out."""
        if self.is_text:
            return column_of(
                [None if value is None else value.decode() for value in values], _OBJECT
            )
        made = column_of(values, np.dtype(np.int64))
        numbers = made.values.view(np.float64) if self.is_float else made.values
        return Column(numbers, made.valid, self.scale)


def _words_of(columns: Sequence[Column]) -> tuple[Values, Column] | None:
    """Codes and words of the only column; None: there are none, or NULLs among them, or more columns."""
    texts = columns[0]
    coded = texts.coded if len(columns) == 1 and isinstance(texts, TextColumn) else None
    if coded is None or coded.valid is not None or coded.dictionary is None:
        return None
    return coded.values, coded.dictionary


class RowTable:
    """Numbers of rows of key columns; NULL is a value like others."""

    def __init__(self, types: Sequence[Type], forms: Sequence[_Form]) -> None:
        self._forms = tuple(forms)
        blanks = [key_type.oid == BPCHAR for key_type in types]
        self._codes = RowCodes([form.is_text for form in forms], blanks)

    def __len__(self) -> int:
        return len(self._codes)

    def codes(self, columns: Sequence[Column], count: int, *, adding: bool) -> Positions | None:
        """The number of each row, new ones included if adding, otherwise -1; None: it cannot be said."""
        words = _words_of(columns)
        if words is not None:
            return self._by_words(*words, adding=adding)
        inputs = []
        for form, column in zip(self._forms, columns, strict=True):
            found = form.input(column)
            if found is None:
                return None
            inputs.append(found)
        return self._codes.add(inputs, count) if adding else self._codes.find(inputs, count)

    def _by_words(self, codes: Values, words: Column, *, adding: bool) -> Positions | None:
        """The same of one column whose words are known: each that occurs is looked for once."""
        used = np.flatnonzero(np.bincount(codes, minlength=len(words)))
        found = self.codes([words.take(used)], len(used), adding=adding)
        if found is None:
            return None
        numbers = np.empty(len(words), np.int64)
        numbers[used] = found
        return numbers.take(codes, mode="clip")  # of all modes the fastest; none is outside

    def keys(self) -> list[Column]:
        """The keys, in the order of their numbers."""
        lines = [self._codes.line(number) for number in range(len(self))]
        return [
            form.column([line[place] for line in lines]) for place, form in enumerate(self._forms)
        ]


def row_table(types: Sequence[Type], columns: Sequence[Column]) -> RowTable | None:
    """A table for keys that come like these; None if there is none."""
    if not len(types) <= COLUMNS_MAX:
        return None
    if len(types) == 1 and not (is_text(types[0]) and isinstance(columns[0], TextColumn)):
        return None  # numbers have a faster table, and words of a dictionary are few
    forms = []
    for key_type, column in zip(types, columns, strict=True):
        if is_text(key_type) and (isinstance(column, TextColumn) or column.dictionary is not None):
            forms.append(_Form(is_text=True))
        elif is_fixed(column):
            is_float = column.values.dtype.kind == "f"
            forms.append(_Form(is_text=False, is_float=is_float, scale=column.scale))
        else:
            return None
    return RowTable(types, forms)
