"""Frames of window functions: where each row's frame starts and stops.

Rule 1: ROWS counts rows, GROUPS counts groups of peers, RANGE compares the one ORDER BY value
        through in_range.
Rule 2: in RANGE with an offset, NULLs are peers of each other and in no other row's frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import InvalidPrecedingOrFollowingSize, NullValueNotAllowed
from server.executor.evaluation import scalar
from server.executor.native import range_ends
from server.executor.range_bounds import compared_values
from server.expressions.expression import Constant
from server.functions.function import CallContext
from server.types.type import Value
from server.vector.rows import values_of

if TYPE_CHECKING:
    from server.executor.context import ExecutionContext
    from server.executor.window_rows import WindowRows
    from server.expressions.expression import SortKey
    from server.functions.function import Function
    from server.planner.physical import WindowFrame
    from server.vector.column import Column, Positions

_STARTING: Final = "starting"
_ENDING: Final = "ending"


def add_frames(
    rows: WindowRows,
    frame: WindowFrame,
    order: tuple[SortKey, ...],
    columns: tuple[Column, ...],
    context: ExecutionContext,
) -> None:
    """Fill in the frames; columns are those of the ORDER BY, sorted."""
    framer = _Framer(rows, frame, order, columns, context)
    rows.frame_starts = np.maximum(framer.bound(frame.start, _STARTING), rows.starts)
    rows.frame_stops = np.minimum(framer.bound(frame.end, _ENDING), rows.stops)
    current = np.arange(rows.count)
    if frame.exclusion == "current":
        rows.excluded = (current, current + 1)
    elif frame.exclusion in ("group", "ties"):
        rows.excluded = (rows.peer_starts, rows.peer_stops)
        rows.keeps_current = frame.exclusion == "ties"


def with_values(frame: WindowFrame, context: ExecutionContext) -> WindowFrame:
    """The frame with its offsets evaluated, which is done once a run."""
    return replace(frame, start=_known(frame.start, context), end=_known(frame.end, context))


def _known(bound: tuple[str, Any], context: ExecutionContext) -> tuple[str, Any]:
    kind, offset = bound
    if offset is None:
        return bound
    return kind, Constant(type=offset.type, value=scalar(offset)(context))


class _Framer:
    """Finds the bounds of one window's frames."""

    def __init__(
        self,
        rows: WindowRows,
        frame: WindowFrame,
        order: tuple[SortKey, ...],
        columns: tuple[Column, ...],
        context: ExecutionContext,
    ) -> None:
        self._rows = rows
        self._frame = frame
        self._order = order
        self._columns = columns
        self._context = context

    def bound(self, bound: tuple[str, Any], side: str) -> Positions:
        """The first row of each frame, or the one after its last."""
        kind, offset = bound
        rows = self._rows
        if kind == "unbounded_preceding":
            return rows.starts
        if kind == "unbounded_following":
            return rows.stops
        if kind == "current":
            return self._current(side)
        value = self._offset(scalar(offset)(self._context), side)
        sign = -1 if kind == "preceding" else 1
        if self._frame.mode == "rows":
            return np.arange(rows.count) + self._clipped(value) * sign + (side == _ENDING)
        if self._frame.mode == "groups":
            return self._groups(self._clipped(value) * sign, side)
        return self._range(value, kind, side)

    def _current(self, side: str) -> Positions:
        if self._frame.mode == "rows":
            return np.arange(self._rows.count) + (side == _ENDING)
        return self._rows.peer_starts if side == _STARTING else self._rows.peer_stops

    def _offset(self, value: Value | None, side: str) -> Value:
        if value is None:
            raise NullValueNotAllowed(f"frame {side} offset must not be null")
        if self._frame.mode != "range" and value < 0:
            raise InvalidPrecedingOrFollowingSize(f"frame {side} offset must not be negative")
        return value

    def _clipped(self, value: Value) -> int:
        return min(int(value), self._rows.count + 1)

    def _groups(self, distance: int, side: str) -> Positions:
        """The group of peers that many groups away, clipped to the partition."""
        rows = self._rows
        if not rows.count:
            return rows.starts
        wanted = rows.peer_numbers + distance
        first = rows.peer_numbers[rows.starts]
        last = rows.peer_numbers[rows.stops - 1]
        group_starts = np.flatnonzero(rows.peer_starts == np.arange(rows.count))
        group_stops = np.append(group_starts[1:], rows.count)
        inside = np.clip(wanted, 0, len(group_starts) - 1)
        found = group_starts[inside] if side == _STARTING else group_stops[inside]
        found = np.where(wanted < first, rows.starts, found)
        return np.where(wanted > last, rows.stops, found)

    def _range(self, offset: Value, kind: str, side: str) -> Positions:
        key = self._order[0]
        function = self._frame.range_functions[0 if side == _STARTING else 1]
        assert function is not None, "RANGE with an offset needs an in_range function"
        subtract = (kind == "preceding") != key.descending
        compared = compared_values(function.oid, self._columns[0], offset, subtract=subtract)
        if compared is not None:
            starting = side == _STARTING
            return range_ends(
                compared[0],
                self._columns[0].valid,
                compared[1],
                self._rows.starts,
                self._rows.stops,
                less=starting == key.descending,
                starting=starting,
                nulls_first=key.nulls_first,
            )
        types = (key.expression.type,) * 2
        known = CallContext(self._context.style, key.expression.type, types, self._context)
        in_range = in_range_of(function, known)
        search = _RangeSearch(
            values_of(self._columns[0]), key, in_range, offset, kind == "preceding"
        )
        found = np.empty(self._rows.count, np.int64)
        at = 0
        starts, stops = self._rows.starts.tolist(), self._rows.stops.tolist()
        for row, (start, stop) in enumerate(zip(starts, stops, strict=True)):
            at = max(at, start)
            while at < stop and not search.reached(row, at, side):
                at += 1
            found[row] = at
        return found


InRange = Callable[[Value, Value, Value, bool, bool], bool]


def in_range_of(function: Function, known: CallContext) -> InRange:
    """in_range(value, of the row, offset, subtract, less) as Python calls it."""
    assert function.row is not None, function
    return partial(function.row, known) if function.needs_context else function.row


class _RangeSearch:
    """Where a frame of RANGE with an offset begins or ends: the pointer only ever moves on."""

    def __init__(
        self,
        values: list[Value | None],
        key: SortKey,
        in_range: InRange,
        offset: Value,
        is_preceding: bool,
    ) -> None:
        self._values = values
        self._key = key
        self._in_range = in_range
        self._offset = offset
        self._subtract = is_preceding != key.descending

    def reached(self, row: int, candidate: int, side: str) -> bool:
        """Whether the candidate is the first row of the row's frame, or the first one behind it."""
        value, own = self._values[candidate], self._values[row]
        if value is None or own is None:
            return self._reached_by_nulls(value is None, own is None, side)
        # A frame starts at the first value that is not below the bound, in the order of the rows,
        # and ends before the first that is not at most the bound.
        starting = side == _STARTING
        less = starting == self._key.descending
        inside = self._in_range(value, own, self._offset, self._subtract, less)
        return inside if starting else not inside

    def _reached_by_nulls(self, value_is_null: bool, own_is_null: bool, side: str) -> bool:
        if side == _STARTING:
            if self._key.nulls_first:
                return not value_is_null or own_is_null
            return value_is_null or not own_is_null
        if self._key.nulls_first:
            return not value_is_null and own_is_null
        return value_is_null and not own_is_null
