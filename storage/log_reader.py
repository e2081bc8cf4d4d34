"""LogReader: reads WAL records in order, and tells where and whether the log may end.

Rule 1: where valid records end, the log was torn, unless something proves that more was durable:
        the control block, any later record that says so, or a segment missing in between. Then it
        is bit rot, and Corruption.
"""

from collections import deque
from collections.abc import Iterator

import numpy as np

from storage.errors import Corruption
from storage.files import Files
from storage.log_record import LogPlace, WalRecord, follows, place_after, read_record
from storage.log_segments import segment_name, segment_numbers
from storage.logbuffer import ALIGNMENT, HEADER, HEADER_BYTES, RECORD_BYTES_MAX
from storage.native import read_records
from storage.options import Options

BATCH_RECORDS = 512


class LogReader:
    """Reads forward from a record's LSN; `lsn` is where the next one is looked for."""

    def __init__(self, files: Files, options: Options, lsn: int) -> None:
        self.lsn = lsn
        self.previous_lsn: int | None = None
        self._place = LogPlace(lsn, None, None)
        self._batch: deque[WalRecord] = deque()
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
        if not self._batch:
            self._read_batch()
        if not self._batch:
            return None
        record = self._batch.popleft()
        self.lsn = record.end_lsn
        self.previous_lsn = record.lsn
        return record

    def read_bytes(self, lsn: int, end_lsn: int) -> bytes:
        """The stream's bytes between two LSNs; fewer where the segments end."""
        parts = []
        while lsn < end_lsn:
            number, offset = divmod(lsn, self._segment_bytes)
            part = self._load(number)[offset : offset + end_lsn - lsn]
            if not part:
                break
            parts.append(part)
            lsn += len(part)
        return b"".join(parts)

    def check_torn(self, durable_lsn: int) -> None:
        """Raises Corruption when the log is known to have reached beyond `lsn`."""
        numbers = segment_numbers(self._files)
        for number in range(self.lsn // self._segment_bytes, max(numbers, default=0)):
            # Segments are made one after the other, each durable before the next.
            if number not in numbers:
                raise Corruption(segment_name(number), None, "missing WAL segment")
        proof = durable_lsn if durable_lsn > self.lsn else self._proof_beyond(numbers)
        if proof:
            raise Corruption(
                segment_name(self.lsn // self._segment_bytes),
                None,
                f"bad WAL record at {self.lsn:#x}, although the log was durable to {proof:#x},",
            )

    def _read_batch(self) -> None:
        """Reads what follows within the segment, or the one record that flows over its border."""
        if self._any_incarnation:
            self._place = self._place._replace(incarnation=None)
        number, start = divmod(self._place.lsn, self._segment_bytes)
        records = read_records(self._load(number), start, self._place, BATCH_RECORDS)
        if not records:
            record = self._read_over_border(self._place.lsn)
            records = [record] if record is not None and follows(record, self._place) else []
        if records:
            self._batch.extend(records)
            self._place = place_after(records[-1])

    def _read_over_border(self, lsn: int) -> WalRecord | None:
        """The record at an LSN, whichever segments it lies in."""
        header = self.read_bytes(lsn, lsn + HEADER_BYTES)
        if len(header) < HEADER_BYTES:
            return None
        length, _, found, *_ = HEADER.unpack(header)
        if found != lsn or length > RECORD_BYTES_MAX:
            return None
        return read_record(self.read_bytes(lsn, lsn + length), 0, lsn)

    def _proof_beyond(self, numbers: list[int]) -> int:
        """A durable LSN beyond `lsn` that a valid record beyond it states; 0 when none does."""
        first_place = self.lsn + ALIGNMENT
        for number in numbers:
            base = number * self._segment_bytes
            if base + self._segment_bytes <= first_place:
                continue
            segment = self._load(number)
            words = np.frombuffer(segment[: len(segment) & -ALIGNMENT], dtype="<u8")
            # A record's second word is its own LSN, whatever else is broken around it.
            places = np.arange(len(words), dtype=np.int64) * ALIGNMENT + (base - ALIGNMENT)
            for place in places[(words == places.astype(np.uint64)) & (places >= first_place)]:
                record = self._read_over_border(int(place))
                if record is not None and record.durable_lsn > self.lsn:
                    return record.durable_lsn
        return 0

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
