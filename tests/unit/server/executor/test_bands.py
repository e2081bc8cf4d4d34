"""Bands: joins by < and > give the rows that looking at all pairs gives, whatever the keys and the kind of join."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from server.executor import nested_loop
from tests.support.conversation import Client
from tests.support.engine import memory_database

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = {
    "int": "i % 40",
    "bigint": "(i % 40) * 10000000000",
    "float8": "CASE WHEN i % 9 = 0 THEN float8 'nan' WHEN i % 8 = 0 THEN '-infinity' ELSE i % 40 END",
    "numeric(9,2)": "(i % 40) / 4.0",
    "numeric": "(i % 40) / 8.0",
    "date": "CASE WHEN i % 17 = 0 THEN 'infinity' ELSE date '2024-01-01' + i % 40 END",
    "timestamp": "CASE WHEN i % 17 = 0 THEN '-infinity' "
    "ELSE timestamp '2024-01-01' + make_interval(hours => i % 900) END",
}
PAIRS = [
    ("int", "int"),
    ("int", "bigint"),
    ("float8", "float8"),
    ("numeric(9,2)", "numeric"),
    ("numeric", "numeric(9,2)"),
    ("date", "date"),
    ("date", "timestamp"),
    ("timestamp", "date"),
    ("timestamp", "timestamp"),
]
CONDITIONS = [
    "l.a >= r.a AND l.a < r.b",  # ranges on the right
    "r.a > l.a AND r.a <= l.b",  # ranges on the left
    "l.a < r.a",
    "l.a >= r.b",
    "l.a <= r.a AND l.b >= r.b AND l.id <> r.id",
    "r.a BETWEEN l.a AND l.b AND (l.id + r.id) % 3 = 0",
]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with memory_database() as database:
        client = Client(database)
        for name, kind in product("lr", COLUMNS):
            table = f'"{name} {kind}"'
            client.rows(f"CREATE TABLE {table} (id int, a {kind}, b {kind})")
            factor = 7 if name == "l" else 11
            client.rows(
                f"INSERT INTO {table} SELECT n, CASE WHEN n % 13 > 0 THEN ({COLUMNS[kind]})::{kind} END, "
                f"CASE WHEN n % 10 > 0 THEN ({COLUMNS[kind].replace('i %', '(i + 9) %')})::{kind} END "
                f"FROM (SELECT n, n * {factor} i FROM generate_series(1, 120) n) t"
            )
        yield client


def counted(client: Client, kinds: tuple[str, str], join: str, condition: str) -> list[Any]:
    left, right = kinds
    return client.rows(
        f"SELECT count(*), sum(l.id * 1000 + r.id), count(l.id), count(r.id), sum(l.id), sum(r.id) "
        f'FROM "l {left}" l {join} "r {right}" r ON {condition}'
    )


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("kinds", PAIRS)
def test_as_all_pairs(
    client: Client, kinds: tuple[str, str], condition: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    joins = ["JOIN", "LEFT JOIN"]  # a FULL JOIN needs a key
    with monkeypatch.context() as patched:
        patched.setattr(nested_loop, "bands_of", lambda plan: None)
        expected = [counted(client, kinds, join, condition) for join in joins]
    client.rows("DISCARD PLANS")
    looked: list[bool] = []
    start = nested_loop.bands_of

    def noted(plan: Any) -> Any:
        bands = start(plan)
        looked.append(bands is not None)
        return bands

    monkeypatch.setattr(nested_loop, "bands_of", noted)
    monkeypatch.setattr(nested_loop, "PAIRS_MAX", 500)
    assert [counted(client, kinds, join, condition) for join in joins] == expected
    assert any(looked)


def test_without_rows_and_where_a_key_raises(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nested_loop, "PAIRS_MAX", 1)
    join = 'SELECT count(*), count(r.id) FROM "l int" l LEFT JOIN "r int" r ON '
    assert client.rows(join + "r.id < 0 AND l.a < r.a") == client.rows(join + "false")
    guarded = join + "r.a <> 0 AND l.a < CASE WHEN r.a = 0 THEN 0 ELSE 100 / r.a END"
    assert client.rows(join + "r.a <> 0 AND l.a < 100 / r.a") == client.rows(guarded)
