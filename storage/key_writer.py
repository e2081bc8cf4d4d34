"""KeyWriter: adds rows to a table and their keys to its indexes, one row at a time, over and over.

Rule 1: keys are stored columns in ascending order. A key that is no row's yet is all it adds: if a unique one may be
        there, nothing is done, and the caller finds out what that means.
Rule 2: this class and its compiled twin make the same changes, for transactions that are not tracked.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from storage.keys import encode_key
from storage.kinds import Kind
from storage.rows import Value

if TYPE_CHECKING:
    from storage.engine import Engine
    from storage.transactions import Transaction

NOT_INSERTED = -1


class KeyColumns(NamedTuple):
    """An index of stored columns; with a NULL among them a key is equal to no other."""

    index_id: int
    columns: tuple[int, ...]
    kinds: tuple[Kind, ...]
    is_unique: bool


class KeyWriter:
    """Adds rows to one table, whose indexes are all of stored columns."""

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
                parts = [values[column] for column in index.columns]
                key = encode_key(parts, index.kinds)
                may_be_taken = index.is_unique and None not in parts
                if may_be_taken and engine.index(index.index_id).lookup(key):
                    return NOT_INSERTED
                keys.append(key)
            row_id = engine.relation(self._table_id).insert_row(transaction, values)
            for index, key in zip(self._indexes, keys, strict=True):
                engine.index(index.index_id).insert(transaction, key, row_id)
        return row_id
