"""Portals of utility statements, and what comes of a portal that is executed again: asked of PostgreSQL 15."""

import pytest

from protocol.messages import Bind, Describe, Execute, Parse, Query, Sync
from tests.support.conversation import Client, shown
from tests.support.engine import memory_database


@pytest.fixture
def client():
    with memory_database() as database:
        client = Client(database)
        client.run("create table t (a int); insert into t values (1), (2), (3)")
        client.run("prepare p as select a from t order by a")
        yield client
        client.close()


def executed(client, sql, *most):
    """What Executes for so many rows give of one portal."""
    executes = (Execute("", each) for each in most)
    replies = client.send(Parse("", sql, ()), Bind("", "", (), (), ()), *executes, Sync())
    return shown(replies)[2:-1]


ROWS = ["DataRow 1", "DataRow 2", "DataRow 3"]
REST = "PortalSuspended()"


@pytest.mark.parametrize(
    ("sql", "most", "replies"),
    [
        ("show search_path", (1, 0), ['DataRow "$user", public', REST, "CommandComplete(tag='SHOW')"]),
        (
            "show search_path",
            (0, 0),
            ['DataRow "$user", public', "CommandComplete(tag='SHOW')", "CommandComplete(tag='SHOW')"],
        ),
        ("execute p", (2, 2), [*ROWS[:2], REST, ROWS[2], "CommandComplete(tag='SELECT 1')"]),
        ("execute p", (3, 1), [*ROWS, REST, "CommandComplete(tag='SELECT 0')"]),
        ("execute p", (0,), [*ROWS, "CommandComplete(tag='SELECT 3')"]),
        (
            "insert into t values (4), (5) returning a",
            (1, 1, 0),
            ["DataRow 4", REST, "DataRow 5", REST, "CommandComplete(tag='INSERT 0 0')"],
        ),
        (
            "with x as (insert into t values (4) returning a) select * from x",
            (0, 1),
            ["DataRow 4", "CommandComplete(tag='SELECT 1')", "CommandComplete(tag='SELECT 0')"],
        ),
        (
            "listen l",
            (0, 0),
            ["CommandComplete(tag='LISTEN')", 'ErrorResponse ERROR 55000 portal "" cannot be run'],
        ),
        (
            "rollback",
            (0, 0),
            [
                "NoticeResponse WARNING 25P01 there is no transaction in progress",
                "CommandComplete(tag='ROLLBACK')",
                'ErrorResponse ERROR 34000 portal "" does not exist',
            ],
        ),
    ],
)  # fmt: skip
def test_executed_again(client, sql, most, replies):
    assert executed(client, sql, *most) == replies


def test_rows_of_a_cursor(client):
    client.send(Query("begin; declare c cursor for select a from t order by a"))
    tag = "CommandComplete(tag='FETCH 1')"
    assert executed(client, "fetch 3 from c", 2, 2) == [*ROWS[:2], REST, ROWS[2], tag]
    assert executed(client, "fetch prior from c", 0) == [ROWS[1], tag]


def test_portals_before_a_savepoint_outlive_going_back_to_it(client):
    client.send(Query("begin; declare c cursor for select a from t order by a; savepoint s"))
    assert executed(client, "rollback to s", 0) == ["CommandComplete(tag='ROLLBACK')"]
    assert executed(client, "fetch 1 from c", 0) == [ROWS[0], "CommandComplete(tag='FETCH 1')"]
    assert executed(client, "commit", 0) == ["CommandComplete(tag='COMMIT')"]


@pytest.mark.parametrize("sql", ["fetch 1 from nowhere", "execute nothing", "move 1 from nowhere"])
def test_what_is_not_there_has_no_columns(client, sql):
    replies = client.send(Parse("", sql, ()), Describe("S", ""), Sync())
    assert shown(replies)[1:3] == ["ParameterDescription(type_oids=())", "NoData()"]


def test_a_statement_is_looked_at_before_its_name(client):
    client.send(Parse("s", "select 1", ()), Sync())
    told = shown(client.send(Parse("s", "select nowhere", ()), Sync()))[0]
    assert told.startswith("ErrorResponse ERROR 42703")
    told = shown(client.send(Parse("s", "select 2", ()), Sync()))[0]
    assert told.startswith("ErrorResponse ERROR 42P05")
