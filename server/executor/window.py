"""Window functions: the input is sorted by partition and order once, then each call gives a column.

Rule 1: rows come out in the order of the window, the columns of the input first.
Rule 2: an aggregate over a frame sees the frame's rows in order, and NULL arguments as it always
        does.

How an aggregate is computed depends on its frames: one group a partition (all frames of it are
equal), a state that grows (frames begin with their partition), or else every frame's rows written
out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.columns import concatenate, concatenate_batches, slices
from server.executor.evaluation import evaluator, evaluators, layout_of
from server.executor.operator import Builder, Operator
from server.executor.sort import KeyEvaluator, rank_arrays, tie_order
from server.executor.window_frames import add_frames
from server.executor.window_rows import WindowRows, changes_of, rows_with_peers
from server.expressions.expression import SortKey, WindowCall
from server.functions.function import Aggregate, CallContext
from server.vector.batch import Batch
from server.vector.column import Column
from server.vector.selection import true_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.context import ExecutionContext
    from server.expressions.rowwise import Layout
    from server.planner import physical
    from server.vector.column import Mask, Positions, Values

PAIRS_MAX: Final = 1 << 20


class Window(Operator):
    """The columns of the input and one for each call."""

    __slots__ = ("_calls", "_order", "_partition")

    plan: physical.Window

    def __init__(self, plan: physical.Window, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.input,))
        layout = layout_of(plan.input.output)
        keys = tuple(SortKey(expression=expression) for expression in plan.partition)
        self._partition = KeyEvaluator(keys, layout)
        self._order = KeyEvaluator(plan.order, layout)
        self._calls = tuple(_PreparedCall(call, layout) for call in plan.calls)

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Read the input to its end, then yield it with the columns of the calls."""
        source = self.inputs[0]
        batch = concatenate_batches(list(source.batches(context)), source.plan.types)
        batch, rows, order_columns = self._sorted(batch, context)
        add_frames(rows, self.plan.frame, self.plan.order, order_columns, context)
        columns = [call.evaluate(batch, rows, context) for call in self._calls]
        yield from slices(Batch((*batch.columns, *columns), batch.count))

    def _sorted(
        self, batch: Batch, context: ExecutionContext
    ) -> tuple[Batch, WindowRows, tuple[Column, ...]]:
        partition_arrays = self._partition.arrays(batch, context)
        order_columns = self._order.columns(batch, context)
        order_arrays = [
            array
            for column, key in zip(order_columns, self.plan.order, strict=True)
            for array in rank_arrays(column, key)
        ]
        order = tie_order([*partition_arrays, *order_arrays], batch.count)
        rows = rows_with_peers(
            changes_of([array[order] for array in partition_arrays], batch.count),
            changes_of([array[order] for array in order_arrays], batch.count),
        )
        return batch.take(order), rows, tuple(column.take(order) for column in order_columns)


class _PreparedCall:
    """A call of a window function or of an aggregate, made ready."""

    __slots__ = ("_arguments", "_call", "_filter")

    def __init__(self, call: WindowCall, layout: Layout) -> None:
        self._call = call
        self._arguments = evaluators(call.arguments, layout)
        self._filter = None if call.filter is None else evaluator(call.filter, layout)

    def evaluate(self, batch: Batch, rows: WindowRows, context: ExecutionContext) -> Column:
        """Give the column of the call; batch is sorted."""
        arguments = tuple(evaluate(batch, context) for evaluate in self._arguments)
        types = tuple(argument.type for argument in self._call.arguments)
        known = CallContext(context.style, self._call.type, types, context)
        function = self._call.function
        if not isinstance(function, Aggregate):
            return function.evaluate(known, rows, *arguments)
        passed = None if self._filter is None else true_rows(self._filter(batch, context))
        frames = _AggregateFrames(function, known, rows, arguments, passed)
        return frames.evaluate(context)


_COUNT_OIDS: Final = frozenset({2147, 2803})
_SUM_OIDS: Final = frozenset({2107, 2108, 2109, 2114})  # int8 int4 int2 numeric


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

    def evaluate(self, context: ExecutionContext) -> Column:
        """Give the aggregate of each row's frame."""
        rows = self._rows
        running = self._running() if rows.excluded is None else None
        if running is not None:
            return running
        if rows.excluded is None and np.array_equal(rows.frame_starts, rows.starts):
            if np.array_equal(rows.frame_stops, rows.stops):
                return self._whole_partitions()
            if not (np.diff(rows.frame_stops) < 0).any():
                return self._growing(context)
        return self._written_out(context)

    def _running(self) -> Column | None:
        """Counts, and sums of integers and scaled decimals, as differences of running ones.

        None: it is something else, or might overflow.
        """
        rows, oid = self._rows, self._aggregate.oid
        if oid not in _COUNT_OIDS and oid not in _SUM_OIDS:
            return None
        there = np.ones(rows.count, np.bool_) if self._passed is None else self._passed
        for column in self._arguments:
            there = there if column.valid is None else there & column.valid
        counts = self._differences(there)
        if oid in _COUNT_OIDS:
            return Column(counts)
        column = self._arguments[0]
        if column.dictionary is not None or column.values.dtype.kind != "i":
            return None
        values = np.where(there, column.values, 0).astype(np.int64)
        if len(values) and max(int(values.max()), -int(values.min())) * len(values) >= 1 << 62:
            return None
        seen = np.flatnonzero(counts)
        sums = Column(self._differences(values)[seen], None, column.scale)
        state = self._aggregate.create(self._known)
        made = self._aggregate.accumulate(state, seen, rows.count, (sums,))
        return self._aggregate.finish(state if made is None else made, rows.count)

    def _differences(self, values: Values) -> Positions:
        """The sum over each row's frame."""
        total = np.zeros(len(values) + 1, np.int64)
        np.cumsum(values, out=total[1:])
        starts, stops = self._rows.frame_starts, self._rows.frame_stops
        empty = stops <= starts  # wherever its ends may be
        result: Positions = total[np.where(empty, 0, stops)] - total[np.where(empty, 0, starts)]
        return result

    def _whole_partitions(self) -> Column:
        _, numbers = np.unique(self._rows.starts, return_inverse=True)
        count = int(numbers[-1]) + 1 if len(numbers) else 0
        members = np.arange(self._rows.count)
        return self._aggregated(numbers, count, members).take(numbers)

    def _growing(self, context: ExecutionContext) -> Column:
        """Frames that begin with the partition.

        The state takes in rows and is finished again and again.
        """
        rows = self._rows
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
        groups, members = [], []
        for starts, stops in self._rows.pieces():
            lengths = np.maximum(stops[start:stop] - starts[start:stop], 0)
            ends = np.cumsum(lengths)
            within = np.arange(int(lengths.sum())) - np.repeat(ends - lengths, lengths)
            groups.append(np.repeat(np.arange(stop - start), lengths))
            members.append(np.repeat(starts[start:stop], lengths) + within)
        if len(groups) == 1:
            return groups[0], members[0]
        group, member = np.concatenate(groups), np.concatenate(members)
        order = np.lexsort((member, group))
        return group[order], member[order]

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
        result = self._aggregate.accumulate(state, groups, count, columns)
        return state if result is None else result
