"""KeyLookup, KeyUpdate, KeyDelete and RowInsert: what point statements do to the one row they are about.

The original of native/point_change; both give the same counts, errors and changes.

Rule 1: `count` gives how many rows were changed, or LEFT when the ordinary operators are to run the statement, or the
        negative xid of a transaction to be waited for before `count` is called again: then nothing was done.
Rule 2: values, errors and constraints are those of the ordinary operators; so is what becomes of a row that another
        transaction has changed meanwhile (see modify_rows).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.executor.deferred import queue_insert
from server.executor.evaluation import layout_of, scalar
from server.executor.index_scan import key_ranges
from server.executor.point_read import stored_part
from server.executor.storage_columns import load_value
from server.executor.table_shape import shape_of
from server.executor.table_writer import TableWriter
from server.expressions.evaluate import compile_row
from server.expressions.expression import Expression, Variable
from server.types.type import Value
from storage.engine import NOT_INSERTED, KeyReader, KeyWriter, Status, key_after_prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.index_keys import IndexShape
    from server.expressions.row_calls import RowEvaluator
    from server.planner import change_plans, physical
    from storage.engine import Outcome

Row = tuple[Value | None, ...]
Found = tuple[tuple[Any, ...], int]  # stored columns, row id
Changes = dict[int, "Value | None"]  # by attribute
LEFT = -1


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
        "output",
    )

    def __init__(self, plan: physical.IndexScan) -> None:
        self._plan = plan
        self._values = tuple(
            scalar(condition.value) for condition in plan.conditions if condition.value is not None
        )
        self.output = plan.output
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
        if self._reader is None or context.transaction.tracked is not None:
            found = self._find_any(shape, values, context)
        else:
            found = self._find_plain(self._reader, values, context)
        if found is None:
            return None
        row = self._row(*found)
        if self._filter is not None and self._filter(row, context) is not True:
            return None
        return row

    def row_of(self, row_id: int, context: ExecutionContext) -> Row:
        """Exactly this version, with the columns of the scan."""
        with context.engine.latch:
            relation = context.engine.relation(self._plan.table.storage_id)
            return self._row(relation.values(row_id, self.attributes), row_id)

    def newer(
        self, row_id: int, recheck: RowEvaluator | None, context: ExecutionContext
    ) -> Row | None:
        """The version that another transaction has made of the row, unless the statement is not about it."""
        row = self.row_of(row_id, context)
        if recheck is not None and recheck(row, context) is not True:
            return None
        return row

    def _find_plain(
        self, reader: KeyReader, values: Sequence[Any], context: ExecutionContext
    ) -> Found | None:
        """By a key of stored columns, which are compared instead of asking whether keys changed."""
        parts = [make(value) for make, value in zip(self._stored, values, strict=True)]
        return None if None in parts else reader.locate(context.snapshot, parts)

    def _find_any(
        self, shape: IndexShape, values: Sequence[Any], context: ExecutionContext
    ) -> Found | None:
        ranges = key_ranges(shape, self._plan.conditions, values)
        engine = context.engine
        counts = engine.scans[shape.storage_id]
        counts.add(1, 0, 0)
        if not ranges:
            return None
        key = ranges[0][0]
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
                counts.add(0, 1, 1)
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
                    self._prepare(found, context)
        assert shape is not None, "the index is not one of its table"
        return shape

    def _prepare(self, shape: IndexShape, context: ExecutionContext) -> None:
        if shape.is_plain:
            self._stored = tuple(stored_part(part) for part in shape.parts)
            self._reader = KeyReader(
                context.engine,
                self._plan.table.storage_id,
                shape.storage_id,
                [key.number - 1 for key in shape.index.keys],
                [part.kind for part in shape.parts],
                self.attributes,
            )

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


class KeyUpdate:
    """UPDATE by key of columns that nothing hangs on but indexes of stored columns."""

    __slots__ = (
        "_cells",
        "_checks",
        "_lookup",
        "_may_repeat",
        "_numbers",
        "_place",
        "_recheck",
        "plan",
    )

    def __init__(
        self,
        plan: change_plans.Update,
        lookup: KeyLookup,
        checks: Sequence[Expression] = (),
        *,
        may_repeat: bool = True,
    ) -> None:
        """Checks: conditions over the row that is found, which tell of the one it becomes.

        may_repeat: nobody can tell whether the new values were computed before, for keys that may be taken.
        """
        self.plan = plan
        self._may_repeat = may_repeat
        self._lookup = lookup
        layout = layout_of(lookup.output)
        self._numbers = [number for number, _ in plan.assignments]
        self._cells = [compile_row(item, layout) for _, item in plan.assignments]
        self._checks = [compile_row(check, layout) for check in checks]
        self._place = layout[plan.row_id]
        self._recheck = None if plan.recheck is None else compile_row(plan.recheck, layout)

    def __call__(self, context: ExecutionContext) -> list[Row] | None:
        """Run the statement: its rows, none, or None when it is LEFT."""
        return counted(self.plan, context, self.count(context))

    def count(self, context: ExecutionContext) -> int:
        """Update the row: 1, 0 if there is none, LEFT, or whom to wait for."""
        return self.change(context)[0]

    def change(self, context: ExecutionContext) -> tuple[int, Row, Changes]:
        """The count, the version of the row that it was made of, and what became of that."""
        row = self._lookup.find(context)
        writer = TableWriter(self.plan.table, context)
        required = writer.shape.not_null_numbers
        keys = writer.shape.moved_keys(self._numbers)
        if keys is None or (keys and not self._may_move(context)):
            return LEFT, (), {}
        mover = KeyWriter(context.engine, self.plan.table.storage_id, keys)
        while row is not None:
            changes = self._changes(row, required, context)
            if changes is None:
                return LEFT, (), {}  # the ordinary operator knows the error
            row_id = row[self._place]
            assert isinstance(row_id, int)
            outcome = writer.try_update(row_id, changes, mover if keys else None)
            count = _count_of(outcome, writer, row_id)
            if count is not None:
                return count, row, changes
            assert outcome is not None
            row = self._lookup.newer(outcome.new_row_id, self._recheck, context)
        return 0, (), {}

    def _changes(
        self, row: Row, required: Container[int], context: ExecutionContext
    ) -> Changes | None:
        """The new values by attribute; None: the row may not become what they make of it."""
        changes = {
            number: cell(row, context)
            for number, cell in zip(self._numbers, self._cells, strict=True)
        }
        has_null = any(value is None for number, value in changes.items() if number in required)
        if has_null or any(check(row, context) is False for check in self._checks):
            return None
        return changes

    def _may_move(self, context: ExecutionContext) -> bool:
        return self._may_repeat and context.transaction.tracked is None


class KeyDelete:
    """DELETE by key of a row that no other rows hang on."""

    __slots__ = ("_lookup", "_place", "_recheck", "plan")

    def __init__(self, plan: change_plans.Delete, lookup: KeyLookup) -> None:
        self.plan = plan
        self._lookup = lookup
        layout = layout_of(lookup.output)
        self._place = layout[plan.row_id]
        self._recheck = None if plan.recheck is None else compile_row(plan.recheck, layout)

    def __call__(self, context: ExecutionContext) -> list[Row] | None:
        """Run the statement: its rows, none, or None when it is LEFT."""
        return counted(self.plan, context, self.count(context))

    def count(self, context: ExecutionContext) -> int:
        """Delete the row: 1, 0 if there is none, LEFT, or whom to wait for."""
        return self.change(context)[0]

    def change(self, context: ExecutionContext) -> tuple[int, Row]:
        """The count, and the version of the row that is no more."""
        row = self._lookup.find(context)
        writer = TableWriter(self.plan.table, context)
        while row is not None:
            row_id = row[self._place]
            assert isinstance(row_id, int)
            outcome = writer.try_delete(row_id)
            count = _count_of(outcome, writer, row_id)
            if count is not None:
                return count, row
            row = self._lookup.newer(outcome.new_row_id, self._recheck, context)
        return 0, ()


def _count_of(outcome: Outcome | None, writer: TableWriter, row_id: int) -> int | None:
    """What an attempt to change a row comes to; None: there is a newer version to be looked at."""
    if outcome is None:
        return LEFT
    if outcome.status is Status.DONE:
        return 1
    context = writer.context
    if outcome.status is Status.BLOCKED:
        context.row_in_way = writer.shape.table.storage_id, writer.relation.root(row_id)
        return -outcome.blocker_xid
    return None if outcome.status is Status.UPDATED and context.read_committed else LEFT


class RowInsert:
    """INSERT of one row of VALUES."""

    __slots__ = ("_checks", "_first", "_steps", "_width", "plan")

    def __init__(
        self,
        plan: change_plans.Insert,
        cells: Sequence[Expression],
        projections: Sequence[physical.Project],
    ) -> None:
        self.plan = plan
        self._first = [compile_row(cell, {}) for cell in cells]
        self._steps = [projection(node) for node in projections]
        self._width = len(plan.table.columns)
        layout = {column: number - 1 for number, column in plan.row}
        self._checks = [compile_row(check, layout) for _, check in plan.checks]

    def __call__(self, context: ExecutionContext) -> list[Row] | None:
        """Run the statement: its rows, none, or None when it is LEFT."""
        return counted(self.plan, context, self.count(context))

    def count(self, context: ExecutionContext) -> int:
        """Insert the row: 1, or LEFT; then the statement is run again with the same values of sequences."""
        return with_sequences(context, self._insert)

    def _insert(self, context: ExecutionContext) -> int:
        row = self.proposed(context)
        if row is None:
            return LEFT
        return 1 if TableWriter(self.plan.table, context).try_insert(row) else LEFT

    def proposed(self, context: ExecutionContext) -> Row | None:
        """The row; None: the ordinary operator knows its error."""
        row: Row = tuple([cell((), context) for cell in self._first])
        for step in self._steps:
            row = step(row, context)
        full: list[Value | None] = [None] * self._width
        for number, value in zip(self.plan.attributes, row, strict=True):
            full[number - 1] = value
        shape = shape_of(self.plan.table, context)
        if any(full[number - 1] is None for number in shape.not_null):
            return None
        if any(check(tuple(full), context) is False for check in self._checks):
            return None
        return tuple(full)

    def insert_new(self, row: Row, context: ExecutionContext) -> bool:
        """Insert a proposed row; False: one of its keys may be taken, or it takes more, and nothing was done."""
        shape = shape_of(self.plan.table, context)
        keys = shape.plain_keys()
        if keys is None or context.transaction.tracked is not None:
            return False
        writer = KeyWriter(context.engine, self.plan.table.storage_id, keys)
        row_id = writer.insert(context.transaction, shape.store_row(row))
        if row_id == NOT_INSERTED:
            return False
        if shape.checked_later:
            queue_insert(context, shape, [row_id], lambda: [row])
        return True


def with_sequences(context: ExecutionContext, attempt: Callable[[ExecutionContext], int]) -> int:
    """What an attempt comes to; when that is LEFT, the statement is given the same values of sequences again."""
    if context.session is None:
        return attempt(context)
    sequences = context.session.sequences
    if sequences.taken:
        sequences.begin()
    count = attempt(context)
    if count == LEFT:
        sequences.leave()
    return count


def projection(node: physical.Project) -> Callable[[Row, Any], Row]:
    """What makes the rows of a projection of those of its input."""
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


def counted(plan: physical.Plan, context: ExecutionContext, count: int) -> list[Row] | None:
    """What a statement that has changed so many rows gives: no rows; None if it is LEFT."""
    if count < 0:
        return None
    context.row_counts[plan] = count
    return []
