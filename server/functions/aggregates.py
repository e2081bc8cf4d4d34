"""count, sum, avg, and the boolean and bitwise aggregates: over groups, a batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.functions.declare import aggregate
from server.functions.floats import overflow
from server.functions.integer import out_of_range
from server.functions.sums import (
    DecimalSums,
    FloatSums,
    IntegerSums,
    RealSums,
    add_counts,
    are_beyond_squares,
    exact_decimal,
    grown,
    present,
)
from server.vector.column import Column, Mask, Positions, Values
from server.vector.native import add_integers, add_moments
from server.vector.rows import column_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import Aggregate, CallContext

Columns = tuple[Column, ...]
_OBJECT: Final = np.dtype(object)


def _filled(counts: Values) -> Mask | None:
    """Which groups had a row; None for all."""
    return None if bool((counts > 0).all()) else counts > 0


# count


def _new_counts(call: CallContext) -> Values:
    return np.zeros(1, np.int64)


def _count_rows(state: Values, groups: Positions, group_count: int, columns: Columns) -> Values:
    state = grown(state, group_count)
    add_counts(state, groups, group_count)
    return state


def _count_values(state: Values, groups: Positions, group_count: int, columns: Columns) -> Values:
    column = columns[0]
    if column.valid is not None:
        groups = groups[column.valid]
    return _count_rows(state, groups, group_count, columns)


def _finish_counts(state: Values, group_count: int) -> Column:
    return Column(grown(state, group_count)[:group_count].copy())


def _merge_counts(state: Values, other: Values, mapping: Positions, group_count: int) -> Values:
    state = grown(state, group_count)
    add_integers(state, mapping, grown(other, len(mapping))[: len(mapping)])
    return state


# sum and avg


def _add_integers(
    state: IntegerSums, groups: Positions, group_count: int, columns: Columns
) -> IntegerSums:
    groups, column = present(groups, columns[0])
    state.add(groups, column.values, group_count)
    return state


def _integer_sums(state: IntegerSums, group_count: int) -> Column:
    totals = state.totals(group_count)
    valid = _filled(state.counts[:group_count])
    if isinstance(totals, np.ndarray):
        return Column(totals, valid)
    if any(not -(1 << 63) <= total < 1 << 63 for total in totals):
        raise out_of_range("int8")
    return Column(np.array(totals, np.int64), valid)


def _numeric_sums(state: IntegerSums, group_count: int) -> Column:
    totals = state.totals(group_count)
    counts = state.counts[:group_count]
    if isinstance(totals, np.ndarray):
        return Column(totals, _filled(counts), 0)
    pairs = zip(totals, counts.tolist(), strict=True)
    return column_of([exact_decimal(t) if count else None for t, count in pairs], _OBJECT)


def _integer_averages(state: IntegerSums, group_count: int) -> Column:
    decimals = DecimalSums()
    state.grow(group_count)
    decimals.counts, decimals.scaled = state.counts, {0: state}
    return decimals.averages(group_count)


def _merge_sums(state: Any, other: Any, mapping: Positions, group_count: int) -> Any:
    other.grow(len(mapping))
    state.merge(other, mapping, group_count)
    return state


def _add_decimals(
    state: DecimalSums, groups: Positions, group_count: int, columns: Columns
) -> DecimalSums:
    state.add(groups, columns[0], group_count)
    return state


def _add_floats(
    state: FloatSums, groups: Positions, group_count: int, columns: Columns
) -> FloatSums:
    groups, column = present(groups, columns[0])
    state.add(groups, column.values, group_count)
    return state


def _add_averaged(
    state: FloatSums, groups: Positions, group_count: int, columns: Columns
) -> FloatSums:
    """PostgreSQL keeps squares of differences for averages, too, which overflow first."""
    groups, column = present(groups, columns[0])
    values = column.values
    if are_beyond_squares(values):
        state.grow(group_count)
        moments = state.counts.astype(np.float64), state.sums.copy(), np.zeros(len(state.counts))
        if add_moments(groups, values.astype(np.float64, copy=False), *moments):
            raise overflow()
    state.add(groups, values, group_count)
    return state


def _float_sums(state: FloatSums, group_count: int) -> Column:
    state.grow(group_count)
    sums = state.sums[:group_count].copy()
    _check_floats(state, sums)
    return Column(sums, _filled(state.counts[:group_count]))


def _check_floats(state: FloatSums, values: Values) -> None:
    if not state.infinite and bool(np.isinf(values).any()):
        raise overflow()


def _float_averages(state: FloatSums, group_count: int) -> Column:
    state.grow(group_count)
    counts = state.counts[:group_count]
    _check_floats(state, state.sums[:group_count])
    sums = state.sums[:group_count] + 0.0  # averages have no sign when they are 0
    return Column(sums / np.maximum(counts, 1), _filled(counts))


def _sums(
    signature: str, create: Callable[[], Any], accumulate: Any, finish: Any, doc: str
) -> Aggregate:
    return aggregate(signature, lambda call: create(), accumulate, finish, doc, merge=_merge_sums)


# Booleans and bits: a fold by one ufunc.


class Folded:
    """A running value of each group, and whether there is one."""

    __slots__ = ("seen", "values")

    def __init__(self, dtype: np.dtype[Any], start: Any) -> None:
        self.values = np.full(1, start, dtype)
        self.seen = np.zeros(1, np.bool_)


def folding(ufunc: np.ufunc, start: Callable[[np.dtype[Any]], Any]) -> dict[str, Any]:
    """Make create, accumulate, finish and merge of a fold over values of fixed width."""

    def create(call: CallContext) -> Folded:
        dtype = call.arguments[0].type.dtype
        return Folded(dtype, start(dtype))

    def fold(state: Folded, groups: Positions, values: Values, group_count: int) -> Folded:
        initial = start(state.values.dtype)
        state.values = grown(state.values, group_count, initial)
        state.seen = grown(state.seen, group_count, False)
        if not len(groups):
            return state
        if group_count == 1:
            groups, values = groups[:1], values.dtype.type(ufunc.reduce(values))
        with np.errstate(invalid="ignore"):  # NaN is a value like any other
            ufunc.at(state.values, groups, values)
        state.seen[groups] = True
        return state

    def accumulate(state: Folded, groups: Positions, group_count: int, columns: Columns) -> Folded:
        groups, column = present(groups, columns[0])
        return fold(state, groups, column.values, group_count)

    def finish(state: Folded, group_count: int) -> Column:
        initial = start(state.values.dtype)
        values = grown(state.values, group_count, initial)[:group_count]
        seen = grown(state.seen, group_count, False)[:group_count]
        return Column(values.copy(), None if bool(seen.all()) else seen.copy())

    def merge(state: Folded, other: Folded, mapping: Positions, group_count: int) -> Folded:
        seen = np.flatnonzero(grown(other.seen, len(mapping), False)[: len(mapping)])
        return fold(state, mapping[seen], other.values[seen], group_count)

    return {"create": create, "accumulate": accumulate, "finish": finish, "merge": merge}


_EVERY: Final = folding(np.logical_and, lambda dtype: True)
_SOME: Final = folding(np.logical_or, lambda dtype: False)
_BITS_AND: Final = folding(np.bitwise_and, lambda dtype: -1)
_BITS_OR: Final = folding(np.bitwise_or, lambda dtype: 0)
_BITS_XOR: Final = folding(np.bitwise_xor, lambda dtype: 0)

AGGREGATES: Final = (
    aggregate(
        "2803 count() int8",
        _new_counts,
        _count_rows,
        _finish_counts,
        "Number of rows.",
        merge=_merge_counts,
    ),
    aggregate(
        "2147 count(any) int8",
        _new_counts,
        _count_values,
        _finish_counts,
        "Number of rows whose argument is not NULL.",
        merge=_merge_counts,
    ),
    _sums("2109 sum(int2) int8", IntegerSums, _add_integers, _integer_sums, "Exact sum."),
    _sums("2108 sum(int4) int8", IntegerSums, _add_integers, _integer_sums, "Exact sum."),
    _sums("2107 sum(int8) numeric", IntegerSums, _add_integers, _numeric_sums, "Exact sum."),
    _sums("2114 sum(numeric) numeric", DecimalSums, _add_decimals, DecimalSums.sums, "Exact sum."),
    _sums("2110 sum(float4) float4", RealSums, _add_floats, _float_sums, "Sum."),
    _sums("2111 sum(float8) float8", FloatSums, _add_floats, _float_sums, "Sum."),
    _sums("2102 avg(int2) numeric", IntegerSums, _add_integers, _integer_averages, "Mean."),
    _sums("2101 avg(int4) numeric", IntegerSums, _add_integers, _integer_averages, "Mean."),
    _sums("2100 avg(int8) numeric", IntegerSums, _add_integers, _integer_averages, "Mean."),
    _sums("2103 avg(numeric) numeric", DecimalSums, _add_decimals, DecimalSums.averages, "Mean."),
    _sums("2104 avg(float4) float8", FloatSums, _add_averaged, _float_averages, "Mean."),
    _sums("2105 avg(float8) float8", FloatSums, _add_averaged, _float_averages, "Mean."),
    aggregate("2517 bool_and(bool) bool", **_EVERY, doc="Whether all are true."),
    aggregate("2519 every(bool) bool", **_EVERY, doc="Whether all are true."),
    aggregate("2518 bool_or(bool) bool", **_SOME, doc="Whether any is true."),
    *(
        aggregate(f"{oid} bit_and({name}) {name}", **_BITS_AND, doc="Bits set in all.")
        for oid, name in ((2236, "int2"), (2238, "int4"), (2240, "int8"))
    ),
    *(
        aggregate(f"{oid} bit_or({name}) {name}", **_BITS_OR, doc="Bits set in any.")
        for oid, name in ((2237, "int2"), (2239, "int4"), (2241, "int8"))
    ),
    *(
        aggregate(f"{oid} bit_xor({name}) {name}", **_BITS_XOR, doc="Bits set in an odd number.")
        for oid, name in ((6164, "int2"), (6165, "int4"), (6166, "int8"))
    ),
)
