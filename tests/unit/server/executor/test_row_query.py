"""The row machine gives what the operators of columns give, and leaves to them what is not small."""

import pytest

from server.executor.row_node import ENTRIES_MAX
from server.executor.row_query import RowQuery
from server.executor.row_subqueries import SUBQUERY_RUNS_MAX

SETUP = (
    "CREATE TABLE owner (id int PRIMARY KEY, name text, rank numeric(6,2), born date)",
    "INSERT INTO owner SELECT i, 'n' || i % 7, i % 5 + 0.25, date '2000-01-01' + i"
    " FROM generate_series(1, 60) AS i",
    "INSERT INTO owner VALUES (61, NULL, NULL, NULL), (62, NULL, 'NaN', 'infinity')",
    "CREATE TABLE item (id bigint PRIMARY KEY, owner int, size int, code char(4), seen timestamptz)",
    "INSERT INTO item SELECT i, i * 7 % 50, i % 9, 'c' || i % 3, timestamptz '2024-01-01' + i * interval '1 h'"
    " FROM generate_series(1, 900) AS i",
    "INSERT INTO item VALUES (901, NULL, NULL, NULL, NULL), (902, 3, NULL, '', NULL)",
    "CREATE INDEX ON item (owner, size DESC)",
    "CREATE INDEX ON item (seen)",
    "CREATE INDEX ON item (code)",
    "CREATE TABLE page (id int, tags text[], body jsonb)",
    "INSERT INTO page SELECT i, ARRAY['t' || i % 5, 't' || i % 3, NULL], jsonb_build_object('a', i % 4)"
    " FROM generate_series(1, 400) AS i",
    "CREATE INDEX ON page USING gin (tags)",
    "CREATE INDEX ON page USING gin (body)",
    # Rows whose keys have changed, so that entries err, and rows that are gone.
    "UPDATE item SET owner = owner + 1 WHERE id % 11 = 0",
    "UPDATE item SET owner = owner - 1 WHERE id % 22 = 0",
    "DELETE FROM item WHERE id % 13 = 0",
    "UPDATE page SET tags = '{t1,t2}' WHERE id % 17 = 0",
    "DELETE FROM page WHERE id % 13 = 0",
    "ANALYZE owner, item, page",
)

