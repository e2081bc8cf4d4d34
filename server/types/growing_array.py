"""GrowingArray: an array of one dimension that its only owner changes where it lies.

Rule 1: `items` is what it is for everybody else: a tuple, made when it is asked for and good until the next change.
Rule 2: who changes one has seen to it that nobody else has it: others would see it change.
"""

from __future__ import annotations

from typing import Any

from server.types.array import ITEMS_MAX, Array


class GrowingArray(Array):
    """cells: the items as they are now, to be read at once and not to be kept."""

    __slots__ = ("_known", "cells")

    _known: tuple[Any, ...] | None
    cells: list[Any]

    def __init__(self, array: Array) -> None:
        """A copy of an array of one dimension."""
        put = object.__setattr__
        put(self, "element", array.element)
        put(self, "dimensions", array.dimensions)
        put(self, "cells", list(array.items))
        put(self, "_known", None)

    @property
    def items(self) -> tuple[Any, ...]:
        """The items, as they are now."""
        known = self._known
        if known is None:
            known = tuple(self.cells)
            object.__setattr__(self, "_known", known)
        return known

    def put(self, index: int, value: Any) -> bool:
        """Change an item, or add one at the end; False: the subscript lies elsewhere, nothing was done."""
        ((length, lower),) = self.dimensions
        place = index - lower
        if 0 <= place < length:
            self.cells[place] = value
        elif place == length < ITEMS_MAX:
            self.cells.append(value)
            object.__setattr__(self, "dimensions", ((length + 1, lower),))
        else:
            return False
        object.__setattr__(self, "_known", None)
        return True

    def __eq__(self, other: object) -> bool:
        """As other arrays."""
        if not isinstance(other, Array):
            return NotImplemented
        return (self.element, self.dimensions, self.items) == (
            other.element,
            other.dimensions,
            other.items,
        )

    def __hash__(self) -> int:
        """As other arrays."""
        return hash((self.element, self.dimensions, self.items))
