"""Pager: runs handed out and taken back, pages verified, write-back, checkpoints."""

import dataclasses
import errno

import numpy as np
import pytest

from storage.change import DIRTY
from storage.errors import Corruption, DiskFull, Failed
from storage.memory_files import MemoryFiles
from storage.options import Options
from storage.pages import ROOT_PAGE, Pager
from storage.store import Hooks, Store

PAGE = 1024
OPTIONS = Options(
    page_bytes=PAGE,
    page_segment_bytes=32 * PAGE,
    wal_segment_bytes=65536,
    max_wal_size=1 << 20,
    dirty_bytes_max=64 * PAGE,
    store_bytes_max=1024 * PAGE,
    growth_bytes_min=8 * PAGE,
    slice_pages=4,
    threads=False,
)


@pytest.fixture
def files() -> MemoryFiles:
    return MemoryFiles()


@pytest.fixture
def store(files) -> Store:
    return Store.create(files, OPTIONS, store_id=99)


def allocate(pager: Pager, page_count: int, content: bytes = b"") -> int:
    with pager.begin_change(1) as change:
        first = pager.allocate(change, page_count)
        change.write(first * PAGE, content)
        change.commit()
    return first


def release(pager: Pager, first: int, page_count: int) -> None:
    with pager.begin_change(1) as change:
        pager.release(change, first, page_count)
        change.commit()


def reopen(store: Store, files: MemoryFiles) -> Store:
    store.wal.flush_to(store.wal.end_lsn).wait()
    store.close(fast=True)
    return Store.open(files, OPTIONS)


def test_a_new_store_has_a_root_page(store):
    assert store.pager.used_runs() == [(0, ROOT_PAGE + 1)]
    assert not store.pager.view(ROOT_PAGE, 1).any()


def test_runs_do_not_overlap_and_cross_segments(store):
    first = allocate(store.pager, 20, b"a" * 20 * PAGE)
    second = allocate(store.pager, 40, b"b" * 40 * PAGE)
    assert (store.pager.view(first, 20) == ord("a")).all()
    assert (store.pager.view(second, 40) == ord("b")).all()


def test_views_cannot_be_written(store):
    with pytest.raises(ValueError, match="read-only"):
        store.pager.view(ROOT_PAGE, 1)[0] = 1


def test_an_abandoned_allocation_is_free_again(store):
    free = store.pager.free_page_count
    with store.pager.begin_change(1) as change:
        store.pager.allocate(change, 2)
        assert store.pager.free_page_count == free - 2
    assert store.pager.free_page_count == free


def test_a_released_run_waits_for_a_checkpoint_and_for_readers(store):
    pager = store.pager
    first = allocate(pager, 2, b"x")
    readers_lsn = store.wal.end_lsn
    pager.reader_horizon = lambda: readers_lsn
    release(pager, first, 2)
    free = pager.free_page_count
    store.checkpoint().wait()
    pager.reclaim()
    assert pager.free_page_count == free, "a reader is older than the release"
    readers_lsn = store.wal.end_lsn
    pager.reclaim()
    assert pager.free_page_count == free + 2
    again = allocate(pager, 2)
    assert again == first
    assert not pager.view(first, 2).any(), "a reused run reads as zeros"


def test_without_a_checkpoint_nothing_is_reused(store):
    first = allocate(store.pager, 2)
    release(store.pager, first, 2)
    store.pager.reclaim()
    assert allocate(store.pager, 2) != first


def test_what_redo_has_released_waits_for_a_checkpoint_too(store, files):
    first = allocate(store.pager, 2)
    release(store.pager, first, 2)
    store.wal.flush_to(store.wal.end_lsn).wait()
    store.close(fast=True)
    again = Store.open(files, OPTIONS)
    again.pager.reclaim()
    taken = allocate(again.pager, 2)
    assert taken != first
    again.checkpoint().wait()
    assert allocate(again.pager, 2) == first
    again.close()


