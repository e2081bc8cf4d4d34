"""Settled: when the ids of transactions that a crash has cut off are forgotten."""

import pytest

from storage.chains import Version
from storage.check import check
from storage.commit_log import COMMAND_BITS
from storage.engine import Engine, Kind
from storage.rowgroup import INNER, KEY_CHANGED, NEWER
from storage.vacuum import vacuum, without_aborted
from tests.support.small_engine import SMALL, crashed, small_engine

FIRST, SECOND, LATER = 20000, 20001, 20002
KINDS = (Kind.INT64,)


def insert(engine, relation_id, *values):
    transaction = engine.begin()
    for value in values:
        engine.relation(relation_id).insert_row(transaction, (value,))
    return transaction


def rows(engine, relation_id):
    table = engine.relation(relation_id)
    snapshot = engine.begin().snapshot()
    return [int(n) for view in table.scan(snapshot) for n in view.column(0)[0]]


@pytest.fixture
def cut_off():
    """An engine after a crash that has cut off changes of one of two tables, and the files."""
    engine, files = small_engine()
    transaction = engine.begin()
    transaction.create_relation(FIRST, KINDS)
    transaction.create_relation(SECOND, KINDS)
    transaction.commit()
    insert(engine, FIRST, 1, 2).commit()
    insert(engine, SECOND, 1).commit()
    unfinished = insert(engine, FIRST, 3, 4)
    snapshot = unfinished.snapshot()
    table = engine.relation(FIRST)
    table.delete(unfinished, snapshot, 0)
    engine.store.wal.flush_to(engine.store.wal.end_lsn).wait()
    engine = crashed(engine, files)
    assert engine.log.aborted
    return engine, files


def test_ids_are_kept_as_long_as_a_table_has_their_stamps(cut_off):
    engine, _ = cut_off
    assert engine.settled.look() == 0
    assert engine.settled.is_settled(SECOND)
    assert not engine.settled.is_settled(FIRST)
    assert rows(engine, FIRST) == [1, 2]
    vacuum(engine, FIRST)
    assert engine.settled.look() == 1
    assert not engine.log.aborted
    assert engine.settled.is_settled(FIRST)
    assert rows(engine, FIRST) == [1, 2]
    assert check(engine) == []


def test_what_is_forgotten_stays_forgotten(cut_off):
    engine, files = cut_off
    vacuum(engine, FIRST)
    engine.settled.look()
    engine.close()
    engine = Engine.open(files, SMALL)
    assert not engine.log.aborted
    assert rows(engine, FIRST) == [1, 2]


def test_tables_that_came_later_are_not_looked_at(cut_off, monkeypatch):
    engine, _ = cut_off
    transaction = engine.begin()
    transaction.create_relation(LATER, KINDS)
    transaction.commit()
    vacuum(engine, FIRST)
    monkeypatch.setitem(engine.relations.tables, LATER, None)
    assert engine.settled.look() == 1


def test_a_second_crash_begins_anew(cut_off):
    engine, files = cut_off
    engine.settled.look()
    insert(engine, SECOND, 5)
    engine.store.wal.flush_to(engine.store.wal.end_lsn).wait()
    engine = crashed(engine, files)
    assert len(engine.log.aborted) == 2
    vacuum(engine, FIRST)
    assert engine.settled.look() == 0
    vacuum(engine, SECOND)
    assert engine.settled.look() == 2
    assert rows(engine, SECOND) == [1]


def test_what_there_was_no_room_to_take_back_is_taken_back_before_its_id_is_forgotten():
    """A full disk leaves marks of dropping: without their id the next crash would take them for committed ones."""
    engine, files = small_engine()
    made = engine.begin()
    made.create_relation(FIRST, KINDS)
    made.commit()
    insert(engine, FIRST, 1, 2).commit()
    void = engine.begin()
    void.drop_relation(FIRST)
    void.create_relation(SECOND, KINDS)
    void.is_resumed = True  # as after DiskFull: nothing of it is taken back
    void.abort()
    assert engine.log.aborted
    assert engine.settled.look() == 1
    engine.checkpoint()  # nothing says any more that the transaction was void
    engine = crashed(engine, files)
    assert rows(engine, FIRST) == [1, 2]
    assert [header.relation_id for header in engine.relations.headers()] == [FIRST]
    assert check(engine) == []


@pytest.mark.parametrize("changed", [None, 0, 1])
def test_entries_of_all_that_is_cut_off_are_looked_for(changed):
    links = [NEWER | 2, INNER | NEWER | 3, INNER | 1]
    if changed is not None:
        links[changed] |= KEY_CHANGED
    stamps = [(43, 55), (55, 56), (56, 0)]
    chain = [
        Version(row_id, xmin << COMMAND_BITS, xmax << COMMAND_BITS, link, 0)
        for row_id, ((xmin, xmax), link) in enumerate(zip(stamps, links, strict=True), 1)
    ]
    (left,) = without_aborted(chain, {55, 56})
    assert (left.xmin, left.xmax, left.row_id) == (chain[0].xmin, 0, 1)
    assert bool(left.next & KEY_CHANGED) is (changed is not None)
    assert without_aborted(chain, {57}) == chain


@pytest.mark.parametrize("ends", [False, True])
def test_who_changes_a_row_again_keeps_the_mark_of_what_is_cut_off_behind_it(ends):
    engine, files = small_engine()
    transaction = engine.begin()
    table = transaction.create_relation(FIRST, KINDS)
    root = table.insert_row(transaction, (1,))
    transaction.commit().wait()
    cut_off = engine.begin()
    middle = table.update(cut_off, cut_off.snapshot(), root, (2,)).new_row_id
    cut_off.next_command()
    table.update(cut_off, cut_off.snapshot(), middle, (3,), key_changed=True)
    engine.store.wal.flush_to(engine.store.wal.end_lsn).wait()
    again = crashed(engine, files)
    table = again.relation(FIRST)
    transaction = again.begin()
    if ends:
        table.delete(transaction, transaction.snapshot(), root)
    else:
        table.update(transaction, transaction.snapshot(), root, (4,))
    assert table.key_changed(root)
    transaction.abort()
    assert table.key_changed(root)
