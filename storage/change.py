"""Change: an atomic set of stores into pages, and what becomes of it after a crash.

Rule 1: a change is built, then its one WAL record is appended, then it is stored. Until commit()
        nothing has happened: its own writes cannot be read back, and an error leaves no trace.
Rule 2: storing *is* redoing: commit() and recovery run the same operations over the same bytes.
Rule 3: the first time a page changes after the redo point its image goes into the record ahead of
        the delta; pages that are fresh since then need none. So redo never depends on what a torn
        page on disk looks like, and needs no LSN on the page.
Rule 4: a move is logged as a move only when redo is sure to find the source as it was: the source
        has an image since the redo point, or is given up in the same change (nobody writes to it
        or reuses it until a later checkpoint is durable). Otherwise its bytes are logged.
Rule 5: changes never interleave. One is open at a time, under the engine's latch.
Rule 6: what is stored into unlogged pages is in no record: after a crash nobody looks at them.

Operations are words of 8 bytes: (operation << 56 | address), argument, operands padded to 8 bytes.
"""

import struct
from collections.abc import Callable, Sequence
from enum import IntEnum
from types import TracebackType

import numpy as np
import numpy.typing as npt

from storage.errors import Corruption
from storage.files import Buffer, Bytes
from storage.logbuffer import LogBuffer

CHANGE_KIND = 1
ADDRESS_MASK = (1 << 56) - 1
PAIR = struct.Struct("<QQ")
WORD = struct.Struct("<Q")

DIRTY = 1
"""State: what is in memory is not on disk yet."""
VERIFIED = 2
"""State: the checksum was right when the page was first touched, or we wrote the page ourselves."""
WRITTEN = 4
"""State: the page may hold something else than zeros."""
POPULATED = 8
"""State: the page has private memory, so that storing into it cannot fault."""
UNLOGGED = 16
"""State: the page belongs to an unlogged relation, and nothing of it is in the log."""


class Operation(IntEnum):
    """What a change is made of; the numbers are on disk."""

    IMAGE = 1
    WRITE = 2
    WRITE_U64 = 3
    FILL = 4
    COPY = 5
    FRESH = 6
    SET_BITS = 7
    CLEAR_BITS = 8


class PageTable:
    """The store in memory and what is known of each of its pages."""

    def __init__(self, store: Bytes, page_bytes: int, *, full_page_images: bool = True) -> None:
        page_count_max = len(store) // page_bytes
        self.store = store
        self.page_bytes = page_bytes
        self.lsns: npt.NDArray[np.uint64] = np.zeros(page_count_max, dtype=np.uint64)
        self.image_lsns: npt.NDArray[np.uint64] = np.zeros(page_count_max, dtype=np.uint64)
        self.states: npt.NDArray[np.uint8] = np.zeros(page_count_max, dtype=np.uint8)
        self.dirty: list[int] = []
        self.cleared: list[tuple[int, int]] = []
        """What redo has cleared of bitmaps, as (address, argument) of the operations."""
        self.redo_lsn = 0
        self.full_page_images = full_page_images
        self.page_count = 0
        self.verify: Callable[[int, int], None] | None = None
        self.populate: Callable[[int, int], None] | None = None
        self.is_mapped = False
        self.dirty_count_max = 1 << 62
        self.relieve: Callable[[], None] | None = None

    def check(self, first_page: int, page_count: int) -> None:
        """Verifies the pages of a run that were not touched yet; raises Corruption."""
        states = self.states[first_page : first_page + page_count]
        if not (states & VERIFIED).all():
            assert self.verify is not None
            self.verify(first_page, page_count)

    def mark(self, first_page: int, last_page: int, lsn: int) -> None:
        """Notes that pages were stored into by the record that ends at lsn.

        Unlogged ones behind it: there may be many changes between two records, and write-back has to see each.
        """
        states = self.states
        for page_no in range(first_page, last_page + 1):
            state = states[page_no]
            is_unlogged = state & UNLOGGED
            self.lsns[page_no] = max(int(self.lsns[page_no]) + 1, lsn) if is_unlogged else lsn
            if not state & DIRTY:
                states[page_no] = state | DIRTY | WRITTEN
                self.dirty.append(page_no)

    def take_dirty(self) -> list[int]:
        """The pages that became dirty since the last call."""
        taken, self.dirty = self.dirty, []
        return taken


