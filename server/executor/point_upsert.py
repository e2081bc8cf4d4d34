"""PointUpsert: INSERT of one row of VALUES with ON CONFLICT, when no key is taken or by a row that is plainly there.

Rule 1: as for the other point statements: what `count` gives is what the ordinary operators would come to, or LEFT.
Rule 2: a row in the way is one that the statement's snapshot sees and nobody else changes; all other cases are LEFT.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from server.executor.point_change import LEFT, Row, counted, with_sequences
from server.executor.storage_columns import load_value, store_value
from server.executor.table_shape import shape_of
from server.expressions.evaluate import compile_row
from server.expressions.expression import columns_used
from storage.engine import KeyReader, KeyWriter, RowLock, Status

if TYPE_CHECKING:
    from server.executor.context import ExecutionContext
    from server.executor.index_keys import IndexShape
    from server.executor.point_twins import RowInsert
    from server.executor.table_shape import TableShape
    from server.planner import change_plans


class Arbiter(NamedTuple):
    """A unique index in which a row may be in the way."""

    reader: KeyReader
    columns: tuple[int, ...]
    shape: IndexShape


class PointUpsert:
    """The statement made ready; the insertion itself is a RowInsert."""

    __slots__ = (
        "_arbiters",
        "_assignments",
        "_insert",
        "_is_left",
        "_lock_mode",
        "_mover",
        "_needed",
        "_shape",
        "_where",
        "_width",
        "plan",
    )

    def __init__(self, plan: change_plans.Insert, insert: RowInsert) -> None:
        clause = plan.conflict
        assert clause is not None
        self.plan = plan
        self._insert = insert
        self._width = len(plan.table.columns)
        # Expressions see the existing row, then the proposed one.
        layout = {column: number - 1 for number, column in clause.existing}
        layout |= {column: self._width + number - 1 for number, column in clause.excluded}
        self._where = None if clause.where is None else compile_row(clause.where, layout)
        self._assignments = [
            (number, compile_row(item, layout)) for number, item in clause.update or ()
        ]
        expressions = [item for _, item in clause.update or ()]
        expressions += [] if clause.where is None else [clause.where]
        used = {column for item in expressions for column in columns_used(item)}
        self._needed = tuple(number - 1 for number, column in clause.existing if column in used)
        self._shape: TableShape | None = None  # for which the rest was found
        self._arbiters: tuple[Arbiter, ...] = ()
        self._mover: KeyWriter | None = None  # of the keys in the indexes that are concerned
        self._lock_mode = RowLock.NO_KEY_UPDATE
        self._is_left = False

    def __call__(self, context: ExecutionContext) -> list[Row] | None:
        """Run the statement: its rows, none, or None when it is LEFT."""
        return counted(self.plan, context, self.count(context))

    def count(self, context: ExecutionContext) -> int:
        """Insert the row, or update the one in its way: 1; 0: that one stays as it is; or LEFT."""
        return with_sequences(context, self._count)

    def _count(self, context: ExecutionContext) -> int:
        row = self._insert.proposed(context)
        shape = shape_of(self.plan.table, context)
        if row is None or shape.has_exclusions:
            return LEFT
        if self._insert.insert_new(row, context):
            return 1
        if shape is not self._shape:
            self._prepare(shape, context)
        if self._is_left or context.transaction.tracked is not None:
            return LEFT
        return self._meet(row, shape, context)

    def _meet(self, row: Row, shape: TableShape, context: ExecutionContext) -> int:
        """What comes of the first row that is in the way."""
        for arbiter in self._arbiters:
            parts = [store_value(row[column], shape.types[column]) for column in arbiter.columns]
            found = None if None in parts else arbiter.reader.locate(context.snapshot, parts)
            if found is None:
                if arbiter is not self._arbiters[-1] and not self._is_free(arbiter, row, context):
                    return (
                        LEFT  # who may have that key is waited for before the next one is looked at
                    )
                continue
            if self._assignments:
                return self._update(arbiter.reader, *found, row, context)
            return 0 if self._stands(found[1], context) else LEFT
        return LEFT

    def _prepare(self, shape: TableShape, context: ExecutionContext) -> None:
        clause = self.plan.conflict
        assert clause is not None
        oids = {index.oid for index in clause.indexes}
        indexes = [item for item in shape.unique_indexes if not oids or item.index.oid in oids]
        assigned = [number for number, _ in self._assignments]
        keys = shape.moved_keys(assigned)
        self._is_left = keys is None or not all(
            item.is_insertable and item.is_plain and not any(item.nulls_first) for item in indexes
        )
        if not self._is_left:
            self._arbiters = tuple(self._arbiter(item, context) for item in indexes)
        table_id = self.plan.table.storage_id
        self._mover = KeyWriter(context.engine, table_id, keys) if keys else None
        is_kept = shape.key_attributes.isdisjoint(assigned)
        self._lock_mode = RowLock.NO_KEY_UPDATE if is_kept else RowLock.UPDATE
        self._shape = shape

    def _arbiter(self, index: IndexShape, context: ExecutionContext) -> Arbiter:
        columns = tuple(key.number - 1 for key in index.index.keys)
        kinds = [part.kind for part in index.parts]
        table_id = self.plan.table.storage_id
        reader = KeyReader(context.engine, table_id, index.storage_id, columns, kinds, self._needed)
        return Arbiter(reader, columns, index)

    @staticmethod
    def _is_free(arbiter: Arbiter, row: Row, context: ExecutionContext) -> bool:
        """Whether nobody has the row's key, or ever had it as far as the index knows."""
        key = arbiter.shape.unique_key(row, context)
        with context.engine.latch:
            return key is None or not context.engine.index(arbiter.shape.storage_id).lookup(key)

    def _stands(self, row_id: int, context: ExecutionContext) -> bool:
        """Whether nobody has ended the version, or is about to."""
        with context.engine.latch:
            relation = context.engine.relation(self.plan.table.storage_id)
            return not relation.version(row_id).xmax

    def _update(
        self,
        reader: KeyReader,
        stored: tuple[object, ...],
        row_id: int,
        row: Row,
        context: ExecutionContext,
    ) -> int:
        shape = shape_of(self.plan.table, context)
        existing: list[object] = [None] * self._width
        for place, value in zip(self._needed, stored, strict=True):
            existing[place] = load_value(value, shape.types[place])
        both = (*existing, *row)
        if self._where is not None and self._where(both, context) is not True:
            return self._lock(row_id, context)
        changes = {}
        for number, evaluate in self._assignments:
            value = evaluate(both, context)
            if value is None and number in shape.not_null_numbers:
                return LEFT
            changes[number - 1] = store_value(value, shape.types[number - 1])
        change = reader.change if self._mover is None else self._mover.update
        outcome = change(context.transaction, context.snapshot, row_id, changes)
        return 1 if outcome is not None and outcome.status is Status.DONE else LEFT

    def _lock(self, row_id: int, context: ExecutionContext) -> int:
        """Keep the row that is not to be changed as it is."""
        with context.engine.latch:
            relation = context.engine.relation(self.plan.table.storage_id)
            outcome = relation.lock_row(
                context.transaction, context.snapshot, row_id, self._lock_mode
            )
        return 0 if outcome.status is Status.DONE else LEFT
