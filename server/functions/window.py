"""row_number, rank, lag, first_value and the like: over a window, all partitions at once.

Each is called as evaluate(call, rows, *arguments); rows are those of
server/executor/window_rows.py: arrays with an element for each row that say where its partition,
its peers and its frame start and stop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import InvalidArgumentForNthValueFunction, InvalidArgumentForNtileFunction
from server.functions.function import CallContext, WindowFunction
from server.oids import ANYCOMPATIBLE, ANYELEMENT
from server.vector.column import Column, Mask, Positions, unset
from server.vector.selection import merge_columns

if TYPE_CHECKING:
    from collections.abc import Callable


def row_number(call: CallContext, rows: Any) -> Column:
    """The row's number within its partition."""
    return Column(np.arange(rows.count) - rows.starts + 1)


def rank(call: CallContext, rows: Any) -> Column:
    """The number of the first of the row's peers."""
    return Column(rows.peer_starts - rows.starts + 1)


def dense_rank(call: CallContext, rows: Any) -> Column:
    """The number of the row's group of peers."""
    return Column(_peer_number(rows) + 1)


def _peer_number(rows: Any) -> Positions:
    first = rows.peer_numbers[rows.starts] if rows.count else rows.peer_numbers
    number: Positions = rows.peer_numbers - first
    return number


def percent_rank(call: CallContext, rows: Any) -> Column:
    """The part of the other rows of the partition that come before the row's peers."""
    others = np.maximum(rows.stops - rows.starts - 1, 1)
    return Column((rows.peer_starts - rows.starts) / others)


def cume_dist(call: CallContext, rows: Any) -> Column:
    """The part of the partition's rows up to the row's last peer."""
    return Column((rows.peer_stops - rows.starts) / (rows.stops - rows.starts))


def ntile(call: CallContext, rows: Any, buckets: Column) -> Column:
    """The row's bucket when the partition is cut into equal ones, the first larger by one."""
    first = rows.starts  # the argument of a partition is that of its first row
    counts = buckets.values[first].astype(np.int64)
    valid = None if buckets.valid is None else buckets.valid[first]
    wrong = counts <= 0 if valid is None else (counts <= 0) & valid
    if wrong.any():
        raise InvalidArgumentForNtileFunction("argument of ntile must be greater than zero")
    counts = np.maximum(counts, 1)
    number = np.arange(rows.count) - rows.starts
    small, larger = np.divmod(rows.stops - rows.starts, counts)
    edge = larger * (small + 1)  # rows in the buckets that are larger by one
    behind = larger + (number - edge) // np.maximum(small, 1)
    bucket = np.where(number < edge, number // (small + 1), behind)
    return Column((bucket + 1).astype(np.int32), valid)


def lag(call: CallContext, rows: Any, *arguments: Column) -> Column:
    """The argument in the row that many rows before, within the partition."""
    return _shifted(call, rows, arguments, -1)


def lead(call: CallContext, rows: Any, *arguments: Column) -> Column:
    """The argument in the row that many rows behind, within the partition."""
    return _shifted(call, rows, arguments, 1)


def _shifted(call: CallContext, rows: Any, arguments: tuple[Column, ...], sign: int) -> Column:
    value = arguments[0]
    offset = arguments[1] if len(arguments) > 1 else Column(np.ones(rows.count, np.int64))
    target = np.arange(rows.count) + sign * offset.values.astype(np.int64)
    known = offset.validity()
    inside = (target >= rows.starts) & (target < rows.stops) & known
    if type(value) is Column and len(arguments) == 1:
        shifted = _next_to(value, sign, inside)
    else:
        shifted = value.take(np.where(inside, target, -1))
    if len(arguments) < 3:
        return shifted
    outside = known & ~inside
    there, elsewhere = np.flatnonzero(~outside), np.flatnonzero(outside)
    parts = [(there, shifted.take(there)), (elsewhere, arguments[2].take(elsewhere))]
    return merge_columns(rows.count, parts, call.result.type.dtype)


def _next_to(column: Column, sign: int, inside: Mask) -> Column:
    """The rows moved by one, NULL where there is none inside: a copy in order is faster than a gather."""
    here, there = (
        (slice(1, None), slice(None, -1)) if sign < 0 else (slice(None, -1), slice(1, None))
    )
    values = unset(len(column), column.values.dtype)
    values[here] = column.values[there]
    valid = inside
    if column.valid is not None:
        valid = np.zeros(len(column), np.bool_)
        valid[here] = column.valid[there]
        valid &= inside
    return Column(values, valid, column.scale, column.dictionary)


def first_value(call: CallContext, rows: Any, value: Column) -> Column:
    """The argument in the first row of the frame."""
    return value.take(rows.nth(np.zeros(rows.count, np.int64)))


def last_value(call: CallContext, rows: Any, value: Column) -> Column:
    """The argument in the last row of the frame."""
    return value.take(rows.nth(rows.frame_sizes() - 1))


def nth_value(call: CallContext, rows: Any, value: Column, number: Column) -> Column:
    """The argument in the frame's row of that number."""
    numbers, known = number.values.astype(np.int64), number.validity()
    if (known & (numbers <= 0)).any():
        raise InvalidArgumentForNthValueFunction("argument of nth_value must be greater than zero")
    return value.take(rows.nth(np.where(known, numbers - 1, -1)))


def _entry(
    oid: int, evaluate: Callable[..., Column], arguments: tuple[int, ...], result: int
) -> WindowFunction:
    return WindowFunction(
        oid=oid,
        name=evaluate.__name__,
        arguments=arguments,
        result=result,
        evaluate=evaluate,
        doc=evaluate.__doc__ or "",
    )


WINDOW_FUNCTIONS: Final = (
    _entry(3100, row_number, (), 20),
    _entry(3101, rank, (), 20),
    _entry(3102, dense_rank, (), 20),
    _entry(3103, percent_rank, (), 701),
    _entry(3104, cume_dist, (), 701),
    _entry(3105, ntile, (23,), 23),
    _entry(3106, lag, (ANYELEMENT,), ANYELEMENT),
    _entry(3107, lag, (ANYELEMENT, 23), ANYELEMENT),
    _entry(3108, lag, (ANYCOMPATIBLE, 23, ANYCOMPATIBLE), ANYCOMPATIBLE),
    _entry(3109, lead, (ANYELEMENT,), ANYELEMENT),
    _entry(3110, lead, (ANYELEMENT, 23), ANYELEMENT),
    _entry(3111, lead, (ANYCOMPATIBLE, 23, ANYCOMPATIBLE), ANYCOMPATIBLE),
    _entry(3112, first_value, (ANYELEMENT,), ANYELEMENT),
    _entry(3113, last_value, (ANYELEMENT,), ANYELEMENT),
    _entry(3114, nth_value, (ANYELEMENT, 23), ANYELEMENT),
)
