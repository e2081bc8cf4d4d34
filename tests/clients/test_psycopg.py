"""psycopg 3, sync: what an application does with it."""

import datetime
import decimal
import time
import uuid

import psycopg
import pytest
from psycopg import pq
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

VALUES = [
    ("bool", True),
    ("int2", -5),
    ("int4", 2**31 - 1),
    ("int8", -(2**63)),
    ("float4", 1.5),
    ("float8", 1e-300),
    ("numeric", decimal.Decimal("12345678901234567890.0123456789")),
    ("numeric", decimal.Decimal("NaN")),
    ("text", 'grüße "x" \\ \t'),
    ("varchar", ""),
    ("bytea", b"\x00\xff'\\"),
    ("date", datetime.date(2024, 2, 29)),
    ("time", datetime.time(23, 59, 59, 999999)),
    ("timestamp", datetime.datetime(1999, 12, 31, 1, 2, 3, 4)),
    ("timestamptz", datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.UTC)),
    ("interval", datetime.timedelta(days=3, seconds=4, microseconds=5)),
    ("uuid", uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
    ("int4[]", [1, None, 3]),
    ("text[]", ["a b", 'c"d', ""]),
    ("jsonb", {"a": [1, None, "x"]}),
]


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize(("kind", "value"), VALUES)
def test_round_trip(connection, kind, value, binary):
    connection.execute("set timezone to 'UTC'")
    given = Jsonb(value) if kind == "jsonb" else value
    mark = "%b" if binary else "%t"
    with connection.cursor(binary=binary) as cursor:
        cursor.execute(f"select {mark}::{kind}, null::{kind}", (given,))
        found, nothing = cursor.fetchone()
    assert nothing is None
    assert found == value or (found != found and value != value)


def test_parameters_and_description(connection):
    connection.execute("create table t(a int primary key, b text, c numeric(8,2))")
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            "insert into t values (%(a)s, %(b)s, %(c)s) returning *", {"a": 1, "b": None, "c": 2}
        )
        assert cursor.fetchone() == {"a": 1, "b": None, "c": decimal.Decimal("2.00")}
        assert [(c.name, c.type_code) for c in cursor.description] == [
            ("a", 23),
            ("b", 25),
            ("c", 1700),
        ]
        assert (cursor.description[2].precision, cursor.description[2].scale) == (8, 2)
        assert cursor.statusmessage == "INSERT 0 1"


def test_executemany_returning(connection):
    connection.execute("create table t(a int, b text)")
    with connection.cursor() as cursor:
        cursor.executemany("insert into t values (%s, %s)", [(n, str(n)) for n in range(100)])
        assert cursor.rowcount == 100
        cursor.executemany("select %s::int * 2", [(1,), (2,)], returning=True)
        results = [cursor.fetchone()]
        while cursor.nextset():
            results.append(cursor.fetchone())
        assert results == [(2,), (4,)]


def test_prepared_statements_follow_the_catalog(connection):
    connection.execute("create table t(a int)")
    connection.execute("insert into t values (1)")
    for _ in range(3):
        assert connection.execute(
            "select a from t where a = %s", (1,), prepare=True
        ).fetchall() == [(1,)]
    connection.execute("alter table t add column b int default 9")
    assert connection.execute("select a from t where a = %s", (1,), prepare=True).fetchall() == [
        (1,)
    ]
    connection.execute("drop table t")
    with pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("select a from t where a = %s", (1,), prepare=True)


def test_pipeline(connection):
    connection.execute("create table t(a int primary key)")
    with connection.pipeline(), connection.cursor() as cursor:
        for number in range(50):
            connection.execute("insert into t values (%s)", (number,))
        cursor.execute("select count(*) from t")
        assert cursor.fetchone() == (50,)


def test_replies_of_a_pipeline_come_together(connection):
    with connection.pipeline(), connection.cursor() as cursor:
        cursor.execute("select 1")
        time.sleep(
            0.05
        )  # a reply that was sent before it was asked for would be taken for the last
        cursor.execute("select 2")
        assert cursor.fetchall() == [(2,)]


