"""What may stand with others in one transaction without BEGIN: in a Query of several statements, in a pipeline."""

import pytest

from protocol.messages import Bind, ErrorResponse, Execute, Parse, Query, Sync
from tests.support.conversation import Client
from tests.support.engine import memory_database


@pytest.fixture
def client():
    with memory_database() as database:
        client = Client(database)
        yield client
        client.close()


def error_of(replies):
    (fields,) = [reply.fields for reply in replies if isinstance(reply, ErrorResponse)]
    return fields.sqlstate, fields.message


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("vacuum", ("25001", "VACUUM cannot run inside a transaction block")),
        ("create database d", ("25001", "CREATE DATABASE cannot run inside a transaction block")),
        ("do $$ begin commit; end $$", ("2D000", "invalid transaction termination")),
        ("do $$ begin rollback; end $$", ("2D000", "invalid transaction termination")),
        ("savepoint s", ("25P01", "SAVEPOINT can only be used in transaction blocks")),
        (
            "commit and chain",
            ("25P01", "COMMIT AND CHAIN can only be used in transaction blocks"),
        ),
    ],
)
def test_refused_among_others_and_all_is_undone(client, statement, expected):
    replies = client.send(Query(f"create table t (a int); {statement}"))
    assert error_of(replies) == expected
    assert error_of(client.send(Query("table t")))[0] == "42P01"


@pytest.mark.parametrize(
    "statement",
    [
        "declare c cursor for select 1; fetch c",
        "lock table t",
        "set local work_mem = '1MB'",
        "set constraints all deferred",
    ],
)
def test_at_home_among_others(client, statement):
    client.send(Query("create table t (a int)"))
    replies = client.send(Query(f"select 1; {statement}"))
    assert not [
        reply for reply in replies if type(reply).__name__ in ("ErrorResponse", "NoticeResponse")
    ]


def test_alone_again_afterwards(client):
    client.send(Query("select 1; select 2"))
    assert error_of(client.send(Query("lock table pg_class")))[0] == "25P01"
    client.send(Query("create table t (a int)"))
    client.send(Query("do $$ begin insert into t values (1); commit; end $$"))
    client.send(Query("vacuum"))


def series(*statements):
    for statement in statements:
        yield from (Parse("", statement, ()), Bind("", "", (), (), ()), Execute("", 0))
    yield Sync()


def test_a_pipeline_takes_them_first_only(client):
    replies = client.send(*series("select 1", "vacuum"))
    assert error_of(replies) == ("25001", "VACUUM cannot be executed within a pipeline")
    assert error_of(client.send(*series("create database d", "select 1/0")))[0] == "22012"
    assert error_of(client.send(Query("create database d")))[0] == "42P04"
