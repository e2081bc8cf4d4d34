"""Arrays: building, measuring, searching and taking them apart."""

from __future__ import annotations

from bisect import bisect_right
from math import prod
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    ArraySubscriptError,
    DataException,
    FeatureNotSupported,
    NullValueNotAllowed,
    ProgramLimitExceeded,
)
from server.functions.declare import row
from server.functions.orders import generic_key, nullable_key
from server.types.array import Array, make_array
from server.types.array_input import DIMENSIONS_MAX, too_many_dimensions
from server.types.registry import TYPE_BY_OID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.functions.function import CallContext
    from server.types.type import Type


def element_type(context: CallContext, oid: int) -> Type:
    """The type of an array's items, built in or not."""
    found = TYPE_BY_OID.get(oid)
    if found is None:
        user_type: Type = context.execution.catalog.type(oid)
        return user_type
    return found


def _same(left: Any, right: Any) -> bool:
    return bool(nullable_key(left) == nullable_key(right))


def _element_oid(context: CallContext) -> int:
    return context.result.type.element_oid


def _append(context: CallContext, array: Array | None, item: Any) -> Array:
    if array is None or not array.dimensions:
        return make_array(_element_oid(context), (item,))
    if len(array.dimensions) > 1:
        raise _one_dimension()
    ((length, lower),) = array.dimensions
    return Array(array.element, ((length + 1, lower),), (*array.items, item))


def _prepend(context: CallContext, item: Any, array: Array | None) -> Array:
    if array is None or not array.dimensions:
        return make_array(_element_oid(context), (item,))
    if len(array.dimensions) > 1:
        raise _one_dimension()
    ((length, lower),) = array.dimensions
    return Array(array.element, ((length + 1, lower),), (item, *array.items))


def _one_dimension() -> DataException:
    return DataException("argument must be empty or one-dimensional array")


def _concatenate(left: Array | None, right: Array | None) -> Array | None:
    if left is None or right is None:
        return left if right is None else right
    if not left.dimensions or not right.dimensions:
        return right if not left.dimensions else left
    depth = len(left.dimensions) - len(right.dimensions)
    items = left.items + right.items
    inner = [dimension[0] for dimension in left.dimensions[1:]]
    other = [dimension[0] for dimension in right.dimensions[1:]]
    length, lower = left.dimensions[0]
    if depth == 0 and inner == other:
        outer = (length + right.dimensions[0][0], lower)
        return Array(left.element, (outer, *left.dimensions[1:]), items)
    if depth == 1 and inner == [dimension[0] for dimension in right.dimensions]:
        return Array(left.element, ((length + 1, lower), *left.dimensions[1:]), items)
    if depth == -1 and other == [dimension[0] for dimension in left.dimensions]:
        length, lower = right.dimensions[0]
        return Array(left.element, ((length + 1, lower), *right.dimensions[1:]), items)
    raise ArraySubscriptError(
        "cannot concatenate incompatible arrays",
        detail="Arrays with differing element dimensions are not compatible for concatenation."
        if depth == 0
        else f"Arrays of {len(left.dimensions)} and {len(right.dimensions)} dimensions "
        "are not compatible for concatenation.",
    )


def _length(array: Array, dimension: int) -> int | None:
    if not 1 <= dimension <= len(array.dimensions):
        return None
    return array.dimensions[dimension - 1][0]


def _lower(array: Array, dimension: int) -> int | None:
    if not 1 <= dimension <= len(array.dimensions):
        return None
    return array.dimensions[dimension - 1][1]


def _upper(array: Array, dimension: int) -> int | None:
    if not 1 <= dimension <= len(array.dimensions):
        return None
    length, lower = array.dimensions[dimension - 1]
    return lower + length - 1


def _dimension_count(array: Array) -> int | None:
    return len(array.dimensions) or None


def _dimensions(array: Array) -> str | None:
    if not array.dimensions:
        return None
    return "".join(f"[{lower}:{lower + length - 1}]" for length, lower in array.dimensions)


