"""Every utility statement that could change what is another's refuses a role that owns nothing and was granted nothing.

What PostgreSQL 15 answers to the same statements is 42501, too.
"""

import pytest

from server.sql.parse import parse_statements
from server.statements.registry import STATEMENTS
from tests.support.conversation import Client
from tests.support.engine import memory_database

MADE = """
CREATE ROLE stranger; CREATE ROLE other; CREATE SCHEMA s;
CREATE TABLE s.t (a int PRIMARY KEY, b int);
GRANT USAGE ON SCHEMA s TO stranger;
CREATE INDEX i ON s.t (b); CREATE STATISTICS s.st ON a, b FROM s.t;
CREATE VIEW s.v AS SELECT * FROM s.t; CREATE MATERIALIZED VIEW s.m AS SELECT * FROM s.t;
CREATE SEQUENCE s.q; CREATE TYPE s.e AS ENUM ('x'); CREATE DOMAIN s.d AS int; CREATE TYPE s.c AS (x int);
CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
REVOKE ALL ON FUNCTION s.f() FROM PUBLIC;
CREATE PROCEDURE s.p() LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON PROCEDURE s.p() FROM PUBLIC;
CREATE FUNCTION s.g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION s.h() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE OPERATOR s.<+> (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR FAMILY s.fam USING btree;
CREATE COLLATION s.k FROM "C"; CREATE TEXT SEARCH CONFIGURATION s.w (COPY = simple);
CREATE TEXT SEARCH DICTIONARY s.y (TEMPLATE = simple);
CREATE POLICY y ON s.t; CREATE PUBLICATION pub FOR TABLE s.t;
CREATE EVENT TRIGGER et ON ddl_command_start EXECUTE FUNCTION s.h(); ALTER EVENT TRIGGER et DISABLE;
"""
REFUSED = """
COPY s.t TO STDOUT; EXPLAIN SELECT * FROM s.t;
CREATE EVENT TRIGGER x ON ddl_command_start EXECUTE FUNCTION s.h(); ALTER EVENT TRIGGER et ENABLE;
CREATE FOREIGN DATA WRAPPER x; CREATE TABLE s.x (a int); ALTER TABLE s.t ADD c int; DROP TABLE s.t; TRUNCATE s.t;
CREATE TABLESPACE x LOCATION '/nowhere';
CREATE INDEX x ON s.t (a); CREATE STATISTICS s.x ON a, b FROM s.t; ALTER STATISTICS s.st SET STATISTICS 5;
REINDEX TABLE s.t; CLUSTER s.t USING i; ALTER COLLATION s.k REFRESH VERSION;
ALTER DATABASE postgres REFRESH COLLATION VERSION;
CREATE CONVERSION s.x FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
CREATE VIEW s.x AS SELECT 1; CREATE TABLE s.x AS SELECT 1; REFRESH MATERIALIZED VIEW s.m;
CREATE SEQUENCE s.x; ALTER SEQUENCE s.q RESTART; CREATE SCHEMA x; ALTER TABLE s.t RENAME TO x;
ALTER FUNCTION s.f() SET SCHEMA public; ALTER FUNCTION s.f() OWNER TO stranger; COMMENT ON TABLE s.t IS 'x';
CHECKPOINT; CREATE POLICY x ON s.t; ALTER POLICY y ON s.t TO stranger;
CREATE PUBLICATION x FOR TABLE s.t; ALTER PUBLICATION pub DROP TABLE s.t;
CREATE TRIGGER x AFTER INSERT ON s.t FOR EACH ROW EXECUTE FUNCTION s.g();
CREATE RULE x AS ON INSERT TO s.t DO NOTHING;
CREATE OPERATOR CLASS s.x FOR TYPE int USING btree AS STORAGE int; CREATE OPERATOR FAMILY s.x USING btree;
ALTER OPERATOR FAMILY s.fam USING btree ADD OPERATOR 1 < (int4, int4);
CREATE ROLE x; ALTER ROLE other NOLOGIN; DROP ROLE other; GRANT other TO stranger;
ALTER ROLE other SET work_mem = '1MB';
CREATE DATABASE x; ALTER DATABASE postgres CONNECTION LIMIT 1; ALTER DATABASE postgres SET work_mem = '1MB';
DROP DATABASE postgres; CREATE TYPE s.x AS RANGE (SUBTYPE = int4); CREATE TYPE s.x AS ENUM ('x');
ALTER TYPE s.e ADD VALUE 'y'; CREATE TYPE s.x AS (a int); CREATE DOMAIN s.x AS int; ALTER DOMAIN s.d SET NOT NULL;
CREATE FUNCTION s.x() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION s.f() COST 5; CALL s.p();
CREATE OPERATOR s.@@@ (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int);
CREATE CAST (s.c AS int) WITHOUT FUNCTION; ALTER OPERATOR s.<+> (int, int) SET (RESTRICT = eqsel);
CREATE EXTENSION pgstattuple;
ALTER TEXT SEARCH CONFIGURATION s.w DROP MAPPING FOR asciiword; ALTER TEXT SEARCH DICTIONARY s.y (StopWords);
GRANT SELECT ON s.t TO stranger; DROP OWNED BY other; REASSIGN OWNED BY other TO stranger;
ALTER DEFAULT PRIVILEGES FOR ROLE other GRANT SELECT ON TABLES TO stranger; SET log_statement = 'all'
"""
FREE = {
    "of the session alone": """SetTransaction Begin Commit Rollback Savepoint Release RollbackTo Show Reset Discard
        Prepare Deallocate DeclareCursor Fetch Close SetConstraints Listen Unlisten Notify""",
    "asks when what it runs is run": "Execute Do",
    "of who prepared it": "PrepareTransaction CommitPrepared RollbackPrepared",
    "passes over what is not one's own, with a warning": "Vacuum",
    "has objects of its own to stand on": """CreateServer AlterServer DefineMapping ImportForeignSchema
        CreateForeignTable
        CreateSubscription AlterSubscription DropSubscription AlterTablespace MoveAll DropTablespace AlterExtension""",
    "is about base types, which users do not make": "AlterType",
    "has no provider": "SecurityLabel",
    "finds no library": "Load",
}


def kind_of(text):
    [statement] = parse_statements(text)
    return type(statement.tree)


def texts():
    return [text.strip() for text in REFUSED.split(";")]


@pytest.fixture(scope="module")
def stranger():
    with memory_database() as database:
        client = Client(database)
        for text in MADE.strip().rstrip(";").split(";\n"):
            client.rows(text)
        client.rows("SET ROLE stranger")
        yield client
        client.close()


@pytest.mark.parametrize("text", texts())
def test_a_stranger_is_refused(stranger, text):
    assert stranger.error(text)[0] == "42501"


def test_a_stranger_is_refused_a_lock(stranger):
    stranger.rows("BEGIN")
    assert stranger.error("LOCK TABLE s.t")[0] == "42501"
    stranger.rows("ROLLBACK")


def test_every_statement_is_judged():
    refused = {kind_of(text).__name__ for text in (*texts(), "LOCK TABLE s.t")}
    free = {name for names in FREE.values() for name in names.split()}
    assert refused | free == {kind.__name__ for kind in STATEMENTS}
    assert not refused & free
