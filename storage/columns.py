"""Columns added to a table that has rows already, and the value those rows have in them."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from storage.kinds import Kind
from storage.native import Change
from storage.pages import Pager
from storage.relation import (
    COLUMN,
    HAS_MISSING,
    MISSING_NULL,
    ColumnHeader,
    RelationHeader,
)
from storage.rows import PACKERS, Value
from storage.strings import (
    INLINE_BYTES_MAX,
    inline_view,
    long_view,
    read_view,
    view_address,
    view_length,
)


def add_column(
    pager: Pager, xid: int, header: RelationHeader, kind: Kind, missing: Value
) -> RelationHeader:
    """The header with one more column, written to the store. Rows are not touched."""
    with pager.begin_change(xid) as change:
        raw, flags = _pack_missing(pager, change, kind, missing)
        columns = (*header.columns, ColumnHeader(kind, flags, raw))
        header = replace(header, columns=columns)
        if len(columns) > header.column_room:
            header = _make_room(pager, change, header)
        change.write(header.columns_address, header.pack_columns())
        change.write(header.address, header.pack())
        change.commit()
    return header


def missing_value(store: npt.NDArray[np.uint8], column: ColumnHeader) -> Value:
    """What rows older than the column have."""
    assert column.flags & HAS_MISSING
    if column.flags & MISSING_NULL:
        return None
    if column.kind is Kind.BYTES:
        return read_view(store, column.missing)
    value: Value = PACKERS[column.kind].unpack(column.missing[: column.kind.width])[0]
    return value


def missing_runs(header: RelationHeader, page_bytes: int) -> list[tuple[int, int]]:
    """The pages long missing values take: (first page, page count)."""
    return [
        (view_address(column.missing) // page_bytes, -(-view_length(column.missing) // page_bytes))
        for column in header.columns
        if column.kind is Kind.BYTES and view_length(column.missing) > INLINE_BYTES_MAX
    ]


def _make_room(pager: Pager, change: Change, header: RelationHeader) -> RelationHeader:
    """A run of their own for the column descriptors, for twice as many."""
    room = 2 * len(header.columns)
    page_count = -(-room * COLUMN.size // pager.page_bytes)
    run = pager.allocate(change, page_count)
    for first_page, count in header.runs(pager.page_bytes)[1:]:
        if first_page == header.columns_address // pager.page_bytes:
            pager.release(change, first_page, count)
    return replace(header, columns_address=run * pager.page_bytes, column_room=room)


def _pack_missing(pager: Pager, change: Change, kind: Kind, missing: Value) -> tuple[bytes, int]:
    """A missing value as it stands in the column's header, and the flags."""
    if missing is None:
        return bytes(16), HAS_MISSING | MISSING_NULL
    if kind is not Kind.BYTES:
        return PACKERS[kind].pack(missing), HAS_MISSING
    assert isinstance(missing, bytes)
    if len(missing) <= INLINE_BYTES_MAX:
        return inline_view(missing), HAS_MISSING
    page = pager.allocate(change, -(-len(missing) // pager.page_bytes))
    change.write(page * pager.page_bytes, missing)
    return long_view(missing, page * pager.page_bytes), HAS_MISSING