def test_server_side_cursor_with_parameters(connection):
    with connection.transaction(), connection.cursor("named") as cursor:
        cursor.execute("select i + %s from generate_series(1, %s) i", (10, 3))
        assert cursor.fetchall() == [(11,), (12,), (13,)]


def test_pipeline_error_skips_what_follows(connection):
    connection.execute("create table t(a int primary key)")
    with pytest.raises(psycopg.errors.UniqueViolation), connection.pipeline():
        connection.execute("insert into t values (1)")
        connection.execute("insert into t values (1)")
        connection.execute("insert into t values (2)")
    assert connection.execute("select count(*) from t").fetchone() == (0,)


def test_copy_both_ways(connection):
    connection.execute("create table t(a int, b text)")
    rows = [(n, None if n % 7 == 0 else f"line\t{n}\\") for n in range(1000)]
    with connection.cursor() as cursor, cursor.copy("copy t from stdin") as copy:
        for row in rows:
            copy.write_row(row)
    with connection.cursor() as cursor, cursor.copy("copy t to stdout") as copy:
        copy.set_types(["int4", "text"])
        assert list(copy.rows()) == rows


def test_binary_copy(connection):
    connection.execute("create table t(a int, b text, c timestamptz, d numeric)")
    at = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    rows = [(n, f"x{n}", at, decimal.Decimal(n) / 8) for n in range(100)]
    with connection.cursor() as cursor:
        with cursor.copy("copy t from stdin (format binary)") as copy:
            copy.set_types(["int4", "text", "timestamptz", "numeric"])
            for row in rows:
                copy.write_row(row)
        with cursor.copy("copy t to stdout (format binary)") as copy:
            copy.set_types(["int4", "text", "timestamptz", "numeric"])
            assert [(a, b, c.astimezone(datetime.UTC), d) for a, b, c, d in copy.rows()] == rows


def test_copy_given_up_by_the_client(connection):
    connection.execute("create table t(a int)")
    with (
        pytest.raises(ZeroDivisionError),
        connection.cursor() as cursor,
        cursor.copy("copy t from stdin") as copy,
    ):
        copy.write_row((1,))
        raise ZeroDivisionError
    assert connection.execute("select count(*) from t").fetchone() == (0,)


def test_server_side_cursor(connection):
    with connection.transaction(), connection.cursor("series", scrollable=True) as cursor:
        cursor.itersize = 10
        cursor.execute("select n from generate_series(1, 35) as n")
        assert [row[0] for row in cursor] == list(range(1, 36))
        cursor.scroll(0, mode="absolute")
        assert cursor.fetchmany(2) == [(1,), (2,)]


def test_nested_transactions(connection):
    connection.execute("create table t(a int)")
    with connection.transaction():
        connection.execute("insert into t values (1)")
        with pytest.raises(psycopg.errors.DivisionByZero), connection.transaction():
            connection.execute("insert into t values (2)")
            connection.execute("select 1/0")
        with connection.transaction() as inner:
            connection.execute("insert into t values (3)")
            raise psycopg.Rollback(inner)
        with connection.transaction():
            connection.execute("insert into t values (4)")
    assert connection.execute("select a from t order by a").fetchall() == [(1,), (4,)]


def test_errors_say_what_happened(connection):
    connection.execute("create table t(a int constraint positive check (a > 0))")
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        connection.execute("insert into t values (-1)")
    diag = caught.value.diag
    assert diag.sqlstate == "23514"
    assert diag.message_primary == 'new row for relation "t" violates check constraint "positive"'
    assert (diag.table_name, diag.constraint_name) == ("t", "positive")
    assert diag.message_detail == "Failing row contains (-1)."
    with pytest.raises(psycopg.errors.UndefinedColumn) as caught:
        connection.execute("select a, b from t")
    assert caught.value.diag.statement_position == "11"
    assert connection.execute("select 1").fetchone() == (1,)


def test_notices(connection):
    heard = []
    connection.add_notice_handler(lambda diag: heard.append((diag.severity, diag.message_primary)))
    connection.execute("drop table if exists nowhere")
    assert heard == [("NOTICE", 'table "nowhere" does not exist, skipping')]


