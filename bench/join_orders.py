"""make join-orders: how good the chosen join orders are, beside random ones that the server is made to take.

Queries join 5 to 17 tables of made-up stars, snowflakes and chains whose columns are skewed and depend on each other.
Each is run as planned, and in random orders without cross products under join_collapse_limit = 1; the ratio of times
is between the planned one and the best of all. All is done twice: before ANALYZE has seen the tables, and after.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg

from bench.run import say
from bench.servers import rustydb

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNTS: Final = (5, 8, 12, 17)
DIMENSION_ROWS: Final = 5_000
PATIENCE: Final = 4  # how often as long as the best one an order may take
RUNS: Final = 3
TURNS: Final = 5

Edge = tuple[str, str, str]  # two tables and the condition that ties them


@dataclass(frozen=True, slots=True)
class Query:
    """Tables, what ties them, and what is asked of them."""

    name: str
    edges: tuple[Edge, ...]
    filters: str

    @property
    def tables(self) -> list[str]:
        """All tables."""
        return sorted({table for edge in self.edges for table in edge[:2]})

    def text(self, order: Sequence[str]) -> str:
        """The query with its joins in an order."""
        here, lines = {order[0]}, [f"SELECT count(*) FROM {order[0]}"]
        for table in order[1:]:
            ties = [
                condition
                for first, second, condition in self.edges
                if table in (first, second) and ({first, second} - {table}) & here
            ]
            lines.append(f"JOIN {table} ON {' AND '.join(ties)}")
            here.add(table)
        return " ".join([*lines, "WHERE", self.filters])

    def random_order(self, source: random.Random) -> list[str]:
        """A random order in which each table is tied to one before it."""
        order = [source.choice(self.tables)]
        while len(order) < len(self.tables):
            near = {
                table
                for first, second, _ in self.edges
                for table in (first, second)
                if table not in order and {first, second} & set(order)
            }
            order.append(source.choice(sorted(near)))
        return order


def star(count: int) -> Query:
    """A fact table and its dimensions, some of which are filtered by columns that go together."""
    edges = tuple(("fact", f"d{n}", f"fact.k{n} = d{n}.id") for n in range(1, count))
    return Query(
        f"star {count}", edges, "d1.class = 3 AND d1.kind = 3 AND d2.class < 2 AND d3.rare < 5"
    )


def snowflake(count: int) -> Query:
    """A fact table whose dimensions have dimensions."""
    near = (count - 1) // 2
    edges = [("fact", f"d{n}", f"fact.k{n} = d{n}.id") for n in range(1, near + 1)]
    edges += [
        (f"d{n - near}", f"d{n}", f"d{n - near}.next = d{n}.id") for n in range(near + 1, count)
    ]
    return Query(f"snowflake {count}", tuple(edges), f"d{near + 1}.class = 8 AND d1.rare < 4")


def chain(count: int) -> Query:
    """One table leads to the next."""
    edges = [("fact", "d1", "fact.k1 = d1.id")]
    edges += [(f"d{n}", f"d{n + 1}", f"d{n}.next = d{n + 1}.id") for n in range(1, count - 1)]
    return Query(f"chain {count}", tuple(edges), f"d{count - 1}.rare = 1 AND d2.class = d2.kind")


def make_tables(connection: psycopg.Connection[Any], fact_rows: int) -> None:
    """Tables whose keys are skewed and whose columns depend on each other."""
    count = max(COUNTS)
    keys = ", ".join(f"k{n} int" for n in range(1, count))
    span = DIMENSION_ROWS
    values = ", ".join(  # the product of two even spreads is uneven
        f"(i * {2 * n + 7919}::int8 % {span}) * (i * {n + 1}::int8 % {span}) / {span}"
        for n in range(1, count)
    )
    connection.execute(f"CREATE TABLE fact (id int PRIMARY KEY, {keys})")
    connection.execute(
        f"INSERT INTO fact SELECT i, {values} FROM generate_series(1, {fact_rows}) i"
    )
    for n in range(1, count):
        connection.execute(
            f"CREATE TABLE d{n} (id int PRIMARY KEY, next int, class int, kind int, rare int)"
        )
        connection.execute(
            f"INSERT INTO d{n} SELECT i, (i * {n + 3}) % {DIMENSION_ROWS}, i % 20, i % 20, i % {500 + n}"
            f" FROM generate_series(0, {DIMENSION_ROWS - 1}) i"
        )


def seconds(connection: psycopg.Connection[Any], text: str, limit_s: float = 0.0) -> float:
    """The best time of some runs; infinite if it takes too long."""
    best = float("inf")
    connection.execute(f"SET statement_timeout = {int(limit_s * 1000)}")
    try:
        for _ in range(RUNS):
            started = time.perf_counter()
            connection.execute(text)
            best = min(best, time.perf_counter() - started)
    except psycopg.errors.QueryCanceled:
        return float("inf")
    finally:
        connection.execute("SET statement_timeout = 0")
    return best


def measure(connection: psycopg.Connection[Any], query: Query, orders: int) -> float:
    """By how much the planned order is slower than the best one tried.

    Looking for the best one takes the luckiest time for the best order, so the two are then timed anew and in turn.
    """
    source = random.Random(query.name)
    free = query.text(query.random_order(source))
    best, best_text = seconds(connection, free), ""
    for _ in range(orders):
        text = query.text(query.random_order(source))
        connection.execute("SET join_collapse_limit = 1")
        found = seconds(connection, text, max(0.1, PATIENCE * best))
        connection.execute("RESET join_collapse_limit")
        if not best_text or found < best:
            best, best_text = min(best, found), text
    planned, forced = [], []
    for _ in range(TURNS):
        planned.append(seconds(connection, free))
        connection.execute("SET join_collapse_limit = 1")
        forced.append(seconds(connection, best_text))
        connection.execute("RESET join_collapse_limit")
    ours, theirs = statistics.median(planned), statistics.median(forced)
    say(f"{query.name:16} {ours * 1000:10,.1f} ms {theirs * 1000:10,.1f} ms {ours / theirs:6.2f}x")
    return ours / theirs


def main() -> int:
    """Measure all queries; the exit code says whether each is within twice the best."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=20, help="random orders a query")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the largest table")
    chosen = parser.parse_args()
    ratios: list[float] = []
    with rustydb("autovacuum=off") as server, server.connect() as connection:
        make_tables(connection, chosen.rows)
        for state in ("as loaded", "analysed"):
            say(state)
            ratios += (
                measure(connection, shape(count), chosen.orders)
                for count in COUNTS
                for shape in (star, snowflake, chain)
            )
            connection.execute("ANALYZE")
    say(f"worst {max(ratios):.2f}x")
    return int(max(ratios) > 2.0)


if __name__ == "__main__":
    sys.exit(main())
