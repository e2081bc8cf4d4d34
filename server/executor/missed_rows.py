"""MissedRows: what an index has missed that was filled while others were writing.

Rule 1: an index is filled with what one snapshot sees; who writes after it is ready enters his rows himself. What came
        in between a later snapshot sees and the first one does not, and that is entered here.
Rule 2: an entry may be there already, of somebody who would take it back in aborting although a committed version has
        the key as well: it is then no more his to take back.
Rule 3: who is in the way of a unique key is waited for, and is looked at again then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from server.executor.constraint_errors import unique_violation
from server.executor.index_build import entry_shape
from server.executor.index_keys import IndexShape
from server.executor.table_shape import TableShape
from storage.engine import Status

if TYPE_CHECKING:
    from server.catalog.objects import Index, Table
    from server.executor.context import ExecutionContext
    from server.executor.table_shape import Row
    from storage.engine import Snapshot

LATCHED_ROWS: Final = 256
"""So many rows are entered while others have to wait for the latch."""


class MissedRows:
    """The rows that `now` sees and `filled`, which the index was filled with, did not."""

    def __init__(
        self, context: ExecutionContext, table: Table, index: Index, filled: Snapshot, now: Snapshot
    ) -> None:
        self._context = context
        self._table_shape = TableShape(table, context)
        self._shape = entry_shape(index, self._table_shape, context)
        self._relation = context.engine.relation(table.storage_id)
        self._index = context.engine.index(index.storage_id)
        self._filled = filled
        self._now = now
        self._group_no = 0
        self._row_ids: list[int] = []

    def enter(self) -> int:
        """Enter them, up to one that somebody is in the way of: his xid; 0: all are entered.

        It takes its time and belongs on a worker thread.
        """
        while self._row_ids or self._next_group():
            self._context.check_cancelled()
            with self._context.engine.latch:
                for row_id in self._row_ids[-1 : -1 - LATCHED_ROWS : -1]:
                    blocker_xid = self._enter(row_id)
                    if blocker_xid:
                        return blocker_xid
                    self._row_ids.pop()
        return 0

    def _next_group(self) -> bool:
        """Look for more rows; False: there are no more row groups."""
        while not self._row_ids:
            if self._group_no >= self._relation.group_count:
                return False
            self._context.check_cancelled()
            with self._context.engine.latch:
                now = self._relation.view(self._now, self._group_no)
                before = self._relation.view(self._filled, self._group_no)
            missed = np.setdiff1d(now.row_ids, before.row_ids, assume_unique=True)
            self._row_ids = missed.tolist()
            self._group_no += 1
        return True

    def _enter(self, row_id: int) -> int:
        root_id = self._relation.root(row_id)
        row = self._table_shape.load_row(self._relation.values(row_id))
        keys = self._keys(row, root_id)
        if isinstance(keys, int):
            return keys
        transaction = self._context.transaction
        for key in keys:
            self._index.insert_kept(
                transaction, key, root_id, self._context.engine.locks.running() - {transaction}
            )
        return 0

    def _keys(self, row: Row, root_id: int) -> frozenset[bytes] | int:
        """The keys of a row; or the xid of whoever may have one that no other may have."""
        shape = self._shape
        if not isinstance(shape, IndexShape):
            return shape.keys(row, self._context)
        key, unique_key = shape.both_keys(row, self._context)
        if shape.index.unique and unique_key is not None:
            blocker_xid = self._blocker(shape, unique_key, row, root_id)
            if blocker_xid:
                return blocker_xid
        return frozenset(() if key is None else (key,))

    def _blocker(self, shape: IndexShape, key: bytes, row: Row, root_id: int) -> int:
        """Raise if another row has the key, as this one still has; whom to wait for to know, or 0."""
        transaction, relation = self._context.transaction, self._relation
        key_of = self._table_shape.key_of(shape, self._context)
        other = self._index.find_duplicate(transaction, relation, key, root_id, key_of)
        if other is None:
            return 0
        own = relation.live(
            transaction, root_id, lambda row_id: key_of(relation.values(row_id)) == key
        )
        if own.status is Status.DELETED:
            return 0
        for found in (other, own):
            if found.status is Status.BLOCKED:
                return int(found.blocker_xid)
        values = shape.values(row, self._context)
        raise unique_violation(self._table_shape, shape, values, self._context)
