"""Queries inside utility statements read the parameters of the extended protocol."""

import pytest

from protocol import messages
from tests.support.conversation import shown


@pytest.fixture
def client(clients):
    return clients("one")


def test_declare_with_parameters(client):
    client.run("BEGIN")
    replies = client.send(
        messages.Parse(
            "d", "DECLARE c CURSOR FOR SELECT $1::int4 + i FROM generate_series(1, $2) i", ()
        ),
        messages.Describe("S", "d"),
        messages.Bind("", "d", (), (b"10", b"3"), ()),
        messages.Execute("", 0),
        messages.Sync(),
    )
    described = [each for each in replies if isinstance(each, messages.ParameterDescription)]
    assert [each.type_oids for each in described] == [(23, 23)]
    assert client.rows("FETCH ALL FROM c") == [("11",), ("12",), ("13",)]


def test_explain_with_parameters(client):
    replies = client.send(
        messages.Parse("", "EXPLAIN (COSTS off) SELECT $1::text", ()),
        messages.Bind("", "", (), (b"x",), ()),
        messages.Execute("", 0),
        messages.Sync(),
    )
    assert not [each for each in replies if isinstance(each, messages.ErrorResponse)]


def test_a_wrong_number_of_parameters(client):
    client.run("BEGIN")
    replies = client.send(
        messages.Parse("", "DECLARE c CURSOR FOR SELECT $1::int4", ()),
        messages.Bind("", "", (), (), ()),
        messages.Sync(),
    )
    (error,) = [each for each in replies if isinstance(each, messages.ErrorResponse)]
    assert error.fields.sqlstate == "08P01"


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [
        ("CREATE TABLE made (oid) AS VALUES ('missing'::regclass)", "42P01"),
        ("SELECT missing INTO made", "42703"),
        ("DECLARE c CURSOR FOR SELECT missing", "42703"),
        ("EXPLAIN SELECT missing", "42703"),
        ("CALL missing()", "42883"),
    ],
)
def test_parse_looks_into_queries(client, sql, sqlstate):
    replies = client.send(messages.Parse("", sql, ()), messages.Sync())
    (error,) = [each for each in replies if isinstance(each, messages.ErrorResponse)]
    assert error.fields.sqlstate == sqlstate


def test_prepared_statements_show_their_parameters(client):
    client.run("PREPARE p (date, int2) AS SELECT $1, $2")
    sql = "SELECT parameter_types, from_sql FROM pg_prepared_statements"
    assert client.rows(sql) == [("{date,smallint}", "t")]


@pytest.fixture
def procedures(client):
    client.run(
        "create procedure add(inout x int, y int default 1) language plpgsql as "
        "$$ begin x := x + y; end $$"
    )
    client.run("create table notes (t text)")
    client.run("create procedure note(text) language sql as 'insert into notes values ($1)'")
    return client


@pytest.mark.parametrize(
    ("sql", "values", "types", "row"),
    [
        ("call add($1)", (b"4",), (23,), "DataRow 5"),
        ("call add($1, $2)", (b"4", b"10"), (23, 23), "DataRow 14"),
        ("call add($1 + 1, y => $2)", (b"4", b"10"), (23, 23), "DataRow 15"),
        ("call note($1)", (b"x",), (25,), None),
        ("call note($1 || $2::text)", (b"x", b"y"), (25, 25), None),
    ],
)
def test_call_with_parameters(procedures, sql, values, types, row):
    replies = procedures.send(
        messages.Parse("", sql, ()),
        messages.Describe("S", ""),
        messages.Bind("", "", (), values, ()),
        messages.Execute("", 0),
        messages.Sync(),
    )
    assert replies[1] == messages.ParameterDescription(types)
    assert [line for line in shown(replies) if line.startswith("DataRow")] == [row] * (
        row is not None
    )
    assert messages.CommandComplete("CALL") in replies
    noted = b"".join(values).decode()
    assert procedures.rows("select t from notes") == ([(noted,)] if row is None else [])


def test_call_with_parameters_of_types_that_the_client_says(procedures):
    parse = messages.Parse("", "call note($1::text)", (23,))
    bind = messages.Bind("", "", (), (b"042",), ())
    procedures.send(parse, bind, messages.Execute("", 0), messages.Sync())
    assert procedures.rows("select t from notes") == [("42",)]


NOBODY = ("42P02", "there is no parameter $1")


@pytest.mark.parametrize(
    "sql",
    [
        "call add($1)",
        "call add(1 + $1)",
        "explain select $1::int",
        "explain analyze select $1::int",
        "declare c cursor for select $1",
        "create table made as select $1::int",
        "copy (select $1::int) to stdout",
        "create view v as select $1::int",
        "create rule r as on insert to notes do also select $1",
    ],
)
def test_a_query_message_has_no_parameters(procedures, sql):
    assert procedures.error(sql) == NOBODY


def test_parameters_that_others_give(procedures):
    procedures.run("prepare p as select $1::int")
    assert procedures.rows("execute p(7)") == [("7",)]
    assert procedures.error("execute p($1)") == NOBODY
    procedures.run("create function twice(int) returns int language sql return $1 * 2")
    assert procedures.rows("select twice(4)") == [("8",)]
