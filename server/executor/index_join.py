"""IndexJoin: a lateral join with an index scan, for many left rows at a time.

The plan is a NestedLoop; what is looked up for each of its left rows is known beforehand, so the keys of a whole batch
are looked up, their rows fetched together, and all conditions evaluated over columns.

Rule 1: a row found has the key it was looked for by: where keys have changed its columns are compared.
Rule 2: whatever is not a plain equality with plain columns is a NestedLoop, which knows every case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.columns import concatenate_batches, rows_of
from server.executor.evaluation import layout_of
from server.executor.index_keys import PLAIN_KINDS
from server.executor.join import can_hash, conjunction
from server.executor.join_kinds import Matcher
from server.executor.nested_loop import LATERAL_ROWS, NestedLoop
from server.executor.operator import Operator, Statistics
from server.executor.point_read import stored_part
from server.executor.scan import RowLoader
from server.executor.table_shape import shape_of
from server.expressions.expression import (
    Constant,
    Expression,
    OuterVariable,
    Subquery,
    Variable,
    transform,
    walk,
)
from server.planner import physical
from storage.engine import encode_key, key_after_prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.executor.context import ExecutionContext
    from server.executor.index_keys import IndexShape
    from server.executor.join_kinds import Matching
    from server.executor.operator import Builder
    from server.types.type import Value
    from server.vector.batch import Batch

FIRST_ROWS: Final = 16
GROWTH: Final = 4
"""How many left rows are answered first, for LIMIT above; then so many times as many each time."""


def join_of(plan: physical.NestedLoop, builder: Builder) -> Operator:
    """The operator of a nested loop: an IndexJoin where it can be one."""
    scan = plan.right
    if plan.lateral and isinstance(scan, physical.IndexScan) and _is_plain(plan, scan):
        return IndexJoin(plan, builder)
    return NestedLoop(plan, builder)


def _is_plain(plan: physical.NestedLoop, scan: physical.IndexScan) -> bool:
    """Whether the keys are columns of the left side or constants, and no condition runs a subquery."""
    if [item.position for item in scan.conditions] != list(range(len(scan.conditions))):
        return False
    if any(number <= 0 and number not in (-7, -8) for number in scan.attributes):
        return False
    for item in scan.conditions:
        value = item.value
        if item.operator != "=" or not isinstance(value, OuterVariable | Constant):
            return False
        if isinstance(value, OuterVariable) and value.column not in plan.lateral:
            return False
    given = [scan.filter, plan.condition]
    nodes = [node for each in given if each is not None for node in walk(each)]
    return not any(isinstance(node, Subquery) for node in nodes)


class IndexJoin(NestedLoop):
    """A nested loop over an index, batch by batch."""

    __slots__ = ("_keys", "_lookup", "_scan")

    def __init__(self, plan: physical.NestedLoop, builder: Builder) -> None:
        super().__init__(plan, builder)
        assert isinstance(plan.right, physical.IndexScan)
        self._scan = plan.right
        self._lookup = Matcher(plan, conjunction(_conditions(plan, self._scan)))
        layout = layout_of(plan.left.output)
        # The place of a left column, or a constant.
        self._keys: list[tuple[int, Any]] = [
            (layout[item.value.column], None)
            if isinstance(item.value, OuterVariable)
            else (-1, item.value)
            for item in self._scan.conditions
        ]

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows."""
        shape = self._shape(context)
        if shape is None or context.overrides:
            yield from super().run(context)
            return
        source = _Source(self._scan, shape, self._keys, context)
        matching = self._lookup.start(concatenate_batches([], self._scan.types), context)
        row_count = FIRST_ROWS
        for batch in self.inputs[0].batches(context):
            start = 0
            while start < batch.count:
                part = batch.slice(start, start + row_count)
                yield from _answered(part, source, matching)
                start += part.count
                row_count = min(row_count * GROWTH, LATERAL_ROWS)

    def _shape(self, context: ExecutionContext) -> IndexShape | None:
        """The index, if the parts of its keys that are given are plain columns of types that fit."""
        for shape in shape_of(self._scan.table, context).indexes:
            if shape.index.oid == self._scan.index.oid:
                return shape if self._fits(shape) else None
        return None

    def _fits(self, shape: IndexShape) -> bool:
        count = len(self._keys)
        if not shape.is_columns_only or any(shape.descending[:count]):
            return False
        for part, item in zip(shape.parts, self._scan.conditions, strict=False):
            assert item.value is not None
            if not part.kind_is_fixed or part.kind not in PLAIN_KINDS:
                return False
            if not can_hash(item.value.type.type, part.reference.type):
                return False
        return True


