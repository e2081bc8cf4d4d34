"""What the pages of tables and trees hold: how many rows or entries, which bytes are theirs, and what is free.

Rule 1: a slot of a table is live, dead or free; its bytes are its share of the pages of its row group.
Rule 2: leaves of a tree are not parsed: what they hold is told by their headers.
Rule 3: the latch is taken for a row group, or some leaves, at a time; what others change meanwhile may be counted as
        it was or as it is.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from storage.btree import Tree
from storage.btree_page import EVEN, NODE, NODE_BYTES, ROW_BYTES, SLOT_BYTES
from storage.commit_log import Snapshot
from storage.index import Index
from storage.table import Table

LEAVES_AT_ONCE = 256
Latch = AbstractContextManager[object]


@dataclass(frozen=True, slots=True)
class TableFigures:
    """Rows that a snapshot sees, versions that it does not, slots for others, and all bytes."""

    live: int = 0
    dead: int = 0
    slots: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class TreeFigures:
    """Pages, entries and their bytes in leaves. turns: how often the next leaf lies before the one it follows."""

    level: int = 0
    root_page: int = 0
    inner_pages: int = 0
    leaf_pages: int = 0
    empty_pages: int = 0
    entries: int = 0
    entry_bytes: int = 0
    leaf_bytes: int = 0
    turns: int = 0
    bytes: int = 0


def table_figures(
    table: Table, snapshot: Snapshot, latch: Latch, between: Callable[[], None]
) -> TableFigures:
    """The figures of a table; between: called without the latch, and may raise."""
    live = dead = slots = group_no = 0
    while True:
        between()
        with latch:
            if group_no >= table.group_count:
                page_bytes = table.page_count * table.pager.page_bytes if slots else 0
                return TableFigures(live, dead, slots, page_bytes)
            group = table.groups[group_no]
            seen = table.view(snapshot, group_no).count
            live += seen
            dead += max(0, group.used - len(group.free) - seen)
            slots += group.capacity
        group_no += 1


def tree_figures(index: Index, latch: Latch, between: Callable[[], None]) -> TreeFigures:
    """The figures of an index; between: called without the latch, and may raise."""
    tree = index.tree
    with latch:
        root = tree.read(tree.root_page)
        page_nos = tree.page_nos()
        page_bytes = index.page_count * tree.page_bytes
    found = TreeFigures(level=root.level, root_page=root.page_no, bytes=page_bytes)
    for first in range(0, len(page_nos), LEAVES_AT_ONCE):
        between()
        with latch:
            found = _with_leaves(found, tree, page_nos[first : first + LEAVES_AT_ONCE])
    return replace(
        found,
        inner_pages=len(page_nos) - found.leaf_pages,
        leaf_bytes=found.leaf_pages * (tree.page_bytes - NODE_BYTES),
    )


def _with_leaves(found: TreeFigures, tree: Tree, page_nos: list[int]) -> TreeFigures:
    """The figures with those of some pages, as far as these are leaves."""
    leaves = empty = entries = used = turns = 0
    for page_no in page_nos:
        _, level, form, count, start, garbage, prefix, rest, _, _, right = NODE.unpack_from(
            tree.pager.view(page_no, 1).data
        )
        if level:
            continue
        leaves += 1
        empty += not count
        entries += count
        turns += bool(right) and right < page_no
        if form == EVEN:
            used += prefix + (rest + ROW_BYTES) * count
        elif count:
            used += tree.page_bytes - start - garbage + SLOT_BYTES * count
    return replace(
        found,
        leaf_pages=found.leaf_pages + leaves,
        empty_pages=found.empty_pages + empty,
        entries=found.entries + entries,
        entry_bytes=found.entry_bytes + used,
        turns=found.turns + turns,
    )
