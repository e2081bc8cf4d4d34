"""A disk that is full or gone, even for taking back what was done: the transaction is over, and nothing of it shows."""

import random

import numpy as np
import pytest

from storage.check import check
from storage.engine import Engine, Kind
from storage.errors import DiskFull
from storage.transactions import Transaction
from storage.vacuum import vacuum
from tests.crash.disk import CrashingFiles, Faults
from tests.crash.test_engine_crash import OPTIONS

TABLE, MADE, INDEX = 101, 102, 103
ROWS = 2000
"""So many are taken back with more log than is kept for that."""


class Filled:
    """An engine on a full disk with a transaction that has used every byte of log there was."""

    def __init__(self, *, at_savepoint=False):
        self.faults = Faults(random.Random(1))
        self.files = CrashingFiles(self.faults)
        self.engine = Engine.create(self.files, OPTIONS, store_id=9)
        first = self.engine.begin()
        first.create_relation(TABLE, [Kind.INT64])
        first.create_index(INDEX)
        self.insert(first, 1)
        first.commit().wait()
        self.transaction = self.engine.begin()
        self.transaction.create_relation(MADE, [Kind.INT64])
        if at_savepoint:
            self.transaction.savepoint()
        with pytest.raises(DiskFull):
            for number in range(2, 1 << 20):
                self.faults.full = number > ROWS
                self.insert(self.transaction, number)

    def insert(self, transaction, number):
        engine = self.engine
        root_id = engine.relation(TABLE).insert_row(transaction, (number,))
        key = b"k%06d" % (number * 7919 % 1_000_003)
        engine.index(INDEX).insert(transaction, key * 4, root_id)

    def rows(self):
        transaction = self.engine.begin()
        views = list(self.engine.relation(TABLE).scan(transaction.snapshot()))
        found = [value for view in views for value in view.column(0)[0].tolist()]
        transaction.abort()
        return sorted(found)


@pytest.fixture
def filled():
    return Filled()


def test_what_cannot_be_taken_back_is_void(filled):
    filled.transaction.abort()
    assert filled.transaction.ended
    assert not filled.engine.log.active
    assert filled.rows() == [1]
    filled.faults.full = False
    filled.engine.checkpoint().wait()
    other = filled.engine.begin()
    filled.insert(other, 500_000)
    other.commit().wait()
    assert filled.rows() == [1, 500_000]
    assert check(filled.engine) == []
    for _ in range(2):
        filled.files.lose_power()
        filled.engine = Engine.open(filled.files, OPTIONS)
        assert filled.rows() == [1, 500_000]
        assert MADE not in filled.engine.relation_ids()
        assert check(filled.engine) == []
    filled.engine.vacuum(TABLE, [(INDEX, None)])
    assert check(filled.engine) == []
    assert np.array_equal(filled.rows(), [1, 500_000])


def test_without_that_the_transaction_would_go_on(filled, monkeypatch):
    """The control: taking back fails, and the transaction is never over."""
    monkeypatch.setattr(Transaction, "_take_back_all", lambda self: self._take_back(0) is None)
    with pytest.raises(DiskFull):
        filled.transaction.abort()
    assert filled.engine.log.active


def test_what_cannot_be_taken_back_to_a_savepoint_is_void():
    """A step that finds no room was lost: an entry of an index led to a slot of others."""
    filled = Filled(at_savepoint=True)
    transaction = filled.transaction
    for _ in range(2):
        with pytest.raises(DiskFull):
            transaction.rollback_to(0)
    filled.faults.full = False
    transaction.abort()
    assert filled.rows() == [1]
    assert filled.engine.log.aborted
    vacuum(filled.engine, TABLE, [(filled.engine.index(INDEX), None)])
    entries = sum(1 for _ in filled.engine.index(INDEX).range())
    assert entries == 1
    assert check(filled.engine) == []


def test_what_storage_that_has_stopped_cannot_take_back_is_void(filled):
    """The ids ended as if the rows were gone: whoever still read saw them."""
    filled.engine.store.failure.fail(OSError("the disk is gone"))
    filled.transaction.abort()
    assert filled.rows() == [1]
