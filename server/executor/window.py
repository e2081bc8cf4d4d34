"""Window functions: the input is sorted by partition and order once, then each call gives a column.

Rule 1: rows come out in the order of the window, the columns of the input first; many that it gives no order, as they
        came in (window_totals).
Rule 2: whole partitions are done some at a time, so that a cancelled statement ends and what they
        take fits into the processor's caches.
Rule 3: an aggregate over a frame sees the frame's rows in order, and NULL arguments as it always
        does.

How an aggregate is computed depends on its frames: one group a partition (all frames of it are
equal), a state that grows (frames begin with their partition), or else every frame's rows written
out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.columns import concatenate, concatenate_batches, slices
from server.executor.evaluation import evaluator, evaluators, layout_of, scalar
from server.executor.first_of_partitions import FirstOfPartitions, count_of
from server.executor.moving_frames import moving_column
from server.executor.native import extreme_rows, float_sums
from server.executor.operator import Builder, Operator
from server.executor.sort import KeyEvaluator, rank_arrays, ranks, tie_order
from server.executor.window_frames import add_frames, with_values
from server.executor.window_portions import Portion, portions
from server.executor.window_rows import WindowRows, changes_of
from server.executor.window_totals import ROWS_MIN, WindowTotals, are_totals
from server.expressions.expression import SortKey, WindowCall
from server.functions.extremes import GREATEST
from server.functions.function import Aggregate, CallContext
from server.functions.sums import are_beyond_squares, averages_of
from server.planner.matching import is_volatile
from server.vector.batch import Batch
from server.vector.column import Column
from server.vector.parted import PartedColumn
from server.vector.selection import true_rows
from server.vector.texts import TextColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.executor.context import ExecutionContext
    from server.executor.memory import Held
    from server.expressions.rowwise import Layout
    from server.planner import physical
    from server.vector.column import Mask, Positions, Values

PAIRS_MAX: Final = 1 << 20
ADDITIONS_MAX: Final = 1 << 24
"""How many rows of frames are added up in one go: some milliseconds."""


class Window(Operator):
    """The columns of the input and one for each call."""

    __slots__ = ("_calls", "_excess", "_first", "_order", "_partition", "_totals")

    plan: physical.Window

    def __init__(self, plan: physical.Window, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.input,))
        layout = layout_of(plan.input.output)
        keys = tuple(SortKey(expression=expression) for expression in plan.partition)
        self._partition = KeyEvaluator(keys, layout)
        self._order = KeyEvaluator(plan.order, layout)
        self._calls = tuple(_PreparedCall(call, layout, plan.frame) for call in plan.calls)
        bound, self._excess = plan.first or (None, 0)
        self._first = None if bound is None else scalar(bound)
        self._totals = WindowTotals(plan, layout) if are_totals(plan) else None

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Read the input to its end, then yield it with the columns of the calls."""
        with context.memory.hold() as holding:
            yield from self._all(context, holding)

    def _all(self, context: ExecutionContext, holding: Held) -> Iterator[Batch]:
        source = self.inputs[0]
        wanted = None if self._first is None else count_of(self._first(context), self._excess)
        if wanted is None:
            batches = list(context.held(source.batches(context), holding))
        else:
            first = FirstOfPartitions(self.plan, self._partition, self._order, wanted)
            batches = first.of(source.batches(context), context, holding)
        if self._totals is not None and sum(batch.count for batch in batches) >= ROWS_MIN:
            yield from self._totals.of(batches, context, holding)
            return
        batch = concatenate_batches(batches, source.plan.types, context.check_cancelled)
        frame = with_values(self.plan.frame, context)
        for portion, rows, order_columns in self._sorted(batch, context):
            context.check_cancelled()
            add_frames(rows, frame, self.plan.order, order_columns, context)
            columns: list[Column] = []
            for call in self._calls:
                context.check_cancelled()
                columns.append(call.evaluate(portion, rows, context))
            yield from slices(Batch((*portion.columns, *columns), portion.count))

    def _sorted(self, batch: Batch, context: ExecutionContext) -> Iterator[Portion]:
        """The rows in order, portion by portion."""
        partition_arrays = self._partition.arrays(batch, context)
        order_columns = self._order.columns(batch, context)
        order_arrays = [
            array
            for column, key in zip(order_columns, self.plan.order, strict=True)
            for array in rank_arrays(column, key, context.check_cancelled)
        ]
        look = context.check_cancelled
        order = tie_order([*partition_arrays, *order_arrays], batch.count, look=look)
        yield from portions(batch, order_columns, order, (partition_arrays, order_arrays), context)


