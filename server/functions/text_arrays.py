"""Columns of arrays of texts that were found at once, one column an item: made when somebody asks for the arrays.

What regexp_match finds is mostly asked for one group, and what string_to_array cuts is mostly unnested: neither
needs arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.oids import TEXT
from server.types.array import make_array
from server.vector.column import Column, Mask, Values, unset
from server.vector.late import LateColumn
from server.vector.native import split_views
from server.vector.rows import column_of, objects, values_of
from server.vector.text_views import VIEW

if TYPE_CHECKING:
    from server.vector.texts import TextColumn

_WORDS: Final = np.dtype(np.complex128)  # as wide as a view, and picked by position much faster
_OBJECT: Final = np.dtype(object)


@dataclass(frozen=True, slots=True, eq=False)
class TextArrays:
    """Makes arrays of the views of their items."""

    texts: tuple[TextColumn, ...]  # whose stores the views of each item lead into

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TextArrays)
            and len(other.texts) == len(self.texts)
            and all(
                mine.store is theirs.store
                for mine, theirs in zip(self.texts, other.texts, strict=True)
            )
        )

    def __hash__(self) -> int:
        return hash(tuple(id(texts.store) for texts in self.texts))

    def __call__(self, *given: Any) -> Values:
        """Make the arrays."""
        *parts, valid = given
        items = [
            self._item(number, part, None).values.tolist() for number, part in enumerate(parts)
        ]
        rows = list(zip(*items, strict=True))
        if valid is None:
            return objects([make_array(TEXT, row) for row in rows])
        pairs = zip(rows, valid.tolist(), strict=True)
        return objects([make_array(TEXT, row) if there else None for row, there in pairs])

    def element(self, column: LateColumn, index: int) -> Column:
        """The items of that number, counted from 1; NULL where there are none."""
        if not 1 <= index <= len(self.texts):
            return Column(unset(len(column), _OBJECT), np.zeros(len(column), np.bool_))
        return self._item(index - 1, column.parts[index - 1], column.valid)

    def _item(self, number: int, part: Values, valid: Mask | None) -> TextColumn:
        return self.texts[number].with_views(part.view(VIEW)).masked(valid)


def text_arrays(items: list[TextColumn], valid: Mask | None) -> LateColumn:
    """Arrays of the items that columns have side by side."""
    words = [np.ascontiguousarray(texts.views).view(_WORDS) for texts in items]
    return LateColumn(
        words,
        TextArrays(tuple(texts.with_views(texts.views[:0]).masked(None) for texts in items)),
        valid,
    )


def element_of(column: Column, index: Column) -> Column | None:
    """The element of each array at an index that is the same for all; None where arrays have to be made."""
    if not isinstance(column, LateColumn) or not isinstance(column.make, TextArrays):
        return None
    is_same = len(index) and index.valid is None and (index.values == index.values[0]).all()
    return column.make.element(column, int(index.values[0])) if is_same else None


@dataclass(frozen=True, slots=True, eq=False)
class SplitTexts:
    """Makes arrays of the parts of texts between separators."""

    texts: TextColumn  # none of them: its store is what the views lead into
    separator: bytes

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, SplitTexts)
            and other.texts.store is self.texts.store
            and other.separator == self.separator
        )

    def __hash__(self) -> int:
        return hash((id(self.texts.store), self.separator))

    def __call__(self, words: Values, valid: Mask | None) -> Values:
        """Make the arrays."""
        items, counts = self.items(words, valid)
        ends, parts = np.cumsum(counts).tolist(), items.values.tolist()
        arrays = [
            make_array(TEXT, tuple(parts[start:end]))
            for start, end in zip([0, *ends], ends, strict=False)
        ]
        if valid is None:
            return objects(arrays)
        pairs = zip(arrays, valid.tolist(), strict=True)
        return objects([array if there else None for array, there in pairs])

    def items(self, words: Values, valid: Mask | None) -> tuple[TextColumn, Values]:
        """The items of all arrays, and how many each has; none for NULL."""
        if valid is not None:
            words = np.where(valid, words, 0)
        views, counts = split_views(self.texts.store, words.view(VIEW), self.separator)
        return self.texts.with_views(views), counts


def split_texts(texts: TextColumn, separator: bytes) -> LateColumn:
    """The arrays of the parts of texts."""
    none = texts.with_views(texts.views[:0]).masked(None)
    words = np.ascontiguousarray(texts.views).view(_WORDS)
    return LateColumn([words], SplitTexts(none, separator), texts.valid)


def unnested(column: Column, dtype: np.dtype[Any]) -> tuple[Column, Values]:
    """The items of the arrays of a column one behind the other, and how many each has; NULL has none."""
    if isinstance(column, LateColumn) and isinstance(column.make, SplitTexts):
        return column.make.items(column.parts[0], column.valid)
    arrays = [() if array is None else array.items for array in values_of(column)]
    counts = np.fromiter(map(len, arrays), np.int64, len(arrays))
    return column_of(list(chain.from_iterable(arrays)), dtype), counts
