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
    assert writer.collect() == -1
    for offset, data in ((3, b"abc"), (10, b"defg")):
        writer.start(descriptor, offset, data)
        writer.wait()
        assert path.read_bytes()[offset : offset + len(data)] == data
        assert is_readable(writer)
        assert writer.collect() == 0
        assert not select.select([writer.descriptor], [], [], 0)[0]
        assert writer.collect() == -1
    os.close(descriptor)


def test_tells_an_error(writer, tmp_path):
    descriptor = os.open(tmp_path / "file", os.O_CREAT | os.O_RDONLY)
    writer.start(descriptor, 0, b"abc")
    writer.wait()
    assert writer.collect() == errno.EBADF
    os.close(descriptor)


def test_a_flush_is_done_when_its_end_is_seen(wal, writer):
    heard = []
    wal.listeners.append(heard.append)
    end = wal.append(1, 1, b"one")
    done = wal.flush_to(end)
    assert is_readable(writer)
    assert not done.done
    later = [wal.flush_to(wal.append(1, xid, b"more")) for xid in (2, 3, 4)]
    wal.finish_write()
    assert done.done
    assert heard == [end]
    assert not any(each.done for each in later)
    writer.wait()
    wal.finish_write()
    assert all(each.done for each in later)
    assert wal.flush_count == 2
    assert [record.xid for record in wal.read(SEGMENT)] == [1, 2, 3, 4]


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

    def start(self, *job):
        del job
        self.state = errno.EIO

    def wait(self):
        time.sleep(0)

    def collect(self):
        found, self.state = self.state, -1
        return found


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
