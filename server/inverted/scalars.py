"""Values asked for being equal, as btree_gist has them in gist indexes beside ranges; and points by their x."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.inverted.entry_keys import VALUE_BYTES_MAX
from server.inverted.row_sets import Between, Key, Search
from server.inverted.spans import widened
from server.types.geometry import Box, Circle, Point
from server.types.order import key_of, ordered

if TYPE_CHECKING:
    from server.types.type import Type

VALUE: Final = b"\x01"
AFTER_ALL: Final = b"\x02"


class Scalars:
    """The operator class of a type whose equal values have equal keys."""

    def __init__(self, kind: Type) -> None:
        self._kind = kind

    def keys(self, value: Any) -> set[bytes]:
        """The key of the value."""
        return {self._key(value)}

    def search(self, strategy: str, value: Any) -> Search:
        """The rows that have this value; long ones have to be looked at."""
        assert strategy == "equals"
        return Search(Key(self._key(value)))

    def _key(self, value: Any) -> bytes:
        part = key_of(self._kind, value)
        return VALUE + ordered(part[:VALUE_BYTES_MAX] if isinstance(part, bytes) else part)


class Points:
    """point_ops: where points are along the x axis; how high they are is looked at."""

    def keys(self, value: Point) -> set[bytes]:
        """The key of a point."""
        return {VALUE + ordered(value.x)}

    def search(self, strategy: str, value: Point | Box | Circle) -> Search:
        """The points left or right of a point, near it, or in a figure."""
        low, high = widened(*_extent(value))
        first, last = VALUE + ordered(low), VALUE + ordered(high)
        if strategy == "before":
            return Search(Between(VALUE, last + VALUE))
        if strategy == "after":
            return Search(Between(first, AFTER_ALL))
        return Search(Between(first, last + VALUE))


def _extent(value: Point | Box | Circle) -> tuple[float, float]:
    if isinstance(value, Point):
        return value.x, value.x
    if isinstance(value, Box):
        return value.low.x, value.high.x
    return value.center.x - value.radius, value.center.x + value.radius
