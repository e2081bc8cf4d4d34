"""psycopg 3, sync and async, against a real server."""

import asyncio
import datetime as dt
import uuid
from decimal import Decimal

import psycopg
import pytest
from psycopg import sql

VALUES = [
    (True, "bool"), (-32768, "int2"), (2**31 - 1, "int4"), (-(2**63), "int8"), (1.5, "float8"),
    (Decimal("12345678901234567890.123456789"), "numeric"), ("naïve ☃", "text"), (b"\0\xff", "bytea"),
    (dt.date(2024, 2, 29), "date"), (dt.time(1, 2, 3, 4), "time"),
    (dt.datetime(1999, 12, 31, 23, 59, 59, 999999), "timestamp"),  # noqa: DTZ001 - without a zone
    (dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "timestamptz"),
    (dt.timedelta(days=3, seconds=5), "interval"), (uuid.UUID(int=7), "uuid"), ([1, None, 3], "int4[]"),
    (None, "int4"),
]  # fmt: skip


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize(("value", "kind"), VALUES, ids=lambda item: str(item)[:20])
def test_values_come_back(connection, value, kind, binary):
    placeholder = sql.SQL("SELECT {}::" + kind).format(
        sql.Placeholder(
            format=psycopg.adapt.PyFormat.BINARY if binary else psycopg.adapt.PyFormat.TEXT
        )
    )
    found = connection.execute(placeholder, [value], binary=binary).fetchone()
    assert found == (value,)


def test_executemany_and_rowcount(connection):
    connection.execute("CREATE TABLE t (a int PRIMARY KEY, b text)")
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(i, str(i)) for i in range(100)])
        assert cursor.rowcount == 100
        cursor.executemany("SELECT b FROM t WHERE a = %s", [(1,), (2,)], returning=True)
        assert cursor.fetchone() == ("1",)
        assert cursor.nextset()
        assert cursor.fetchone() == ("2",)


def test_prepared_statements_follow_the_catalog(connection):
    connection.execute("CREATE TABLE t (a int)")
    for _ in range(8):
        connection.execute("SELECT count(*) FROM t WHERE a = %s", (1,), prepare=True)
    connection.execute("ALTER TABLE t ADD COLUMN b int DEFAULT 7")
    connection.execute("INSERT INTO t VALUES (1)")
    assert connection.execute(
        "SELECT count(*) FROM t WHERE a = %s", (1,), prepare=True
    ).fetchone() == (1,)


def test_pipeline(connection):
    with connection.pipeline():
        first = connection.execute("SELECT %s::int", (1,))
        second = connection.execute("SELECT %s::text", ("x",))
    assert (first.fetchone(), second.fetchone()) == ((1,), ("x",))


def test_an_error_in_a_pipeline_aborts_the_rest_of_it(connection):
    def run():
        with connection.pipeline() as pipeline:
            connection.execute("SELECT 1/0")
            connection.execute("SELECT 2")
            pipeline.sync()

    with pytest.raises(psycopg.errors.DivisionByZero):
        run()
    assert connection.execute("SELECT 3").fetchone() == (3,)


def test_copy_both_ways(connection):
    connection.execute("CREATE TABLE t (a int, b text, c numeric(8,2))")
    rows = [(i, None if i % 3 == 0 else f"tab\t{i}\\", Decimal(i) / 4) for i in range(1000)]
    with connection.cursor() as cursor, cursor.copy("COPY t FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    with connection.cursor() as cursor, cursor.copy("COPY t TO STDOUT") as copy:
        copy.set_types(["int4", "text", "numeric"])
        assert list(copy.rows()) == rows


def test_a_bad_row_of_copy_says_where(connection):
    connection.execute("CREATE TABLE t (a int)")

    def run():
        with connection.cursor() as cursor, cursor.copy("COPY t FROM STDIN") as copy:
            copy.write(b"1\n2\nx\n")

    with pytest.raises(psycopg.errors.InvalidTextRepresentation) as failure:
        run()
    assert failure.value.diag.context == 'COPY t, line 3, column a: "x"'
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_named_cursors(connection):
    with connection.transaction(), connection.cursor("c") as cursor:
        cursor.itersize = 7
        cursor.execute("SELECT generate_series(1, 100)")
        assert [row[0] for row in cursor] == list(range(1, 101))


def test_nested_transactions(connection):
    connection.execute("CREATE TABLE t (a int)")
    with connection.transaction():
        connection.execute("INSERT INTO t VALUES (1)")
        with connection.transaction():
            connection.execute("INSERT INTO t VALUES (2)")
            raise psycopg.Rollback
        with connection.transaction():
            connection.execute("INSERT INTO t VALUES (3)")
    assert connection.execute("SELECT a FROM t ORDER BY a").fetchall() == [(1,), (3,)]


def test_errors_carry_their_fields(connection):
    connection.execute("CREATE TABLE t (a int PRIMARY KEY)")
    connection.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(psycopg.errors.UniqueViolation) as failure:
        connection.execute("INSERT INTO t VALUES (1)")
    diag = failure.value.diag
    assert (diag.constraint_name, diag.table_name) == ("t_pkey", "t")
    assert diag.message_detail == "Key (a)=(1) already exists."
    with pytest.raises(psycopg.errors.UndefinedColumn) as failure:
        connection.execute("SELECT nope FROM t")
    assert failure.value.diag.statement_position == "8"


def test_notices(connection):
    seen = []
    connection.add_notice_handler(lambda diag: seen.append(diag.message_primary))
    connection.execute("DROP TABLE IF EXISTS nowhere")
    assert seen == ['table "nowhere" does not exist, skipping']


def test_cancel_reaches_a_running_query(connection):
    async def run():
        conninfo = connection.info.dsn
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as other:
            query = asyncio.create_task(
                other.execute(
                    "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b"
                )
            )
            await asyncio.sleep(0.3)
            other.cancel()
            with pytest.raises(psycopg.errors.QueryCanceled):
                await query
            return await (await other.execute("SELECT 1")).fetchone()

    assert asyncio.run(run()) == (1,)


def test_async_clients_run_side_by_side(server):
    async def one(number):
        async with await psycopg.AsyncConnection.connect(server.dsn) as connection:
            cursor = await connection.execute("SELECT %s::int", (number,))
            return (await cursor.fetchone())[0]

    async def all_of_them():
        return await asyncio.gather(*(one(number) for number in range(20)))

    assert asyncio.run(all_of_them()) == list(range(20))
