"""Pager: one linear space of pages over all segments, from which runs are handed out.

Rule 1: pages are changed only through a Change; `store` and views are for reading.
Rule 2: a page is verified against its checksum when it is first touched; Corruption names it, and
        all other pages go on.
Rule 3: a released run is reused only when a checkpoint whose redo point lies past the release is
        durable (redo may still read the run) and no reader is left who could look at it. What redo
        has released waits as well: a crash before that checkpoint has it redone.
Rule 4: space is reserved on disk before a page is handed out; DiskFull changes nothing. What is free beyond need is
        given back to the disk, see hollows.

The space map: page 0 names the bitmap page of every region, a region being as many pages as a
page has bits; a set bit is a page in use. Page 2 belongs to the upper half, as the root of all it
stores.

    page 0: | magic | page bytes | region count | unlogged | ... 64: bitmap page of region 0 | of 1 | ...
"""

import struct
from collections import deque
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from storage.change import DIRTY, WRITTEN
from storage.decoded import DecodedColumns
from storage.errors import Corruption, DiskFull
from storage.extents import FreeSpace, true_runs
from storage.fast_latch import Latch
from storage.files import Bytes, RealReservation
from storage.hollows import Hollows
from storage.native import Ahead, Change, PageTable
from storage.options import Options
from storage.page_sums import PageSums
from storage.segments import PageSegments
from storage.unlogged_pages import UnloggedPages
from storage.wal import Wal

if TYPE_CHECKING:
    from collections.abc import Callable

SPACE_PAGE = 0
FIRST_BITMAP_PAGE = 1
ROOT_PAGE = 2
SPACE_MAGIC = b"RDBSPACE"
BULK_BYTES = 512 * 1024
"""Who takes so long a run adds many rows."""
AHEAD_BYTES = 16 * 1024 * 1024
"""How much is faulted in before it is asked for, about twice what is stored in the time that takes."""
_SPACE_HEADER = struct.Struct("<8sII")
_ENTRIES_OFFSET = 64
_ENTRY = struct.Struct("<I")


