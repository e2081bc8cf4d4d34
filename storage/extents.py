"""FreeSpace: which runs of pages are free, in memory; and the runs of a bitmap.

Rule 1: runs never touch each other: neighbours are one run.
Rule 2: a request takes the smallest run that is large enough, the first of equals, from its front;
        so small requests do not nibble at the large runs.
"""

from bisect import bisect_left, insort

import numpy as np
import numpy.typing as npt


class FreeSpace:
    """Free runs by start, by end and by size."""

    def __init__(self) -> None:
        self.page_count = 0
        self._count_of: dict[int, int] = {}
        self._first_by_end: dict[int, int] = {}
        self._by_size: list[tuple[int, int]] = []

    def add(self, first_page: int, page_count: int) -> None:
        """Frees a run, which must not be free in any part."""
        assert page_count > 0
        self.page_count += page_count
        before = self._first_by_end.get(first_page)
        if before is not None:
            page_count += self._remove(before)
            first_page = before
        if first_page + page_count in self._count_of:
            page_count += self._remove(first_page + page_count)
        self._insert(first_page, page_count)

    def take(self, page_count: int) -> int | None:
        """The first page of a run of that length, no longer free; None when there is none."""
        assert page_count > 0
        index = bisect_left(self._by_size, (page_count, -1))
        if index == len(self._by_size):
            return None
        _, first_page = self._by_size[index]
        found = self._remove(first_page)
        if found > page_count:
            self._insert(first_page + page_count, found - page_count)
        self.page_count -= page_count
        return first_page

    def cut(self, first_page: int, page_count: int) -> None:
        """Takes a part of a free run, no longer free."""
        start, found = next(
            (run, count)
            for count, run in self._by_size
            if run <= first_page and first_page + page_count <= run + count
        )
        self._remove(start)
        end = first_page + page_count
        for first, count in ((start, first_page - start), (end, start + found - end)):
            if count:
                self._insert(first, count)
        self.page_count -= page_count

    def largest(self) -> list[tuple[int, int]]:
        """All free runs as (first page, page count), the largest first."""
        return [(first_page, count) for count, first_page in reversed(self._by_size)]

    def runs(self) -> list[tuple[int, int]]:
        """All free runs as (first page, page count), in the order of pages."""
        return sorted(self._count_of.items())

    def run_at(self, first_page: int) -> int:
        """The length of the free run that begins there, 0 where none does."""
        return self._count_of.get(first_page, 0)

    def tail_count(self, end_page: int) -> int:
        """The length of the free run that ends just before end_page."""
        first_page = self._first_by_end.get(end_page)
        return 0 if first_page is None else end_page - first_page

    def _insert(self, first_page: int, page_count: int) -> None:
        self._count_of[first_page] = page_count
        self._first_by_end[first_page + page_count] = first_page
        insort(self._by_size, (page_count, first_page))

    def _remove(self, first_page: int) -> int:
        page_count = self._count_of.pop(first_page)
        del self._first_by_end[first_page + page_count]
        del self._by_size[bisect_left(self._by_size, (page_count, first_page))]
        return page_count


def true_runs(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The runs of true values as (first, count)."""
    framed = np.zeros(len(mask) + 2, dtype=np.bool_)
    framed[1:-1] = mask
    edges = (framed[1:] != framed[:-1]).nonzero()[0].tolist()
    return [(start, end - start) for start, end in zip(edges[::2], edges[1::2], strict=True)]
