"""Which keys of a GROUP BY need not be looked at."""

from __future__ import annotations

from typing import Any

import pytest

from server.planner import physical


@pytest.fixture
def shop(sample: Any) -> Any:
    sample.table("nation", "n int not null, name text", 25)
    sample.primary_key("nation", "n")
    sample.table("buyer", "b int not null, label text, nation int, code int", 1000)
    sample.primary_key("buyer", "b")
    sample.index("buyer", "code", unique=True)
    sample.table("line", "b int not null, pos int not null, amount int, note text", 5000)
    sample.primary_key("line", "b, pos")
    sample.table("price", "p numeric not null, label text", 50)
    sample.primary_key("price", "p")
    return sample


def dependent(shop: Any, sql: str) -> list[int]:
    node = shop.plan(sql).plan
    while not isinstance(node, physical.HashAggregate):
        node = node.input
    return sorted(node.dependent)


FOLLOWING = {
    "SELECT 1 FROM buyer GROUP BY b, label, code": [1, 2],
    "SELECT 1 FROM buyer GROUP BY label, b": [0],
    "SELECT 1 FROM line GROUP BY b, pos, amount, note": [2, 3],
    "SELECT 1 FROM buyer JOIN nation ON nation = n GROUP BY b, label, name, n": [1, 2, 3],
    "SELECT 1 FROM line l JOIN buyer b ON l.b = b.b GROUP BY l.b, label": [1],
    "SELECT 1 FROM buyer LEFT JOIN nation ON nation = n GROUP BY b, n, name": [2],
    "SELECT 1 FROM line GROUP BY amount, amount - 1, amount * pos, pos": [1, 2],
    "SELECT 1 FROM line GROUP BY upper(note), note": [0],
    "SELECT 1 FROM buyer GROUP BY label || 'x', b": [0],
    "SELECT 1 FROM (SELECT b AS x, label AS y FROM buyer) s GROUP BY x, y": [1],
}
FREE = [
    "SELECT 1 FROM line GROUP BY b, amount",
    "SELECT 1 FROM line GROUP BY b, note",
    "SELECT 1 FROM buyer GROUP BY code, label",
    "SELECT 1 FROM buyer GROUP BY b",
    "SELECT 1 FROM buyer GROUP BY GROUPING SETS ((b, label), (label))",
    "SELECT 1 FROM price a JOIN price b ON a.p = b.p GROUP BY a.p, b.p",
    "SELECT 1 FROM line GROUP BY amount + 1, amount * pos, pos",
    "SELECT 1 FROM price a GROUP BY label, p * 2",
    "SELECT 1 FROM (SELECT p * 1 AS p FROM price) s GROUP BY p, p + 1",
    "SELECT 1 FROM line GROUP BY amount, amount * random()",
    "SELECT 1 FROM (SELECT b, label FROM buyer UNION ALL SELECT n, name FROM nation) u GROUP BY b, label",
]


@pytest.mark.parametrize(("sql", "expected"), FOLLOWING.items(), ids=FOLLOWING)
def test_keys_that_follow(shop: Any, sql: str, expected: list[int]):
    assert dependent(shop, sql) == expected


@pytest.mark.parametrize("sql", FREE)
def test_keys_that_do_not(shop: Any, sql: str):
    assert dependent(shop, sql) == []
