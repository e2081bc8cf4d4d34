"""The check of one index, while others work: its tree leaf by leaf, its entries against the rows of its table.

Rule 1: a step is a few leaves, done under the latch. A step believes nothing of the one before but where that ended,
        so that splits, deletions and vacuum in between do no harm.
Rule 2: it only reads. What is wrong is said in a sentence without the index's name.
Rule 3: who calls knows the keys; here is only told whether (key, root id) pairs of rows that a held snapshot
        sees have their entries, and whether entries beyond those may be there.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from storage.btree import Tree
from storage.btree_page import Entry
from storage.chains import walk
from storage.commit_log import Snapshot
from storage.fast_paths import absent_pairs, seek_pair
from storage.key_matrix import SortedKeys
from storage.page_summary import LeafKeys, PageSummary, Pair, leaf_keys, summarise
from storage.rowgroup import FREE, INNER, KEY_CHANGED, SLOT_BITS, SLOT_MASK
from storage.table import Table

LEAVES_AT_ONCE = 8
PAIRS_AT_ONCE = 4096

_LAST = np.iinfo(np.int64).max


def check_leaves(tree: Tree, table: Table) -> Iterator[list[str]]:
    """What is wrong with some leaves after the other, with the pages above them, and where their entries lead."""
    place: Pair | None = (b"", 0)
    while place is not None:
        found: list[str] = []
        with tree.pager.latch:
            for _ in range(LEAVES_AT_ONCE):
                place = _check_leaf(tree, table, place, found)
                if place is None:
                    break
        yield found


def missing_entries(tree: Tree, pairs: Sequence[Pair]) -> Iterator[Pair]:
    """Those of the pairs that are no entries, in their order."""
    ordered = sorted(pairs)
    for first in range(0, len(ordered), PAIRS_AT_ONCE):
        with tree.pager.latch:
            some = ordered[first : first + PAIRS_AT_ONCE]
            keys = [key for key, _ in some]
            row_ids = np.array([row_id for _, row_id in some], np.int64)
            absent = absent_pairs(tree.pager, tree.root_page, keys, row_ids)
        yield from (some[place] for place in absent)


def has_exactly(tree: Tree, keys: SortedKeys) -> bool:
    """Whether the entries are these, one after the other; False, too, if the tree is changed meanwhile."""
    width, done = keys.matrix.shape[1], 0
    with tree.pager.latch:
        change_no = tree.change_no
        if tree.is_empty():
            return not len(keys)
        page_no, _ = seek_pair(tree.pager, tree.root_page, b"", 0)
    while page_no:
        with tree.pager.latch:
            leaf = leaf_keys(tree.pager, page_no, width) if tree.change_no == change_no else None
        if leaf is None or not _are_next(keys, done, leaf):
            return False
        done += len(leaf.row_ids)
        page_no = leaf.right
    return done == len(keys)


def _are_next(keys: SortedKeys, done: int, leaf: LeafKeys) -> bool:
    """Whether the keys go on with those of the leaf."""
    count = len(leaf.row_ids)
    if done + count > len(keys):
        return False
    rows: slice | npt.NDArray[np.int64] = slice(done, done + count)
    rows = rows if keys.order is None else keys.order[rows]
    lengths = keys.matrix.shape[1] if keys.lengths is None else keys.lengths[rows]
    return (
        bool((leaf.lengths == lengths).all())
        and np.array_equal(keys.row_ids[rows], leaf.row_ids)
        and np.array_equal(keys.matrix[rows], leaf.matrix)
    )


class Fingerprints:
    """The pairs of rows that a snapshot sees, in eight bytes each."""

    def __init__(self) -> None:
        self._parts: list[npt.NDArray[np.int64]] = []

    def add(self, pairs: Iterable[Pair]) -> None:
        """More of them."""
        self._parts.append(_hashes(pairs))

    def surplus(self, tree: Tree, table: Table, snapshot: Snapshot) -> Iterator[list[Pair]]:
        """Entries of which the key was no key of their row in any version, some leaves at a time."""
        # One more than there are, so that there is always one to compare with.
        known = np.sort(np.concatenate([*self._parts, np.array([_LAST])]))
        for chunk in tree.forward(b"", None):
            hashes = _hashes(chunk)
            found = known[np.minimum(np.searchsorted(known, hashes), len(known) - 1)]
            others = np.flatnonzero(found != hashes).tolist()
            with tree.pager.latch:
                yield [
                    chunk[place]
                    for place in others
                    if not _may_differ(table, snapshot, chunk[place][1])
                ]


def _hashes(pairs: Iterable[Pair]) -> npt.NDArray[np.int64]:
    return np.fromiter(map(hash, pairs), np.int64)


def _may_differ(table: Table, snapshot: Snapshot, root_id: int) -> bool:
    """Whether an entry of the row may have another key than the version that the snapshot sees."""
    if table.find_id(snapshot, root_id) < 0:
        return True
    return any(
        version.next & KEY_CHANGED or (version.xmin and not snapshot.sees(version.xmin))
        for version in walk(table.groups, root_id)
    )


def _check_leaf(tree: Tree, table: Table, place: Pair, found: list[str]) -> Pair | None:
    """Check the leaf a pair belongs to and the way to it; where the next leaf begins, None after the last."""
    low: Pair | None = None
    high: Pair | None = None
    page = summarise(tree.pager, tree.root_page)
    while page.level:
        found += _misplaced(page, low, high)
        if page.is_empty:
            found.append(f"page {page.page_no} is empty")
            return high
        position = bisect_right(page.entries, place, lo=1, key=_pair_of) - 1
        entry = page.entries[position]
        low = entry[:2] if position else low
        high = page.entries[position + 1][:2] if position + 1 < len(page.entries) else high
        child = summarise(tree.pager, entry.child)
        if child.level != page.level - 1:
            found.append(f"page {child.page_no} has level {child.level} below level {page.level}")
            return high
        page = child
    found += _misplaced(page, low, high)
    if page.is_empty and page.page_no != tree.root_page:
        found.append(f"page {page.page_no} is empty")
    found += _wrong_neighbours(tree, page, low, high)
    found += _astray(table, page)
    return high


def _pair_of(entry: Entry) -> Pair:
    return entry[:2]


def _misplaced(page: PageSummary, low: Pair | None, high: Pair | None) -> Iterator[str]:
    """Whether entries are in order and within the bounds that the pages above give."""
    if not page.is_ascending:
        yield f"item order invariant violated on page {page.page_no}"
    if not page.is_within(low, high):
        yield f"down-link lower bound invariant violated on page {page.page_no}"


def _wrong_neighbours(
    tree: Tree, leaf: PageSummary, low: Pair | None, high: Pair | None
) -> Iterator[str]:
    if (leaf.left == 0) != (low is None) or (leaf.right == 0) != (high is None):
        yield f"page {leaf.page_no} has a neighbour too many or too few"
    if not leaf.right:
        return
    right = summarise(tree.pager, leaf.right)
    if right.level or right.left != leaf.page_no:
        yield f"page {leaf.page_no} and page {right.page_no} are no neighbours"
    elif leaf.last and right.first and leaf.last >= right.first:
        yield f"high key invariant violated on page {leaf.page_no}"


def _astray(table: Table, leaf: PageSummary) -> Iterator[str]:
    """Entries that do not lead to the root of a row, or to what is left of one until vacuum has been here."""
    root_ids = leaf.row_ids
    group_nos = root_ids >> SLOT_BITS
    for group_no in sorted(set(group_nos.tolist())):
        ids = root_ids[group_nos == group_no]
        slots = ids & SLOT_MASK
        if group_no >= len(table.groups):
            yield f"page {leaf.page_no} has an entry for row {ids[0]}, which is nowhere"
            continue
        group = table.groups[group_no]
        beyond = slots >= group.used
        versions = group.versions[np.minimum(slots, max(group.used - 1, 0))]
        links = versions[:, 2]
        empty = beyond | ((links == 0) & (versions[:, 0] == 0)) | (links & np.uint64(FREE) != 0)
        for row_id in ids[empty].tolist():
            yield f"page {leaf.page_no} has an entry for row {row_id}, which is nowhere"
        for row_id in ids[~empty & (links & np.uint64(INNER) != 0)].tolist():
            yield f"page {leaf.page_no} has an entry for row {row_id}, which is no root"
