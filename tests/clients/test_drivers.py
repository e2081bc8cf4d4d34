"""asyncpg, pg8000 and SQLAlchemy do their ordinary work against a real server."""

import asyncio
import datetime as dt
import uuid
from decimal import Decimal

import asyncpg
import pg8000.native
import pytest
import sqlalchemy as sa

VALUES = [
    ("bool", True), ("int2", -5), ("int4", 2**31 - 1), ("int8", -(2**63)), ("float8", 0.1),
    ("numeric", Decimal("-123456789012345678901.25")), ("text", "naïve ☃"), ("bytea", b"\0\xff"),
    ("date", dt.date(1999, 12, 31)), ("time", dt.time(23, 59, 59, 999999)),
    ("timestamp", dt.datetime(2024, 2, 29, 12, 30)),
    ("timestamptz", dt.datetime(2024, 2, 29, 12, 30, tzinfo=dt.UTC)),
    ("uuid", uuid.UUID(int=2**100)), ("int4[]", [1, None, 3]), ("text", None),
]  # fmt: skip


def with_asyncpg(server, work):
    async def run():
        connection = await asyncpg.connect(
            host="127.0.0.1", port=server.port, user="postgres", database="postgres", ssl=False
        )
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


def test_asyncpg_values_come_back(server):
    async def work(connection):
        return [await connection.fetchval(f"select $1::{kind}", value) for kind, value in VALUES]

    assert with_asyncpg(server, work) == [value for _, value in VALUES]


def test_asyncpg_transactions_cursors_and_copy(server):
    async def work(connection):
        await connection.execute("create temporary table t (a int primary key, b text)")
        await connection.executemany("insert into t values ($1, $2)", [(1, "x"), (2, None)])
        await connection.copy_records_to_table("t", records=[(3, "y"), (4, "z")])
        with pytest.raises(asyncpg.UniqueViolationError) as failure:
            async with connection.transaction():
                await connection.execute("delete from t where a = 2")
                await connection.execute("insert into t values (1, 'again')")
        assert failure.value.constraint_name == "t_pkey"
        async with connection.transaction():
            seen = [row["a"] async for row in connection.cursor("select a from t order by a")]
        return seen, await connection.fetch("select b from t order by a")

    seen, rows = with_asyncpg(server, work)
    assert seen == [1, 2, 3, 4]
    assert [tuple(row) for row in rows] == [("x",), (None,), ("y",), ("z",)]


def test_asyncpg_cancels_by_timeout(server):
    async def work(connection):
        with pytest.raises(TimeoutError):
            await connection.fetchval("select pg_sleep(60)", timeout=0.2)
        return await connection.fetchval("select 1")

    assert with_asyncpg(server, work) == 1


def test_pg8000(server):
    with pg8000.native.Connection("postgres", host="127.0.0.1", port=server.port) as connection:
        connection.run("create temporary table t (a int, b numeric, c timestamptz)")
        moment = dt.datetime(2024, 2, 29, 12, 30, tzinfo=dt.UTC)
        connection.run("insert into t values (:a, :b, :c)", a=1, b=Decimal("2.50"), c=moment)
        assert connection.run("select * from t") == [[1, Decimal("2.50"), moment]]
        assert [column["name"] for column in connection.columns] == ["a", "b", "c"]
        with pytest.raises(pg8000.native.DatabaseError) as failure:
            connection.run("select nope from t")
        assert failure.value.args[0]["C"] == "42703"
        assert connection.run("select 1") == [[1]]


@pytest.fixture
def engine(server):
    made = sa.create_engine(f"postgresql+psycopg://postgres@127.0.0.1:{server.port}/postgres")
    yield made
    made.dispose()


def test_sqlalchemy_tables_are_made_filled_reflected_and_dropped(engine):
    metadata = sa.MetaData()
    author = sa.Table(
        "alchemy_author",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(40), nullable=False, unique=True),
    )
    book = sa.Table(
        "alchemy_book",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("author_id", sa.ForeignKey("alchemy_author.id"), index=True),
        sa.Column("price", sa.Numeric(8, 2)),
    )
    metadata.create_all(engine)
    try:
        with engine.begin() as connection:
            added = sa.insert(author).returning(author.c.id)
            number = connection.execute(added, {"name": "ann"}).scalar_one()
            prices = [Decimal("1.50"), Decimal("2.25")]
            rows = [{"author_id": number, "price": price} for price in prices]
            connection.execute(sa.insert(book), rows)
            total = sa.select(author.c.name, sa.func.sum(book.c.price)).join(book)
            assert connection.execute(total.group_by(author.c.name)).all() == [
                ("ann", Decimal("3.75"))
            ]
        inspector = sa.inspect(engine)
        columns = inspector.get_columns("alchemy_book")
        assert [column["name"] for column in columns] == ["id", "author_id", "price"]
        assert str(columns[2]["type"]) == "NUMERIC(8, 2)"
        [key] = inspector.get_foreign_keys("alchemy_book")
        assert (key["constrained_columns"], key["referred_table"]) == (
            ["author_id"],
            "alchemy_author",
        )
        assert inspector.get_indexes("alchemy_book")[0]["column_names"] == ["author_id"]
        assert inspector.get_pk_constraint("alchemy_author")["constrained_columns"] == ["id"]
    finally:
        metadata.drop_all(engine)
    assert not sa.inspect(engine).has_table("alchemy_book")
