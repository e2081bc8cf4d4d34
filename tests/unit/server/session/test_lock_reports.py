"""What is told of locks: deadlocks in the server's log, and what serializable transactions have read in pg_locks."""

import logging

import pytest

from protocol.messages import Query
from tests.support.conversation import Client
from tests.support.engine import memory_database


@pytest.fixture
def pair():
    with memory_database() as database:
        yield Client(database, pid=2), Client(database, pid=3)


def test_a_deadlock_is_told_with_its_statements(pair, caplog):
    first, second = pair
    for client in pair:
        client.rows("begin")
    first.rows("select pg_advisory_xact_lock(1)")
    second.rows("select pg_advisory_xact_lock(2)")
    first.send(Query("select pg_advisory_xact_lock(2)"))
    with caplog.at_level(logging.ERROR):
        second.send(Query("select pg_advisory_xact_lock(1)"))
        second.resume(timed_out=True)
    (record,) = [item for item in caplog.records if "deadlock detected" in item.message]
    assert "Process 2: select pg_advisory_xact_lock(2)" in record.message
    assert "Process 3: select pg_advisory_xact_lock(1)" in record.message


def test_reads_of_serializable_transactions_are_shown(pair):
    reader, other = pair
    reader.rows("create table things (id int primary key, kind int)")
    reader.rows("insert into things values (1, 1), (2, 2)")
    reader.rows("begin isolation level serializable")
    reader.rows("select * from things where id = 2")
    shown = (
        "select locktype, relation::regclass::text, page, tuple, pid from pg_locks"
        " where mode = 'SIReadLock' order by 1, 2"
    )
    assert other.rows(shown) == [
        ("page", "things_pkey", "1", None, "2"),
        ("tuple", "things", "0", "2", "2"),
    ]
    reader.rows("select count(*) from things")
    assert ("relation", "things", None, None, "2") in other.rows(shown)
    reader.rows("commit")
    assert other.rows(shown) == []


def test_who_waits_for_a_prepared_transaction_waits_for_process_0(pair):
    first, second = pair
    first.rows("create table things (id int primary key)")
    first.rows("insert into things values (1)")
    first.rows("begin")
    first.rows("delete from things")
    first.rows("prepare transaction 'a'")
    second.send(Query("delete from things"))
    assert first.rows("select pg_blocking_pids(3)") == [("{0}",)]
    first.rows("rollback prepared 'a'")


def test_a_lock_of_a_session_and_of_its_transaction_is_one(pair):
    first, _ = pair
    first.rows("begin")
    first.rows("select pg_advisory_lock(1), pg_advisory_xact_lock(1), pg_advisory_lock_shared(1)")
    shown = "select mode from pg_locks where locktype = 'advisory' order by 1"
    assert first.rows(shown) == [("ExclusiveLock",), ("ShareLock",)]


def waiting_for_a_row(database, *statements):
    """Clients that wait, one after the other, for a row that the first has changed; and a client that looks."""
    first, *others, looker = (Client(database, pid=pid) for pid in range(1, len(statements) + 3))
    first.rows("create table things (id int primary key, n int)")
    first.rows("insert into things values (1, 0)")
    first.rows("begin")
    first.rows("select * from things where id = 1 for update")
    for other, statement in zip(others, statements, strict=True):
        other.rows("begin")
        other.send(Query(statement))
    return looker, first, *others


@pytest.mark.parametrize(
    ("statements", "blockers"),
    [
        (["update things set n = 1 where id = 1", "delete from things where id = 1"], ["{2}"]),
        (["select from things for share", "select from things for share"], ["{1}"]),
        (["select from things for share", "update things set n = n + 1"], ["{2}"]),
        (["delete from things where n = 0", "select from things for key share"], ["{2}"]),
        (["update things set n = 1 where n = 0", "select from things for key share"], ["{1}"]),
        (["select from things for update"] * 3, ["{2}", "{2,3}"]),
    ],
)
def test_who_has_come_before_for_a_row(statements, blockers):
    with memory_database() as database:
        looker, *_waiting = waiting_for_a_row(database, *statements)
        for pid, shown in enumerate(["{1}", *blockers], 2):
            assert looker.rows(f"select pg_blocking_pids({pid})") == [(shown,)]
