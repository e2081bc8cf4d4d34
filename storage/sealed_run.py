"""The run of a sealed row group: written in portions, then led to by one change.

Rule 1: most of the run is written into pages set aside, which nobody knows of: after a crash they are free. The latch
        is held for a portion at a time, so that others need not wait for megabytes.
Rule 2: one change writes the rest of the new run, leads the relation to it and gives up the old one, if there is one:
        after a crash the group is the one or the other. The old run is reused as any other that was given up, so
        views of it hold.
Rule 3: what has changed since it was encoded is not stored.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from storage.encoders import Encoded
from storage.kinds import Kind
from storage.native import Change
from storage.pages import Pager
from storage.row_groups import capacity_for
from storage.rowgroup import Layout, RowGroup
from storage.rows import release_strings
from storage.sealed_group import SealedGroup, lay_out_sealed, sealed_header_bytes
from storage.table import Table

Pause = Callable[[], None]

PORTION_PAGES = 32
"""How many pages are written under the latch at once: a fraction of a millisecond."""


class Latched(Protocol):
    """What has the latch."""

    @property
    def latch(self) -> AbstractContextManager[object]:
        """Held while something is changed."""


@dataclass(frozen=True, slots=True)
class SealedColumns:
    """The columns of a group as they will be."""

    kinds: tuple[Kind, ...]
    columns: tuple[Encoded, ...]
    null_counts: tuple[int, ...]
    row_count: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run whose blocks are written; its first pages are left to the change that leads to it."""

    first_page: int
    layout: Layout
    is_alike: bool
    sealed: SealedColumns
    content: memoryview
    """All blocks, as they lie in the run."""

    def put_back(self, engine: Latched, pager: Pager) -> None:
        """Nothing will lead to it."""
        with engine.latch:
            pager.put_back(self.first_page, self.layout.page_count)

    def take_up(self, change: Change, table: Table, group_no: int) -> int:
        """Have the run be a group's once the change commits, its address; versions are up to the caller."""
        pager, layout = table.pager, self.layout
        address = self.first_page * pager.page_bytes
        head_pages = _head_pages(layout, pager.page_bytes)
        pager.take_up(change, self.first_page, layout.page_count, head_pages)
        columns, null_counts = self.sealed.columns, self.sealed.null_counts
        header = sealed_header_bytes(
            layout, table.relation_id, group_no, columns, null_counts, is_alike=self.is_alike
        )
        change.write(address, header)
        start = _blocks_start(layout, pager.page_bytes)
        change.write(address + start, self.content[: head_pages * pager.page_bytes - start])
        return address

    def group(self, pager: Pager, group_no: int) -> SealedGroup:
        """The group, as its change has committed; it does not know yet how many rows it has."""
        address = self.first_page * pager.page_bytes
        columns = [(column.encoding, column.zone) for column in self.sealed.columns]
        return SealedGroup(pager.store, address, self.layout, group_no, columns, pager.decoded)


def seal(
    engine: Latched,
    table: Table,
    old: RowGroup,
    sealed: SealedColumns,
    change_no: int,
    pause: Pause = lambda: None,
) -> SealedGroup | None:
    """Put a sealed group in the place of an open one; None: that has changed since it had the number."""
    with engine.latch:
        if not _is_unchanged(table, old, change_no):
            return None
        is_alike = _has_equal_headers(old)
    run = write_run(engine, table, sealed, is_alike=is_alike, pause=pause)
    group = None
    try:
        with engine.latch:
            if _is_unchanged(table, old, change_no):
                group = _replace(table, old, run)
    finally:
        if group is None:
            run.put_back(engine, table.pager)
    return group


def write_run(
    engine: Latched,
    table: Table,
    sealed: SealedColumns,
    *,
    is_alike: bool,
    pause: Pause = lambda: None,
) -> Run:
    """A run set aside, with its blocks."""
    pager = table.pager
    sizes = [len(column.block) for column in sealed.columns]
    capacity = capacity_for(sealed.row_count)  # no slot comes to it
    layout = lay_out_sealed(sealed.kinds, capacity, sizes, pager.page_bytes, is_alike=is_alike)
    with engine.latch:
        first_page = pager.set_aside(layout.page_count, is_logged=not table.header.is_off_log)
    run = Run(first_page, layout, is_alike, sealed, memoryview(_blocks(layout, sealed)))
    try:
        _write_portions(engine, pager, run, pause)
    except BaseException:
        run.put_back(engine, pager)
        raise
    return run


def _is_unchanged(table: Table, old: RowGroup, change_no: int) -> bool:
    return table.groups[old.group_no] is old and old.change_no == change_no


def _has_equal_headers(group: RowGroup) -> bool:
    """Whether all versions are by one command, the only ones of their rows, and without NULLs."""
    versions = group.versions[: group.used]
    if not group.layout.kinds or group.layout.null_words or versions[:, 1:].any():
        return False
    return bool((versions[:, 0] == versions[0, 0]).all())


def _blocks_start(layout: Layout, page_bytes: int) -> int:
    """Where the blocks begin in the run, or would."""
    return layout.columns[0] if layout.columns else layout.page_count * page_bytes


def _head_pages(layout: Layout, page_bytes: int) -> int:
    """The pages that have more than blocks."""
    return -(-_blocks_start(layout, page_bytes) // page_bytes)


def _blocks(layout: Layout, sealed: SealedColumns) -> bytearray:
    """All blocks as they lie in the run."""
    content = bytearray()
    for offset, column in zip(layout.columns, sealed.columns, strict=True):
        content += bytes(offset - layout.columns[0] - len(content))
        content += column.block
    return content


def _write_portions(engine: Latched, pager: Pager, run: Run, pause: Pause) -> None:
    """Write the pages that have blocks only."""
    page_bytes, layout = pager.page_bytes, run.layout
    head_pages = _head_pages(layout, page_bytes)
    start = head_pages * page_bytes - _blocks_start(layout, page_bytes)
    for page in range(head_pages, layout.page_count, PORTION_PAGES):
        stop = start + min(PORTION_PAGES, layout.page_count - page) * page_bytes
        with engine.latch:
            pager.fill(run.first_page + page, run.content[start:stop])
        start = stop
        pause()


def _replace(table: Table, old: RowGroup, run: Run) -> SealedGroup:
    """The change that makes the run the group's; under the latch."""
    groups, pager, layout = table.groups, table.pager, run.layout
    with table.changing(0) as change:
        address = run.take_up(change, table, old.group_no)
        if run.is_alike:
            change.write(address + layout.versions, old.versions[0])
        else:
            groups.move_versions(change, old, layout, address)
        release_strings(pager, change, old)
        groups.replace_run(change, old, address)
        change.commit()
    group = run.group(pager, old.group_no)
    groups.replaced(old, group)
    return group
