"""Arrays in expressions: ARRAY[...] and subscripts, by PostgreSQL's rules for bounds."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from server.errors import ArraySubscriptError, FeatureNotSupported
from server.types.array import Array
from server.types.growing_array import GrowingArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.expressions.row_calls import RowEvaluator

Bound = tuple[Any] | None  # absent, or the value of a bound, which may be NULL


def construct_array(element: int, items: Sequence[Any], nested: bool) -> Array:
    """ARRAY[items]; nested items are arrays of one shape and become a further dimension."""
    if not items:
        return Array(element, (), ())
    if not nested:
        return Array(element, ((len(items), 1),), tuple(items))
    arrays = [item for item in items if item is not None and item.items]
    if not arrays:
        return Array(element, (), ())
    shape = arrays[0].dimensions
    if len(arrays) != len(items) or any(array.dimensions != shape for array in arrays):
        raise ArraySubscriptError(
            "multidimensional arrays must have array expressions with matching dimensions"
        )
    flat = tuple(value for array in arrays for value in array.items)
    return Array(element, ((len(arrays), 1), *shape), flat)


def subscript_array(
    array: Array | str | tuple[Any, ...], bounds: Sequence[tuple[Bound, ...]], is_slice: bool
) -> Any:
    """The element or the slice of an array; a NULL bound gives NULL.

    A tuple is a value of fixed length such as a point, whose parts are counted from 0.
    """
    if any(bound is not None and bound[0] is None for pair in bounds for bound in pair):
        return None
    if isinstance(array, str):  # a name is an array of "char", its bounds begin at 0
        return _letter(array, [next(bound[0] for bound in pair if bound) for pair in bounds])
    if is_slice:
        if isinstance(array, tuple):
            raise FeatureNotSupported("slices of fixed-length arrays not implemented")
        return _slice(array, bounds)
    indexes = [next(bound[0] for bound in pair if bound) for pair in bounds]
    if isinstance(array, tuple):
        return array[indexes[0]] if len(indexes) == 1 and 0 <= indexes[0] < len(array) else None
    return _element(array, indexes)


def one_subscript(argument: RowEvaluator, subscript: RowEvaluator) -> RowEvaluator:
    """array[subscript]: what loops do."""

    def evaluate(row: Sequence[Any], context: Any) -> Any:
        value = argument(row, context)
        if value is None:
            return None
        index = subscript(row, context)
        if isinstance(value, Array) and len(value.dimensions) == 1 and index is not None:
            ((length, lower),) = value.dimensions
            place = index - lower
            if not 0 <= place < length:
                return None
            return (value.cells if type(value) is GrowingArray else value.items)[place]
        return subscript_array(value, [(None, (index,))], False)

    return evaluate


NAME_BYTES = 64


def _letter(name: str, indexes: Sequence[int]) -> str | None:
    if len(indexes) != 1 or not 0 <= indexes[0] < NAME_BYTES:
        return None
    return name[indexes[0] : indexes[0] + 1]


def _element(array: Array, indexes: Sequence[int]) -> Any:
    if len(indexes) != len(array.dimensions):
        return None
    position = 0
    for index, (length, lower) in zip(indexes, array.dimensions, strict=True):
        if not lower <= index < lower + length:
            return None
        position = position * length + index - lower
    return array.items[position]


def _slice(array: Array, bounds: Sequence[tuple[Bound, ...]]) -> Array:
    dimensions = array.dimensions
    empty = Array(array.element, (), ())
    if not dimensions or len(bounds) > len(dimensions):
        return empty
    ranges = []
    for number, (length, lower) in enumerate(dimensions):
        first, last = bounds[number] if number < len(bounds) else (None, None)
        start = max(lower if first is None else first[0], lower)
        stop = min(lower + length - 1 if last is None else last[0], lower + length - 1)
        if start > stop:
            return empty
        ranges.append(range(start - lower, stop - lower + 1))
    strides = [prod(length for length, _ in dimensions[n + 1 :]) for n in range(len(dimensions))]
    items = tuple(
        array.items[sum(i * stride for i, stride in zip(place, strides, strict=True))]
        for place in product(*ranges)
    )
    return Array(array.element, tuple((len(r), 1) for r in ranges), items)
