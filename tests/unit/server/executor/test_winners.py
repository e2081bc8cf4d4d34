"""A top-n over a wide scan gives what it gives when all columns are read, and reads most of them for its rows only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from server.executor import scan, winners
from tests.support.conversation import Client
from tests.support.engine import memory_database

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES = """
create table wide (a int, b int, c text, d numeric(12, 2), e timestamp, f text, g int[]);
insert into wide select i, i * 7919 % 109, 'word ' || i % 50, i / 3.0, timestamp '2020-01-01' + i * interval '1 minute',
    case when i % 97 = 0 then 'a needle ' || i end, array[i] from generate_series(1, 20000) i;
delete from wide where a % 5 = 0;
"""

QUERIES = [
    "select * from wide order by b, a limit 7",
    "select * from wide order by b limit 7",
    "select * from wide where f like '%needle%' order by e desc limit 3 offset 2",
    "select * from wide order by f nulls first, c desc limit 5",
    "select ctid, * from wide order by a % 1000, length(c) limit 5",
    "select * from wide where a < 0 order by b limit 5",
]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with memory_database() as database:
        made = Client(database)
        made.run(TABLES)
        yield made
        made.close()


@pytest.mark.parametrize("query", QUERIES)
def test_same_rows(client: Any, query: str, monkeypatch: Any):
    found = client.rows(query)
    monkeypatch.setattr(winners, "LATER_COLUMNS_MIN", 100)
    assert client.rows(query + " ") == found


def test_other_columns_are_read_for_the_first_rows(client: Any, monkeypatch: Any):
    read: dict[int, int] = {}
    stored_column = scan.stored_column

    def noted(view: Any, number: int, *rest: Any, **options: Any) -> Any:
        column = stored_column(view, number, *rest, **options)
        read[number] = max(read.get(number, 0), len(column))
        return column

    monkeypatch.setattr(scan, "stored_column", noted)
    client.rows("select * from wide order by b, a limit 6")
    assert read == {0: 16000, 1: 16000} | dict.fromkeys(range(2, 7), 6)
