"""Recovery: what it learns of transactions, what it refuses, how it tells of itself."""

import dataclasses

import pytest

from storage import log_reader, recovery
from storage.errors import Corruption
from storage.log_segments import segment_name
from storage.memory_files import MemoryFiles
from storage.options import Options
from storage.pages import ROOT_PAGE
from storage.records import Kind, describe_record, encode_end
from storage.store import Hooks, Store

PAGE = 1024
SEGMENT = 65536
OPTIONS = Options(
    page_bytes=PAGE,
    page_segment_bytes=256 * PAGE,
    wal_segment_bytes=SEGMENT,
    store_bytes_max=1024 * PAGE,
    growth_bytes_min=8 * PAGE,
    dirty_bytes_max=16 * PAGE,
    threads=False,
)


def change(store: Store, xid: int, data: bytes = b"x", page_no: int = ROOT_PAGE) -> None:
    with store.pager.begin_change(xid) as change:
        change.write(page_no * PAGE, data)
        change.commit()


def crash(store: Store) -> None:
    store.wal.flush_to(store.wal.end_lsn).wait()
    store.close(fast=True)


def test_transactions_are_told_apart():
    seen: list[recovery.Recovered] = []
    files = MemoryFiles()
    store = Store.create(files, OPTIONS, store_id=1)
    for xid in (10, 11, 12, 13, 14):
        change(store, xid)
    store.wal.append(Kind.COMMIT, 10, encode_end([11], b"payload"))
    store.wal.append(Kind.ABORT, 12, encode_end([]))
    store.wal.append(Kind.PREPARE, 13, b"gid")
    store.wal.append(Kind.COMMIT, 9, encode_end([]))
    crash(store)
    Store.open(files, OPTIONS, hooks=Hooks(restore=lambda _, found: seen.append(found))).close()
    (found,) = seen
    assert found.unfinished == {13, 14}
    assert found.prepared == {13: b"gid"}
    assert found.finished == {9, 10, 11, 12}
    assert found.next_xid == 15


def test_nothing_is_redone_after_a_clean_close():
    files = MemoryFiles()
    store = Store.create(files, OPTIONS, store_id=1)
    change(store, 10)
    store.close()
    seen: list[int] = []
    hooks = Hooks(restore=lambda _, found: seen.append(found.record_count))
    Store.open(files, OPTIONS, hooks=hooks).close()
    assert seen == [1], "the checkpoint's own record is all there is"


def test_a_lost_segment_is_corruption():
    files = MemoryFiles()
    store = Store.create(files, OPTIONS, store_id=1)
    for _ in range(200):
        change(store, 10, b"x" * 1000)
    crash(store)
    files.remove(segment_name(2))
    with pytest.raises(Corruption, match=f"missing WAL segment in {segment_name(2)}"):
        Store.open(files, OPTIONS)


def test_a_rotten_record_below_what_was_durable_is_corruption_and_nothing_is_touched():
    files = MemoryFiles()
    store = Store.create(files, OPTIONS, store_id=1)
    lsns = []
    for _ in range(4):
        lsns.append(store.wal.end_lsn)
        change(store, 10)
        store.wal.flush_to(store.wal.end_lsn).wait()
    crash(store)
    files.open(segment_name(1)).content[lsns[1] + 60 - SEGMENT] ^= 1
    before = {name: bytes(file.content) for name, file in files.entries.items()}
    with pytest.raises(Corruption, match=f"bad WAL record at {lsns[1]:#x}"):
        Store.open(files, OPTIONS)
    assert before == {name: bytes(file.content) for name, file in files.entries.items()}


def test_a_missing_checkpoint_record_is_corruption():
    files = MemoryFiles()
    store = Store.create(files, OPTIONS, store_id=1)
    place = store.control.control.checkpoint_lsn
    crash(store)
    files.open(segment_name(1)).content[place - SEGMENT + 8] ^= 1
    with pytest.raises(Corruption, match="no checkpoint"):
        Store.open(files, OPTIONS)


def test_progress_is_told_and_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(log_reader, "WINDOW_BYTES", 1024)
    files = MemoryFiles()
    options = dataclasses.replace(OPTIONS, dirty_bytes_max=1024 * PAGE)
    store = Store.create(files, options, store_id=1)
    with store.pager.begin_change(1) as made:
        first = store.pager.allocate(made, 100)
        made.commit()
    for page_no in range(first, first + 100):
        change(store, 1, b"y", page_no)
    crash(store)
    told: list[tuple[int, int]] = []
    hooks = Hooks(progress=lambda done, total: told.append((done, total)))
    store = Store.open(files, OPTIONS, hooks=hooks)
    assert len(told) > 10
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    assert (store.pager.view(first, 100)[::PAGE] == ord("y")).all()
    store.close()


def test_every_record_can_be_described():
    store = Store.create(MemoryFiles(), OPTIONS, store_id=1)
    start = store.checkpointer.redo_lsn
    change(store, 10)
    store.wal.append(Kind.COMMIT, 10, encode_end([11], b"payload"))
    store.wal.flush_to(store.wal.end_lsn).wait()
    lines = [describe_record(record) for record in store.wal.read(start)]
    assert lines[0].endswith("checkpoint xid 0: 8 bytes")
    assert "write 0x800 0x1" in lines[1]
    assert lines[2].endswith("commit xid 10: subxids [11] and 7 bytes")