QUERIES = (
    "SELECT * FROM item WHERE id BETWEEN 20 AND 60",
    "SELECT * FROM item WHERE owner = 4",
    "SELECT id, size FROM item WHERE owner = 4 AND size > 2 ORDER BY size DESC",
    "SELECT id FROM item WHERE owner = 4 AND size IS NULL",
    "SELECT id FROM item WHERE id > 30 ORDER BY id LIMIT 70 OFFSET 3",
    "SELECT id FROM item WHERE id < 300 AND size = 3 ORDER BY id DESC LIMIT 40",
    "SELECT id FROM item ORDER BY id DESC LIMIT 5",
    "SELECT id FROM item WHERE id = ANY('{5,3,99999,NULL,3,26,11}')",
    "SELECT id, owner FROM item WHERE id IN (5, 3, 11) ORDER BY owner, id DESC",
    "SELECT count(*), count(size), sum(size), sum(id), avg(size), min(seen), max(seen), min(size)"
    " FROM item WHERE owner = 4",
    "SELECT count(*), sum(size), max(size) FROM item WHERE owner = -1",
    "SELECT count(*) FILTER (WHERE size > 3), size % 2 FROM item WHERE owner = 5 GROUP BY 2 ORDER BY 2",
    "SELECT size, count(*) FROM item WHERE owner = 5 GROUP BY size ORDER BY size NULLS FIRST",
    "SELECT size, id FROM item WHERE id < 80 ORDER BY size DESC, code",
    "SELECT size FROM item WHERE id < 80 ORDER BY size LIMIT 9",
    "SELECT DISTINCT size, code FROM item WHERE id < 60 ORDER BY size, code",
    "SELECT DISTINCT ON (size) size, id FROM item WHERE id < 60 ORDER BY size, id DESC",
    "SELECT o.name, i.id FROM owner o JOIN item i ON i.owner = o.id WHERE o.id = 7 ORDER BY i.id",
    "SELECT o.id, i.id FROM owner o LEFT JOIN item i ON i.owner = o.id AND i.size = 2"
    " WHERE o.id BETWEEN 40 AND 55 ORDER BY 1, 2",
    "SELECT id FROM owner o WHERE id < 20 AND EXISTS (SELECT FROM item i WHERE i.owner = o.id AND size = 8)",
    "SELECT id FROM owner o WHERE id > 45 AND NOT EXISTS (SELECT FROM item i WHERE i.owner = o.id)",
    "SELECT o.id, l.id FROM owner o CROSS JOIN LATERAL"
    " (SELECT id FROM item i WHERE i.owner = o.id ORDER BY size DESC LIMIT 2) l WHERE o.id < 9",
    "SELECT a.id, b.id FROM owner a JOIN owner b ON a.name = b.name AND a.id < b.id WHERE a.id < 9",
    "SELECT sum(rank), avg(rank), min(rank), max(rank), min(born) FROM owner WHERE id < 30",
    "SELECT sum(rank), max(born), avg(rank) FROM owner WHERE id > 58",
    "SELECT * FROM owner WHERE id > 55 ORDER BY rank, name NULLS FIRST",
    "SELECT upper(name) || '!', rank * 2, born - 1 FROM owner WHERE id > 57",
    "SELECT id FROM owner WHERE name = 'n3' AND rank > 2 LIMIT 3",
    "SELECT 1 + 2, 'a' || 'b', NULL::int",
    "SELECT count(*) FROM owner",
    "SELECT id, name FROM owner WHERE id < 4 UNION ALL SELECT id, code FROM item WHERE id = 5"
    " UNION ALL VALUES (1, NULL)",
    "SELECT code, size FROM item WHERE id < 30 UNION SELECT 'c1', NULL UNION SELECT code, size FROM item WHERE id < 9",
    "SELECT v.a, o.name FROM (VALUES (3, 'x'), (NULL, 'y'), (99, 'z')) AS v (a, b) LEFT JOIN owner o ON o.id = v.a",
    "WITH w AS MATERIALIZED (SELECT * FROM owner WHERE id < 9) SELECT a.id, b.id FROM w a JOIN w b ON a.id = b.id + 1",
    "WITH w AS (SELECT id, size FROM item WHERE owner = 4) SELECT id FROM w WHERE size = (SELECT max(size) FROM w)",
    "SELECT o.id, l.n FROM owner o CROSS JOIN LATERAL (WITH w AS MATERIALIZED (SELECT id FROM item WHERE owner = o.id)"
    " SELECT count(*) AS n FROM w x, w y) l WHERE o.id = 4",
    "SELECT array_agg(id), string_agg(code, ','), json_agg(size), bool_and(size > 1) FROM item WHERE owner = 4",
    "SELECT array_agg(id), string_agg(code, ','), json_agg(size), count(DISTINCT size) FROM item WHERE owner = -4",
    "SELECT size, array_agg(id ORDER BY code DESC, id), array_agg(DISTINCT code) FILTER (WHERE id > 100), count(*)"
    " FROM item WHERE owner IN (4, 5) GROUP BY size ORDER BY size",
    "SELECT json_agg(o ORDER BY id) FROM owner o WHERE id > 58",
    "SELECT stddev(rank), sum(rank::float8 / 3), max(name), min(code) FROM owner JOIN item ON item.id = owner.id"
    " WHERE owner.id < 20",
    "SELECT id, size FROM item WHERE (owner, size) > (45, 3) ORDER BY id LIMIT 20",
    "SELECT id FROM item WHERE id = ANY('{5,3,99999,NULL,3,26,11,40,41,42,50,60,70}') ORDER BY id DESC LIMIT 7",
    "SELECT min(id), max(id) FROM item",
    "SELECT max(seen), min(id), max(id) FROM item WHERE size = 3",
    "SELECT min(id), max(id), min(seen) FROM item WHERE size = -3",
    "SELECT id, row_number() OVER (ORDER BY size DESC, id), sum(size) OVER () FROM item WHERE owner = 4 ORDER BY id",
    "SELECT id, rank() OVER (PARTITION BY size ORDER BY code), lag(id, 1, -1) OVER (ORDER BY id), count(*) OVER ()"
    " FROM item WHERE owner IN (4, 5) ORDER BY id DESC LIMIT 9 OFFSET 2",
    "SELECT sum(size) OVER (ORDER BY id ROWS 2 PRECEDING), first_value(code) OVER w, name FROM item"
    " JOIN owner USING (id) WINDOW w AS (PARTITION BY size ORDER BY seen DESC) ORDER BY item.id",
    "SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY size ORDER BY id DESC) AS n FROM item WHERE owner = 4)"
    " AS r WHERE n = 1 ORDER BY id",
    "SELECT count(*) OVER () FROM item WHERE owner = -4",
    "SELECT size, code, count(*), grouping(size, code) FROM item WHERE owner = 4 GROUP BY ROLLUP (size, code)"
    " ORDER BY size, code, 4",
    "SELECT size, code, sum(id) FROM item WHERE owner = -4 GROUP BY GROUPING SETS ((size), (code), ())",
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY id), mode() WITHIN GROUP (ORDER BY code),"
    " percentile_disc('{0,0.5}'::float8[]) WITHIN GROUP (ORDER BY size), rank(300) WITHIN GROUP (ORDER BY id)"
    " FROM item WHERE owner = 4",
    "SELECT mode() WITHIN GROUP (ORDER BY size), rank(3) WITHIN GROUP (ORDER BY id) FROM item WHERE owner = -4",
    "SELECT size, percentile_disc(0.5) WITHIN GROUP (ORDER BY id DESC) FROM item WHERE owner IN (4, 5) GROUP BY size"
    " ORDER BY size",
    "SELECT id, unnest(tags), generate_series(1, 2) FROM page WHERE id < 9 ORDER BY 1, 2, 3",
    "SELECT t, count(*) FROM page, unnest(tags) AS t WHERE id < 30 GROUP BY t ORDER BY t",
    "SELECT o.id, u.n FROM unnest('{7,3,NULL,99,3}'::int[]) WITH ORDINALITY AS u (id, n) JOIN owner o ON o.id = u.id"
    " ORDER BY u.n",
    "SELECT d::date, count(o.id) FROM generate_series(date '2000-01-03', date '2000-01-06', interval '1 day') AS d"
    " JOIN owner o ON o.born = d::date GROUP BY d ORDER BY d",
    "SELECT e.key, e.value FROM page p, jsonb_each(body) AS e WHERE p.id < 6 ORDER BY p.id",
    "SELECT id FROM page WHERE tags @> '{t2,t4}' AND id < 300",
    "SELECT id FROM page WHERE tags @> '{t2,NULL}'",
    "SELECT id FROM page WHERE tags && '{t4,x}' AND body @> '{\"a\": 3}' ORDER BY id DESC LIMIT 5",
    "SELECT id, n FROM page, jsonb_array_length('[1, 2]') AS n WHERE body @> jsonb_build_object('a', n) AND id < 50",
)