def test_status_and_parameters(connection):
    assert connection.info.server_version // 10000 == 15
    assert connection.info.parameter_status("server_encoding") == "UTF8"
    assert connection.info.transaction_status == pq.TransactionStatus.IDLE
    connection.autocommit = False
    connection.execute("select 1")
    assert connection.info.transaction_status == pq.TransactionStatus.INTRANS
    with pytest.raises(psycopg.errors.SyntaxError):
        connection.execute("selec")
    assert connection.info.transaction_status == pq.TransactionStatus.INERROR
    connection.rollback()
    connection.autocommit = True


def test_isolation_level(connection):
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with connection.transaction():
        found = connection.execute("show transaction_isolation").fetchone()
    assert found == ("repeatable read",)


def test_large_values_and_many_rows(connection):
    text = "x" * 3_000_000
    assert connection.execute("select length(%s::text)", (text,)).fetchone() == (3_000_000,)
    assert connection.execute("select repeat('ab', 1000000)").fetchone()[0] == "ab" * 1_000_000
    rows = connection.execute("select n, n::text from generate_series(1, 100000) as n").fetchall()
    assert len(rows) == 100_000
    assert rows[-1] == (100_000, "100000")


def test_two_phase_commit(connection):
    connection.execute("create table two_phase(n int)")
    connection.autocommit = False
    for number, finish in ((1, connection.tpc_commit), (2, connection.tpc_rollback)):
        xid = connection.xid(number, "global", "branch")
        connection.tpc_begin(xid)
        connection.execute("insert into two_phase values (%s)", (number,))
        connection.tpc_prepare()
        finish()
    with psycopg.connect(connection.info.dsn) as other:
        other.tpc_begin(other.xid(3, "global", "branch"))
        other.execute("insert into two_phase values (3)")
        other.tpc_prepare()
        (found,) = connection.tpc_recover()
        assert (found.format_id, found.gtrid, found.bqual) == (3, "global", "branch")
        other.tpc_commit()
    connection.autocommit = True
    rows = connection.execute("select n from two_phase order by n").fetchall()
    assert rows == [(1,), (3,)]


def test_the_database_counts_transactions_however_they_are_sent(connection, server):
    sql = "select xact_commit, xact_rollback, sessions from pg_stat_database where datname = current_database()"
    connection.execute("create table counted (id int primary key, v int)")
    with server.connect(autocommit=True) as watching:
        before = watching.execute(sql).fetchone()
        for number in range(20):
            connection.execute("insert into counted values (%s, 0)", (number,), prepare=True)
            connection.execute("select v from counted where id = %s", (number,), prepare=True)
            connection.execute(f"select v from counted where id = {number}")
        with connection.pipeline():
            for number in range(20):
                connection.execute("select v from counted where id = %s", (number,), prepare=True)
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("insert into counted values (1, 0)")
        server.connect().close()
        after = watching.execute(sql).fetchone()
    commits, rollbacks, sessions = (b - a for a, b in zip(before, after, strict=True))
    assert 61 <= commits <= 82
    assert (rollbacks, sessions) == (1, 1)


def test_errors_of_domains_say_which(connection):
    connection.execute("create schema kinds; create domain kinds.small as int check (value < 10)")
    connection.execute("create domain kinds.given as text not null")
    for query, constraint, name in (
        ("select 20::kinds.small", "small_check", "small"),
        ("select null::kinds.given", None, "given"),
    ):
        with pytest.raises(psycopg.IntegrityError) as caught, connection.transaction():
            connection.execute(query)
        diag = caught.value.diag
        assert (diag.schema_name, diag.datatype_name) == ("kinds", name)
        assert diag.constraint_name == constraint
    connection.execute("drop schema kinds cascade")


def test_a_result_of_a_procedure_is_a_void_parameter(connection):
    """As JDBC asks; of a function it is none at all, of a procedure it is there."""
    connection.execute("create procedure twice(a int, out b int) language sql as 'select a * 2'")
    values, void = [b"4", None], 2278
    result = connection.pgconn.exec_params(b"call twice($1, $2)", values, [23, void])
    assert result.get_value(0, 0) == b"8", result.error_message
    result = connection.pgconn.exec_params(b"select abs($1, $2)", values, [23, void])
    assert result.get_value(0, 0) == b"4", result.error_message
    connection.rollback()
