"""KeyReader: stored columns of the row that has a key of an index, for whoever asks for it over and over.

Rule 1: the row found has the key: its columns are compared, whatever the index says.
Rule 2: this class and its compiled twin give the same rows.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from storage.commit_log import Snapshot
from storage.keys import encode_key
from storage.kinds import Kind
from storage.lock_modes import RowLock
from storage.row_paths import OWN, THERE
from storage.rows import Value

if TYPE_CHECKING:
    from storage.engine import Engine
    from storage.outcomes import Outcome
    from storage.transactions import Transaction

READABLE_KINDS = frozenset((Kind.INT16, Kind.INT32, Kind.INT64, Kind.BYTES, Kind.FIXED16))
"""The kinds of key columns for which equal keys mean equal columns."""


class KeyReader:
    """Reads `columns` of a table by a whole key of an index, ascending, of the columns `key_columns`."""

    def __init__(
        self,
        engine: "Engine",
        table_id: int,
        index_id: int,
        key_columns: Sequence[int],
        kinds: Sequence[Kind],
        columns: Sequence[int],
    ) -> None:
        assert READABLE_KINDS.issuperset(kinds)
        self._engine = engine
        self._table_id = table_id
        self._index_id = index_id
        self._kinds = tuple(kinds)
        self._width = len(self._kinds)
        self._columns = (*key_columns, *columns)
        self._counts = engine.scans[index_id]

    def fetch(self, snapshot: Snapshot | None, parts: Sequence[Value]) -> tuple[Value, ...] | None:
        """The columns of the row that the snapshot sees, None for this moment; None: there is none."""
        found = self.locate(snapshot, parts)
        return None if found is None else found[0]

    def locate(
        self, snapshot: Snapshot | None, parts: Sequence[Value]
    ) -> tuple[tuple[Value, ...], int] | None:
        """`fetch`, and the id of the version it found."""
        engine = self._engine
        with engine.latch:
            roots = engine.index(self._index_id).lookup(encode_key(parts, self._kinds))
            self._counts.add(1, len(roots), 0)
            if not roots:
                return None
            relation = engine.relation(self._table_id)
            seen = engine.log.snapshot() if snapshot is None else snapshot
            for root_id in roots:
                row_id = relation.find_id(seen, root_id)
                if row_id < 0:
                    continue
                stored = relation.values(row_id, self._columns)
                if list(stored[: self._width]) == list(parts):
                    self._counts.add(0, 0, 1)
                    return stored[self._width :], row_id
        return None

    def share(self, transaction: "Transaction", parts: Sequence[Value]) -> bool:
        """Keep the row with the key as it is, FOR KEY SHARE; False: it is for `lock_referenced`, nothing was done."""
        engine = self._engine
        with engine.latch:
            paths = engine.relation(self._table_id).paths
            roots = engine.index(self._index_id).lookup(encode_key(parts, self._kinds))
            for root_id in roots:
                kept = paths.keeps_key(transaction, root_id)
                if kept == OWN:
                    self._counts.add(1, 1, 1)
                    return True
                if kept == THERE:
                    transaction.stamp()
                    holder = engine.locks.lock_row(
                        transaction, self._table_id, root_id, RowLock.KEY_SHARE
                    )
                    if holder is None:
                        self._counts.add(1, 1, 1)
                    return holder is None
        return False

    def change(
        self,
        transaction: "Transaction",
        snapshot: Snapshot,
        row_id: int,
        values: dict[int, Value],
    ) -> "Outcome":
        """Table.update of some columns of a version that `locate` has found."""
        with self._engine.latch:
            table = self._engine.relation(self._table_id)
            return table.update(transaction, snapshot, row_id, values)

    def remove(self, transaction: "Transaction", snapshot: Snapshot, row_id: int) -> "Outcome":
        """Table.delete of a version that `locate` has found."""
        with self._engine.latch:
            return self._engine.relation(self._table_id).delete(transaction, snapshot, row_id)
