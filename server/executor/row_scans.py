"""The sources of the row machine: ranges of an index, small tables, and the one row of a query without FROM."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from server.executor.evaluation import layout_of
from server.executor.index_scan import KeyRanges
from server.executor.row_node import ENTRIES_MAX, Leave, NotCovered, row_evaluator
from server.executor.table_shape import shape_of
from server.expressions.expression import columns_used
from server.planner import physical
from storage.engine import BEHIND_ALL, RangeReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.index_keys import IndexShape
    from server.executor.row_node import Row, RowRun
    from server.expressions.expression import ColumnId, Expression
    from server.expressions.row_calls import RowEvaluator
    from storage.engine import ScanCounts

Scan = TypeVar("Scan", physical.IndexScan, physical.TableScan)

ROW_IDS: Final = frozenset((-7, -8))
"""The attributes that are ids of versions."""

FIRST_ENTRIES: Final = 32
"""How many entries are read first where the order is the index's: a LIMIT may want no more. Then four times as many."""

FIRST_RANGES: Final = 8
"""How many ranges are read first, in the same way."""


class _Loading:
    """Which columns of stored rows are brought into row form, and the filter of those rows."""

    __slots__ = ("_filter", "_loads", "stored")

    def __init__(
        self, plan: physical.IndexScan | physical.TableScan, needed: frozenset[ColumnId]
    ) -> None:
        layout = layout_of(plan.output)
        self._filter: RowEvaluator | None = None
        if plan.filter is not None:
            needed |= columns_used(plan.filter)
            self._filter = row_evaluator(plan.filter, layout)
        loads: list[tuple[int, Callable[[Any, int], Any], int]] = []
        stored: set[ColumnId] = set()
        for place, (column, reference) in enumerate(zip(plan.output, plan.types, strict=True)):
            load = reference.type.load_value
            if load is not None and column in needed:
                loads.append((place, load, reference.modifier))
            elif load is not None:
                stored.add(column)
        self._loads = tuple(loads)
        self.stored = frozenset(stored)

    def rows(self, found: list[Row], context: ExecutionContext) -> list[Row]:
        """The rows that pass the filter."""
        if self._loads and found:
            columns: list[Any] = list(zip(*found, strict=True))
            for place, load, modifier in self._loads:
                columns[place] = [
                    None if value is None else load(value, modifier) for value in columns[place]
                ]
            found = list(zip(*columns, strict=True))
        passes = self._filter
        if passes is not None:
            found = [row for row in found if passes(row, context) is True]
        return found


def _stored_attributes(
    plan: physical.IndexScan | physical.TableScan,
) -> tuple[tuple[int, ...], bool]:
    """The columns that are read; and whether the ids of versions follow, for those who are to change them."""
    numbers = plan.attributes
    with_ids = numbers[-1:] != () and numbers[-1] in ROW_IDS
    if with_ids:
        numbers = numbers[:-1]
    if any(number <= 0 for number in numbers):
        raise NotCovered
    return tuple(number - 1 for number in numbers), with_ids


def _ids_last(plan: Scan) -> Scan:
    """The scan with the ids of versions behind all columns, where it gives such."""
    ids = [place for place, number in enumerate(plan.attributes) if number in ROW_IDS]
    if not ids or ids[0] == len(plan.attributes) - 1:
        return plan
    kept = [place for place in range(len(plan.output)) if place not in ids] + ids
    return replace(
        plan,
        attributes=tuple(plan.attributes[place] for place in kept),
        output=tuple(plan.output[place] for place in kept),
        types=tuple(plan.types[place] for place in kept),
    )


def _scalar(expression: Expression | None) -> RowEvaluator | None:
    return None if expression is None else row_evaluator(expression, {})


