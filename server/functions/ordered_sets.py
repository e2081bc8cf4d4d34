"""Ordered-set aggregates: percentiles and the mode.

The direct arguments come first among the columns, the same in all rows; values come in the order of
WITHIN GROUP.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from server.errors import NumericValueOutOfRange
from server.functions import instants
from server.functions.declare import aggregate
from server.functions.orders import generic_key
from server.types.array import Array
from server.vector.rows import column_of, values_of

if TYPE_CHECKING:
    from server.functions.function import Aggregate, CallContext
    from server.types.interval_style import Interval
    from server.vector.column import Column, Positions

Pick = Callable[[Sequence[Any], float], Any]


class Sorted:
    """The values of each group in order, and its direct argument."""

    __slots__ = ("call", "directs", "values")

    def __init__(self, call: CallContext) -> None:
        self.call = call
        self.directs: dict[int, Any] = {}
        self.values: dict[int, list[Any]] = {}


def _collect(
    state: Sorted, groups: Positions, group_count: int, columns: tuple[Column, ...]
) -> Sorted:
    values = values_of(columns[-1])
    directs = values_of(columns[0]) if len(columns) > 1 else [None] * len(values)
    for group, direct, value in zip(groups.tolist(), directs, values, strict=True):
        state.directs[group] = direct
        if value is not None:
            state.values.setdefault(group, []).append(value)
    return state


def _fraction(value: float) -> float:
    if not 0 <= value <= 1 or math.isnan(value):
        raise NumericValueOutOfRange(f"percentile value {value:g} is not between 0 and 1")
    return value


def _discrete(values: Sequence[Any], fraction: float) -> Any:
    return values[max(math.ceil(fraction * len(values)) - 1, 0)]


def _between(values: Sequence[float], fraction: float) -> float:
    place = fraction * (len(values) - 1)
    low, high = math.floor(place), math.ceil(place)
    if low == high:
        return values[low]
    return values[low] + (values[high] - values[low]) * (place - low)


def _between_intervals(values: Sequence[Interval], fraction: float) -> Interval:
    place = fraction * (len(values) - 1)
    low, high = math.floor(place), math.ceil(place)
    if low == high:
        return values[low]
    distance = instants.interval_minus(values[high], values[low])
    return instants.interval_plus(values[low], instants.interval_times(distance, place - low))


def _percentile(pick: Pick) -> Callable[[Sorted, int], Column]:
    def at(state: Sorted, group: int) -> Any:
        values, direct = state.values.get(group), state.directs.get(group)
        if not values or direct is None:
            return None
        if not isinstance(direct, Array):
            return pick(values, _fraction(direct))
        found = tuple(
            None if item is None else pick(values, _fraction(item)) for item in direct.items
        )
        return Array(state.call.result.type.element_oid, direct.dimensions, found)

    def finish(state: Sorted, group_count: int) -> Column:
        results = [at(state, group) for group in range(group_count)]
        return column_of(results, state.call.result.type.dtype)

    return finish


def _most_frequent(values: Sequence[Any]) -> Any:
    best, best_count = values[0], 0
    start, key = 0, generic_key(values[0])
    for index in range(1, len(values) + 1):
        other = generic_key(values[index]) if index < len(values) else None
        if index == len(values) or other != key:
            if index - start > best_count:
                best, best_count = values[start], index - start
            start, key = index, other
    return best


def _modes(state: Sorted, group_count: int) -> Column:
    results = [
        _most_frequent(state.values[group]) if group in state.values else None
        for group in range(group_count)
    ]
    return column_of(results, state.call.result.type.dtype)


def _ordered(signature: str, finish: Any, doc: str, directs: int = 1) -> Aggregate:
    return aggregate(signature, Sorted, _collect, finish, doc, kind="o", direct_arguments=directs)


AGGREGATES: Final = (
    _ordered(
        "3974 percentile_cont(float8, float8) float8",
        _percentile(_between),
        "Percentile, interpolated.",
    ),
    _ordered(
        "3976 percentile_cont(float8, interval) interval",
        _percentile(_between_intervals),
        "Percentile, interpolated.",
    ),
    _ordered(
        "3980 percentile_cont(_float8, float8) _float8",
        _percentile(_between),
        "Percentiles, interpolated.",
    ),
    _ordered(
        "3982 percentile_cont(_float8, interval) _interval",
        _percentile(_between_intervals),
        "Percentiles, interpolated.",
    ),
    _ordered(
        "3972 percentile_disc(float8, anyelement) anyelement",
        _percentile(_discrete),
        "The value at a percentile.",
    ),
    _ordered(
        "3978 percentile_disc(_float8, anyelement) anyarray",
        _percentile(_discrete),
        "The values at percentiles.",
    ),
    _ordered("3984 mode(anyelement) anyelement", _modes, "The most frequent value.", 0),
)
