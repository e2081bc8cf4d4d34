"""Rows of foreign tables are those of files, in COPY's formats; the answers were asked of PostgreSQL 15's file_fdw."""

import pytest

from protocol.messages import ErrorResponse, Query
from tests.support.conversation import Client
from tests.support.engine import memory_database

FILES = {
    "agg.csv": "a;b\n100;@99.097@\n0;@0.09561@\n42;@324.78@\n",
    "agg.bad": "a;b\n100;@99.097@\n0;@aaa@\n42;@324.78@\n",
    "text.csv": 'AAA,aaa,123,""\nXYZ,xyz,"",321\nNULL,NULL,NULL,NULL\nNULL,NULL,"NULL",NULL\n',
    "list.csv": "1,foo\n1,bar\n",
}
CSV = "format 'csv', header 'true', delimiter ';', quote '@', escape '\"', null ''"


@pytest.fixture
def client(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    with memory_database() as database:
        client = Client(database)
        client.rows("create extension file_fdw")
        client.rows("create server s foreign data wrapper file_fdw")

        def table(name, columns, file, options):
            client.rows(
                f"create foreign table {name} ({columns}) server s "
                f"options (filename '{tmp_path / file}', {options})"
            )

        client.table = table
        yield client
        client.close()


def error_of(client, text):
    replies = client.send(Query(text))
    (fields,) = [each.fields for each in replies if isinstance(each, ErrorResponse)]
    return fields.sqlstate, fields.where


def test_csv_is_read_with_its_options(client):
    client.table("agg", "a int2, b float4", "agg.csv", CSV)
    assert client.rows("select * from agg order by a") == [
        ("0", "0.09561"), ("42", "324.78"), ("100", "99.097"),
    ]  # fmt: skip
    assert client.rows("select b from agg where a = 42") == [("324.78",)]
    assert client.rows("select count(*) from agg") == [("3",)]


def test_columns_say_what_is_null(client):
    columns = (
        "a text options (force_not_null 'true'), b text, c text options (force_null 'on'), d text"
    )
    client.table("words", columns, "text.csv", "format 'csv', null 'NULL'")
    assert client.rows("select * from words") == [
        ("AAA", "aaa", "123", ""),
        ("XYZ", "xyz", "", "321"),
        ("NULL", None, None, None),
        ("NULL", None, None, None),
    ]


def test_generated_columns_are_null(client):
    columns = "a int, b text, c text generated always as ('foo') stored"
    client.table("made", columns, "list.csv", "format 'csv'")
    assert client.rows("select c, b from made") == [(None, "foo"), (None, "bar")]


def test_a_wrong_field_is_told_with_its_line(client):
    client.table("bad", "a int2, b float4", "agg.bad", CSV)
    found = error_of(client, "select * from bad")
    assert found == ("22P02", 'COPY bad, line 3, column b: "aaa"')


def test_a_header_has_to_match(client):
    client.table("other", "x int, y text", "list.csv", "format 'csv', header 'match'")
    found = error_of(client, "select * from other")
    assert found == ("22P04", 'COPY other, line 1: "1,foo"')
