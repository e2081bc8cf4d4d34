"""Filling an inverted index from the rows of its table.

Rule 1: the rows of each key are gathered first, so that what is held is eight bytes an entry and each key once; then
        the keys are taken in their order, and the tree is written page by page.
Rule 2: where stored values can be taken apart as they are, rows are gathered by stored items, and each item gets its
        key once.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

import numpy as np

from server.executor.columns import rows_of
from storage.engine import SortedKeys, StringViews

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt

    from server.executor.context import ExecutionContext
    from server.executor.inverted_keys import InvertedShape
    from server.executor.table_shape import TableShape
    from server.inverted.operator_classes import ItemExtraction
    from storage.engine import ScanView

    RootIds = npt.NDArray[np.int64]
    Rows = dict[bytes, array[int]]

FEW_ENTRIES: Final = 1 << 14
"""So many may fit into one page, and are entered like those of new rows."""
PART_ENTRIES: Final = 1 << 18
"""About so many entries are laid out at a time."""
CANCEL_ROWS: Final = 1 << 10
ONLY_KEY: Final = b"\0"
"""Before the keys of entries of the first column of an index; see InvertedShape.keys."""


def fill_inverted(
    context: ExecutionContext,
    table_shape: TableShape,
    shape: InvertedShape,
    views: Iterable[tuple[ScanView, RootIds]],
) -> None:
    """Enter every row of the views into a new index."""
    rows_by_key: Rows = {}
    rows_by_item: Rows = {}
    items = shape.items()
    for view, roots in views:
        if items is None or not _gather_items(context, shape, items, view, roots, rows_by_item):
            _gather(context, table_shape, shape, view, roots, rows_by_key)
    if items is not None:
        _enter_items(items, rows_by_item, rows_by_key)
    index = context.engine.index(shape.storage_id)
    if sum(map(len, rows_by_key.values())) <= FEW_ENTRIES:
        pairs = sorted((key, root) for key, rows in rows_by_key.items() for root in rows)
        with context.engine.latch:
            index.insert_many(
                context.transaction, [key for key, _ in pairs], [root for _, root in pairs]
            )
        return
    index.build_parts(context.transaction, _parts(rows_by_key))


def _gather(
    context: ExecutionContext,
    table_shape: TableShape,
    shape: InvertedShape,
    view: ScanView,
    roots: RootIds,
    rows_by_key: Rows,
) -> None:
    batch = table_shape.load_batch(view, shape.attributes)
    for number, (row, root) in enumerate(zip(rows_of(batch), roots.tolist(), strict=True)):
        if number % CANCEL_ROWS == 0:
            context.check_cancelled()
        for key in shape.keys(row, context):
            known = rows_by_key.get(key)
            if known is None:
                rows_by_key[key] = array("q", (root,))
            else:
                known.append(root)


def _gather_items(
    context: ExecutionContext,
    shape: InvertedShape,
    items: ItemExtraction,
    view: ScanView,
    roots: RootIds,
    rows_by_item: Rows,
) -> bool:
    """Gather the rows of what stored values consist of; False: they are not kept as bytes."""
    values, valid = view.column(shape.index.keys[0].number - 1)
    if not isinstance(values, StringViews):
        return False
    if valid is not None:
        values, roots = values.take(valid), roots[valid]
    items_of, rows_of_item = items.stored_items, rows_by_item.get
    pairs = zip(values.to_list(), roots.tolist(), strict=True)
    for number, (value, root) in enumerate(pairs):
        if number % CANCEL_ROWS == 0:
            context.check_cancelled()
        for item in items_of(value):
            known = rows_of_item(item)
            if known is None:
                rows_by_item[item] = array("q", (root,))
            elif known[-1] != root:
                known.append(root)
    return True


def _enter_items(items: ItemExtraction, rows_by_item: Rows, rows_by_key: Rows) -> None:
    """Rows by the keys of their items, each once."""
    for item, rows in rows_by_item.items():
        key = ONLY_KEY + items.item_key(item)
        known = rows_by_key.get(key)
        rows_by_key[key] = rows if known is None else array("q", sorted({*known, *rows}))


def _parts(rows_by_key: Rows) -> Iterator[SortedKeys]:
    """The entries in their order, some keys at a time."""
    keys: list[bytes] = []
    count = 0
    for key in sorted(rows_by_key):
        keys.append(key)
        count += len(rows_by_key[key])
        if count >= PART_ENTRIES:
            yield _laid_out(keys, [rows_by_key.pop(each) for each in keys])
            keys, count = [], 0
    if keys:
        yield _laid_out(keys, [rows_by_key.pop(each) for each in keys])


def _laid_out(keys: Sequence[bytes], rows: Sequence[array[int]]) -> SortedKeys:
    """Keys as rows of a matrix, each as often as it has rows."""
    width = max(map(len, keys))
    blob = b"".join([key.ljust(width, b"\0") for key in keys])
    matrix = np.frombuffer(blob, np.uint8).reshape(len(keys), width)
    counts = [len(each) for each in rows]
    lengths = np.array([len(key) for key in keys], np.int64)
    ids = np.frombuffer(b"".join(rows), np.int64)
    key_nos = np.repeat(np.arange(len(keys)), counts)
    if not ((ids[1:] > ids[:-1]) | (key_nos[1:] != key_nos[:-1])).all():
        ids = ids[np.lexsort((ids, key_nos))]
    return SortedKeys(np.repeat(matrix, counts, axis=0), np.repeat(lengths, counts), ids, None)