def test_allocation_survives_a_restart(store, files):
    first = allocate(store.pager, 5, b"hello")
    gone = allocate(store.pager, 3)
    release(store.pager, gone, 3)
    used = store.pager.used_runs()
    store = reopen(store, files)
    assert store.pager.used_runs() == used
    assert store.pager.view(first, 1)[:5].tobytes() == b"hello"


def test_regions_get_their_bitmap_pages(files):
    options = dataclasses.replace(OPTIONS, page_bytes=512, store_bytes_max=512 * 20000)
    store = Store.create(files, options, store_id=9)
    with store.pager.begin_change(1) as change:
        first = store.pager.allocate(change, 9000)  # a region is 4096 pages
        change.commit()
    store.wal.flush_to(store.wal.end_lsn).wait()
    assert store.pager.used_runs()
    store.close(fast=True)
    store = Store.open(files, options)
    used = {page for a, n in store.pager.used_runs() for page in range(a, a + n)}
    assert set(range(first, first + 9000)) < used
    assert len(used) == 9000 + 3 + 2


def test_a_full_disk_refuses_and_recovers(store, files, monkeypatch):
    def full(self, byte_count: int) -> None:
        if byte_count > self.size():
            raise OSError(errno.ENOSPC, "injected")

    pager = store.pager
    used, free = pager.used_runs(), pager.free_page_count
    with monkeypatch.context() as patch:
        patch.setattr("storage.memory_files.MemoryFile.allocate", full)
        with pytest.raises(DiskFull):
            allocate(pager, 100)
        assert not pager.change.is_open
        assert (pager.used_runs(), pager.free_page_count) == (used, free)
        assert not pager.view(ROOT_PAGE, 1).any(), "reads go on"
        allocate(pager, 1)
    allocate(pager, 100)


def test_the_largest_size_is_a_full_disk(store):
    with pytest.raises(DiskFull, match="largest size"):
        allocate(store.pager, 5000)


def corrupt(files: MemoryFiles, page_no: int) -> str:
    name = f"pages/{page_no // 32:08x}"
    files.open(name).content[page_no % 32 * PAGE + 17] ^= 1
    return name


def test_a_rotten_page_is_named_and_the_others_go_on(store, files):
    first = allocate(store.pager, 40, b"x" * 40 * PAGE)
    store.close()
    name = corrupt(files, first + 38)
    store = Store.open(files, OPTIONS)
    assert (store.pager.view(first, 38) == ord("x")).all()
    with pytest.raises(Corruption) as caught:
        store.pager.view(first, 40)
    assert (caught.value.file, caught.value.position) == (name, first + 38)
    with store.pager.begin_change(1) as change, pytest.raises(Corruption):
        change.write((first + 38) * PAGE, b"y")
    assert (store.pager.view(first + 39, 1) == ord("x")).all()
    assert [error.position for error in store.pager.scrub(0, 1000)] == [first + 38]


def test_a_page_at_the_wrong_place_is_found_out(store, files):
    first = allocate(store.pager, 2, b"x" * 2 * PAGE)
    store.close()
    sums = files.open("sums/00000000")
    sums.pwrite(first * 4, sums.pread(first * 4 + 4, 4))
    with pytest.raises(Corruption):
        Store.open(files, OPTIONS).pager.view(first, 1)


def test_a_never_written_page_must_be_zero(store, files):
    first = allocate(store.pager, 1)
    store.close()
    corrupt(files, first)
    with pytest.raises(Corruption):
        Store.open(files, OPTIONS).pager.view(first, 1)


def test_write_back_leaves_clean_pages_and_the_same_bytes(store):
    first = allocate(store.pager, 3, b"q" * 3 * PAGE)
    view = store.pager.view(first, 3)
    store.write_back.round(1000)
    assert store.pager.dirty_page_count == 0
    assert not (store.pager.table.states & DIRTY).any()
    assert (view == ord("q")).all()


