"""What a transaction sees of its own DDL is made of what it saw before, and is the same as if it were made anew."""

STATEMENTS = """
    CREATE TABLE kept (a serial PRIMARY KEY, b text UNIQUE);
    CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
    BEGIN;
    CREATE TABLE t (a serial PRIMARY KEY, b int REFERENCES kept, c text UNIQUE);
    CREATE INDEX i ON t (b);
    ALTER TABLE t ADD COLUMN d text DEFAULT 'x';
    ALTER TABLE kept ADD COLUMN d int;
    ALTER TABLE t RENAME TO u;
    ALTER INDEX i RENAME TO j;
    CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 2';
    CREATE FUNCTION f(text) RETURNS int LANGUAGE sql AS 'SELECT 3';
    CREATE TYPE mood AS ENUM ('sad');
    CREATE TABLE parent (a int) PARTITION BY LIST (a);
    CREATE TABLE part PARTITION OF parent FOR VALUES IN (1);
    SAVEPOINT s;
    ALTER TABLE parent DETACH PARTITION part;
    DROP TABLE u;
    CREATE VIEW v AS SELECT * FROM kept;
    ROLLBACK TO s;
    ALTER TABLE u DROP COLUMN b;
    ALTER TABLE u SET SCHEMA pg_catalog;
    COMMENT ON TABLE kept IS 'kept';
    DROP FUNCTION f(text);
    CREATE EXTENSION cube;
    DROP TABLE part
"""
LISTS = ("by_oid", "by_name", "of_table", "references", "functions", "operators", "casts", "children", "derived",
         "shown", "detaching", "filled")  # fmt: skip


def test_views_of_a_transaction_are_as_if_made_anew(client, database):
    compared = 0
    for statement in STATEMENTS.split(";"):
        client.rows(statement.strip())
        running = client.session.transaction.running
        catalog = running and running.made_catalog
        if catalog is None or not catalog.changes:
            continue
        compared += 1
        seen = catalog.view.state
        committed = database.catalog.views[catalog.database].state
        anew = committed.changed(catalog.changes, -1)
        assert list(seen.by_oid) == list(anew.by_oid), statement
        for name in LISTS:
            assert getattr(seen, name) == getattr(anew, name), (statement, name)
    assert compared > 15
