"""Queries that go to disk answer what they answer in memory, and leave nothing behind."""

from __future__ import annotations

import errno

import pytest

from protocol import messages
from tests.support.conversation import Client
from tests.support.engine import memory_database

pytestmark = pytest.mark.usefixtures("without_row_machine")
"""What the row machine covers is small, and goes to no disk."""

TABLES = """
create table wide (
    id int, small int2, big int8, price numeric, exact numeric(10,2), ratio float8, thin float4,
    word text, long text, padded char(20), day date, at timestamptz, key uuid, tag jsonb, flag bool);
insert into wide select i, i % 7, i * 1000003::int8, i / 8.0, (i % 200) / 4.0, i / 3.0, i / 4.0,
    case when i % 5 <> 0 then 'word' || i % 50 end, repeat('long ', 5) || i, 'padded' || i % 77,
    date '2020-01-01' + i % 400, timestamptz '2020-01-01 00:00Z' + i * interval '1 minute',
    ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid,
    case when i % 3 <> 0 then jsonb_build_object('a', i % 100) end, i % 2 = 0
    from generate_series(1, 200) i;
create view many as
    select * from wide where id <= 80 union all select * from wide where id between 41 and 120 union all
    select * from wide where id between 81 and 160 union all select * from wide where id > 120;
"""

SORTS = [
    "id", "small desc, id", "price", "ratio desc, big", "word, id", "word nulls first, long desc", "padded, id",
    "flag, day desc, key", "tag, id", "at desc", "long",
]  # fmt: skip

GROUPED = [
    "select id, count(*), sum(exact), avg(ratio), min(word), max(long) from many group by id",
    "select long, padded, sum(small), count(word) from many group by long, padded",
    "select word, at, array_agg(id), string_agg(padded, ',' order by id) from many group by 1, 2",
    "select price, count(distinct small), bool_or(flag) from many group by price",
    "select tag, key, count(*) filter (where flag) from many group by 1, 2",
    "select ratio, thin, stddev(big) from many group by 1, 2",
    "select id, long, count(*), grouping(id, long) from many group by rollup (id, long)",
    "select id, padded, sum(price) from many group by grouping sets ((id), (padded), ())",
    "select distinct big, long, tag from many",
    "select long, price from many union select long, price from wide",
]

KEYS = [
    "l.id = r.id", "l.big = r.big and l.word = r.word", "l.price = r.price", "l.price = r.exact * 100",
    "l.ratio = r.thin", "l.long = r.long", "l.padded = r.padded and l.id = r.id", "l.key = r.key",
    "l.tag = r.tag and l.id = r.id",
    "l.id = r.big / 1000003", "l.id = r.id and l.small < r.exact", "l.at = r.at and l.day = r.day",
]  # fmt: skip

KINDS = ["join", "left join", "right join", "full join"]


@pytest.fixture(scope="module")
def client():
    with memory_database() as database:
        made = Client(database)
        made.run(TABLES)
        yield made
        made.close()


def with_little_memory(client):
    """Let operations hold next to nothing, so that small tests go to disk."""
    client.run("set work_mem = '64kB'")
    memory = client.session.basis().memory
    memory.sort_bytes = memory.hash_bytes = 1024


def both_ways(client, sql):
    """The rows with little memory, which have been on disk, and with enough."""
    counts = client.database.activities[client.session.database_oid].ended
    client.run("set work_mem = '16MB'")
    before = counts["temp_files"]
    rows = client.rows(sql)
    assert counts["temp_files"] == before
    with_little_memory(client)
    spilled = client.rows(sql)
    assert counts["temp_files"] > before
    assert client.session.temporary_files.used_bytes == 0
    return spilled, rows


def sorted_rows(rows):
    return sorted(rows, key=repr)


@pytest.mark.parametrize("keys", SORTS)
def test_sort(client, keys):
    # Whatever the keys leave open is the same in rows that are equal by id and number of the copy.
    spilled, rows = both_ways(
        client,
        f"select {keys.replace(' desc', '').replace(' nulls first', '')} from many order by {keys}",
    )
    assert spilled == rows


def test_sort_of_rows_that_are_all_equal(client):
    spilled, rows = both_ways(client, "select 1 as one, long from many order by one")
    assert sorted_rows(spilled) == sorted_rows(rows)


def test_sort_of_sorted_rows(client):
    spilled, rows = both_ways(
        client, "select i, repeat('x', 90) from generate_series(1, 500) i order by i"
    )
    assert spilled == rows


