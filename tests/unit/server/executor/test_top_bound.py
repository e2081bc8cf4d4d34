"""A top-n whose bound is known beforehand gives what it gives when every row is looked at, and looks at few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from server.executor import sort, top_bound
from storage import row_groups, table
from tests.support.conversation import Client
from tests.support.engine import memory_database

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS_PER_GROUP = 512

TABLES = """
create table moments as select i a, i * 7919 % 10007 - 5000 b, nullif(i % 50, 7) n,
    case when i % 3 <> 0 then i * 31 % 977 end m, timestamp '2020-01-01' + i * interval '1 minute' t,
    date '2021-01-01' + i % 400 d, 'word ' || i % 50 w, i * 13 % 501 h
    from generate_series(1, 7000) i;
alter table moments alter t set not null;
delete from moments where a % 10 = 0;
update moments set b = -6000, w = 'changed' where a in (17, 6999);
"""

QUERIES = [
    "select a, b from moments order by b, a limit 7",
    "select a, b from moments order by b desc, a limit 20 offset 5",
    "select * from moments order by t limit 5",
    "select * from moments order by t desc limit 5",
    "select * from moments where w like '%d 4%' order by t desc, a limit 9",
    "select t from moments where w <> 'word 3' and a > 2000 order by t limit 3",
    "select m, a from moments order by m, a limit 12",
    "select m, a from moments order by m desc nulls last, a limit 12",
    "select m, a from moments order by m desc, a limit 12",
    "select m, a from moments order by m nulls first, a desc limit 12",
    "select n, d, a from moments order by n desc nulls last, d desc, a limit 30",
    "select d, w, a from moments where d > '2021-06-01' order by d, w, a limit 11",
    "select a from moments where b < -4990 order by t limit 3",
    "select a from moments where a < 0 order by t limit 3",
    "select a from moments order by t limit 0",
    "select h, count(*) from (select h from moments order by h limit 100) x group by 1 order by 1",
    "select (select a from moments i where i.h = o.h order by t desc limit 1) from moments o where o.a < 30 order by a",
]


@pytest.fixture(scope="module", params=["open", "sealed"])
def client(request: Any) -> Iterator[Any]:
    with memory_database() as database, pytest.MonkeyPatch.context() as patch:
        made = Client(database)
        patch.setattr(table, "CAPACITY_MAX", ROWS_PER_GROUP)
        patch.setattr(row_groups, "CAPACITY_MAX", ROWS_PER_GROUP)
        made.run(TABLES)
        if request.param == "sealed":
            made.run("set vacuum_seal_min_age = 0")
            made.run("vacuum (analyze) moments")
        yield made
        made.close()


@pytest.fixture
def bounds(monkeypatch: Any) -> list[int | None]:
    """The bounds that were found."""
    seen, find = [], top_bound.TopBound._bound

    def noted(self: Any, *rest: Any) -> int | None:
        seen.append(find(self, *rest))
        return seen[-1]

    monkeypatch.setattr(top_bound.TopBound, "_bound", noted)
    return seen


@pytest.mark.parametrize("query", QUERIES)
def test_same_rows(client: Any, query: str, monkeypatch: Any):
    found = client.rows(query)
    monkeypatch.setattr(sort, "top_bound_of", lambda *_: None)
    assert client.rows(query + " ") == found


def test_bounds(client: Any, bounds: list[int | None]):
    client.rows(QUERIES[0])
    client.rows(QUERIES[7])
    client.rows(QUERIES[8])
    assert all(bound is not None for bound in bounds[:2])
    assert bounds[2:] == [None]


def test_a_filter_that_may_raise_is_asked_about_every_row(client: Any, bounds: list[int | None]):
    client.run("set max_parallel_workers_per_gather = 0")
    with pytest.raises(Exception, match="division by zero"):
        client.rows("select a from moments where 1 / (a - 6999) < 1 order by t limit 3")
    assert not bounds


def test_few_rows_are_looked_at(client: Any, monkeypatch: Any):
    seen = []
    first_rows = sort.first_rows

    def noted(keys: Any, batches: Any, *rest: Any) -> Any:
        kept = list(batches)
        seen.append(sum(batch.count for batch in kept))
        return first_rows(keys, kept, *rest)

    monkeypatch.setattr(sort, "first_rows", noted)
    client.rows("select a, t from moments order by t desc, a limit 4")
    client.rows("select a, b from moments order by b, a limit 10")
    assert seen[0] == 4
    assert seen[1] < 300
