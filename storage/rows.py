"""The values of rows: from Python values or columns into a row group's arrays, and back.

Rule 1: a NULL is a set bit; the value below it stays whatever it was.
Rule 2: everything is written through the change at hand; nothing written can be read back before it
        commits. What a write changes of the group's heap is kept in the group at once, so who
        abandons a change reads the group anew.
Rule 3: a slot's old heap space is taken again when the new value fits into it.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.kinds import Kind
from storage.native import Change, measure_blob, measure_strings, pack_blob, pack_strings
from storage.pages import Pager
from storage.rowgroup import HEAP_FIELDS, HEAP_FIELDS_OFFSET, NULLS_PER_WORD, RowGroup
from storage.strings import (
    CHUNK_HEADER,
    CHUNK_MAGIC,
    CHUNK_PAGES_MAX,
    INLINE_BYTES_MAX,
    LARGE_BYTES_MIN,
    StringBlob,
    inline_view,
    long_view,
    read_view,
    space,
    view_address,
    view_length,
)

Value = int | float | bool | bytes | None
ColumnValues = Any
"""A column to insert: an array, or for BYTES a sequence of bytes or None, or a StringBlob."""
STRINGS_AT_ONCE = 4096
PACKERS: dict[Kind, struct.Struct] = {
    Kind.BOOL: struct.Struct("<?"),
    Kind.INT16: struct.Struct("<h"),
    Kind.INT32: struct.Struct("<i"),
    Kind.INT64: struct.Struct("<q"),
    Kind.FLOAT32: struct.Struct("<f"),
    Kind.FLOAT64: struct.Struct("<d"),
    Kind.FIXED16: struct.Struct("<16s"),
}


def write_values(
    pager: Pager, change: Change, group: RowGroup, slot: int, values: Sequence[Value]
) -> tuple[int, ...]:
    """Store a row's values; returns its words of null bits for the caller to store."""
    words = [0] * (group.layout.null_words + 1)
    for i, value in enumerate(values):
        if value is None:
            words[i // NULLS_PER_WORD] |= 1 << i % NULLS_PER_WORD
            continue
        kind = group.layout.kinds[i]
        if kind is Kind.BYTES:
            assert isinstance(value, bytes)
            data = _store_string(pager, change, group, i, slot, value)
        else:
            data = PACKERS[kind].pack(value)
        change.write(group.value_address(i, slot), data)
    for word, bits in enumerate(words[1:], 1):
        change.write_u64(group.nulls_address(word, slot), bits)
    return tuple(words)


def read_value(store: npt.NDArray[np.uint8], group: RowGroup, slot: int, column: int) -> Value:
    """One value of a row, or None; the column must be there in the group."""
    word = group.null_words(store, column // NULLS_PER_WORD)
    if int(word[slot]) >> column % NULLS_PER_WORD & 1:
        return None
    raw = group.raw_value(column, slot)
    kind = group.layout.kinds[column]
    if kind is Kind.BYTES:
        return read_view(store, raw)
    value: Value = PACKERS[kind].unpack(raw)[0]
    return value


def _store_string(
    pager: Pager, change: Change, group: RowGroup, column: int, slot: int, value: bytes
) -> bytes:
    """Put a value into the heap where it is long; its view."""
    old = group.raw_value(column, slot) if slot < group.used else b""
    old_length = view_length(old) if old else 0
    if old_length > INLINE_BYTES_MAX and view_address(old) in group.shared:
        old_length = 0
    if old_length >= LARGE_BYTES_MIN:
        _release_large(pager, change, old)
        old_length = 0
    if len(value) <= INLINE_BYTES_MAX:
        return inline_view(value)
    if len(value) >= LARGE_BYTES_MIN:
        return long_view(value, _store_large(pager, change, group, value))
    if old_length > INLINE_BYTES_MAX and space(old_length) >= space(len(value)):
        address = view_address(old)
    else:
        address = take_heap(pager, change, group, space(len(value)))
    change.write(address, value)
    return long_view(value, address)


def take_heap(pager: Pager, change: Change, group: RowGroup, byte_count: int) -> int:
    """Room in the group's newest heap chunk, or in a new one twice as large."""
    page_bytes = pager.page_bytes
    if group.heap_used + byte_count > group.heap_pages * page_bytes:
        needed = -(-(CHUNK_HEADER.size + byte_count) // page_bytes)
        pages = max(needed, min(2 * group.heap_pages, CHUNK_PAGES_MAX), 1)
        chunk = pager.allocate_like(change, pages, group.address // page_bytes)
        change.write(chunk * page_bytes, CHUNK_HEADER.pack(CHUNK_MAGIC, pages, group.heap_chunk))
        group.heap_chunk, group.heap_pages = chunk, pages
        group.heap_used = CHUNK_HEADER.size
    address = group.heap_chunk * page_bytes + group.heap_used
    group.heap_used += byte_count
    fields = HEAP_FIELDS.pack(group.heap_chunk, group.heap_used)
    change.write(group.address + HEAP_FIELDS_OFFSET, fields)
    return address


def _store_large(pager: Pager, change: Change, group: RowGroup, value: bytes) -> int:
    page_count = -(-len(value) // pager.page_bytes)
    page = pager.allocate_like(change, page_count, group.address // pager.page_bytes)
    change.write(page * pager.page_bytes, value)
    return page * pager.page_bytes


def _release_large(pager: Pager, change: Change, view: bytes) -> None:
    page = view_address(view) // pager.page_bytes
    pager.release(change, page, -(-view_length(view) // pager.page_bytes))


def write_column(
    pager: Pager,
    change: Change,
    group: RowGroup,
    column: int,
    first_slot: int,
    values: ColumnValues,
) -> None:
    """Store consecutive values of a column into slots that were never used."""
    kind = group.layout.kinds[column]
    if kind is Kind.BYTES:
        data = _store_strings(pager, change, group, values)
    else:
        data = np.ascontiguousarray(values, kind.dtype).tobytes()
    change.write(group.value_address(column, first_slot), data)


def _store_strings(pager: Pager, change: Change, group: RowGroup, values: ColumnValues) -> bytes:
    """The views of many values, whose long ones go to the heap end to end, some at a time."""
    parts: list[bytes] = []
    for start in range(0, len(values), STRINGS_AT_ONCE):
        part = values[start : start + STRINGS_AT_ONCE]
        is_blob = isinstance(part, StringBlob)
        size = measure_blob(part.offsets) if is_blob else measure_strings(part)
        if size < 0:
            parts.append(_store_one_by_one(pager, change, group, part))
            continue
        address = take_heap(pager, change, group, size) if size else 0
        if is_blob:
            views, heap = pack_blob(part.blob, part.offsets, size, address)
        else:
            views, heap = pack_strings(part, size, address)
        change.write(address, heap)
        parts.append(views)
    return b"".join(parts)


def _store_one_by_one(pager: Pager, change: Change, group: RowGroup, values: ColumnValues) -> bytes:
    """`_store_strings` where some values are large."""
    parts: list[bytes] = []
    for value in values.to_list() if isinstance(values, StringBlob) else values:
        if value is not None and len(value) >= LARGE_BYTES_MIN:
            parts.append(long_view(value, _store_large(pager, change, group, value)))
        else:
            parts.append(_store_strings(pager, change, group, [value]))
    return b"".join(parts)


def release_strings(pager: Pager, change: Change, group: RowGroup) -> None:
    """Give back a group's heap chunks and large values, because the group goes; a sealed one has neither."""
    if group.is_sealed:
        return
    for view in large_views(group):
        _release_large(pager, change, view)
    for first_page, page_count in heap_chunks(pager, group.heap_chunk):
        pager.release(change, first_page, page_count)


def large_views(group: RowGroup) -> Iterator[bytes]:
    """The views of a group's values that have pages of their own; a sealed one has none."""
    if group.is_sealed:
        return
    for column, kind in enumerate(group.layout.kinds):
        if kind is Kind.BYTES:
            views = group.column(column)[: group.used]
            lengths = views.view(np.uint32).reshape(-1, 4)[:, 0]
            for row in np.flatnonzero(lengths >= LARGE_BYTES_MIN):
                view = views[row].tobytes()
                if view_address(view) not in group.shared:
                    yield view


def heap_chunks(pager: Pager, chunk: int) -> list[tuple[int, int]]:
    """The runs of a chain of heap chunks, newest first; verified on the way."""
    found = []
    while chunk:
        header = pager.view(chunk, 1)[: CHUNK_HEADER.size].tobytes()
        _, pages, previous = CHUNK_HEADER.unpack(header)
        pager.view(chunk, pages)
        found.append((chunk, pages))
        chunk = previous
    return found
