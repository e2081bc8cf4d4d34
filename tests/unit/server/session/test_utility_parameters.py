"""Queries inside utility statements read the parameters of the extended protocol."""

import pytest

from protocol import messages


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


def test_prepared_statements_show_their_parameters(client):
    client.run("PREPARE p (date, int2) AS SELECT $1, $2")
    sql = "SELECT parameter_types, from_sql FROM pg_prepared_statements"
    assert client.rows(sql) == [("{date,smallint}", "t")]
