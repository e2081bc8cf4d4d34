"""Rules of crash safety that a case made by hand shows: what happens with each, and what would happen without it.

Beside those that the simulation shows (test_simulation, test_rules). README.md says which rule stands where.
"""

import errno
import random
import signal
import subprocess
import sys
from collections import deque
from contextlib import nullcontext
from pathlib import Path

import pytest

from storage import log_reader, log_record, page_sums
from storage.commit_log import CommitLog
from storage.commit_queue import CommitQueue
from storage.control import _FIELDS, MAGIC, Control
from storage.engine import Engine, Kind
from storage.errors import Corruption, DiskFull, Failed
from storage.locks import Locks
from storage.log_reader import LogReader
from storage.log_segments import segment_name
from storage.options import Options
from storage.pages import ROOT_PAGE
from storage.recovery import Recovered
from storage.segments import PageSegments
from storage.store import Store
from storage.waits import Completion
from storage.wal import Wal
from tests.crash.disk import CrashingFile, CrashingFiles, Faults
from tests.crash.simulation import OPTIONS, PAGE_BYTES
from tests.crash.test_engine_crash import OPTIONS as ENGINE_OPTIONS
from tests.unit.storage.test_log_reader import SEGMENT, Log

ROOT = Path(__file__).parents[2]
IN_ORDER, WITHOUT = False, True
both = pytest.mark.parametrize("is_broken", [IN_ORDER, WITHOUT])


@pytest.fixture
def disk():
    return CrashingFiles(Faults(random.Random(3)))


def written(files, count=20):
    """A store in which so many changes of one page are durable, and the number of the last."""
    store = Store.create(files, OPTIONS, store_id=1)
    for number in range(1, count + 1):
        with store.pager.begin_change(1) as change:
            change.write_u64(ROOT_PAGE * PAGE_BYTES, number)
            lsn = change.commit()
        store.wal.flush_to(lsn).wait()
    return store


def number_in(store):
    return int.from_bytes(store.pager.view(ROOT_PAGE, 1)[:8].tobytes(), "little")


@both
def test_a_torn_control_block_does_not_count(monkeypatch, is_broken):
    old = Control(1024, 1, 7, 4, 8192, 8192, 9000, 8192, 32768, 0)
    new = Control(1024, 2, 7, 5, 99_000, 98_000, 99_999, 8192, 32768, 0)
    if is_broken:

        def decode(block):
            magic, *values = _FIELDS.unpack_from(block)
            return Control(*values) if magic == MAGIC else None

        monkeypatch.setattr(Control, "decode", decode)
    found = {Control.decode(new.encode()[:cut] + old.encode()[cut:]) for cut in range(512)}
    assert (found <= {old, new, None}) is not is_broken


@both
def test_rot_below_what_was_durable_is_no_torn_tail(disk, monkeypatch, is_broken):
    if is_broken:
        monkeypatch.setattr(LogReader, "check_torn", lambda _reader, _durable_lsn: None)
    store = written(disk)
    store.close(fast=True)
    content = disk.entries[segment_name(1)].content
    content[content.index((7).to_bytes(8, "little"))] ^= 1
    if is_broken:
        assert number_in(Store.open(disk, OPTIONS)) < 20
        return
    with pytest.raises(Corruption, match="although the log was durable"):
        Store.open(disk, OPTIONS)


@both
def test_a_page_is_compared_with_its_checksum(disk, is_broken):
    written(disk).close()
    disk.entries["pages/00000000"].content[ROOT_PAGE * PAGE_BYTES + 1] ^= 1
    options = Options(
        page_bytes=PAGE_BYTES,
        page_segment_bytes=OPTIONS.page_segment_bytes,
        wal_segment_bytes=OPTIONS.wal_segment_bytes,
        store_bytes_max=OPTIONS.store_bytes_max,
        growth_bytes_min=OPTIONS.growth_bytes_min,
        threads=False,
        verify_checksums=not is_broken,
    )
    store = Store.open(disk, options)
    if is_broken:
        assert number_in(store) == 20 ^ 1 << 8
        return
    with pytest.raises(Corruption, match=f"wrong checksum in pages/00000000, page {ROOT_PAGE}"):
        number_in(store)