class IndexRows:
    """The rows that satisfy conditions on the first keys of an index."""

    __slots__ = (
        "_attributes",
        "_loading",
        "_plan",
        "_ready",
        "_values",
        "_with_ids",
        "output",
        "stored",
    )

    def __init__(self, plan: physical.IndexScan, needed: frozenset[ColumnId]) -> None:
        plan = _ids_last(plan)
        self._plan = plan
        self._attributes, self._with_ids = _stored_attributes(plan)
        self._loading = _Loading(plan, needed)
        self._values = tuple(_scalar(condition.value) for condition in plan.conditions)
        self._ready: tuple[RangeReader, IndexShape, KeyRanges] | None = None
        self.output = plan.output
        self.stored = self._loading.stored

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """In the order of the index, or all at once as they lie in the table."""
        context, plan = run.context, self._plan
        ready = self._ready
        if ready is None:
            ready = self._ready = self._prepare(context)
        reader, shape, conditions = ready
        values = [None if value is None else value((), context) for value in self._values]
        if conditions.count_max(values) > run.left:
            raise Leave
        ranges = [
            (low, BEHIND_ALL if high is None else high) for low, high in conditions.of(values)
        ]
        counts = context.engine.scans[shape.storage_id]
        run.scanned(counts, max(1, len(ranges)), 0, 0)
        if not ranges:
            return
        key_of = shape_of(plan.table, context).key_of(shape, context)
        if plan.ordered:
            if len(ranges) == 1:
                yield from self._in_order(run, reader, *ranges[0], key_of, counts)
            else:
                yield from self._ranges_in_order(run, reader, ranges, key_of, counts)
            return
        gathered = reader.gathered(context.snapshot, ranges, run.left, key_of)
        if gathered is None:
            raise Leave
        rows, count = gathered
        run.count(count)
        run.scanned(counts, 0, count, len(rows))
        yield self._loading.rows(rows, context)

    def _in_order(
        self,
        run: RowRun,
        reader: RangeReader,
        low: bytes,
        high: bytes,
        key_of: Callable[[Sequence[Any]], bytes | None],
        counts: ScanCounts,
    ) -> Iterator[list[Row]]:
        context, backward = run.context, self._plan.backward
        start, stop = (low, 0), (high, 0)
        most = FIRST_ENTRIES
        while True:
            rows, count, end = reader.few(
                context.snapshot, start, stop, most, key_of, backward=backward
            )
            run.count(count)
            run.scanned(counts, 0, count, len(rows))
            yield self._loading.rows(rows, context)
            if end is None:
                return
            if backward:
                stop = end
            else:
                start = end
            most *= 4

    def _ranges_in_order(
        self,
        run: RowRun,
        reader: RangeReader,
        ranges: list[tuple[bytes, bytes]],
        key_of: Callable[[Sequence[Any]], bytes | None],
        counts: ScanCounts,
    ) -> Iterator[list[Row]]:
        context, backward = run.context, self._plan.backward
        if backward:
            ranges.reverse()
        start, most = 0, FIRST_RANGES
        while start < len(ranges):
            found = reader.in_order(
                context.snapshot,
                ranges[start : start + most],
                run.left,
                key_of,
                backward=backward,
            )
            if found is None:
                raise Leave
            rows, count = found
            run.count(count)
            run.scanned(counts, 0, count, len(rows))
            yield self._loading.rows(rows, context)
            start += most
            most *= 4

    def _prepare(self, context: ExecutionContext) -> tuple[RangeReader, IndexShape, KeyRanges]:
        plan = self._plan
        for shape in shape_of(plan.table, context).indexes:
            if shape.index.oid == plan.index.oid:
                reader = RangeReader(
                    context.engine,
                    plan.table.storage_id,
                    shape.storage_id,
                    self._attributes,
                    with_ids=self._with_ids,
                )
                return reader, shape, KeyRanges(shape, plan.conditions)
        raise AssertionError("the index is not one of its table")


class TableRows:
    """All visible rows of a table that has few."""

    __slots__ = ("_attributes", "_loading", "_plan", "_with_ids", "output", "stored")

    def __init__(self, plan: physical.TableScan, needed: frozenset[ColumnId]) -> None:
        if plan.sample is not None or plan.estimate.rows > ENTRIES_MAX:
            raise NotCovered
        plan = _ids_last(plan)
        self._plan = plan
        self._attributes, self._with_ids = _stored_attributes(plan)
        self._loading = _Loading(plan, needed)
        self.output = plan.output
        self.stored = self._loading.stored

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """As they lie in the table."""
        context = run.context
        with context.engine.latch:
            relation = context.engine.relation(self._plan.table.storage_id)
            row_ids: list[int] = []
            for group_no in range(relation.group_count):
                view = relation.view(context.snapshot, group_no)
                run.count(view.slot_count)
                row_ids += view.row_ids.tolist()
            rows = relation.paths.many_values(row_ids, self._attributes)
        if self._with_ids:
            rows = [(*row, row_id) for row, row_id in zip(rows, row_ids, strict=True)]
        run.scanned(context.engine.scans[relation.relation_id], 1, len(rows), 0)
        yield self._loading.rows(rows, context)


class SingleRow:
    """One row without columns."""

    __slots__ = ("output", "stored")

    def __init__(self, plan: physical.OneRow, needed: frozenset[ColumnId]) -> None:
        del needed
        self.output = plan.output
        self.stored: frozenset[ColumnId] = frozenset()

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """It."""
        del run
        yield [()]