class _PreparedCall:
    """A call of a window function or of an aggregate, made ready."""

    __slots__ = ("_arguments", "_call", "_filter", "_moves")

    def __init__(self, call: WindowCall, layout: Layout, frame: physical.WindowFrame) -> None:
        self._call = call
        self._arguments = evaluators(call.arguments, layout)
        self._filter = None if call.filter is None else evaluator(call.filter, layout)
        given = (*call.arguments, *(() if call.filter is None else (call.filter,)))
        starts_anywhere = frame.start[0] != "unbounded_preceding"
        self._moves = starts_anywhere and not any(map(is_volatile, given))

    def evaluate(self, batch: Batch, rows: WindowRows, context: ExecutionContext) -> Column:
        """Give the column of the call; batch is sorted."""
        passed = None if self._filter is None else true_rows(self._filter(batch, context))
        arguments = self._columns(batch, passed, context)
        types = tuple(argument.type for argument in self._call.arguments)
        known = CallContext(context.style, self._call.type, types, context)
        function = self._call.function
        if not isinstance(function, Aggregate):
            return function.evaluate(known, rows, *arguments)
        if function.moving is not None and self._moves and rows.excluded is None:
            state = function.moving(known)
            return moving_column(state, rows, arguments, passed, context.check_cancelled)
        frames = _AggregateFrames(function, known, rows, arguments, passed)
        return frames.evaluate(context)

    def _columns(
        self, batch: Batch, passed: Mask | None, context: ExecutionContext
    ) -> tuple[Column, ...]:
        """The arguments, NULL in rows that do not pass: what these would give may be an error."""
        if passed is None or passed.all():
            return tuple(evaluate(batch, context) for evaluate in self._arguments)
        there = np.flatnonzero(passed)
        places = np.full(batch.count, -1, np.int64)
        places[there] = np.arange(len(there))
        rows = batch.take(there)
        return tuple(evaluate(rows, context).take(places) for evaluate in self._arguments)


def _at_hand(column: Column) -> Column:
    """A column of which a few rows are taken as cheaply as many are."""
    return Column(column.values, column.valid) if isinstance(column, PartedColumn) else column


_COUNT_OIDS: Final = frozenset({2147, 2803})
_SUM_OIDS: Final = frozenset({2107, 2108, 2109, 2114})  # int8 int4 int2 numeric
_AVERAGE_OIDS: Final = frozenset({2100, 2101, 2102, 2103})  # the same
_FLOAT_SUM: Final = 2111  # float8; real ones are added up as such
_FLOAT_SUM_OIDS: Final = frozenset({_FLOAT_SUM, 2104, 2105})  # means of float4 float8


