"""FusedAggregate: GROUP BY over a filtered scan as one program of the vector machine.

Rule 1: nothing is yielded before the whole scan has gone well; if it has not, the ordinary operator
        starts from scratch.
Rule 2: groups get their numbers before the filter, so groups that no row has passed into are
        dropped in the end.
"""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.aggregate import HashAggregate
from server.executor.columns import concatenate_batches, slices
from server.executor.key_table import KeyTable
from server.executor.machine import AGGREGATES, GROUPS_MAX, Op, Totals
from server.executor.machine_compile import (
    DECIMAL,
    FLOAT,
    INTEGER,
    WORD_MAX,
    Compiler,
    Operand,
    Unsupported,
)
from server.executor.morsels import in_order
from server.executor.native import first_rows, run_program, selected_rows
from server.executor.row_order import changing
from server.executor.scan_program import stored_columns
from server.executor.storage_columns import machine_inputs, stored_column
from server.executor.zones import ZoneFilter
from server.expressions.expression import AggregateCall, Call, Constant, Expression, Variable
from server.functions import numeric_math
from server.functions.function import CallContext
from server.functions.sums import averages_of
from server.planner import physical
from server.vector.batch import Batch
from server.vector.column import Column, Positions
from server.vector.rows import column_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.machine import Program
    from server.executor.operator import Builder

APART_SHARE_MAX: Final = 0.5
"""Up to which part of the rows of a row group passes it is better to number the groups of those only."""

_SUMS: Final = {INTEGER: Op.SUM, DECIMAL: Op.SUM, FLOAT: Op.SUM_FLOAT}
_EXTREMES: Final = {"min": Op.MINIMUM, "max": Op.MAXIMUM}


