"""Ranges and multiranges: values, what is canonical, and their order.

Rule 1: a bound is a value or None for infinity; an infinite bound is never inclusive.
Rule 2: a range in which nothing lies is the empty range; one of a discrete subtype is written [a,b).
Rule 3: a multirange holds ranges that are neither empty, nor overlap, nor touch, in their order.
Rule 4: the place of a bound is a tuple that Python orders as bounds lie on the line, lower and upper
        ones together:

            -infinity (0, 0, 0)     a inclusive (1, key, 0)     infinity (2, 0, 0)
            lower, exclusive (1, key, 1)     upper, exclusive (1, key, -1)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from server.errors import DataException
from server.types.order import key_of, ordered_list, sort_key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from server.types.type import Type, Value

Place = tuple[int, Any, int]
NEGATIVE_INFINITY: Final[Place] = (0, 0, 0)
INFINITY: Final[Place] = (2, 0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class RangeKind:
    """What ranges over one subtype have in common.

    successor gives the next value of a discrete subtype, None where the value is infinite.
    """

    range_oid: int
    multirange_oid: int
    subtype: Type
    successor: Callable[[Value], Value | None] | None = None

    def key(self, value: Value) -> Any:
        """What Python orders as the subtype orders its values."""
        return sort_key_of(self.subtype, value)


@dataclass(frozen=True, slots=True, eq=False)
class Range:
    """The value of a range type. Made by make_range, which knows the rules."""

    kind: RangeKind
    lower: Value | None = None
    upper: Value | None = None
    lower_inclusive: bool = False
    upper_inclusive: bool = False
    is_empty: bool = False

    @property
    def lower_place(self) -> Place:
        """Where it starts."""
        if self.lower is None:
            return NEGATIVE_INFINITY
        return 1, self.kind.key(self.lower), 0 if self.lower_inclusive else 1

    @property
    def upper_place(self) -> Place:
        """Where it ends."""
        if self.upper is None:
            return INFINITY
        return 1, self.kind.key(self.upper), 0 if self.upper_inclusive else -1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Range) and range_key(self) == range_key(other)

    def __hash__(self) -> int:
        return hash(range_key(self))


@dataclass(frozen=True, slots=True, eq=False)
class Multirange:
    """The value of a multirange type. Made by make_multirange."""

    kind: RangeKind
    ranges: tuple[Range, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Multirange) and multirange_key(self) == multirange_key(other)

    def __hash__(self) -> int:
        return hash(multirange_key(self))


def make_range(
    kind: RangeKind,
    lower: Value | None,
    upper: Value | None,
    lower_inclusive: bool = True,
    upper_inclusive: bool = False,
) -> Range:
    """Make a range in canonical form; refuses bounds in the wrong order."""
    lower_inclusive = lower_inclusive and lower is not None
    upper_inclusive = upper_inclusive and upper is not None
    if lower is not None and upper is not None:
        first, last = kind.key(lower), kind.key(upper)
        if first > last:
            raise DataException("range lower bound must be less than or equal to range upper bound")
        if first == last and not (lower_inclusive and upper_inclusive):
            return Range(kind, is_empty=True)
    if kind.successor is not None:
        if lower is not None and not lower_inclusive:
            lower, lower_inclusive = _next(kind.successor, lower, lower_inclusive)
        if upper is not None and upper_inclusive:
            upper, upper_inclusive = _next(kind.successor, upper, upper_inclusive)
        if _holds_nothing(kind, lower, upper, lower_inclusive and upper_inclusive):
            return Range(kind, is_empty=True)
    return Range(kind, lower, upper, lower_inclusive, upper_inclusive)


def _holds_nothing(kind: RangeKind, lower: Value, upper: Value, both_inclusive: bool) -> bool:
    if lower is None or upper is None or both_inclusive:
        return False
    return bool(kind.key(lower) >= kind.key(upper))


def _next(
    successor: Callable[[Value], Value | None], value: Value, inclusive: bool
) -> tuple[Value, bool]:
    following = successor(value)
    return (value, inclusive) if following is None else (following, not inclusive)


def between(kind: RangeKind, first: Range, last: Range) -> Range:
    """The range from where one starts to where another ends; empty where that is in front of it."""
    if first.lower_place > last.upper_place:
        return Range(kind, is_empty=True)
    return make_range(kind, first.lower, last.upper, first.lower_inclusive, last.upper_inclusive)


def touches(left: Range, right: Range) -> bool:
    """Whether the right one starts exactly where the left one ends."""
    if left.upper is None or right.lower is None:
        return False
    same = bool(left.kind.key(left.upper) == left.kind.key(right.lower))
    return same and left.upper_inclusive != right.lower_inclusive


def make_multirange(kind: RangeKind, ranges: Iterable[Range]) -> Multirange:
    """Make a multirange of any ranges: those that overlap or touch become one."""
    merged: list[Range] = []
    for each in sorted((each for each in ranges if not each.is_empty), key=range_key):
        if merged and (each.lower_place <= merged[-1].upper_place or touches(merged[-1], each)):
            last = merged[-1]
            if each.upper_place > last.upper_place:
                merged[-1] = between(kind, last, each)
        else:
            merged.append(each)
    return Multirange(kind, tuple(merged))


def range_key(value: Range) -> tuple[Any, ...]:
    """Order by where ranges start, then by where they end; the empty range first."""
    return () if value.is_empty else (value.lower_place, value.upper_place)


def multirange_key(value: Multirange) -> tuple[Any, ...]:
    """Order range by range."""
    return tuple(map(range_key, value.ranges))


def _place_key(kind: RangeKind, place: Place, bound: Value | None) -> bytes:
    rank, _, side = place
    key = 0 if bound is None else key_of(kind.subtype, bound)
    return ordered_list((rank, key, side))


def range_key_value(value: Range) -> bytes:
    """The part of an index key."""
    if value.is_empty:
        return b""
    lower = _place_key(value.kind, value.lower_place, value.lower)
    return lower + _place_key(value.kind, value.upper_place, value.upper)


def multirange_key_value(value: Multirange) -> bytes:
    """The part of an index key."""
    return ordered_list(range_key_value(each) for each in value.ranges)
