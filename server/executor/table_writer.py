"""TableWriter: changes of a table's rows and what hangs on them: indexes, unique and foreign keys.

Rule 1: whatever may have to wait is a generator that yields Wait and looks again afterwards:
        nothing learned before a wait is believed after it.
Rule 2: only indexes whose key changed get an entry for an updated row.
Rule 3: a new version is written before its keys are checked: it then is this transaction's,
        whatever has to be waited for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.columns import batch_of_rows, null_column, rows_of
from server.executor.deferred import queue_insert, queue_inserts, queue_removal
from server.executor.inverted_keys import NewEntries
from server.executor.loads import load
from server.executor.storage_columns import store_columns, store_value
from server.executor.table_keys import AllRows, Keys, TableKeys
from server.executor.table_shape import Row, shape_of
from server.executor.triggers import queue_after_rows
from server.executor.waiting import doing, wait_for_row, wait_for_xid
from server.vector.batch import Batch
from storage.engine import Kind, Outcome, RowLock, Status

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from server.catalog.objects import Table
    from server.executor.context import ExecutionContext
    from server.executor.index_keys import IndexShape
    from server.executor.inverted_keys import InvertedShape
    from server.executor.waits import Wait
    from server.vector.column import Column, Positions
    from storage.engine import KeyWriter


EXACT: Final = frozenset((int, str, bytes, bool))
"""Kinds of values that are one wherever they are equal."""


class TableWriter(TableKeys):
    """Writes rows of one table during a run."""

    __slots__ = ()

    def full_batch(self, columns: dict[int, Column], count: int) -> Batch:
        """A batch with a column for each attribute, NULL where none is given."""
        return Batch(
            tuple(
                columns[number] if number in columns else null_column(reference.type, count)
                for number, reference in enumerate(self.shape.types, 1)
            ),
            count,
        )

    @staticmethod
    def full_batch_of(
        table: Table, columns: dict[int, Column], count: int, context: ExecutionContext
    ) -> Batch:
        """As full_batch, of a table that has no storage."""
        return Batch(
            tuple(
                columns[number] if number in columns else null_column(reference.type, count)
                for number, reference in enumerate(shape_of(table, context).types, 1)
            ),
            count,
        )

    # Inserting -----------------------------------------------------------------------------------

    def insert(self, batch: Batch) -> Generator[Wait, None, Positions]:
        """Insert rows given as a column for each attribute; their row ids."""
        row_ids = yield from self._insert(batch, ())
        assert row_ids is not None
        return row_ids

    def _insert(
        self, batch: Batch, arbiters: Sequence[IndexShape]
    ) -> Generator[Wait, None, Positions | None]:
        """Insert rows; None: the key of the only one has come to be taken in one of the arbiters."""
        all_rows = _once(lambda: rows_of(batch))
        found = [self._keys(shape, batch, all_rows) for shape in self.shape.indexes]
        keys, distinct = [own for own, _ in found], [own for _, own in found]
        entries = [NewEntries(item, all_rows(), self.context) for item in self.shape.inverted]
        values, nulls = store_columns(batch.columns, self.shape.types)
        self._announce()
        with load(self.shape.table, self.context, values, nulls, batch.count) as made:
            while True:
                with self._engine.latch:
                    if arbiters and self._is_taken(arbiters, distinct):
                        return None
                    blocker = self._find_conflict(batch, distinct)
                    if not blocker:
                        row_ids: Positions = self.relation.insert(
                            self._transaction, values, nulls, batch.count, made
                        )
                        self._insert_keys(keys, row_ids)
                        for item in entries:
                            item.insert(row_ids, self.context)
                        break
                yield from wait_for_xid(self.context, blocker)
        stored = (values, nulls)
        queue_inserts(self.context, self.shape, row_ids, all_rows, stored, self._rechecks)
        if self.shape.triggers:
            pairs = [(None, row) for row in all_rows()]
            queue_after_rows(self.context, self.shape, "insert", pairs)
        return row_ids

    def takes_stored(self) -> bool:
        """Whether `insert_stored` may be asked: nothing but plain indexes and foreign keys hangs on new rows."""
        shape = self.shape
        return (
            all(constraint.kind == "f" for constraint in shape.checked_later)
            and not shape.triggers
            and not shape.inverted
            and all(
                index.is_columns_only
                and not index.is_deferrable
                and all(part.kind_is_fixed and part.kind is not Kind.BYTES for part in index.parts)
                for index in shape.indexes
            )
        )

    def insert_stored(self, values: list[Any], nulls: list[Any], count: int) -> bool:
        """Insert rows given in stored form by attribute; False: nothing was done, something is in the way."""
        if any(nulls[number - 1] is not None for number in self.shape.not_null):
            return False
        keys: list[Sequence[bytes]] = []
        for shape in self.shape.indexes:
            own = shape.stored_keys(values, nulls)
            if own is None:
                return False
            keys.append(own)
        made = load(self.shape.table, self.context, values, nulls, count)
        with made, self._engine.latch:
            for shape, own in zip(self.shape.indexes, keys, strict=True):
                index = self._engine.index(shape.storage_id)
                if shape.index.unique and index.may_have(own):
                    return False
            row_ids = self.relation.insert(self._transaction, values, nulls, count, made)
            for shape, own in zip(self.shape.indexes, keys, strict=True):
                self._engine.index(shape.storage_id).insert_many(self._transaction, own, row_ids)
        if self.shape.checked_later:
            stored = (values, nulls)
            queue_inserts(self.context, self.shape, row_ids, lambda: self._all(row_ids), stored)
        return True

    def _all(self, row_ids: Positions) -> list[Row]:
        return [self.read(row_id) for row_id in row_ids.tolist()]

    def insert_fresh(
        self, batch: Batch, arbiters: Sequence[IndexShape]
    ) -> tuple[Positions, list[tuple[IndexShape, Keys]]]:
        """Insert the rows whose keys nobody has in the arbiters, of a table without triggers or inverted indexes.

        The places of the others, and the keys of all rows in the arbiters.
        """
        all_rows = _once(lambda: rows_of(batch))
        found = [self._keys(shape, batch, all_rows) for shape in self.shape.indexes]
        distinct = [
            (shape, own)
            for shape, (_, own) in zip(self.shape.indexes, found, strict=True)
            if shape in arbiters
        ]
        with self._engine.latch:
            is_fresh = np.ones(batch.count, np.bool_)
            for shape, own in distinct:
                suspects = self._engine.index(shape.storage_id).find_suspects(own)
                is_fresh[[place for place, _ in suspects]] = False
            fresh = np.flatnonzero(is_fresh)
            rows = batch if len(fresh) == batch.count else batch.take(fresh)
            keys, unique = ([_picked(pair[i], fresh) for pair in found] for i in (0, 1))
            if not len(fresh) or self._find_conflict(rows, unique):
                return np.arange(batch.count), distinct
            values, nulls = store_columns(rows.columns, self.shape.types)
            row_ids = self.relation.insert(self._transaction, values, nulls, rows.count)
            self._insert_keys(keys, row_ids)
        queue_inserts(self.context, self.shape, row_ids, lambda: rows_of(rows), (values, nulls))
        return np.flatnonzero(~is_fresh), distinct

    def insert_unless(
        self, row: Row, arbiters: Sequence[IndexShape]
    ) -> Generator[Wait, None, Outcome]:
        """Insert one row unless another has its key in one of the arbiters: DONE or DUPLICATE."""
        while True:
            found = self._find_arbiter_conflict(row, arbiters)
            if found is None:
                # Functions in the keys may wait, so that somebody else may come first all the same.
                row_ids = yield from self._insert(batch_of_rows([row], self.shape.types), arbiters)
                if row_ids is not None:
                    return Outcome(Status.DONE, new_row_id=int(row_ids[0]), root_id=int(row_ids[0]))
            elif found.status is Status.DUPLICATE:
                return found
            else:
                yield from wait_for_xid(self.context, found.blocker_xid)

    def try_insert(self, row: Row) -> bool:
        """Insert one row if nobody is in the way; raises if a unique key is taken."""
        context, shapes = self.context, self.shape.indexes
        self._announce()
        entries = [NewEntries(item, (row,), context) for item in self.shape.inverted]
        with self._engine.latch:
            keys = [shape.key(row, context) for shape in shapes]
            for shape in self.shape.unique_indexes:
                if shape.is_deferrable:
                    return False
                unique_key = shape.unique_key(row, context)
                found = None if unique_key is None else self.duplicate_of(shape, unique_key, -1)
                if found is not None and found.status is Status.BLOCKED:
                    return False
                if found is not None:
                    raise self.duplicate_error(shape, row)
            row_id = self.relation.insert_row(self._transaction, self.shape.store_row(row))
            for shape, key in zip(shapes, keys, strict=True):
                if key is not None:
                    self._engine.index(shape.storage_id).insert(self._transaction, key, row_id)
            for item in entries:
                item.insert(np.array([row_id]), context)
        if self.shape.checked_later:
            queue_insert(context, self.shape, [row_id], lambda: [row])
        return True

    def _announce(self) -> None:
        """Tell serializable transactions that the table gets new rows, before a key may be in the way."""
        if self._transaction.tracked is not None:
            self._transaction.tracked.write_rows(self.relation.relation_id, ())

    def is_free(self, row: Row, arbiters: Sequence[IndexShape]) -> Generator[Wait, None, bool]:
        """Whether nobody has a key of a row in one of the arbiters; who may have it is waited for."""
        while (found := self._find_arbiter_conflict(row, arbiters)) is not None:
            if found.status is Status.DUPLICATE:
                return False
            yield from wait_for_xid(self.context, found.blocker_xid)
        return True

    # Changing ------------------------------------------------------------------------------------

    def update(
        self, row_id: int, changes: dict[int, Any], told: Iterable[int] | None = None
    ) -> Generator[Wait, None, Outcome]:
        """Give attributes of the version that the snapshot saw new values (in row form).

        told: those that triggers are told of, where they are not the same. Never BLOCKED: that is waited for.
        """
        told = changes if told is None else told
        watched = self.shape.watched & changes.keys()
        old: Row = ()
        new: Row = ()
        moved: list[tuple[IndexShape, bytes | None]] = []
        altered: list[tuple[InvertedShape, frozenset[bytes]]] = []
        if watched or self.shape.triggers:
            old = self.read(row_id)
            new = tuple(changes.get(n, value) for n, value in enumerate(old, 1))
            changes = _other_values(old, changes)
            watched &= changes.keys()
            moved = self._moved_keys(old, new, changes)
            altered = self._altered_entries(old, new, changes)
        stored = {
            number - 1: store_value(value, self.shape.types[number - 1])
            for number, value in changes.items()
        }
        key_kept = not any(shape.may_be_referred_to for shape, _ in moved)
        is_marked = bool(moved or altered or self.shape.unfilled_attributes & changes.keys())
        while True:
            with self._engine.latch:
                outcome: Outcome = self.relation.update(
                    self._transaction,
                    self.context.snapshot,
                    row_id,
                    stored,
                    is_marked,
                    key_kept,
                )
                if outcome.status is Status.DONE:
                    self._add_entries(altered, outcome.root_id)
            if outcome.status is not Status.BLOCKED:
                break
            strength = RowLock.NO_KEY_UPDATE if key_kept else RowLock.UPDATE
            yield from self._wait_for(row_id, strength, outcome.blocker_xid, "updating")
        if outcome.status is Status.DONE and watched:
            for shape, key in moved:
                yield from self._insert_key(shape, key, new, outcome.root_id)
            queue_removal(self.context, self.shape, old, new)
            ids, checks = [outcome.new_row_id], self._rechecks
            queue_insert(self.context, self.shape, ids, lambda: [new], old, checks)
        if outcome.status is Status.DONE and self.shape.triggers:
            queue_after_rows(self.context, self.shape, "update", [(old, new)], told)
        return outcome

    def try_update(
        self, row_id: int, changes: dict[int, Any], mover: KeyWriter | None = None
    ) -> Outcome | None:
        """Give attributes that nothing hangs on new values, if nobody is in the way.

        mover: keeps the keys in the indexes that are concerned; None if one of them may be taken.
        """
        stored = {
            number - 1: store_value(value, self.shape.types[number - 1])
            for number, value in changes.items()
        }
        snapshot = self.context.snapshot
        if mover is not None:
            return mover.update(self._transaction, snapshot, row_id, stored)
        with self._engine.latch:
            outcome: Outcome = self.relation.update(self._transaction, snapshot, row_id, stored)
        return outcome

    def try_delete(self, row_id: int) -> Outcome:
        """End a version, if nobody is in the way."""
        with self._engine.latch:
            old = self.read(row_id) if self.shape.references else ()
            outcome: Outcome = self.relation.delete(
                self._transaction, self.context.snapshot, row_id
            )
        if outcome.status is Status.DONE and self.shape.references:
            queue_removal(self.context, self.shape, old, None)
        return outcome

    def _add_entries(
        self, altered: Sequence[tuple[InvertedShape, frozenset[bytes]]], root_id: int
    ) -> None:
        """Add the entries of a changed row, one by one: some may be there from a version before."""
        for shape, keys in altered:
            index = self._engine.index(shape.storage_id)
            for key in sorted(keys):
                index.insert(self._transaction, key, root_id)

    def _wait_for(self, row_id: int, strength: RowLock, xid: int, verb: str) -> Iterator[Wait]:
        where = doing(verb, self.shape.table.name, row_id)
        yield from wait_for_row(self.context, self.relation, row_id, strength, xid, where)

    def delete(self, row_id: int, moved: Row | None = None) -> Generator[Wait, None, Outcome]:
        """End the version that the snapshot saw; never BLOCKED.

        moved: the row as it is to be in another partition, for those who refer to it.
        """
        while True:
            with self._engine.latch:
                is_seen = self.shape.references or self.shape.triggers
                old = self.read(row_id) if is_seen else ()
                outcome: Outcome = self.relation.delete(
                    self._transaction, self.context.snapshot, row_id
                )
            if outcome.status is not Status.BLOCKED:
                break
            yield from self._wait_for(row_id, RowLock.UPDATE, outcome.blocker_xid, "deleting")
        if outcome.status is Status.DONE and is_seen:
            has_left = moved is not None
            queue_removal(self.context, self.shape, old, moved, has_left=has_left)
            if self.shape.triggers:
                queue_after_rows(self.context, self.shape, "delete", [(old, None)])
        return outcome


def _other_values(old: Row, changes: dict[int, Any]) -> dict[int, Any]:
    """The changes without those to the very value that is there, but for one: triggers give whole rows."""
    found = {
        number: value for number, value in changes.items() if not is_same(value, old[number - 1])
    }
    return found or dict([*changes.items()][:1])


def is_same(value: Any, other: Any) -> bool:
    """Whether two values plainly are one: values of other types may be equal and look different."""
    return value is other or (
        type(value) in EXACT and type(value) is type(other) and value == other
    )


def _picked(keys: Keys, places: Positions) -> Keys:
    return keys if len(places) == len(keys) else [keys[place] for place in places.tolist()]


def _once(make: AllRows) -> AllRows:
    """The function, run once at most."""
    made: list[list[Row]] = []

    def all_rows() -> list[Row]:
        if not made:
            made.append(make())
        return made[0]

    return all_rows
