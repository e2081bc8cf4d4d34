"""Filling an index from the rows of its table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import UniqueViolation
from server.executor.columns import rows_of
from server.executor.constraint_errors import key_text
from server.executor.index_keys import IndexShape
from server.executor.table_shape import TableShape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.objects import Index, Table
    from server.executor.context import ExecutionContext
    from server.executor.table_shape import Row
    from server.executor.waits import Wait
    from storage.engine import ScanView

FILL_ROWS = 1 << 20
"""How many entries are sorted together."""


def fill_index(context: ExecutionContext, table: Table, index: Index) -> Iterator[Wait]:
    """Enter every row that is not over into a new index; raises if a unique key is there twice.

    The table must be locked against changes: all its rows are this transaction's or committed.
    """
    yield from ()
    table_shape = TableShape(table, context)
    shape = IndexShape(index, table, table_shape.types, context)
    relation = context.engine.relation(table.storage_id)
    pairs: list[tuple[bytes, int]] = []
    with context.engine.latch:
        context.transaction.next_command()
    snapshot = context.transaction.snapshot()
    seen: dict[bytes, Row] | None = {} if index.unique else None
    for group_no in range(relation.group_count):
        context.check_cancelled()
        with context.engine.latch:
            view = relation.view(snapshot, group_no)
            roots = [relation.root(row_id) for row_id in view.row_ids.tolist()]
        if view.count:
            pairs += _entries(context, table_shape, shape, view, roots, seen)
        if len(pairs) > FILL_ROWS:
            _insert(context, shape, pairs)
            pairs = []
    _insert(context, shape, pairs)


def _entries(
    context: ExecutionContext,
    table_shape: TableShape,
    shape: IndexShape,
    view: ScanView,
    roots: list[int],
    seen: dict[bytes, Row] | None,
) -> list[tuple[bytes, int]]:
    batch = table_shape.load_batch(view)
    rows: list[list[Row]] = []

    def all_rows() -> list[Row]:
        if not rows:
            rows.append(rows_of(batch))
        return rows[0]

    keys = shape.keys(batch.columns, all_rows, context)
    if seen is not None:
        _check_unique(context, table_shape, shape, all_rows(), seen)
    return [(key, root) for key, root in zip(keys, roots, strict=True) if key is not None]


def _check_unique(
    context: ExecutionContext,
    table_shape: TableShape,
    shape: IndexShape,
    rows: list[Row],
    seen: dict[bytes, Row],
) -> None:
    for row in rows:
        key = shape.unique_key(row, context)
        if key is None:
            continue
        if key in seen:
            raise _duplicated(context, table_shape, shape, row)
        seen[key] = ()


def _duplicated(
    context: ExecutionContext, table_shape: TableShape, shape: IndexShape, row: Row
) -> UniqueViolation:
    names = [
        table_shape.table.column(key.number).name if key.number else str(key.expression)
        for key in shape.index.keys
    ]
    references = [part.reference for part in shape.parts]
    text = key_text(names, shape.values(row, context), references, context.style)
    return UniqueViolation(
        f'could not create unique index "{shape.index.name}"',
        detail=f"Key {text} is duplicated.",
        schema=table_shape.schema_name,
        table=table_shape.table.name,
        constraint=shape.index.name,
    )


def _insert(context: ExecutionContext, shape: IndexShape, pairs: list[tuple[bytes, int]]) -> None:
    pairs.sort()
    with context.engine.latch:
        context.engine.index(shape.storage_id).insert_many(
            context.transaction, [key for key, _ in pairs], [root for _, root in pairs]
        )
