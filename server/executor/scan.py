"""Scans: the rows of a table become batches, a row group each.

Rule 1: the columns that the filter reads are loaded first, those of plain numbers before others,
        and what is left only for the rows that passed.
Rule 2: small batches of neighbouring row groups are put together, since operators above do much of
        their work once a batch.
Rule 3: what a view gives may alias pages of the store; it holds as long as the snapshot, which the
        context holds.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import SqlError
from server.executor.columns import batch_of_rows, merged
from server.executor.evaluation import condition, layout_of, scalar
from server.executor.morsels import Morsels, may_run_beside
from server.executor.operator import Builder, Operator
from server.executor.sample import SampleScan
from server.executor.scan_program import ScanProgram, stored_columns
from server.executor.storage_columns import (
    machine_inputs,
    stored_column,
    system_column,
    system_values,
)
from server.executor.table_shape import Row, shape_of
from server.executor.up_to_error import has_use_for_less, up_to_error
from server.executor.zones import GROUPS_MIN, ZoneFilter
from server.expressions.evaluate import conjuncts
from server.expressions.expression import (
    And,
    Constant,
    Expression,
    OuterVariable,
    Parameter,
    Relabel,
    Variable,
    children,
    columns_used,
)
from server.expressions.safety import cannot_raise
from server.planner import physical
from server.planner.inverted_plan import InvertedScan
from server.types.array import Array
from server.vector.batch import Batch
from server.vector.column import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from server.catalog.objects import Table
    from server.executor.context import ExecutionContext
    from server.types.type import TypeReference
    from server.vector.column import Positions

SLOT_BITS = 16

_LEAVES: Final = (Variable, Constant, Parameter, OuterVariable, Relabel)

SPAN_GROUPS_MAX: Final = 4
"""How many row groups one part of a scan has at most; the first parts have fewer, for whoever wants few rows."""

ScanPlan = physical.TableScan | physical.IndexScan | InvertedScan | physical.RowIdScan


class RowLoader:
    """Makes the batch of a view of stored rows: filter first, the rest for the rows that pass."""

    __slots__ = (
        "_condition",
        "_filter_columns",
        "_plan",
        "_stages",
        "attributes",
        "may_run_beside",
    )

    def __init__(self, plan: ScanPlan, filter_: Expression | None) -> None:
        self._plan = plan
        self.attributes = tuple(number - 1 for number in plan.attributes if number > 0)
        layout = layout_of(plan.output)
        self._filter_columns: tuple[int, ...] = ()
        self._condition = None
        if filter_ is not None:
            used = sorted(columns_used(filter_) & set(plan.output))
            self._filter_columns = tuple(layout[column] for column in used)
            self._condition = condition(filter_, layout_of(used))
        self.may_run_beside = may_run_beside((filter_,))
        self._stages = tuple(Stage(part, plan) for part in _parts_of(filter_, plan))

    def load(self, view: Any, context: ExecutionContext, among: Positions | None = None) -> Batch:
        """Make the batch of the rows of the view (of those `among` them) that pass the filter."""
        positions, known = self._passed(view, context, among)
        columns = tuple(
            known[index] if index in known else self._column(view, index, positions)
            for index in range(len(self._plan.attributes))
        )
        return Batch(columns, view.count if positions is None else len(positions))

    def positions(self, view: Any, context: ExecutionContext) -> Positions | None:
        """Which rows of the view pass the filter; None: all of them."""
        return self._passed(view, context, None)[0]

    def _passed(
        self, view: Any, context: ExecutionContext, among: Positions | None
    ) -> tuple[Positions | None, dict[int, Column]]:
        """The rows that pass the filter, None for all, and those columns of theirs that were read for it."""
        positions = self._with_partners(view, context, among)
        known: dict[int, Column] = {}
        for stage in self._stages:
            passed = stage.program.positions(view, positions, context)
            count = view.count if positions is None else len(positions)
            if passed is None:
                for index in stage.columns:
                    if index not in known:
                        known[index] = self._column(view, index, positions)
                batch = Batch(tuple(known[index] for index in stage.columns), count)
                passed = stage.condition(batch, context)
            if passed is not None and len(passed) < count:
                known = {index: column.take(passed) for index, column in known.items()}
                positions = passed if positions is None else positions[passed]
        return positions, known

    def _with_partners(
        self, view: Any, context: ExecutionContext, among: Positions | None
    ) -> Positions | None:
        """Those rows that joins above have partners for, as far as they have told."""
        for index, known in context.key_filters.get(self._plan, {}).items():
            if known.is_idle or not is_whole(self._plan.types[index]):
                continue
            (keys,) = machine_inputs(view, (self._plan.attributes[index] - 1,), among)
            passed = known.positions(*keys)
            if passed is not None:
                among = passed if among is None else among[passed]
        return among

    def load_row(self, full: Batch, row_id: int, context: ExecutionContext) -> Batch:
        """Make the batch of one version given as a column for each attribute."""
        table = self._plan.table
        with context.engine.latch:
            version = context.engine.relation(table.storage_id).version(row_id)
        system = system_values(version, table.oid)
        columns = tuple(
            full.columns[number - 1] if number > 0 else Column(np.array([system[number]], np.int64))
            for number in self._plan.attributes
        )
        batch = Batch(columns, 1)
        if self._condition is None:
            return batch
        picked = batch.select(self._filter_columns)
        passed = self._condition(picked, context)
        return batch if passed is None else batch.take(passed)

    def _column(self, view: Any, index: int, positions: Positions | None) -> Column:
        attribute = self._plan.attributes[index]
        if attribute < 0:
            return system_column(attribute, view, self._plan.table.oid, positions)
        return stored_column(view, attribute - 1, self._plan.types[index], positions)


class Stage:
    """A part of a filter, and which of the scan's columns it reads."""

    __slots__ = ("columns", "condition", "program")

    def __init__(self, part: Expression, plan: ScanPlan) -> None:
        self.program = ScanProgram(part, plan)
        layout = layout_of(plan.output)
        used = sorted(columns_used(part) & set(plan.output))
        self.columns = tuple(layout[column] for column in used)
        self.condition = condition(part, layout_of(used))


