"""The short path: one row by its key is read.

Inserted, updated or deleted without a batch or an array.

Rule 1: a plan has this shape or it has not, which is known when its program is made; whatever the
        short path then meets that is not simple (another transaction in the way) it leaves to the
        ordinary operators, having done nothing.
Rule 2: values, errors and constraints are those of the ordinary operators.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from server.executor.evaluation import layout_of, scalar
from server.executor.index_scan import key_ranges
from server.executor.point_read import is_plain, stored_part
from server.executor.storage_columns import load_value
from server.executor.table_shape import shape_of
from server.executor.table_writer import TableWriter
from server.expressions.evaluate import compile_row
from server.expressions.expression import Expression, Subquery, Variable, walk
from server.planner import physical
from server.types.type import Value
from storage.engine import KeyReader, Status, key_after_prefix

if TYPE_CHECKING:
    from server.executor.context import ExecutionContext
    from server.executor.index_keys import IndexShape

Row = tuple[Value | None, ...]
Found = tuple[tuple[Any, ...], int]  # stored columns, row id
ROW_ID = -7
SYSTEM_ATTRIBUTES = frozenset((ROW_ID, -8))

RunPoint = Callable[["ExecutionContext"], "list[Row] | None"]
"""Runs the statement: gives its rows, or None when the ordinary operators are to run it."""


def point_of(plan: physical.Plan) -> RunPoint | None:
    """What runs a plan of this shape, None for any other."""
    if isinstance(plan, physical.Update):
        return _update(plan)
    if isinstance(plan, physical.Delete):
        return _delete(plan)
    if isinstance(plan, physical.Insert):
        return _insert(plan)
    return _select(plan)


class KeyLookup:
    """Finds the one row that has a key in a unique index."""

    __slots__ = (
        "_filter",
        "_loads",
        "_plan",
        "_reader",
        "_shape",
        "_stored",
        "_values",
        "attributes",
    )

    def __init__(self, plan: physical.IndexScan) -> None:
        self._plan = plan
        self._values = tuple(
            scalar(condition.value) for condition in plan.conditions if condition.value is not None
        )
        self.attributes = tuple(number - 1 for number in plan.attributes if number > 0)
        self._filter = None
        if plan.filter is not None:
            self._filter = compile_row(plan.filter, layout_of(plan.output))
        self._loads = tuple(
            (number, reference, reference.type.load_value is not None)
            for number, reference in zip(plan.attributes, plan.types, strict=True)
        )
        self._shape: IndexShape | None = None
        self._reader: KeyReader | None = None
        self._stored: tuple[Callable[[Value | None], Any], ...] = ()  # of a plain key

    def find(self, context: ExecutionContext) -> Row | None:
        """The row, with the columns of the scan."""
        shape = self._index(context)
        values = [value(context) for value in self._values]
        is_noted = context.transaction.tracked is not None
        find = self._find_any if is_noted or not self._stored else self._find_plain
        found = find(shape, values, context)
        if found is None:
            return None
        row = self._row(*found)
        if self._filter is not None and self._filter(row, context) is not True:
            return None
        return row

    def _find_plain(
        self, shape: IndexShape, values: Sequence[Any], context: ExecutionContext
    ) -> Found | None:
        """By a key of stored columns, which are compared instead of asking whether keys changed."""
        parts = [make(value) for make, value in zip(self._stored, values, strict=True)]
        if None in parts:
            return None
        reader = self._reader
        if reader is None:
            numbers = [key.number - 1 for key in shape.index.keys]
            reader = self._reader = KeyReader(
                context.engine,
                self._plan.table.storage_id,
                shape.storage_id,
                numbers,
                [part.kind for part in shape.parts],
                self.attributes,
            )
        return reader.locate(context.snapshot, parts)

    def _find_any(
        self, shape: IndexShape, values: Sequence[Any], context: ExecutionContext
    ) -> Found | None:
        ranges = key_ranges(shape, self._plan.conditions, values)
        if not ranges:
            return None
        key, engine = ranges[0][0], context.engine
        with engine.latch:
            relation = engine.relation(self._plan.table.storage_id)
            for root_id in self._roots(shape, key, context):
                row_id = relation.find_id(context.snapshot, root_id)
                if row_id < 0:
                    continue
                if relation.key_changed(root_id) and not self._has_key(
                    relation.values(row_id), key, shape, context
                ):
                    continue
                return relation.values(row_id, self.attributes), row_id
        return None

    def _roots(self, shape: IndexShape, key: bytes, context: ExecutionContext) -> list[int]:
        """The rows with the key, noted as read by a serializable transaction."""
        roots: list[int] = context.engine.index(shape.storage_id).lookup(key)
        tracked = context.transaction.tracked
        if tracked is not None:
            tracked.read_range(shape.storage_id, key, key_after_prefix(key))
            tracked.read_rows(self._plan.table.storage_id, roots)
        return roots

    def _index(self, context: ExecutionContext) -> IndexShape:
        shape = self._shape
        if shape is None:
            for found in shape_of(self._plan.table, context).indexes:
                if found.index.oid == self._plan.index.oid:
                    shape = self._shape = found
                    self._prepare(found)
        assert shape is not None, "the index is not one of its table"
        return shape

    def _prepare(self, shape: IndexShape) -> None:
        if is_plain(shape):
            self._stored = tuple(stored_part(part) for part in shape.parts)

    def _has_key(
        self, stored: Any, key: bytes, shape: IndexShape, context: ExecutionContext
    ) -> bool:
        return shape_of(self._plan.table, context).key_of(shape, context)(stored) == key

    def _row(self, stored: Sequence[Any], row_id: int) -> Row:
        values = iter(stored)
        return tuple(
            [
                row_id
                if number < 0
                else load_value(next(values), reference)
                if is_loaded
                else next(values)
                for number, reference, is_loaded in self._loads
            ]
        )


def _lookup(plan: physical.Plan) -> KeyLookup | None:
    """A lookup for a scan that finds one row at most by a unique index."""
    if not isinstance(plan, physical.IndexScan) or not plan.index.unique:
        return None
    positions = [c.position for c in plan.conditions if c.operator == "="]
    if positions != list(range(len(plan.index.keys))) or len(plan.conditions) != len(positions):
        return None
    if any(number < 0 and number not in SYSTEM_ATTRIBUTES for number in plan.attributes):
        return None
    expressions = [c.value for c in plan.conditions if c.value is not None]
    if not _are_simple([*expressions, *([] if plan.filter is None else [plan.filter])]):
        return None
    return KeyLookup(plan)


def _are_simple(expressions: Sequence[Expression]) -> bool:
    """Whether no expression runs a subquery."""
    return not any(isinstance(node, Subquery) for each in expressions for node in walk(each))


def _select(plan: physical.Plan) -> RunPoint | None:
    """SELECT by key: projections over the lookup."""
    projections: list[physical.Project] = []
    while isinstance(plan, physical.Project):
        projections.append(plan)
        plan = plan.input
    lookup = _lookup(plan)
    if lookup is None or not all(_are_simple(node.expressions) for node in projections):
        return None
    steps = [_projection(node) for node in reversed(projections)]

    def run(context: ExecutionContext) -> list[Row] | None:
        row = lookup.find(context)
        if row is None:
            return []
        for step in steps:
            row = step(row, context)
        return [row]

    return run


def _projection(node: physical.Project) -> Callable[[Row, Any], Row]:
    layout = layout_of(node.input.output)
    if all(isinstance(expression, Variable) for expression in node.expressions):
        places = [
            layout[expression.column]
            for expression in node.expressions
            if isinstance(expression, Variable)
        ]
        return lambda row, context: tuple([row[place] for place in places])
    cells = [compile_row(expression, layout) for expression in node.expressions]
    return lambda row, context: tuple([cell(row, context) for cell in cells])


def _is_plain_change(plan: physical.Insert | physical.Update | physical.Delete) -> bool:
    return plan.returning is None


def _delete(plan: physical.Delete) -> RunPoint | None:
    """DELETE by key."""
    lookup = _lookup(plan.input)
    if lookup is None or not _is_plain_change(plan):
        return None
    place = plan.input.output.index(plan.row_id)

    def run(context: ExecutionContext) -> list[Row] | None:
        row = lookup.find(context)
        if row is None:
            return _counted(plan, context, 0)
        writer = TableWriter(plan.table, context)
        row_id = row[place]
        assert isinstance(row_id, int)
        if writer.try_delete(row_id) is not Status.DONE:
            return None
        return _counted(plan, context, 1)

    return run


def _update(plan: physical.Update) -> RunPoint | None:
    """UPDATE by key."""
    lookup = _lookup(plan.input)
    if lookup is None or not _is_plain_change(plan) or plan.generated or plan.checks:
        return None
    assignments = [item for _, item in plan.assignments]
    if not _are_simple(assignments):
        return None
    layout = layout_of(plan.input.output)
    numbers = [number for number, _ in plan.assignments]
    cells = [compile_row(item, layout) for item in assignments]
    place = layout[plan.row_id]

    def run(context: ExecutionContext) -> list[Row] | None:
        row = lookup.find(context)
        if row is None:
            return _counted(plan, context, 0)
        writer = TableWriter(plan.table, context)
        changes = {number: cell(row, context) for number, cell in zip(numbers, cells, strict=True)}
        if writer.shape.not_null_numbers & changes.keys() and any(
            changes[number] is None for number in writer.shape.not_null_numbers & changes.keys()
        ):
            return None  # the ordinary operator knows the error
        if writer.shape.watched & changes.keys():
            return None
        row_id = row[place]
        assert isinstance(row_id, int)
        if writer.try_update(row_id, changes) is not Status.DONE:
            return None
        return _counted(plan, context, 1)

    return run


def _insert(plan: physical.Insert) -> RunPoint | None:
    """INSERT of one row of VALUES."""
    source = plan.input
    projections: list[physical.Project] = []
    while isinstance(source, physical.Project):
        projections.append(source)
        source = source.input
    is_values = isinstance(source, physical.Values) and len(source.rows) == 1
    if not (is_values or isinstance(source, physical.OneRow)) or not _is_plain_change(plan):
        return None
    if plan.checks or plan.generated or plan.conflict is not None:
        return None
    cells = source.rows[0] if isinstance(source, physical.Values) else ()
    if not _are_simple(cells) or not all(_are_simple(p.expressions) for p in projections):
        return None
    first = [compile_row(cell, {}) for cell in cells]
    steps = [_projection(node) for node in reversed(projections)]
    attributes = plan.attributes
    width = len(plan.table.columns)

    def run(context: ExecutionContext) -> list[Row] | None:
        row: Row = tuple([cell((), context) for cell in first])
        for step in steps:
            row = step(row, context)
        full: list[Value | None] = [None] * width
        for number, value in zip(attributes, row, strict=True):
            full[number - 1] = value
        writer = TableWriter(plan.table, context)
        if any(full[number - 1] is None for number in writer.shape.not_null):
            return None
        if not writer.try_insert(tuple(full)):
            return None
        return _counted(plan, context, 1)

    return run


def _counted(plan: physical.Plan, context: ExecutionContext, count: int) -> list[Row]:
    context.row_counts[plan] = count
    return []
