"""WriteBack: brings changed pages from private memory to their files, in slices.

Rule 1: a slice of pages is copied under the latch, so that a copy is a state between two changes;
        the rest - flushing the WAL up to the copies, checksums, writing - happens without it.
Rule 2: nothing is written that the durable WAL does not know of.
Rule 3: a page is clean only when the sync that covers its write has succeeded and it did not change
        since the copy. Only then its private memory is dropped.
Rule 4: a page is in one hand at a time, for begin() takes it off the list of dirty pages. Each
        WriteBack syncs the files it wrote itself. A checkpoint must not begin while pages are in
        another hand: hence `busy`, or the latch held from begin() to finish().
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from storage.change import DIRTY, POPULATED
from storage.files import File
from storage.options import Options
from storage.pages import Pager


@dataclass(frozen=True, slots=True)
class PageRun:
    """Neighbouring pages as they were when copied."""

    first_page: int
    lsns: list[int]
    content: bytes


class WriteBack:
    """Writes dirty pages back; holds those written and not yet synced."""

    def __init__(self, pager: Pager, options: Options) -> None:
        self.busy = threading.Lock()
        self._pager = pager
        self._options = options
        self._runs: list[PageRun] = []
        self._files: set[File] = set()

    def add_files(self, files: set[File]) -> None:
        """Has the next sync cover these files too."""
        self._files |= files

    def begin(self, page_count_max: int | None = None) -> list[int]:
        """Takes the dirty pages, or the oldest so many of them; in the order of pages."""
        with self._pager.latch:
            pages = self._pager.table.take_dirty()
            if page_count_max is not None and len(pages) > page_count_max:
                self._pager.table.dirty.extend(pages[page_count_max:])
                del pages[page_count_max:]
            self._pager.unclean_count += len(pages)
        pages.sort()
        return pages

    def write_slice(self, pages: Sequence[int]) -> None:
        """Writes some of the pages begin() returned."""
        pager = self._pager
        runs = self._copy(pages)
        if self._options.protocol.wal_before_page:
            lsn = max(max(run.lsns) for run in runs)
            pager.wal.flush_now(min(lsn, pager.wal.end_lsn))  # unlogged pages may be beyond
        pager.failure.check()
        try:
            for run in runs:
                sums = pager.sums.stamp(run.first_page, run.content)
                self._files |= pager.segments.write(run.first_page, run.content, sums)
        except OSError as error:
            if self._options.protocol.fail_stop:
                raise pager.failure.fail(error) from error
        self._runs += runs

    def finish(self) -> None:
        """Syncs what was written; pages that did not change meanwhile are clean then."""
        pager = self._pager
        pager.failure.check()
        try:
            if self._options.protocol.sync_pages_before_checkpoint:
                for file in sorted(self._files, key=lambda file: file.name):
                    file.datasync()
        except OSError as error:
            if self._options.protocol.fail_stop:
                raise pager.failure.fail(error) from error
        self._files.clear()
        runs, self._runs = self._runs, []
        for run in runs:
            with pager.latch:
                self._settle(run)

    def round(self, page_count_max: int) -> None:
        """One whole write-back of so many pages; the caller holds `busy` or the latch."""
        pages = self.begin(page_count_max)
        step = self._options.slice_pages
        for start in range(0, len(pages), step):
            self.write_slice(pages[start : start + step])
        self.finish()

    def _copy(self, pages: Sequence[int]) -> list[PageRun]:
        """Copies pages under the latch, neighbours together."""
        table = self._pager.table
        runs = []
        with self._pager.latch:
            for first_page, page_count in _neighbours(pages):
                end = first_page + page_count
                content = table.store[first_page * table.page_bytes : end * table.page_bytes]
                lsns = table.lsns[first_page:end].tolist()
                runs.append(PageRun(first_page, lsns, content.tobytes()))
        return runs

    def _settle(self, run: PageRun) -> None:
        """Marks the unchanged pages of a synced run clean and drops their private memory."""
        table = self._pager.table
        now = table.lsns[run.first_page : run.first_page + len(run.lsns)].tolist()
        pages = range(run.first_page, run.first_page + len(run.lsns))
        clean = []
        for page_no, copied_lsn, lsn in zip(pages, run.lsns, now, strict=True):
            if copied_lsn == lsn:
                clean.append(page_no)
            else:
                table.dirty.append(page_no)
        self._pager.unclean_count -= len(run.lsns)
        for first_page, page_count in _neighbours(clean):
            table.states[first_page : first_page + page_count] &= 255 - DIRTY - POPULATED
            self._pager.reservation.drop(
                first_page * table.page_bytes, page_count * table.page_bytes
            )


def _neighbours(pages: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending pages as runs of (first, count)."""
    runs: list[tuple[int, int]] = []
    for page_no in pages:
        if runs and runs[-1][0] + runs[-1][1] == page_no:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((page_no, 1))
    return runs
