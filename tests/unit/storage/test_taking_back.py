"""Portions of what is taken back are bounded, and a stop between two of them leaves what any other would."""

import itertools

import pytest

from storage.check import check
from storage.engine import Engine, Kind
from storage.keys import encode_key
from storage.taking_back import take_back_portion
from storage.vacuum import vacuum
from tests.support.small_engine import SMALL, small_engine

TABLE, INDEX = 20000, 20001
KINDS = (Kind.INT64,)
PORTION = 100


def key_of(values):
    return encode_key(values, KINDS)


def load(engine, numbers):
    transaction = engine.begin()
    table = engine.relation(TABLE)
    roots = [table.insert_row(transaction, (number,)) for number in numbers]
    keys = [key_of((number,)) for number in numbers]
    engine.index(INDEX).insert_many(transaction, keys, roots)
    return transaction


@pytest.fixture
def made():
    engine, files = small_engine()
    transaction = engine.begin()
    transaction.create_relation(TABLE, KINDS)
    transaction.create_index(INDEX)
    transaction.commit()
    load(engine, range(0, 2000, 2)).commit()
    return engine, files


def entries(engine):
    return sum(1 for _ in engine.index(INDEX).range())


def test_a_portion_is_bounded(made):
    engine, _ = made
    transaction = load(engine, range(1, 2000, 2))
    counts = [entries(engine)]
    while take_back_portion(transaction, PORTION):
        counts.append(entries(engine))
    assert max(before - after for before, after in itertools.pairwise(counts)) == PORTION
    assert len(counts) == 2000 // PORTION
    transaction.abort()
    assert entries(engine) == 1000
    assert check(engine) == []


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("portions", [1, 7, 15])
def test_a_stop_between_two(made, fast, portions):
    engine, files = made
    transaction = load(engine, range(1, 2000, 2))
    for _ in range(portions):
        assert take_back_portion(transaction, PORTION)
    engine.store.wal.flush_to(engine.store.wal.end_lsn)
    engine.close(fast=fast)
    engine = Engine.open(files, SMALL)
    assert engine.log.aborted
    table = engine.relation(TABLE)
    assert sum(view.count for view in table.scan(engine.begin().snapshot())) == 1000
    vacuum(engine, TABLE, [(engine.index(INDEX), key_of)])
    assert entries(engine) == 1000
    assert engine.settled.look()
    assert check(engine) == []
