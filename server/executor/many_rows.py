"""Updates and deletions of many rows at once, and the keys that rows get by that.

Rule 1: what is done here would be done row by row to the same end: whatever may have to wait, to fire or to be
        checked is left to TableWriter, row by row.
Rule 2: keys are made without the latch, of versions that the statement's snapshot keeps from being anything else.
Rule 3: keys of unique indexes are looked for and entered while the latch is held in which the rows change, those of
        others are entered for many rows at once, in their order, before the statement goes on.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from server.executor.deferred import queue_removals
from server.executor.storage_columns import store_columns
from server.executor.triggers import tells_of_rows
from storage.engine import MovedKeys

if TYPE_CHECKING:
    from collections.abc import Collection

    from server.executor.index_keys import IndexShape
    from server.executor.table_shape import TableShape
    from server.executor.table_writer import TableWriter
    from server.vector.column import Column, Mask, Positions
    from storage.engine import Index

MANY_ROWS = 32
"""From so many on rows are changed together."""
CHANGED_AT_ONCE = 2048
"""So many rows are changed while the latch is held, so many entries are added."""


def update_rows(writer: TableWriter, row_ids: Positions, columns: dict[int, Column]) -> int:
    """Give attributes new values, as long as nobody is in the way.

    How many rows from the first on were changed; the others have to be updated one by one.
    """
    shape = writer.shape
    if len(row_ids) < MANY_ROWS or tells_of_rows(shape, "update"):
        return 0
    if not bool((np.diff(row_ids) > 0).all()):
        return 0
    is_watched = writer.context.transaction.tracked is not None
    indexes = _indexes_concerned(shape, columns.keys(), is_watched=is_watched)
    if indexes is None:
        return 0
    types = [shape.types[number - 1] for number in columns]
    stored, nulls = store_columns(list(columns.values()), types)
    key_moves = KeyMoves(writer, indexes) if indexes else None
    done = 0
    for start in range(0, len(row_ids), CHANGED_AT_ONCE):
        writer.context.check_cancelled()
        part = slice(start, start + CHANGED_AT_ONCE)
        new = {
            number - 1: (values[part], None if null is None else null[part])
            for number, values, null in zip(columns, stored, nulls, strict=True)
        }
        moved = None
        if key_moves is not None:
            given = {n: column.slice(part.start, part.stop) for n, column in columns.items()}
            moved = key_moves.look(row_ids[part], given)
        with writer.context.engine.latch:
            if key_moves is not None and key_moves.may_be_taken():
                break
            transaction = writer.context.transaction
            roots = writer.relation.update_many(transaction, row_ids[part], new, moved)
            if roots is None:
                break
            if key_moves is not None:
                key_moves.note(roots)
        done = min(part.stop, len(row_ids))
    if key_moves is not None:
        key_moves.enter()
    return done


def delete_rows(writer: TableWriter, row_ids: Positions) -> Positions:
    """End versions, as long as nobody is in the way; the places of those that are gone, each the first of its row."""
    shape = writer.shape
    if len(row_ids) < MANY_ROWS or shape.triggers:
        return np.empty(0, np.int64)
    ordered, places = np.unique(row_ids, return_index=True)
    keys = frozenset(n for constraint in shape.references for n in constraint.referenced_columns)
    done = 0
    for start in range(0, len(ordered), CHANGED_AT_ONCE):
        writer.context.check_cancelled()
        part = ordered[start : start + CHANGED_AT_ONCE]
        with writer.context.engine.latch:
            if not writer.relation.delete_many(writer.context.transaction, part):
                break
            if shape.references:
                view = writer.relation.versions_view(part)
                queue_removals(writer.context, shape, shape.load_batch(view, keys))
        done = start + len(part)
    found: Positions = np.sort(places[:done])
    return found


def _indexes_concerned(
    shape: TableShape, numbers: Collection[int], *, is_watched: bool
) -> tuple[IndexShape, ...] | None:
    """The indexes in which rows may get other keys; None: more than keys hangs on these attributes.

    is_watched: somebody is told which keys the transaction reads.
    """
    touched = shape.watched.intersection(numbers)
    if not touched:
        return ()
    if is_watched or shape.watched_beyond_keys & touched:
        return None
    found = tuple(index for index in shape.indexes if index.attributes & touched)
    return None if any(index.is_deferrable for index in found) else found


@dataclass(frozen=True, slots=True)
class Found:
    """The keys that rows get in an index: which of them are others than before, and of these which must be distinct."""

    moved: Mask
    distinct: Mask
    keys: list[bytes | None]

    def distinct_keys(self) -> list[bytes | None]:
        """The keys that nobody else may have."""
        return [self.keys[place] for place in np.flatnonzero(self.distinct).tolist()]


class KeyMoves:
    """The keys that many rows of a table get by an update, in the indexes that it concerns."""

    __slots__ = ("_attributes", "_entries", "_found", "_indexes", "_writer")

    def __init__(self, writer: TableWriter, indexes: tuple[IndexShape, ...]) -> None:
        self._writer = writer
        self._indexes = indexes
        self._attributes = frozenset().union(*(index.attributes for index in indexes))
        self._found: list[Found] = []
        self._entries: dict[int, list[tuple[bytes, int]]] = {i.storage_id: [] for i in indexes}

    def look(self, row_ids: Positions, given: dict[int, Column]) -> MovedKeys:
        """Which rows get other keys; they are of versions that the statement's snapshot keeps."""
        context, shape = self._writer.context, self._writer.shape
        with context.engine.latch:
            view = self._writer.relation.versions_view(row_ids)
            before = shape.load_batch(view, self._attributes).columns
        after = [given.get(number, column) for number, column in enumerate(before, 1)]
        changed, lost = np.zeros(view.count, np.bool_), np.zeros(view.count, np.bool_)
        self._found = []
        for index in self._indexes:
            old = index.keys(before, view.count, context)
            new = index.keys(after, view.count, context)
            moved = np.fromiter(map(operator.ne, old, new), np.bool_, view.count)
            distinct = index.distinct_rows(after, view.count)
            self._found.append(Found(moved, moved if distinct is None else moved & distinct, new))
            changed |= moved
            if index.may_be_referred_to:
                lost |= moved
        return MovedKeys(changed, lost)

    def may_be_taken(self) -> bool:
        """Whether rows that were looked at get keys that others have or get, unless these are equal to none."""
        return any(
            bool(self._storage_index(index).find_suspects(found.distinct_keys()))
            for index, found in zip(self._indexes, self._found, strict=True)
            if index.index.unique
        )

    def _storage_index(self, index: IndexShape) -> Index:
        found: Index = self._writer.context.engine.index(index.storage_id)
        return found

    def note(self, roots: Positions) -> None:
        """The rows that were looked at have changed; these are their roots."""
        for index, found in zip(self._indexes, self._found, strict=True):
            there = zip(found.keys, roots.tolist(), found.moved.tolist(), strict=True)
            entries = self._entries[index.storage_id]
            entries += [
                (key, root) for key, root, is_moved in there if is_moved and key is not None
            ]
            if index.index.unique:
                self._enter(index)

    def enter(self) -> None:
        """Add the entries of all rows noted."""
        for index in self._indexes:
            self._enter(index)

    def _enter(self, index: IndexShape) -> None:
        context = self._writer.context
        entries = sorted(self._entries[index.storage_id])
        self._entries[index.storage_id] = []
        for start in range(0, len(entries), CHANGED_AT_ONCE):
            part = entries[start : start + CHANGED_AT_ONCE]
            keys, ids = [key for key, _ in part], np.array([root for _, root in part], np.int64)
            with context.engine.latch:
                self._storage_index(index).insert_moved(context.transaction, keys, ids)
