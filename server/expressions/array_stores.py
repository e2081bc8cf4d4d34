"""Assignments to elements and slices of arrays, by PostgreSQL's rules.

Rule 1: a one-dimensional array grows where it is assigned to outside of its bounds; what is skipped
        is NULL. An array of more dimensions keeps its shape.
Rule 2: an empty array takes the shape of the assignment.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from server.errors import ArraySubscriptError, NullValueNotAllowed, ProgramLimitExceeded
from server.types.array import ITEMS_MAX, Array

if TYPE_CHECKING:
    from collections.abc import Sequence

Bound = tuple[Any] | None  # absent, or the value of a bound, which may be NULL


def store_element(array: Array, bounds: Sequence[tuple[Bound, ...]], value: Any) -> Array:
    """The array with the value at the place of the subscripts."""
    indexes = [_given(next(bound for bound in pair if bound)) for pair in bounds]
    if not array.dimensions:
        return Array(array.element, tuple((1, index) for index in indexes), (value,))
    if len(indexes) != len(array.dimensions):
        raise ArraySubscriptError("wrong number of array subscripts")
    if len(indexes) == 1:
        return _with_item(array, indexes[0], value)
    position = 0
    for index, (length, lower) in zip(indexes, array.dimensions, strict=True):
        if not lower <= index < lower + length:
            raise ArraySubscriptError("array subscript out of range")
        position = position * length + index - lower
    items = list(array.items)
    items[position] = value
    return Array(array.element, array.dimensions, tuple(items))


def _too_large() -> ProgramLimitExceeded:
    return ProgramLimitExceeded(f"array size exceeds the maximum allowed ({ITEMS_MAX})")


def _given(bound: tuple[Any]) -> int:
    index: int | None = bound[0]
    if index is None:
        raise NullValueNotAllowed("array subscript in assignment must not be null")
    return index


def _with_item(array: Array, index: int, value: Any) -> Array:
    """The array with one item changed, or added at its end: what loops do, with as little copying as can be."""
    ((length, lower),) = array.dimensions
    place, items = index - lower, array.items
    if 0 <= place < length:
        return Array(array.element, array.dimensions, (*items[:place], value, *items[place + 1 :]))
    if place == length < ITEMS_MAX:
        return Array(array.element, ((length + 1, lower),), (*items, value))
    return _one_dimensional(array, index, [value])


def _one_dimensional(array: Array, first: int, values: list[Any]) -> Array:
    """The array with values from an index on, grown where that is needed."""
    ((length, lower),) = array.dimensions
    start, stop = min(lower, first), max(lower + length, first + len(values))
    if stop - start > ITEMS_MAX:
        raise _too_large()
    items: list[Any] = [None] * (stop - start)
    items[lower - start : lower - start + length] = array.items
    items[first - start : first - start + len(values)] = values
    return Array(array.element, ((stop - start, start),), tuple(items))


def store_slice(array: Array, bounds: Sequence[tuple[Bound, ...]], source: Array | None) -> Array:
    """The array with the items of another one in a slice; NULL changes nothing."""
    if source is None:
        return array
    if not array.dimensions:
        return _new_from_slice(array, bounds, source)
    if len(bounds) > len(array.dimensions):
        raise ArraySubscriptError("wrong number of array subscripts")
    ranges = [
        _range(bounds[number] if number < len(bounds) else (None, None), length, lower)
        for number, (length, lower) in enumerate(array.dimensions)
    ]
    count = prod(stop - start for start, stop in ranges)
    if len(source.items) < count:
        raise ArraySubscriptError("source array too small")
    values = list(source.items[:count])
    if len(ranges) == 1:
        return _one_dimensional(array, ranges[0][0], values) if values else array
    return _within(array, ranges, values)


def _range(pair: tuple[Bound, ...], length: int, lower: int) -> tuple[int, int]:
    first, last = pair
    start = lower if first is None else _given(first)
    stop = lower + length if last is None else _given(last) + 1
    if start > stop:
        raise ArraySubscriptError("upper bound cannot be less than lower bound")
    return start, stop


def _new_from_slice(array: Array, bounds: Sequence[tuple[Bound, ...]], source: Array) -> Array:
    dimensions = []
    for first, last in bounds:
        if first is None or last is None:
            raise ArraySubscriptError(
                "array slice subscript must provide both boundaries",
                detail="When assigning to a slice of an empty array value, slice boundaries must "
                "be fully specified.",
            )
        length = _given(last) - _given(first) + 1
        if length < 0:
            raise ArraySubscriptError("upper bound cannot be less than lower bound")
        dimensions.append((length, _given(first)))
    count = prod(length for length, _ in dimensions)
    if count > ITEMS_MAX or any(length > ITEMS_MAX for length, _ in dimensions):
        raise _too_large()
    if len(source.items) < count:
        raise ArraySubscriptError("source array too small")
    if not count:
        return array
    return Array(array.element, tuple(dimensions), tuple(source.items[:count]))


def _within(array: Array, ranges: list[tuple[int, int]], values: list[Any]) -> Array:
    for (start, stop), (length, lower) in zip(ranges, array.dimensions, strict=True):
        if start < lower or stop > lower + length:
            raise ArraySubscriptError("array subscript out of range")
    items = list(array.items)
    places = product(
        *(
            range(start - lower, stop - lower)
            for (start, stop), (_, lower) in zip(ranges, array.dimensions, strict=True)
        )
    )
    lengths = [length for length, _ in array.dimensions]
    for place, value in zip(places, values, strict=True):
        position = 0
        for index, length in zip(place, lengths, strict=True):
            position = position * length + index
        items[position] = value
    return Array(array.element, array.dimensions, tuple(items))