def _conditions(plan: physical.NestedLoop, scan: physical.IndexScan) -> list[Expression]:
    """The conditions of scan and join over the columns of both sides."""

    def joined(node: Expression) -> Expression:
        if isinstance(node, OuterVariable) and node.column in plan.lateral:
            return Variable(type=node.type, column=node.column, name=node.name)
        return node

    return [transform(each, joined) for each in (scan.filter, plan.condition) if each is not None]


def _answered(left: Batch, source: _Source, matching: Matching) -> Iterator[Batch]:
    lefts, right = source.find(left)
    matching.replace_right(right)
    yield from matching.rows_in_order(left, lefts, np.arange(right.count))


class _Source:
    """The index during a run."""

    def __init__(
        self,
        scan: physical.IndexScan,
        shape: IndexShape,
        keys: list[tuple[int, Any]],
        context: ExecutionContext,
    ) -> None:
        self._scan = scan
        self._shape = shape
        self._context = context
        self._loader = RowLoader(scan, None)
        self._places = sorted({place for place, _ in keys if place >= 0})
        # For each part: where its value is among the left row's, or a constant; and its stored form.
        self._parts: list[tuple[int, Any, Callable[[Value | None], Any]]] = [
            (self._places.index(place), None, stored_part(part))
            if place >= 0
            else (-1, stored_part(part)(constant.value), stored_part(part))
            for (place, constant), part in zip(keys, shape.parts, strict=False)
        ]
        self._kinds = [part.kind for part in shape.parts][: len(keys)]
        self._columns = [key.number - 1 for key in shape.index.keys][: len(keys)]

    def find(self, left: Batch) -> tuple[Any, Batch]:
        """The positions of left rows, and beside each a row with its key."""
        context, scan = self._context, self._scan
        wanted = [self._key(row) for row in rows_of(left.select(tuple(self._places)))]
        with context.engine.latch:
            index = context.engine.index(self._shape.storage_id)
            relation = context.engine.relation(scan.table.storage_id)
            tracked = context.transaction.tracked
            lefts: list[int] = []
            roots: list[int] = []
            for position, parts in enumerate(wanted):
                if parts is None:
                    continue
                key = encode_key(parts, self._kinds)
                if tracked is not None:
                    tracked.read_range(self._shape.storage_id, key, key_after_prefix(key))
                found = index.lookup(key)
                roots += found
                lefts += [position] * len(found)
            if tracked is not None:
                tracked.read_rows(relation.relation_id, roots)
            ids = np.array(roots, np.int64)
            view = relation.fetch_many(context.snapshot, ids)
            stale = [
                place
                for place in relation.keys_changed(ids[view.positions])
                if list(relation.values(int(view.row_ids[place]), self._columns))
                != wanted[lefts[int(view.positions[place])]]
            ]
        counts = context.engine.scans[self._shape.storage_id]
        counts.add(left.count, len(roots), view.count - len(stale))
        among = np.delete(np.arange(view.count), stale) if stale else None
        pairs = view.positions if among is None else view.positions[among]
        right = self._loader.load(view, context, among)
        if context.instruments is not None:
            statistics = context.instruments.setdefault(scan, Statistics())
            statistics.loops += left.count
            statistics.rows += right.count
        return np.array(lefts, np.int64)[pairs], right

    def _key(self, row: tuple[Any, ...]) -> list[Any] | None:
        """The stored parts of a left row's key; None where nothing can be equal to them."""
        parts = [
            constant if place < 0 else stored(row[place]) for place, constant, stored in self._parts
        ]
        return None if None in parts else parts
