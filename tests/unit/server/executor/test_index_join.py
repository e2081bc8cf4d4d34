"""Index joins: the answers of nested loops that cannot use an index."""

import pytest

from server.executor.index_join import IndexJoin
from server.planner import cost

pytestmark = pytest.mark.usefixtures("without_row_machine")

KINDS = {
    "inner": "SELECT l.id, r.a, r.v FROM l JOIN r ON r.a = l.k {more} ORDER BY 1, 2, 3",
    "left": "SELECT l.id, r.a, r.v FROM l LEFT JOIN r ON r.a = l.k {more} ORDER BY 1, 2, 3",
    "semi": "SELECT l.id FROM l WHERE EXISTS (SELECT FROM r WHERE r.a = l.k {more}) ORDER BY 1",
    "anti": "SELECT l.id FROM l WHERE NOT EXISTS (SELECT FROM r WHERE r.a = l.k {more}) ORDER BY 1",
    "second": "SELECT l.id, r.v FROM l JOIN r ON r.a = l.k AND r.b = 2 {more} ORDER BY 1, 2",
}
MORE = ["", "AND r.v <> l.id", "AND r.v > 3", "AND r.v IS NULL"]


@pytest.fixture
def joined(client, monkeypatch):
    """A client with a small table to look up in a big one, and how many index joins have been run."""
    client.run("CREATE TABLE l (id int, k bigint)")
    client.run("INSERT INTO l VALUES (1, 1), (2, 5), (3, NULL), (4, 700), (5, 5), (6, 99999999999)")
    client.run("CREATE TABLE r (a int, b int, v int, PRIMARY KEY (a, b))")
    rows = "SELECT i / 3, i % 3, nullif(i % 7, 6) FROM generate_series(0, 2200) i"
    client.run(f"INSERT INTO r {rows}")
    client.run("UPDATE r SET a = a + 5000 WHERE a = 5 AND b = 1")
    client.run("UPDATE r SET a = 700 WHERE a = 600 AND b = 2")
    client.run("ANALYZE l")
    client.run("ANALYZE r")
    monkeypatch.setattr(cost, "HASH_BUILD", 1000.0)  # as if the table were too big to be hashed
    client.runs = []
    run = IndexJoin.run
    monkeypatch.setattr(
        IndexJoin, "run", lambda self, context: client.runs.append(self) or run(self, context)
    )
    return client


@pytest.mark.parametrize("more", MORE)
@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_those_of_a_hash_join(joined, kind, more):
    sql = KINDS[kind].format(more=more)
    found = joined.rows(sql)
    assert joined.runs
    joined.runs.clear()
    assert found == joined.rows(sql.replace("= l.k", "= l.k::numeric"))
    assert not joined.runs
