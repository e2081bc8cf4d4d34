"""Tables that ANALYZE has not seen: what a look at some of their rows tells the planner."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from server import first_looks
from tests.support.conversation import Client
from tests.support.engine import memory_database

if TYPE_CHECKING:
    from server.types.type import Type
    from server.vector.column import Column


@pytest.fixture
def client():
    with memory_database() as database:
        made = Client(database)
        yield made
        made.close()


def estimate(client: Client, query: str) -> int:
    """The rows that the topmost node is thought to give."""
    (line, *_) = client.rows(f"EXPLAIN {query}")[0]
    found = re.search(r"rows=(\d+)", str(line))
    assert found is not None
    return int(found[1])


def load(client: Client, rows: int, name: str = "t") -> None:
    client.rows(
        f"INSERT INTO {name} SELECT i, i % 20, CASE WHEN i % 4 > 0 THEN i % 5 END, 'word ' || i % 50,"
        f" i / 100.0 FROM generate_series(0, {rows} - 1) i"
    )


COLUMNS = "(id int, class int, kind int, word text, amount numeric(12, 2))"


def test_a_table_that_was_just_loaded_is_known(client: Client):
    client.rows(f"CREATE TABLE t {COLUMNS}")
    load(client, 10_000)
    assert 350 <= estimate(client, "SELECT * FROM t WHERE class = 3") <= 650
    assert 2200 <= estimate(client, "SELECT * FROM t WHERE kind IS NULL") <= 2800
    assert 150 <= estimate(client, "SELECT * FROM t WHERE word = 'word 7'") <= 260
    assert 2300 <= estimate(client, "SELECT * FROM t WHERE amount < 25") <= 2700
    assert 900 <= estimate(client, "SELECT * FROM t WHERE id BETWEEN 2000 AND 3000") <= 1100
    assert 18 <= estimate(client, "SELECT class FROM t GROUP BY class") <= 22
    assert estimate(client, "SELECT * FROM t a JOIN t b ON a.id = b.id") >= 9_000


def test_what_was_seen_holds_until_the_table_has_grown(
    client: Client, monkeypatch: pytest.MonkeyPatch
):
    looks: list[int] = []
    look = first_looks.FirstLooks._look

    def counted(self: first_looks.FirstLooks, *given: object) -> object:
        looks.append(1)
        return look(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(first_looks.FirstLooks, "_look", counted)
    client.rows(f"CREATE TABLE t {COLUMNS}")
    load(client, first_looks.TABLE_ROWS_MIN - 10)
    estimate(client, "SELECT * FROM t WHERE class = 3")
    assert not looks
    load(client, 1000)
    for value in range(3):
        estimate(client, f"SELECT * FROM t WHERE class = {value}")
    assert len(looks) == 1
    load(client, 100)
    estimate(client, "SELECT * FROM t WHERE class = 4")
    assert len(looks) == 1
    load(client, 2000)
    estimate(client, "SELECT * FROM t WHERE class = 5")
    assert len(looks) == 2
    client.rows("ANALYZE t")
    load(client, 9000)
    estimate(client, "SELECT * FROM t WHERE class = 6")
    assert len(looks) == 2


def test_partitions_are_looked_at_together(client: Client):
    client.rows(f"CREATE TABLE p {COLUMNS} PARTITION BY RANGE (id)")
    client.rows("CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (3000)")
    client.rows("CREATE TABLE p2 (gone int, LIKE p)")
    client.rows("ALTER TABLE p2 DROP gone")
    client.rows("ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (3000) TO (100000)")
    load(client, 12_000, "p")
    assert 450 <= estimate(client, "SELECT * FROM p WHERE class = 3") <= 750
    assert 180 <= estimate(client, "SELECT * FROM p WHERE word = 'word 7'") <= 320
    assert 18 <= estimate(client, "SELECT class FROM p GROUP BY class") <= 22


def test_rows_that_are_gone_and_columns_added_later(client: Client):
    client.rows(f"CREATE TABLE t {COLUMNS}")
    load(client, 6000)
    client.rows("ALTER TABLE t ADD more int DEFAULT 7, ADD none text")
    assert estimate(client, "SELECT * FROM t WHERE more = 7") >= 5000
    assert estimate(client, "SELECT * FROM t WHERE none IS NULL") >= 5000
    client.rows("DELETE FROM t WHERE class <> 3")
    client.rows("INSERT INTO t SELECT i, 1, 1, 'other', 1 FROM generate_series(1, 3000) i")
    assert estimate(client, "SELECT * FROM t WHERE word = 'other'") >= 2000


def test_of_long_values_fewer_are_read(client: Client, monkeypatch: pytest.MonkeyPatch):
    read: list[int] = []
    sampled = first_looks.sampled

    def noted(parts: list[Column], kind: Type) -> object:
        read.append(sum(map(len, parts)))
        return sampled(parts, kind)

    monkeypatch.setattr(first_looks, "sampled", noted)
    client.rows("CREATE TABLE t (id int, long text)")
    client.rows("INSERT INTO t SELECT i, repeat('x', 20000) || i FROM generate_series(1, 1500) i")
    estimate(client, "SELECT * FROM t WHERE id = 3")
    estimate(client, "SELECT * FROM t WHERE long = 'x'")
    assert read[0] == 1500
    assert 20 < read[1] < 100


def test_rows_are_taken_from_all_over_a_table_but_from_few_groups():
    groups = [SimpleNamespace(used=100) for _ in range(1000)]
    groups[500] = None  # not at hand
    listed = SimpleNamespace(known_but_last=lambda: groups)
    ids = first_looks._spread(SimpleNamespace(groups=listed), first_looks.SAMPLE_ROWS)
    numbers = np.unique(ids >> 16)
    assert len(np.unique(ids)) == len(ids) == first_looks.SAMPLE_ROWS
    assert 30 <= len(numbers) <= first_looks.GROUPS_MAX
    assert numbers.max() > 950
    assert 500 not in numbers
    assert (ids & 0xFFFF).max() == 99
    none = SimpleNamespace(known_but_last=list)
    assert not len(first_looks._spread(SimpleNamespace(groups=none), 9))
