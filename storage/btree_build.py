"""Building trees: the pages of an empty tree are written a level at a time, lowest first, from sorted pairs.

Rule 1: pages are written by some at a time, each time as one change. Until the root leads to them, it names the first
        page of the level that is being written, so that what a crash cuts off is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from storage.btree_page import (
    BUILDING_OFFSET,
    INNER_ENTRY,
    LEAF_ENTRY,
    RIGHT_OFFSET,
    SLOT_BYTES,
    Entry,
    Node,
)
from storage.errors import KeyTooLarge
from storage.fast_paths import even_cuts, leaf_cuts, pack_leaf, pack_leaves
from storage.key_matrix import CUT_KEYS, SortedKeys
from storage.word_ranges import Look, never

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from storage.btree import Tree
    from storage.native import Change

BUILD_FILL = 0.9
BUILD_PAGES = 64
"""So many leaves are written by one change."""


@dataclass(frozen=True, slots=True)
class NewPage:
    """A page still to be written: its first entry, and its bytes given its neighbours."""

    first: Entry
    pack: Callable[[int, int], bytes]


def build(tree: Tree, xid: int, pairs: Sequence[tuple[bytes, int]]) -> None:
    """Fill an empty tree from sorted, distinct pairs."""
    assert tree.is_empty()
    longest = max((len(key) for key, _ in pairs), default=0)
    if longest > tree.key_bytes_max:
        raise KeyTooLarge(longest, tree.key_bytes_max)
    limit = int(tree.room * BUILD_FILL)
    cuts = leaf_cuts(pairs, limit)
    pages = [
        NewPage(Entry(*pairs[first]), partial(pack_leaf, tree.page_bytes, pairs, first, last))
        for first, last in pairwise(cuts)
    ]
    _build_above(tree, xid, 0, pages)


def build_sorted(
    tree: Tree, xid: int, keys: SortedKeys, between: Callable[[], None] | None = None
) -> None:
    """`build` of keys in a matrix; takes the latch for some pages at a time, and calls between them."""
    if keys.longest > tree.key_bytes_max:
        raise KeyTooLarge(keys.longest, tree.key_bytes_max)
    if len(keys) <= tree.room and len(_cuts(tree, keys)) <= 2:  # a key takes a byte at least
        with tree.pager.latch:
            build(tree, xid, [keys.pair(place) for place in range(len(keys))])
        return
    build_parts(tree, xid, keys.parts(), between)


def build_parts(
    tree: Tree,
    xid: int,
    parts: Iterable[SortedKeys],
    between: Callable[[], None] | None = None,
) -> None:
    """`build_sorted` of matrices whose keys follow each other and fill more than one page."""
    parents: list[Entry] = []
    for keys in parts:
        cuts = _cuts(tree, keys, between or never)
        for first in range(0, len(cuts) - 1, BUILD_PAGES):
            _build_leaves(tree, xid, keys, cuts[first : first + BUILD_PAGES + 1], parents)
            if between is not None:
                between()
    with tree.pager.latch:
        _build_above(tree, xid, 1, _inner_pages(tree, 1, parents))


def _cuts(tree: Tree, keys: SortedKeys, look: Look = never) -> npt.NDArray[np.int64]:
    if keys.are_even and len(keys):
        return _even_cuts(keys, tree.room, look)
    return keys.leaf_cuts(int(tree.room * BUILD_FILL), SLOT_BYTES + LEAF_ENTRY.size, look)


def _build_leaves(
    tree: Tree, xid: int, keys: SortedKeys, cuts: npt.NDArray[np.int64], parents: list[Entry]
) -> None:
    """Write the leaves between the cuts behind those that have parents already, and note theirs."""
    leaf_count = len(cuts) - 1
    left = parents[-1].child if parents else 0
    with tree.pager.latch, tree.pager.begin_change(xid) as change:
        page_no = tree.allocate(change, leaf_count)
        pages = pack_leaves(tree.page_bytes, keys, cuts, (left, page_no, 0))
        change.write(page_no * tree.page_bytes, pages)
        _link_built(tree, change, left, page_no)
        change.commit()
    parents += [
        Entry(*keys.pair(place), page_no + number)
        for number, place in enumerate(cuts[:-1].tolist())
    ]


def _build_above(tree: Tree, xid: int, level: int, pages: list[NewPage]) -> None:
    """Write the pages of a level and all above it, the last of them to the root's page."""
    while len(pages) > 1:
        level += 1
        pages = _inner_pages(tree, level, _build_level(tree, xid, pages))
    with tree.pager.begin_change(xid) as change:
        for page in pages:
            change.write(tree.root_page * tree.page_bytes, page.pack(0, 0))
        change.commit()
    tree.change_no += 1


