"""psycopg's async half and asyncpg: binary parameters, prepared statements, cursors, COPY."""

import asyncio
import datetime
import decimal
import uuid

import asyncpg
import psycopg
import pytest


def run(steps):
    return asyncio.run(steps)


@pytest.fixture
def arguments(server):
    return {"host": "127.0.0.1", "port": server.port, "user": "postgres", "database": "postgres"}


def test_async_psycopg(server):
    async def steps():
        async with await psycopg.AsyncConnection.connect(server.dsn, autocommit=True) as connection:
            await connection.execute("create temporary table t(a int)")
            async with connection.cursor() as cursor, cursor.copy("copy t from stdin") as copy:
                for number in range(10):
                    await copy.write_row((number,))
            async with connection.pipeline():
                first = await connection.execute("select sum(a) from t")
                second = await connection.execute("select %s::int + 1", (41,))
                assert await first.fetchone() == (45,)
                assert await second.fetchone() == (42,)
            async with connection.transaction(), connection.cursor("c") as cursor:
                await cursor.execute("select a from t order by a")
                assert [row[0] async for row in cursor] == list(range(10))

    run(steps())


def test_many_connections_at_once(server):
    async def one(number):
        async with await psycopg.AsyncConnection.connect(server.dsn) as connection:
            found = await connection.execute("select %s::int", (number,))
            return (await found.fetchone())[0]

    async def steps():
        return await asyncio.gather(*(one(number) for number in range(40)))

    assert run(steps()) == list(range(40))


def test_asyncpg(arguments):
    async def steps():
        connection = await asyncpg.connect(**arguments)
        try:
            await use_asyncpg(connection)
        finally:
            await connection.close()

    run(steps())


async def use_asyncpg(connection):
    await connection.execute(
        "create temporary table t(a int, b text, c numeric, d timestamptz, e uuid, f int[])"
    )
    at = datetime.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=datetime.UTC)
    row = (1, "x", decimal.Decimal("1.50"), at, uuid.UUID(int=5), [1, 2])
    await connection.executemany("insert into t values ($1, $2, $3, $4, $5, $6)", [row] * 3)
    found = await connection.fetch("select * from t where a = $1", 1)
    assert [tuple(record) for record in found] == [row] * 3
    statement = await connection.prepare("select $1::int8 * 2 as twice")
    assert await statement.fetchval(21) == 42
    assert [each.name for each in statement.get_attributes()] == ["twice"]
    async with connection.transaction():
        numbers = [r[0] async for r in connection.cursor("select generate_series(1, 120)")]
    assert numbers == list(range(1, 121))
    await connection.copy_records_to_table(
        "t", records=[(2, "c", None, None, None, None)], columns=list("abcdef")
    )
    assert await connection.fetchval("select count(*) from t") == 4
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(
            "create temporary table u(a int primary key); insert into u values (1), (1)"
        )
    await connection.execute("set statement_timeout = 50")
    with pytest.raises(asyncpg.QueryCanceledError):
        await connection.execute("select pg_sleep(5)")