def test_a_page_changed_during_write_back_stays_dirty(store):
    first = allocate(store.pager, 1, b"old")
    pages = store.write_back.begin()
    store.write_back.write_slice(pages)
    with store.pager.begin_change(1) as change:
        change.write(first * PAGE, b"new")
        change.commit()
    store.write_back.finish()
    assert store.pager.table.dirty == [first]
    assert store.pager.view(first, 1)[:3].tobytes() == b"new"


def test_dirty_memory_is_bounded(store):
    first = allocate(store.pager, 600, b"x")
    store.checkpoint().wait()
    for page_no in range(first, first + 600):
        with store.pager.begin_change(1) as change:
            change.write(page_no * PAGE, b"y")
            change.commit()
        assert store.pager.dirty_page_count <= 2 * 64 + 1
    assert (store.pager.view(first, 600)[::PAGE] == ord("y")).all()


def test_changes_go_on_between_the_slices_of_a_checkpoint(store, files):
    first = allocate(store.pager, 20, b"a" * 20 * PAGE)
    with store.write_back.busy:
        store.checkpointer.begin()
        number = 0
        while not store.checkpointer.step():
            number += 1
            with store.pager.begin_change(1) as change:
                change.write((first + number) * PAGE, bytes([number]))
                change.commit()
    assert number > 3
    store = reopen(store, files)
    found = store.pager.view(first, 20)[::PAGE].tolist()
    assert found[1 : number + 1] == list(range(1, number + 1))


def test_a_write_error_stops_the_store(store, monkeypatch):
    def broken(self, offset: int, data: bytes) -> None:
        raise OSError(errno.EIO, "injected")

    allocate(store.pager, 1, b"x")
    store.wal.flush_to(store.wal.end_lsn).wait()
    with monkeypatch.context() as patch:
        patch.setattr("storage.memory_files.MemoryFile.pwrite", broken)
        with pytest.raises(Failed):
            store.checkpoint().wait()
    with pytest.raises(Failed):
        allocate(store.pager, 1)
    with pytest.raises(Failed):
        store.checkpoint().wait()


def test_the_engines_state_comes_back(files):
    seen = []
    hooks = Hooks(
        state=lambda: b"state of the engine",
        restore=lambda _store, recovered: seen.append(recovered),
    )
    store = Store.create(files, OPTIONS, store_id=5, hooks=hooks)
    store.checkpoint().wait()
    store.wal.append(1, 41, b"")
    store.wal.flush_to(store.wal.end_lsn).wait()
    store.close(fast=True)
    Store.open(files, OPTIONS, hooks=hooks).close()
    assert seen[0].engine_state == b"state of the engine"
    assert seen[0].unfinished == {41}
    assert seen[0].next_xid == 42


def test_checksums_of_runs_are_those_of_pages(store):
    first = allocate(store.pager, 3, np.arange(PAGE * 3, dtype=np.uint8).tobytes())
    content = store.pager.view(first, 3).tobytes()
    whole = store.pager.sums.stamp(first, content)
    parts = [
        store.pager.sums.stamp(first + index, content[index * PAGE : (index + 1) * PAGE])
        for index in range(3)
    ]
    assert whole == b"".join(parts)


def test_a_store_that_grows_again_and_again_takes_longer_steps(files):
    store = Store.create(
        files, dataclasses.replace(OPTIONS, growth_bytes_max=64 * PAGE), store_id=9
    )
    pager = store.pager
    pager.grow_ahead()
    pager.grow_ahead()

    def grown() -> int:
        before = pager.page_count
        pager.grow(1)
        return pager.page_count - before

    assert [grown() for _ in range(5)] == [8, 8, 16, 32, 64]
    pager.grow_ahead()
    pager.grow_ahead()
    usual = pager.page_count // 8
    assert grown() == usual < 64


def test_a_page_in_use_that_its_file_has_no_longer_is_named(store, files):
    first = allocate(store.pager, 4)
    store.close()
    files.open("pages/00000000").content[(first + 2) * PAGE :] = b""
    with pytest.raises(Corruption, match=f"missing page in pages/00000000, page {first + 2}"):
        Store.open(files, OPTIONS)