class FusedAggregate(HashAggregate):
    """GROUP BY over a filtered scan; the ordinary operator if the machine cannot do it."""

    __slots__ = ("_filters", "_key_places", "_replaced", "_scan")

    def __init__(self, plan: physical.HashAggregate, builder: Builder) -> None:
        super().__init__(plan, builder)
        self._filters: list[Expression] = []
        self._replaced: dict[int, Expression] = {}
        self._scan = self._source(plan.input)
        self._key_places = self._keys_in_scan()

    def _source(self, node: physical.Plan) -> physical.TableScan | None:
        """The scan below filters and projections, which are noted; None: something else is there, or is to be done."""
        while isinstance(node, physical.Filter | physical.Project):
            if isinstance(node, physical.Filter):
                self._filters.append(node.condition)
            elif changing(node.expressions):
                return None
            else:
                made = zip(node.output, node.expressions, strict=True)
                self._replaced.update(pair for pair in made if not _is_passed_on(*pair))
            node = node.input
        if not isinstance(node, physical.TableScan) or node.sample is not None:
            return None
        if node.filter is not None:
            self._filters.append(node.filter)
        return node

    def _keys_in_scan(self) -> list[int] | None:
        """Which columns of the scan the keys are; None if there are others."""
        plan, scan = self.plan, self._scan
        if scan is None or plan.sets != (tuple(range(len(plan.keys))),) or plan.set_number:
            return None
        places = []
        for key in plan.keys:
            found: Expression = key
            while isinstance(found, Variable) and found.column in self._replaced:
                found = self._replaced[found.column]
            if not isinstance(found, Variable) or found.column not in scan.output:
                return None
            place = scan.output.index(found.column)
            if scan.attributes[place] < 0:
                return None
            places.append(place)
        return places

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Read the whole scan, then yield the groups."""
        result = self._fused(context)
        if result is None:
            yield from super().run(context)
        else:
            yield from slices(result)

    def _fused(self, context: ExecutionContext) -> Batch | None:
        """The result, if the machine can make it."""
        if self._scan is None or self._key_places is None or context.overrides:
            return None
        if context.instruments is not None:  # the nodes below are to be measured
            return None
        if self.plan.estimate.rows > GROUPS_MAX:
            return None  # it would begin in vain
        filters = context.key_filters.get(self._scan, {})
        if any(known.is_selective for known in filters.values()):
            return None  # few rows: the machine would compute all of them
        try:
            machine = _Pipeline(self.plan, self._scan, self._replaced, self._filters, context)
            return machine.run(self._key_places)
        except Unsupported:
            return None


def _is_passed_on(column: int, expression: Expression) -> bool:
    """Whether a projection gives a column as it is, under its own number."""
    return isinstance(expression, Variable) and expression.column == column


@dataclass(frozen=True, slots=True)
class _Apart:
    """The program in two, with the columns that each reads: filters first, then the rest for what passed."""

    filters: Program
    filtered: Sequence[int]
    totals: Program
    summed: Sequence[int]


def _add_filters(compiler: Compiler, filters: Sequence[Expression]) -> None:
    for condition in reversed(filters):
        compiler.add_filter(condition)


def _only_extremes(plan: physical.HashAggregate, compiler: Compiler) -> bool:
    """Whether least and greatest values of columns are all that is asked for."""
    loads = {Op.LOAD, Op.LOAD_DECIMAL}
    steps = {Op(step) for step in compiler.program().code[:, 0].tolist()} - AGGREGATES
    return steps <= loads and all(call.aggregate.name in _EXTREMES for call in plan.aggregates)


def _finishers(plan: physical.HashAggregate, compiler: Compiler) -> list[_Finisher]:
    compiler.add_total(Op.COUNT, None)  # total 0: rows
    return [_Finisher(call, compiler) for call in plan.aggregates]


class _Pipeline:
    """One run of a program over a table."""

    def __init__(
        self,
        plan: physical.HashAggregate,
        scan: physical.TableScan,
        replaced: dict[int, Expression],
        filters: Sequence[Expression],
        context: ExecutionContext,
    ) -> None:
        self._plan = plan
        self._scan = scan
        self._context = context
        columns = stored_columns(scan)
        self._zones = ZoneFilter(filters[::-1], columns, replaced)
        whole = Compiler(columns, replaced, context)
        _add_filters(whole, filters)
        self._finishers = _finishers(plan, whole)
        self._program, self._used = whole.program(), whole.used
        self._operations = whole.totals
        self._is_in_zones = not plan.keys and not filters and _only_extremes(plan, whole)
        self._apart: _Apart | None = None
        if plan.keys and filters:
            first, rest = (Compiler(columns, replaced, context) for _ in range(2))
            _add_filters(first, filters)
            _finishers(plan, rest)
            self._apart = _Apart(first.program(), first.used, rest.program(), rest.used)
        self._lock = threading.Lock()
        self._collected: dict[int, _Collected] = {}

    def run(self, key_places: Sequence[int]) -> Batch | None:
        """The result; None if it could not be computed exactly."""
        context = self._context
        relation = context.engine.relation(self._scan.table.storage_id)
        if context.transaction.tracked is not None:
            context.transaction.tracked.read_relation(relation.relation_id)
        parts = [
            partial(self._add_group, relation, group_no, key_places)
            for group_no in self._zones.groups(relation, context)
        ]
        with closing(in_order(parts, context)) as results:
            for is_exact in results:
                context.check_cancelled()
                if not is_exact:
                    return None
        collected = list(self._collected.values()) or [self._new()]
        read_count = sum(each.read_count for each in collected)
        context.engine.scans[relation.relation_id].add(1, read_count, 0)
        for other in collected[1:]:
            collected[0].add(other, self._operations)
        return self._finish(collected[0])

    def _new(self) -> _Collected:
        return _Collected(self._plan, self._program.total_count)

    def _add_group(self, relation: Any, group_no: int, key_places: Sequence[int]) -> bool:
        """Run over a row group, into what this thread collects; false: it cannot be exact."""
        with self._lock:
            collected = self._collected.get(threading.get_ident())
            if collected is None:
                collected = self._collected[threading.get_ident()] = self._new()
        with self._context.engine.latch:
            view = relation.view(self._context.snapshot, group_no)
        if not view.count:
            return True
        collected.read_count += view.count
        bounds = self._bounds(relation, view) if self._is_in_zones else None
        if bounds is not None:
            return run_program(self._program, bounds, 2, None, collected.totals)
        apart = self._apart
        if apart is not None:
            rows = selected_rows(apart.filters, machine_inputs(view, apart.filtered), view.count)
            if rows is None:
                return False
            if len(rows) <= APART_SHARE_MAX * view.count:
                return self._add_rows(apart, collected, view, key_places, rows)
            self._apart = None  # most rows pass: there is nothing in looking at them beforehand
        groups = self._groups(collected, view, key_places)
        if collected.totals.group_count > GROUPS_MAX:
            return False
        columns = machine_inputs(view, self._used)
        return run_program(self._program, columns, view.count, groups, collected.totals)

    def _bounds(self, relation: Any, view: Any) -> list[tuple[Any, Any]] | None:
        """Least and greatest values in place of all; None: not known, or maybe of rows that are gone."""
        if view.selection is not None:
            return None
        zones = [relation.zone(view.group_no, number) for number in self._used]
        if None in zones:
            return None
        return [(np.array(zone, np.int64), None) for zone in zones]

    def _add_rows(
        self,
        apart: _Apart,
        collected: _Collected,
        view: Any,
        key_places: Sequence[int],
        rows: Positions,
    ) -> bool:
        """Run over the rows that have passed the filters."""
        if not len(rows):
            return True
        groups = self._groups(collected, view, key_places, rows)
        if collected.totals.group_count > GROUPS_MAX:
            return False
        columns = machine_inputs(view, apart.summed, rows)
        return run_program(apart.totals, columns, len(rows), groups, collected.totals)

    def _groups(
        self,
        collected: _Collected,
        view: Any,
        key_places: Sequence[int],
        rows: Positions | None = None,
    ) -> Positions | None:
        """The group of each row; None: there is but one."""
        if not key_places:
            return None
        keys = []
        for place in key_places:
            number, reference = self._scan.attributes[place] - 1, self._scan.types[place]
            keys.append(stored_column(view, number, reference, rows, as_views=True))
        return collected.groups(keys, view.count if rows is None else len(rows))

    def _finish(self, collected: _Collected) -> Batch:
        totals = collected.totals
        count = totals.group_count
        columns = [finisher.finish(totals, self._context) for finisher in self._finishers]
        if not self._plan.keys:
            return Batch(tuple(columns), 1)
        keys = collected.keys()
        passed = np.flatnonzero(totals.low[0, :count] > 0)
        return Batch((*keys.columns, *columns), count).take(passed)


class _Collected:
    """Groups and totals of the row groups that one thread has read."""

    def __init__(self, plan: physical.HashAggregate, total_count: int) -> None:
        self._types = [key.type for key in plan.keys]
        self._table = KeyTable([reference.type for reference in self._types], nulls_match=True)
        self._found: list[Batch] = []
        self.read_count = 0
        self.totals = Totals(total_count)
        if not self._types:
            self.totals.grow(1)

    def keys(self) -> Batch:
        """The keys of all groups, in the order of their numbers."""
        return concatenate_batches(self._found, self._types)

    def groups(self, keys: Sequence[Column], row_count: int) -> Positions:
        """The number of each row's group."""
        known = len(self._table)
        groups = self._table.add(keys, row_count)
        count = len(self._table)
        if count > known:
            new = first_rows(groups, known, count)
            self._found.append(Batch(tuple(keys), row_count).take(new))
            self.totals.grow(count)
        return groups

    def add(self, other: _Collected, operations: Mapping[int, int]) -> None:
        """Take in what another thread has collected."""
        count = other.totals.group_count
        is_one = not self._types
        places = np.zeros(count, np.int64) if is_one else self.groups(other.keys().columns, count)
        self.totals.add(other.totals, places, operations)