@both
def test_an_xid_is_not_used_again(disk, monkeypatch, is_broken):
    """What a transaction has written that a crash cut off must not become that of another one."""
    engine = Engine.create(disk, ENGINE_OPTIONS, store_id=2)
    transaction = engine.begin()
    transaction.create_relation(50, [Kind.INT64])
    transaction.commit().wait()
    if is_broken:
        monkeypatch.setattr(Recovered, "next_xid", property(lambda _: 1, lambda _, _value: None))
        monkeypatch.setattr(Recovered, "unfinished", property(lambda _: set(), lambda *_: None))
    engine.checkpoint().wait()
    lost = engine.begin()
    engine.relation(50).insert_row(lost, (666,))
    engine.store.wal.flush_to(engine.store.wal.end_lsn).wait()
    disk.restart()
    engine = Engine.open(disk, ENGINE_OPTIONS)
    for number in range(3):
        transaction = engine.begin()
        engine.relation(50).insert_row(transaction, (number,))
        transaction.commit().wait()
    reader = engine.begin()
    views = list(engine.relation(50).scan(reader.snapshot()))
    found = sorted(value for view in views for value in view.column(0)[0].tolist())
    assert (found == [0, 1, 2]) is not is_broken


@both
def test_commits_are_seen_in_the_order_of_the_log(monkeypatch, is_broken):
    """Who sees a commit may build on it: nothing that is before it in the log may be lost then."""

    class NeverFlushed:
        durable_lsn, end = 0, 0

        def commit(self, _xids, _payload):
            self.end += 8
            return self.end

        def flush_soon(self, _lsn, *, alone=False):
            """It comes never."""

        def flush_to(self, _lsn):
            return Completion()

    log = CommitLog()
    queue = CommitQueue(NeverFlushed(), log, Locks())
    if is_broken:
        advance = CommitQueue.advance

        def overtaking(self, durable_lsn):
            self._pending = deque(sorted(self._pending, key=lambda each: each.synchronous))
            advance(self, durable_lsn)

        monkeypatch.setattr(CommitQueue, "advance", overtaking)
    first, second = log.assign(), log.assign()
    queue.commit((first,), b"", synchronous=True, on_published=lambda: None)
    queue.commit((second,), b"", synchronous=False, on_published=lambda: None)
    snapshot = log.snapshot()
    assert snapshot.sees(second << 16) is is_broken
    assert not snapshot.sees(first << 16)


@both
def test_room_is_there_before_it_is_used(disk, monkeypatch, is_broken):
    """A full disk refuses a change; without the room that was set aside it would end the server."""
    if is_broken:
        boundless = lambda wal, *_: setattr(wal.buffer, "limit_lsn", 1 << 60)  # noqa: E731
        monkeypatch.setattr(Wal, "_make_room", boundless)
        monkeypatch.setattr(Wal, "_set_limit", boundless)
    store = written(disk)
    disk.faults.full = True
    with pytest.raises((Failed, AssertionError) if is_broken else DiskFull):
        for number in range(10_000):
            with store.pager.begin_change(1) as change:
                change.write(ROOT_PAGE * PAGE_BYTES + 8, number.to_bytes(800, "little"))
                lsn = change.commit()
            store.wal.flush_to(lsn).wait()
    if not is_broken:
        assert number_in(store) == 20
        disk.faults.full = False
        store.checkpoint()
        with store.pager.begin_change(1) as change:
            change.write_u64(ROOT_PAGE * PAGE_BYTES, 21)
            store.wal.flush_to(change.commit()).wait()


@both
def test_a_sync_that_finds_no_room_is_not_tried_again(disk, monkeypatch, is_broken):
    """It has lost what was written to the file before: a checkpoint that goes on takes that for durable."""

    def sync_without_room(file):
        file.unsynced.clear()
        patch.undo()
        raise OSError(errno.ENOSPC, "injected", file.name)

    store = written(disk)
    store.checkpointer.begin()
    assert not store.checkpointer.step()  # written back, not synced
    if is_broken:
        monkeypatch.setattr(PageSegments, "_sync", lambda _segments, sync: sync())
    patch = pytest.MonkeyPatch()
    patch.setattr(CrashingFile, "datasync", sync_without_room)
    segments = store.pager.segments
    with pytest.raises(DiskFull if is_broken else Failed):
        segments.grow(segments.page_count + 1)
    while is_broken and not store.checkpointer.step():
        pass
    disk.lose_power()
    with pytest.raises(Corruption) if is_broken else nullcontext():
        assert number_in(Store.open(disk, OPTIONS)) == 20


