"""Exported snapshots: a second session sees the moment of the first one, and only while that lasts."""

import pytest

from tests.support.conversation import Client


@pytest.fixture
def pair(database):
    first, second = Client(database, 1), Client(database, 2)
    first.rows("create table t(n int)")
    first.rows("insert into t values (1)")
    yield first, second
    first.close()
    second.close()


def test_another_transaction_sees_the_same_moment(pair):
    first, second = pair
    first.rows("begin isolation level repeatable read")
    first.rows("insert into t values (2)")
    ((name,),) = first.rows("select pg_export_snapshot()")
    second.rows("insert into t values (3)")
    second.rows("begin isolation level repeatable read")
    second.rows(f"set transaction snapshot '{name}'")
    assert second.rows("select n::text from t order by n") == [("1",)]
    second.rows("commit")
    first.rows("commit")
    assert second.rows("select count(*)::text from t") == [("3",)]
    second.rows("begin isolation level repeatable read")
    assert second.error(f"set transaction snapshot '{name}'")[0] == "22023"
    second.rows("rollback")


def test_what_is_refused(pair):
    first, second = pair
    first.rows("begin")
    ((name,),) = first.rows("select pg_export_snapshot()")
    cases = (
        ("read committed", "", "0A000"),
        ("serializable", "", "0A000"),
        ("repeatable read", "select 1", "25001"),
    )
    for level, before, sqlstate in cases:
        second.rows(f"begin isolation level {level}")
        if before:
            second.rows(before)
        assert second.error(f"set transaction snapshot '{name}'")[0] == sqlstate
        second.rows("rollback")
    assert first.error("prepare transaction 'x'")[0] == "0A000"
