"""A page of a tree as checks look at it: its ends, its order and where it leads, without an object an entry.

Rule 1: what cannot be read is Corruption, whatever the bytes are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from operator import lt
from struct import error as struct_error

import numpy as np
import numpy.typing as npt

from storage.btree_page import (
    EVEN,
    LEAF_ENTRY,
    NODE,
    NODE_BYTES,
    ROW_BYTES,
    SLOT_BYTES,
    Entry,
    entry_count,
    read_node,
)
from storage.errors import Corruption
from storage.files import Bytes
from storage.pages import Pager

Pair = tuple[bytes, int]
RowIds = npt.NDArray[np.int64]

NO_IDS: RowIds = np.zeros(0, np.int64)
NOT_READABLE = "entries outside of the page"


@dataclass(frozen=True, slots=True)
class PageSummary:
    """What a check wants to know of a page. The key of an inner page's first entry is of no meaning."""

    page_no: int
    level: int
    left: int
    right: int
    is_empty: bool
    is_ascending: bool
    first: Pair | None
    last: Pair | None
    row_ids: RowIds
    entries: Sequence[Entry]
    """Of inner pages: all of them."""

    def is_within(self, low: Pair | None, high: Pair | None) -> bool:
        """Whether all entries are between what the pages above say."""
        if self.first is None or self.last is None:
            return True
        return not ((low and self.first < low) or (high and self.last >= high))


def summarise(pager: Pager, page_no: int) -> PageSummary:
    """Look at a page. Under the latch."""
    page = pager.view(page_no, 1)
    count = entry_count(page, page_no)
    _, level, form, _, _, _, prefix_bytes, rest_bytes, _, left, right = NODE.unpack_from(page.data)
    head = (page_no, level, left, right, count == 0)
    if level:
        return _inner_page(page, head)
    if not count:
        return PageSummary(*head, True, None, None, NO_IDS, ())
    if form == EVEN:
        return _even_leaf(page, head, count, prefix_bytes, rest_bytes)
    return _leaf(page, head, count)


Head = tuple[int, int, int, int, bool]


def _inner_page(page: Bytes, head: Head) -> PageSummary:
    try:
        entries = read_node(page, head[0]).entries
    except (struct_error, IndexError):
        raise Corruption("index", head[0], NOT_READABLE) from None
    pairs = [entry[:2] for entry in entries[1:]]
    first, last = (pairs[0], pairs[-1]) if pairs else (None, None)
    return PageSummary(*head, _ascend(pairs), first, last, NO_IDS, entries)


def _leaf(page: Bytes, head: Head, count: int) -> PageSummary:
    starts, ends, row_ids = _entries_of_leaf(page, head[0], count)
    raw = page.tobytes()
    keys = [raw[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    pairs = list(zip(keys, row_ids.tolist(), strict=True))
    return PageSummary(*head, _ascend(pairs), pairs[0], pairs[-1], row_ids, ())


def _entries_of_leaf(page: Bytes, page_no: int, count: int) -> tuple[RowIds, RowIds, RowIds]:
    """Where the keys of an ordinary leaf start and end, and the row ids."""
    size = len(page)
    slots_end = NODE_BYTES + SLOT_BYTES * count
    places = page[NODE_BYTES:slots_end].view("<u2").astype(np.int64)
    if slots_end > size or int(places.max()) + LEAF_ENTRY.size > size:
        raise Corruption("index", page_no, NOT_READABLE)
    starts = places + LEAF_ENTRY.size
    heads = page[places[:, np.newaxis] + np.arange(LEAF_ENTRY.size)]
    ends = starts + np.ascontiguousarray(heads[:, :SLOT_BYTES]).view("<u2")[:, 0]
    if int(ends.max()) > size:
        raise Corruption("index", page_no, NOT_READABLE)
    return starts, ends, np.ascontiguousarray(heads[:, SLOT_BYTES:]).view("<i8")[:, 0]


def _ascend(pairs: Sequence[Pair]) -> bool:
    return all(map(lt, pairs, islice(pairs, 1, None)))


def _even_leaf(
    page: Bytes, head: Head, count: int, prefix_bytes: int, rest_bytes: int
) -> PageSummary:
    rows, row_ids = _even_rows(page, head[0], count, prefix_bytes, rest_bytes)
    prefix = page[NODE_BYTES : NODE_BYTES + prefix_bytes].tobytes()
    first, last = (
        (prefix + rows[place, :rest_bytes].tobytes(), int(row_ids[place])) for place in (0, -1)
    )
    return PageSummary(*head, _rows_ascend(rows), first, last, row_ids, ())


def _even_rows(
    page: Bytes, page_no: int, count: int, prefix_bytes: int, rest_bytes: int
) -> tuple[Bytes, RowIds]:
    """The entries of an even leaf as a matrix, and the row ids."""
    start, width = NODE_BYTES + prefix_bytes, rest_bytes + ROW_BYTES
    if start + count * width > len(page):
        raise Corruption("index", page_no, NOT_READABLE)
    rows = page[start : start + count * width].reshape(count, width)
    ids = np.zeros((count, 8), np.uint8)
    ids[:, 8 - ROW_BYTES :] = rows[:, rest_bytes:]
    return rows, ids.view(">i8")[:, 0].astype(np.int64)


@dataclass(frozen=True, slots=True)
class LeafKeys:
    """The keys of a leaf, a row each, followed by zeros; how long they are, and their row ids."""

    right: int
    matrix: Bytes
    lengths: RowIds
    row_ids: RowIds


def leaf_keys(pager: Pager, page_no: int, width: int) -> LeafKeys | None:
    """The keys of a leaf with entries; None: one is longer than the width, or there are none. Under the latch."""
    page = pager.view(page_no, 1)
    count = entry_count(page, page_no)
    _, level, form, _, _, _, prefix_bytes, rest_bytes, _, _, right = NODE.unpack_from(page.data)
    if level or not count:
        return None
    if form == EVEN:
        length = prefix_bytes + rest_bytes
        if length > width:
            return None
        rows, row_ids = _even_rows(page, page_no, count, prefix_bytes, rest_bytes)
        matrix = np.zeros((count, width), np.uint8)
        matrix[:, :prefix_bytes] = page[NODE_BYTES : NODE_BYTES + prefix_bytes]
        matrix[:, prefix_bytes:length] = rows[:, :rest_bytes]
        return LeafKeys(right, matrix, np.full(count, length, np.int64), row_ids)
    starts, ends, row_ids = _entries_of_leaf(page, page_no, count)
    lengths = ends - starts
    if int(lengths.max()) > width:
        return None
    places = starts[:, np.newaxis] + np.arange(width)
    there = places < ends[:, np.newaxis]
    matrix = np.where(there, page[np.minimum(places, len(page) - 1)], 0).astype(np.uint8)
    return LeafKeys(right, matrix, lengths, row_ids)


def _rows_ascend(rows: Bytes) -> bool:
    """Whether each row of bytes is above the one before: as keys are of one length, rows are in the order of pairs."""
    before, behind = rows[:-1], rows[1:]
    places = np.arange(len(before)), (before != behind).argmax(axis=1)
    return bool((before[places] < behind[places]).all())
