"""Hollows: free pages whose room on the disk was given back.

Rule 1: room is given back and taken in whole units, which begin at multiples of their size: so after a restart it is
        known which free pages may have none, without a word about it on the disk.
Rule 2: what is hollow is refilled, durably, before a page of it is handed out: nothing that was accepted finds no
        room when it is written back. What is hollow on disk and was not so long ago in memory does not matter: pages
        that are handed out begin as zeros.
Rule 3: given back is only what is free, clean, and more than is worth keeping.
"""

from storage.extents import FreeSpace
from storage.options import Options
from storage.segments import PageSegments

KEPT_SHARE = 16
"""Of the pages in use, so many are kept free with their room: one in so many."""

Run = tuple[int, int]


class Hollows:
    """The hollow units, as a free space of units."""

    def __init__(self, segments: PageSegments, options: Options) -> None:
        self._segments = segments
        self._kept_pages = options.free_bytes_kept // options.page_bytes
        self._unit = options.growth_bytes_min // options.page_bytes
        self._units = FreeSpace()
        self._is_possible = True

    @property
    def page_count(self) -> int:
        """How many pages are hollow."""
        return self._units.page_count * self._unit

    def adopt(self, free: FreeSpace) -> None:
        """Takes what may be hollow out of all that is free, after a restart."""
        self._units = FreeSpace()
        for run in free.runs():
            first, count = self._whole_units(run)
            if count:
                free.cut(first, count)
                self.add(first, count)

    def surplus(self, free: FreeSpace, used_count: int) -> list[Run]:
        """Which runs of whole units are free beyond what is worth keeping, the largest first."""
        kept = max(self._kept_pages, used_count // KEPT_SHARE)
        left = free.page_count - kept
        found: list[Run] = []
        if not self._is_possible or left < kept:
            return found
        for run in free.largest():
            first, count = self._whole_units(run)
            count = min(count, left // self._unit * self._unit)
            if run[1] < self._unit or left < self._unit:
                break
            if count:
                found.append((first, count))
                left -= count
        return found

    def give_back(self, first_page: int, page_count: int) -> bool:
        """Gives the room of a run of units back to the disk; false where that cannot be."""
        self._is_possible = self._is_possible and self._segments.give_back(first_page, page_count)
        return self._is_possible

    def add(self, first_page: int, page_count: int) -> None:
        """A run of units is hollow."""
        assert first_page % self._unit == page_count % self._unit == 0
        self._units.add(first_page // self._unit, page_count // self._unit)

    def refill(self, page_count: int, step: int) -> Run | None:
        """A run with room for so many pages, better for `step`; None: no run is as long. May raise DiskFull."""
        for wanted in (max(step, page_count), page_count):
            units = -(-wanted // self._unit)
            unit = self._units.take(units)
            if unit is not None:
                run = unit * self._unit, units * self._unit
                try:
                    self._segments.refill(*run)
                except BaseException:
                    self._units.add(unit, units)
                    raise
                return run
        return None

    def _whole_units(self, run: Run) -> Run:
        """The part of a run that is whole units."""
        first = -(-run[0] // self._unit) * self._unit
        return first, max(0, (run[0] + run[1]) // self._unit * self._unit - first)
