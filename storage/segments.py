"""The files of the store: pages in segments, and each segment's checksums beside it.

Rule 1: page n lives in segment n // pages-per-segment; runs cross segment borders.
Rule 2: a segment grows by posix_fallocate, is synced, and only then mapped and used; it never
        shrinks. So all but the last one are as large as segments get, and none is missing.
        What is free may be given back to the disk: those pages are zeros, and have to be refilled before they are used.
Rule 3: pages and checksums are written apart. A crash between the two harms only pages that changed
        since the redo point, and those recovery restores from their images.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt

from storage.errors import Corruption, DiskFull
from storage.failure import FailStop
from storage.files import CANNOT, NO_ROOM, File, Files, Reservation
from storage.options import Options

PAGES_DIRECTORY = "pages"
SUMS_DIRECTORY = "sums"
SUM_BYTES = 4
_NAME_DIGITS = 8


def segment_count(files: Files, options: Options) -> int:
    """How many segments there are; Corruption where one is missing or shorter than it must have been."""
    names = [name for name in files.list(PAGES_DIRECTORY) if len(name) == _NAME_DIGITS]
    for number, name in enumerate(names):
        wanted = _segment_name(PAGES_DIRECTORY, number)
        if f"{PAGES_DIRECTORY}/{name}" != wanted:
            raise Corruption(wanted, None, "missing segment")
        file = files.open(wanted)
        byte_count = file.size()
        file.close()
        if byte_count < options.page_segment_bytes and number < len(names) - 1:
            raise Corruption(wanted, byte_count // options.page_bytes, "missing page")
    return len(names)


class PageSegments:
    """The mapped segments; page_count says how far they reach."""

    def __init__(
        self, files: Files, options: Options, reservation: Reservation, failure: FailStop
    ) -> None:
        self.page_count = 0
        self._files = files
        self._options = options
        self.reservation = reservation
        self._failure = failure
        self._segment_pages = options.page_segment_bytes // options.page_bytes
        self._pages: list[File] = []
        self._sums: list[File] = []

    def open(self) -> None:
        """Opens and maps what is there."""
        for number in range(segment_count(self._files, self._options)):
            pages = self._files.open(_segment_name(PAGES_DIRECTORY, number))
            sums_name = _segment_name(SUMS_DIRECTORY, number)
            sums = self._files.open(sums_name, create=not self._files.exists(sums_name))
            self._pages.append(pages)
            self._sums.append(sums)
            count = pages.size() // self._options.page_bytes
            sums.allocate(count * SUM_BYTES)
            self._map(count, self.reservation.map)

    def read_sums(self) -> npt.NDArray[np.uint32]:
        """The checksums of all pages."""
        parts = [
            np.frombuffer(
                file.pread(0, self._count_in(number) * SUM_BYTES).ljust(
                    self._count_in(number) * SUM_BYTES, b"\0"
                ),
                dtype="<u4",
            )
            for number, file in enumerate(self._sums)
        ]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint32)

    def grow(self, page_count: int) -> None:
        """Grows the store to at least page_count pages, durably; DiskFull when it cannot."""
        if page_count * self._options.page_bytes > self._options.store_bytes_max:
            raise DiskFull("the store has reached its largest size")
        self._failure.check()
        try:
            while self.page_count < page_count:
                self._grow_last(page_count)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise self._failure.fail(error) from error
            raise DiskFull("no room for more pages") from error

    def give_back(self, first_page: int, page_count: int) -> bool:
        """Gives the blocks behind pages back, which are zeros then; whether the file system can."""
        self._failure.check()
        try:
            for file, offset, byte_count in self._parts(first_page, page_count):
                file.give_back(offset, byte_count)
        except OSError as error:
            if error.errno not in CANNOT:
                raise self._failure.fail(error) from error
            return False
        return True

    def refill(self, first_page: int, page_count: int) -> None:
        """Has blocks behind pages again, durably; DiskFull when there are none."""
        self._failure.check()
        parts = list(self._parts(first_page, page_count))
        try:
            for file, offset, byte_count in parts:
                file.refill(offset, byte_count)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise self._failure.fail(error) from error
            raise DiskFull("no room for more pages") from error
        for file, _, _ in parts:
            self._sync(file.datasync)

    def write(self, first_page: int, content: bytes, sums: bytes) -> set[File]:
        """Writes a run of pages and its checksums; durable once the returned files are synced."""
        touched: set[File] = set()
        page_bytes = self._options.page_bytes
        data, checks = memoryview(content), memoryview(sums)
        while data:
            number, index = divmod(first_page, self._segment_pages)
            count = min(len(data) // page_bytes, self._segment_pages - index)
            self._pages[number].pwrite(index * page_bytes, data[: count * page_bytes])
            self._sums[number].pwrite(index * SUM_BYTES, checks[: count * SUM_BYTES])
            touched |= {self._pages[number], self._sums[number]}
            first_page += count
            data, checks = data[count * page_bytes :], checks[count * SUM_BYTES :]
        return touched

    def all_files(self) -> set[File]:
        """Every file; what a killed server has written may not be durable in any of them."""
        return {*self._pages, *self._sums}

    def file_name(self, page_no: int) -> str:
        """The file a page lives in."""
        return _segment_name(PAGES_DIRECTORY, page_no // self._segment_pages)

    def close(self) -> None:
        """Closes the files; the map stays."""
        for file in (*self._pages, *self._sums):
            file.close()
        self._pages.clear()
        self._sums.clear()

    def _parts(self, first_page: int, page_count: int) -> Iterator[tuple[File, int, int]]:
        """The parts of files that hold a run, as (file, offset, bytes)."""
        page_bytes, end = self._options.page_bytes, first_page + page_count
        while first_page < end:
            number, index = divmod(first_page, self._segment_pages)
            count = min(end - first_page, self._segment_pages - index)
            yield self._pages[number], index * page_bytes, count * page_bytes
            first_page += count

    def _count_in(self, number: int) -> int:
        """How many pages of a segment are mapped."""
        return min(self._segment_pages, self.page_count - number * self._segment_pages)

    def _grow_last(self, page_count: int) -> None:
        """Adds a segment when the last one is full, then grows the last one."""
        if self.page_count == len(self._pages) * self._segment_pages:
            self._add_segment()
        base = (len(self._pages) - 1) * self._segment_pages
        count = min(page_count - base, self._segment_pages)
        page_bytes = self._options.page_bytes
        # Checksums first: then a page that exists always has a place for its checksum.
        for file, unit_bytes in ((self._sums[-1], SUM_BYTES), (self._pages[-1], page_bytes)):
            file.allocate(count * unit_bytes)
            self._sync(file.datasync)
        self._map(count, self.reservation.map_zeros)

    def _add_segment(self) -> None:
        number = len(self._pages)
        opened = []
        for directory in (SUMS_DIRECTORY, PAGES_DIRECTORY):
            name = _segment_name(directory, number)
            opened.append(self._files.open(name, create=not self._files.exists(name)))
            self._sync(partial(self._files.sync_directory, directory))
        self._sums.append(opened[0])
        self._pages.append(opened[1])

    def _sync(self, sync: Callable[[], None]) -> None:
        """Also a sync that finds no room has lost what was written to the file before, and the next would not tell."""
        try:
            sync()
        except OSError as error:
            raise self._failure.fail(error) from error

    def _map(self, count: int, map_part: Callable[..., None]) -> None:
        """Maps what the last segment has beyond what is mapped, up to count pages of it."""
        page_bytes = self._options.page_bytes
        base = (len(self._pages) - 1) * self._segment_pages
        mapped = self.page_count - base
        if count > mapped:
            map_part(
                self._pages[-1],
                offset=mapped * page_bytes,
                target=self.page_count * page_bytes,
                byte_count=(count - mapped) * page_bytes,
            )
            self.page_count = base + count


def _segment_name(directory: str, number: int) -> str:
    return f"{directory}/{number:0{_NAME_DIGITS}x}"
