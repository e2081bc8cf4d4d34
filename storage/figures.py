"""What the pages of tables and trees hold: how many rows or entries, which bytes are theirs, and what is free.

Rule 1: a slot of a table is live, dead or free; its bytes are its share of the pages of its row group.
Rule 2: leaves of a tree are not parsed: what they hold is told by their headers.
"""

from dataclasses import dataclass

from storage.btree_page import EVEN, NODE, NODE_BYTES, ROW_BYTES, SLOT_BYTES
from storage.commit_log import Snapshot
from storage.index import Index
from storage.table import Table


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


def table_figures(table: Table, snapshot: Snapshot) -> TableFigures:
    """The figures of a table; the latch must be held."""
    live = dead = slots = 0
    for group_no in range(table.group_count):
        group = table.groups[group_no]
        seen = table.view(snapshot, group_no).count
        live += seen
        dead += max(0, group.used - len(group.free) - seen)
        slots += group.capacity
    page_bytes = table.pager.page_bytes
    return TableFigures(live, dead, slots, table.page_count * page_bytes if slots else 0)


def tree_figures(index: Index) -> TreeFigures:
    """The figures of an index; the latch must be held."""
    tree = index.tree
    root = tree.read(tree.root_page)
    page_nos = tree.page_nos()
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
    return TreeFigures(
        level=root.level,
        root_page=root.page_no,
        inner_pages=len(page_nos) - leaves,
        leaf_pages=leaves,
        empty_pages=empty,
        entries=entries,
        entry_bytes=used,
        leaf_bytes=leaves * (tree.page_bytes - NODE_BYTES),
        turns=turns,
        bytes=index.page_count * tree.page_bytes,
    )
