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
    size = len(page)
    slots_end = NODE_BYTES + SLOT_BYTES * count
    places = page[NODE_BYTES:slots_end].view("<u2").astype(np.int64)
    if slots_end > size or int(places.max()) + LEAF_ENTRY.size > size:
        raise Corruption("index", head[0], NOT_READABLE)
    starts = places + LEAF_ENTRY.size
    heads = page[places[:, np.newaxis] + np.arange(LEAF_ENTRY.size)]
    ends = starts + np.ascontiguousarray(heads[:, :SLOT_BYTES]).view("<u2")[:, 0]
    if int(ends.max()) > size:
        raise Corruption("index", head[0], NOT_READABLE)
    row_ids = np.ascontiguousarray(heads[:, SLOT_BYTES:]).view("<i8")[:, 0]
    raw = page.tobytes()
    keys = [raw[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    pairs = list(zip(keys, row_ids.tolist(), strict=True))
    return PageSummary(*head, _ascend(pairs), pairs[0], pairs[-1], row_ids, ())


def _ascend(pairs: Sequence[Pair]) -> bool:
    return all(map(lt, pairs, islice(pairs, 1, None)))


def _even_leaf(
    page: Bytes, head: Head, count: int, prefix_bytes: int, rest_bytes: int
) -> PageSummary:
    start, width = NODE_BYTES + prefix_bytes, rest_bytes + ROW_BYTES
    if start + count * width > len(page):
        raise Corruption("index", head[0], NOT_READABLE)
    prefix = page[NODE_BYTES:start].tobytes()
    rows = page[start : start + count * width].reshape(count, width)
    ids = np.zeros((count, 8), np.uint8)
    ids[:, 8 - ROW_BYTES :] = rows[:, rest_bytes:]
    row_ids = ids.view(">i8")[:, 0].astype(np.int64)
    first, last = (
        (prefix + rows[place, :rest_bytes].tobytes(), int(row_ids[place])) for place in (0, -1)
    )
    return PageSummary(*head, _rows_ascend(rows), first, last, row_ids, ())


def _rows_ascend(rows: Bytes) -> bool:
    """Whether each row of bytes is above the one before: as keys are of one length, rows are in the order of pairs."""
    before, behind = rows[:-1], rows[1:]
    places = np.arange(len(before)), (before != behind).argmax(axis=1)
    return bool((before[places] < behind[places]).all())
