"""Ranges and multiranges as sets: made, measured, compared and combined.

Rule 1: every function looks at ranges that are not empty, in their order: a range is one or none of
        them, a multirange any number. So one function serves all combinations of the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    CardinalityViolation,
    DataException,
    NullValueNotAllowed,
    SqlSyntaxError,
)
from server.functions.declare import Behaviour, row, table
from server.functions.numeric_math import subtract
from server.types.range import (
    Multirange,
    Range,
    RangeKind,
    between,
    make_multirange,
    make_range,
    touches,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.functions.function import CallContext, Function
    from server.types.array import Array

Set = Range | Multirange
FLAGS: Final = {
    "[]": (True, True),
    "[)": (True, False),
    "(]": (False, True),
    "()": (False, False),
}


def parts(value: Set) -> tuple[Range, ...]:
    """The ranges of a set; rule 1."""
    if isinstance(value, Multirange):
        return value.ranges
    return () if value.is_empty else (value,)


def _kind(context: CallContext) -> RangeKind:
    kind = context.result.type.range
    assert kind is not None, context.result
    return kind


# Made of values.


def construct(context: CallContext, lower: Any, upper: Any, flags: str | None = "[)") -> Range:
    """A range of its bounds."""
    if flags is None:
        raise DataException("range constructor flags argument must not be null")
    if flags not in FLAGS:
        raise SqlSyntaxError(
            "invalid range bound flags", hint='Valid values are "[]", "[)", "(]", and "()".'
        )
    return make_range(_kind(context), lower, upper, *FLAGS[flags])


def construct_multirange(context: CallContext, ranges: Array) -> Multirange:
    """A multirange of an array of ranges."""
    if len(ranges.dimensions) > 1:
        raise CardinalityViolation("multiranges cannot be constructed from multidimensional arrays")
    if any(each is None for each in ranges.items):
        raise NullValueNotAllowed("multirange values cannot contain null members")
    return make_multirange(_kind(context), ranges.items)


def construct_from_range(context: CallContext, value: Range) -> Multirange:
    """A multirange of one range."""
    return make_multirange(_kind(context), (value,))


def construct_empty(context: CallContext) -> Multirange:
    """The empty multirange."""
    return Multirange(_kind(context))


# Measured.


def _lower(value: Set) -> Any:
    found = parts(value)
    return found[0].lower if found else None


def _upper(value: Set) -> Any:
    found = parts(value)
    return found[-1].upper if found else None


def _is_empty(value: Set) -> bool:
    return not parts(value)


def _lower_inclusive(value: Set) -> bool:
    found = parts(value)
    return bool(found) and found[0].lower_inclusive


def _upper_inclusive(value: Set) -> bool:
    found = parts(value)
    return bool(found) and found[-1].upper_inclusive


def _lower_infinite(value: Set) -> bool:
    found = parts(value)
    return bool(found) and found[0].lower is None


def _upper_infinite(value: Set) -> bool:
    found = parts(value)
    return bool(found) and found[-1].upper is None


# Compared.


def overlaps(left: Set, right: Set) -> bool:
    """Whether anything lies in both."""
    return bool(_intersection(parts(left), parts(right)))


def _contains(left: Set, right: Set) -> bool:
    outer = parts(left)
    return all(any(_covers(each, inner) for each in outer) for inner in parts(right))


def _covers(outer: Range, inner: Range) -> bool:
    return outer.lower_place <= inner.lower_place and inner.upper_place <= outer.upper_place


def _contains_element(value: Set, element: Any) -> bool:
    place = (1, value.kind.key(element), 0)
    return any(each.lower_place <= place <= each.upper_place for each in parts(value))


def _before(left: Set, right: Set) -> bool:
    first, second = parts(left), parts(right)
    return bool(first and second) and first[-1].upper_place < second[0].lower_place


def _over_left(left: Set, right: Set) -> bool:
    first, second = parts(left), parts(right)
    return bool(first and second) and first[-1].upper_place <= second[-1].upper_place


def _over_right(left: Set, right: Set) -> bool:
    first, second = parts(left), parts(right)
    return bool(first and second) and first[0].lower_place >= second[0].lower_place


def _adjacent(left: Set, right: Set) -> bool:
    first, second = parts(left), parts(right)
    if not first or not second:
        return False
    return touches(first[-1], second[0]) or touches(second[-1], first[0])


# Combined.


def _intersection(left: tuple[Range, ...], right: tuple[Range, ...]) -> list[Range]:
    found: list[Range] = []
    i = j = 0
    while i < len(left) and j < len(right):
        common = _overlap(left[i], right[j])
        if not common.is_empty:
            found.append(common)
        if left[i].upper_place < right[j].upper_place:
            i += 1
        else:
            j += 1
    return found


def _overlap(left: Range, right: Range) -> Range:
    first = max(left, right, key=lambda each: each.lower_place)
    last = min(left, right, key=lambda each: each.upper_place)
    return between(left.kind, first, last)


def _hull(ranges: tuple[Range, ...]) -> Range:
    first = min(ranges, key=lambda each: each.lower_place)
    last = max(ranges, key=lambda each: each.upper_place)
    return between(first.kind, first, last)


def _difference(left: tuple[Range, ...], right: tuple[Range, ...]) -> list[Range]:
    rest = list(left)
    for hole in right:
        rest = [piece for each in rest for piece in _without(each, hole)]
    return rest


def _without(value: Range, hole: Range) -> Iterator[Range]:
    """What a range has in front of another one and behind it."""
    if _overlap(value, hole).is_empty:
        yield value
        return
    kind = value.kind
    if value.lower_place < hole.lower_place:
        yield make_range(
            kind, value.lower, hole.lower, value.lower_inclusive, not hole.lower_inclusive
        )
    if hole.upper_place < value.upper_place:
        yield make_range(
            kind, hole.upper, value.upper, not hole.upper_inclusive, value.upper_inclusive
        )


def _one(kind: RangeKind, ranges: list[Range], what: str) -> Range:
    if len(ranges) > 1:
        raise DataException(f"result of range {what} would not be contiguous")
    return ranges[0] if ranges else Range(kind, is_empty=True)


def _range_union(left: Range, right: Range) -> Range:
    merged = make_multirange(left.kind, (left, right))
    return _one(left.kind, list(merged.ranges), "union")


def _range_minus(left: Range, right: Range) -> Range:
    return _one(left.kind, _difference(parts(left), parts(right)), "difference")


def range_intersect(left: Range, right: Range) -> Range:
    """What lies in both."""
    return _one(left.kind, _intersection(parts(left), parts(right)), "intersection")


def _merge(left: Range, right: Range) -> Range:
    present = (*parts(left), *parts(right))
    return _hull(present) if present else left


def _merge_multirange(value: Multirange) -> Range:
    return _hull(value.ranges) if value.ranges else Range(value.kind, is_empty=True)


def _union(left: Multirange, right: Multirange) -> Multirange:
    return make_multirange(left.kind, (*left.ranges, *right.ranges))


def _minus(left: Multirange, right: Multirange) -> Multirange:
    return Multirange(left.kind, tuple(_difference(left.ranges, right.ranges)))


def intersect(left: Multirange, right: Multirange) -> Multirange:
    """What lies in both."""
    return Multirange(left.kind, tuple(_intersection(left.ranges, right.ranges)))


def _unnest(value: Multirange) -> Iterator[Range]:
    return iter(value.ranges)


# Subtractions of the built-in subtypes.


def _difference_in_seconds(left: int, right: int) -> float:
    return (float(left) - float(right)) / 1_000_000


BEHAVIOURS: Final[dict[str, Behaviour]] = {
    "lower": ("The lower bound.", _lower, None),
    "upper": ("The upper bound.", _upper, None),
    "empty": ("Whether nothing lies in it.", _is_empty, None),
    "lower_inc": ("Whether the lower bound lies in it.", _lower_inclusive, None),
    "upper_inc": ("Whether the upper bound lies in it.", _upper_inclusive, None),
    "lower_inf": ("Whether it has no lower bound.", _lower_infinite, None),
    "upper_inf": ("Whether it has no upper bound.", _upper_infinite, None),
    "overlaps": ("Whether anything lies in both.", overlaps, None),
    "contains": ("Whether all of the other lies in it.", _contains, None),
    "contained": (
        "Whether it lies in the other.",
        lambda left, right: _contains(right, left),
        None,
    ),
    "has": ("Whether the value lies in it.", _contains_element, None),
    "in": (
        "Whether the value lies in it.",
        lambda element, value: _contains_element(value, element),
        None,
    ),
    "adjacent": ("Whether one ends where the other starts.", _adjacent, None),
    "before": ("Whether it ends in front of the other.", _before, None),
    "after": (
        "Whether it starts behind the other.",
        lambda left, right: _before(right, left),
        None,
    ),
    "overleft": ("Whether it does not go on behind the other.", _over_left, None),
    "overright": ("Whether it does not start in front of the other.", _over_right, None),
    "range union": ("Both as one range.", _range_union, None),
    "range minus": ("What does not lie in the other.", _range_minus, None),
    "itself": ("The same, which is in its normal form already.", lambda value: value, None),
    "range intersect": ("What lies in both.", range_intersect, None),
    "merge": ("The smallest range that has both.", _merge, None),
    "merge ranges": ("The smallest range that has all.", _merge_multirange, None),
    "union": ("Both together.", _union, None),
    "minus": ("What does not lie in the other.", _minus, None),
    "intersect": ("What lies in both.", intersect, None),
    "unnest": ("The ranges as rows.", _unnest, None),
    "difference": ("How far apart they are.", lambda left, right: float(left) - float(right), None),
    "numeric difference": (
        "How far apart they are.",
        lambda left, right: float(subtract(left, right)),
        None,
    ),
    "seconds": ("Seconds between them.", _difference_in_seconds, None),
}
TABLE: Final = """
3848 lower(anyrange) anyelement | lower | '[1,4)'r -> 1
3849 upper(anyrange) anyelement | upper | '[1,4)'r -> 4
3850 isempty(anyrange) bool | empty | '(1,1)'r -> t
3851 lower_inc(anyrange) bool | lower_inc | '[1,4)'r -> t
3852 upper_inc(anyrange) bool | upper_inc | '[1,4)'r -> f
3853 lower_inf(anyrange) bool | lower_inf | '(,4)'r -> t
3854 upper_inf(anyrange) bool | upper_inf | '(,4)'r -> f
3857 range_overlaps(anyrange, anyrange) bool | overlaps | '[1,4)'r, '[3,5)'r -> t
3858 range_contains_elem(anyrange, anyelement) bool | has | '[1,4)'r, 4 -> f
3859 range_contains(anyrange, anyrange) bool | contains | '[1,4)'r, '[2,3)'r -> t
3860 elem_contained_by_range(anyelement, anyrange) bool | in | 3, '[1,4)'r -> t
3861 range_contained_by(anyrange, anyrange) bool | contained | '[1,4)'r, '[1,9)'r -> t
3862 range_adjacent(anyrange, anyrange) bool | adjacent | '[1,4)'r, '[4,5)'r -> t
3863 range_before(anyrange, anyrange) bool | before | '[1,4)'r, '[4,5)'r -> t
3864 range_after(anyrange, anyrange) bool | after | '[1,4)'r, '[4,5)'r -> f
3865 range_overleft(anyrange, anyrange) bool | overleft | '[1,4)'r, '[3,4)'r -> t
3866 range_overright(anyrange, anyrange) bool | overright | '[1,4)'r, '[3,4)'r -> f
3867 range_union(anyrange, anyrange) anyrange | range union | '[1,4)'r, '[3,5)'r -> [1,5)
3868 range_intersect(anyrange, anyrange) anyrange | range intersect | '[1,4)'r, '[3,5)'r -> [3,4)
3869 range_minus(anyrange, anyrange) anyrange | range minus | '[1,4)'r, '[3,5)'r -> [1,3)
4057 range_merge(anyrange, anyrange) anyrange | merge | '[1,2)'r, '[7,8)'r -> [1,8)
3922 int4range_subdiff(int4, int4) float8 | difference | 7, 5 -> 2
3923 int8range_subdiff(int8, int8) float8 | difference | 7, 5 -> 2
3924 numrange_subdiff(numeric, numeric) float8 | numeric difference | 7.5, 5 -> 2.5
3925 daterange_subdiff(date, date) float8 | difference | '2024-03-01', '2024-02-28' -> 2
3929 tsrange_subdiff(timestamp, timestamp) float8 | seconds | '2024-03-01 00:01', '2024-03-01' -> 60
3930 tstzrange_subdiff(timestamptz, timestamptz) float8 | seconds | '2024-03-01 00:01+00', '2024-03-01 00:00+00' -> 60
1293 unnest(anymultirange) anyrange set | unnest | '{[1,2),[5,7)}'m -> [1,2) ; [5,7)
4228 range_merge(anymultirange) anyrange | merge ranges | '{[1,2),[5,7)}'m -> [1,7)
4235 lower(anymultirange) anyelement | lower | '{[1,2),[5,7)}'m -> 1
4236 upper(anymultirange) anyelement | upper | '{[1,2),[5,7)}'m -> 7
4237 isempty(anymultirange) bool | empty | '{}'m -> t
4238 lower_inc(anymultirange) bool | lower_inc | '{[1,2)}'m -> t
4239 upper_inc(anymultirange) bool | upper_inc | '{[1,2)}'m -> f
4240 lower_inf(anymultirange) bool | lower_inf | '{(,2)}'m -> t
4241 upper_inf(anymultirange) bool | upper_inf | '{(,2)}'m -> f
4246 range_overlaps_multirange(anyrange, anymultirange) bool | overlaps | '[1,4)'r, '{[3,5)}'m -> t
4247 multirange_overlaps_range(anymultirange, anyrange) bool | overlaps | '{[3,5)}'m, '[1,4)'r -> t
4248 multirange_overlaps_multirange(anymultirange, anymultirange) bool | overlaps | '{[3,5)}'m, '{[7,8)}'m -> f
4249 multirange_contains_elem(anymultirange, anyelement) bool | has | '{[3,5)}'m, 4 -> t
4250 multirange_contains_range(anymultirange, anyrange) bool | contains | '{[3,5)}'m, '[3,4)'r -> t
4251 multirange_contains_multirange(anymultirange, anymultirange) bool | contains | '{[3,5)}'m, '{[3,6)}'m -> f
4252 elem_contained_by_multirange(anyelement, anymultirange) bool | in | 3, '{[3,5)}'m -> t
4253 range_contained_by_multirange(anyrange, anymultirange) bool | contained | '[3,4)'r, '{[3,5)}'m -> t
4254 multirange_contained_by_multirange(anymultirange, anymultirange) bool | contained | '{[3,4)}'m, '{[3,5)}'m -> t
4255 range_adjacent_multirange(anyrange, anymultirange) bool | adjacent | '[1,3)'r, '{[3,5)}'m -> t
4256 multirange_adjacent_multirange(anymultirange, anymultirange) bool | adjacent | '{[1,3)}'m, '{[4,5)}'m -> f
4257 multirange_adjacent_range(anymultirange, anyrange) bool | adjacent | '{[3,5)}'m, '[1,3)'r -> t
4258 range_before_multirange(anyrange, anymultirange) bool | before | '[1,3)'r, '{[3,5)}'m -> t
4259 multirange_before_range(anymultirange, anyrange) bool | before | '{[3,5)}'m, '[1,3)'r -> f
4260 multirange_before_multirange(anymultirange, anymultirange) bool | before | '{[3,5)}'m, '{[7,8)}'m -> t
4261 range_after_multirange(anyrange, anymultirange) bool | after | '[7,8)'r, '{[3,5)}'m -> t
4262 multirange_after_range(anymultirange, anyrange) bool | after | '{[3,5)}'m, '[1,3)'r -> t
4263 multirange_after_multirange(anymultirange, anymultirange) bool | after | '{[3,5)}'m, '{[7,8)}'m -> f
4264 range_overleft_multirange(anyrange, anymultirange) bool | overleft | '[1,5)'r, '{[3,5)}'m -> t
4265 multirange_overleft_range(anymultirange, anyrange) bool | overleft | '{[3,5)}'m, '[1,3)'r -> f
4266 multirange_overleft_multirange(anymultirange, anymultirange) bool | overleft | '{[3,5)}'m, '{[7,8)}'m -> t
4267 range_overright_multirange(anyrange, anymultirange) bool | overright | '[1,5)'r, '{[3,5)}'m -> f
4268 multirange_overright_range(anymultirange, anyrange) bool | overright | '{[3,5)}'m, '[1,3)'r -> t
4269 multirange_overright_multirange(anymultirange, anymultirange) bool | overright | '{[3,5)}'m, '{[7,8)}'m -> f
4270 multirange_union(anymultirange, anymultirange) anymultirange | union | '{[3,5)}'m, '{[5,8)}'m -> {[3,8)}
4271 multirange_minus(anymultirange, anymultirange) anymultirange | minus | '{[3,9)}'m, '{[5,8)}'m -> {[3,5),[8,9)}
4272 multirange_intersect(anymultirange, anymultirange) anymultirange | intersect | '{[3,9)}'m, '{[5,12)}'m -> {[5,9)}
4388 multirange_intersect_agg_transfn(anymultirange, anymultirange) anymultirange | intersect | '{}'m, '{[5,7)}'m -> {}
4401 range_intersect_agg_transfn(anyrange, anyrange) anyrange | range intersect | '[1,4)'r, '[3,5)'r -> [3,4)
3914 int4range_canonical(int4range) int4range | itself | '[1,4)' -> [1,4)
3915 daterange_canonical(daterange) daterange | itself | '[2024-01-01,2024-01-04)' -> [2024-01-01,2024-01-04)
3928 int8range_canonical(int8range) int8range | itself | '[1,4)' -> [1,4)
4541 range_contains_multirange(anyrange, anymultirange) bool | contains | '[1,9)'r, '{[3,5)}'m -> t
4542 multirange_contained_by_range(anymultirange, anyrange) bool | contained | '{[3,5)}'m, '[1,3)'r -> f
"""
"""In the examples 'x'r is a range of integers and 'x'm a multirange of them."""

_CONSTRUCTORS: Final = (
    # prefix, subtype, range of two and of three arguments, multirange of none, of one and of many
    ("int4", "int4", 3840, 3841, 4280),
    ("num", "numeric", 3844, 3845, 4283),
    ("ts", "timestamp", 3933, 3934, 4286),
    ("tstz", "timestamptz", 3937, 3938, 4289),
    ("date", "date", 3941, 3942, 4292),
    ("int8", "int8", 3945, 3946, 4295),
)


def _constructors() -> Iterator[Function]:
    for prefix, subtype, two, three, first in _CONSTRUCTORS:
        name, many = f"{prefix}range", f"{prefix}multirange"
        declared = f"{name}({subtype}, {subtype}"
        yield row(f"{two} {declared}) {name} lax context", construct, "A range of its bounds.")
        yield row(
            f"{three} {declared}, text) {name} lax context",
            construct,
            "A range of its bounds and of brackets that say which of them lie in it.",
        )
        yield row(f"{first} {many}() {many} context", construct_empty, "The empty multirange.")
        yield row(
            f"{first + 1} {many}({name}) {many} context",
            construct_from_range,
            "A multirange of one range.",
        )
        yield row(
            f"{first + 2} {many}(variadic _{name}) {many} context",
            construct_multirange,
            "A multirange of ranges.",
        )


FUNCTIONS: Final = (
    *table(TABLE.replace("'r", "'::int4range").replace("'m", "'::int4multirange"), BEHAVIOURS),
    *_constructors(),
    row(
        "4298 multirange(anyrange) anymultirange context",
        construct_from_range,
        "A multirange of one range.",
        "'[1,4)'::int4range -> {[1,4)}",
    ),
)