def _position(array: Array | None, item: Any, start: int | None = 1) -> int | None:
    if array is None or not array.dimensions:
        return None
    if len(array.dimensions) > 1:
        raise _multidimensional()
    if item is None and None not in array.items:
        return None
    if start is None:
        raise NullValueNotAllowed("initial position must not be null")
    lower = array.dimensions[0][1]
    for index, found in enumerate(array.items):
        if lower + index >= start and _same(found, item):
            return lower + index
    return None


def _position_from_first(array: Array | None, item: Any) -> int | None:
    return _position(array, item, -(1 << 31))


def _multidimensional() -> FeatureNotSupported:
    return FeatureNotSupported("searching for elements in multidimensional arrays is not supported")


def _positions(array: Array | None, item: Any) -> Array | None:
    if array is None:
        return None
    if len(array.dimensions) > 1:
        raise _multidimensional()
    lower = array.dimensions[0][1] if array.dimensions else 1
    found = [lower + index for index, value in enumerate(array.items) if _same(value, item)]
    return make_array(23, tuple(found))


def _remove(array: Array | None, item: Any) -> Array | None:
    if array is None:
        return None
    if len(array.dimensions) > 1:
        raise FeatureNotSupported("removing elements from multidimensional arrays is not supported")
    kept = tuple(value for value in array.items if not _same(value, item))
    if len(kept) == len(array.items):
        return array
    lower = array.dimensions[0][1]
    return Array(array.element, ((len(kept), lower),) if kept else (), kept)


def _replace(array: Array | None, old: Any, new: Any) -> Array | None:
    if array is None:
        return None
    items = tuple(new if _same(value, old) else value for value in array.items)
    return Array(array.element, array.dimensions, items)


def _to_string(
    context: CallContext, array: Array | None, separator: str | None, null: str | None = None
) -> str | None:
    if array is None or separator is None:
        return None
    # As declared: the items of a vector that was cast to regtype[] are oids to themselves.
    declared = context.arguments[0].type.element_oid
    type_ = element_type(context, declared or array.element)
    texts = [null if item is None else type_.format(item, context.style) for item in array.items]
    return separator.join(text for text in texts if text is not None)


def _contains(left: Array, right: Array) -> bool:
    if None in right.items:
        return False
    return {_hashed(item) for item in right.items} <= {_hashed(item) for item in left.items}


def _contained(left: Array, right: Array) -> bool:
    return _contains(right, left)


def _overlaps(left: Array, right: Array) -> bool:
    known = {_hashed(item) for item in left.items if item is not None}
    return any(item is not None and _hashed(item) in known for item in right.items)


_OWN_KEYS: Final = frozenset((bool, bytes, int, str))
"""Items that are equal where their values are."""


def _hashed(item: Any) -> Any:
    return item if type(item) in _OWN_KEYS else _frozen(nullable_key(item))


def _frozen(key: Any) -> Any:
    return tuple(map(_frozen, key)) if isinstance(key, list | tuple) else key


def _unnest(array: Array) -> Iterator[Any]:
    return iter(array.items)


FILLED_MAX: Final = 1 << 26
INT4_MAX: Final = (1 << 31) - 1


def _check_shape(array: Array) -> None:
    """Refuse what gives no dimensions or bounds."""
    if len(array.dimensions) > 1:
        raise ArraySubscriptError(
            "wrong number of array subscripts", detail="Dimension array must be one dimensional."
        )
    if None in array.items:
        raise NullValueNotAllowed("dimension values cannot be null")


