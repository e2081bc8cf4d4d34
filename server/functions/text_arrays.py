"""Columns of arrays of texts that were found at once, one column an item: made when somebody asks for the arrays.

What regexp_match finds is mostly asked for one group, which needs no array.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.types.array import make_array
from server.vector.column import Column, Mask, Values, unset
from server.vector.late import LateColumn
from server.vector.rows import objects
from server.vector.text_views import VIEW

if TYPE_CHECKING:
    from server.vector.texts import TextColumn

TEXT: Final = 25
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
