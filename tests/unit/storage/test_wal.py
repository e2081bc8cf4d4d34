"""Wal: group commit, room on disk, stopping for good."""

import errno
import random
import threading

import pytest

from storage.errors import DiskFull, Failed
from storage.failure import FailStop
from storage.log_segments import DIRECTORY, LogSegments, segment_numbers
from storage.memory_files import MemoryFile, MemoryFiles
from storage.native import LogBuffer
from storage.options import Options
from storage.wal import Wal
from tests.crash.disk import CrashingFiles, Faults

SEGMENT = 4096
OPTIONS = Options(wal_segment_bytes=SEGMENT, wal_buffer_bytes=2048, max_wal_size=8 * SEGMENT)


def open_wal(files, options: Options = OPTIONS) -> Wal:
    files.make_directory(DIRECTORY)
    failure = FailStop()
    segments = LogSegments(files, options, failure)
    segments.start(SEGMENT, SEGMENT + 1)
    buffer = LogBuffer(end_lsn=SEGMENT, previous_lsn=0, incarnation=1)
    return Wal(segments, buffer, options, failure)


def append_for_ever(wal: Wal) -> None:
    while True:
        wal.append(1, 1, bytes(500))


@pytest.fixture
def faults() -> Faults:
    return Faults(random.Random(1))


@pytest.fixture
def disk(faults) -> CrashingFiles:
    return CrashingFiles(faults)


def test_what_is_flushed_is_read_back():
    wal = open_wal(MemoryFiles())
    ends = [wal.append(kind, kind + 10, bytes([kind]) * kind * 100) for kind in (1, 3, 7)]
    assert wal.flush_to(ends[0]).done
    assert wal.durable_lsn == ends[-1], "a flush takes all there is"
    wal.append(4, 5, b"not flushed")
    records = list(wal.read(SEGMENT))
    assert [(record.kind, record.xid) for record in records] == [(1, 11), (3, 13), (7, 17)]
    assert [record.end_lsn for record in records] == ends
    assert records[2].previous_lsn == records[1].lsn
    assert records[2].payload == b"\7" * 700


def test_records_flow_over_segment_borders():
    wal = open_wal(MemoryFiles())
    payloads = [bytes([number]) * 1000 for number in range(20)]
    for payload in payloads:
        wal.append(1, 0, payload)
    wal.flush_to(wal.end_lsn).wait()
    assert [record.payload for record in wal.read(SEGMENT)] == payloads


def test_later_committers_share_a_flush():
    """The first sync is held until eight more have appended; one flush then serves them all."""
    entered, release = threading.Event(), threading.Event()

    class SlowFile(MemoryFile):
        def datasync(self) -> None:
            entered.set()
            assert release.wait(5)

    files = MemoryFiles()
    wal = open_wal(files)
    for file in files.entries.values():
        file.__class__ = SlowFile
    wal.start()
    first = wal.flush_to(wal.append(1, 1, b""))
    assert entered.wait(5)
    others = [wal.flush_to(wal.append(1, xid, b"")) for xid in range(2, 10)]
    assert not any(other.done for other in others)
    release.set()
    for waiting in (first, *others):
        assert waiting.wait(5)
    assert wal.flush_count == 2
    wal.close()


def test_alone_flushes_on_this_thread():
    wal = open_wal(MemoryFiles())
    threads = []
    wal.listeners.append(lambda _lsn: threads.append(threading.current_thread()))
    wal.start()
    assert wal.flush_to(wal.append(1, 1, b""), alone=True).done
    assert threads == [threading.current_thread()]
    wal.close()


def test_listeners_hear_rising_lsns_before_waiters():
    wal = open_wal(MemoryFiles())
    heard: list[int] = []
    wal.listeners.append(heard.append)
    wal.start()
    for xid in range(20):
        lsn = wal.append(1, xid, b"")
        wal.flush_to(lsn).wait(5)
        assert heard[-1] >= lsn
    assert heard == sorted(heard)
    wal.close()


def test_a_full_disk_refuses_appends_but_reserved_ones(disk, faults):
    wal = open_wal(disk)
    wal.prepare_ahead()
    faults.full = True
    with pytest.raises(DiskFull):
        append_for_ever(wal)
    end = wal.end_lsn
    wal.append(5, 1, bytes(500), reserved=True)
    assert wal.end_lsn > end
    with pytest.raises(DiskFull):
        wal.append(1, 1, bytes(500))
    faults.full = False
    wal.append(1, 1, bytes(500))
    wal.flush_to(wal.end_lsn).wait()


def test_recycling_makes_room_on_a_full_disk(disk, faults):
    wal = open_wal(disk)
    wal.prepare_ahead()
    faults.full = True
    with pytest.raises(DiskFull):
        append_for_ever(wal)
    wal.append(3, 0, bytes(500), reserved=True)
    wal.flush_to(wal.end_lsn).wait()
    wal.recycle(wal.end_lsn)
    wal.append(1, 1, bytes(500))


def test_recycled_segments_are_renamed_or_removed():
    files = MemoryFiles()
    wal = open_wal(files)
    for _ in range(100):
        wal.append(1, 1, bytes(1000))
    wal.flush_to(wal.end_lsn).wait()
    count = len(segment_numbers(files))
    wal.recycle(wal.end_lsn)
    numbers = segment_numbers(files)
    assert numbers[0] == wal.end_lsn // SEGMENT
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert len(numbers) < count


def test_a_failed_sync_stops_everything(disk, faults):
    wal = open_wal(disk)
    wal.start()
    lsn = wal.append(1, 1, b"x")
    faults.error_rate = 1.0
    with pytest.raises(Failed):
        wal.flush_to(lsn).wait(5)
    faults.error_rate = 0.0
    assert wal.failure.error is not None
    with pytest.raises(Failed):
        wal.append(1, 1, b"y")
    with pytest.raises(Failed):
        wal.flush_to(lsn).wait(5)
    assert wal.durable_lsn < lsn
    wal.close()


def test_an_error_of_preparation_other_than_full_is_fatal(disk):
    wal = open_wal(disk)

    def broken(name: str, *, create: bool = False) -> MemoryFile:
        raise OSError(errno.EIO, "injected")

    disk.open = broken
    with pytest.raises(Failed):
        wal.prepare_ahead()
    assert wal.failure.error is not None


def test_a_large_backlog_is_flushed_on_the_way():
    wal = open_wal(MemoryFiles())
    for _ in range(50):
        wal.append(1, 1, bytes(1000))
    assert wal.buffer.byte_count <= 2 * OPTIONS.wal_buffer_bytes + 2000


def test_more_is_prepared_for_who_has_appended_much(disk):
    wal = open_wal(disk)
    wal.prepare_ahead()
    segment_bytes = wal.segments._segment_bytes
    room = wal.segments.prepared_lsn - wal.end_lsn
    told = []
    wal.short = lambda: told.append(wal.end_lsn)
    start = wal.end_lsn
    while wal.end_lsn < start + 3 * segment_bytes:
        wal.append(1, 1, bytes(500))
        wal.flush_to(wal.end_lsn).wait()
    assert told
    wal.prepare_ahead()
    assert wal.segments.prepared_lsn - wal.end_lsn > room + segment_bytes
    for _ in range(20):
        wal.prepare_ahead()
    assert wal._pace_bytes == 0
