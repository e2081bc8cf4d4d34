"""GROUP BY: rows get the number of their group, aggregates collect by it.

Rule 1: every grouping set has groups and states of its own; a key that a set leaves out is NULL in
        its rows.
Rule 2: the empty set has its one group even without any input.
Rule 3: DISTINCT and ORDER BY inside an aggregate hold its rows back until the input has ended;
        DISTINCT hands them on in order, as PostgreSQL does.
"""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import SqlError
from server.executor.columns import (
    concatenate,
    concatenate_batches,
    picked_rows,
)
from server.executor.evaluation import Evaluator, evaluator, evaluators, layout_of
from server.executor.grouping_sets import GroupingSets
from server.executor.groups import PreparedGrouping
from server.executor.key_table import KeyTable
from server.executor.morsels import helper_count
from server.executor.native import first_rows
from server.executor.operator import Builder, Operator
from server.executor.selected_percentiles import with_places
from server.executor.shared_groups import collect, may_share
from server.executor.sort import order_by, rank_arrays
from server.expressions.expression import (
    AggregateCall,
    Expression,
    RowConstructor,
    SortKey,
    Variable,
)
from server.functions.function import CallContext
from server.types.registry import TYPE_BY_OID
from server.vector.batch import Batch
from server.vector.column import Column, Positions
from server.vector.rows import constant_column
from server.vector.selection import positions_of, true_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.expressions.rowwise import Layout
    from server.planner import physical

HOLDING: Final = frozenset(
    {
        "array_agg", "string_agg", "json_agg", "jsonb_agg", "json_object_agg", "jsonb_object_agg", "xmlagg",
        "percentile_cont", "percentile_disc", "mode", "range_agg",
    }
)  # fmt: skip
"""The aggregates whose states grow with every row."""

GATHERING: Final = HOLDING - {"string_agg", "percentile_cont", "percentile_disc", "mode"}
"""Those of them that make an object of each value."""

KEY_BYTES: Final = 32
"""What a key takes beside its value in a table of keys, about."""

OBJECT_BYTES: Final = 40
"""What an object takes beside its value, with the reference to it, about."""

_PLAIN_KEYS: Final = frozenset(
    {16, 18, 19, 20, 21, 23, 25, 26, 700, 701, 1043, 1082, 1083, 1114, 1184, 1700, 2950}
)
"""Types whose values in rows are equal when they are by themselves."""

BOOL: Final = np.dtype(np.bool_)

_ORDER_IS_NO_MATTER = frozenset({"count", "min", "max", "bool_and", "bool_or", "every"})


