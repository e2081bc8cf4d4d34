"""Store with its threads: requests answered, room made, failures told."""

import dataclasses
import errno
import threading

import pytest

from storage.errors import DiskFull, Failed
from storage.memory_files import MemoryFile, MemoryFiles
from storage.options import Options
from storage.store import Hooks, Store
from tests.support.waiting import until

PAGE = 1024
OPTIONS = Options(
    page_bytes=PAGE,
    page_segment_bytes=256 * PAGE,
    wal_segment_bytes=65536,
    max_wal_size=1 << 20,
    dirty_bytes_max=64 * PAGE,
    store_bytes_max=1024 * PAGE,
    growth_bytes_min=8 * PAGE,
)


@pytest.fixture
def files() -> MemoryFiles:
    return MemoryFiles()


@pytest.fixture
def store(files):
    store = Store.create(files, OPTIONS, store_id=99)
    yield store
    if store.failure.error is None:
        store.close()


def write(store: Store, page_no: int, data: bytes) -> int:
    with store.latch, store.pager.begin_change(1) as change:
        change.write(page_no * PAGE, data)
        return change.commit()


def allocate(store: Store, page_count: int) -> int:
    with store.latch, store.pager.begin_change(1) as change:
        first = store.pager.allocate(change, page_count)
        change.commit()
    return first


def write_for_ever(store: Store, page_no: int) -> None:
    while True:
        write(store, page_no, bytes(range(256)) * 4)


def test_a_checkpoint_asked_for_is_made(store):
    first = allocate(store, 3)
    lsn = write(store, first, b"x")
    assert store.checkpoint().wait(5)
    assert store.checkpointer.redo_lsn >= lsn


def test_many_threads_commit_while_checkpoints_run(store, files):
    first = allocate(store, 8)

    def work(index: int) -> None:
        for number in range(1, 100):
            lsn = write(store, first + index, number.to_bytes(2, "little") * 100)
            if number % 10 == 0:
                assert store.wal.flush_to(lsn).wait(5)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        assert store.checkpoint().wait(5)
    for thread in threads:
        thread.join()
    store.wal.flush_to(store.wal.end_lsn).wait(5)
    store.close(fast=True)
    again = Store.open(files, OPTIONS)
    assert again.pager.view(first, 4)[::PAGE].tolist() == [99] * 4
    again.close()
    store.failure.fail(RuntimeError("the fixture need not close it again"))


def test_the_log_is_kept_below_its_largest_size(store):
    first = allocate(store, 1)
    for _ in range(60):
        lsn = write(store, first, bytes(range(256)) * 4)
        for _ in range(40):
            lsn = write(store, first, bytes(range(256)) * 4)
        store.wal.flush_to(lsn).wait(5)
        if store.wal.end_lsn - store.checkpointer.redo_lsn > OPTIONS.max_wal_size // 2:
            assert store.checkpoint().wait(5)
    assert store.wal.end_lsn > 2 * OPTIONS.max_wal_size
    assert store.wal.segments.byte_count <= OPTIONS.max_wal_size


def test_writes_resume_when_the_disk_has_room_again(store, monkeypatch):
    first = allocate(store, 1)

    def full(self, byte_count: int) -> None:
        if byte_count > self.size():
            raise OSError(errno.ENOSPC, "injected")

    with monkeypatch.context() as patch:
        patch.setattr(MemoryFile, "allocate", full)
        with pytest.raises(DiskFull):
            write_for_ever(store, first)
        # The housekeeper's checkpoint frees segments although the disk is as full as before.
        store.wal.flush_to(store.wal.end_lsn).wait(5)
        assert store.checkpoint().wait(5)
        assert store.checkpoint().wait(5)
        write(store, first, b"again")


def test_a_failure_is_told_to_everybody(files, monkeypatch):
    told: list[BaseException] = []
    store = Store.create(files, OPTIONS, store_id=9, hooks=Hooks(panic=told.append))
    first = allocate(store, 1)

    def broken(self) -> None:
        raise OSError(errno.EIO, "injected")

    with monkeypatch.context() as patch:
        patch.setattr(MemoryFile, "datasync", broken)
        with pytest.raises(Failed):
            store.wal.flush_to(write(store, first, b"x")).wait(5)
    assert [type(error) for error in told] == [OSError]
    with pytest.raises(Failed):
        store.checkpoint().wait(5)
    with pytest.raises(Failed):
        write(store, first, b"y")
    store.close()
    Store.open(files, dataclasses.replace(OPTIONS, threads=False)).close()


@pytest.mark.parametrize(("used", "given_up"), [(300, 600), (20, 60)])
def test_a_checkpoint_is_made_for_much_that_was_given_up(files, used, given_up):
    store = Store.create(files, dataclasses.replace(OPTIONS, free_bytes_kept=0), store_id=99)
    allocate(store, used)
    first = allocate(store, given_up)
    with store.latch, store.pager.begin_change(1) as change:
        store.pager.release(change, first, given_up)
        change.commit()
    until(lambda: store.pager.free_page_count >= given_up)
    assert store.pager.released_page_count == 0
    store.close()
