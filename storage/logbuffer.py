"""The frame of a WAL record and the buffer in which records wait for the flush.

Rule 1: an LSN is a position in one endless stream of bytes; a record starts at a multiple of 8.
Rule 2: append() is atomic towards take(): a record is taken whole or not at all.
Rule 3: a payload that is long is kept as an LZ4 block, behind its own size, where that takes less: what many rows
        at once are logged as shrinks quicker than a disk writes it.
Rule 4: append() asks `crowded` for room before it changes anything, so that a full disk shows here
        and the caller has changed nothing yet either.

    0        4        8     16             24            32    40            44     46      48
    | length | crc32c | lsn | previous lsn | durable lsn | xid | incarnation | kind | flags | payload
                                                                        COMPRESSED: | size u64 | block
"""

import struct
import threading
from typing import TYPE_CHECKING

from storage.checksums import crc32c
from storage.errors import Corruption
from storage.lz4_blocks import compress, expand

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER = struct.Struct("<IIQQQQIHH")
HEADER_BYTES = HEADER.size
ALIGNMENT = 8
RECORD_BYTES_MAX = 1 << 30
COMPRESSED_BYTES_MIN = 1 << 15
"""Shorter payloads are left as they are: those of short transactions, whose commits wait."""
COMPRESSED = 1
"""Flag: the payload is a block."""

_SIZE = struct.Struct("<Q")

assert HEADER_BYTES == 48
assert HEADER_BYTES % ALIGNMENT == 0


def padded(byte_count: int) -> int:
    """The count rounded up to the alignment of records."""
    return (byte_count + ALIGNMENT - 1) & -ALIGNMENT


def pack_payload(payload: bytes) -> tuple[bytes, int]:
    """A payload as it is kept, and its flags."""
    if len(payload) >= COMPRESSED_BYTES_MIN:
        block = compress(payload, len(payload) - len(payload) // 8)
        if block is not None:
            return _SIZE.pack(len(payload)) + block, COMPRESSED
    return payload, 0


def unpack_payload(kept: bytes, flags: int) -> bytes:
    """A payload out of what is kept of it; raises Corruption."""
    if not flags & COMPRESSED:
        return kept
    size = int.from_bytes(kept[: _SIZE.size], "little")
    if size > RECORD_BYTES_MAX:
        raise Corruption("wal", None, f"a compressed record claims to be of {size} bytes")
    return expand(kept[_SIZE.size :], size)


class LogBuffer:
    """Records appended and not yet taken for writing."""

    def __init__(self, *, end_lsn: int, previous_lsn: int, incarnation: int) -> None:
        assert end_lsn % ALIGNMENT == 0
        self.end_lsn = end_lsn
        self.previous_lsn = previous_lsn
        self.durable_lsn = end_lsn
        self.incarnation = incarnation
        self.limit_lsn = end_lsn
        self.crowded: Callable[[int, bool], None] | None = None
        self._start_lsn = end_lsn
        self._bytes = bytearray()
        self._mutex = threading.Lock()

    @property
    def byte_count(self) -> int:
        """How much waits to be taken."""
        return self.end_lsn - self._start_lsn

    def append(self, kind: int, xid: int, payload: bytes, reserved: bool = False) -> int:
        """Adds a record and returns the LSN after it."""
        length = HEADER_BYTES + len(payload)
        if length > RECORD_BYTES_MAX:
            raise ValueError(f"WAL record of {length} bytes")
        if self.end_lsn + padded(length) > self.limit_lsn and self.crowded is not None:
            self.crowded(padded(length), reserved)
        with self._mutex:
            payload, flags = pack_payload(payload)
            length = HEADER_BYTES + len(payload)
            lsn = self.end_lsn
            fields = (lsn, self.previous_lsn, self.durable_lsn, xid, self.incarnation, kind, flags)
            record = b"".join((HEADER.pack(length, 0, *fields), payload))
            checksum = crc32c(record)
            start = len(self._bytes)
            self._bytes += record
            struct.pack_into("<I", self._bytes, start + 4, checksum)
            self._bytes += bytes(padded(length) - length)
            self.previous_lsn = lsn
            self.end_lsn = lsn + padded(length)
            return self.end_lsn

    def take(self) -> tuple[int, bytes]:
        """Takes all that waits: the LSN of its first byte, and the bytes."""
        with self._mutex:
            start, taken = self._start_lsn, self._bytes
            self._start_lsn, self._bytes = self.end_lsn, bytearray()
        return start, bytes(taken)
