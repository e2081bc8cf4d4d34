"""What recovery has to redo is bounded by max_wal_size, however long the server has run."""

import pytest

from storage.memory_files import MemoryFiles
from storage.options import Options
from storage.pages import ROOT_PAGE
from storage.store import Store

PAGE, SEGMENT = 1024, 64 * 1024
OPTIONS = Options(
    page_bytes=PAGE,
    page_segment_bytes=64 * PAGE,
    wal_segment_bytes=SEGMENT,
    max_wal_size=16 * SEGMENT,
    wal_buffer_bytes=SEGMENT,
    store_bytes_max=256 * PAGE,
    growth_bytes_min=8 * PAGE,
    checkpoint_timeout_seconds=3600.0,
    threads=False,
)


@pytest.mark.parametrize("rounds", [1, 40])
def test_checkpoints_keep_the_log_behind_the_redo_point_short(rounds):
    files = MemoryFiles()
    store = Store.create(files, OPTIONS, store_id=1)
    for number in range(rounds * 100):
        with store.pager.begin_change(1) as change:
            change.write(ROOT_PAGE * PAGE, number.to_bytes(900, "little"))
            lsn = change.commit()
        store.wal.flush_to(lsn).wait()
        if number % 10 == 0:
            store._housekeep(overdue=False)
            lag_bytes = store.wal.end_lsn - store.checkpointer.redo_lsn
            assert lag_bytes <= OPTIONS.max_wal_size // 2
            assert store.wal.segments.byte_count <= OPTIONS.max_wal_size
    checkpoints = store.checkpointer.count
    assert (checkpoints > 5) is (rounds > 1)
    store.close(fast=True)
    again = Store.open(files, OPTIONS)
    assert int.from_bytes(again.pager.view(ROOT_PAGE, 1)[:4].tobytes(), "little") == number
    again.close()


def test_the_timeout_makes_a_checkpoint_too():
    store = Store.create(MemoryFiles(), OPTIONS, store_id=1)
    with store.pager.begin_change(1) as change:
        change.write_u64(ROOT_PAGE * PAGE, 5)
        store.wal.flush_to(change.commit()).wait()
    count = store.checkpointer.count
    store._housekeep(overdue=False)
    assert store.checkpointer.count == count
    store._housekeep(overdue=True)
    assert store.checkpointer.count == count + 1
    store._housekeep(overdue=True)
    assert store.checkpointer.count == count + 1, "nothing has happened since"
    store.close()


def lives_that_end_early(files: MemoryFiles, count: int) -> list[int]:
    """How long the log to redo is at the start of each life, of which none lasts until its first checkpoint."""
    lags = []
    for _ in range(count):
        store = Store.open(files, OPTIONS)
        lags.append(store.wal.end_lsn - store.checkpointer.redo_lsn)
        for number in range(100):
            with store.pager.begin_change(1) as change:
                change.write(ROOT_PAGE * PAGE, number.to_bytes(900, "little"))
                lsn = change.commit()
        store.wal.flush_to(lsn).wait()
        store.close(fast=True)
    return lags


@pytest.mark.parametrize("is_broken", [False, True])
def test_lives_that_end_early_do_not_make_the_log_ever_longer(monkeypatch, is_broken):
    files = MemoryFiles()
    Store.create(files, OPTIONS, store_id=1).close()
    if is_broken:
        monkeypatch.setattr(Store, "_has_long_log", False)
    lags = lives_that_end_early(files, 20)
    assert (max(lags) <= OPTIONS.max_wal_size // 2) is not is_broken
    assert lags[1] > 90_000, "the second life redoes the first one"


def test_a_full_disk_has_recovery_make_its_checkpoint_first(monkeypatch):
    files = MemoryFiles()
    Store.create(files, OPTIONS, store_id=1).close()
    lives_that_end_early(files, 1)
    monkeypatch.setattr(Store, "_prepare_ahead", lambda _store: False)
    store = Store.open(files, OPTIONS)
    assert store.checkpointer.count == 1
    store.close()