class HashAggregate(Operator):
    """One row a group.

    Its keys, then its aggregates, then the number of the grouping set if wanted.
    """

    __slots__ = ("_may_share", "_takes_at_once", "prepared")

    plan: physical.HashAggregate

    def __init__(self, plan: physical.HashAggregate, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.input,))
        layout = layout_of(plan.input.output)
        calls = tuple(PreparedAggregate(call, layout, plan.keys) for call in plan.aggregates)
        self.prepared = PreparedGrouping(plan, evaluators(plan.keys, layout), calls)
        self._may_share = may_share(plan)
        self._takes_at_once = all(
            not (call.order or call.distinct or call.direct_arguments) for call in plan.aggregates
        )

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Read the input to its end, then yield the groups."""
        if self._may_share and context.workers is not None and helper_count(context):
            morsels = self.inputs[0].morsels(context)
            if morsels is not None:
                with ExitStack() as stack:
                    sets = GroupingSets(self.prepared, context, stack)
                    collected = collect(morsels, sets, self.prepared, context, stack)
                    if collected is not None:
                        yield from collected.results()
                        return
        with ExitStack() as stack:
            sets = GroupingSets(self.prepared, context, stack)
            for batch in self._input(sets, context):
                sets.add(batch, self.prepared.evaluated(batch, context))
            yield from sets.results()

    def _input(self, sets: GroupingSets, context: ExecutionContext) -> Iterator[Batch]:
        """The batches; where they end with an error, what is wrong with the rows before is told in its place."""
        batches = iter(self.inputs[0].batches(context))
        while True:
            try:
                batch = next(batches, None)
            except SqlError as error:
                if self._takes_at_once and not error.is_intervention:
                    deque(sets.results(), 0)
                raise
            if batch is None:
                return
            yield batch


class PreparedAggregate:
    """A call of an aggregate made ready.

    How to get its arguments, and how the rows are to be ordered.
    """

    __slots__ = (
        "_evaluators",
        "_filter",
        "arguments_count",
        "call",
        "direct_keys",
        "has_one_group",
        "types",
    )

    def __init__(self, call: AggregateCall, layout: Layout, keys: Sequence[Expression]) -> None:
        """The keys are those of the groups."""
        self.call = call
        self.has_one_group = not keys
        self.direct_keys = tuple(
            next((number for number, key in enumerate(keys) if _same(argument, key)), None)
            for argument in call.direct_arguments
        )
        ordered = tuple(key.expression for key in call.order)
        given = call.direct_arguments + call.arguments
        fields = _counted_fields(call)
        if fields:  # rows need not be made to see which differ
            given = fields
        self.types = tuple(argument.type for argument in given)
        self.arguments_count = len(given)
        self._evaluators: tuple[Evaluator, ...] = evaluators(given + ordered, layout)
        self._filter = None if call.filter is None else evaluator(call.filter, layout)

    def arguments(
        self, batch: Batch, context: ExecutionContext
    ) -> tuple[Positions | None, tuple[Column, ...]]:
        """The rows that take part (None: all), with the arguments and sort keys of those rows."""
        rows = None
        if self._filter is not None:
            rows = positions_of(true_rows(self._filter(batch, context)))
            batch = batch.take(rows)
        return rows, tuple(evaluate(batch, context) for evaluate in self._evaluators)

    def collector(self, context: ExecutionContext) -> Collector:
        """Make what collects the rows of one run."""
        call = self.call
        types = tuple(argument.type for argument in call.direct_arguments + call.arguments)
        known = CallContext(context.style, call.type, types, context)
        if call.aggregate.kind == "h":
            return _HypotheticalCollector(self, known, context.bytes_of)
        if call.distinct and not call.order and call.aggregate.name in _ORDER_IS_NO_MATTER:
            return _DistinctCollector(self, known, context.bytes_of)
        if call.order or call.distinct:
            return _HeldCollector(self, known, context.bytes_of)
        return Collector(self, known, context.bytes_of)


def _counted_fields(call: AggregateCall) -> tuple[Expression, ...]:
    """What count(DISTINCT (a, b)) counts the combinations of, NULL or not; () for other calls."""
    if call.aggregate.name != "count" or not call.distinct or len(call.arguments) != 1:
        return ()
    (argument,) = call.arguments
    if not isinstance(argument, RowConstructor) or call.order:
        return ()
    plain = all(item.type.oid in _PLAIN_KEYS for item in argument.items)
    return argument.items if plain else ()


def _same(argument: Expression, key: Expression) -> bool:
    """Whether a direct argument is a key of the groups."""
    if not (isinstance(argument, Variable) and isinstance(key, Variable)):
        return False
    return argument.column == key.column


class Collector:
    """The state of one aggregate over the groups of one grouping set."""

    __slots__ = (
        "_bytes_of", "_count", "_is_growing", "_object_bytes", "_prepared", "_state", "byte_count",
    )  # fmt: skip

    def __init__(
        self, prepared: PreparedAggregate, known: CallContext, bytes_of: Callable[[Batch], int]
    ) -> None:
        self._prepared = prepared
        self._count = prepared.arguments_count
        self._state: Any = prepared.call.aggregate.create(known)
        name = prepared.call.aggregate.name
        self._is_growing = name in HOLDING
        self._object_bytes = OBJECT_BYTES * self._count if name in GATHERING else 0
        self._bytes_of = bytes_of
        self.byte_count = 0  # of the rows it holds

    def add(self, groups: Positions, group_count: int, columns: tuple[Column, ...]) -> None:
        """Take rows in: the group of each, and its arguments."""
        if self._is_growing:
            self.byte_count += self._bytes_of(Batch(columns, len(groups)))
            self.byte_count += self._object_bytes * len(groups)
        aggregate = self._prepared.call.aggregate
        state = aggregate.accumulate(self._state, groups, group_count, columns[: self._count])
        self._state = self._state if state is None else state

    def merge(self, other: Collector, places: Positions, group_count: int) -> None:
        """Take in what another thread has collected: places says which groups its groups are here."""
        merge = self._prepared.call.aggregate.merge
        assert merge is not None
        state = merge(self._state, other._state, places, group_count)
        self._state = self._state if state is None else state

    def finish(self, group_count: int) -> Column:
        """Give the results, a row a group."""
        return self._prepared.call.aggregate.finish(self._state, group_count)


class _DistinctCollector(Collector):
    """Takes each row of a group in once, as it comes: for aggregates that no order of rows changes."""

    __slots__ = ("_has_one_group", "_is_of_fields", "_seen")

    def __init__(
        self, prepared: PreparedAggregate, known: CallContext, bytes_of: Callable[[Batch], int]
    ) -> None:
        super().__init__(prepared, known, bytes_of)
        self._has_one_group = prepared.has_one_group
        groups = () if self._has_one_group else (TYPE_BY_OID[20],)
        types = (reference.type for reference in prepared.types)
        self._seen = KeyTable([*groups, *types], nulls_match=True)
        self._is_of_fields = prepared.types != tuple(
            argument.type for argument in prepared.call.arguments
        )

    def add(self, groups: Positions, group_count: int, columns: tuple[Column, ...]) -> None:
        """Take in rows that have not been there."""
        known = len(self._seen)
        keys = columns if self._has_one_group else (Column(groups), *columns)
        codes = self._seen.add(keys, len(groups))
        new = first_rows(codes, known, len(self._seen))
        taken = tuple(column.take(new) for column in columns)
        self.byte_count += self._bytes_of(Batch(taken, len(new))) + KEY_BYTES * len(new)
        if self._is_of_fields:
            taken = (constant_column(True, BOOL, len(new)),)
        super().add(groups[new], group_count, taken)


class _HeldCollector(Collector):
    """Holds rows back to drop duplicates or to sort them first."""

    __slots__ = ("_held", "_look", "_seen")

    def __init__(
        self, prepared: PreparedAggregate, known: CallContext, bytes_of: Callable[[Batch], int]
    ) -> None:
        super().__init__(prepared, known, bytes_of)
        call = prepared.call
        self._look = known.execution.check_cancelled
        self._held: list[Batch] = []
        self._seen: KeyTable | None = None
        if call.distinct:
            types = [argument.type.type for argument in call.direct_arguments + call.arguments]
            self._seen = KeyTable([TYPE_BY_OID[20], *types], nulls_match=True)

    def add(self, groups: Positions, group_count: int, columns: tuple[Column, ...]) -> None:
        """Keep rows, without those that are there already if DISTINCT."""
        rows = Batch((Column(groups), *columns), len(groups))
        if self._seen is not None:
            known = len(self._seen)
            codes = self._seen.add(rows.columns[: self._count + 1], rows.count)
            rows = rows.take(first_rows(codes, known, len(self._seen)))
        self._held.append(rows)
        self.byte_count += self._bytes_of(rows)

    def finish(self, group_count: int) -> Column:
        """Sort the rows within each group, hand them on, give the results."""
        if self._held:
            held = concatenate_batches(self._held, (), self._look)
            rows = with_places(self._prepared.call, held, group_count, self._look)
            if rows is None:
                needed = Batch(held.columns[: self._count + 1], held.count)  # sort keys are not
                rows = picked_rows(needed, self._order(held), self._look)
            super().add(rows.columns[0].values, group_count, rows.columns[1:])
        return super().finish(group_count)

    def _order(self, rows: Batch) -> Positions:
        call = self._prepared.call
        keys: Sequence[SortKey] = call.order
        columns = rows.columns[self._count + 1 :]
        if not keys:
            keys = [SortKey(expression=argument) for argument in call.arguments]
            columns = rows.columns[1:]
        arrays = [] if self._prepared.has_one_group else [rows.columns[0].values]
        for column, key in zip(columns, keys, strict=False):
            arrays.extend(rank_arrays(column, key, self._look))
        return order_by(arrays, rows.count, self._look)


class _HypotheticalCollector(_HeldCollector):
    """Compares the rows with the direct arguments, as the order of WITHIN GROUP has it."""

    __slots__ = ()

    def finish(self, group_count: int) -> Column:
        """Sort the rows, tell where the direct arguments stand among them, give the results."""
        if self._held:
            rows = concatenate_batches(self._held, (), self._look)
            rows = picked_rows(rows, self._order(rows), self._look)
            groups = rows.columns[0].values
            aggregate = self._prepared.call.aggregate
            aggregate.accumulate(self._state, groups, group_count, self._standing(groups, rows))
            self._held.clear()
        return Collector.finish(self, group_count)

    def _standing(self, groups: Positions, rows: Batch) -> tuple[Column, ...]:
        """Whether each row sorts before the direct arguments, is the first such, is their peer."""
        call, count = self._prepared.call, rows.count
        width = len(call.direct_arguments)
        directs, values = rows.columns[1 : width + 1], rows.columns[width + 1 : 2 * width + 1]
        before, peer = np.zeros(count, np.bool_), np.ones(count, np.bool_)
        first = np.ones(count, np.bool_)
        first[1:] = groups[1:] != groups[:-1]
        for key, direct, value in zip(call.order, directs, values, strict=True):
            for array in rank_arrays(concatenate([value, direct]), key):
                own, other = array[:count], array[count:]
                before |= peer & (own < other)
                peer &= own == other
                first[1:] |= own[1:] != own[:-1]
        return Column(before), Column(first), Column(peer)