def _without_constant(argument: Expression) -> tuple[Expression, int]:
    """What is left to be summed up if a constant is added in each row, and that constant, where no row can overflow."""
    if isinstance(argument, Call) and argument.function.name == "int24pl":
        column, constant = argument.arguments
        if isinstance(constant, Constant) and constant.value is not None:
            value = int(constant.value)
            if abs(value) < (1 << 31) - (1 << 15):
                return column, value
    return argument, 0


class _Finisher:
    """One aggregate: which totals it needs, and its results out of them."""

    def __init__(self, call: AggregateCall, compiler: Compiler) -> None:
        if call.distinct or call.order or call.filter is not None or call.direct_arguments:
            raise Unsupported
        self._call = call
        self._counts = self._values = self._added = 0
        self._operand: Operand | None = None
        name = call.aggregate.name
        if name == "count" and not call.arguments:
            return
        if len(call.arguments) != 1 or name not in ("count", "sum", "avg", "min", "max"):
            raise Unsupported
        argument = call.arguments[0]
        if name == "sum":
            argument, self._added = _without_constant(argument)
        operand = self._operand = compiler.operand(argument)
        self._counts = compiler.add_total(Op.COUNT, operand)
        if name in _EXTREMES and operand.form in (INTEGER, DECIMAL):
            self._values = compiler.add_total(_EXTREMES[name], operand)
        elif name in ("sum", "avg") and operand.form in _SUMS:
            self._values = compiler.add_total(_SUMS[operand.form], operand)
        elif name != "count":
            raise Unsupported

    def finish(self, totals: Totals, context: ExecutionContext) -> Column:
        """The results, a row a group."""
        count = totals.group_count
        counts = totals.low[self._counts, :count]
        name = self._call.aggregate.name
        if name == "count":
            return Column(counts.copy())
        assert self._operand is not None
        seen = np.flatnonzero(counts)
        if name == "avg":
            return self._average(totals, counts)
        if name in _EXTREMES:
            return self._aggregated(seen, totals.low[self._values, seen], count, context)
        if self._operand.form == FLOAT:
            valid = None if len(seen) == count else counts > 0
            return Column(totals.floats[self._values, :count].copy(), valid)
        low, high = totals.low[self._values, seen], totals.high[self._values, seen]
        if not self._added and np.array_equal(high, low >> 63):  # 64 bits hold all sums
            return self._aggregated(seen, low, count, context)
        sums = [
            totals.integer(self._values, group) + self._added * int(counts[group])
            for group in seen.tolist()
        ]
        if any(abs(value) > WORD_MAX for value in sums):
            raise Unsupported
        return self._aggregated(seen, np.array(sums, np.int64), count, context)

    def _average(self, totals: Totals, counts: Positions) -> Column:
        """Sums by counts; NULL for groups without rows."""
        assert self._operand is not None
        if self._operand.form == FLOAT:
            sums = (
                totals.floats[self._values, : len(counts)] + 0.0
            )  # averages have no sign when they are 0
            valid = None if counts.all() else counts > 0
            return Column(sums / np.maximum(counts, 1), valid)
        total = self._values
        low, high = totals.low[total, : len(counts)], totals.high[total, : len(counts)]
        if np.array_equal(high, low >> 63):  # 64 bits hold all sums
            return averages_of(low.copy(), counts, self._operand.scale)
        means = [
            numeric_math.divide(
                numeric_math.scaled(totals.integer(total, group), self._operand.scale),
                Decimal(number),
            )
            if number
            else None
            for group, number in enumerate(counts.tolist())
        ]
        return column_of(means, np.dtype(object))

    def _aggregated(
        self, groups: Positions, values: Positions, count: int, context: ExecutionContext
    ) -> Column:
        """What the aggregate makes of one value a group: right for sums, minima and maxima."""
        assert self._operand is not None
        aggregate, argument = self._call.aggregate, self._call.arguments[0].type
        known = CallContext(context.style, self._call.type, (argument,), context)
        state = aggregate.create(known)
        if self._operand.form == DECIMAL:
            column = Column(values, None, self._operand.scale)
        elif self._call.aggregate.name in _EXTREMES:
            column = Column(values.astype(argument.type.dtype))
        else:
            column = Column(values)
        result = aggregate.accumulate(state, groups, count, (column,))
        return aggregate.finish(state if result is None else result, count)
