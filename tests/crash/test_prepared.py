"""Prepared transactions through power cuts: they are neither lost nor half done, and keep their locks."""

import random

import pytest

from storage.check import check
from storage.engine import Engine, Kind, LockMode, RowLock, Status
from storage.errors import Failed
from tests.crash.disk import CrashingFiles, Faults, PowerCut
from tests.crash.test_engine_crash import OPTIONS

TABLE, MADE, DROPPED, INDEX = 101, 102, 103, 104
SEEDS = 60


class Store:
    """An engine on a disk whose power can be cut."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.faults = Faults(self.random)
        self.files = CrashingFiles(self.faults)
        self.engine = Engine.create(self.files, OPTIONS, store_id=9)
        transaction = self.engine.begin()
        transaction.create_relation(TABLE, [Kind.INT64])
        transaction.create_relation(DROPPED, [Kind.INT64])
        transaction.create_index(INDEX)
        for number in (1, 2):
            self.engine.relation(TABLE).insert_row(transaction, (number,))
        transaction.commit().wait()

    def restart(self):
        self.files.lose_power()
        self.files.restart()
        self.engine = Engine.open(self.files, OPTIONS)

    def rows(self):
        transaction = self.engine.begin()
        found = [
            value
            for view in self.engine.relation(TABLE).scan(transaction.snapshot())
            for value in view.column(0)[0].tolist()
        ]
        transaction.abort()
        return sorted(found)

    def changed(self):
        """A transaction that has changed a row, added one with a key, made a table and dropped another."""
        engine = self.engine
        transaction = engine.begin()
        assert engine.locks.lock_table(transaction, TABLE, LockMode.ROW_EXCLUSIVE).done
        snapshot = transaction.snapshot()
        table = engine.relation(TABLE)
        first = next(iter(table.scan(snapshot))).row_ids.tolist()[0]
        assert table.update(transaction, snapshot, first, (10,)).status is Status.DONE
        transaction.savepoint()
        root = table.insert_row(transaction, (30,))
        engine.index(INDEX).insert(transaction, b"thirty", root)
        transaction.create_relation(MADE, [Kind.INT64])
        transaction.drop_relation(DROPPED)
        return transaction


@pytest.fixture
def store():
    return Store(1)


@pytest.mark.parametrize("is_checkpointed", [False, True])
@pytest.mark.parametrize("restarts", [0, 1, 2])
@pytest.mark.parametrize("commit", [True, False])
def test_a_prepared_transaction_ends_as_it_is_told(store, is_checkpointed, restarts, commit):
    store.engine.prepare(store.changed(), "one", "note").wait()
    for _ in range(restarts):
        if is_checkpointed:
            store.engine.checkpoint()
        store.restart()
        assert store.rows() == [1, 2]
        assert store.engine.prepared["one"].state.note == "note"
        assert {TABLE, MADE, DROPPED} <= set(store.engine.relation_ids())
    store.engine.finish_prepared("one", commit=commit).wait()
    for _ in range(2):
        assert store.rows() == ([2, 10, 30] if commit else [1, 2])
        store.engine.begin().abort()
        gone = DROPPED if commit else MADE
        assert {MADE, DROPPED} - set(store.engine.relation_ids()) == {gone}
        assert not store.engine.prepared
        assert check(store.engine) == []
        store.restart()


def test_locks_are_there_after_a_crash(store):
    transaction = store.changed()
    row_id = next(iter(store.engine.relation(TABLE).scan(transaction.snapshot()))).row_ids[0]
    store.engine.locks.lock_row(transaction, TABLE, int(row_id), RowLock.KEY_SHARE)
    store.engine.prepare(transaction, "one", "").wait()
    store.restart()
    other = store.engine.begin()
    locks = store.engine.locks
    assert not locks.try_table(other, TABLE, LockMode.SHARE)
    assert locks.row_blocker(other, TABLE, int(row_id), RowLock.UPDATE) is not None
    waiting = locks.wait_for_xid(other, store.engine.prepared["one"].state.xids[0])
    assert not waiting.done
    store.engine.finish_prepared("one", commit=True).wait()
    assert waiting.done
    assert locks.try_table(other, TABLE, LockMode.SHARE)


def test_a_serializable_one_keeps_others_from_what_it_may_have_read(store):
    transaction = store.engine.begin(keep_snapshot=True)
    transaction.is_serializable = True
    transaction.snapshot()
    transaction.tracked.read_relation(TABLE)
    store.engine.relation(TABLE).insert_row(transaction, (3,))
    store.engine.prepare(transaction, "one", "").wait()
    store.restart()
    assert store.engine.prepared["one"].transaction.tracked.reads == {TABLE}
    assert [(table, owner) for table, _, owner in store.engine.dependencies.locks()] == [
        (TABLE, store.engine.prepared["one"].transaction.tracked)
    ]
    store.engine.finish_prepared("one", commit=True).wait()
    assert store.engine.dependencies.locks() == []


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_power_cut_at_any_moment_leaves_all_or_nothing(seed):
    store = Store(seed)
    commit, acknowledged = seed % 2 == 0, ""
    store.faults.operations_left = store.random.randrange(1, 40)
    try:
        store.engine.prepare(store.changed(), "one", "").wait()
        acknowledged = "prepared"
        if store.random.random() < 0.5:
            store.engine.checkpoint()
        store.engine.finish_prepared("one", commit=commit).wait()
        acknowledged = "finished"
        store.engine.checkpoint()
    except (PowerCut, Failed):
        pass
    store.faults.operations_left = 1 << 60
    store.restart()
    assert check(store.engine) == []
    if "one" in store.engine.prepared:
        assert acknowledged != "finished"
        assert store.rows() == [1, 2]
        store.engine.finish_prepared("one", commit=True).wait()
        assert store.rows() == [2, 10, 30]
    elif acknowledged == "finished":
        assert store.rows() == ([2, 10, 30] if commit else [1, 2])
    else:
        assert store.rows() in ([1, 2], [2, 10, 30])
        assert acknowledged != "prepared" or store.rows() == ([2, 10, 30] if commit else [1, 2])
    store.restart()
    assert check(store.engine) == []


def rolled_back_by_halves(seed):
    """What is there of a prepared transaction when the power goes while it is rolled back; None: it was in time."""
    store = Store(seed)
    store.engine.prepare(store.changed(), "one", "").wait()
    store.engine.checkpoint()  # so that what is taken back takes many sectors of log
    store.faults.operations_left = store.random.randrange(1, 4)
    try:
        store.engine.finish_prepared("one", commit=False).wait()
    except (PowerCut, Failed):
        store.faults.operations_left = 1 << 60
        store.restart()
        if "one" not in store.engine.prepared:
            assert store.rows() == [1, 2]
            return None
        store.engine.finish_prepared("one", commit=True).wait()
        return store.rows(), MADE in store.engine.relation_ids()
    return None


def test_one_that_is_still_prepared_has_lost_nothing_to_a_rollback():
    found = [answer for seed in range(60) if (answer := rolled_back_by_halves(seed)) is not None]
    assert set(map(str, found)) == {str(([2, 10, 30], True))}


def test_without_the_word_ahead_of_it_a_rollback_is_done_by_halves(monkeypatch):
    """The control of the test above."""
    monkeypatch.setattr(Engine, "_void_prepared", lambda _engine, _state: None)
    found = [answer for seed in range(60) if (answer := rolled_back_by_halves(seed)) is not None]
    assert any(answer != ([2, 10, 30], True) for answer in found)
