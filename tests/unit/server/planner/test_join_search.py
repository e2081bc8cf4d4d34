"""The search for a join order: that it finds good ones, ends soon, and can be told to keep what is written."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from server.planner import equalities, join_order
from tests.support.conversation import Client
from tests.support.engine import memory_database

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES = 17


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with memory_database() as database:
        made = Client(database)
        keys = ", ".join(f"k{n} int" for n in range(1, TABLES))
        made.run(f"create table fact (id int primary key, {keys})")
        values = ", ".join(f"i * {7 * n + 1} % 20" for n in range(1, TABLES))
        made.run(f"insert into fact select i, {values} from generate_series(1, 500) i")
        for n in range(1, TABLES + 1):
            made.run(f"create table d{n} (id int primary key, next int, g int)")
            made.run(
                f"insert into d{n} select i, i * {n} % 20, i % {n + 1} from generate_series(0, 19) i"
            )
        made.run("analyze")
        yield made
        made.close()


def star(count: int) -> str:
    joins = " ".join(f"join d{n} on k{n} = d{n}.id" for n in range(1, count))
    return f"select count(*) from fact {joins} where d1.g = 1"


def chain(count: int) -> str:
    joins = " ".join(f"join d{n} on d{n - 1}.next = d{n}.id" for n in range(2, count + 1))
    return f"select count(*) from d1 {joins} where d2.g = 1"


def clique(count: int) -> str:
    tables = ", ".join(f"d{n}" for n in range(1, count + 1))
    ties = " and ".join(f"d{n}.id = d{n + 1}.id" for n in range(1, count))
    return f"select count(*) from {tables} where {ties} and d3.g = 1"


SHAPES = [star, chain, clique]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [5, 10, TABLES])
def test_many_tables_are_planned_soon_and_joined_right(client: Any, shape: Any, count: int):
    text = shape(count)
    started = time.process_time()
    client.rows("explain " + text)
    assert time.process_time() - started < 1.0
    found = client.rows(text)
    client.run("set join_collapse_limit = 1")
    written = client.rows(text)
    client.run("reset join_collapse_limit")
    assert found == written


@pytest.mark.parametrize("shape", SHAPES)
def test_the_beam_is_hardly_worse_than_everything(client: Any, shape: Any, monkeypatch: Any):
    def price() -> float:
        lines = client.rows("explain " + shape(8))
        return float(lines[0][0].split("..")[1].split()[0])

    best = price()
    monkeypatch.setattr(join_order, "PAIRS_MAX", 0)
    client.session.database.plans.clear()
    assert price() <= 1.3 * best


def test_joins_are_kept_as_written(client: Any):
    client.run("set join_collapse_limit = 1")
    lines = client.rows(
        "explain (costs off) select * from fact join d1 on fact.k1 = d1.id join d2 on d1.next = d2.id"
        " join (d3 join d4 on d3.next = d4.id) on d2.next = d3.id"
    )
    client.run("reset join_collapse_limit")
    order = [
        name
        for (line,) in lines
        for name in ("fact", "d1", "d2", "d3", "d4")
        if f" on {name}" in line
    ]
    assert sorted(order[:3]) == ["d1", "d2", "fact"]
    assert sorted(order[3:]) == ["d3", "d4"]


def test_planning_can_be_interrupted(client: Any, monkeypatch: Any):
    asked = []
    monkeypatch.setattr(client.session, "check_cancelled", lambda: asked.append(True))
    client.run("set join_collapse_limit = 9")  # what depends on settings is worked out anew
    client.rows("explain " + clique(12))
    assert len(asked) > 10
    monkeypatch.undo()
    client.run("reset join_collapse_limit")


def test_columns_that_are_all_equal_are_not_all_compared(client: Any):
    """Of 40 equal columns 780 pairs could be tied; each order found still asks for all that the query does."""
    text = clique(TABLES)
    wide = text.replace("where", "cross join d1 e cross join d2 f where")
    assert client.rows(text) == client.rows(wide + " and e.id = d1.id and f.id = d1.id")


def test_members_of_a_large_class_are_compared_where_they_meet(client: Any, monkeypatch: Any):
    """Two tables may be tied by another column first: then none of their equal ones has been compared."""
    text = "select count(*) from d1 a, d2 b, d3 c, d4 d where a.id = b.id and b.id = c.id and c.id = d.id and a.g = d.g"
    expected = client.rows(text)
    monkeypatch.setattr(equalities, "MEMBERS_MAX", 1)
    for setting in ("1", "8"):
        client.run(f"set join_collapse_limit = {setting}")
        assert client.rows(text + f" /* {setting} */") == expected
    client.run("reset join_collapse_limit")


def test_rows_of_very_many_tables_are_more_than_a_float_may_be(client: Any):
    """The product of the rows of 300 tables is infinite by itself: orders would all look alike."""
    tables = ", ".join(f"d1 t{n}" for n in range(300))
    ties = " and ".join(f"t{n}.id = t{n + 1}.next" for n in range(299))
    plan = "\n".join(row[0] for row in client.rows(f"explain select 1 from {tables} where {ties}"))
    assert "Nested Loop" not in plan
    assert "e+" not in plan
    assert max(float(cost) for cost in re.findall(r"rows=(\d+)", plan)) < 1e6


def test_each_level_of_subqueries_is_searched_once(client: Any, monkeypatch: Any):
    """A level asks those below for a price and then for a plan, which was twice the work a level."""
    searched = 0
    solve = join_order.JoinOrder.solve

    def counted(order: Any) -> int:
        nonlocal searched
        searched += 1
        return solve(order)

    monkeypatch.setattr(join_order.JoinOrder, "solve", counted)
    depth = 12
    text = "select id from d1 where id in (" * depth + "select g from d2" + ")" * depth
    client.rows(f"explain {text}")
    assert searched == depth


def test_the_rows_around_subqueries_are_priced_once(client: Any, monkeypatch: Any):
    """Each subquery that became a join had those before it searched once more."""
    sizes: list[int] = []
    solve = join_order.JoinOrder.solve

    def counted(order: Any) -> int:
        sizes.append(len(order.items))
        return solve(order)

    monkeypatch.setattr(join_order.JoinOrder, "solve", counted)
    sums = ", ".join(f"(select sum(g) from d2 where d2.id = t.next + {n})" for n in range(9))
    client.rows(f"explain select {sums} from d1 t join d3 on t.id = d3.id")
    assert sum(size > 2 for size in sizes) == 1
