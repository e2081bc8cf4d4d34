"""Foreign keys of many rows at once: what they refer to, and who refers to them.

Rule 1: only what is plain to see is settled here, a key at a time; the rows of all others go to the checks of single
        rows, in their order, as if all had.
Rule 2: nothing but keys is kept until the checks' time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.columns import rows_of
from server.executor.foreign_keys import ReferenceCheck, ReferencedChange, lock_table
from server.executor.key_casts import key_cast
from server.executor.many_rows import delete_rows
from server.executor.point_references import referenced_key
from server.executor.table_shape import shape_of
from server.executor.table_writer import TableWriter
from server.executor.waiting import catch_up
from server.types.text import OBJECTS
from server.vector.batch import Batch
from server.vector.rows import column_of, values_of
from server.vector.texts import TextColumn
from storage.engine import LockMode, StringBlob

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from server.catalog.objects import Constraint, Table
    from server.executor.context import ExecutionContext
    from server.executor.index_keys import IndexShape
    from server.executor.point_references import ReferencedKey
    from server.executor.table_shape import Row, TableShape
    from server.executor.waits import Wait
    from server.vector.column import Column, Mask, Positions

MANY_ROWS: Final = 32
KEYS_AT_ONCE: Final = 1024
"""So many keys are looked up before a cancel is heard."""

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ManyReferences:
    """New rows of a table with a foreign key, which are many: what they refer to must be there.

    keys: their columns under the key, in stored form; nulls: where these are NULL.
    """

    shape: TableShape
    constraint: Constraint
    row_ids: Positions
    keys: dict[int, Any]
    nulls: dict[int, Mask]

    def run(self, context: ExecutionContext) -> Generator[Wait, None, None]:
        """Keep the referenced row of each distinct key, or have the check of single rows look."""
        doubtful = yield from self._doubtful(context)
        relation = context.engine.relation(self.shape.table.storage_id)
        for place in doubtful:
            context.check_cancelled()
            row_id = int(self.row_ids[place])
            with context.engine.latch:
                row = self.shape.load_row(relation.values(row_id))
            yield from ReferenceCheck(self.shape, self.constraint, [row_id], [row]).run(context)

    def _doubtful(self, context: ExecutionContext) -> Generator[Wait, None, list[int]]:
        """The places of rows that are not known to be in order, in their order."""
        everything = range(len(self.row_ids))
        if context.catalog.object(self.constraint.oid) is None:
            return []
        referenced: Table = context.catalog.object(self.constraint.referenced_table)
        found = referenced_key(self.shape, self.constraint, context)
        if found is None:
            return list(everything)
        if (yield from lock_table(context, referenced, LockMode.ROW_SHARE)):
            return list(everything)
        relation = context.engine.relation(self.shape.table.storage_id)
        with context.engine.latch:
            is_plain = relation.are_untouched(self.row_ids)
        places, doubtful = self._split(is_plain)
        columns = [self.keys[number + 1] for number in found.columns]
        firsts = _first_places(columns, places)
        doubtful += _not_shared(found, firsts, context)
        return sorted(doubtful)

    def _split(self, is_plain: Mask) -> tuple[Positions, list[int]]:
        """The places of plain rows that have a whole key, and those of rows to look at singly."""
        missing = np.zeros(len(self.row_ids), np.int64)
        for null in self.nulls.values():
            missing += null
        is_mixed = (missing > 0) & (missing < len(self.keys)) & (self.constraint.match == "f")
        whole: Positions = np.flatnonzero(is_plain & (missing == 0))
        return whole, np.flatnonzero(~is_plain | is_mixed).tolist()


def many_references(
    shape: TableShape,
    constraint: Constraint,
    row_ids: Positions,
    stored: tuple[Sequence[Any], Sequence[Mask | None]],
) -> ManyReferences | None:
    """The check of many new rows, given in stored form by attribute; None: their keys are of another form."""
    keys, nulls = {}, {}
    for number in constraint.columns:
        values, null = stored[0][number - 1], stored[1][number - 1]
        if not isinstance(values, np.ndarray | list | StringBlob):
            return None
        keys[number] = values
        if null is not None:
            nulls[number] = null
    return ManyReferences(shape, constraint, np.asarray(row_ids), keys, nulls)


def _first_places(columns: Sequence[Any], places: Positions) -> dict[Key, int]:
    """Distinct keys of the rows at some places, and where each is first."""
    if len(columns) == 1 and isinstance(columns[0], np.ndarray) and columns[0].dtype.kind == "i":
        distinct, at = np.unique(columns[0][places], return_index=True)
        return {
            (key,): place for key, place in zip(distinct.tolist(), places[at].tolist(), strict=True)
        }
    found: dict[Key, int] = {}
    rows = zip(*map(_listed, columns), strict=True)
    chosen = set(places.tolist())
    for place, key in enumerate(rows):
        if place in chosen:
            found.setdefault(key, place)
    return found


def _listed(values: Any) -> list[Any]:
    if isinstance(values, StringBlob):
        return values.to_list()
    found: list[Any] = values.tolist() if isinstance(values, np.ndarray) else values
    return found


def _not_shared(
    found: ReferencedKey, firsts: dict[Key, int], context: ExecutionContext
) -> list[int]:
    """Keep the row of each key; the places of those where that is for others to see."""
    left: list[int] = []
    share, transaction = found.reader.share, context.transaction
    for number, (key, place) in enumerate(firsts.items()):
        if not number % KEYS_AT_ONCE:
            context.check_cancelled()
        if not share(transaction, key):
            left.append(place)
    return left


@dataclass(frozen=True, slots=True)
class ManyRemovals:
    """Many rows that others may refer to were deleted. rows: with the attributes of the key."""

    shape: TableShape
    constraint: Constraint
    rows: Batch

    def run(self, context: ExecutionContext) -> Generator[Wait, None, None]:
        """Do what the constraint says about rows that refer to one of these."""
        for row in (yield from self._doubtful(context)):
            context.check_cancelled()
            yield from ReferencedChange(self.shape, self.constraint, row, None).run(context)

    def _doubtful(self, context: ExecutionContext) -> Generator[Wait, None, Sequence[Row]]:
        """The rows to which somebody may refer."""
        constraint, rows = self.constraint, rows_of(self.rows)
        table: Table = context.catalog.object(constraint.table)
        mode = LockMode.ROW_SHARE if constraint.on_delete in "ar" else LockMode.ROW_EXCLUSIVE
        if (yield from lock_table(context, table, mode)):
            return rows
        shape = shape_of(table, context)
        is_watched = constraint.on_delete not in "ar" and shape.triggers
        index = shape.index_led_by(constraint.columns)
        if index is None or is_watched or key_cast(shape, constraint, self.shape.table, context):
            return rows
        referring = self._referring(rows, index, context)
        if constraint.on_delete == "c" and context.read_committed:
            return (yield from self._cascade(rows, referring, shape, context))
        return [rows[number] for number in np.unique(referring.owners).tolist()]

    def _referring(
        self, rows: Sequence[Row], index: IndexShape, context: ExecutionContext
    ) -> Referring:
        """The entries of those who may refer to the rows."""
        constraint = self.constraint
        own = dict(zip(constraint.columns, constraint.referenced_columns, strict=True))
        places = [own[key.number] - 1 for key in index.index.keys[: len(own)]]
        tree = context.engine.index(index.storage_id)
        roots: list[int] = []
        owners: list[int] = []
        for number, row in enumerate(rows):
            if not number % KEYS_AT_ONCE:
                context.check_cancelled()
            prefix = index.encode([row[place] for place in places])
            with context.engine.latch:
                found = tree.lookup(prefix)
            if found:
                roots += found
                owners += [number] * len(found)
        context.engine.scans[index.storage_id].add(len(rows), len(roots), 0)
        return Referring(np.array(roots, np.int64), np.array(owners, np.int64))

    def _cascade(
        self,
        rows: Sequence[Row],
        referring: Referring,
        shape: TableShape,
        context: ExecutionContext,
    ) -> Generator[Wait, None, Sequence[Row]]:
        """Delete those who refer to the rows, as far as nobody is in the way; the rows to which somebody still may."""
        yield from catch_up(context.transaction)
        writer = TableWriter(shape.table, context)
        with context.engine.latch:
            context.transaction.next_command()
            context.snapshot = context.transaction.snapshot()
            newest = context.transaction.newest_snapshot()
            row_ids, places = writer.relation.paths.find_many(newest, referring.roots)
            view = writer.relation.versions_view(row_ids)
            there = rows_of(shape.load_batch(view, frozenset(self.constraint.columns)))
        owners = referring.owners[places]
        fits = self._fit(there, [rows[owner] for owner in owners.tolist()])
        with context.acting_for(shape.table.owner):
            gone = delete_rows(writer, row_ids[fits])
        left = np.ones(len(row_ids), np.bool_)
        left[np.flatnonzero(fits)[gone]] = False
        return [rows[owner] for owner in np.unique(owners[left]).tolist()]

    def _fit(self, there: Sequence[Row], wanted: Sequence[Row]) -> Mask:
        """Which rows have the keys that an entry has told."""
        own, keys = self.constraint.columns, self.constraint.referenced_columns
        pairs = list(zip(own, keys, strict=True))
        found = (
            all(row[a - 1] == key[b - 1] for a, b in pairs)
            for row, key in zip(there, wanted, strict=True)
        )
        return np.fromiter(found, np.bool_, len(there))


@dataclass(frozen=True, slots=True)
class Referring:
    """Entries of an index: to which rows they lead, and the numbers of those whose keys they have."""

    roots: Positions
    owners: Positions


def many_removals(shape: TableShape, constraint: Constraint, rows: Batch) -> ManyRemovals | None:
    """What becomes of those who refer to rows that were deleted, given with the attributes of their key."""
    is_whole = np.ones(rows.count, np.bool_)
    for number in constraint.referenced_columns:
        is_whole &= rows.columns[number - 1].validity()
    chosen = rows if is_whole.all() else rows.take(np.flatnonzero(is_whole))
    if not chosen.count:
        return None
    columns = tuple(map(_kept, chosen.columns))
    return ManyRemovals(shape, constraint, Batch(columns, chosen.count))


def _kept(column: Column) -> Column:
    """A column that does not look into pages, which change."""
    return column_of(values_of(column), OBJECTS) if type(column) is TextColumn else column
