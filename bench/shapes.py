"""make bench-shapes: short statements as applications send them, beside PostgreSQL, with one client and with eight.

python -m bench.shapes [--record] [--only TEXT] [--runs N] [--seconds N] [--protocol prepared|extended|simple]

Each shape is a script of pgbench; runs alternate, medians count, and the list is printed from the worst ratio up.
Commits wait for no disk here: what a wait for one costs is measured by TPC-B, what the statement costs by these.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bench.run import measure_pair, record, say
from bench.servers import Server, has_postgres, postgres, rustydb
from bench.workloads import QUICK, Size, Workload, pgbench

CLIENTS: Final = (1, 8)
ROWS: Final = 100_000
OWNERS: Final = 10_000
SETTINGS: Final = "-c synchronous_commit=off"

TABLES: Final = f"""
CREATE TABLE owners (id int PRIMARY KEY, name text NOT NULL, total bigint NOT NULL DEFAULT 0);
INSERT INTO owners SELECT g, 'owner ' || g FROM generate_series(1, {OWNERS}) g;
CREATE TABLE items (
    id int PRIMARY KEY, owner int NOT NULL, amount int NOT NULL, name text NOT NULL, data jsonb NOT NULL,
    made timestamptz NOT NULL DEFAULT now()
);
INSERT INTO items SELECT g, g % {OWNERS} + 1, g % 1000, 'item ' || g,
    jsonb_build_object('colour', 'blue', 'size', g % 40, 'tags', jsonb_build_array('a', g))
    FROM generate_series(1, {ROWS}) g;
