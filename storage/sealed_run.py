"""The run of a row group that is sealed: written in portions, then led to by one change.

Rule 1: most of the run is written into pages set aside, which nobody knows of: after a crash they are free. The latch
        is held for a portion at a time, so that others need not wait for megabytes.
Rule 2: one change writes the rest of the new run, leads the relation to it and gives up the old one: after a crash the
        group is the one or the other. The old run is reused as any other that was given up, so views of it hold.
Rule 3: what has changed since it was encoded is not stored.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from storage.encoders import Encoded
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
    """The columns of a group as they will be, and the state of the group they were read in."""

    columns: tuple[Encoded, ...]
    null_counts: tuple[int, ...]
    change_no: int


def seal(
    engine: Latched,
    table: Table,
    old: RowGroup,
    sealed: SealedColumns,
    pause: Pause = lambda: None,
) -> SealedGroup | None:
    """Put a sealed group in the place of an open one; None: that has changed meanwhile."""
    pager = table.pager
    with engine.latch:
        if not _is_as_encoded(table, old, sealed):
            return None
        is_alike = _has_equal_headers(old)
        sizes = [len(column.block) for column in sealed.columns]
        capacity = capacity_for(old.used)  # no slot comes to it
        layout = lay_out_sealed(
            old.layout.kinds, capacity, sizes, pager.page_bytes, is_alike=is_alike
        )
        is_logged = not table.header.is_off_log
        first_page = pager.set_aside(layout.page_count, is_logged=is_logged)
    run = _Run(first_page, layout, is_alike, _head_pages(layout, pager.page_bytes))
    group = None
    try:
        content = memoryview(_blocks(layout, sealed))
        _write_portions(engine, pager, run, content, pause)
        with engine.latch:
            if _is_as_encoded(table, old, sealed):
                group = _lead_to(table, old, sealed, run, content)
    finally:
        if group is None:
            with engine.latch:
                pager.put_back(first_page, layout.page_count)
    return group


@dataclass(frozen=True, slots=True)
class _Run:
    """A run that is being written; `head_pages` are left to the change that leads to it."""

    first_page: int
    layout: Layout
    is_alike: bool
    head_pages: int


def _is_as_encoded(table: Table, old: RowGroup, sealed: SealedColumns) -> bool:
    return table.groups[old.group_no] is old and old.change_no == sealed.change_no


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


def _write_portions(
    engine: Latched, pager: Pager, run: _Run, content: memoryview, pause: Pause
) -> None:
    """Write the pages that have blocks only."""
    page_bytes = pager.page_bytes
    start = run.head_pages * page_bytes - _blocks_start(run.layout, page_bytes)
    for page in range(run.head_pages, run.layout.page_count, PORTION_PAGES):
        stop = start + min(PORTION_PAGES, run.layout.page_count - page) * page_bytes
        with engine.latch:
            pager.fill(run.first_page + page, content[start:stop])
        start = stop
        pause()


def _lead_to(
    table: Table, old: RowGroup, sealed: SealedColumns, run: _Run, content: memoryview
) -> SealedGroup:
    """The change that makes the run the group's; under the latch."""
    groups, pager, layout = table.groups, table.pager, run.layout
    address = run.first_page * pager.page_bytes
    header = sealed_header_bytes(
        layout,
        table.relation_id,
        old.group_no,
        sealed.columns,
        sealed.null_counts,
        is_alike=run.is_alike,
    )
    with table.changing(0) as change:
        pager.take_up(change, run.first_page, layout.page_count, run.head_pages)
        change.write(address, header)
        if run.is_alike:
            change.write(address + layout.versions, old.versions[0])
        else:
            groups.move_versions(change, old, layout, address)
        start = _blocks_start(layout, pager.page_bytes)
        change.write(address + start, content[: run.head_pages * pager.page_bytes - start])
        release_strings(pager, change, old)
        groups.replace_run(change, old, address)
        change.commit()
    columns = [(column.encoding, column.zone) for column in sealed.columns]
    group = SealedGroup(pager.store, address, layout, old.group_no, columns, pager.decoded)
    groups.replaced(old, group)
    return group
