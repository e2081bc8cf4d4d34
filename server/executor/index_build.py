"""Filling an index from the rows of its table."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from server.errors import UniqueViolation
from server.executor.columns import rows_of
from server.executor.index_keys import IndexShape
from server.executor.index_matrix import view_keys
from server.executor.inverted_build import fill_inverted
from server.executor.inverted_keys import InvertedShape, entry_pairs
from server.executor.table_shape import TableShape
from server.executor.told_rows import key_text
from storage.engine import KeyMatrix, SortedKeys, joined_ids

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt

    from server.catalog.objects import Index, Table
    from server.executor.context import ExecutionContext
    from server.executor.table_shape import Row
    from storage.engine import ScanView, Snapshot

    RootIds = npt.NDArray[np.int64]

FILL_ROWS = 1 << 22
"""How many entries are sorted together; what comes after the first so many is entered one by one."""


def fill_index(
    context: ExecutionContext, table: Table, index: Index, snapshot: Snapshot | None = None
) -> None:
    """Enter every row that the snapshot sees into a new index. Raises if a unique key is there twice.

    Without a snapshot: every row that is not over, whatever the transaction's snapshot sees of it. The table must then
    be locked against changes: all its rows are this transaction's or committed. It takes its time and belongs on a
    worker thread.
    """
    table_shape = TableShape(table, context)
    shape = entry_shape(index, table_shape, context)
    if isinstance(shape, IndexShape) and shape.is_for_none(context):
        return
    with context.engine.latch:
        context.transaction.next_command()
    if snapshot is None:
        snapshot = context.transaction.newest_snapshot()
    context.engine.scans[table.storage_id].add(1, 0, 0)
    views = _counted(context, table, views_of(context, table, snapshot))
    if isinstance(shape, InvertedShape):
        fill_inverted(context, table_shape, shape, views)
        return
    duplicates = Duplicates(context, table_shape, shape, snapshot)
    if _fill_by_matrix(context, table_shape, shape, views, duplicates):
        return
    pairs: list[tuple[bytes, int]] = []
    several = False
    for view, roots in views_of(context, table, snapshot):
        pairs += entries_of(context, table_shape, shape, view, roots)
        if len(pairs) > FILL_ROWS:
            _insert(context, shape, pairs, duplicates)
            pairs, several = [], True
    _insert(context, shape, pairs, duplicates)
    if several and index.unique:
        duplicates.check(context.engine.index(shape.storage_id).range())


def entry_shape(
    index: Index, table_shape: TableShape, context: ExecutionContext
) -> IndexShape | InvertedShape:
    """An index of the table made ready, of whatever kind it is."""
    make = InvertedShape if index.inverted else IndexShape
    return make(index, table_shape.table, table_shape.types, context)


def _counted(
    context: ExecutionContext, table: Table, views: Iterable[tuple[ScanView, RootIds]]
) -> Iterator[tuple[ScanView, RootIds]]:
    for each in views:
        context.engine.scans[table.storage_id].add(0, each[0].count, 0)
        yield each


def views_of(
    context: ExecutionContext, table: Table, snapshot: Snapshot
) -> Iterator[tuple[ScanView, RootIds]]:
    """The rows of each row group, and their root ids."""
    relation = context.engine.relation(table.storage_id)
    for group_no in range(relation.group_count):
        context.check_cancelled()
        with context.engine.latch:
            view = relation.view(snapshot, group_no)
            roots = view.row_ids
            if not view.all_are_roots:
                roots = np.array([relation.root(row_id) for row_id in roots.tolist()], np.int64)
        if view.count:
            yield view, roots


def _fill_by_matrix(
    context: ExecutionContext,
    table_shape: TableShape,
    shape: IndexShape,
    views: Iterable[tuple[ScanView, RootIds]],
    duplicates: Duplicates,
) -> bool:
    """Keys that fit into a matrix are sorted as arrays and written page by page; False: there are others."""
    found = sorted_keys(context, table_shape, shape, views)
    if found is None:
        return False
    keys, with_nulls = found
    if not len(keys):
        return True
    context.check_cancelled()
    if shape.index.unique:
        repeated = keys.row_ids_at(keys.repeated(context.check_cancelled))
        if not shape.index.nulls_not_distinct and with_nulls:
            repeated = repeated[~np.isin(repeated, np.concatenate(with_nulls))]
        for root_id in repeated[:1].tolist():
            raise duplicates.error(root_id)
    context.engine.index(shape.storage_id).build(
        context.transaction, keys, between=context.check_cancelled
    )
    return True


def sorted_keys(
    context: ExecutionContext,
    table_shape: TableShape,
    shape: IndexShape,
    views: Iterable[tuple[ScanView, RootIds]],
) -> tuple[SortedKeys, list[RootIds]] | None:
    """The keys of views' rows in order with the root ids, and the ids of those whose keys have NULLs.

    None: there are some that fit into no matrix.
    """
    matrices: list[KeyMatrix] = []
    roots: list[RootIds] = []
    with_nulls: list[RootIds] = []
    for view, ids in views:
        found = view_keys(context, table_shape, shape, view)
        if found is None:
            return None
        there = ids if found.places is None else ids[found.places]
        if not len(there):
            continue
        matrices.append(found.keys)
        roots.append(there)
        if found.has_null is not None:
            with_nulls.append(there[found.has_null])
    if not matrices:
        return SortedKeys(np.zeros((0, 1), np.uint8), None, np.zeros(0, np.int64), None), []
    joined = KeyMatrix.join(matrices, context.check_cancelled)
    if joined is None:
        return None
    matrices.clear()
    context.check_cancelled()
    ids = joined_ids(roots, context.check_cancelled)
    return SortedKeys.sort(joined, ids, context.check_cancelled), with_nulls


def entries_of(
    context: ExecutionContext,
    table_shape: TableShape,
    shape: IndexShape | InvertedShape,
    view: ScanView,
    roots: RootIds,
) -> list[tuple[bytes, int]]:
    """The entries of a view's rows: keys and root ids."""
    batch = table_shape.load_batch(view, shape.attributes)
    if isinstance(shape, InvertedShape):
        return entry_pairs([shape.keys(row, context) for row in rows_of(batch)], roots.tolist())
    keys = shape.keys(batch.columns, batch.count, context)
    return [(key, root) for key, root in zip(keys, roots.tolist(), strict=True) if key is not None]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Keys that are there twice among the rows that a snapshot sees."""

    context: ExecutionContext
    table_shape: TableShape
    shape: IndexShape
    snapshot: Snapshot

    def check(self, entries: Iterable[tuple[bytes, int]]) -> None:
        """Equal keys stand side by side; those with NULLs are equal to nothing."""
        for (key, _), (following, root_id) in pairwise(entries):
            if key != following:
                continue
            if self.shape.unique_key(self._row(root_id), self.context) is not None:
                raise self.error(root_id)

    def error(self, root_id: int) -> UniqueViolation:
        """The key of this row is another one's as well."""
        shape, table = self.shape, self.table_shape.table
        names = [
            table.column(key.number).name if key.number else str(key.expression)
            for key in shape.index.keys
        ]
        references = [part.reference for part in shape.parts]
        values = shape.values(self._row(root_id), self.context)
        text = key_text(names, values, references, self.context.style)
        return UniqueViolation(
            f'could not create unique index "{shape.index.name}"',
            detail=f"Key {text} is duplicated.",
            schema=self.table_shape.schema_name,
            table=table.name,
            constraint=shape.index.name,
        )

    def _row(self, root_id: int) -> Row:
        relation = self.context.engine.relation(self.table_shape.table.storage_id)
        with self.context.engine.latch:
            found = relation.find(self.snapshot, root_id)
            assert found is not None
            return self.table_shape.load_row(relation.values(found.row_id))


def _insert(
    context: ExecutionContext,
    shape: IndexShape,
    pairs: list[tuple[bytes, int]],
    duplicates: Duplicates,
) -> None:
    pairs.sort()
    if shape.index.unique:
        duplicates.check(pairs)
    with context.engine.latch:
        context.engine.index(shape.storage_id).insert_many(
            context.transaction, [key for key, _ in pairs], [root for _, root in pairs]
        )