def _inner_pages(tree: Tree, level: int, entries: list[Entry]) -> list[NewPage]:
    groups = _grouped(entries, int(tree.room * BUILD_FILL))
    return [NewPage(group[0], partial(_pack_inner, tree, level, group)) for group in groups]


def _pack_inner(tree: Tree, level: int, entries: list[Entry], left: int, right: int) -> bytes:
    return Node(0, level, left, right, entries).pack(tree.page_bytes)


def _build_level(tree: Tree, xid: int, pages: list[NewPage]) -> list[Entry]:
    """Write one level's pages; the entries of the level above."""
    parents: list[Entry] = []
    left = 0
    for start in range(0, len(pages), BUILD_PAGES):
        part = pages[start : start + BUILD_PAGES]
        with tree.pager.begin_change(xid) as change:
            page_nos = [tree.allocate(change, 1) for _ in part]
            before = left
            for page, page_no, right in zip(part, page_nos, (*page_nos[1:], 0), strict=True):
                change.write(page_no * tree.page_bytes, page.pack(left, right))
                parents.append(Entry(page.first.key, page.first.row_id, page_no))
                left = page_no
            _link_built(tree, change, before, page_nos[0])
            change.commit()
    return parents


def _link_built(tree: Tree, change: Change, left: int, page_no: int) -> None:
    """Link a page to the one before it, or a level's first to the root: a crash may come now."""
    if left:
        change.write_u64(left * tree.page_bytes + RIGHT_OFFSET, page_no)
    else:
        address = tree.root_page * tree.page_bytes + BUILDING_OFFSET
        change.write(address, page_no.to_bytes(4, "little"))


def forget_unfinished(tree: Tree) -> None:
    """Give back what a build that was cut short has left."""
    page_nos = [node.page_no for node in tree.unfinished_pages()]
    if not page_nos:
        return
    with tree.pager.begin_change(0, reserved=True) as change:
        for page_no in page_nos:
            tree.pager.release(change, page_no, 1)
        change.write(tree.root_page * tree.page_bytes + BUILDING_OFFSET, bytes(4))
        change.commit()


def _grouped(entries: list[Entry], limit: int) -> list[list[Entry]]:
    """Entries cut into inner pages of at most `limit` bytes."""
    groups: list[list[Entry]] = []
    size = limit
    for entry in entries:
        need = SLOT_BYTES + INNER_ENTRY.size + len(entry.key)
        if size + need > limit:
            groups.append([])
            size = 0
        groups[-1].append(entry)
        size += need
    return groups


def _even_cuts(keys: SortedKeys, room: int, look: Look) -> npt.NDArray[np.int64]:
    """`even_cuts`, of some keys at a time: what is in a leaf has nothing to do with those before."""
    cuts = [0]
    while True:
        look()
        start, stop = cuts[-1], min(len(keys), cuts[-1] + CUT_KEYS)
        cuts += (even_cuts(keys.some(start, stop), room)[1:-1] + start).tolist()
        if stop == len(keys):
            return np.array([*cuts, stop], np.int64)
