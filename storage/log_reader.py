"""LogReader: reads WAL records in order, and tells where and whether the log may end.

Rule 1: where valid records end, the log was torn, unless something proves that more was durable:
        the control block, any later record that says so, or a segment missing in between. Then it
        is bit rot, and Corruption.
"""

from collections import deque
from collections.abc import Iterator

from storage.errors import Corruption
from storage.files import Files
from storage.log_record import LogPlace, WalRecord, place_after, read_record
from storage.log_segments import segment_name, segment_numbers
from storage.logbuffer import ALIGNMENT, HEADER, HEADER_BYTES, RECORD_BYTES_MAX
from storage.native import own_places, read_records
from storage.options import Options

BATCH_RECORDS = 512
WINDOW_BYTES = 1 << 20


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
        self._window = b""
        self._window_lsn, self._asked_bytes = lsn, 0

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

    def window(self) -> tuple[bytes, int, LogPlace]:
        """Bytes of the log, where in them the next record is looked for, and what it must follow.

        For who walks along many records at once, and tells by move_to() how far; where none is found,
        read_on() moves the window.
        """
        assert not self._batch
        if self._any_incarnation:
            self._place = self._place._replace(incarnation=None)
        return self._window, self._place.lsn - self._window_lsn, self._place

    def move_to(self, place: LogPlace) -> None:
        """Goes on behind records that window() has led to."""
        assert not self._batch
        self._place = place
        self.lsn, self.previous_lsn = place.lsn, place.previous_lsn

    def read_on(self) -> bool:
        """Reads more of the log where the window ends; false when that cannot show another record."""
        lsn, byte_count = self._place.lsn, WINDOW_BYTES
        if lsn == self._window_lsn and self._asked_bytes:
            byte_count = self._claimed_bytes()
            if byte_count <= self._asked_bytes:
                return False
        self._window = self.read_bytes(lsn, lsn + byte_count)
        self._window_lsn, self._asked_bytes = lsn, byte_count
        return True

    def read_bytes(self, lsn: int, end_lsn: int) -> bytes:
        """The stream's bytes between two LSNs; fewer where the segments end."""
        parts = []
        while lsn < end_lsn:
            number, offset = divmod(lsn, self._segment_bytes)
            part = self._read(number, offset, min(end_lsn - lsn, self._segment_bytes - offset))
            if not part:
                break
            parts.append(part)
            lsn += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

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
        """Reads what follows, as far as the window reaches."""
        records = read_records(*self.window(), BATCH_RECORDS)
        while not records and self.read_on():
            records = read_records(*self.window(), BATCH_RECORDS)
        if records:
            self._batch.extend(records)
            self._place = place_after(records[-1])

    def _claimed_bytes(self) -> int:
        """How long the record at the start of the window says that it is, if it can be one."""
        if len(self._window) < HEADER_BYTES:
            return 0
        length, _, lsn, *_ = HEADER.unpack_from(self._window)
        return length if lsn == self._window_lsn and length <= RECORD_BYTES_MAX else 0

    def _read_whole(self, lsn: int) -> WalRecord | None:
        """The record at an LSN, however large it is."""
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
            for start in range(0, self._segment_bytes, WINDOW_BYTES):
                if base + min(start + WINDOW_BYTES, self._segment_bytes) <= first_place:
                    continue
                for place in self._record_places(number, start):
                    record = self._read_whole(place) if place >= first_place else None
                    if record is not None and record.durable_lsn > self.lsn:
                        return record.durable_lsn
        return 0

    def _record_places(self, number: int, start: int) -> list[int]:
        """Where records may begin, of which the second word lies in a window of a segment."""
        data = self._read(number, start, WINDOW_BYTES)
        return own_places(data, number * self._segment_bytes + start)

    def _read(self, segment_no: int, offset: int, byte_count: int) -> bytes:
        """Bytes of a segment; none when there is no such segment."""
        name = segment_name(segment_no)
        if not self._files.exists(name):
            return b""
        file = self._files.open(name)
        try:
            return file.pread(offset, byte_count)
        finally:
            file.close()
