"""Ordered-set aggregates: percentiles and the mode.

The direct arguments come first among the columns, the same in all rows of a group; values come in the
order of WITHIN GROUP. Nothing is computed before all rows are there: what a percentile looks for is then a
position, for all groups at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import NumericValueOutOfRange
from server.functions import instants
from server.functions.declare import aggregate
from server.functions.orders import generic_key
from server.functions.regex_search import check_of
from server.oids import BPCHAR
from server.types.array import Array
from server.types.floats import format_float8
from server.types.type import PLAIN_STYLE
from server.vector.column import Column
from server.vector.rows import column_of, values_of
from server.vector.texts import TextNumbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import Aggregate, CallContext
    from server.types.interval_style import Interval
    from server.vector.column import Mask, Positions, Values

    Pick = Callable[["Groups", "Positions", "Values", "Mask"], Column]

TEXT_OIDS: Final = frozenset({25, BPCHAR, 1043})
_FLOAT: Final = np.dtype(np.float64)
TEXTS_AT_ONCE: Final = 1 << 16
"""How many texts are told apart between two looks at whether the statement is cancelled."""


class Sorted:
    """The rows of all groups, as they came: the group of each, direct arguments and values."""

    __slots__ = ("call", "pieces")

    def __init__(self, call: CallContext) -> None:
        self.call = call
        self.pieces: list[tuple[Positions, tuple[Column, ...]]] = []


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Values that are not NULL, group after group: where those of each begin, and how many there are."""

    values: Column
    starts: Positions
    counts: Positions
    directs: Column | None  # a row a group


def _collect(
    state: Sorted, groups: Positions, group_count: int, columns: tuple[Column, ...]
) -> Sorted:
    state.pieces.append((groups, columns))
    return state


def _groups(state: Sorted, group_count: int) -> Groups:
    numbers, columns = _together(state)
    order = None
    if len(numbers) and bool((numbers[1:] < numbers[:-1]).any()):
        order = np.argsort(numbers, kind="stable")
        numbers, columns = numbers[order], tuple(column.take(order) for column in columns)
    directs = None
    if len(columns) > 1:
        firsts = np.full(group_count, -1, np.int64)
        firsts[numbers[::-1]] = np.arange(len(numbers))[::-1]
        directs = columns[0].take(firsts)
    values = columns[-1]
    if values.has_nulls:
        there = np.flatnonzero(values.validity())
        numbers, values = numbers[there], values.take(there)
    counts = np.bincount(numbers, minlength=group_count)
    return Groups(values, np.cumsum(counts) - counts, counts, directs)


def _together(state: Sorted) -> tuple[Positions, tuple[Column, ...]]:
    """All pieces as one; sorted rows come as one piece already."""
    if len(state.pieces) == 1:
        return state.pieces[0]
    kind = state.call.arguments[-1].type.dtype
    if not state.pieces:
        empty = column_of([], kind)
        return np.zeros(0, np.int64), tuple(empty for _ in state.call.arguments)
    columns = [
        column_of([value for column in each for value in values_of(column)], reference.type.dtype)
        for each, reference in zip(
            zip(*(columns for _, columns in state.pieces), strict=True),
            state.call.arguments,
            strict=True,
        )
    ]
    return np.concatenate([numbers for numbers, _ in state.pieces]), tuple(columns)


def _check_fractions(fractions: Values) -> None:
    wrong = ~((fractions >= 0) & (fractions <= 1))
    if wrong.any():
        value = float(fractions[wrong][0])
        shown = f"{value:g}" if math.isfinite(value) else format_float8(value, PLAIN_STYLE)
        raise NumericValueOutOfRange(f"percentile value {shown} is not between 0 and 1")


def _discrete(groups: Groups, numbers: Positions, fractions: Values, valid: Mask) -> Column:
    """The first value that so large a part of its group does not exceed."""
    places = np.maximum(np.ceil(fractions * groups.counts[numbers]) - 1, 0).astype(np.int64)
    return groups.values.take(np.where(valid, groups.starts[numbers] + places, -1))


def _neighbours(
    groups: Groups, numbers: Positions, fractions: Values, valid: Mask
) -> tuple[Column, Column, Values]:
    """The values on both sides of a place, and how far it lies from the first to the second."""
    places = np.where(valid, fractions * (groups.counts[numbers] - 1), 0.0)
    lows, highs = np.floor(places), np.ceil(places)
    starts = groups.starts[numbers]
    below, above = (
        groups.values.take(np.where(valid, starts + each.astype(np.int64), -1))
        for each in (lows, highs)
    )
    return below, above, places - lows


def _between(groups: Groups, numbers: Positions, fractions: Values, valid: Mask) -> Column:
    """A float between the two values that are next to the place."""
    below, above, parts = _neighbours(groups, numbers, fractions, valid)
    low, high = below.values, above.values
    with np.errstate(invalid="ignore", over="ignore"):
        found = np.where(parts == 0, low, low + (high - low) * parts)
    return Column(found, below.valid)


