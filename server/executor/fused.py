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

from server.errors import SqlError
from server.executor.aggregate import HashAggregate
from server.executor.columns import concatenate_batches, slices
from server.executor.computed_columns import ViewColumns
from server.executor.fused_source import FusedSource, source_of
from server.executor.key_table import KeyTable
from server.executor.machine import AGGREGATES, GROUPS_MAX, Op, Totals, floats_of
from server.executor.machine_compile import (
    BOOLEAN,
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
from server.executor.storage_columns import machine_inputs
from server.executor.zones import ZoneFilter
from server.expressions.expression import AggregateCall, Call, Constant, Expression
from server.functions import numeric_math
from server.functions.function import CallContext
from server.functions.sums import DecimalSums, IntegerSums, averages_of
from server.functions.variances import KINDS as VARIANCES
from server.functions.variances import ExactMoments
from server.vector.batch import Batch
from server.vector.column import Column, Positions
from server.vector.rows import column_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.machine import Program
    from server.executor.operator import Builder
    from server.executor.scan import RowLoader
    from server.planner import physical

APART_SHARE_MAX: Final = 0.5
"""Up to which part of the rows of a row group passes it is better to number the groups of those only."""

_SUMS: Final = {INTEGER: Op.SUM, DECIMAL: Op.SUM, FLOAT: Op.SUM_FLOAT}
_EXTREMES: Final = {"min": Op.MINIMUM, "max": Op.MAXIMUM}
_TRUTHS: Final = {"bool_and": Op.MINIMUM, "every": Op.MINIMUM, "bool_or": Op.MAXIMUM}
_NAMES: Final = frozenset(("count", "sum", "avg", *_EXTREMES, *_TRUTHS))


class FusedAggregate(HashAggregate):
    """GROUP BY over a filtered scan; the ordinary operator if the machine cannot do it."""

    __slots__ = ("_source",)

    def __init__(self, plan: physical.HashAggregate, builder: Builder) -> None:
        super().__init__(plan, builder)
        self._source = source_of(plan)

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Read the whole scan, then yield the groups."""
        result = self._fused(context)
        if result is None:
            yield from super().run(context)
        else:
            yield from slices(result)

    def _fused(self, context: ExecutionContext) -> Batch | None:
        """The result, if the machine can make it."""
        source = self._source
        if source is None or not self._is_worth_it(source, context):
            return None
        try:
            return _Pipeline(self.plan, source, context).run()
        except Unsupported:
            return None
        except SqlError as error:
            if error.is_intervention:
                raise
            return None  # the ordinary operator knows which row's error is to be told

    def _is_worth_it(self, source: FusedSource, context: ExecutionContext) -> bool:
        if context.overrides or self.plan.estimate.rows > GROUPS_MAX:
            return False
        if context.instruments is not None:  # the nodes below are to be measured
            return False
        # Of few rows with partners the machine would compute all.
        filters = context.key_filters.get(source.scan, {})
        return not any(known.is_selective for known in filters.values())


@dataclass(frozen=True, slots=True)
class _Work:
    """A program with what it reads."""

    program: Program
    used: Sequence[int]
    computed: Sequence[Expression]

    @staticmethod
    def of(compiler: Compiler) -> _Work:
        """What a compiler has made."""
        return _Work(compiler.program(), tuple(compiler.used), tuple(compiler.computed))


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
        self, plan: physical.HashAggregate, source: FusedSource, context: ExecutionContext
    ) -> None:
        self._plan = plan
        self._source = source
        self._context = context
        columns = source.columns
        self._compiler = partial(Compiler, columns.stored, columns.replaced, context)
        totals = self._compiler(columns.add)
        self._finishers = _finishers(plan, totals)
        self._totals = self._whole = _Work.of(totals)
        self._operations, self._total_count = totals.totals, len(totals.totals)
        filters = source.filters
        self._is_in_zones = not plan.keys and not filters and _only_extremes(plan, totals)
        self._zones = ZoneFilter(filters[::-1], columns.stored, columns.replaced)
        self._filters_first = source.has_computed_keys or bool(totals.computed)
        """Whether nothing may be computed of rows that have not passed."""
        self._loader: RowLoader | None = None
        self._filters: _Work | None = None
        if filters:
            self._add_filters(filters)
        self._lock = threading.Lock()
        self._collected: dict[int, _Collected] = {}

    def _add_filters(self, filters: Sequence[Expression]) -> None:
        """Be ready to find the rows that pass."""
        first, whole = self._compiler(), self._compiler()
        try:
            _add_filters(first, filters)
        except Unsupported:
            self._loader = self._source.loader
            if self._loader is None:
                raise
            return
        if self._plan.keys or self._filters_first:
            self._filters = _Work.of(first)
        if not self._filters_first:
            _add_filters(whole, filters)
            _finishers(self._plan, whole)
            self._whole = _Work.of(whole)

    def run(self) -> Batch | None:
        """The result; None if it could not be computed exactly."""
        context = self._context
        relation = context.engine.relation(self._source.scan.table.storage_id)
        if context.transaction.tracked is not None:
            context.transaction.tracked.read_relation(relation.relation_id)
        parts = [
            partial(self._add_group, relation, group_no)
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
        return _Collected(self._plan, self._total_count)

    def _add_group(self, relation: Any, group_no: int) -> bool:
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
            return run_program(self._totals.program, bounds, 2, None, collected.totals)
        filters, rows = self._filters, None
        if self._loader is not None:
            rows = self._loader.positions(view, self._context)
        elif filters is not None:
            rows = selected_rows(filters.program, machine_inputs(view, filters.used), view.count)
            if rows is None:
                return False
            if not self._filters_first and len(rows) > APART_SHARE_MAX * view.count:
                rows = self._filters = None  # there is nothing in looking at them beforehand
        if rows is not None and not len(rows):
            return True
        return self._add_rows(collected, view, rows)

    def _add_rows(self, collected: _Collected, view: Any, rows: Positions | None) -> bool:
        """Run over all rows, or those that have passed the filters."""
        columns = ViewColumns(self._source.columns, view, rows, self._context)
        groups = self._groups(collected, columns)
        if collected.totals.group_count > GROUPS_MAX:
            return False
        work = self._whole if rows is None else self._totals
        inputs = columns.inputs(work.used, work.computed)
        return run_program(work.program, inputs, columns.count, groups, collected.totals)

    def _bounds(self, relation: Any, view: Any) -> list[tuple[Any, Any]] | None:
        """Least and greatest values in place of all; None: not known, or maybe of rows that are gone."""
        if view.selection is not None:
            return None
        zones = [relation.zone(view.group_no, number) for number in self._totals.used]
        if None in zones:
            return None
        return [(np.array(zone, np.int64), None) for zone in zones]

    def _groups(self, collected: _Collected, columns: ViewColumns) -> Positions | None:
        """The group of each row; None: there is but one."""
        scan, keys = self._source.scan, self._source.keys
        if not keys:
            return None
        made = [
            columns.key(scan.attributes[key] - 1, scan.types[key])
            if isinstance(key, int)
            else columns.computed(key)
            for key in keys
        ]
        return collected.groups(made, columns.count)

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


def _only(compiler: Compiler, condition: Operand | None, operand: Operand) -> Operand:
    """An operand that is NULL, and so not collected, where a condition is not true."""
    return operand if condition is None else compiler.kept(Op.ONLY, condition, operand)


def _operation(name: str, form: str) -> Op:
    """What an aggregate does with its totals; Unsupported if the machine cannot."""
    found: Op | None = None
    if form in (INTEGER, DECIMAL):
        found = _EXTREMES.get(name)
    elif form == BOOLEAN:
        found = _TRUTHS.get(name)
    if found is None and name in ("sum", "avg"):
        found = _SUMS.get(form)
    if found is None:
        raise Unsupported
    return found


def _counted_and_summed(compiler: Compiler, operand: Operand) -> tuple[int, int]:
    return compiler.add_total(Op.COUNT, operand), compiler.add_total(Op.SUM, operand)


def _words(totals: Totals, total: int) -> Positions:
    """The sums of all groups; Unsupported if 64 bits do not hold them."""
    count = totals.group_count
    low, high = totals.low[total, :count], totals.high[total, :count]
    if not np.array_equal(high, low >> 63):
        raise Unsupported
    return low.copy()


class _Finisher:
    """One aggregate: which totals it needs, and its results out of them."""

    def __init__(self, call: AggregateCall, compiler: Compiler) -> None:
        if call.distinct or call.order or call.direct_arguments:
            raise Unsupported
        self._call = call
        self._counts = self._values = self._squares = self._added = 0
        self._operand: Operand | None = None
        self._parts: dict[int, tuple[int, int]] = {}
        """Totals of a decimal that shows different numbers of digits: by those, counts and sums."""
        name = call.aggregate.name
        condition = None if call.filter is None else compiler.truth(call.filter)
        if name == "count" and not call.arguments:
            if condition is not None:
                self._counts = compiler.add_total(Op.COUNT, _only(compiler, condition, condition))
            return
        if len(call.arguments) != 1 or (name not in _NAMES and name not in VARIANCES):
            raise Unsupported
        argument = call.arguments[0]
        if name == "sum":
            argument, self._added = _without_constant(argument)
        parts = [_only(compiler, condition, part) for part in compiler.parts(argument)]
        if len(parts) > 1 and name in ("sum", "avg"):
            self._parts = {part.scale: _counted_and_summed(compiler, part) for part in parts}
            return
        (operand,) = parts if len(parts) == 1 else (compiler.operand(argument),)
        self._operand = operand
        self._counts = compiler.add_total(Op.COUNT, operand)
        if name in VARIANCES and operand.form in (INTEGER, DECIMAL):
            self._values = compiler.add_total(Op.SUM, operand)
            self._squares = compiler.add_total(Op.SUM, compiler.squared(operand))
        elif name in _EXTREMES and operand.form == FLOAT:
            self._values = compiler.add_total(_EXTREMES[name], compiler.ordinal(operand))
        elif name != "count":
            self._values = compiler.add_total(_operation(name, operand.form), operand)

    def finish(self, totals: Totals, context: ExecutionContext) -> Column:
        """The results, a row a group."""
        count = totals.group_count
        counts = totals.low[self._counts, :count]
        name = self._call.aggregate.name
        if name == "count":
            return Column(counts.copy())
        if self._parts:
            return self._of_parts(totals, count)
        assert self._operand is not None
        seen = np.flatnonzero(counts)
        if name == "avg":
            return self._average(totals, counts)
        if name in VARIANCES:
            return self._variance(totals, counts)
        if name in _EXTREMES or name in _TRUTHS:
            return self._aggregated(seen, totals.low[self._values, seen], count, context)
        return self._sum(totals, seen, count, context)

    def _sum(
        self, totals: Totals, seen: Positions, count: int, context: ExecutionContext
    ) -> Column:
        """Sums; NULL for groups without rows."""
        assert self._operand is not None
        if self._operand.form == FLOAT:
            valid = None if len(seen) == count else totals.low[self._counts, :count] > 0
            return Column(totals.floats[self._values, :count].copy(), valid)
        low, high = totals.low[self._values, seen], totals.high[self._values, seen]
        if not self._added and np.array_equal(high, low >> 63):  # 64 bits hold all sums
            return self._aggregated(seen, low, count, context)
        sums = [
            totals.integer(self._values, group) + self._added * int(totals.low[self._counts, group])
            for group in seen.tolist()
        ]
        if any(abs(value) > WORD_MAX for value in sums):
            raise Unsupported
        return self._aggregated(seen, np.array(sums, np.int64), count, context)

    def _of_parts(self, totals: Totals, count: int) -> Column:
        """Sums or means of decimals that show different numbers of digits."""
        parts = {
            scale: IntegerSums.of_totals(totals.low[counts, :count].copy(), _words(totals, sums))
            for scale, (counts, sums) in self._parts.items()
        }
        return self._call.aggregate.finish(DecimalSums.of_totals(parts), count)

    def _variance(self, totals: Totals, counts: Positions) -> Column:
        """Variances and deviations, of sums of values and of squares; NULL for groups with too few rows."""
        assert self._operand is not None
        sums = (_words(totals, total) for total in (self._values, self._squares))
        state = ExactMoments.of_totals(self._operand.scale, counts.copy(), *sums)
        return self._call.aggregate.finish(state, len(counts))

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
        elif self._operand.form == FLOAT:
            column = Column(floats_of(values))
        elif self._call.aggregate.name != "sum":
            column = Column(values.astype(argument.type.dtype))
        else:
            column = Column(values)
        result = aggregate.accumulate(state, groups, count, (column,))
        return aggregate.finish(state if result is None else result, count)
