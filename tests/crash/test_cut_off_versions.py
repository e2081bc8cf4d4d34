"""Versions that a crash has cut off lie before the rows they were of: vacuum frees them, and others use their slots."""

import random

import pytest

from storage.check import check
from storage.engine import Engine, Kind, Status
from storage.vacuum import SLOTS_AT_ONCE, vacuum
from tests.crash.disk import CrashingFiles, Faults
from tests.crash.test_engine_crash import OPTIONS

TABLE = 101
FIRST = 2 * SLOTS_AT_ONCE
ROWS = 20


@pytest.fixture
def engine():
    """Rows behind many free slots, of which an UPDATE had taken some when the power went."""
    files = CrashingFiles(Faults(random.Random(1)))
    engine = Engine.create(files, OPTIONS, store_id=9)
    made = engine.begin()
    made.create_relation(TABLE, [Kind.INT64])
    made.commit().wait()
    table = engine.relation(TABLE)
    gone, stays = engine.begin(), engine.begin()
    for number in range(FIRST):
        table.insert_row(gone, (number,))
    for number in range(ROWS):
        table.insert_row(stays, (number,))
    stays.commit().wait()
    gone.abort()
    cut_off = engine.begin()
    snapshot = cut_off.snapshot()
    for row_id in range(FIRST, FIRST + ROWS):
        assert table.update(cut_off, snapshot, row_id, (-1,)).status is Status.DONE
    engine.store.wal.flush_to(engine.store.wal.end_lsn).wait()
    files.lose_power()
    return Engine.open(files, OPTIONS)


def numbers(engine):
    reader = engine.begin()
    views = list(engine.relation(TABLE).scan(reader.snapshot()))
    found = sorted(value for view in views for value in view.column(0)[0].tolist())
    reader.abort()
    return found


def test_others_use_the_slots_while_it_goes_on(engine):
    added = iter(range(1000, 2000))
    inserted = []

    def insert():
        transaction = engine.begin()
        for number in [next(added) for _ in range(10)]:
            engine.relation(TABLE).insert_row(transaction, (number,))
            inserted.append(number)
        transaction.commit().wait()

    vacuum(engine, TABLE, pause=insert)
    assert numbers(engine) == [*range(ROWS), *inserted]
    assert check(engine) == []


def test_each_slot_is_free_once(engine):
    vacuum(engine, TABLE)
    assert check(engine) == []
    transaction = engine.begin()
    for number in range(1000, 1000 + FIRST):
        engine.relation(TABLE).insert_row(transaction, (number,))
    transaction.commit().wait()
    assert numbers(engine) == [*range(ROWS), *range(1000, 1000 + FIRST)]
    assert check(engine) == []
