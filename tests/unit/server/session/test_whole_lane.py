"""Prepared statements that only operators run: the bytes that the ordinary flow would give, in one step."""

import os

import pytest

from protocol.encode import encode
from server.session import native, whole_lane
from tests.support.conversation import Client
from tests.support.series import asked, clients_of_equals, series, served

pytestmark = pytest.mark.skipif(
    os.environ.get("RUSTYDB_NATIVE") == "0", reason="the original takes nothing"
)

SETUP = (
    "CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL, name text UNIQUE)",
    "INSERT INTO t SELECT g, g * 10, 'n' || g FROM generate_series(1, 20) g",
    "CREATE TABLE child (id serial PRIMARY KEY, t int REFERENCES t ON DELETE CASCADE DEFERRABLE, w int)",
    "INSERT INTO child (t, w) SELECT g, g FROM generate_series(1, 10) g",
)
STATEMENTS = {
    "begin": "BEGIN",
    "read_only": "BEGIN READ ONLY",
    "serializable": "BEGIN ISOLATION LEVEL SERIALIZABLE",
    "deferred": "SET CONSTRAINTS ALL DEFERRED",
    "end": "END",
    "rollback": "ROLLBACK",
    "window": "SELECT id, sum(v) OVER (ORDER BY id) FROM t WHERE id <= $1",
    "union": "SELECT id, name FROM t WHERE id = $1 UNION ALL SELECT w, 'w' FROM child WHERE w = $1",
    "random": "SELECT random() FROM generate_series(1, $1::int) g",
    "many": "SELECT g FROM generate_series(1, $1::int + (SELECT 0 * count(*)::int FROM child)) g",
    "missing": "INSERT INTO t SELECT $1, 1, 'm' || $1 WHERE NOT EXISTS (SELECT FROM t WHERE id = $1)",
    "several": "INSERT INTO t VALUES ($1, 1, 'a'), ($1 + 1, 2, 'b') ON CONFLICT (id) DO UPDATE SET v = t.v + 1",
    "returning": "INSERT INTO t VALUES ($1, 1, 'r' || $1), ($1 + 1, 2, NULL) RETURNING id, name",
    "joined": "UPDATE t SET v = v + w FROM child WHERE t.id = child.t AND w = $1 RETURNING t.id, v",
    "cascade": "DELETE FROM t WHERE id BETWEEN $1 AND $1 + 1",
    "orphan": "INSERT INTO child (t, w) SELECT $1, g FROM generate_series(1, 2) g",
    "portals": "SELECT name, statement FROM pg_cursors WHERE name <> $1",
    "setting": "SELECT set_config('application_name', $1, false)",
    "fails": "SELECT 1 / (id - $1) OVER () FROM t",
    "divided": "SELECT id, 10 / (id - $1), count(*) OVER (PARTITION BY v) FROM t ORDER BY id",
    "modifying": "WITH d AS (DELETE FROM child WHERE w = $1 RETURNING t) UPDATE t SET v = 0 FROM d WHERE t.id = d.t",
}
SCRIPTS = {
    "rows": [("window", b"3"), ("window", b"0"), ("union", b"4"), ("union", None), ("many", b"50")],
    "changes": [
        *[("missing", b"30"), ("missing", b"30"), ("several", b"19"), ("several", b"40")],
        *[("returning", b"50"), ("joined", b"2"), ("modifying", b"3"), ("window", b"60")],
    ],
    "block": [("begin",), ("missing", b"30"), ("window", b"40"), ("joined", b"2"), ("rollback",)],
    "errors": [
        *[("divided", b"3"), ("returning", b"20"), ("begin",), ("divided", b"3")],
        *[("window", b"2"), ("rollback",), ("orphan", b"77"), ("orphan", b"5")],
    ],
    "deferred": [("begin",), ("deferred",), ("orphan", b"77"), ("cascade", b"1"), ("end",)],
    "cascade": [("cascade", b"1"), ("window", b"5")],
    "portals": [("portals", b"x"), ("begin",), ("portals", b"x"), ("portals", b"x"), ("end",)],
    "settings": [("setting", b"a"), ("begin",), ("setting", b"b"), ("window", b"2"), ("end",)],
    "read only": [("read_only",), ("window", b"2"), ("missing", b"77"), ("rollback",)],
    "serializable": [("serializable",), ("window", b"2"), ("missing", b"77"), ("end",)],
}


@pytest.fixture
def pair():
    """Clients of two equal databases: one to be served from bytes, one the ordinary way."""
    with clients_of_equals(SETUP, STATEMENTS) as made:
        yield made


@pytest.mark.parametrize("describe", [False, True])
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_gives_the_bytes_of_the_ordinary_flow(pair, script, describe):
    took = 0
    for name, *values in script:
        given = asked(name, *values, describe=describe)
        reply, taken = served(pair[0], series(name, *values, describe=describe), given)
        assert reply == b"".join(map(encode, pair[1].send(*given))), name
        assert pair[0].session.portals.keys() == pair[1].session.portals.keys()
        took += taken
    assert took
    for sql in ("ROLLBACK", "TABLE t", "TABLE child"):
        assert pair[0].run(sql) == pair[1].run(sql)


def test_what_gives_many_rows_is_left_to_the_ordinary_flow(pair):
    for _ in range(whole_lane.LEFT_MAX):
        reply, taken = served(pair[0], series("many", b"5000"), asked("many", b"5000"))
        assert not taken
        assert reply.count(b"D\0\0\0") >= 5000
    lane = pair[0].session.prepared["many"].lane
    assert lane.left_count > whole_lane.LEFT_MAX


def test_many_rows_of_what_cannot_be_begun_again_are_left_to_the_ordinary_flow(pair):
    """Which gives the others turns between them."""
    reply, taken = served(pair[0], series("random", b"5000"), asked("random", b"5000"))
    assert not taken
    assert reply.count(b"D\0\0\0") >= 5000
    assert pair[0].session.prepared["random"].lane is None


def test_what_has_to_wait_goes_on_when_it_can(pair):
    client = pair[0]
    other = Client(client.database, pid=77)
    other.run("BEGIN")
    other.run("UPDATE t SET v = 1000 WHERE id = 2")
    data = series("modifying", b"2")
    reply, taken = native.serve(client.session, data)
    assert (reply, taken) == (b"", len(data))
    steps = iter(client.session.unfinished)
    client.session.unfinished = None
    wait = next(steps)
    assert not wait.completion.done
    other.run("COMMIT")
    items = [item for item in steps if not hasattr(item, "completion")]
    assert b"UPDATE 1" in b"".join(map(encode, items))
    assert client.rows("SELECT v FROM t WHERE id = 2") == [("0",)]
    other.close()
