"""Filters over row_number() and rank() give what they give when the window is told nothing of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from server.executor import first_of_partitions
from tests.support.conversation import Client
from tests.support.engine import memory_database

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES = """
create table t (id int, part int, word text, amount int, price float8, exact numeric(8,2));
insert into t select i, i * 7 % 13, 'w' || i % 5, i * 31 % 97, (i * 17 % 50) / 4.0, (i % 30) / 4.0
    from generate_series(1, 300) i;
insert into t select i, null, null, case when i % 3 = 0 then i end, null, null from generate_series(301, 340) i;
create view many as select * from t where id % 4 = 0 union all select * from t where id % 4 = 1
    union all select * from t where id % 4 = 2 union all select * from t where id % 4 = 3;
"""

WINDOWS = [
    "partition by part order by amount",
    "partition by part order by amount desc, id",
    "partition by word, part order by price, id",
    "partition by word order by exact desc, id",
    "partition by part order by word, id desc",
    "partition by part order by amount nulls first, id",
    "order by id",
    "order by amount desc nulls last, id",
    "partition by part",
]

BOUNDS = ["<= 3", "< 2", "= 1", "<= 0", "<= 500"]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with memory_database() as database:
        made = Client(database)
        made.run(TABLES)
        yield made
        made.close()


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("bound", BOUNDS)
def test_first_rows(client: Any, window: str, bound: str, monkeypatch: Any):
    monkeypatch.setattr(first_of_partitions, "ROWS_MIN", 40)
    numbered = (
        f"select *, row_number() over w as n, rank() over w as r from many window w as ({window})"
    )
    for column in ("n", "r"):
        # Which of equal rows is first is open: what is compared are the keys, and how many rows there are.
        shown = "part, word, r" if "id" not in window else "*"
        found = client.rows(f"select {shown} from ({numbered}) x where {column} {bound}")
        expected = client.rows(f"select {shown} from ({numbered}) x where {column} + 0 {bound}")
        if "order" in window and "id" in window:
            assert found == expected
        assert len(found) == len(expected)


def test_rows_are_dropped(client: Any, monkeypatch: Any):
    kept = []
    of = first_of_partitions.FirstOfPartitions.of

    def counted(*arguments: Any) -> Any:
        batches = of(*arguments)
        kept.append(sum(batch.count for batch in batches))
        return batches

    monkeypatch.setattr(first_of_partitions, "ROWS_MIN", 40)
    monkeypatch.setattr(first_of_partitions.FirstOfPartitions, "of", counted)
    numbered = "select *, row_number() over (partition by part order by amount) as n from many"
    client.rows(f"select * from ({numbered}) x where 2 >= n")
    assert 2 * 14 <= kept[0] < 80
    client.rows(f"select *, sum(amount) over (order by id) from ({numbered}) x where n = 1")
    assert kept[1] < 80
    sums = "select *, rank() over w as n, sum(id) over w from many window w as (partition by part order by id)"
    client.rows(f"select * from ({sums}) x where n = 1")
    assert len(kept) == 2
