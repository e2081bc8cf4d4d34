"""Transaction: one that can also make and drop relations, under the engine's latch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from storage.index import Index
from storage.kinds import Kind
from storage.relation import IS_OFF_LOG, IS_UNIQUE, IS_UNLOGGED, Form
from storage.table import Table
from storage.taking_back import TakenBackGroup, take_back_portion
from storage.transactions import Transaction as StorageTransaction

if TYPE_CHECKING:
    from storage.engine import Engine

UNLOGGED = IS_UNLOGGED | IS_OFF_LOG


class Transaction(StorageTransaction):
    """A transaction that can also make and drop relations."""

    __slots__ = ()

    engine: "Engine"

    def create_relation(
        self, relation_id: int, kinds: Sequence[Kind], *, logged: bool = True
    ) -> Table:
        """Make an empty table; it is gone again if the transaction aborts.

        One that is not logged is empty again after a crash.
        """
        flags = 0 if logged else UNLOGGED
        with self.engine.latch:
            self.engine.relations.make(self, relation_id, Form.TABLE, kinds, flags)
            return self.engine.relation(relation_id)

    def create_index(self, index_id: int, unique: bool = False, *, logged: bool = True) -> Index:
        """Make an empty index; it is gone again if the transaction aborts."""
        flags = (IS_UNIQUE if unique else 0) | (0 if logged else UNLOGGED)
        with self.engine.latch:
            self.engine.relations.make(self, index_id, Form.INDEX, (), flags)
            return self.engine.index(index_id)

    def drop_relation(self, relation_id: int) -> None:
        """Drop a table or index when the transaction commits."""
        with self.engine.latch:
            self.engine.relations.drop(self, relation_id)

    drop_index = drop_relation

    def rollback_to(self, savepoint: int) -> None:
        """Take back what was done since the savepoint, which stays set."""
        with self.engine.latch:
            super().rollback_to(savepoint)

    def take_back_portion(self, savepoint: int | None = None) -> bool:
        """Take back some of the last rows, a few milliseconds of work; whether there is more.

        Before `abort`, or before `rollback_to` that savepoint.
        """
        with self.engine.latch:
            stays = 0 if savepoint is None else self.undo_count_at(savepoint)
            return take_back_portion(self, undo_count=stays)

    def leave(self) -> None:
        """Belong to no session any more: what hangs on that goes, locks and ids stay until `abort`."""
        with self.engine.latch:
            self._first = None
            self.lock_group = TakenBackGroup(self.xids[-1])
            callbacks, self._on_abort = self._on_abort, []
            for callback in callbacks:
                callback()

    def abort(self) -> None:
        """Take back everything and end it."""
        with self.engine.latch:
            super().abort()