def _fill(context: CallContext, item: Any, lengths: Array | None, *given: Array | None) -> Array:
    lowers = given[0] if given else None
    if lengths is None or (given and lowers is None):
        raise NullValueNotAllowed("dimension array or low bound array cannot be null")
    _check_shape(lengths)
    if len(lengths.items) > DIMENSIONS_MAX:
        raise too_many_dimensions(len(lengths.items))
    if lowers is not None:
        _check_shape(lowers)
    starts = (1,) * len(lengths.items) if lowers is None else lowers.items
    if len(starts) != len(lengths.items):
        raise ArraySubscriptError(
            "wrong number of array subscripts",
            detail="Low bound array has different size than dimensions array.",
        )
    total = prod(lengths.items) if lengths.items else 0
    if total > FILLED_MAX or min(lengths.items, default=0) < 0:
        raise ProgramLimitExceeded("array size exceeds the maximum allowed (134217727)")
    for length, start in zip(lengths.items, starts, strict=True):
        if length + start > INT4_MAX:
            raise ProgramLimitExceeded(f"array lower bound is too large: {start}")
    if total == 0:
        return make_array(_element_oid(context), ())
    shape = tuple(zip(lengths.items, starts, strict=True))
    return Array(_element_oid(context), shape, (item,) * total)


def _trim(array: Array, count: int) -> Array:
    length = array.dimensions[0][0] if array.dimensions else 0
    if not 0 <= count <= length:
        raise ArraySubscriptError(f"number of elements to trim must be between 0 and {length}")
    kept = length - count
    if not kept:
        return make_array(array.element, ())
    each = len(array.items) // length
    lengths = (kept, *(length for length, _ in array.dimensions[1:]))
    dimensions = tuple((length, 1) for length in lengths)
    return Array(array.element, dimensions, array.items[: kept * each])


def _bucket(value: Any, thresholds: Array) -> int:
    """How many of the thresholds, which are in order, are not above a value."""
    if len(thresholds.dimensions) > 1:
        raise ArraySubscriptError("thresholds must be one-dimensional array")
    if None in thresholds.items:
        raise NullValueNotAllowed("thresholds array must not contain NULLs")
    return bisect_right(thresholds.items, generic_key(value), key=generic_key)


def _subscripts(array: Array, dimension: int, backward: bool = False) -> Iterator[int]:
    if not 1 <= dimension <= len(array.dimensions):
        return iter(())
    length, lower = array.dimensions[dimension - 1]
    numbers = range(lower, lower + length)
    return iter(reversed(numbers)) if backward else iter(numbers)