LEFT = QUERIES[24:25]
"""Of what is not finite no sums are made."""


@pytest.fixture
def filled(client):
    for text in SETUP:
        client.run(text)
    return client


def answers(client, text):
    """What a prepared statement gives, its rows in order only where it asks for one."""
    client.run("DEALLOCATE ALL")
    client.run(f"PREPARE asked AS {text}")
    found = client.rows("EXECUTE asked")
    return found if "ORDER BY" in text else sorted(found, key=str)


@pytest.fixture
def runs(monkeypatch):
    """What each run of the row machine has given."""
    found = []
    original = RowQuery.stored_rows

    def noted(query, context):
        found.append(original(query, context))
        return found[-1]

    monkeypatch.setattr(RowQuery, "stored_rows", noted)
    return found


def test_both_machines_give_the_same(filled, runs, monkeypatch):
    given = []
    for text in QUERIES:
        runs.clear()
        given.append(answers(filled, text))
        assert {found is None for found in runs} == {text in LEFT}, text
    monkeypatch.setattr(RowQuery, "stored_rows", lambda query, context: None)
    assert given == [answers(filled, text) for text in QUERIES]
    assert sum(map(len, given)) > 400


@pytest.mark.parametrize(
    "text",
    [
        "SELECT id, random() FROM item WHERE owner = 4",
        "SELECT id, row_number() OVER (ORDER BY id, random()) FROM item WHERE owner = 4",
        "SELECT generate_series(1, 2 + (random() > 2)::int) FROM item WHERE owner = 4",
        "SELECT id, ctid FROM item WHERE owner = 4",
        "SELECT id FROM item WHERE owner = 4 FOR UPDATE",
    ],
)
def test_what_is_not_covered_is_left_to_the_operators(filled, runs, text):
    assert filled.rows(text)
    assert runs == []


def test_what_is_not_small_is_left_and_not_tried_for_ever(filled, runs):
    filled.run("PREPARE many(int) AS SELECT id FROM item WHERE owner = $1")
    few = len(filled.rows("EXECUTE many(5)"))
    assert runs.pop() is not None
    last = 2100 + ENTRIES_MAX
    filled.run(f"INSERT INTO item SELECT i, 4 FROM generate_series(2000, {last}) AS i")
    for _ in range(30):
        assert len(filled.rows("EXECUTE many(4)")) > ENTRIES_MAX
    assert set(map(type, runs)) == {type(None)}
    assert len(filled.rows("EXECUTE many(5)")) == few


