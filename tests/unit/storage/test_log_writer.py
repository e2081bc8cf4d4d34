"""LogWriter, both twins, and a Wal whose flushes it makes: nothing is durable before it is, nobody waits for ever."""

import errno
import os
import select
import threading
import time

import pytest

from storage.errors import Failed
from storage.failure import FailStop
from storage.files import RealFiles
from storage.log_segments import DIRECTORY, LogSegments
from storage.log_writer import JOBS_MAX
from storage.log_writer import LogWriter as Original
from storage.native import LogBuffer
from storage.native.log_writer import LogWriter as Twin
from storage.options import Options
from storage.wal import Wal

SEGMENT = 4096
OPTIONS = Options(wal_segment_bytes=SEGMENT, wal_buffer_bytes=2048, max_wal_size=8 * SEGMENT)
SECONDS = 5


@pytest.fixture(params=[Original, Twin], ids=["original", "twin"])
def writer(request):
    made = request.param()
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    yield made
    made.stop()
    thread.join(SECONDS)
    assert not thread.is_alive()
    os.close(made.descriptor)


@pytest.fixture
def wal(tmp_path, writer):
    files = RealFiles(tmp_path)
    files.make_directory(DIRECTORY)
    failure = FailStop()
    segments = LogSegments(files, OPTIONS, failure)
    segments.start(SEGMENT, SEGMENT + 1)
    buffer = LogBuffer(end_lsn=SEGMENT, previous_lsn=0, incarnation=1)
    made = Wal(segments, buffer, OPTIONS, failure)
    made.start()
    made.hand_over(writer)
    yield made
    made.take_back()
    made.close()


def is_readable(writer):
    """Whether a write is done, once that can be."""
    return bool(select.select([writer.descriptor], [], [], SECONDS)[0])


def test_writes_and_tells(writer, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(20))
    descriptor = os.open(path, os.O_RDWR)
    assert not writer.collect()
    for offset, data in ((3, b"abc"), (10, b"defg")):
        writer.start(descriptor, offset, data, offset + 100)
        assert not writer.is_idle
        writer.wait()
        assert path.read_bytes()[offset : offset + len(data)] == data
        assert is_readable(writer)
        assert writer.collect() == offset + 100
        assert writer.is_idle
        assert not select.select([writer.descriptor], [], [], 0)[0]
        assert not writer.collect()
    assert not writer.error_number
    os.close(descriptor)


def test_tells_an_error_and_writes_no_more(writer, tmp_path):
    descriptor = os.open(tmp_path / "file", os.O_CREAT | os.O_RDONLY)
    writer.start(descriptor, 0, b"abc", 3)
    writer.wait()
    assert is_readable(writer)
    assert writer.error_number == errno.EBADF
    assert not writer.collect()
    good = os.open(tmp_path / "other", os.O_CREAT | os.O_RDWR)
    writer.start(good, 0, b"def", 6)
    writer.wait()
    assert not writer.collect()
    assert not os.pread(good, 3, 0)
    os.close(descriptor)
    os.close(good)


def test_writes_what_comes_meanwhile_without_being_asked(writer, tmp_path):
    paths = [tmp_path / "first", tmp_path / "second"]
    descriptors = [os.open(path, os.O_CREAT | os.O_RDWR) for path in paths]
    pieces = [bytes([65 + i]) * (1 + i) for i in range(20)]
    lsn = 0
    for descriptor in descriptors:
        offset = 0
        for piece in pieces:
            lsn += len(piece)
            writer.start(descriptor, offset, piece, lsn)
            offset += len(piece)
    seen = 0
    while seen < lsn:
        assert is_readable(writer)
        end = writer.collect()
        assert not end or end > seen
        seen = max(seen, end)
    assert writer.is_idle
    for path in paths:
        assert path.read_bytes() == b"".join(pieces)
    for descriptor in descriptors:
        os.close(descriptor)


def test_takes_so_much(writer, tmp_path):
    descriptor = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)
    for i in range(JOBS_MAX):
        assert writer.has_room
        writer.start(descriptor, i, b"x", i + 1)
    assert not writer.has_room
    while writer.collect() < JOBS_MAX:
        assert is_readable(writer)
    assert writer.has_room
    assert (tmp_path / "file").read_bytes() == b"x" * JOBS_MAX
    os.close(descriptor)


