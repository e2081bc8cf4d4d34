"""UnloggedPages: which pages belong to unlogged relations, so that a crash can give all of them back unread.

Rule 1: a page in use is marked here in the change that takes it, and no more in the change that gives it up.
Rule 2: unlogged content is written to disk after what was logged before it. So where a crash may have left some, there
        is a directory; from then on free pages may hold anything at a start, whatever their checksums say.
Rule 3: the maps are pages like any other, logged; they are made when their region gets its first unlogged page.

    page 0       at DIRECTORY_OFFSET: the page of the directory; 0: there was never an unlogged page
    directory    u32 a region: the page of its map, 0 for none
    map          a bit a page of the region
"""

from collections.abc import Callable, Iterator

import numpy as np

from storage.change import UNLOGGED, WRITTEN, PageTable
from storage.extents import true_runs
from storage.files import Bytes
from storage.native import Change

DIRECTORY_OFFSET = 16
_ENTRY_BYTES = 4

Allocate = Callable[[Change, int], int]
View = Callable[[int, int], Bytes]


class UnloggedPages:
    """The maps of one store, and the states of the pages in memory that follow them."""

    def __init__(self, table: PageTable, allocate: Allocate, view: View) -> None:
        self._table = table
        self._allocate = allocate
        self._view = view
        self._region_pages = table.page_bytes * 8
        self._directory = 0
        self._maps: dict[int, int] = {}

    def load(self) -> None:
        """Learn from the store which pages are unlogged."""
        self._maps.clear()
        head = self._view(0, 1)[DIRECTORY_OFFSET : DIRECTORY_OFFSET + _ENTRY_BYTES]
        self._directory = int(head.view("<u4")[0])
        if self._directory:
            entries = self._view(self._directory, 1).view("<u4")
            self._maps = {int(region): int(entries[region]) for region in entries.nonzero()[0]}
        for first, count in self.runs():
            self._table.states[first : first + count] |= UNLOGGED | WRITTEN

    def runs(self) -> Iterator[tuple[int, int]]:
        """The unlogged pages in use, as (first page, page count) within a region."""
        for region, page in sorted(self._maps.items()):
            bits = np.unpackbits(self._view(page, 1), bitorder="little")
            there = self._table.page_count - region * self._region_pages
            for first, count in true_runs(bits[:there] == 1):
                yield region * self._region_pages + first, count

    @property
    def are_any(self) -> bool:
        """Whether there ever were unlogged pages."""
        return self._directory > 0

    def pages(self) -> list[int]:
        """The pages that the maps themselves take; for checks."""
        return [*([self._directory] if self._directory else ()), *self._maps.values()]

    def prepare(self, first_page: int, page_count: int, *, is_logged: bool) -> None:
        """Pages that were taken are about to be written, as pages of this sort."""
        states = self._table.states[first_page : first_page + page_count]
        if is_logged:
            states &= 255 - UNLOGGED
        else:
            states |= UNLOGGED

    def is_unlogged(self, page_no: int) -> bool:
        """Whether nothing of the page is in the log."""
        return bool(self._table.states[page_no] & UNLOGGED)

    def mark(self, change: Change, first_page: int, page_count: int, *, value: bool) -> None:
        """Note in a change that pages are in use, or are not any more."""
        end = first_page + page_count
        while first_page < end:
            region, bit = divmod(first_page, self._region_pages)
            count = min(end - first_page, self._region_pages - bit)
            page = self._maps.get(region) or self._make_map(change, region)
            change.bits(page * self._table.page_bytes, bit, count, value=value)
            first_page += count

    def _make_map(self, change: Change, region: int) -> int:
        page_bytes = self._table.page_bytes
        if not self._directory:
            self._directory = self._allocate(change, 1)
            change.on_end(lambda _lsn: None, self._forget_directory)
            change.write(DIRECTORY_OFFSET, _entry(self._directory))
        page = self._maps[region] = self._allocate(change, 1)
        change.on_end(lambda _lsn: None, lambda: self._forget_map(region))
        change.write(self._directory * page_bytes + _ENTRY_BYTES * region, _entry(page))
        return page

    def _forget_directory(self) -> None:
        self._directory = 0

    def _forget_map(self, region: int) -> None:
        self._maps.pop(region, None)


def _entry(page_no: int) -> bytes:
    return page_no.to_bytes(_ENTRY_BYTES, "little")
