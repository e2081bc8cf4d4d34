"""KeyWriter: adds rows to a table and their keys to its indexes, or changes them, one at a time, over and over.

Rule 1: keys are stored columns. A key that is no row's, or only of rows that plainly are no more,
        is all it adds: if a unique one may be there, nothing is done, and the caller finds out what that means.
Rule 2: this class and its compiled twin make the same changes, for transactions that are not tracked.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from storage.keys import encode_key
from storage.kinds import Kind
from storage.outcomes import Status
from storage.rows import Value

if TYPE_CHECKING:
    from storage.commit_log import Snapshot
    from storage.engine import Engine
    from storage.outcomes import Outcome
    from storage.transactions import Transaction

NOT_INSERTED = -1
ROOTS_MAX = 64
"""Of more rows that had a key once, it is for others to find out whether one is left."""


class KeyColumns(NamedTuple):
    """An index of stored columns; with a NULL among them a key is equal to no other.

    order: which are descending, and which have NULLs first; None: each ascending, NULLs last.
    """

    index_id: int
    columns: tuple[int, ...]
    kinds: tuple[Kind, ...]
    is_unique: bool
    may_be_referred_to: bool = False  # by other rows
    order: tuple[tuple[bool, ...], tuple[bool, ...]] | None = None


class KeyWriter:
    """Adds rows to one table, whose indexes are all of stored columns, or changes rows and the keys in some indexes."""

    def __init__(self, engine: "Engine", table_id: int, indexes: Sequence[KeyColumns]) -> None:
        self._engine = engine
        self._table_id = table_id
        self._indexes = tuple(indexes)

    def insert(self, transaction: "Transaction", values: Sequence[Value]) -> int:
        """Add a row and its keys: its row id; NOT_INSERTED: a unique key may be taken, nothing was done."""
        assert transaction.tracked is None
        engine = self._engine
        keys = []
        with engine.latch:
            for index in self._indexes:
                key = self._new_key(
                    transaction, index, [values[column] for column in index.columns]
                )
                if key is None:
                    return NOT_INSERTED
                keys.append(key)
            row_id = engine.relation(self._table_id).insert_row(transaction, values)
            for index, key in zip(self._indexes, keys, strict=True):
                engine.index(index.index_id).insert(transaction, key, row_id)
        return row_id

    def update(
        self,
        transaction: "Transaction",
        snapshot: "Snapshot",
        row_id: int,
        changes: Mapping[int, Value],
    ) -> "Outcome | None":
        """Give columns of a version new values and its row the keys that follow; None: a unique key may be taken.

        Nothing was done then, nor with an outcome that is not DONE.
        """
        assert transaction.tracked is None
        engine = self._engine
        with engine.latch:
            table = engine.relation(self._table_id)
            moved = []
            for index in self._indexes:
                old = list(table.values(row_id, index.columns))
                new = [
                    changes.get(column, value)
                    for column, value in zip(index.columns, old, strict=True)
                ]
                if new == old:
                    continue
                key = self._new_key(transaction, index, new)
                if key is None:
                    return None
                moved.append((index, key))
            key_kept = not any(index.may_be_referred_to for index, _ in moved)
            outcome = table.update(transaction, snapshot, row_id, changes, bool(moved), key_kept)
            if outcome.status is Status.DONE:
                for index, key in moved:
                    engine.index(index.index_id).insert(transaction, key, outcome.root_id)
        return outcome

    def _new_key(
        self, transaction: "Transaction", index: KeyColumns, parts: Sequence[Value]
    ) -> bytes | None:
        """The key of these parts; None: it may be taken."""
        key = encode_key(parts, index.kinds, *(index.order or ()))
        if not index.is_unique or None in parts:
            return key
        roots = self._engine.index(index.index_id).lookup(key)
        if len(roots) > ROOTS_MAX:
            return None
        paths = self._engine.relation(self._table_id).paths
        return key if all(paths.is_over(transaction, root_id) for root_id in roots) else None
