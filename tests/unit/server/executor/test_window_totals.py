"""Aggregates over whole partitions give what they give when rows are put in the order of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from server.executor import sort, window
from tests.support.conversation import Client
from tests.support.engine import memory_database

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES = """
create table measured (id int, part int, word text, amount int, price float8, exact numeric);
insert into measured select i, i * 7 % 13, 'w' || i % 5, i * 31 % 97, (i * 17 % 50) / 7.0, (i % 30) / 4.0
    from generate_series(1, 300) i;
insert into measured select i, null, null, case when i % 3 = 0 then i end, null, null from generate_series(301, 340) i;
insert into measured select i, i % 3, 'w1', i, 'nan', 'nan' from generate_series(341, 360) i;
insert into measured select i, 1 - i % 3, 'W', i, case i % 3 when 0 then '-0'::float8 when 1 then 0 else 'inf' end,
    'inf' from generate_series(361, 380) i;
"""

WINDOWS = [
    "",
    "partition by part",
    "partition by word",
    "partition by word, part",
    "partition by price",
    "partition by exact",
    "partition by part rows between unbounded preceding and unbounded following",
]

CALLS = [
    "sum(amount)", "avg(amount)", "avg(price)", "sum(price)", "sum(exact)", "avg(exact)", "count(*)",
    "count(word)", "max(word)", "min(exact)", "max(price)", "array_agg(id)", "string_agg(word, ',')",
    "bool_or(amount > 90)", "stddev(amount)", "sum(amount) filter (where amount > 50)",
    "avg(exact) filter (where amount > 90)",
    "count(*) filter (where false)", "max(amount) filter (where part > 100)",
]  # fmt: skip


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with memory_database() as database:
        made = Client(database)
        made.run(TABLES)
        yield made
        made.close()


def _answers(client: Any, table: str, over: str) -> list[Any]:
    calls = ", ".join(f"{call} over w" for call in CALLS)
    found: list[Any] = client.rows(f"select id, {calls} from {table} t window w as ({over})")
    return found


@pytest.mark.parametrize("over", WINDOWS)
@pytest.mark.parametrize(
    "table",
    ["measured", "(select * from measured where id < 0)", "(select * from measured limit 1)"],
)
def test_no_order(client: Any, over: str, table: str, monkeypatch: Any):
    monkeypatch.setattr(sort, "TIED_ROWS_MAX", -1)  # many rows, whose sort is stable
    ordered = _answers(client, table, over)
    monkeypatch.setattr(window, "ROWS_MIN", 0)
    unordered = _answers(client, table, over)
    assert sorted(map(str, unordered)) == sorted(map(str, ordered))
    assert [row[0] for row in unordered] == sorted((row[0] for row in unordered), key=int)


def test_ordered_windows_stay_ordered(client: Any, monkeypatch: Any):
    queries = (
        "select id, sum(amount) over (partition by part order by id) from measured",
        "select id, rank() over (partition by part) from measured",
        "select id, sum(amount) over (partition by part rows 1 preceding) from measured",
        "select id, count(*) over (partition by part rows between unbounded preceding and unbounded following"
        " exclude current row) from measured",
    )
    expected = [client.rows(query) for query in queries]
    monkeypatch.setattr(window, "ROWS_MIN", 0)
    assert [client.rows(query) for query in queries] == expected


@pytest.mark.parametrize("count", [1, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073])
def test_many_rows(client: Any, count: int):
    rows = client.rows(
        f"select count(*), sum(s), sum(c), max(a) from (select sum(i) over (partition by i % 10) as s,"
        f" count(*) over () as c, avg(i) over (partition by i / 1000) as a from generate_series(1, {count}) i) x"
    )
    sums = [sum(range(rest or 10, count + 1, 10)) for rest in range(10)]
    sizes = [len(range(rest or 10, count + 1, 10)) for rest in range(10)]
    total = sum(one * size for one, size in zip(sums, sizes, strict=True))
    last = range(max(count // 1000 * 1000, 1), count + 1)
    mean = sum(last) / len(last)
    assert [int(value) for value in rows[0][:3]] == [count, total, count * count]
    assert float(rows[0][3]) == mean


@pytest.mark.parametrize("count", [10, 200_000])
@pytest.mark.parametrize("over", ["", "order by i", "order by i rows 1 preceding"])
def test_arguments_of_rows_that_do_not_pass_are_not_computed(client: Any, over: str, count: int):
    rows = client.rows(
        f"select max(x), count(*) from (select sum(1 / (i % 3 - 1)) filter (where i % 3 <> 1) over ({over}) x"
        f" from generate_series(1, {count}) i) y"
    )
    assert rows[0][1] == str(count)
