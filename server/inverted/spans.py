"""Spans: values with two ends on a line - ranges, and boxes and circles along the x axis - by the cells they lie in.

The places of the ends are written in hexadecimal digits, which order as the places do. A cell is what two places
begin with; the key of a span is the least cell that has all of it:

    [0x1230, 0x1270)    cell 12
    [0x0fff, 0x1001)    cell of no digits, which has everything

Rule 1: a span reaches another one only if its cell is a beginning of the other's first place, or lies between the
        other's places.
Rule 2: places are cut short, and a cell is larger than its span: what is found has to be looked at.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from server.inverted.row_sets import EVERYTHING, NOTHING, AnyOf, Between, Key, Search
from server.types.geometry import EPSILON, Point
from server.types.order import key_of, ordered

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.inverted.row_sets import Node
    from server.types.geometry import Box, Circle
    from server.types.order import KeyPart
    from server.types.range import Range, RangeKind

    Ends = tuple[bytes, bytes]

PLACE_BYTES: Final = 12
CELL: Final = b"\x01"
NOWHERE: Final = b"\x02"
END: Final = b"\x01"
"""Behind a cell: less than every digit."""
FIRST: Final = b""
LAST: Final = b"\xff"
"""Greater than every digit, and so the place of an end that is nowhere."""
ROUNDING: Final = 1e-12


class Spans:
    """An operator class over spans. ends_of: the places of a value's ends; None: it is empty."""

    def __init__(self, ends_of: Callable[[Any], Ends | None]) -> None:
        self._ends_of = ends_of

    def keys(self, value: Any) -> set[bytes]:
        """The key of the cell, or the one of what is empty."""
        ends = self._ends_of(value)
        return {NOWHERE if ends is None else _cell_key(_cell(*ends))}

    def search(self, strategy: str, value: Any) -> Search:
        """The spans that lie to the asked one as the strategy says."""
        ends = self._ends_of(value)
        if ends is None:
            return Search(_OF_EMPTY[strategy])
        low, high = ends
        if strategy == "before":
            return Search(Between(CELL, CELL + low + LAST))
        if strategy == "after":
            return Search(_reaching(high, LAST))
        if strategy == "equals":
            return Search(Key(_cell_key(_cell(*ends))))
        found = _reaching(low, high)
        return Search(AnyOf((found, Key(NOWHERE))) if strategy == "contained" else found)


class Ranges(Spans):
    """range_ops: where ranges of one kind are on their line."""

    def __init__(self, kind: RangeKind) -> None:
        super().__init__(of_ranges)
        self._subtype = kind.subtype

    def search(self, strategy: str, value: Any) -> Search:
        """Also those that have an element."""
        if strategy != "has":
            return super().search(strategy, value)
        place = _place(key_of(self._subtype, value))
        return Search(_reaching(place, place))


_OF_EMPTY: Final[dict[str, Node]] = {
    "overlaps": NOTHING,
    "adjacent": NOTHING,
    "before": NOTHING,
    "after": NOTHING,
    "contains": EVERYTHING,
    "contained": Key(NOWHERE),
    "equals": Key(NOWHERE),
}


def of_ranges(value: Range) -> Ends | None:
    """The ends of a range."""
    if value.is_empty:
        return None
    kind = value.kind.subtype
    low = FIRST if value.lower is None else _place(key_of(kind, value.lower))
    return low, LAST if value.upper is None else _place(key_of(kind, value.upper))


def of_boxes(value: Box | Point) -> Ends:
    """The ends along the x axis; comparisons of coordinates let a little pass."""
    if isinstance(value, Point):
        return _widened(value.x, value.x)
    return _widened(value.low.x, value.high.x)


def of_circles(value: Circle | Point) -> Ends:
    """The same of circles."""
    if isinstance(value, Point):
        return _widened(value.x, value.x)
    return _widened(value.center.x - value.radius, value.center.x + value.radius)


def widened(low: float, high: float) -> tuple[float, float]:
    """What comparisons that let a little pass may take for between the two."""
    if math.isfinite(low):
        low -= EPSILON + abs(low) * ROUNDING
    if math.isfinite(high):
        high += EPSILON + abs(high) * ROUNDING
    return low, high


def _widened(low: float, high: float) -> Ends:
    first, last = widened(low, high)
    return _place(first), _place(last)


def _place(part: KeyPart) -> bytes:
    return ordered(part)[:PLACE_BYTES].hex().encode()


def _cell(low: bytes, high: bytes) -> bytes:
    """What two places begin with."""
    for count, (mine, other) in enumerate(zip(low, high, strict=False)):
        if mine != other:
            return low[:count]
    return min(low, high)


def _cell_key(cell: bytes) -> bytes:
    return CELL + cell + END


def _reaching(low: bytes, high: bytes) -> AnyOf:
    """The spans of which a part may lie between two places."""
    around = (Key(_cell_key(low[:count])) for count in range(len(low)))
    return AnyOf((*around, Between(CELL + low, CELL + high + LAST)))