class Pager:
    """The store and its pages."""

    def __init__(
        self,
        segments: PageSegments,
        wal: Wal,
        options: Options,
        *,
        store_id: int,
        latch: Latch,
    ) -> None:
        reservation = segments.reservation
        self.table = PageTable(
            reservation.bytes,
            options.page_bytes,
            full_page_images=options.protocol.full_page_images,
        )
        self.store: Bytes = reservation.bytes
        self.segments = segments
        self.reservation = reservation
        self.wal = wal
        self.latch = latch
        self.failure = wal.failure
        self.store_id = store_id
        self.page_bytes = options.page_bytes
        self.checkpointed_lsn = 0
        self.released_page_count = 0  # since a checkpoint was begun
        self.reader_horizon: Callable[[], int] = lambda: 1 << 63
        self.dirty_page_count_max = max(8, options.dirty_bytes_max // options.page_bytes)
        self.unclean_count = 0
        self.decoded = DecodedColumns(options.decoded_bytes_max)
        self.sealed_rows_min = options.sealed_rows_min
        self._options = options
        self._region_pages = options.page_bytes * 8
        self._bulk_pages = BULK_BYTES // options.page_bytes
        self.sums = PageSums(self.table, segments, options, store_id)
        self._free = FreeSpace()
        self._hollows = Hollows(segments, options)
        self._grown_pages = 0  # since grow_ahead() has found it as it was at its last look
        self._seen_pages = 0
        self._bitmaps: list[int] = []
        self.unlogged = UnloggedPages(self.table, self.allocate, self.view)
        self._released: deque[tuple[int, int, int]] = deque()
        self._waiting_page_count = 0  # of those
        self.change = Change(self.table, wal.buffer)
        self.table.dirty_count_max = 2 * self.dirty_page_count_max
        self.table.is_mapped = type(reservation) is RealReservation
        self._ahead: Ahead | None = None
        self._ahead_end = 0  # what lies before it was asked for
        self._adopt()

    # Reading ---------------------------------------------------------------------------------

    @property
    def page_count(self) -> int:
        """How many pages the store has, free ones included."""
        return self.table.page_count

    @property
    def free_page_count(self) -> int:
        """How many pages could be handed out without growing."""
        return self._free.page_count + self._hollows.page_count

    @property
    def has_released_much(self) -> bool:
        """Whether a checkpoint would free more than is in use."""
        used_count = self.page_count - self.free_page_count - self._waiting_page_count
        kept = self._options.free_bytes_kept // self.page_bytes
        return self.released_page_count > max(kept, used_count)

    @property
    def dirty_page_count(self) -> int:
        """How many pages are in memory only, those being written back included."""
        return len(self.table.dirty) + self.unclean_count

    def view(self, first_page: int, page_count: int) -> Bytes:
        """The bytes of a run, verified; they show later changes and stay readable for ever."""
        assert first_page >= 0
        assert first_page + page_count <= self.table.page_count, "outside of the store"
        self.table.check(first_page, page_count)
        start = first_page * self.page_bytes
        found = self.store[start : start + page_count * self.page_bytes]
        found.flags.writeable = False
        return found

    def scrub(self, first_page: int, page_count: int) -> list[Corruption]:
        """Compares clean pages with their checksums anew; what is wrong with them."""
        found: list[Corruption] = []
        for page_no in range(first_page, min(first_page + page_count, self.page_count)):
            with self.latch:
                if self.table.states[page_no] & DIRTY:
                    continue
                try:
                    self.sums.verify_run(page_no, 1)
                except Corruption as error:
                    found.append(error)
        return found

    # Changing --------------------------------------------------------------------------------

    def begin_change(self, xid: int, reserved: bool = False) -> Change:
        """Opens the one change; commit() or abandon() it, best by `with`. Under the latch."""
        self.change.begin(xid, reserved)
        return self.change

    def allocate(self, change: Change, page_count: int, *, is_logged: bool = True) -> int:
        """The first page of a new run, all zeros, which is in use once the change commits.

        is_logged=False: what is stored there is not logged, and after a crash the run is free.
        """
        first_page = self._take(change, page_count)
        if page_count >= self._bulk_pages and self.table.is_mapped:
            self._fault_in_ahead(first_page + page_count)
        self.unlogged.prepare(first_page, page_count, is_logged=is_logged)
        change.fresh(first_page, page_count)
        self._mark_used(change, first_page, page_count)
        return first_page

    def allocate_like(self, change: Change, page_count: int, page_no: int) -> int:
        """`allocate` for what a page belongs to: logged if that is."""
        is_logged = not self.unlogged.is_unlogged(page_no)
        return self.allocate(change, page_count, is_logged=is_logged)

    def set_aside(self, page_count: int, *, is_logged: bool = True) -> int:
        """The first page of a run that nobody else gets, free again after a crash until it is taken up.

        Who does not take it up puts it back. Under the latch.
        """
        with self.begin_change(0) as change:
            first_page = self._take(change, page_count)
            change.commit()
        self.unlogged.prepare(first_page, page_count, is_logged=is_logged)
        return first_page

    def fill(self, first_page: int, content: memoryview) -> None:
        """Store the first content of pages that are set aside; what it does not fill is zeros. Under the latch."""
        with self.begin_change(0) as change:
            change.fresh(first_page, -(-len(content) // self.page_bytes))
            change.write(first_page * self.page_bytes, content)
            change.commit()

    def take_up(self, change: Change, first_page: int, page_count: int, fresh_count: int) -> None:
        """A run that was set aside is in use once the change commits; its first pages are zeros, the others filled."""
        change.fresh(first_page, fresh_count)
        self._mark_used(change, first_page, page_count)

    def put_back(self, first_page: int, page_count: int) -> None:
        """A run that was set aside is free again. Under the latch."""
        self._free.add(first_page, page_count)

    def _fault_in_ahead(self, end: int) -> None:
        """Have free pages behind a large run faulted in: who takes such a run will soon want more."""
        ahead_pages = AHEAD_BYTES // self.page_bytes
        start = self._ahead_end if end <= self._ahead_end <= end + ahead_pages else end
        stop = end + min(ahead_pages, self._free.run_at(end))
        if 2 * (stop - start) < ahead_pages:
            return
        if self._ahead is None:
            self._ahead = Ahead(self.store)
        self._ahead.ask(start * self.page_bytes, (stop - start) * self.page_bytes)
        self._ahead_end = stop

    def close(self) -> None:
        """Give up what works beside others."""
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None
        self.segments.close()

    def release(self, change: Change, first_page: int, page_count: int) -> None:
        """Gives up a run, or a part of one, when the change commits; not to be written any more."""
        assert page_count > 0
        self._set_bits(change, first_page, page_count, value=False)
        if self.unlogged.is_unlogged(first_page):
            self.unlogged.mark(change, first_page, page_count, value=False)

        change.on_end(
            lambda lsn: self._wait_for_checkpoint(lsn, first_page, page_count), lambda: None
        )

    def _wait_for_checkpoint(self, lsn: int, first_page: int, page_count: int) -> None:
        """A run was released by what lies before lsn."""
        self._released.append((lsn, first_page, page_count))
        self.released_page_count += page_count
        self._waiting_page_count += page_count

    def release_unlogged(self) -> None:
        """Gives up all unlogged pages, after a crash. Under the latch."""
        for first_page, page_count in list(self.unlogged.runs()):
            with self.begin_change(0, reserved=True) as change:
                self.release(change, first_page, page_count)
                change.commit()

    def reclaim(self) -> None:
        """Frees the released runs that nobody can need any more. Under the latch."""
        horizon = self.reader_horizon() if self._released else 0
        limit = min(self.checkpointed_lsn, horizon)
        if not self._options.protocol.release_after_checkpoint:
            limit = horizon
        while self._released and self._released[0][0] <= limit:
            _, first_page, page_count = self._released.popleft()
            self._waiting_page_count -= page_count
            self._free.add(first_page, page_count)

    def grow(self, page_count: int) -> None:
        """Adds at least page_count free pages at the end; DiskFull when there is no room.

        Each growth is synced: the steps of a store that grows and grows are longer and longer.
        """
        old = self.table.page_count
        try:
            self.segments.grow(old + max(self._step_pages(), page_count))
        except DiskFull:
            # A smaller step may still fit, and what did fit before the error is ours to use.
            self._adopt()
            if self.table.page_count < old + page_count:
                self.segments.grow(old + page_count)
        self._adopt()
        self._grown_pages += self.table.page_count - old

    def _step_pages(self) -> int:
        """By how much to grow at least."""
        step_bytes = max(self.table.page_count // 8, self._grown_pages) * self.page_bytes
        step_bytes = min(step_bytes, self._options.growth_bytes_max)
        return max(step_bytes, self._options.growth_bytes_min) // self.page_bytes

    def _make_room(self, page_count: int) -> None:
        """Has a run of so many pages free: hollow ones that are refilled, or new ones."""
        run = self._hollows.refill(page_count, self._step_pages())
        if run is None:
            self.grow(max(1, page_count - self._free.tail_count(self.table.page_count)))
            return
        self._free.add(*run)
        self._grown_pages += run[1]

    def give_back(self) -> None:
        """Gives room back to the disk where much is free. Not under the latch."""
        with self.latch:
            used_count = self.page_count - self.free_page_count
            runs = [
                (first, count)
                for first, count in self._hollows.surplus(self._free, used_count)
                if not (self.table.states[first : first + count] & DIRTY).any()
            ]
            for run in runs:
                self._free.cut(*run)
        for run in runs:
            is_hollow = self._hollows.give_back(*run)
            with self.latch:
                (self._hollows if is_hollow else self._free).add(*run)

    def grow_ahead(self) -> None:
        """Makes room when little is free; for a thread in the background."""
        step = self._options.growth_bytes_min // self.page_bytes
        with self.latch:
            if self.table.page_count == self._seen_pages:
                self._grown_pages = 0
            if self.table.page_count and self._free.page_count < step // 2:
                self._make_room(1)
            self._seen_pages = self.table.page_count

    # The space map ---------------------------------------------------------------------------

    def format(self) -> None:
        """Writes the space map of a new store."""
        self.grow(ROOT_PAGE + 1)
        self._bitmaps = [FIRST_BITMAP_PAGE]
        with self.latch, self.begin_change(0) as change:
            change.fresh(SPACE_PAGE, ROOT_PAGE + 1)
            header = _SPACE_HEADER.pack(SPACE_MAGIC, self.page_bytes, 1)
            change.write(0, header)
            change.write(_ENTRIES_OFFSET, _ENTRY.pack(FIRST_BITMAP_PAGE))
            change.bits(self.page_bytes * FIRST_BITMAP_PAGE, 0, ROOT_PAGE + 1, value=True)
            change.commit()

    def load_space(self) -> None:
        """Learns from the space map what is free; what redo has released waits for the next checkpoint."""
        header = self.view(SPACE_PAGE, 1)
        magic, page_bytes, region_count = _SPACE_HEADER.unpack_from(header.data)
        if magic != SPACE_MAGIC or page_bytes != self.page_bytes:
            raise Corruption(self.segments.file_name(0), 0, "no space map")
        entries = header[_ENTRIES_OFFSET : _ENTRIES_OFFSET + 4 * region_count].view("<u4")
        self._bitmaps = [int(page_no) for page_no in entries]
        self._free = FreeSpace()
        self.unlogged.load()
        self._released.clear()
        self.released_page_count = self._waiting_page_count = 0
        released = self._released_by_redo()
        for region, bitmap in enumerate(self._bitmaps):
            base = region * self._region_pages
            bits = np.unpackbits(self.view(bitmap, 1), bitorder="little")
            there = max(0, self.table.page_count - base)
            if bits[there:].any():
                self._miss(base + there + int(np.argmax(bits[there:])))
            self._add_free(base, bits[:there], released.get(bitmap, []))
        base = len(self._bitmaps) * self._region_pages
        if self.table.page_count > base:
            self._free.add(base, self.table.page_count - base)
        self._hollows.adopt(self._free)

    def _miss(self, page_no: int) -> None:
        """A page is in use that its file is too short for."""
        raise Corruption(self.segments.file_name(page_no), page_no, "missing page")

    def used_runs(self) -> list[tuple[int, int]]:
        """The runs in use, as (first page, page count), by the space map; for checks."""
        runs: list[tuple[int, int]] = []
        for region, bitmap in enumerate(self._bitmaps):
            bits = np.unpackbits(self.view(bitmap, 1), bitorder="little")
            runs += [(region * self._region_pages + a, n) for a, n in true_runs(bits == 1)]
        return runs

    def bitmap_pages(self) -> tuple[int, ...]:
        """The pages the space map itself takes; for checks."""
        return (*self._bitmaps, *self.unlogged.pages())

    def _released_by_redo(self) -> dict[int, list[tuple[int, int]]]:
        """By bitmap page, as (first bit, bit count), what redo has cleared; of other bitmaps too."""
        cleared, self.table.cleared = self.table.cleared, []
        found: dict[int, list[tuple[int, int]]] = {}
        if self._options.protocol.redone_releases_wait:
            for address, bits in cleared:
                page, offset = divmod(address, self.page_bytes)
                run = 8 * offset + (bits >> 32), bits & 0xFFFFFFFF
                found.setdefault(page, []).append(run)
        return found

    def _add_free(
        self, base: int, bits: npt.NDArray[np.uint8], released: list[tuple[int, int]]
    ) -> None:
        """Takes the pages of a region that are not in use for free, those that were just released for waiting."""
        is_free, waits = bits == 0, np.zeros(len(bits), np.bool_)
        for first, count in released:
            waits[first : first + count] = True
        for first, count in true_runs(is_free & ~waits):
            self._free.add(base + first, count)
        for first, count in true_runs(is_free & waits):
            self._wait_for_checkpoint(self.wal.end_lsn, base + first, count)
        if self.unlogged.are_any:
            self.table.states[base : base + len(bits)][is_free] |= WRITTEN

    def _take(self, change: Change, page_count: int) -> int:
        """Takes a free run and sees to it that bitmap pages cover it; given back on abandon."""
        first_page = self._free.take(page_count)
        if first_page is None:
            self.reclaim()
            first_page = self._free.take(page_count)
        if first_page is None:
            self._make_room(page_count)
            first_page = self._free.take(page_count)
        assert first_page is not None
        taken = first_page
        change.on_end(lambda _lsn: None, lambda: self._free.add(taken, page_count))
        while first_page + page_count > len(self._bitmaps) * self._region_pages:
            self._add_region(change)
        return first_page

    def _add_region(self, change: Change) -> None:
        """Gives the next region its bitmap page."""
        region = len(self._bitmaps)
        address = _ENTRIES_OFFSET + region * _ENTRY.size
        if address + _ENTRY.size > self.page_bytes:
            raise DiskFull("the store has reached its largest size")
        bitmap = self._free.take(1)
        if bitmap is None:
            self._make_room(1)
            bitmap = self._free.take(1)
        assert bitmap is not None
        taken = bitmap
        self._bitmaps.append(bitmap)

        def abandon() -> None:
            del self._bitmaps[region:]
            self._free.add(taken, 1)

        change.on_end(lambda _lsn: None, abandon)
        self.unlogged.prepare(bitmap, 1, is_logged=True)
        change.fresh(bitmap, 1)
        change.write(0, _SPACE_HEADER.pack(SPACE_MAGIC, self.page_bytes, region + 1))
        change.write(address, _ENTRY.pack(bitmap))
        while bitmap >= len(self._bitmaps) * self._region_pages:
            self._add_region(change)
        self._set_bits(change, bitmap, 1, value=True)

    def _mark_used(self, change: Change, first_page: int, page_count: int) -> None:
        self._set_bits(change, first_page, page_count, value=True)
        if self.unlogged.is_unlogged(first_page):
            self.unlogged.mark(change, first_page, page_count, value=True)

    def _set_bits(self, change: Change, first_page: int, page_count: int, *, value: bool) -> None:
        end = first_page + page_count
        while first_page < end:
            region, bit = divmod(first_page, self._region_pages)
            count = min(end - first_page, self._region_pages - bit)
            address = self._bitmaps[region] * self.page_bytes
            change.bits(address, bit, count, value=value)
            first_page += count

    def _adopt(self) -> None:
        """Takes pages the segments have gained into the table and the free space."""
        old, new = self.table.page_count, self.segments.page_count
        if old == new:
            return
        if old == 0:
            self.sums.adopt(new)
        self.table.page_count = new
        if self._bitmaps or old:
            self._free.add(old, new - old)
        elif new > ROOT_PAGE + 1:
            self._free.add(ROOT_PAGE + 1, new - ROOT_PAGE - 1)