class _AggregateFrames:
    """One aggregate over the frames of all rows."""

    def __init__(
        self,
        aggregate: Aggregate,
        known: CallContext,
        rows: WindowRows,
        arguments: tuple[Column, ...],
        passed: Mask | None,
    ) -> None:
        self._aggregate = aggregate
        self._known = known
        self._rows = rows
        self._arguments = arguments
        self._passed = passed
        self._check_cancelled: Callable[[], None] = lambda: None

    def evaluate(self, context: ExecutionContext) -> Column:
        """Give the aggregate of each row's frame."""
        self._check_cancelled = context.check_cancelled
        rows = self._rows
        if rows.excluded is not None:
            return self._written_out(context)
        begins_with_partition = np.array_equal(rows.frame_starts, rows.starts)
        if begins_with_partition and np.array_equal(rows.frame_stops, rows.stops):
            return self._whole_partitions()
        running = self._running()
        if running is not None:
            return running
        if begins_with_partition and not (np.diff(rows.frame_stops) < 0).any():
            return self._growing(context)
        return self._written_out(context)

    def _running(self) -> Column | None:
        """What needs no frame to be looked at row by row; None: it is something else, or might overflow."""
        oid = self._aggregate.oid
        if oid in GREATEST:
            return self._extremes(GREATEST[oid])
        if oid in _COUNT_OIDS:
            return Column(self._differences(self._there()))
        if oid in _SUM_OIDS or oid in _AVERAGE_OIDS:
            return self._exact_sums(is_average=oid in _AVERAGE_OIDS)
        if oid in _FLOAT_SUM_OIDS:
            return self._float_sums(is_average=oid != _FLOAT_SUM)
        return None

    def _there(self) -> Mask:
        """The rows that count: that pass the filter, and whose arguments are not NULL."""
        there = np.ones(self._rows.count, np.bool_) if self._passed is None else self._passed
        for column in self._arguments:
            there = there if column.valid is None else there & column.valid
        return there

    def _extremes(self, greatest: bool) -> Column | None:
        """The least or greatest values, by the order of integers."""
        column, rows = self._arguments[0], self._rows
        is_text = isinstance(column, TextColumn) or column.dictionary is not None
        if not is_text and column.values.dtype == object:
            return None
        keys = ranks(column, self._known.arguments[0].type)
        there = self._there()
        valid = None if there.all() else there
        return column.take(extreme_rows(keys, valid, rows.frame_starts, rows.frame_stops, greatest))

    def _exact_sums(self, *, is_average: bool) -> Column | None:
        """Sums and means of integers and scaled decimals, as differences of running sums."""
        column = self._arguments[0]
        if column.dictionary is not None or column.values.dtype.kind != "i":
            return None
        there = self._there()
        counts = self._differences(there)
        values = np.where(there, column.values, 0).astype(np.int64)
        if len(values) and max(int(values.max()), -int(values.min())) * len(values) >= 1 << 62:
            return None
        sums = self._differences(values)
        if is_average:
            return averages_of(sums, counts, column.scale or 0)
        seen = np.flatnonzero(counts)
        state = self._aggregate.create(self._known)
        picked = Column(sums[seen], None, column.scale)
        made = self._aggregate.accumulate(state, seen, self._rows.count, (picked,))
        return self._aggregate.finish(state if made is None else made, self._rows.count)

    def _float_sums(self, *, is_average: bool) -> Column | None:
        """Sums and means of floats, each added up in the order of its frame."""
        rows, column = self._rows, self._arguments[0]
        if column.dictionary is not None or column.values.dtype.kind != "f":
            return None
        if is_average and are_beyond_squares(column.values):
            return None  # PostgreSQL's squares may overflow
        there = self._there()
        counts = self._differences(there)
        valid = None if there.all() else there
        sums = np.empty(rows.count, np.float64)
        for start, stop in self._portions():
            frames = rows.frame_starts[start:stop], rows.frame_stops[start:stop]
            sums[start:stop] = float_sums(column.values, valid, *frames)
        if not np.isfinite(sums).all():
            return None
        if is_average:
            sums = (sums + 0.0) / np.maximum(counts, 1)
        return Column(sums, None if counts.all() else counts > 0)

    def _portions(self) -> Iterator[tuple[int, int]]:
        """Rows start ... stop - 1 whose frames have so many rows that a cancellation can wait for them."""
        starts, stops = self._rows.frame_starts, self._rows.frame_stops
        costs = np.maximum(stops - starts, 0)
        goes_on = (starts[1:] == starts[:-1]) & (stops[1:] >= stops[:-1])
        costs[1:] = np.where(goes_on, stops[1:] - stops[:-1], costs[1:])
        ends = np.cumsum(costs + 1)
        start = 0
        while start < len(ends):
            self._check_cancelled()
            done = int(ends[start - 1]) if start else 0
            stop = int(np.searchsorted(ends, done + ADDITIONS_MAX, side="right"))
            yield start, max(stop, start + 1)
            start = max(stop, start + 1)

    def _differences(self, values: Values) -> Positions:
        """The sum over each row's frame."""
        total = np.zeros(len(values) + 1, np.int64)
        np.cumsum(values, out=total[1:])
        starts, stops = self._rows.frame_starts, self._rows.frame_stops
        empty = stops <= starts  # wherever its ends may be
        result: Positions = total[np.where(empty, 0, stops)] - total[np.where(empty, 0, starts)]
        return result

    def _whole_partitions(self) -> Column:
        changes = changes_of([self._rows.starts], self._rows.count)
        numbers: Positions = np.cumsum(changes, dtype=np.int64)
        count = int(numbers[-1]) + 1 if len(numbers) else 0
        if self._passed is not None:
            return self._aggregated(numbers, count, np.arange(self._rows.count)).take(numbers)
        state = self._aggregate.create(self._known)
        state = self._taken_in(state, numbers, count, self._arguments)
        return self._aggregate.finish(state, count).take(numbers)

    def _growing(self, context: ExecutionContext) -> Column:
        """Frames that begin with the partition.

        The state takes in rows and is finished again and again.
        """
        rows = self._rows
        self._arguments = tuple(map(_at_hand, self._arguments))
        changes = changes_of([rows.starts, rows.frame_stops], rows.count)
        changes[:1] = True
        places = np.flatnonzero(changes)
        results: list[Column] = []
        state: Any = None
        done = 0
        for number, row in enumerate(places.tolist()):
            if number % 1024 == 0:
                context.check_cancelled()
            start, stop = int(rows.starts[row]), int(rows.frame_stops[row])
            if number == 0 or start != int(rows.starts[places[number - 1]]):
                state, done = self._aggregate.create(self._known), start
            if stop > done:
                state = self._accumulate(state, np.arange(done, stop), None, 1)
                done = stop
            results.append(self._aggregate.finish(state, 1))
        if not results:
            return self._aggregate.finish(self._aggregate.create(self._known), 0)
        return concatenate(results).take(np.cumsum(changes) - 1)

    def _written_out(self, context: ExecutionContext) -> Column:
        """Every frame's rows as a group of their own, some frames at a time."""
        sizes = self._rows.frame_sizes()
        ends = np.cumsum(sizes)
        results: list[Column] = []
        start = 0
        while start < self._rows.count:
            context.check_cancelled()
            done = int(ends[start - 1]) if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, done + PAIRS_MAX, side="right")))
            groups, members = self._members(start, stop)
            results.append(self._aggregated(groups, stop - start, members))
            start = stop
        if not results:
            return self._aggregate.finish(self._aggregate.create(self._known), 0)
        return concatenate(results)

    def _members(self, start: int, stop: int) -> tuple[Positions, Positions]:
        """The rows of the frames of rows start ... stop - 1: the number of the frame.

        And the row.
        """
        pieces = self._rows.pieces()
        first = np.stack([starts[start:stop] for starts, _ in pieces], axis=1).ravel()
        ends = np.stack([stops[start:stop] for _, stops in pieces], axis=1).ravel()
        lengths = np.maximum(ends - first, 0)
        before = np.cumsum(lengths) - lengths
        members = np.arange(int(lengths.sum())) + np.repeat(first - before, lengths)
        groups = np.repeat(np.repeat(np.arange(stop - start), len(pieces)), lengths)
        return groups, members

    def _aggregated(self, groups: Positions, count: int, members: Positions) -> Column:
        state = self._aggregate.create(self._known)
        state = self._accumulate(state, members, groups, count)
        return self._aggregate.finish(state, count)

    def _accumulate(
        self, state: Any, members: Positions, groups: Positions | None, count: int
    ) -> Any:
        if groups is None:
            groups = np.zeros(len(members), np.int64)
        if self._passed is not None:
            kept = self._passed[members]
            members, groups = members[kept], groups[kept]
        columns = tuple(column.take(members) for column in self._arguments)
        return self._taken_in(state, groups, count, columns)

    def _taken_in(
        self, state: Any, groups: Positions, count: int, columns: tuple[Column, ...]
    ) -> Any:
        result = self._aggregate.accumulate(state, groups, count, columns)
        return state if result is None else result
