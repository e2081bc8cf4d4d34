"""A change waits in the middle of an expression only where a trigger may be called by it; all others need no thread."""

import pytest

SETUP = (
    "CREATE TABLE t (id int PRIMARY KEY, a int)",
    "CREATE TABLE referring (id int PRIMARY KEY, t int REFERENCES t ON UPDATE CASCADE ON DELETE CASCADE)",
    "CREATE TABLE divided (id int, a int) PARTITION BY RANGE (id)",
    "CREATE TABLE low PARTITION OF divided FOR VALUES FROM (0) TO (100)",
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
)
CHANGES = {
    "insert": "INSERT INTO {} VALUES (1, 1)",
    "ignore": "INSERT INTO {} VALUES (1, 1) ON CONFLICT DO NOTHING",
    "upsert": "INSERT INTO {0} AS x VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET id = x.id + 1",
    "update": "UPDATE {} SET id = 2 WHERE id = 1",
    "delete": "DELETE FROM {} WHERE id = 1",
    "with": "WITH x AS (DELETE FROM {0} RETURNING 1) INSERT INTO {0} SELECT 1 FROM x",
    "merge": "MERGE INTO {} x USING (SELECT 1 AS k) s ON x.id = s.k WHEN MATCHED THEN DO NOTHING",
}


@pytest.mark.parametrize(
    ("event", "on", "of", "waiting"),
    [
        ("INSERT", "t", "t", {"insert", "ignore", "upsert", "with", "merge"}),
        ("UPDATE", "t", "t", {"upsert", "update", "with", "merge"}),
        ("DELETE", "t", "t", {"delete", "with", "merge"}),
        ("INSERT OR DELETE", "t", "t", {"insert", "ignore", "upsert", "delete", "with", "merge"}),
        ("UPDATE", "referring", "t", {"upsert", "update", "delete", "with", "merge"}),
        ("INSERT", "referring", "t", set()),
        ("UPDATE", "t", "referring", set()),
        ("DELETE", "low", "divided", {"insert", "update", "delete", "with"}),
    ],
    ids=str,
)
def test_only_what_calls_a_trigger_waits(client, event, on, of, waiting):
    for sql in SETUP:
        client.run(sql)
    client.run(f"CREATE TRIGGER x AFTER {event} ON {on} FOR EACH ROW EXECUTE FUNCTION f()")
    found = set()
    for name, sql in CHANGES.items():
        if of == "divided" and name in ("ignore", "upsert", "merge"):
            continue
        client.run(f"PREPARE p_{name} AS {sql.format(of)}")
        if client.session.prepared[f"p_{name}"].planned.calls_routines:
            found.add(name)
    assert found == waiting
