"""An error in COPY FROM says the line that is wrong, in PostgreSQL's words; the cases were asked of PostgreSQL 15."""

import pytest

from protocol.messages import CopyData, CopyDone, ErrorResponse, Query
from tests.support.conversation import Client
from tests.support.engine import memory_database

OBJECTS = """
create table t (a int primary key, b int not null, c int check (c > 0), d varchar(3));
create table parted (a int, b int) partition by range (b);
create table part partition of parted for values from (1) to (10);
alter table part add check (a <> 7), add unique (a);
create domain positive as int not null check (value > 0);
create table of_domain (a positive, b text);
create function no_two() returns trigger language plpgsql as
    $$begin if new.a = 2 then raise exception 'no two'; end if; return new; end$$;
create table watched (a int primary key);
create trigger watch before insert on watched for each row execute function no_two();
create table made (a int, b int generated always as (10 / a) stored, c int default 3 check (c < 5));
create table by_chance (a int primary key, b float default random());
"""
LONG = "x" * 101


@pytest.fixture
def client():
    with memory_database() as database:
        client = Client(database)
        client.send(Query(OBJECTS))
        yield client
        client.close()


def context_of(client, statement, data):
    client.copy_data.extend([CopyData(data.encode()), CopyDone()])
    replies = client.send(Query(statement))
    client.copy_data.clear()
    (fields,) = [reply.fields for reply in replies if isinstance(reply, ErrorResponse)]
    return fields.where


@pytest.mark.parametrize(
    ("target", "data", "context"),
    [
        ("t from stdin", "1\t1\t1\ta\n1\t2\t2\tb\n", "COPY t, line 2"),
        ("t from stdin", "1\t1\t1\ta\n2\t\\N\t2\tb\n", 'COPY t, line 2: "2\t\\N\t2\tb"'),
        ("t from stdin", "1\t1\t1\ta\n2\t1\t-2\tb\n", 'COPY t, line 2: "2\t1\t-2\tb"'),
        ("t from stdin", "1\t1\t1\ta\n2\t1\t2\tbbbb\n", 'COPY t, line 2, column d: "bbbb"'),
        ("t from stdin", "1\t1\t1\ta\n2\t1\t2\n", 'COPY t, line 2: "2\t1\t2"'),
        ("t from stdin", f"1\t1\t{LONG}\ta\n", f'COPY t, line 1, column c: "{LONG[:100]}..."'),
        ("t from stdin", "1\ta\t1\ta\n2\t1\tx\ty\n", 'COPY t, line 1, column b: "a"'),
        ("t from stdin", "1\t1\tx\ta\ny\t1\t1\ta\n", 'COPY t, line 1, column c: "x"'),
        ("t from stdin", "1\t1\t0\ta\ny\t1\t1\ta\n", 'COPY t, line 1: "1\t1\t0\ta"'),
        ("t from stdin", "1\t1\t1\ta\n1\t1\t1\ta\ny\t1\t1\ta\n", 'COPY t, line 3, column a: "y"'),
        ("t(a, d) from stdin", "1\ta\n", 'COPY t, line 1: "1\ta"'),
        ("t from stdin csv", '1,1,1,"a\n2,1,2,b\n', 'COPY t, line 1: "1,1,1,"a\n2,1,2,b\n"'),
        ("t from stdin csv", '1,1,1,"a\nb"\n2,1,-2,"b"\n', 'COPY t, line 2: "2,1,-2,"b""'),
        ("t from stdin csv header", "A\n1,1,1,a\n2,1,-2,b\n", 'COPY t, line 3: "2,1,-2,b"'),
        ("t from stdin csv header", "A\n1,1,1,a\n2,1,z,b\n", 'COPY t, line 3, column c: "z"'),
        ("t from stdin (format csv, header match)", "a,b\n", 'COPY t, line 1: "a,b"'),
        ("t from stdin where a > 1", "1\t1\t0\ta\n2\t1\t1\tb\n2\t1\t1\tb\n", "COPY t, line 3"),
        ("t from stdin where 1 / a > 0", "0\t1\t0\ta\n", 'COPY t, line 1: "0\t1\t0\ta"'),
        ("parted from stdin", "1\t1\n2\t12\n", 'COPY parted, line 2: "2\t12"'),
        ("parted from stdin", "1\t1\n7\t2\n", 'COPY parted, line 2: "7\t2"'),
        ("parted from stdin", "1\t1\n1\t2\n", "COPY parted, line 2"),
        ("part from stdin", "1\t1\n2\t12\n", 'COPY part, line 2: "2\t12"'),
        ("of_domain from stdin", "1\tx\n-1\ty\n", 'COPY of_domain, line 2, column a: "-1"'),
        ("of_domain from stdin", "1\tx\n\\N\ty\n", "COPY of_domain, line 2, column a: null input"),
        ("watched from stdin", "1\n1\n", 'COPY watched, line 2: "1"'),
        ("made(a) from stdin", "1\n0\n", 'COPY made, line 2: "0"'),
        ("made from stdin", "1\t3\n2\t8\n", 'COPY made, line 2: "2\t8"'),
        ("by_chance(a) from stdin", "1\n1\n", 'COPY by_chance, line 2: "1"'),
    ],
)
def test_line(client, target, data, context):
    assert context_of(client, f"copy {target}", data) == context


def test_line_of_a_trigger(client):
    found = context_of(client, "copy watched from stdin", "1\n2\n")
    assert found == 'PL/pgSQL function no_two() line 1 at RAISE\nCOPY watched, line 2: "2"'


def test_the_later_row_is_the_one_excluded(client):
    client.send(
        Query("create table apart (a int, b int, exclude using gist (int4range(a, b) with &&))")
    )
    client.copy_data.extend([CopyData(b"1\t5\n7\t9\n4\t6\n"), CopyDone()])
    replies = client.send(Query("copy apart from stdin"))
    (fields,) = [reply.fields for reply in replies if isinstance(reply, ErrorResponse)]
    assert fields.detail == (
        "Key (int4range(a, b))=([4,6)) conflicts with existing key (int4range(a, b))=([1,5))."
    )
