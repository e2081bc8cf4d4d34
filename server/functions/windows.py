"""Window functions, for all rows at once from the bounds of partitions, peers and frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import InvalidArgumentForNthValueFunction, InvalidArgumentForNtileFunction
from server.functions.declare import window
from server.vector.column import Column, Mask, Values
from server.vector.rows import column_of, values_of

if TYPE_CHECKING:
    from server.functions.function import CallContext, WindowRows


def _row_number(call: CallContext, rows: WindowRows) -> Column:
    return Column(np.arange(rows.count) - rows.starts + 1)


def _rank(call: CallContext, rows: WindowRows) -> Column:
    return Column(rows.peer_starts - rows.starts + 1)


def _dense_rank(call: CallContext, rows: WindowRows) -> Column:
    return Column(rows.peer_numbers - rows.peer_numbers[rows.starts] + 1)


def _sizes(rows: WindowRows) -> Values:
    sizes: Values = rows.stops - rows.starts
    return sizes


def _percent_rank(call: CallContext, rows: WindowRows) -> Column:
    others = np.maximum(_sizes(rows) - 1, 1)
    return Column((rows.peer_starts - rows.starts) / others)


def _cume_dist(call: CallContext, rows: WindowRows) -> Column:
    return Column((rows.peer_stops - rows.starts) / np.maximum(_sizes(rows), 1))


def _ntile(call: CallContext, rows: WindowRows, buckets: Column) -> Column:
    first = rows.starts
    counts = buckets.values.astype(np.int64)[first]  # as given by the partition's first row
    valid = None if buckets.valid is None else buckets.valid[first]
    if bool(((counts <= 0) & (True if valid is None else valid)).any()):
        raise InvalidArgumentForNtileFunction("argument of ntile must be greater than zero")
    counts = np.maximum(counts, 1)
    number = np.arange(rows.count) - first
    small, larger = _sizes(rows) // counts, _sizes(rows) % counts
    border = larger * (small + 1)
    low = number // (small + 1)
    high = larger + (number - border) // np.maximum(small, 1)
    return Column((np.where(number < border, low, high) + 1).astype(np.int32), valid)


def _at(column: Column, positions: Values, inside: Mask) -> Column:
    return column.take(np.where(inside, positions, -1))


def _shifted(rows: WindowRows, sign: int, arguments: tuple[Column, ...]) -> Column:
    value = arguments[0]
    if len(arguments) == 1:
        offsets: Values = np.ones(rows.count, np.int64)
        known = None
    else:
        offsets, known = arguments[1].values.astype(np.int64), arguments[1].valid
    positions = np.arange(rows.count) + sign * offsets
    inside = (positions >= rows.starts) & (positions < rows.stops)
    if known is not None:
        inside = inside & known
    found = _at(value, positions, inside)
    if len(arguments) < 3:
        return found
    return _defaulted(found, arguments[2], inside if known is None else inside | ~known)


def _defaulted(found: Column, default: Column, inside: Mask) -> Column:
    """The default where the offset leads out of the partition."""
    if bool(inside.all()):
        return found
    first, second = found.decoded(), default.decoded()
    if first.scale != second.scale:
        first, second = _unscaled(first), _unscaled(second)
    values = np.where(inside, first.values, second.values)
    valid = np.where(inside, first.validity(), second.validity())
    return Column(values, valid, first.scale)


def _unscaled(column: Column) -> Column:
    return column_of(values_of(column), np.dtype(object))


def _lag(call: CallContext, rows: WindowRows, *arguments: Column) -> Column:
    return _shifted(rows, -1, arguments)


def _lead(call: CallContext, rows: WindowRows, *arguments: Column) -> Column:
    return _shifted(rows, 1, arguments)


def _first_value(call: CallContext, rows: WindowRows, value: Column) -> Column:
    return value.take(rows.nth(np.zeros(rows.count, np.int64)))


def _last_value(call: CallContext, rows: WindowRows, value: Column) -> Column:
    return value.take(rows.nth(rows.frame_sizes() - 1))


def _nth_value(call: CallContext, rows: WindowRows, value: Column, number: Column) -> Column:
    wanted, valid = number.values.astype(np.int64), number.validity()
    if bool(((wanted <= 0) & valid).any()):
        raise InvalidArgumentForNthValueFunction("argument of nth_value must be greater than zero")
    return value.take(rows.nth(np.where(valid, wanted - 1, -1)))


WINDOW_FUNCTIONS: Final[tuple[Any, ...]] = (
    window("3100 row_number() int8", _row_number, "Number of the row in its partition."),
    window("3101 rank() int8", _rank, "Rank with gaps."),
    window("3102 dense_rank() int8", _dense_rank, "Rank without gaps."),
    window("3103 percent_rank() float8", _percent_rank, "Relative rank from 0 to 1."),
    window("3104 cume_dist() float8", _cume_dist, "Part of the rows up to this one's peers."),
    window("3105 ntile(int4) int4", _ntile, "Number of the equal bucket the row falls into."),
    window("3106 lag(anyelement) anyelement", _lag, "Value of the row before."),
    window("3107 lag(anyelement, int4) anyelement", _lag, "Value so many rows before."),
    window(
        "3108 lag(anycompatible, int4, anycompatible) anycompatible",
        _lag,
        "Value so many rows before, or a default.",
    ),
    window("3109 lead(anyelement) anyelement", _lead, "Value of the row after."),
    window("3110 lead(anyelement, int4) anyelement", _lead, "Value so many rows after."),
    window(
        "3111 lead(anycompatible, int4, anycompatible) anycompatible",
        _lead,
        "Value so many rows after, or a default.",
    ),
    window(
        "3112 first_value(anyelement) anyelement", _first_value, "Value of the frame's first row."
    ),
    window("3113 last_value(anyelement) anyelement", _last_value, "Value of the frame's last row."),
    window(
        "3114 nth_value(anyelement, int4) anyelement",
        _nth_value,
        "Value of a row of the frame by number.",
    ),
)