@pytest.mark.parametrize("sql", GROUPED)
def test_groups(client, sql):
    spilled, rows = both_ways(client, sql)
    assert len(spilled) == len(rows)
    assert sorted_rows(spilled) == sorted_rows(rows)


@pytest.mark.parametrize("keys", KEYS)
def test_join_by_every_kind_of_key(client, keys):
    spilled, rows = both_ways(
        client,
        f"select l.id, r.id, l.long, r.word from wide l left join (select * from many where id % 3 <> 0) r on {keys}",
    )
    assert sorted_rows(spilled) == sorted_rows(rows)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_join(client, kind):
    spilled, rows = both_ways(
        client,
        f"select l.id, r.id, l.long, r.word from (select * from many where small <> 3) l {kind}"
        " (select *, nullif(id, 13) as other from many where small <> 5) r on l.id = r.other and l.flag = r.flag",
    )
    assert sorted_rows(spilled) == sorted_rows(rows)


@pytest.mark.parametrize("negation", ["", "not"])
def test_semi_and_anti_join(client, negation):
    spilled, rows = both_ways(
        client,
        f"select id, long from many l where {negation} exists"
        " (select from many r where r.big = l.big and r.long = l.long and small < 4)",
    )
    assert sorted_rows(spilled) == sorted_rows(rows)


def test_not_in_stays_right(client):
    with_little_memory(client)
    assert client.rows("select count(*) from wide where long not in (select long from many)") == [
        ("0",)
    ]
    assert client.rows("select count(*) from wide where word not in (select word from many)") == [
        ("0",)
    ]


def test_rows_of_a_with_query(client):
    sql = (
        "with w as materialized (select * from many)"
        " select a.long, b.tag from w a join w b using (id) where a.id < 50"
    )
    spilled, rows = both_ways(client, sql)
    assert sorted_rows(spilled) == sorted_rows(rows)


def test_keys_that_change_are_not_written(client):
    with_little_memory(client)
    counted = client.rows(
        "select count(*), count(distinct k) from (select (random() * 500)::int as k from many group by 1) g"
    )
    assert counted[0][0] == counted[0][1]


def test_temp_file_limit(client):
    client.run("set temp_file_limit = '10kB'")
    with_little_memory(client)
    found = client.error("select * from many order by long")
    client.run("reset temp_file_limit")
    assert found == ("53400", "temporary file size exceeds temp_file_limit (10kB)")
    assert client.session.temporary_files.used_bytes == 0


def test_full_disk(client, monkeypatch):
    class Full:
        def pwrite(self, place, data):
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self):
            pass

    with_little_memory(client)
    monkeypatch.setattr(client.session.temporary_files, "_open", Full)
    assert client.error("select * from many order by long") == (
        "53100",
        "could not write to temporary file: No space left on device",
    )


@pytest.mark.parametrize(
    "sql",
    [
        "select array_agg(long) from many",
        "select string_agg(distinct long, '') from many",
        "select *, row_number() over (order by id) from many",
        "select count(*) from wide l where long not in (select long from many)",
    ],
)
def test_more_than_a_statement_may_hold(client, sql):
    client.run("set statement_memory_limit = '1kB'")
    sqlstate, _ = client.error(sql)
    client.run("reset statement_memory_limit")
    assert sqlstate == "53200"
    assert len(client.rows(sql)) > 0


@pytest.mark.parametrize(
    "sql",
    [
        "select * from many order by long",
        "select l.* from many l join many r using (long)",
        "select long, count(*) from many group by long",
    ],
)
def test_a_portal_that_is_closed_gives_its_files_up(client, sql):
    with_little_memory(client)
    client.run("begin")
    client.send(
        messages.Parse("", sql, ()),
        messages.Bind("", "", (), (), ()),
        messages.Execute("", 1),
        messages.Flush(),
    )
    assert client.session.temporary_files.used_bytes > 0
    client.run("rollback")
    assert client.session.temporary_files.used_bytes == 0


def test_statistics_count_files(client):
    with_little_memory(client)
    sql = "select temp_files, temp_bytes from pg_stat_database where datname = current_database()"
    files, byte_count = map(int, client.rows(sql)[0])
    client.rows("select * from many order by long")
    after = list(map(int, client.rows(sql)[0]))
    assert after[0] > files
    assert after[1] > byte_count + 10_000
