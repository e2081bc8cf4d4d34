"""Between a commit's record and its publication: who may go on, and what it sees.

On disk a flush takes its time; here it is done when the test says so.
"""

import os

import pytest

from server.executor.waits import Wait
from server.session import native
from tests.support.conversation import Client
from tests.support.series import query


class Flush:
    """A flush that was asked for."""

    def __init__(self, queue, lsn):
        self._queue = queue
        self._lsn = lsn

    def complete(self):
        """It is done."""
        self._queue.advance(self._lsn)


@pytest.fixture
def flushes(database, monkeypatch):
    """The flushes that commits wait for since the table was made; complete them in order."""
    setup = Client(database, pid=9)
    setup.rows("create table t (id int primary key, n int)")
    setup.rows("create table child (id int primary key references t)")
    setup.rows("insert into t values (1, 0), (2, 0)")
    setup.close()
    asked = []
    queue = database.engine.queue

    def flush_soon(_wal, lsn, *, alone):
        del alone
        asked.append(Flush(queue, lsn))

    monkeypatch.setattr(type(queue.wal), "flush_soon", flush_soon)
    return asked


@pytest.fixture
def pair(clients):
    return clients("one"), clients("other")


def test_a_row_lock_of_a_decided_commit_is_waited_for(pair, flushes):
    one, other = pair
    one.rows("begin")
    one.rows("select * from t where id = 1 for key share")
    other.run("delete from t where id = 1")
    assert other.blocked
    one.run("commit")
    assert one.blocked
    assert other.resume() == []
    assert other.blocked  # the child that the lock is for could not be seen yet
    flushes[0].complete()
    other.resume()
    assert len(flushes) == 2  # the delete commits


def test_what_refers_to_a_row_is_seen_by_who_waited_to_delete_it(pair, flushes):
    one, other = pair
    one.rows("begin")
    one.rows("insert into child values (1)")
    other.run("delete from t where id = 1")
    one.run("commit")
    other.resume()
    flushes[0].complete()
    replies = other.resume()
    assert replies[0].fields.sqlstate == "23503"


def test_who_built_on_a_decided_commit_reads_on_when_that_is_published(pair, flushes):
    one, other = pair
    one.rows("begin")
    one.rows("update t set n = n + 1 where id in (1, 2)")
    other.rows("begin")
    other.run("update t set n = n + 10 where id = 1")
    one.run("commit")
    other.resume()
    other.run("select n from t order by id")
    assert other.blocked
    flushes[0].complete()
    assert "11" in str(other.resume())
    assert other.rows("select n from t order by id") == [("11",), ("1",)]


def test_reads_by_key_wait_too(pair, flushes):
    one, other = pair
    other.rows("begin")
    for _ in range(3):  # from the second time on by the short path
        other.rows("select n from t where id = 2")
    one.rows("begin")
    one.rows("update t set n = n + 1")
    other.run("update t set n = n + 10 where id = 1")
    one.run("commit")
    other.resume()
    other.run("select n from t where id = 2")
    assert other.blocked
    flushes[0].complete()
    other.resume()
    assert other.rows("select n from t where id = 2") == [("1",)]


def test_ddl_is_published_before_what_else_waits_for_the_commit(pair, flushes):
    one, other = pair
    told = []
    one.rows("begin")
    one.session.transaction.running.storage.on_commit(
        lambda: told.append(other.session.transaction.catalog.relation_named(2200, "made"))
    )
    one.rows("savepoint s")
    one.rows("create table undone (id int)")
    one.rows("rollback to s")
    one.rows("create table made (id int)")
    one.run("commit")
    assert told == []
    for each in flushes:
        each.complete()
    assert told[0].name == "made"
    assert other.session.transaction.catalog.relation_named(2200, "undone") is None


def test_ddl_of_a_prepared_transaction_is_published_by_who_commits_it(pair, database):
    database.settings.assign("max_prepared_transactions", "1", "configuration file")
    one, other = pair
    for sql in ("begin", "create table made (id int)", "prepare transaction 'x'"):
        one.rows(sql)
    seen = other.session.transaction
    assert seen.catalog.relation_named(2200, "made") is None
    other.rows("commit prepared 'x'")
    assert seen.catalog.relation_named(2200, "made") is not None


def learn(client):
    """Have the statements below go by the short path."""
    client.rows("begin")
    for _ in range(3):
        client.rows("update t set n = n + 100 where id = 7")
    client.rows("rollback")


def built_on(pair):
    """The other one has changed row 1 on top of a commit of all rows that is not published."""
    one, other = pair
    learn(other)
    one.rows("begin")
    one.rows("update t set n = n + 1")
    one.rows("insert into t values (7, 0)")
    other.rows("begin")
    other.run("update t set n = n + 10 where id = 1")
    one.run("commit")
    other.resume()
    return other


def test_who_built_on_a_decided_commit_changes_on_by_key(pair, flushes):
    other = built_on(pair)
    other.run("update t set n = n + 100 where id = 2")
    if other.blocked:
        assert os.environ.get("RUSTYDB_NATIVE") == "0"
        flushes[0].complete()
        other.resume()
    else:
        flushes[0].complete()
    assert other.rows("select n from t order by id") == [("11",), ("101",), ("0",)]


@pytest.mark.parametrize("is_served", [False, True])
@pytest.mark.parametrize("number", [1, 7], ids=["its own", "a new one"])
def test_what_the_snapshot_does_not_show_is_looked_for_when_it_is_published(
    pair, flushes, number, is_served
):
    other = built_on(pair)
    sql = f"update t set n = n + 100 where id = {number}"
    if is_served and native.serve(other.session, query(sql))[1]:
        steps, other.session.unfinished = iter(other.session.unfinished), None
        assert type(next(steps)) is Wait
        flushes[0].complete()
        assert b"UPDATE 1" in next(steps).data
        assert list(steps)
    else:
        other.run(sql)
        assert other.blocked
        flushes[0].complete()
        other.resume()
    expected = {1: 11, 2: 1, 7: 0}
    expected[number] += 100
    assert other.rows("select n from t order by id") == [(str(n),) for n in expected.values()]


def test_a_key_that_is_there_already_is_told_when_others_see_it(pair, flushes):
    one, other = pair
    one.rows("begin")
    one.rows("insert into t values (3, 0)")
    other.run("insert into t values (3, 1)")
    one.run("commit")
    assert other.resume() == []
    assert other.blocked
    flushes[0].complete()
    assert other.resume()[0].fields.sqlstate == "23505"
    assert other.rows("select n from t where id = 3") == [("0",)]


@pytest.mark.parametrize("savepoint", [False, True])
def test_so_it_is_in_a_block(pair, flushes, savepoint):
    one, other = pair
    one.run("insert into t values (3, 0)")
    other.rows("begin")
    if savepoint:
        other.rows("savepoint s")
    other.run("insert into t values (3, 1)")
    assert other.blocked
    flushes[0].complete()
    assert other.resume()[0].fields.sqlstate == "23505"


@pytest.mark.parametrize("is_served", [False, True])
def test_a_rollback_is_told_when_others_see_what_it_has_seen(pair, flushes, is_served):
    other = built_on(pair)
    if is_served:
        native.serve(other.session, query("rollback"))
    assert other.session.transaction.in_block
    other.run("rollback")
    assert other.blocked
    flushes[0].complete()
    other.resume()
    assert other.rows("select n from t order by id") == [("1",), ("1",), ("0",)]