def _between_intervals(
    groups: Groups, numbers: Positions, fractions: Values, valid: Mask
) -> Column:
    below, above, parts = _neighbours(groups, numbers, fractions, valid)
    pairs = zip(values_of(below), values_of(above), parts.tolist(), strict=True)
    return column_of([_interval_between(*pair) for pair in pairs], np.dtype(object))


def _interval_between(low: Interval | None, high: Interval | None, part: float) -> Interval | None:
    if low is None or high is None or part == 0:
        return low
    distance = instants.interval_minus(high, low)
    return instants.interval_plus(low, instants.interval_times(distance, part))


def _percentile(pick: Pick) -> Callable[[Sorted, int], Column]:
    """One fraction a group."""

    def finish(state: Sorted, group_count: int) -> Column:
        groups = _groups(state, group_count)
        assert groups.directs is not None
        valid = groups.directs.validity() & (groups.counts > 0)
        fractions = np.where(valid, groups.directs.values, 0.0)
        _check_fractions(fractions)
        return pick(groups, np.arange(group_count), fractions, valid)

    return finish


def _percentiles(pick: Pick) -> Callable[[Sorted, int], Column]:
    """Arrays of fractions: an array of as many values, of the same shape."""

    def finish(state: Sorted, group_count: int) -> Column:
        groups = _groups(state, group_count)
        assert groups.directs is not None
        element_oid = state.call.result.type.element_oid
        wanted: list[Array | None] = [
            direct if count else None
            for direct, count in zip(values_of(groups.directs), groups.counts.tolist(), strict=True)
        ]
        sizes = [0 if direct is None else len(direct.items) for direct in wanted]
        items = [item for direct in wanted if direct is not None for item in direct.items]
        fractions = column_of(items, _FLOAT)
        _check_fractions(fractions.values)
        numbers = np.repeat(np.arange(group_count), sizes)
        found = values_of(pick(groups, numbers, fractions.values, fractions.validity()))
        results: list[Array | None] = []
        start = 0
        for direct, size in zip(wanted, sizes, strict=True):
            part = tuple(found[start : start + size])
            start += size
            results.append(None if direct is None else Array(element_oid, direct.dimensions, part))
        return column_of(results, state.call.result.type.dtype)

    return finish


def _differ(call: CallContext, values: Column) -> Mask:
    """Whether each value but the first is another than the one before."""
    kind = call.result.type
    found: Mask
    if kind.oid in TEXT_OIDS and kind.collator is None:
        numbers = _text_numbers(call, values)
        found = numbers[1:] != numbers[:-1]
    elif values.dictionary is None and values.values.dtype.kind in "biu":
        found = values.values[1:] != values.values[:-1]
    elif values.values.dtype.kind == "f":
        strange = np.isnan(values.values)
        found = values.values[1:] != values.values[:-1]
        found &= ~(strange[1:] & strange[:-1])
    else:
        keys = [generic_key(value) for value in values_of(values)]
        changes = (one != other for one, other in pairwise(keys))
        found = np.fromiter(changes, np.bool_, len(keys) - 1)
    return found


def _text_numbers(call: CallContext, values: Column) -> Positions:
    """A number for each text, the same for equal ones; ends when the statement is cancelled."""
    texts = TextNumbers(blank=call.result.type.oid == BPCHAR)
    check, numbers = check_of(call), np.empty(len(values), np.int64)
    for start in range(0, len(values), TEXTS_AT_ONCE):
        check()
        stop = min(start + TEXTS_AT_ONCE, len(values))
        numbers[start:stop] = texts.add(values.slice(start, stop))
    return numbers


def _modes(state: Sorted, group_count: int) -> Column:
    """The most frequent value of each group, the first of several: the longest run of equal ones."""
    groups = _groups(state, group_count)
    count = len(groups.values)
    rows = np.full(group_count, -1, np.int64)
    if count:
        begins = np.ones(count, np.bool_)
        begins[1:] = _differ(state.call, groups.values)
        begins[groups.starts[groups.counts > 0]] = True
        runs = np.flatnonzero(begins)
        lengths = np.diff(runs, append=count)
        owners = np.repeat(np.arange(group_count), groups.counts)[runs]
        longest = np.zeros(group_count, np.int64)
        np.maximum.at(longest, owners, lengths)
        best = np.flatnonzero(lengths == longest[owners])[::-1]
        rows[owners[best]] = runs[best]
    return groups.values.take(rows)


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
        _percentiles(_between),
        "Percentiles, interpolated.",
    ),
    _ordered(
        "3982 percentile_cont(_float8, interval) _interval",
        _percentiles(_between_intervals),
        "Percentiles, interpolated.",
    ),
    _ordered(
        "3972 percentile_disc(float8, anyelement) anyelement",
        _percentile(_discrete),
        "The value at a percentile.",
    ),
    _ordered(
        "3978 percentile_disc(_float8, anyelement) anyarray",
        _percentiles(_discrete),
        "The values at percentiles.",
    ),
    _ordered("3984 mode(anyelement) anyelement", _modes, "The most frequent value.", 0),
)
