"""What keeps a transaction from being prepared: things of its session that it would leave behind."""

import pytest


@pytest.mark.parametrize("said", ["listen here", "unlisten *", "notify here"])
def test_channels(client, said):
    client.rows("listen before")
    client.rows("begin")
    client.rows(said)
    assert client.error("prepare transaction 'a'") == (
        "0A000",
        "cannot PREPARE a transaction that has executed LISTEN, UNLISTEN, or NOTIFY",
    )


def test_channels_left_alone(client):
    client.rows("begin")
    client.rows("unlisten *")
    client.rows("savepoint s")
    client.rows("listen here")
    client.rows("rollback to s")
    client.rows("prepare transaction 'a'")
    assert client.rows("select gid from pg_prepared_xacts") == [("a",)]
    client.rows("rollback prepared 'a'")


def test_a_cursor_that_is_held(client):
    client.rows("begin")
    client.rows("declare c cursor with hold for select 1")
    assert client.error("prepare transaction 'a'") == (
        "0A000",
        "cannot PREPARE a transaction that has created a cursor WITH HOLD",
    )
    client.rows("begin")
    client.rows("declare c cursor with hold for select 1")
    client.rows("commit")
    client.rows("begin")
    client.rows("prepare transaction 'a'")
    client.rows("rollback prepared 'a'")


@pytest.mark.parametrize(
    "made",
    [
        "table t (a int)",
        "view v as select 1 as a",
        "sequence s",
        "table t as select 1 as a; drop table u",
    ],
)
def test_temporary_objects(client, made):
    client.rows("create temp table u (a int)")
    client.rows("begin")
    client.rows(f"create temp {made}")
    assert client.error("prepare transaction 'a'") == (
        "0A000",
        "cannot PREPARE a transaction that has operated on temporary objects",
    )


def test_what_was_deferred_is_looked_at_before_the_identifier(client):
    client.rows("create table one (id int primary key)")
    client.rows("create table two (id int references one deferrable initially deferred)")
    client.rows("begin")
    client.rows("prepare transaction 'a'")
    client.rows("begin")
    client.rows("insert into two values (5)")
    assert client.error("prepare transaction 'a'")[0] == "23503"
    client.rows("begin")
    assert client.error("prepare transaction 'a'")[0] == "42710"
    client.rows("rollback prepared 'a'")
