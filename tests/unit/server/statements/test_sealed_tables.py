"""Whatever is done to a table gives the same rows whether its row groups are sealed or not."""

from dataclasses import replace

import pytest

from server.catalog.objects import Table
from storage.check import check
from storage.memory_files import MemoryFiles
from tests.support.clock import ManualClock
from tests.support.conversation import Client
from tests.support.engine import SMALL, make_database

MAKE = """
    CREATE TABLE {0} (a int PRIMARY KEY, b text, n numeric(10, 2), f float8, d date, u text, w numeric);
    CREATE INDEX {0}_b ON {0} (b, d)
"""
FILL = """
    INSERT INTO {0} SELECT g, 'a word that repeats ' || g % 3, nullif(g % 7, 3) / 4.0, g / 3.0,
        date '2000-01-01' + g % 5, CASE WHEN g % 4 > 0 THEN 'all of them differ ' || g END, g * 1e20
    FROM generate_series({1}, {2}) g
"""
TABLES = {"plain": (-1, 1), "sealed": (0, 1), "loaded": (-1, 64)}
"""From which age on a vacuum seals, and how many rows come first: those that fill a group are sealed as they come."""
STEPS = {
    "nothing": "SELECT",
    "update all": "UPDATE {0} SET b = b || '!', n = n + 1",
    "update some": "UPDATE {0} SET u = NULL WHERE a % 3 = 0",
    "update one": "UPDATE {0} SET f = -1 WHERE a = 17",
    "update keys": "UPDATE {0} SET a = a + 1000 WHERE a > 50",
    "delete": "DELETE FROM {0} WHERE d = '2000-01-03'",
    "delete all": "DELETE FROM {0}",
    "insert": "INSERT INTO {0} (a, b) SELECT g, 'new' FROM generate_series(100, 150) g",
    "insert or update": "INSERT INTO {0} (a, b) VALUES (5, 'x'), (500, 'y') ON CONFLICT (a) DO UPDATE SET b = 'z'",
    "merge": "MERGE INTO {0} USING (VALUES (7), (700)) k (a) ON k.a = {0}.a WHEN MATCHED THEN UPDATE SET u = 'm' "
    "WHEN NOT MATCHED THEN INSERT (a) VALUES (k.a)",
    "roll back": "BEGIN; UPDATE {0} SET n = 0; DELETE FROM {0} WHERE a < 9; ROLLBACK",
    "roll back to": "BEGIN; SAVEPOINT s; DELETE FROM {0} WHERE a < 9; ROLLBACK TO s; "
    "UPDATE {0} SET u = 'kept' WHERE a < 3; COMMIT",
    "lock": "BEGIN; SELECT FROM {0} WHERE a < 9 FOR UPDATE; COMMIT",
    "truncate": "TRUNCATE {0}; INSERT INTO {0} (a) VALUES (1)",
    "truncate and roll back": "BEGIN; TRUNCATE {0}; ROLLBACK",
    "add a column": "ALTER TABLE {0} ADD COLUMN x text DEFAULT 'a default longer than a view'; "
    "UPDATE {0} SET x = 'y' WHERE a = 9",
    "drop a column": "ALTER TABLE {0} DROP COLUMN n; ALTER TABLE {0} ADD COLUMN n int",
    "other types": "ALTER TABLE {0} ALTER COLUMN n TYPE text, ALTER COLUMN a TYPE bigint",
    "not null": "ALTER TABLE {0} ALTER COLUMN b SET NOT NULL; ALTER TABLE {0} ADD CHECK (a > 0)",
    "index": "CREATE INDEX {0}_i ON {0} (f DESC, u) WHERE n IS NOT NULL; REINDEX TABLE {0}",
    "vacuum full": "VACUUM FULL {0}",
    "cluster": "CLUSTER {0} USING {0}_b",
    "analyze": "ANALYZE {0}",
    "rename": "ALTER TABLE {0} RENAME COLUMN f TO g",
    "unlogged": "ALTER TABLE {0} SET UNLOGGED",
}
QUESTIONS = (
    "SELECT * FROM {0} ORDER BY a",
    "SELECT b, count(*), min(a), max(u), sum(w) FROM {0} GROUP BY b ORDER BY b",
    "SELECT a FROM {0} WHERE a IN (3, 17, 64, 1055, 500) ORDER BY a",
    "SELECT a FROM {0} WHERE b = 'a word that repeats 1' AND d >= '2000-01-04' ORDER BY a",
    "SELECT count(*), min(a), max(a) FROM {0} WHERE a > 60",
    "SELECT k.a, j.u FROM {0} k JOIN {0} j ON k.u = j.u WHERE k.b LIKE '%2' ORDER BY k.a",
    "SELECT count(bt_index_check(indexrelid, true)) FROM pg_index WHERE indrelid = '{0}'::regclass",
    "SELECT * FROM verify_heapam('{0}')",
    "COPY (SELECT u, b FROM {0} ORDER BY a) TO STDOUT",
)


@pytest.fixture(scope="module")
def client():
    database = make_database(MemoryFiles(), ManualClock(), replace(SMALL, sealed_rows_min=8))
    client = Client(database)
    client.database = database
    yield client
    database.close()


def group_of(client, name):
    (table,) = (
        table
        for view in client.database.catalog.views.values()
        for table in view.objects(Table)
        if table.name == name
    )
    return client.database.engine.relation(table.storage_id).groups[0]


def do(client, statements, table):
    for statement in statements.format(table).split(";"):
        shown = client.run(statement)
        assert not any("ErrorResponse" in line or line.startswith("ERROR") for line in shown), shown


@pytest.mark.parametrize("step", STEPS)
def test_the_same_becomes_of_sealed_and_open_groups(client, step):
    for table, (age, first) in TABLES.items():
        client.run(f"DROP TABLE IF EXISTS {table}")
        client.run(f"SET vacuum_seal_min_age = {age}")
        do(client, MAKE, table)
        do(client, FILL.format(table, 1, first), table)
        do(client, FILL.format(table, first + 1, 64), table)
        client.run(f"VACUUM {table}")
        assert group_of(client, table).is_sealed == (table != "plain")
        do(client, STEPS[step], table)
    for _ in range(2):
        for question in QUESTIONS:
            expected, *found = (client.run(question.format(table)) for table in TABLES)
            assert found == [expected, expected], question
        client.run("SET vacuum_seal_min_age = 0")
        client.run("VACUUM sealed")  # again, whatever has become of it
    client.run("DROP TABLE sealed")
    assert check(client.database.engine) == []