TOUCH = """
import sys
from pathlib import Path
from storage.files import RealFiles
files = RealFiles(Path(sys.argv[1]))
file = files.open("short", create=True)
reservation = files.reserve(1 << 20)
reservation.map(file, offset=0, target=0, byte_count=4096)
if sys.argv[2] == "populate":
    try:
        reservation.populate(0, 4096, write=False)
    except OSError:
        sys.exit(3)
reservation.bytes[100]
"""


@pytest.mark.slow
@both
def test_a_page_that_cannot_be_read_is_an_error_and_no_signal(tmp_path, is_broken):
    command = [sys.executable, "-c", TOUCH, str(tmp_path), "touch" if is_broken else "populate"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == (-signal.SIGBUS if is_broken else 3)


CUT = """
import os
import sys
from pathlib import Path
from storage.files import RealFiles
files = RealFiles(Path(sys.argv[1]))
file = files.open("mapped", create=True)
file.allocate(8192)
reservation = files.reserve(1 << 20)
reservation.map(file, offset=0, target=0, byte_count=8192)
os.ftruncate(file.descriptor, 4096) if sys.argv[2] == "cut" else file.allocate(4096)
reservation.bytes[5000]
"""


@pytest.mark.slow
@both
def test_nothing_is_truncated_under_a_map(tmp_path, is_broken):
    command = [sys.executable, "-c", CUT, str(tmp_path), "cut" if is_broken else "keep"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == (-signal.SIGBUS if is_broken else 0)


@both
def test_dirty_memory_is_bounded(disk, is_broken):
    """Who changes more pages than that writes some back himself, if nobody else does."""
    store = written(disk)
    table, count = store.pager.table, 3 * store.pager.dirty_page_count_max
    if is_broken:
        table.relieve = None
    with store.pager.begin_change(1) as change:
        first = store.pager.allocate(change, count)
        change.commit()
    for page_no in range(first, first + count):
        with store.pager.begin_change(1) as change:
            change.write_u64(page_no * PAGE_BYTES, page_no)
            change.commit()
    assert (store.pager.dirty_page_count > 2 * store.pager.dirty_page_count_max + 1) is is_broken


@both
def test_a_page_that_was_written_to_another_place_is_found_out(disk, monkeypatch, is_broken):
    """Its checksum is right, but for where it should have gone."""
    if is_broken:
        sums = page_sums.page_checksums
        monkeypatch.setattr(
            page_sums, "page_checksums", lambda _store_id, _first, content, size: [
                sums(0, 0, bytes(content[start : start + size]), size)[0]
                for start in range(0, len(content), size)
            ],
        )  # fmt: skip
    store = written(disk)
    with store.pager.begin_change(1) as change:
        other = store.pager.allocate(change, 1)
        change.write_u64(other * PAGE_BYTES, 99)
        change.commit()
    store.close()
    for name, size in (("pages/00000000", PAGE_BYTES), ("sums/00000000", 4)):
        content = disk.entries[name].content
        content[ROOT_PAGE * size : (ROOT_PAGE + 1) * size] = content[
            other * size : (other + 1) * size
        ]
    store = Store.open(disk, OPTIONS)
    if is_broken:
        assert number_in(store) == 99
        return
    with pytest.raises(Corruption, match=f"wrong checksum in pages/00000000, page {ROOT_PAGE}"):
        number_in(store)


def ignore_lsns(monkeypatch):
    """A record counts wherever it stands and whatever it follows."""
    read_record = log_record.read_record

    def anywhere(data, start, lsn):
        fields = log_record.HEADER.unpack_from(data.ljust(start + 48, b"\0"), start)
        record = read_record(data, start, fields[2])
        return record and record._replace(lsn=lsn, end_lsn=lsn + record.end_lsn - record.lsn)

    monkeypatch.setattr(log_record, "read_record", anywhere)
    monkeypatch.setattr(log_record, "follows", lambda _record, _place: True)
    monkeypatch.setattr(log_reader, "read_records", log_record.read_records)


@both
def test_records_of_an_older_life_of_a_segment_do_not_count(monkeypatch, is_broken):
    log = Log()
    log.write(SEGMENT // 64, end_lsn=SEGMENT)
    log.files.rename(segment_name(1), segment_name(2))
    log.files.open(segment_name(1), create=True).allocate(SEGMENT)
    count = 2
    log.write(count, end_lsn=2 * SEGMENT - 56 * count)
    if is_broken:
        ignore_lsns(monkeypatch)
    reader = LogReader(log.files, Options(wal_segment_bytes=SEGMENT), 2 * SEGMENT - 56 * count)
    assert (sum(1 for _ in reader) == count) is not is_broken
