"""CommitTimes: when transactions have committed, through checkpoints, stops and crashes."""

from itertools import count

import pytest

from storage import commit_times
from storage.commit_times import CommitTimes
from storage.engine import Engine, Kind
from tests.support.small_engine import SMALL, crashed, small_engine

TABLE = 20000


def tracked():
    engine, files = small_engine()
    engine.track_commits(count(1000).__next__)
    made = engine.begin()
    made.create_relation(TABLE, (Kind.INT64,))
    made.commit()
    return engine, files


def insert(engine, value=1):
    transaction = engine.begin()
    engine.relation(TABLE).insert_row(transaction, (value,))
    return transaction


def test_commits_have_times_and_others_none():
    engine, _ = tracked()
    first, second, rolled_back, running = (insert(engine) for _ in range(4))
    second.commit()
    first.commit()
    rolled_back.abort()
    times = engine.commit_times
    found = [times.time_of(each.xid) for each in (second, first, rolled_back, running)]
    assert found == [1001, 1002, None, None]
    assert times.last == (first.xid, 1002)


def test_subtransactions_have_that_of_the_whole():
    engine, _ = tracked()
    whole = insert(engine)
    whole.savepoint()
    engine.relation(TABLE).insert_row(whole, (2,))
    xids = whole.xids
    whole.commit()
    assert {engine.commit_times.time_of(xid) for xid in xids} == {1001}


@pytest.mark.parametrize("is_before", [True, False], ids=["checkpoint", "log"])
def test_times_survive_a_crash(is_before):
    engine, files = tracked()
    transaction = insert(engine)
    transaction.commit().wait()
    if is_before:
        engine.checkpoint()
    engine = crashed(engine, files)
    assert engine.commit_times.time_of(transaction.xid) == 1001
    assert engine.commit_times.last == (0, 0)


def test_times_survive_a_stop_and_go_when_nobody_keeps_them():
    engine, files = tracked()
    transaction = insert(engine)
    transaction.commit()
    engine.close()
    engine = Engine.open(files, SMALL)
    assert engine.commit_times.time_of(transaction.xid) == 1001
    engine.track_commits(None)
    assert engine.commit_times.time_of(transaction.xid) is None
    later = insert(engine)
    later.commit()
    assert engine.commit_times.time_of(later.xid) is None


def test_the_newest_are_kept(monkeypatch):
    monkeypatch.setattr(commit_times, "KEPT_MAX", 4)
    times = CommitTimes()
    times.begin(lambda: 7)
    for xid in range(3, 20):
        times.committed((xid,), times.stamp())
    again = CommitTimes()
    assert again.take(b"{}" + times.packed()) == b"{}"
    assert [xid for xid in range(30) if again.time_of(xid)] == [16, 17, 18, 19]