def _parts_of(filter_: Expression | None, plan: ScanPlan) -> list[Expression]:
    """The filter in parts if nothing in it can raise.

    What compares plain numbers as they are comes first, then what computes with them, then all else.
    """
    if filter_ is None:
        return []
    parts = list(conjuncts(filter_))
    if not all(cannot_raise(part) for part in parts):
        return [filter_]
    dear = {
        column
        for column, reference in zip(plan.output, plan.types, strict=True)
        if reference.type.storage_kind == "BYTES"
    }
    ranks = [2 if columns_used(part) & dear else int(not _is_of_leaves(part)) for part in parts]
    ranked = [
        [part for part, known in zip(parts, ranks, strict=True) if known == rank]
        for rank in range(3)
    ]
    return [
        And(type=filter_.type, arguments=tuple(each)) if len(each) > 1 else each[0]
        for each in ranked
        if each
    ]


def _is_of_leaves(part: Expression) -> bool:
    """Whether a condition is on columns and constants as they are."""
    return all(isinstance(child, _LEAVES) for child in children(part))


class TableScan(Operator):
    """All visible rows of a table, without the row groups that cannot have any that pass the filter."""

    __slots__ = ("_loader", "_sample", "_zones")

    plan: physical.TableScan

    def __init__(self, plan: physical.TableScan, builder: Builder) -> None:
        super().__init__(plan, builder)
        self._loader = RowLoader(plan, plan.filter)
        self._sample = None if plan.sample is None else SampleScan(plan.sample)
        filters = () if plan.filter is None else (plan.filter,)
        self._zones = ZoneFilter(filters, stored_columns(plan))

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows of the row groups one after the other."""
        if self.plan in context.overrides:
            yield from overridden(self._loader, self.plan, context)
            return
        relation = self._relation(context)
        choose = None if self._sample is None else self._sample.start(context)
        for span in _spans(self._group_nos(relation, context)):
            yield from self._rows(relation, span, context, choose)

    def has_morsels(self, context: ExecutionContext) -> bool:
        """Unless rows are drawn, or the filter runs other queries."""
        return self._sample is None and self._loader.may_run_beside and not context.overrides

    def morsels(self, context: ExecutionContext) -> Morsels | None:
        """A part for a few row groups."""
        if not self.has_morsels(context):
            return None
        relation = self._relation(context)
        spans = _spans(self._group_nos(relation, context))
        return Morsels(tuple(partial(self._merged_rows, relation, span, context) for span in spans))

    def _group_nos(self, relation: Any, context: ExecutionContext) -> Sequence[int]:
        """The row groups to be read."""
        if self._sample is not None:  # which rows are drawn depends on all that come before
            return range(relation.group_count)
        found = self._with_keys(relation, self._zones.groups(relation, context), context)
        if context.instruments is not None and self.plan in context.instruments:
            context.instruments[self.plan].skipped_groups += relation.group_count - len(found)
        return found

    def _with_keys(
        self, relation: Any, group_nos: Sequence[int], context: ExecutionContext
    ) -> Sequence[int]:
        """Those row groups that may have rows with partners, as far as joins above have told."""
        for index, known in context.key_filters.get(self.plan, {}).items():
            if len(group_nos) < GROUPS_MIN or not is_whole(self.plan.types[index]):
                continue
            number = self.plan.attributes[index] - 1
            zones = [relation.zone(group_no, number) for group_no in group_nos]
            group_nos = np.array(group_nos)[known.may_have(zones)].tolist()
        return group_nos

    def _relation(self, context: ExecutionContext) -> Any:
        relation = context.engine.relation(self.plan.table.storage_id)
        if context.transaction.tracked is not None:
            context.transaction.tracked.read_relation(relation.relation_id)
        if self._sample is None:  # as PostgreSQL has it, a sample reads rows without a scan
            context.engine.scans[relation.relation_id].add(1, 0, 0)
        return relation

    def _rows(
        self,
        relation: Any,
        group_nos: Iterable[int],
        context: ExecutionContext,
        choose: Callable[[Any], Positions] | None = None,
    ) -> Iterable[Batch]:
        if choose is not None or not has_use_for_less(context):
            return self._merged_rows(relation, group_nos, context, choose)
        try:
            return self._merged_rows(relation, group_nos, context)
        except SqlError as error:
            if error.is_intervention:
                raise
            return self._up_to_error(relation, group_nos, context)

    def _up_to_error(
        self, relation: Any, group_nos: Iterable[int], context: ExecutionContext
    ) -> Iterator[Batch]:
        for group_no in group_nos:
            with context.engine.latch:
                view = relation.view(context.snapshot, group_no)

            def load(start: int, stop: int, view: Any = view) -> Batch:
                return self._loader.load(view, context, np.arange(start, stop))

            yield from up_to_error(0, view.count, load, context)

    def _merged_rows(
        self,
        relation: Any,
        group_nos: Iterable[int],
        context: ExecutionContext,
        choose: Callable[[Any], Positions] | None = None,
    ) -> list[Batch]:
        batches = []
        for group_no in group_nos:
            with context.engine.latch:
                view = relation.view(context.snapshot, group_no)
            if view.count:
                chosen = None if choose is None else choose(view)
                count = view.count if chosen is None else len(chosen)
                context.engine.scans[relation.relation_id].add(0, count, 0)
                batches.append(self._loader.load(view, context, chosen))
        return list(merged(batches))


def is_whole(reference: TypeReference) -> bool:
    """Whether values are kept as the integers that they are."""
    return reference.type.dtype.kind == "i"


def _spans(group_nos: Sequence[int]) -> Iterator[Sequence[int]]:
    """The row groups, a few at a time."""
    start = 0
    while start < len(group_nos):
        stop = min(len(group_nos), start + min(SPAN_GROUPS_MAX, max(1, start // 2)))
        yield group_nos[start:stop]
        start = stop


def version_row(table: Table, row_id: int, context: ExecutionContext) -> Row:
    """The row of exactly this version, an element for each attribute."""
    relation = context.engine.relation(table.storage_id)
    with context.engine.latch:
        return shape_of(table, context).load_row(relation.values(row_id))


def overridden(loader: RowLoader, plan: ScanPlan, context: ExecutionContext) -> Iterator[Batch]:
    """One given version instead of what the scan would find, if it passes the filter; or none."""
    row_id = context.overrides[plan]
    if row_id is None:
        return
    row = version_row(plan.table, row_id, context)
    full = batch_of_rows([row], shape_of(plan.table, context).types)
    yield loader.load_row(full, row_id, context)


class RowIdScan(Operator):
    """The versions with given ctids, as far as the snapshot sees them."""

    __slots__ = ("_loader", "_row_ids")

    plan: physical.RowIdScan

    def __init__(self, plan: physical.RowIdScan, builder: Builder) -> None:
        super().__init__(plan, builder)
        self._loader = RowLoader(plan, plan.filter)
        self._row_ids = scalar(plan.row_ids)

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows, those of a row group together."""
        if self.plan in context.overrides:
            yield from overridden(self._loader, self.plan, context)
            return
        value = self._row_ids(context)
        items = value.items if isinstance(value, Array) else (value,)
        wanted = np.unique([item - 1 for item in items if item is not None]).astype(np.int64)
        relation = context.engine.relation(self.plan.table.storage_id)
        if context.transaction.tracked is not None:
            context.transaction.tracked.read_relation(relation.relation_id)
        for group_no in np.unique(wanted >> SLOT_BITS).tolist():
            if not 0 <= group_no < relation.group_count:
                continue
            with context.engine.latch:
                view = relation.view(context.snapshot, group_no)
            among = np.flatnonzero(np.isin(view.row_ids, wanted))
            yield self._loader.load(view, context, among)
