"""Lists of rows: when they are joined with, and when not."""

from __future__ import annotations

import pytest

from tests.support.conversation import Client
from tests.support.engine import memory_database


@pytest.fixture
def client():
    with memory_database() as database:
        made = Client(database)
        yield made
        made.close()


def listed(count: int) -> str:
    """A condition with so many rows."""
    return f"(a, b) IN ({', '.join(f'({number}, {number % 3})' for number in range(count))})"


def plan(client: Client, condition: str) -> str:
    """What EXPLAIN says of a query with the condition."""
    return "\n".join(line for (line,) in client.rows(f"EXPLAIN SELECT * FROM t WHERE {condition}"))


def test_a_list_is_looked_up_by_an_index(client: Client):
    client.rows("CREATE TABLE t (a int, b int, c text, PRIMARY KEY (a, b))")
    client.rows("INSERT INTO t SELECT i, i % 7 FROM generate_series(1, 100000) i")
    assert "Index Scan" in plan(client, listed(20))
    assert "Values Scan" in plan(client, listed(8))
    assert "Values Scan" not in plan(client, listed(7))
    assert "Values Scan" not in plan(client, f"NOT ({listed(20)})")
    assert "Values Scan" not in plan(client, f"({listed(20)} OR c = 'x')")
    assert "Values Scan" in plan(client, f"{listed(20)} AND c = 'x'")


def test_a_list_tells_which_partitions_are_read(client: Client):
    client.rows("CREATE TABLE t (a int, b int) PARTITION BY RANGE (a)")
    for number in range(4):
        bounds = f"FROM ({number * 100}) TO ({number * 100 + 100})"
        client.rows(f"CREATE TABLE t{number} PARTITION OF t FOR VALUES {bounds}")
    found = plan(client, listed(50))
    assert " t0" in found or "t0 " in found
    assert "t1" not in found
