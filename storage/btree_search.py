"""Searching a tree, and changes that touch one leaf only: what every statement by key does.

Rule 1: these functions and their compiled twins do the same to the last byte.
Rule 2: a change that would split or empty a page is refused with -1, and nothing has happened.
"""

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from storage.btree_page import (
    LEAF_ENTRY,
    NODE,
    NODE_BYTES,
    ROW_BYTES,
    SLOT,
    SLOT_BYTES,
    Entry,
    Node,
    pack_entry,
    read_node,
)
from storage.keys import key_after_prefix
from storage.pages import Pager

Pair = tuple[bytes, int]

RangesPosition = tuple[int, Pair | None]
"""The number of a range, and what those of its pairs end at that were read; None: none were."""

BEFORE_RANGES: RangesPosition = (0, None)

COUNTERS = struct.Struct("<HHH")
COUNTERS_OFFSET = 4
NEEDS_MORE = -1


def seek_pair(pager: Pager, root_page: int, key: bytes, row_id: int) -> tuple[int, int]:
    """The leaf the pair belongs to, and how many of its entries lie before the pair."""
    node = _seek(pager, root_page, key, row_id)
    return node.page_no, node.position(key, row_id)


def leaf_pairs(
    pager: Pager, page_no: int, first: int, last: int
) -> tuple[list[tuple[bytes, int]], int, int]:
    """Entries first..last of a leaf, and the leaf's neighbours."""
    node = read_node(pager.view(page_no, 1), page_no)
    return [(entry.key, entry.row_id) for entry in node.entries[first:last]], node.left, node.right


def lookup_pairs(pager: Pager, root_page: int, start: bytes, stop: bytes | None) -> list[int]:
    """The row ids of the pairs with start <= key < stop, in order."""
    page_no, position = seek_pair(pager, root_page, start, 0)
    found: list[int] = []
    while page_no:
        pairs, _, right = leaf_pairs(pager, page_no, position, 1 << 16)
        for key, row_id in pairs:
            if stop is not None and key >= stop:
                return found
            found.append(row_id)
        page_no, position = right, 0
    return found


def lookup_prefix(pager: Pager, root_page: int, prefix: bytes) -> list[int]:
    """The row ids of the pairs whose key starts with the prefix, in order."""
    return lookup_pairs(pager, root_page, prefix, key_after_prefix(prefix))


def pairs_between(
    pager: Pager, root_page: int, low: Pair, high: Pair, most: int, *, backward: bool
) -> tuple[list[Pair], Pair | None]:
    """The first or, backward, the last pairs with low <= pair < high, `most` of them; and what they end at.

    Going on with that as the low bound, or backward as the high one, gives the next ones; None: these were all.
    """
    found: list[Pair] = []
    page_no, position = seek_pair(pager, root_page, *(high if backward else low))
    while page_no:
        first, last = (0, position) if backward else (position, 1 << 16)
        pairs, left, right = leaf_pairs(pager, page_no, first, last)
        for pair in reversed(pairs) if backward else pairs:
            if pair < low or pair >= high:
                return found, None
            if len(found) == most:
                return found, found[-1] if backward else pair
            found.append(pair)
        page_no, position = (left, 1 << 16) if backward else (right, 0)
    return found, None


def ids_between(
    pager: Pager, root_page: int, low: Pair, high: Pair, most: int, *, backward: bool
) -> tuple[list[int], Pair | None]:
    """`pairs_between` without the keys."""
    pairs, end = pairs_between(pager, root_page, low, high, most, backward=backward)
    return [row_id for _, row_id in pairs], end


def pairs_within(
    pager: Pager,
    root_page: int,
    ranges: Sequence[tuple[bytes, bytes]],
    position: RangesPosition,
    most: int,
    *,
    backward: bool,
) -> tuple[list[Pair], RangesPosition]:
    """`pairs_between` of one range after the other, of `most` ranges at the most; and where to go on."""
    place, reached = position
    found: list[Pair] = []
    last = min(len(ranges), place + most)
    while place < last:
        low, high = (ranges[place][0], 0), (ranges[place][1], 0)
        if reached is not None:
            low, high = (low, reached) if backward else (reached, high)
        pairs, reached = pairs_between(
            pager, root_page, low, high, most - len(found), backward=backward
        )
        found += pairs
        if reached is not None:
            break
        place += 1
        if len(found) == most:
            break
    return found, (place, reached)


def ids_within(
    pager: Pager,
    root_page: int,
    ranges: Sequence[tuple[bytes, bytes]],
    position: RangesPosition,
    most: int,
    *,
    backward: bool,
) -> tuple[list[int], RangesPosition]:
    """`pairs_within` without the keys."""
    pairs, position = pairs_within(pager, root_page, ranges, position, most, backward=backward)
    return [row_id for _, row_id in pairs], position


def lookup_ids(pager: Pager, root_page: int, prefix: bytes, most: int) -> npt.NDArray[np.int64]:
    """`lookup_prefix` as an array, of so many pairs at most."""
    return np.array(lookup_prefix(pager, root_page, prefix)[:most], np.int64)


