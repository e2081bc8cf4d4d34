"""psycopg's async half: COPY, pipelines, cursors, many connections at once."""

import asyncio

import psycopg


def run(steps):
    return asyncio.run(steps)


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
