"""Room on the disk: what is free beyond need is given back, and taken again before a page of it is used."""

import dataclasses
import errno

import pytest

from storage.errors import DiskFull, Failed
from storage.extents import FreeSpace
from storage.files import RealFiles
from storage.memory_files import MemoryFile, MemoryFiles
from storage.store import Store
from tests.unit.storage.test_pages import OPTIONS, PAGE, allocate, release, reopen

UNIT = OPTIONS.growth_bytes_min // PAGE
NOTHING_KEPT = dataclasses.replace(OPTIONS, free_bytes_kept=0)


@pytest.fixture
def files():
    return MemoryFiles()


@pytest.fixture
def store(files):
    """A store in which 200 pages were free that had something in them."""
    made = Store.create(files, NOTHING_KEPT, store_id=99)
    allocate(made.pager, 10, b"kept" * 256)
    first = allocate(made.pager, 200, b"given" * 40 * 1024)
    release(made.pager, first, 200)
    made.checkpoint().wait()
    return made


def contents(files):
    return b"".join(file.content for name, file in sorted(files.entries.items()) if "pages" in name)


def test_what_is_free_is_given_back(store, files):
    assert store.pager._hollows.page_count >= 200 - 2 * UNIT
    assert contents(files).count(b"given") < 2 * UNIT * PAGE // 5
    assert contents(files).count(b"kept") == 256


def test_it_is_used_again_before_the_store_grows(store, files):
    pager, page_count = store.pager, store.pager.page_count
    free = pager.free_page_count
    refilled = []
    refill = pager.segments.refill
    pager.segments.refill = lambda *run: refilled.append(run) or refill(*run)
    first = allocate(pager, 150, b"again")
    assert (pager.page_count, pager.free_page_count) == (page_count, free - 150)
    ((unit_page, count),) = refilled
    assert unit_page < first + 150 <= unit_page + count
    assert unit_page % UNIT == count % UNIT == 0
    assert not pager.view(first, 150)[5:].any()


@pytest.mark.parametrize("closes", [False, True])
def test_after_a_restart_too(store, files, closes):
    if closes:
        store.close()
        store = Store.open(files, NOTHING_KEPT)
    else:
        store = reopen(store, files)
    assert store.pager._hollows.page_count >= 200 - 2 * UNIT
    page_count = store.pager.page_count
    first = allocate(store.pager, 150, b"again" * 150 * 200)
    store.checkpoint().wait()
    assert store.pager.page_count == page_count
    store = reopen(store, files)
    assert store.pager.view(first, 1)[:5].tobytes() == b"again"


def test_where_there_is_no_room_any_more_it_stays_free(store, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "injected")

    pager, free = store.pager, store.pager.free_page_count
    with monkeypatch.context() as patch:
        patch.setattr(MemoryFile, "refill", full)
        patch.setattr(MemoryFile, "allocate", full)
        with pytest.raises(DiskFull):
            allocate(pager, 150)
    assert pager.free_page_count == free
    allocate(pager, 150)


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EIO])
def test_a_file_system_may_not_be_able_to(files, monkeypatch, code):
    def cannot(*_):
        raise OSError(code, "injected")

    monkeypatch.setattr(MemoryFile, "give_back", cannot)
    store = Store.create(files, NOTHING_KEPT, store_id=99)
    first = allocate(store.pager, 200, b"x")
    release(store.pager, first, 200)
    if code == errno.EIO:
        with pytest.raises(Failed):
            store.checkpoint().wait()
        return
    store.checkpoint().wait()
    assert store.pager._hollows.page_count == 0
    assert store.pager._free.page_count >= 200


def test_some_is_kept(files):
    store = Store.create(
        files, dataclasses.replace(OPTIONS, free_bytes_kept=64 * PAGE), store_id=99
    )
    first = allocate(store.pager, 200, b"x")
    release(store.pager, first, 200)
    store.checkpoint().wait()
    assert 64 <= store.pager._free.page_count < 64 + 2 * UNIT


def test_what_is_dirty_is_not_given_back(store):
    pager = store.pager
    first = allocate(pager, 180, b"x" * 180 * PAGE)
    pager._free.add(first, 180)  # as if it were free already
    pager.give_back()
    assert pager.view(first, 180).all()


def test_a_real_file_takes_less_room_and_reads_as_zeros(tmp_path):
    files = RealFiles(tmp_path)
    file = files.open("file", create=True)
    file.allocate(1 << 20)
    file.pwrite(0, b"x" * (1 << 20))
    file.datasync()
    reservation = files.reserve(1 << 20)
    reservation.map(file, offset=0, target=0, byte_count=1 << 20)
    assert reservation.bytes.all()
    before = (tmp_path / "file").stat().st_blocks
    file.give_back(4096, (1 << 20) - 8192)
    assert (tmp_path / "file").stat().st_blocks < before / 2
    assert not reservation.bytes[4096:-4096].any()
    assert reservation.bytes[:4096].all()
    file.refill(4096, (1 << 20) - 8192)
    assert (tmp_path / "file").stat().st_blocks >= before - 8
    file.close()


def test_a_part_is_cut_out_of_a_free_run():
    free = FreeSpace()
    free.add(10, 30)
    free.cut(16, 8)
    assert (free.runs(), free.page_count) == ([(10, 6), (24, 16)], 22)
    assert free.largest() == [(24, 16), (10, 6)]
    free.add(16, 8)
    assert free.runs() == [(10, 30)]
