"""TableKeys: the keys that rows of a table have in its indexes, and whether somebody has them already.

Rule 1: between the look at a unique index and the insertion into it nobody else runs: both happen
        under the latch.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

from server.errors import ObjectNotInPrerequisiteState
from server.executor.columns import rows_of
from server.executor.constraint_errors import unique_violation
from server.executor.deferred import UniqueRecheck
from server.executor.exclusions import DEFERRABLE_ARBITER
from server.executor.row_places import at_row
from server.executor.table_shape import Row, TableShape, shape_of
from server.executor.waiting import wait_for_xid
from server.planner.foreign import refuse_foreign
from storage.engine import Outcome, Status

if TYPE_CHECKING:
    from server.catalog.objects import Table
    from server.executor.context import ExecutionContext
    from server.executor.index_keys import IndexShape
    from server.executor.inverted_keys import InvertedShape
    from server.executor.waits import Wait
    from server.vector.batch import Batch
    from server.vector.column import Positions

Keys = list[bytes | None]
AllRows = Callable[[], list[Row]]


class TableKeys:
    """The keys of one table during a run."""

    __slots__ = ("_engine", "_rechecks", "_transaction", "context", "relation", "shape")

    def __init__(self, table: Table, context: ExecutionContext) -> None:
        refuse_foreign(context.catalog, table)  # which partitions may be
        self.shape: TableShape = shape_of(table, context)
        self.context = context
        self.relation = context.engine.relation(table.storage_id)
        self._engine = context.engine
        self._transaction = context.transaction
        self._rechecks: list[UniqueRecheck] = []

    def read(self, row_id: int) -> Row:
        """The row of exactly this version."""
        with self._engine.latch:
            return self.shape.load_row(self.relation.values(row_id))

    def _find_arbiter_conflict(self, row: Row, arbiters: Sequence[IndexShape]) -> Outcome | None:
        for shape in arbiters:
            if shape.is_deferrable:
                raise ObjectNotInPrerequisiteState(DEFERRABLE_ARBITER)
            key = shape.unique_key(row, self.context)
            if key is not None:
                with self._engine.latch:
                    found = self.duplicate_of(shape, key, -1)
                if found is not None:
                    return found
        return None

    def _is_taken(self, arbiters: Sequence[IndexShape], keys: Sequence[Keys]) -> bool:
        """Whether the key of the only row is in the way of another, or maybe is, in one of the arbiters."""
        return any(
            shape in arbiters
            and own[0] is not None
            and self.duplicate_of(shape, own[0], -1) is not None
            for shape, own in zip(self.shape.indexes, keys, strict=True)
        )

    def duplicate_of(self, shape: IndexShape, key: bytes, root_id: int) -> Outcome | None:
        """The row that has a key in an index, or whom to wait for to know; under the latch."""
        index = self._engine.index(shape.storage_id)
        key_of = self.shape.key_of(shape, self.context)
        found: Outcome | None = index.find_duplicate(
            self._transaction, self.relation, key, root_id, key_of
        )
        return found

    def _find_conflict(self, batch: Batch, keys: Sequence[Keys]) -> int:
        """Raise if a unique key is taken; give the xid to wait for, or 0."""
        for shape, distinct in zip(self.shape.indexes, keys, strict=True):
            if not shape.index.unique:
                continue
            if shape.is_deferrable:
                self._recheck_repeated(shape, distinct)
                continue
            blocker = self._find_duplicate(shape, distinct, batch)
            if blocker:
                return blocker
        return 0

    def _keys(self, shape: IndexShape, batch: Batch, all_rows: AllRows) -> tuple[Keys, Keys]:
        """The keys of the rows, and those with None for the rows that may equal others."""
        if not shape.is_columns_only:
            pairs = [shape.both_keys(row, self.context) for row in all_rows()]
            return [key for key, _ in pairs], [key for _, key in pairs]
        keys = shape.keys(batch.columns, batch.count, self.context)
        mask = shape.distinct_rows(batch.columns, batch.count) if shape.index.unique else None
        if mask is None:
            return keys, keys
        is_distinct = mask.tolist()
        return keys, [key if is_distinct[place] else None for place, key in enumerate(keys)]

    def _recheck_repeated(self, shape: IndexShape, keys: Keys) -> None:
        """Have those keys checked later that others have now; who takes one after us finds us."""
        if UniqueRecheck.enabled not in self.context.firing_states:
            return
        for number, is_repeated in self._engine.index(shape.storage_id).find_suspects(keys):
            key = keys[number]
            assert key is not None
            if is_repeated or self.duplicate_of(shape, key, -1) is not None:
                self._rechecks.append(UniqueRecheck(self.shape, shape, key))

    def _find_duplicate(self, shape: IndexShape, keys: Keys, batch: Batch) -> int:
        index = self._engine.index(shape.storage_id)
        key_of = self.shape.key_of(shape, self.context)
        for number, is_repeated in index.find_suspects(keys):
            if is_repeated:
                row = rows_of(batch.slice(number, number + 1))[0]
                with at_row(number):
                    raise self.duplicate_error(shape, row)
            key = keys[number]
            assert key is not None
            found = index.find_duplicate(self._transaction, self.relation, key, -1, key_of)
            if found is None:
                continue
            if found.status is Status.BLOCKED:
                return int(found.blocker_xid)
            with at_row(number):
                raise self.duplicate_error(shape, self.read(found.new_row_id))
        return 0

    def duplicate_error(self, shape: IndexShape, row: Row) -> Exception:
        """The key of this row is there already; unless who looked for it before must fail for that."""
        key = shape.key(row, self.context)
        if self._transaction.tracked is not None and key is not None:
            self._transaction.tracked.write_keys(shape.storage_id, (key,))
        values = shape.values(row, self.context)
        return unique_violation(self.shape, shape, values, self.context)

    def _insert_keys(self, keys: Sequence[Keys], row_ids: Positions) -> None:
        for shape, own in zip(self.shape.indexes, keys, strict=True):
            self.context.check_cancelled()
            index, ids = self._engine.index(shape.storage_id), row_ids
            if None in own:
                there = [place for place, key in enumerate(own) if key is not None]
                own, ids = [own[place] for place in there], row_ids[there]
            index.insert_many(self._transaction, own, ids)

    def _moved_keys(
        self, old: Row, new: Row, changes: dict[int, Any]
    ) -> list[tuple[IndexShape, bytes | None]]:
        """Indexes in which the row has another key than before, with that key."""
        moved = []
        for shape in self.shape.indexes:
            if shape.attributes & changes.keys():
                key = shape.key(new, self.context)
                if key != shape.key(old, self.context):
                    moved.append((shape, key))
        return moved

    def _altered_entries(
        self, old: Row, new: Row, changes: dict[int, Any]
    ) -> list[tuple[InvertedShape, frozenset[bytes]]]:
        """Inverted indexes in which the row has other entries than before, with the keys of new ones."""
        altered = []
        for shape in self.shape.inverted:
            if shape.attributes & changes.keys():
                before, after = shape.keys(old, self.context), shape.keys(new, self.context)
                if before != after:
                    altered.append((shape, after - before))
        return altered

    def _insert_key(
        self, shape: IndexShape, key: bytes | None, row: Row, root_id: int
    ) -> Generator[Wait, None, None]:
        """Add the entry of a row that has changed, unless another one has the key."""
        if key is None:
            return
        index = self._engine.index(shape.storage_id)
        unique_key = shape.unique_key(row, self.context) if shape.index.unique else None
        while True:
            with self._engine.latch:
                found = None if unique_key is None else self.duplicate_of(shape, key, root_id)
                if found is not None and shape.is_deferrable:
                    self._rechecks.append(UniqueRecheck(self.shape, shape, key))
                    found = None
                if found is None:
                    index.insert(self._transaction, key, root_id)
                    return
            if found.status is not Status.BLOCKED:
                raise self.duplicate_error(shape, row)
            yield from wait_for_xid(self.context, found.blocker_xid)
