"""What a statement has held back from vacuum is free when the statement ends, whether or not cycles are looked for."""

import gc

import pytest

QUERIES = [
    "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM t)",
    "SELECT a, (SELECT max(b) FROM t) FROM t",
    "SELECT a, (SELECT max(o.b) FROM t o WHERE o.a = t.a) FROM t",
    "SELECT a FROM t WHERE b IN (SELECT b FROM t)",
    "SELECT max(1) FILTER (WHERE EXISTS (SELECT min(a) FROM t GROUP BY CUBE (a))) WHERE true",
    "WITH x AS (SELECT * FROM t) SELECT * FROM x, x y",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT * FROM r",
    "WITH x AS (DELETE FROM t WHERE a = 2 RETURNING a) SELECT * FROM x",
    "SELECT (SELECT a FROM t)",  # an error: more than one row
    "SELECT 1 / (SELECT count(*) - 3 FROM t) FROM t",
    "SELECT count(*) FROM t",
]


@pytest.fixture
def without_collection():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.usefixtures("without_collection")
def test_no_snapshot_is_held_after_a_statement(client, database, query):
    client.run("CREATE TABLE t (a int, b text)")
    client.run("INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'z')")
    client.run(query)
    assert list(database.engine.log.held_sequences()) == []