CREATE INDEX ON items (owner, made);
CREATE INDEX ON items (name text_pattern_ops);
CREATE TABLE entries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner int NOT NULL, note text, made timestamptz DEFAULT now()
);
CREATE TABLE parts (
    id bigserial PRIMARY KEY,
    item int NOT NULL REFERENCES items, amount int NOT NULL CHECK (amount > 0)
);
CREATE INDEX ON parts (item);
CREATE TABLE hits (page int PRIMARY KEY, count bigint NOT NULL);
CREATE TABLE jobs (id bigserial PRIMARY KEY, payload text NOT NULL);
INSERT INTO jobs (payload) SELECT 'job ' || g FROM generate_series(1, 1000) g;
CREATE SEQUENCE tickets;
CREATE FUNCTION fee(amount int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE found int := amount / 10;
BEGIN
    IF found > 50 THEN found := 50; END IF;
    RETURN found + 1;
END $$;
CREATE FUNCTION name_of(key int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
    SELECT name INTO found FROM items WHERE id = key;
    RETURN found;
END $$;
CREATE TABLE stamped (id int PRIMARY KEY, value int NOT NULL, changed timestamptz);
INSERT INTO stamped SELECT g, 0 FROM generate_series(1, {ROWS}) g;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.changed := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER stamp BEFORE UPDATE ON stamped FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TABLE watched (id int PRIMARY KEY, value int NOT NULL);
INSERT INTO watched SELECT g, 0 FROM generate_series(1, {ROWS}) g;
CREATE TABLE changes (id bigserial PRIMARY KEY, watched int NOT NULL, old_value int, new_value int);
CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes (watched, old_value, new_value) VALUES (NEW.id, OLD.value, NEW.value);
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER UPDATE ON watched FOR EACH ROW EXECUTE FUNCTION note_change();
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """A script of pgbench, and what it is about."""

    name: str
    script: str
    is_pipelined: bool = False  # which the simple protocol has not


ID: Final = f"\\set id random(1, {ROWS - 100})\n"
OWNER: Final = f"\\set owner random(1, {OWNERS})\n"
PAGE: Final = "\\set page random(1, 10000)\n"
KEYS: Final = ", ".join(f":k{i}" for i in range(10))
SET_KEYS: Final = "".join(f"\\set k{i} random(1, {ROWS})\n" for i in range(10))
READS: Final = "".join(f"SELECT amount FROM items WHERE id = :k{i};\n" for i in range(10))

SHAPES: Final = (
    Shape("row by key", ID + "SELECT * FROM items WHERE id = :id;\n"),
    Shape("rows by secondary index", OWNER + "SELECT id, amount, name FROM items WHERE owner = :owner;\n"),
    Shape(
        "newest rows by secondary index",
        OWNER + "SELECT id, name, made FROM items WHERE owner = :owner ORDER BY made DESC LIMIT 5;\n",
    ),
    Shape("range of 100 rows", ID + "SELECT id, amount, name FROM items WHERE id BETWEEN :id AND :id + 99;\n"),
    Shape("page after a key", ID + "SELECT id, name FROM items WHERE id > :id ORDER BY id LIMIT 20;\n"),
    Shape("keys in a list of 10", SET_KEYS + f"SELECT id, name FROM items WHERE id IN ({KEYS});\n"),
    Shape("count of 100 rows", ID + "SELECT count(*) FROM items WHERE id BETWEEN :id AND :id + 99;\n"),
    Shape(
        "groups of 100 rows",
        ID + "SELECT amount % 10, count(*), sum(amount) FROM items"
        " WHERE id BETWEEN :id AND :id + 99 GROUP BY 1 ORDER BY 1;\n",
    ),
    Shape(
        "join by key",
        ID + "SELECT i.id, i.name, o.name FROM items i JOIN owners o ON o.id = i.owner WHERE i.id = :id;\n",
    ),
    Shape(
        "join of one to ten",
        OWNER + "SELECT o.name, i.id, i.amount FROM owners o JOIN items i ON i.owner = o.id"
        " WHERE o.id = :owner ORDER BY i.id;\n",
    ),
    Shape(
        "left join with count",
        OWNER + "SELECT o.id, o.name, count(i.id) FROM owners o LEFT JOIN items i ON i.owner = o.id"
        " WHERE o.id = :owner GROUP BY o.id, o.name;\n",
    ),
    Shape(
        "exists",
        OWNER + "SELECT EXISTS (SELECT 1 FROM items WHERE owner = :owner AND amount > 900);\n",
    ),
    Shape("subquery per row", OWNER + "SELECT o.name, (SELECT sum(amount) FROM items WHERE owner = o.id)"
        " FROM owners o WHERE o.id = :owner;\n"),
    Shape("names by prefix", ID + "SELECT id, name FROM items WHERE name LIKE 'item 4711%' ORDER BY id LIMIT 10;\n"),
    Shape("field of jsonb by key", ID + "SELECT data->>'colour', (data->>'size')::int FROM items WHERE id = :id;\n"),
    Shape("row as json", ID + "SELECT row_to_json(i) FROM items i WHERE id = :id;\n"),
    Shape("page after two keys", OWNER + "SELECT id, owner, made FROM items WHERE (owner, made) > (:owner,"
        " '2020-01-01')"
        " ORDER BY owner, made LIMIT 20;\n"),
    Shape("page before two keys", OWNER + "SELECT id, owner FROM items WHERE (owner, made) < (:owner, '2020-01-01')"
        " ORDER BY owner DESC, made DESC LIMIT 20;\n"),
    Shape("newest with their owners", "SELECT i.id, i.name, o.name FROM items i JOIN owners o ON o.id = i.owner"
        " ORDER BY i.id DESC LIMIT 20;\n"),
    Shape("newest with their owners, if any", "SELECT i.id, i.name, o.name FROM items i LEFT JOIN owners o"
        " ON o.id = i.owner"
        " ORDER BY i.id DESC LIMIT 20;\n"),
    Shape("newest of some with their owners", "SELECT i.id, i.name, o.name FROM items i JOIN owners o ON"
        " o.id = i.owner"
        " WHERE i.amount > 500 ORDER BY i.id DESC LIMIT 20;\n"),
    Shape("page by offset", "SELECT id, name FROM items ORDER BY id DESC LIMIT 20 OFFSET 40;\n"),
    Shape("keys in an array", SET_KEYS + f"SELECT id, name FROM items WHERE id = ANY (ARRAY[{KEYS}]::int[]);\n"),
    Shape("rows as a json array", OWNER + "SELECT json_agg(i) FROM (SELECT id, name, amount FROM items"
        " WHERE owner = :owner) i;\n"),
    Shape("owner with items as json", OWNER + "SELECT row_to_json(x) FROM (SELECT o.id, o.name, (SELECT"
        " json_agg(json_build_object("
        "'id', i.id, 'name', i.name)) FROM items i WHERE i.owner = o.id) AS items FROM owners o WHERE o.id"
        " = :owner) x;\n"),
    Shape("rows of jsonb contained", OWNER + "SELECT id, data FROM items WHERE owner = :owner AND data @>"
        " '{\"colour\": \"blue\"}';\n"),
    Shape("array of a subquery", OWNER + "SELECT o.name, ARRAY(SELECT i.id FROM items i WHERE i.owner ="
        " o.id ORDER BY i.id)"
        " FROM owners o WHERE o.id = :owner;\n"),
    Shape("latest per owner, lateral", OWNER + "SELECT o.id, l.id, l.made FROM owners o LEFT JOIN LATERAL"
        " (SELECT i.id, i.made FROM items i"
        " WHERE i.owner = o.id ORDER BY i.made DESC LIMIT 1) l ON true WHERE o.id BETWEEN :owner AND :owner + 9;\n"),
    Shape("names of a range by window", ID + "SELECT id, row_number() OVER (ORDER BY amount DESC),"
        " sum(amount) OVER () FROM items"
        " WHERE id BETWEEN :id AND :id + 19;\n"),
    Shape("distinct of a range", ID + "SELECT DISTINCT amount % 10 FROM items WHERE id BETWEEN :id AND :id + 19;\n"),
    Shape("union of two", ID + "SELECT id, name FROM items WHERE id = :id UNION ALL SELECT id, name FROM"
        " owners WHERE id = 17;\n"),
    Shape("common table", OWNER + "WITH o AS (SELECT id, amount FROM items WHERE owner = :owner) SELECT"
        " count(*), max(amount) FROM o;\n"),
    Shape("common table read twice", OWNER + "WITH o AS (SELECT id, amount FROM items WHERE owner = :owner)"
        " SELECT id FROM o WHERE amount = (SELECT max(amount) FROM o);\n"),
    Shape("least and greatest", "SELECT min(id), max(id) FROM items;\n"),
    Shape("optional conditions", OWNER + "SELECT id, name FROM items WHERE owner = :owner AND (NULL::text"
        " IS NULL OR name = NULL) AND amount >= 0"
        " ORDER BY made DESC, id LIMIT 10;\n"),
    Shape("name by pattern", ID + "SELECT id, name FROM items WHERE name LIKE 'item ' || :id || '%' LIMIT 5;\n"),
    Shape("upsert returning", PAGE + "INSERT INTO hits VALUES (:page, 1) ON CONFLICT (page) DO UPDATE SET"
        " count = hits.count + excluded.count"
        " RETURNING page, count;\n"),
    Shape("upsert returning whether new", PAGE + "INSERT INTO hits VALUES (:page, 1) ON CONFLICT (page) DO"
        " UPDATE SET count = hits.count + 1"
        " RETURNING *, xmax = 0 AS inserted;\n"),
    Shape("upsert of three rows", PAGE + "INSERT INTO hits VALUES (:page, 1), (:page + 1, 1), (:page + 2, 1)"
        " ON CONFLICT (page) DO UPDATE SET count = hits.count + excluded.count;\n"),
    Shape("update from another table", OWNER + "UPDATE owners o SET total = s.sum FROM (SELECT owner,"
        " sum(amount) FROM items"
        " WHERE owner = :owner GROUP BY owner) s WHERE o.id = s.owner;\n"),
    Shape("update from values", OWNER + "UPDATE owners o SET total = v.total FROM (VALUES (:owner,"
        " 5::bigint), (17, 6)) v (id, total)"
        " WHERE o.id = v.id;\n"),
    Shape("update joined", ID + "UPDATE items i SET amount = i.amount + 1 FROM owners o WHERE o.id ="
        " i.owner AND i.id = :id;\n"),
    Shape("insert in a common table", OWNER + "WITH e AS (INSERT INTO entries (owner, note) VALUES (:owner,"
        " 'x') RETURNING id, owner)"
        " SELECT e.id, o.name FROM e JOIN owners o ON o.id = e.owner;\n"),
    Shape("two inserts in one", OWNER + "WITH e AS (INSERT INTO entries (owner, note) VALUES (:owner, 'x')"
        " RETURNING id)"
        " INSERT INTO jobs (payload) SELECT 'entry ' || id FROM e RETURNING id;\n"),
    Shape("insert or select", PAGE + "WITH n AS (INSERT INTO hits VALUES (:page, 1) ON CONFLICT DO NOTHING"
        " RETURNING page)"
        " SELECT page FROM n UNION ALL SELECT page FROM hits WHERE page = :page LIMIT 1;\n"),
    Shape("insert of a select", ID + "INSERT INTO entries (owner, note) SELECT owner, name FROM items WHERE"
        " id = :id;\n"),
    Shape("insert of unnested", OWNER + "INSERT INTO entries (owner, note) SELECT * FROM"
        " unnest(ARRAY[:owner, 5, 6], ARRAY['a', 'b', 'c']);\n"),
    Shape("delete returning", OWNER + "BEGIN;\nINSERT INTO hits VALUES (:owner + 20000, 1) ON CONFLICT DO NOTHING;\n"
        "DELETE FROM hits WHERE page = :owner + 20000 RETURNING page, count;\nEND;\n"),
    Shape("delete by subquery", OWNER + "DELETE FROM hits WHERE page IN (SELECT id FROM items WHERE owner ="
        " :owner);\n"),
    Shape("no table", "SELECT 1;\n"),
    Shape("sequence", "SELECT nextval('tickets');\n"),
    Shape(
        "insert returning",
        OWNER + "INSERT INTO entries (owner, note) VALUES (:owner, 'a note') RETURNING id, made;\n",
    ),
    Shape(
        "insert of ten rows",
        OWNER + "INSERT INTO entries (owner, note) VALUES " + ", ".join(["(:owner, 'a note')"] * 10) + ";\n",
    ),
    Shape("insert with foreign key", ID + "INSERT INTO parts (item, amount) VALUES (:id, 3);\n"),
    Shape("update returning", ID + "UPDATE items SET amount = amount + 1 WHERE id = :id RETURNING amount;\n"),
    Shape("update of jsonb", ID + "UPDATE items SET data = jsonb_set(data, '{size}', '7') WHERE id = :id;\n"),
    Shape("update of ten rows", OWNER + "UPDATE items SET amount = amount + 1 WHERE owner = :owner;\n"),
    Shape(
        "upsert",
        PAGE + "INSERT INTO hits VALUES (:page, 1) ON CONFLICT (page) DO UPDATE SET count = hits.count + 1;\n",
    ),
    Shape("insert or nothing", PAGE + "INSERT INTO hits VALUES (:page, 1) ON CONFLICT DO NOTHING;\n"),
    Shape(
        "queue",
        "INSERT INTO jobs (payload) VALUES ('a job');\n"
        "DELETE FROM jobs WHERE id = (SELECT id FROM jobs ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)"
        " RETURNING payload;\n",
    ),
    Shape(
        "delete and insert",
        ID + "BEGIN;\nDELETE FROM watched WHERE id = :id;\n"
        "INSERT INTO watched VALUES (:id, 1) ON CONFLICT DO NOTHING;\nEND;\n",
    ),
    Shape("trigger before", ID + "UPDATE stamped SET value = value + 1 WHERE id = :id;\n"),
    Shape("trigger after", ID + "UPDATE watched SET value = value + 1 WHERE id = :id;\n"),
    Shape("PL/pgSQL per row", ID + "SELECT sum(fee(amount)) FROM items WHERE id BETWEEN :id AND :id + 9;\n"),
    Shape("PL/pgSQL with a query", ID + "SELECT name_of(:id);\n"),
    Shape(
        "savepoints",
        ID + "BEGIN;\nUPDATE items SET amount = amount + 1 WHERE id = :id;\nSAVEPOINT s;\n"
        "UPDATE items SET amount = amount - 1 WHERE id = :id + 1;\n"
        "ROLLBACK TO SAVEPOINT s;\nRELEASE SAVEPOINT s;\nEND;\n",
    ),
    Shape(
        "row locked and changed",
        ID + "BEGIN;\nSELECT amount FROM items WHERE id = :id FOR UPDATE;\n"
        "UPDATE items SET amount = amount + 1 WHERE id = :id;\nEND;\n",
    ),
    Shape(
        "pipeline of ten reads",
        SET_KEYS + "\\startpipeline\n" + READS + "\\endpipeline\n",
        is_pipelined=True,
    ),
    Shape(
        "pipeline of inserts",
        OWNER + "\\startpipeline\nBEGIN;\n" + "INSERT INTO entries (owner, note) VALUES (:owner, 'a note');\n" * 8
        + "COMMIT;\n\\endpipeline\n",
        is_pipelined=True,
    ),
)  # fmt: skip


def main() -> int:
    """Measure the shapes that were asked for; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="append the figures to history.jsonl")
    parser.add_argument("--only", default="", help="shapes whose name contains this")
    parser.add_argument("--runs", type=int, default=3, help="runs a side")
    parser.add_argument("--seconds", type=int, default=3, help="of each run")
    parser.add_argument(
        "--protocol", default="prepared", choices=("prepared", "extended", "simple")
    )
    chosen = parser.parse_args()
    if not has_postgres():
        say("PostgreSQL is not installed: no ratios")
        return 0
    size = replace(QUICK, seconds=chosen.seconds, runs=chosen.runs)
    shapes = [shape for shape in SHAPES if chosen.only in shape.name]
    if chosen.protocol == "simple":
        shapes = [shape for shape in shapes if not shape.is_pipelined]
    figures = measure(shapes, chosen.protocol, size)
    say("\nfrom the worst up:")
    for figure in sorted(figures, key=lambda figure: float(figure.get("ratio", 0))):
        say(f"{figure.get('ratio', 0):6.2f}  {figure['workload']}")
    if chosen.record:
        record(figures)
    return 0


def measure(shapes: list[Shape], protocol: str, size: Size) -> list[dict[str, Any]]:
    """Each shape on both servers in turn, for each number of clients."""
    with tempfile.TemporaryDirectory() as folder, rustydb() as ours, postgres() as theirs:
        for server in (ours, theirs):
            make_tables(server)
        return [
            measure_pair(workload, ours, theirs, size)
            for shape in shapes
            for workload in workloads(shape, protocol, Path(folder))
        ]


def make_tables(server: Server) -> None:
    """The tables that the scripts are about."""
    with server.connect() as connection:
        connection.execute(TABLES)
        connection.execute("VACUUM ANALYZE")


def workloads(shape: Shape, protocol: str, folder: Path) -> list[Workload]:
    """A shape with each number of clients."""
    script = folder / (shape.name.replace(" ", "_").replace("/", "_") + ".sql")
    script.write_text(shape.script, "utf-8")
    return [
        Workload(
            f"shape {shape.name} -M {protocol} c={clients}",
            "tps",
            pgbench(
                "-M", protocol, "-c", str(clients), "-j", "2" if clients > 1 else "1", "-f", str(script),
                settings=SETTINGS,
            ),
        )
        for clients in CLIENTS
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
