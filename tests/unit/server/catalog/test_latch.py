"""Whatever DDL writes to storage is written under the latch: vacuum may be at work on another thread."""

import pytest

from storage.table import Table

STATEMENTS = """
    CREATE SCHEMA s;
    CREATE TABLE s.t (a serial PRIMARY KEY, b text);
    INSERT INTO s.t (b) VALUES ('x');
    CREATE INDEX ON s.t (b);
    ALTER TABLE s.t ADD COLUMN c int DEFAULT 5;
    ALTER TABLE s.t ALTER COLUMN b TYPE varchar(10);
    UPDATE s.t SET b = 'y';
    COMMENT ON TABLE s.t IS 'a table';
    CREATE SEQUENCE s.q;
    SELECT nextval('s.q');
    CREATE VIEW s.v AS SELECT * FROM s.t;
    GRANT SELECT ON s.v TO PUBLIC;
    TRUNCATE s.t;
    VACUUM s.t;
    DELETE FROM s.t;
    DROP SCHEMA s CASCADE
"""


@pytest.mark.parametrize("name", ["insert_row", "insert", "delete", "update"])
def test_rows_are_written_under_the_latch(client, database, monkeypatch, name):
    held = []
    write = getattr(Table, name)

    def watched(self, *given, **named):
        held.append(database.engine.latch.is_owned())
        return write(self, *given, **named)

    monkeypatch.setattr(Table, name, watched)
    for statement in STATEMENTS.split(";"):
        client.rows(statement)
    assert all(held)
