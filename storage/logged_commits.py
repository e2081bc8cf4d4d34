"""Commit and abort records in the WAL, as the commit queue writes them."""

from storage.commit_times import CommitTimes
from storage.records import Kind as RecordKind
from storage.records import encode_end
from storage.waits import Completion
from storage.wal import Wal


class LoggedCommits:
    """Commit and abort records in the WAL."""

    def __init__(self, wal: Wal, times: CommitTimes) -> None:
        self._wal = wal
        self._times = times
        self.buffer = wal.buffer

    @property
    def durable_lsn(self) -> int:
        """Everything below is on disk."""
        return self._wal.durable_lsn

    @property
    def awaited_lsn(self) -> int:
        """Everything below has to be before a commit is told."""
        return self._wal.awaited_lsn

    def commit(self, xids: tuple[int, ...], payload: bytes) -> int:
        """Append a commit record."""
        stamp = self._times.stamp()
        lsn = self._wal.append(RecordKind.COMMIT, xids[0], encode_end(xids[1:], payload + stamp))
        self._times.committed(xids, stamp)
        return lsn

    def abort(self, xids: tuple[int, ...]) -> int:
        """Append an abort record."""
        return self._wal.append(RecordKind.ABORT, xids[0], encode_end(xids[1:], b""), reserved=True)

    def cut_off(self, xids: tuple[int, ...]) -> int:
        """Append a record of ids that end although their stamps stay."""
        payload = encode_end(xids[1:], b"")
        return self._wal.append(RecordKind.CUT_OFF, xids[0], payload, reserved=True)

    def flush_to(self, lsn: int, *, alone: bool = False) -> Completion:
        """Done when everything below lsn is durable."""
        return self._wal.flush_to(lsn, alone=alone)

    def flush_soon(self, lsn: int, *, alone: bool) -> BaseException | None:
        """Have everything below lsn flushed; what speaks against it."""
        return self._wal.flush_soon(lsn, alone=alone)