def test_a_flush_is_done_when_its_end_is_seen(wal, writer):
    heard = []
    wal.listeners.append(heard.append)
    end = wal.append(1, 1, b"one")
    done = wal.flush_to(end)
    assert is_readable(writer)
    assert not done.done
    wal.finish_write()
    assert done.done
    assert heard == [end]
    assert wal.flush_count == 1
    assert [record.xid for record in wal.read(SEGMENT)] == [1]


def test_the_next_flush_begins_before_the_end_of_the_last_is_seen(wal, writer):
    wal.flush_to(wal.append(1, 1, b"one"))
    later = [wal.flush_to(wal.append(1, xid, b"more")) for xid in (2, 3, 4)]
    writer.wait()
    writer.wait()
    assert not any(each.done for each in later)
    wal.finish_write()
    assert all(each.done for each in later)
    assert [record.xid for record in wal.read(SEGMENT)] == [1, 2, 3, 4]


def test_a_flush_that_was_finished_meanwhile_is_done(wal, writer):
    """Whoever asks for it between the telling and the end of that is told as well."""
    end = wal.append(1, 1, b"one")
    late = []
    wal.listeners.append(lambda lsn: late.append(wal.flush_to(lsn)))
    wal.flush_to(end)
    writer.wait()
    wal.finish_write()
    assert [each.done for each in late] == [True]
    assert wal.flush_to(wal.append(1, 2, b"two")).wait(0) is False
    wal.flush_now(wal.end_lsn)


def test_who_blocks_finishes_it_alone(wal):
    first = wal.flush_to(wal.append(1, 1, b"under way, and nobody watches"))
    end = wal.append(1, 2, b"behind it")
    wal.flush_now(end)
    assert first.done
    assert wal.durable_lsn >= end


def test_appending_much_never_waits_for_who_watches(wal):
    ends = [wal.append(1, xid, bytes(700)) for xid in range(3, 40)]
    wal.flush_to(ends[-1])
    wal.flush_now(ends[-1])
    assert [record.end_lsn for record in wal.read(SEGMENT)] == ends


def test_many_threads_and_segments(wal, writer):
    latch, stop = threading.Lock(), threading.Event()

    def watch():
        while not stop.is_set():
            if select.select([writer.descriptor], [], [], 0.01)[0]:
                wal.finish_write()

    def commit():
        for _ in range(30):
            with latch:
                end = wal.append(1, 1, bytes(300))
            assert wal.flush_to(end).wait(SECONDS)
            assert wal.durable_lsn >= end

    threads = [threading.Thread(target=commit) for _ in range(4)]
    watcher = threading.Thread(target=watch)
    for thread in (watcher, *threads):
        thread.start()
    for thread in threads:
        thread.join(4 * SECONDS)
        assert not thread.is_alive()
    stop.set()
    watcher.join()
    assert len(list(wal.read(SEGMENT))) == 120


def test_taking_back_finishes_what_is_under_way(wal):
    done = wal.flush_to(wal.append(1, 1, b"under way"))
    wal.take_back()
    assert done.done
    assert wal.flush_to(wal.append(1, 2, b"the thread's")).wait(SECONDS)


class Refusing:
    """A writer on a disk that fails."""

    error_number = 0
    has_room = True
    is_idle = False

    def start(self, *job):
        del job
        self.error_number = errno.EIO

    def wait(self):
        time.sleep(0)

    def collect(self):
        return 0


def test_an_error_stops_storage(wal):
    wal.hand_over(Refusing())
    done = wal.flush_to(wal.append(1, 1, b"lost"))
    wal.finish_write()
    assert done.done
    assert isinstance(done.error, Failed)
    assert wal.durable_lsn == SEGMENT
    with pytest.raises(Failed):
        wal.append(1, 2, b"after it")
    assert isinstance(wal.flush_to(wal.end_lsn).error, Failed)
    with pytest.raises(Failed):
        wal.flush_now(wal.end_lsn)
