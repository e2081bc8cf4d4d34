"""array_ops: the elements of arrays, of any element type, wherever in the array they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.inverted.entry_keys import VALUE_BYTES_MAX, is_exact
from server.inverted.row_sets import EVERYTHING, NOTHING, AllOf, AnyOf, Key, Search
from server.types.array import EMPTY, LENGTH, stored_elements
from server.types.order import key_of, ordered

if TYPE_CHECKING:
    from server.types.array import Array
    from server.types.type import Type

ELEMENT: Final = b"\x01"
NULL_ELEMENT: Final = b"\x02"
NO_ELEMENT: Final = b"\x03"


class Arrays:
    """The operator class, for one type of elements."""

    def __init__(self, element: Type) -> None:
        self._element = element

    def keys(self, value: Array) -> set[bytes]:
        """A key for each element, and one for there being none."""
        return {self._key(item)[0] for item in value.items} or {NO_ELEMENT}

    def stored_items(self, stored: bytes) -> list[bytes]:
        """The elements of an array as they are kept; one without a length stands for there being none."""
        return stored_elements(stored, self._element.length) or [b""]

    def item_key(self, item: bytes) -> bytes:
        """The key of an element."""
        if not item:
            return NO_ELEMENT
        value = item[LENGTH.size :]
        is_null = not value and item != EMPTY
        return self._key(None if is_null else self._element.receive(value, -1))[0]

    def search(self, strategy: str, value: Array) -> Search:
        """The rows whose array contains, overlaps, is contained in or equals this one."""
        known = [self._key(item) for item in dict.fromkeys(value.items) if item is not None]
        parts = tuple(Key(key) for key, _ in known)
        exact = all(is_whole for _, is_whole in known)
        has_null = None in value.items
        if strategy == "overlaps":
            return Search(AnyOf(parts), exact)
        if strategy == "contains":
            if has_null:  # NULL equals nothing
                return Search(NOTHING, exact=True)
            return Search(AllOf(parts) if parts else EVERYTHING, exact)
        if strategy == "contained":
            return Search(AnyOf((*parts, Key(NO_ELEMENT))))
        assert strategy == "equals"
        if not value.items:
            return Search(Key(NO_ELEMENT))
        return Search(AllOf((*parts, Key(NULL_ELEMENT)) if has_null else parts))

    def _key(self, item: Any) -> tuple[bytes, bool]:
        """The key of an element, and whether no other one has it."""
        if item is None:
            return NULL_ELEMENT, True
        part = key_of(self._element, item)
        if isinstance(part, bytes):
            return ELEMENT + ordered(part[:VALUE_BYTES_MAX]), is_exact(part)
        return ELEMENT + ordered(part), True