class Change:
    """One atomic change; the pager hands out the same object again and again."""

    def __init__(self, table: PageTable, log: LogBuffer) -> None:
        self.table = table
        self.log = log
        self.xid = 0
        self.reserved = False
        self.is_open = False
        self._payload = bytearray()
        self._unlogged = bytearray()
        self._imaged: list[tuple[int, int]] = []
        self._on_commit: list[Callable[[int], None]] = []
        self._on_abandon: list[Callable[[], None]] = []

    def begin(self, xid: int, reserved: bool = False) -> None:
        """Opens the change; reserved ones may use the room kept for aborts on a full disk."""
        assert not self.is_open, "changes never interleave"
        table = self.table
        if len(table.dirty) > table.dirty_count_max and table.relieve is not None:
            table.relieve()
        self.xid = xid
        self.reserved = reserved
        self.is_open = True

    def __enter__(self) -> "Change":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.is_open:
            self.abandon()

    def write(self, address: int, data: Buffer | npt.NDArray[np.generic]) -> None:
        """Stores bytes at an address; they may span pages."""
        content = data.tobytes() if isinstance(data, np.ndarray) else bytes(data)
        if content:
            self._touch(address, len(content))
            self._operate(Operation.WRITE, address, len(content), content)

    def write_u64(self, address: int, value: int) -> None:
        """Stores an unsigned word, within one page."""
        self._touch(address, 8)
        self._operate(Operation.WRITE_U64, address, value)

    def fill(self, address: int, byte: int, byte_count: int) -> None:
        """Stores the same byte many times."""
        assert 0 <= byte <= 255
        if byte_count:
            self._touch(address, byte_count)
            self._operate(Operation.FILL, address, byte << 56 | byte_count)

    def copy(
        self, source: int, target: int, byte_count: int, source_released: bool = False
    ) -> None:
        """Copies bytes within the store, as they are when the change commits.

        With source_released=True the caller promises to release the source's whole run in this same
        change and never to write to it again; then nothing but the move is logged.
        """
        assert source + byte_count <= target or target + byte_count <= source, "ranges overlap"
        if byte_count == 0:
            return
        self._touch(target, byte_count)
        page_bytes = self.table.page_bytes
        first, last = source // page_bytes, (source + byte_count - 1) // page_bytes
        self.table.check(first, last + 1 - first)
        is_unlogged = self._is_unlogged(target)
        assert is_unlogged or not self._is_unlogged(source), "the log would copy what it has not"
        if is_unlogged or source_released or not self.table.full_page_images:
            self._operate(Operation.COPY, target, byte_count, WORD.pack(source))
            return
        for start, end, is_imaged in self._pieces(source, byte_count):
            place = target + start - source
            if is_imaged:
                self._operate(Operation.COPY, place, end - start, WORD.pack(start))
            else:
                content = self.table.store[start:end].tobytes()
                self._operate(Operation.WRITE, place, end - start, content)

    def fresh(self, first_page: int, page_count: int) -> None:
        """Makes pages all zeros; nothing of what they held is logged or looked at, also where they are copied from."""
        self.table.image_lsns[first_page : first_page + page_count] = self.log.end_lsn
        self.table.states[first_page : first_page + page_count] |= VERIFIED
        self._imaged.append((first_page, page_count))
        page_bytes = self.table.page_bytes
        self._operate(Operation.FRESH, first_page * page_bytes, page_count * page_bytes)

    def bits(self, address: int, first_bit: int, bit_count: int, *, value: bool) -> None:
        """Sets or clears bits of a bitmap that starts at address and lies within one page."""
        operation = Operation.SET_BITS if value else Operation.CLEAR_BITS
        self._touch(address, (first_bit + bit_count + 7) // 8)
        self._operate(operation, address, first_bit << 32 | bit_count)

    def on_end(self, commit: Callable[[int], None], abandon: Callable[[], None]) -> None:
        """Registers what to do after commit() (with the LSN), and what after abandon()."""
        self._on_commit.append(commit)
        self._on_abandon.append(abandon)

    def commit(self) -> int:
        """Appends the record, stores everything and returns the LSN after the record."""
        assert self.is_open
        end_lsn = self.log.end_lsn
        if self._payload:
            payload = bytes(self._payload)
            try:
                end_lsn = self.log.append(CHANGE_KIND, self.xid, payload, self.reserved)
            except BaseException:
                self.abandon()
                raise
            self._store(payload, end_lsn)
        if self._unlogged:
            self._store(bytes(self._unlogged), end_lsn)
        callbacks = self._on_commit
        self._close()
        for callback in callbacks:
            callback(end_lsn)
        return end_lsn

    def abandon(self) -> None:
        """Forgets the change; nothing was stored."""
        assert self.is_open
        for first_page, page_count in self._imaged:
            # An image too many is only bytes: the next change of the page logs it (again).
            self.table.image_lsns[first_page : first_page + page_count] = 0
        callbacks = self._on_abandon
        self._close()
        for callback in callbacks:
            callback()

    def _store(self, payload: bytes, lsn: int) -> None:
        for operation in _operations(payload):
            if operation[0] != Operation.IMAGE:
                _STORE[operation[0]](self.table, payload, *operation[1:], lsn)

    def _close(self) -> None:
        self._payload.clear()
        self._unlogged.clear()
        self._imaged.clear()
        self._on_commit, self._on_abandon = [], []
        self.is_open = False

    def _operate(
        self, operation: Operation, address: int, argument: int, operands: bytes = b""
    ) -> None:
        payload = self._unlogged if self._is_unlogged(address) else self._payload
        payload += PAIR.pack(operation << 56 | address, argument)
        payload += operands
        payload += bytes(-len(operands) % 8)

    def _is_unlogged(self, address: int) -> bool:
        return bool(self.table.states[address // self.table.page_bytes] & UNLOGGED)

    def _touch(self, address: int, byte_count: int) -> None:
        """Readies the pages about to change: logs images due, faults in what is not dirty yet."""
        assert self.is_open
        table = self.table
        first, last = address // table.page_bytes, (address + byte_count - 1) // table.page_bytes
        assert 0 <= first <= last < table.page_count, "outside of the store"
        states = table.states[first : last + 1]
        if table.populate is not None and not (states & (DIRTY | POPULATED)).all():
            table.populate(first, last + 1 - first)
            states |= POPULATED
        for page_no in range(first, last + 1):
            if table.image_lsns[page_no] < table.redo_lsn or not table.image_lsns[page_no]:
                self._log_image(page_no)

    def _log_image(self, page_no: int) -> None:
        table = self.table
        table.check(page_no, 1)
        start = page_no * table.page_bytes
        if table.full_page_images and not table.states[page_no] & UNLOGGED:
            content = table.store[start : start + table.page_bytes].tobytes().rstrip(b"\0")
            self._operate(Operation.IMAGE, start, len(content), content)
        table.image_lsns[page_no] = self.log.end_lsn
        self._imaged.append((page_no, 1))

    def _pieces(self, source: int, byte_count: int) -> list[tuple[int, int, bool]]:
        """The range cut where pages with an image since the redo point meet those without."""
        table, end = self.table, source + byte_count
        pieces: list[tuple[int, int, bool]] = []
        start = source
        while start < end:
            page_no = start // table.page_bytes
            stop = min(end, (page_no + 1) * table.page_bytes)
            is_imaged = bool(table.image_lsns[page_no] >= max(table.redo_lsn, 1))
            if pieces and pieces[-1][2] == is_imaged:
                start = pieces.pop()[0]
            pieces.append((start, stop, is_imaged))
            start = stop
        return pieces


def redo(table: PageTable, payload: bytes, start_lsn: int, end_lsn: int) -> None:
    """Stores a record's change again during recovery."""
    limit = table.page_count * table.page_bytes
    for code, address, argument, operands in _operations(payload):
        span = _SPAN[code](argument, table.page_bytes)
        if address + span > limit:
            raise Corruption("wal", None, f"record at {start_lsn:#x} changes unknown pages")
        first, last = address // table.page_bytes, (address + span - 1) // table.page_bytes
        if code in (Operation.IMAGE, Operation.FRESH):
            table.image_lsns[first : last + 1] = start_lsn
            _note_written(table, first, last)
        else:
            table.check(first, last + 1 - first)
            if code == Operation.CLEAR_BITS:
                table.cleared.append((address, argument))
        _STORE[code](table, payload, address, argument, operands, end_lsn)


def _note_written(table: PageTable, first: int, last: int) -> None:
    """Marks pages that hold something although their checksum never reached the disk."""
    page_bytes = table.page_bytes
    for page_no in range(first, last + 1):
        if not table.states[page_no] & WRITTEN:
            start = page_no * page_bytes
            if table.store[start : start + page_bytes].any():
                table.states[page_no] |= WRITTEN


def describe(payload: bytes) -> list[str]:
    """One line for each operation of a change."""
    return [
        f"{Operation(code).name.lower()} {address:#x} {argument:#x}"
        for code, address, argument, _ in _operations(payload)
    ]


def _operations(payload: bytes) -> Sequence[tuple[int, int, int, int]]:
    """(operation, address, argument, where its operands start) of each operation."""
    found = []
    position = 0
    while position < len(payload):
        head, argument = PAIR.unpack_from(payload, position)
        position += PAIR.size
        code = head >> 56
        found.append((code, head & ADDRESS_MASK, argument, position))
        if code in (Operation.IMAGE, Operation.WRITE):
            position += (argument + 7) & -8
        elif code == Operation.COPY:
            position += 8
    return found


def _store_image(
    table: PageTable, payload: bytes, address: int, argument: int, operands: int, lsn: int
) -> None:
    table.store[address + argument : address + table.page_bytes] = 0
    page_no = address // table.page_bytes
    table.states[page_no] |= VERIFIED
    _store_write(table, payload, address, argument, operands, lsn)
    table.mark(page_no, page_no, lsn)


def _store_write(
    table: PageTable, payload: bytes, address: int, argument: int, operands: int, lsn: int
) -> None:
    end = address + argument
    table.store[address:end] = np.frombuffer(payload, np.uint8, argument, operands)
    if argument:
        table.mark(address // table.page_bytes, (end - 1) // table.page_bytes, lsn)


def _store_u64(
    table: PageTable, _payload: bytes, address: int, argument: int, _operands: int, lsn: int
) -> None:
    table.store[address : address + 8] = np.frombuffer(WORD.pack(argument), np.uint8)
    table.mark(address // table.page_bytes, (address + 7) // table.page_bytes, lsn)


def _store_fill(
    table: PageTable, _payload: bytes, address: int, argument: int, _operands: int, lsn: int
) -> None:
    end = address + (argument & ADDRESS_MASK)
    table.store[address:end] = argument >> 56
    table.mark(address // table.page_bytes, (end - 1) // table.page_bytes, lsn)


def _store_copy(
    table: PageTable, payload: bytes, address: int, argument: int, operands: int, lsn: int
) -> None:
    (source,) = WORD.unpack_from(payload, operands)
    first, last = source // table.page_bytes, (source + argument - 1) // table.page_bytes
    table.check(first, last + 1 - first)
    table.store[address : address + argument] = table.store[source : source + argument]
    table.mark(address // table.page_bytes, (address + argument - 1) // table.page_bytes, lsn)


def _store_fresh(
    table: PageTable, _payload: bytes, address: int, argument: int, _operands: int, lsn: int
) -> None:
    """Zeroes pages, but leaves alone those that were never anything else, on disk or in memory."""
    first, end = address // table.page_bytes, (address + argument) // table.page_bytes
    states = table.states[first:end]
    states |= VERIFIED
    for page_no in np.flatnonzero(states & WRITTEN) + first:
        start = int(page_no) * table.page_bytes
        table.store[start : start + table.page_bytes] = 0
        table.mark(int(page_no), int(page_no), lsn)


def _store_bits(value: bool) -> Callable[[PageTable, bytes, int, int, int, int], None]:
    def store(
        table: PageTable, _payload: bytes, address: int, argument: int, _operands: int, lsn: int
    ) -> None:
        first, count = argument >> 32, argument & 0xFFFFFFFF
        start, end = address + first // 8, address + (first + count + 7) // 8
        bits = np.unpackbits(table.store[start:end], bitorder="little")
        bits[first % 8 : first % 8 + count] = value
        table.store[start:end] = np.packbits(bits, bitorder="little")
        table.mark(start // table.page_bytes, (end - 1) // table.page_bytes, lsn)

    return store


def _span_bits(argument: int, _page_bytes: int) -> int:
    return ((argument >> 32) + (argument & 0xFFFFFFFF) + 7) // 8


_STORE: dict[int, Callable[[PageTable, bytes, int, int, int, int], None]] = {
    Operation.IMAGE: _store_image,
    Operation.WRITE: _store_write,
    Operation.WRITE_U64: _store_u64,
    Operation.FILL: _store_fill,
    Operation.COPY: _store_copy,
    Operation.FRESH: _store_fresh,
    Operation.SET_BITS: _store_bits(True),
    Operation.CLEAR_BITS: _store_bits(False),
}

_SPAN: dict[int, Callable[[int, int], int]] = {
    Operation.IMAGE: lambda _argument, page_bytes: page_bytes,
    Operation.WRITE: lambda argument, _: argument,
    Operation.WRITE_U64: lambda _argument, _page_bytes: 8,
    Operation.FILL: lambda argument, _: argument & ADDRESS_MASK,
    Operation.COPY: lambda argument, _: argument,
    Operation.FRESH: lambda argument, _: argument,
    Operation.SET_BITS: _span_bits,
    Operation.CLEAR_BITS: _span_bits,
}
assert _STORE.keys() == _SPAN.keys() == set(Operation)