def split_leaf(pager: Pager, root_page: int, xid: int, key: bytes, row_id: int) -> int:
    """Add a pair by splitting its leaf, if its parent has room: 1; else nothing: -1.

    Only the compiled twin does; the original leaves all splits to Tree.
    """
    del pager, root_page, xid, key, row_id
    return NEEDS_MORE


def insert_pair(pager: Pager, root_page: int, xid: int, key: bytes, row_id: int) -> int:
    """Add a pair to its leaf: 1; it was there: 0; the leaf is full, or littered: -1."""
    node = _seek(pager, root_page, key, row_id)
    position = node.position(key, row_id)
    if position < len(node.entries) and node.entries[position][:2] == (key, row_id):
        return 0
    if node.is_even:
        return NEEDS_MORE
    slots, count, place, garbage = _counters(pager, node)
    packed = pack_entry(Entry(key, row_id), 0)
    place -= len(packed)
    if place < NODE_BYTES + SLOT_BYTES * (count + 1):
        return NEEDS_MORE
    start = node.page_no * pager.page_bytes
    with pager.begin_change(xid) as change:
        change.write(start + place, packed)
        moved = SLOT.pack(place) + slots[SLOT_BYTES * position :]
        change.write(start + NODE_BYTES + SLOT_BYTES * position, moved)
        change.write(start + COUNTERS_OFFSET, COUNTERS.pack(count + 1, place, garbage))
        change.commit()
    return 1


def delete_pair(pager: Pager, root_page: int, xid: int, key: bytes, row_id: int) -> int:
    """Take a pair out of its leaf: 1; it was not there: 0; it is the only one there: -1."""
    node = _seek(pager, root_page, key, row_id)
    position = node.position(key, row_id)
    if position == len(node.entries) or node.entries[position][:2] != (key, row_id):
        return 0
    if len(node.entries) == 1 and node.page_no != root_page:
        return NEEDS_MORE
    if node.is_even:
        _take_out(pager, xid, node, position)
        return 1
    slots, count, place, garbage = _counters(pager, node)
    garbage += len(pack_entry(node.entries[position], 0))
    start = node.page_no * pager.page_bytes
    with pager.begin_change(xid, reserved=True) as change:
        moved = slots[SLOT_BYTES * (position + 1) :]
        change.write(start + NODE_BYTES + SLOT_BYTES * position, moved)
        change.write(start + COUNTERS_OFFSET, COUNTERS.pack(count - 1, place, garbage))
        change.commit()
    return 1


def _take_out(pager: Pager, xid: int, node: Node, position: int) -> None:
    """Take a pair out of an even leaf."""
    raw = pager.view(node.page_no, 1).tobytes()
    _, _, _, count, place, garbage, prefix, rest, *_ = NODE.unpack_from(raw)
    width = rest + ROW_BYTES
    at = NODE_BYTES + prefix + width * position
    start = node.page_no * pager.page_bytes
    with pager.begin_change(xid, reserved=True) as change:
        change.write(start + at, raw[at + width : at + width * (count - position)])
        change.write(start + COUNTERS_OFFSET, COUNTERS.pack(count - 1, place, garbage))
        change.commit()


def leaf_cuts(pairs: Sequence[tuple[bytes, int]], limit: int) -> list[int]:
    """Where sorted pairs are cut into leaves of at most `limit` bytes; begins with 0."""
    cuts = [0]
    size = 0
    for i, (key, _) in enumerate(pairs):
        need = SLOT_BYTES + LEAF_ENTRY.size + len(key)
        if size + need > limit and i > cuts[-1]:
            cuts.append(i)
            size = 0
        size += need
    if pairs:
        cuts.append(len(pairs))
    return cuts


def pack_leaf(
    page_bytes: int,
    pairs: Sequence[tuple[bytes, int]],
    first: int,
    last: int,
    left: int,
    right: int,
) -> bytes:
    """The leaf of pairs first..last, and its neighbours."""
    entries = [Entry(key, row_id) for key, row_id in pairs[first:last]]
    return Node(0, 0, left, right, entries).pack(page_bytes)


def _seek(pager: Pager, root_page: int, key: bytes, row_id: int) -> Node:
    """The leaf the pair belongs to."""
    node = read_node(pager.view(root_page, 1), root_page)
    while node.level:
        child = node.entries[node.child_position(key, row_id)].child
        node = read_node(pager.view(child, 1), child)
    return node


def _counters(pager: Pager, node: Node) -> tuple[bytes, int, int, int]:
    """A page's slots, their count, where the entries begin, bytes of garbage among them."""
    raw = pager.view(node.page_no, 1)[: NODE_BYTES + SLOT_BYTES * len(node.entries)].tobytes()
    _, _, _, count, place, garbage, *_ = NODE.unpack_from(raw)
    return raw[NODE_BYTES:], count, place, garbage