def test_limit_without_an_order_reads_the_first_rows_of_a_range(filled, runs):
    filled.run(
        f"INSERT INTO item SELECT i, 4 FROM generate_series(2000, {2100 + ENTRIES_MAX}) AS i"
    )
    filled.run(
        "PREPARE first(int, int) AS SELECT id, code FROM item WHERE id BETWEEN $1 AND $2 LIMIT 3"
    )
    assert len(filled.rows("EXECUTE first(2000, 4000)")) == 3
    assert [len(found) for found in runs] == [3]


def test_serializable_reads_are_noted_by_operators(filled):
    filled.run("BEGIN ISOLATION LEVEL SERIALIZABLE")
    filled.rows("SELECT id FROM item WHERE owner = 4")
    tracked = filled.session.transaction.running.storage.tracked
    assert tracked is not None
    filled.run("ROLLBACK")


def test_a_statement_sees_what_its_transaction_has_done(filled):
    filled.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
    before = filled.rows("SELECT sum(size) FROM item WHERE owner = 4")
    filled.run("UPDATE item SET size = size + 1 WHERE owner = 4")
    after = filled.rows("SELECT sum(size) FROM item WHERE owner = 4")
    assert int(after[0][0]) > int(before[0][0])
    filled.run("ROLLBACK")
    assert filled.rows("SELECT sum(size) FROM item WHERE owner = 4") == before


NESTED = (
    "SELECT id FROM item i WHERE size = (SELECT max(j.size) FROM item j WHERE j.owner = i.owner AND "
    "EXISTS (SELECT FROM item k WHERE k.id = j.id AND k.size <= i.size){}) ORDER BY id"
)


def test_subqueries_have_subqueries(filled, runs, monkeypatch):
    monkeypatch.setattr("server.planner.rewrite.rules.RULES", ())
    volatile = " AND (SELECT random() < k.id + 9 FROM item k WHERE k.id = j.id)"
    given = []
    for more, are_rows in (("", True), (volatile, False)):
        runs.clear()
        given.append(filled.rows(NESTED.format(more)))
        assert any(found and len(found[0]) == 1 for found in runs) is are_rows
    assert given[0] == given[1] != []


WITH_SUBQUERIES = (
    "SELECT EXISTS (SELECT FROM item WHERE owner = 4 AND size > 7), EXISTS (SELECT FROM item WHERE owner = -4)",
    "SELECT o.name, (SELECT sum(size) FROM item WHERE owner = o.id) FROM owner o WHERE o.id = 7",
    "SELECT id, (SELECT max(id) FROM item WHERE owner = o.id AND size > 1) FROM owner o"
    " WHERE id BETWEEN 5 AND 20 ORDER BY 1",
    "SELECT ARRAY(SELECT size FROM item WHERE id = 15)",
    "SELECT 4 IN (SELECT size FROM item WHERE id BETWEEN 1 AND 9)",
    "SELECT id FROM owner WHERE id = (SELECT owner FROM item WHERE id = 15)",
)


def test_statements_have_subqueries(filled, runs, monkeypatch):
    given = []
    for text in WITH_SUBQUERIES:
        runs.clear()
        given.append(answers(filled, text))
        assert runs
        assert None not in runs, text
    monkeypatch.setattr(RowQuery, "stored_rows", lambda query, context: None)
    assert given == [answers(filled, text) for text in WITH_SUBQUERIES]


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT id, (SELECT 1 + o.id) FROM item o WHERE id < {SUBQUERY_RUNS_MAX * 2} ORDER BY id",
        "SELECT (SELECT count(*) FROM item WHERE id > o.id - 1) FROM owner o WHERE id = 1",
    ],
)
def test_a_run_is_left_whose_subqueries_are_many_or_large(filled, runs, monkeypatch, text):
    monkeypatch.setattr("server.planner.rewrite.rules.RULES", ())
    found = answers(filled, text)
    assert runs[-1] is None or None in runs
    monkeypatch.setattr(RowQuery, "stored_rows", lambda query, context: None)
    assert found == answers(filled, text) != []


def test_an_error_of_a_subquery_is_told_once(filled, runs):
    text = "SELECT (SELECT id FROM item WHERE owner = o.id) FROM owner o WHERE id = 7"
    assert filled.error(text)[0] == "21000"
    assert runs[-1] is None
