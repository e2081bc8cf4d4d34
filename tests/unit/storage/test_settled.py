"""Settled: when the ids of transactions that a crash has cut off are forgotten."""

import pytest

from storage.check import check
from storage.engine import Engine, Kind
from storage.vacuum import vacuum
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
