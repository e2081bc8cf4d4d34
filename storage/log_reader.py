"""LogReader: reads WAL records back, and tells where and why they end.

Rule 1: a record counts when its length, LSN, incarnation and checksum are right, and it follows the
        record before it. Bytes of an older life of the segment fail by their LSN, records cut off
        by an earlier recovery by their incarnation.
Rule 2: where records end, the log was torn, unless something proves that more had been durable: the
        control block, or any later record that says so. Then it is bit rot, and Corruption.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from storage.errors import Corruption
from storage.files import Files
from storage.log_segments import segment_name, segment_numbers
from storage.logbuffer import ALIGNMENT, HEADER, HEADER_BYTES, RECORD_BYTES_MAX, padded
from storage.native import record_checksum
from storage.options import Options

INCARNATION_KIND = 2
"""The only kind of record that may start a new incarnation; recovery writes it at the cut."""


class WalRecord(NamedTuple):
    """One record as read back."""

    lsn: int
    end_lsn: int
    kind: int
    xid: int
    previous_lsn: int
    durable_lsn: int
    incarnation: int
    payload: bytes


class LogReader:
    """Reads forward from a record's LSN; `lsn` is where the next one is looked for."""

    def __init__(
        self, files: Files, options: Options, lsn: int, incarnation: int | None = None
    ) -> None:
        self.lsn = lsn
        self.incarnation = incarnation
        self.previous_lsn: int | None = None
        self._files = files
        self._segment_bytes = options.wal_segment_bytes
        self._any_incarnation = not options.protocol.incarnations
        self._segment_no = -1
        self._segment = b""

    def __iter__(self) -> Iterator[WalRecord]:
        while (record := self.next()) is not None:
            yield record

    def next(self) -> WalRecord | None:
        """The record at `lsn`, which moves on; None where no valid record starts."""
        record = self._read(self.lsn)
        if record is None or not self._follows(record):
            return None
        self.lsn = record.end_lsn
        self.previous_lsn = record.lsn
        self.incarnation = record.incarnation
        return record

    def read_bytes(self, lsn: int, end_lsn: int) -> bytes:
        """The stream's bytes between two LSNs."""
        return self._bytes(lsn, end_lsn - lsn)

    def check_torn(self, durable_lsn: int) -> None:
        """Raises Corruption when the log is known to have reached beyond `lsn`."""
        numbers = segment_numbers(self._files)
        for number in range(self.lsn // self._segment_bytes, max(numbers, default=0)):
            # Segments are made one after the other, each durable before the next.
            if number not in numbers:
                raise Corruption(segment_name(number), None, "missing WAL segment")
        proof = durable_lsn if durable_lsn > self.lsn else self._proof_beyond()
        if proof:
            raise Corruption(
                segment_name(self.lsn // self._segment_bytes),
                None,
                f"bad WAL record at {self.lsn:#x}, although the log was durable to {proof:#x},",
            )

    def _follows(self, record: WalRecord) -> bool:
        if self.previous_lsn is not None and record.previous_lsn != self.previous_lsn:
            return False
        if self.incarnation is None or self._any_incarnation:
            return True
        if record.kind == INCARNATION_KIND:
            return record.incarnation > self.incarnation
        return record.incarnation == self.incarnation

    def _read(self, lsn: int) -> WalRecord | None:
        number, start = divmod(lsn, self._segment_bytes)
        data = self._load(number)
        if start + HEADER_BYTES > len(data):
            data, start = self._bytes(lsn, HEADER_BYTES), 0
            if len(data) < HEADER_BYTES:
                return None
        length, checksum, found, previous, durable, xid, incarnation, kind, _ = HEADER.unpack_from(
            data, start
        )
        if found != lsn or not HEADER_BYTES <= length <= RECORD_BYTES_MAX:
            return None
        if start + length > len(data):
            data, start = self._bytes(lsn, length), 0
            if len(data) < length:
                return None
        if record_checksum(data, start, length) != checksum:
            return None
        payload = data[start + HEADER_BYTES : start + length]
        end = lsn + padded(length)
        return WalRecord(lsn, end, kind, xid, previous, durable, incarnation, payload)

    def _proof_beyond(self) -> int:
        """The highest durable LSN that any valid record beyond `lsn` states, if beyond it too."""
        first_place = self.lsn + ALIGNMENT
        first_no = first_place // self._segment_bytes
        for segment_no in segment_numbers(self._files):
            segment = self._load(segment_no) if segment_no >= first_no else b""
            base = segment_no * self._segment_bytes
            words = np.frombuffer(segment[: len(segment) & -ALIGNMENT], dtype="<u8")
            # A record's second word is its own LSN, whatever else is broken around it.
            places = np.arange(len(words), dtype=np.int64) * 8 + (base - 8)
            for place in places[(words == places.astype(np.uint64)) & (places >= first_place)]:
                record = self._read(int(place))
                if record is not None and record.durable_lsn > self.lsn:
                    return record.durable_lsn
        return 0

    def _bytes(self, lsn: int, byte_count: int) -> bytes:
        """Bytes of the stream; fewer where the segments end."""
        parts = []
        while byte_count:
            number, offset = divmod(lsn, self._segment_bytes)
            part = self._load(number)[offset : offset + byte_count]
            if not part:
                break
            parts.append(part)
            lsn += len(part)
            byte_count -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _load(self, segment_no: int) -> bytes:
        """A segment's bytes; none when there is no such segment."""
        if segment_no != self._segment_no:
            name = segment_name(segment_no)
            self._segment, self._segment_no = b"", segment_no
            if self._files.exists(name):
                file = self._files.open(name)
                self._segment = file.pread(0, self._segment_bytes)
                file.close()
        return self._segment