FUNCTIONS: Final = (
    row(
        "378 array_append(anycompatiblearray, anycompatible) anycompatiblearray lax context",
        _append,
        "The array with one more item.",
        "'{1,2}'::int4[], 3 -> {1,2,3}",
    ),
    row(
        "379 array_prepend(anycompatible, anycompatiblearray) anycompatiblearray lax context",
        _prepend,
        "One more item and the array.",
        "1, '{2,3}'::int4[] -> {1,2,3}",
    ),
    row(
        "383 array_cat(anycompatiblearray, anycompatiblearray) anycompatiblearray lax",
        _concatenate,
        "Two arrays as one.",
        "'{1,2}'::int4[], '{3}'::int4[] -> {1,2,3}",
    ),
    row(
        "2176 array_length(anyarray, int4) int4",
        _length,
        "Length of a dimension.",
        "'{1,2,3}'::int4[], 1 -> 3",
    ),
    row(
        "2091 array_lower(anyarray, int4) int4",
        _lower,
        "Lower bound of a dimension.",
        "'[0:2]={1,2,3}'::int4[], 1 -> 0",
    ),
    row(
        "2092 array_upper(anyarray, int4) int4",
        _upper,
        "Upper bound of a dimension.",
        "'{1,8,3,7}'::int4[], 1 -> 4",
    ),
    row(
        "748 array_ndims(anyarray) int4",
        _dimension_count,
        "Number of dimensions.",
        "'{{1,2},{3,4}}'::int4[] -> 2",
    ),
    row(
        "747 array_dims(anyarray) text",
        _dimensions,
        "Bounds of all dimensions.",
        "'{{1,2},{3,4}}'::int4[] -> [1:2][1:2]",
    ),
    row(
        "3179 cardinality(anyarray) int4",
        lambda array: len(array.items),
        "Number of items.",
        "'{{1,2},{3,4}}'::int4[] -> 4",
    ),
    row(
        "3277 array_position(anycompatiblearray, anycompatible) int4 lax",
        _position_from_first,
        "Where an item is.",
        "'{5,6,7}'::int4[], 6 -> 2",
    ),
    row(
        "3278 array_position(anycompatiblearray, anycompatible, int4) int4 lax",
        _position,
        "Where an item is, from a position.",
        "'{5,6,5}'::int4[], 5, 2 -> 3",
    ),
    row(
        "3279 array_positions(anycompatiblearray, anycompatible) _int4 lax",
        _positions,
        "Where all such items are.",
        "'{5,6,5}'::int4[], 5 -> {1,3}",
    ),
    row(
        "3167 array_remove(anycompatiblearray, anycompatible) anycompatiblearray lax",
        _remove,
        "Without such items.",
        "'{1,2,3,2}'::int4[], 2 -> {1,3}",
    ),
    row(
        "3168 array_replace(anycompatiblearray, anycompatible, anycompatible) "
        "anycompatiblearray lax",
        _replace,
        "Such items replaced.",
        "'{1,2,5,4}'::int4[], 5, 3 -> {1,2,3,4}",
    ),
    row(
        "395 array_to_string(anyarray, text) text stable context",
        _to_string,
        "Items as text.",
        "'{1,NULL,3}'::int4[], '~' -> 1~3",
    ),
    row(
        "384 array_to_string(anyarray, text, text) text stable lax context",
        _to_string,
        "Items as text, NULL as another.",
        "'{1,NULL,3}'::int4[], ',', '*' -> 1,*,3",
    ),
    row(
        "2748 arraycontains(anyarray, anyarray) bool",
        _contains,
        "Whether it has every item of the other.",
        "'{1,4,3}'::int4[], '{3,1}'::int4[] -> t",
    ),
    row(
        "2749 arraycontained(anyarray, anyarray) bool",
        _contained,
        "Whether the other has all its items.",
        "'{2,2}'::int4[], '{1,2}'::int4[] -> t",
    ),
    row(
        "2747 arrayoverlap(anyarray, anyarray) bool",
        _overlaps,
        "Whether both have an item in common.",
        "'{1,4}'::int4[], '{2,1}'::int4[] -> t",
    ),
    row(
        "2331 unnest(anyarray) anyelement set",
        _unnest,
        "Items as rows.",
        "'{1,2}'::int4[] -> 1 ; 2",
    ),
    row(
        "1193 array_fill(anyelement, _int4) anyarray lax context",
        _fill,
        "An array of one value.",
        "11::int4, '{2,3}' -> {{11,11,11},{11,11,11}}",
    ),
    row(
        "1286 array_fill(anyelement, _int4, _int4) anyarray lax context",
        _fill,
        "An array of one value, with lower bounds.",
        "7::int4, '{3}', '{2}' -> [2:4]={7,7,7}",
    ),
    row(
        "3218 width_bucket(anycompatible, anycompatiblearray) int4",
        _bucket,
        "Number of the part between thresholds that holds a value.",
        "5, '{3,4,6}'::int4[] -> 2",
    ),
    row(
        "6172 trim_array(anyarray, int4) anyarray",
        _trim,
        "Without the last items.",
        "'{1,2,3,4}'::int4[], 2 -> {1,2}",
    ),
    row(
        "1192 generate_subscripts(anyarray, int4) int4 set",
        _subscripts,
        "Subscripts of a dimension.",
        "'{5,6}'::int4[], 1 -> 1 ; 2",
    ),
    row(
        "1191 generate_subscripts(anyarray, int4, bool) int4 set",
        _subscripts,
        "Subscripts, backward if wanted.",
        "'{5,6}'::int4[], 1, true -> 2 ; 1",
    ),
)
