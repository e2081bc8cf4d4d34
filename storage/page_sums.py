"""PageSums: the checksums of all pages, which lie beside them; a page is compared with its own when first touched.

Rule 1: a page of zeros without a checksum has never been written.
"""

import errno

import numpy as np
import numpy.typing as npt

from storage.change import VERIFIED, WRITTEN
from storage.errors import Corruption
from storage.extents import true_runs
from storage.native import PageTable, page_checksums
from storage.options import Options
from storage.segments import PageSegments


class PageSums:
    """The checksums of a store's pages; compares for the page table."""

    def __init__(
        self, table: PageTable, segments: PageSegments, options: Options, store_id: int
    ) -> None:
        self._table = table
        self._segments = segments
        self._reservation = segments.reservation
        self._store_id = store_id
        self._page_bytes = options.page_bytes
        self._is_asked = options.verify_checksums
        self._sums: npt.NDArray[np.uint32] = np.zeros(
            options.store_bytes_max // options.page_bytes, dtype=np.uint32
        )
        table.verify = self._verify
        table.populate = self._populate

    def adopt(self, page_count: int) -> None:
        """Read the checksums of a store that is opened."""
        sums = self._segments.read_sums()
        self._sums[:page_count] = sums
        self._table.states[:page_count][sums != 0] = WRITTEN

    def stamp(self, first_page: int, content: bytes) -> bytes:
        """Stamps the checksums of what is about to be written; their bytes for the file."""
        sums = page_checksums(self._store_id, first_page, content, self._page_bytes)
        stamped = np.array(sums, dtype="<u4")
        self._sums[first_page : first_page + len(sums)] = stamped
        return stamped.tobytes()

    def _populate(self, first_page: int, page_count: int) -> None:
        try:
            self._reservation.populate(
                first_page * self._page_bytes, page_count * self._page_bytes, write=True
            )
        except OSError as error:
            raise self._unreadable(first_page, error) from error

    def _unreadable(self, first_page: int, error: OSError) -> Exception:
        """What a fault that the kernel reported is called."""
        if error.errno == errno.ENOMEM:
            return MemoryError("no memory for pages")
        name = self._segments.file_name(first_page)
        return Corruption(name, first_page, f"cannot read ({error.strerror})")

    def _verify(self, first_page: int, page_count: int) -> None:
        """Compares the pages not verified yet with their checksums."""
        states = self._table.states
        unknown = states[first_page : first_page + page_count] & VERIFIED == 0
        for first, count in true_runs(unknown):
            self.verify_run(first_page + first, count)
        states[first_page : first_page + page_count] |= VERIFIED

    def verify_run(self, first_page: int, page_count: int) -> None:
        """Compare pages with their checksums, whatever is known of them."""
        if not self._is_asked:
            return
        start = first_page * self._page_bytes
        length = page_count * self._page_bytes
        try:
            self._reservation.populate(start, length, write=False)
        except OSError as error:
            raise self._unreadable(first_page, error) from error
        content = self._reservation.bytes[start : start + length]
        found = page_checksums(self._store_id, first_page, content, self._page_bytes)
        for index, checksum in enumerate(found):
            page_no = first_page + index
            stored = int(self._sums[page_no])
            if stored == checksum:
                continue
            begin = index * self._page_bytes
            if stored == 0 and not content[begin : begin + self._page_bytes].any():
                continue
            raise Corruption(self._segments.file_name(page_no), page_no, "wrong checksum")
