"""Scans of inverted indexes: row sets out of entries, then the rows that the snapshot sees of them.

Rule 1: entries may be of another version than the one seen. Where entries answer exactly, rows whose entries have
        never changed are taken at their word; every other row is looked at again.
Rule 2: rows may lose the mark of having changed while a scan runs: then all that it has still to read are looked at.
Rule 3: what entries cannot tell is asked of the whole table.
Rule 4: a serializable transaction has read the keys that it asked for, and the rows that it looked at. Of an index
        with fastupdate it has read all keys, as in PostgreSQL, where new entries wait in one list.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from server.executor.evaluation import Scalar, scalar
from server.executor.inverted_entries import IndexEntries
from server.executor.operator import Builder, Operator
from server.executor.scan import RowLoader, overridden
from server.executor.table_shape import shape_of
from server.expressions.expression import And, Expression
from server.inverted.row_sets import (
    RowIds,
    Search,
    all_of,
    among,
    answered,
    has_negation,
    possible,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.objects import Index
    from server.executor.context import ExecutionContext
    from server.executor.inverted_keys import InvertedShape
    from server.planner import inverted_plan
    from server.vector.batch import Batch

ROWS_AT_ONCE: Final = 4096
ROWS_AT_ONCE_TRACKED: Final = 64  # what is fetched in vain is noted as read all the same


class Candidates(NamedTuple):
    """Rows that may be among those asked for, and those that are if their entries are right; None: all of them.

    cleared_count: what the table's was before entries were read.
    """

    possible: RowIds
    answered: RowIds | None
    exact: bool
    cleared_count: int


class InvertedScan(Operator):
    """The rows that satisfy conditions on the keys of an inverted index, as they lie in the table."""

    __slots__ = ("_conditions", "_loader", "_output", "_trusting_loader")

    plan: inverted_plan.InvertedScan

    def __init__(self, plan: inverted_plan.InvertedScan, builder: Builder) -> None:
        super().__init__(plan, builder)
        columns, types, attributes = plan.looked_at
        wide = replace(plan, output=columns, types=types, attributes=attributes)
        self._loader = RowLoader(wide, _both(plan.recheck, plan.filter))
        self._output = tuple(columns.index(column) for column in plan.output)
        self._trusting_loader = RowLoader(plan, plan.filter)
        self._conditions: tuple[tuple[inverted_plan.SearchCondition, Scalar], ...] = tuple(
            (condition, scalar(condition.value)) for condition in plan.conditions
        )

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows, some thousand at a time."""
        if self.plan in context.overrides:
            for batch in overridden(self._loader, self.plan, context):
                yield batch.select(self._output)
            return
        search = self._search(context)
        if search is None:
            return
        relation = context.engine.relation(self.plan.table.storage_id)
        tracked = context.transaction.tracked
        if tracked is not None and _gathers_entries(self.plan.index):
            tracked.read_range(self.plan.index.storage_id, b"", None)
        found = self._candidates(search, relation, context)
        if found is None:
            if tracked is not None:
                tracked.read_relation(relation.relation_id)
            yield from self._all(relation, context)
            return
        portion = ROWS_AT_ONCE if tracked is None else ROWS_AT_ONCE_TRACKED
        for start in range(0, len(found.possible), portion):
            context.check_cancelled()
            ids = found.possible[start : start + portion]
            if tracked is not None:
                tracked.read_rows(relation.relation_id, ids.tolist())
            yield from self._rows(ids, found, relation, context)

    def _shape(self, context: ExecutionContext) -> InvertedShape:
        for shape in shape_of(self.plan.table, context).inverted:
            if shape.index.oid == self.plan.index.oid:
                return shape
        raise AssertionError("the index is not one of its table")

    def _search(self, context: ExecutionContext) -> Search | None:
        """What is asked of the entries; None: a value is NULL, so that no row satisfies the conditions."""
        shape = self._shape(context)
        searches = []
        for condition, value_of in self._conditions:
            value = value_of(context)
            if value is None:
                return None
            searches.append(
                shape.search(
                    condition.position, condition.strategy, value, context.session.settings
                )
            )
        return all_of(searches)

    def _candidates(
        self, search: Search, relation: Any, context: ExecutionContext
    ) -> Candidates | None:
        entries = IndexEntries(context, self.plan.index.storage_id, context.transaction.tracked)
        cleared_count = relation.cleared_count
        found = possible(search.node, entries, loosely=not search.exact)
        if found is None:
            return None
        sure = None
        if search.exact and has_negation(search.node):
            sure = answered(search.node, entries)
        return Candidates(found, sure, search.exact, cleared_count)

    def _rows(
        self, ids: RowIds, found: Candidates, relation: Any, context: ExecutionContext
    ) -> Iterator[Batch]:
        """What the snapshot sees of some rows, in the order of the table."""
        with context.engine.latch:
            view = relation.fetch_many(context.snapshot, ids)
            roots = ids[view.positions]
            is_trusted = np.zeros(view.count, np.bool_)
            if found.exact and found.cleared_count == relation.cleared_count:
                changed = [relation.key_changed(root_id) for root_id in roots.tolist()]
                is_trusted = ~np.array(changed, np.bool_)
        context.engine.scans[self.plan.index.storage_id].add(0, len(ids), 0)
        context.engine.scans[relation.relation_id].add(0, 0, view.count)
        order = np.argsort(view.row_ids, kind="stable")
        is_trusted = is_trusted[order]
        looked_at = order[~is_trusted]
        if len(looked_at):
            yield self._loader.load(view, context, looked_at).select(self._output)
        taken = order[is_trusted]
        if found.answered is not None:
            taken = taken[among(roots[taken], found.answered)]
        if len(taken):
            yield self._trusting_loader.load(view, context, taken)

    def _all(self, relation: Any, context: ExecutionContext) -> Iterator[Batch]:
        """Every row that satisfies the conditions, found without the index."""
        for group_no in range(relation.group_count):
            context.check_cancelled()
            with context.engine.latch:
                view = relation.view(context.snapshot, group_no)
            if view.count:
                context.engine.scans[relation.relation_id].add(0, 0, view.count)
                yield self._loader.load(view, context).select(self._output)


def _gathers_entries(index: Index) -> bool:
    """Whether PostgreSQL has the entries of new rows wait in a list that every search reads."""
    if index.method != "gin":
        return False
    stored = dict(option.split("=", 1) for option in index.options)
    return stored.get("fastupdate", "on").lower() not in ("off", "false", "no", "0")


def _both(recheck: Expression, filter_: Expression | None) -> Expression:
    if filter_ is None:
        return recheck
    return And(type=recheck.type, arguments=(recheck, filter_))
