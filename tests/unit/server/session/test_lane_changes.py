"""Updates of indexed columns, deletes by key, ON CONFLICT: on the lane as in the ordinary flow, waits included."""

import os
from itertools import islice, product

import pytest

from protocol.encode import encode
from server.executor.waits import Wait
from server.session import native
from tests.support.conversation import Client
from tests.support.series import asked, clients_of_equals, series, served

pytestmark = pytest.mark.skipif(
    os.environ.get("RUSTYDB_NATIVE") == "0", reason="the original takes nothing"
)

SETUP = (
    "CREATE TABLE item (id int PRIMARY KEY, a int, b text, u int UNIQUE, CHECK (a < 100))",
    "CREATE INDEX ON item (a)",
    "CREATE INDEX ON item (b, a)",
    "INSERT INTO item VALUES (1, 10, 'one', 1), (2, 20, 'two', 2), (3, NULL, NULL, NULL)",
    "CREATE TABLE parent (id int PRIMARY KEY, a int)",
    "INSERT INTO parent VALUES (1, 1), (2, 2)",
    "CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent)",
    "CREATE INDEX ON child (parent)",
    "INSERT INTO child VALUES (1, 1)",
    "CREATE TABLE odd (id int PRIMARY KEY, a int, b int)",
    "CREATE INDEX ON odd (a DESC)",
    "CREATE INDEX ON odd ((b + 1))",
    "INSERT INTO odd VALUES (1, 1, 1), (2, 2, 2)",
    "CREATE SEQUENCE numbers",
    "CREATE TABLE counter (id int PRIMARY KEY, n int NOT NULL, note text, u int UNIQUE)",
    "CREATE INDEX ON counter (note)",
    "INSERT INTO counter VALUES (1, 1, 'one', 1), (2, 2, NULL, NULL)",
)
STATEMENTS = {
    "a": "UPDATE item SET a = a + $1 WHERE id = $2",
    "set_a": "UPDATE item SET a = $1 WHERE id = $2",
    "b": "UPDATE item SET b = $1 WHERE id = $2",
    "both": "UPDATE item SET a = $1, b = $2 WHERE id = $3",
    "u": "UPDATE item SET u = $1 WHERE id = $2",
    "next": "UPDATE item SET u = nextval('numbers') WHERE id = $1",
    "id": "UPDATE item SET id = $1 WHERE id = $2",
    "delete": "DELETE FROM item WHERE id = $1",
    "by_u": "DELETE FROM item WHERE u = $1",
    "told": "UPDATE item SET a = a + $1, u = $3 WHERE id = $2 RETURNING id, a * 2, b, u, $1 + 1",
    "divided": "UPDATE item SET a = $1 WHERE id = $2 RETURNING 1 / a",
    "taken": "DELETE FROM item WHERE id = $1 RETURNING u, b, item",
    "held": "SELECT a, b || '!' FROM item WHERE id = $1 FOR UPDATE",
    "shared": "SELECT * FROM item WHERE u = $1 FOR SHARE",
    "few": "INSERT INTO item VALUES ($1, 1, 'x', $2), ($1 + 1, $3, 'y', NULL), ($1 + 2, 3, NULL, $2 + 1)",
    "parent": "UPDATE parent SET id = $1 WHERE id = $2",
    "parent_gone": "DELETE FROM parent WHERE id = $1",
    "child": "UPDATE child SET parent = $1 WHERE id = $2",
    "beside": "DELETE FROM item WHERE a > $1 AND a = (SELECT 10 * p.a FROM parent p WHERE p.id = item.id)",
    "raised": (
        "UPDATE item SET a = a + 1"
        " WHERE a > $1 AND a = (SELECT 10 * p.a FROM parent p WHERE p.id = item.id)"
    ),
    "joined": (
        "UPDATE item i SET b = p.a || 'p', a = i.a + p.id FROM parent p"
        " WHERE p.id = i.id AND i.a > $1 RETURNING i.id, i.a, i.b, p.id"
    ),
    "quietly": "UPDATE item i SET u = p.id + $1 FROM parent p WHERE p.id = i.id",
    "used": "DELETE FROM item i USING child c WHERE i.id = c.parent + $1 RETURNING i.id, i.b, c.id",
    "several": "DELETE FROM item WHERE a > $1 RETURNING b, a",
    "odd": "UPDATE odd SET a = $1, b = $2 WHERE id = $3",
    "nothing": "INSERT INTO counter (id, n, u) VALUES ($1, 7, $2) ON CONFLICT DO NOTHING",
    "nothing_id": "INSERT INTO counter (id, n, u) VALUES ($1, 7, $2) ON CONFLICT (id) DO NOTHING",
    "count": (
        "INSERT INTO counter (id, n) VALUES ($1, $2)"
        " ON CONFLICT (id) DO UPDATE SET n = counter.n + excluded.n"
    ),
    "note": (
        "INSERT INTO counter (id, n, note) VALUES ($1, 1, $2)"
        " ON CONFLICT (id) DO UPDATE SET note = excluded.note"
    ),
    "newer": (
        "INSERT INTO counter (id, n) VALUES ($1, $2)"
        " ON CONFLICT (id) DO UPDATE SET n = excluded.n WHERE excluded.n > counter.n"
    ),
    "by_number": (
        "INSERT INTO counter (id, n, u) VALUES ($1, 1, $2)"
        " ON CONFLICT (u) DO UPDATE SET n = counter.n + 1, u = excluded.u + 1"
    ),
    "serial": (
        "INSERT INTO counter (id, n) VALUES (nextval('numbers'), $1)"
        " ON CONFLICT (id) DO UPDATE SET n = nextval('numbers')"
    ),
    "halves": (
        "INSERT INTO counter (id, n) VALUES ($1, 1)"
        " ON CONFLICT (id) DO UPDATE SET n = nullif(counter.n, 1)"
    ),
    "begin": "BEGIN",
    "commit": "COMMIT",
    "rollback": "ROLLBACK",
}
SCRIPTS = {
    "plain": [
        ("a", b"5", b"1"),
        ("b", b"new", b"2"),
        ("both", b"7", b"x", b"3"),
        ("a", b"1", b"9"),
    ],
    "null": [
        ("set_a", None, b"1"),
        ("b", None, b"2"),
        ("both", None, None, b"3"),
        ("u", None, b"1"),
    ],
    "same": [("set_a", b"10", b"1"), ("b", b"one", b"1"), ("u", b"1", b"1"), ("id", b"1", b"1")],
    "unique": [("u", b"9", b"1"), ("u", b"2", b"1"), ("u", b"1", b"2"), ("u", b"7", b"3")],
    "there and back": [("u", b"9", b"1"), ("u", b"1", b"1"), ("u", b"9", b"1"), ("u", b"1", b"2")],
    "key": [("id", b"4", b"1"), ("a", b"1", b"1"), ("a", b"1", b"4"), ("id", b"2", b"4")],
    "check": [("set_a", b"100", b"1"), ("set_a", b"99", b"1")],
    "volatile": [("next", b"1"), ("next", b"2"), ("next", b"9")],
    "delete": [("delete", b"1"), ("delete", b"1"), ("by_u", b"2"), ("by_u", b"5")],
    "told": [
        ("told", b"5", b"1", b"7"),
        ("told", b"5", b"3", None),
        ("told", b"5", b"1", b"2"),
        ("told", b"90", b"1", b"7"),
        ("told", b"5", b"9", b"7"),
        ("divided", b"5", b"1"),
        ("divided", b"0", b"1"),
        ("divided", None, b"1"),
        ("taken", b"1"),
        ("taken", b"1"),
        ("told", b"5", b"1", b"7"),
    ],
    "told in a block": [
        ("begin",),
        ("told", b"5", b"1", b"7"),
        ("told", b"5", b"1", b"8"),
        ("taken", b"1"),
        ("taken", b"1"),
        ("told", b"5", b"2", None),
        ("commit",),
    ],
    "held": [
        ("held", b"1"),
        ("held", b"9"),
        ("begin",),
        ("held", b"1"),
        ("a", b"5", b"1"),
        ("held", b"1"),
        ("shared", b"2"),
        ("delete", b"2"),
        ("shared", b"2"),
        ("commit",),
    ],
    "few": [
        ("few", b"10", b"20", b"2"),
        ("few", b"10", b"30", b"2"),
        ("few", b"13", b"21", b"2"),
        ("few", b"13", b"30", b"200"),
        ("few", None, b"30", b"2"),
        ("few", b"0", b"30", None),
        ("begin",),
        ("few", b"13", b"30", None),
        ("delete", b"14"),
        ("commit",),
    ],
    "block": [("begin",), ("a", b"5", b"1"), ("a", b"5", b"1"), ("delete", b"2"), ("commit",)],
    "rolled back": [
        ("begin",),
        ("a", b"5", b"1"),
        ("u", b"8", b"2"),
        ("delete", b"3"),
        ("rollback",),
    ],
    "deleted and changed": [("begin",), ("delete", b"1"), ("a", b"1", b"1"), ("commit",)],
    "referred to": [("parent", b"5", b"2"), ("parent", b"6", b"1"), ("parent_gone", b"1")],
    "referring": [("child", b"2", b"1"), ("child", b"3", b"1"), ("child", None, b"1")],
    "subqueries": [("raised", b"15"), ("raised", b"9"), ("beside", b"15"), ("beside", b"9")],
    "joined": [
        ("joined", b"5"),
        ("joined", b"15"),
        ("joined", b"95"),
        ("joined", None),
        ("quietly", b"7"),
        ("quietly", b"7"),
        ("quietly", b"-1"),
        ("used", b"1"),
        ("used", b"1"),
        ("several", b"50"),
        ("several", b"0"),
    ],
    "joined in a block": [
        ("begin",),
        ("joined", b"5"),
        ("quietly", b"1"),
        ("joined", b"5"),
        ("used", b"0"),
        ("joined", b"5"),
        ("several", b"5"),
        ("rollback",),
    ],
    "odd": [("odd", b"3", b"1", b"1"), ("odd", b"3", b"4", b"2")],
}
SCRIPTS |= {
    "nothing": [("nothing", b"1", b"9"), ("nothing", b"3", b"1"), ("nothing", b"3", b"3")],
    "nothing by id": [
        ("nothing_id", b"1", b"9"),
        ("nothing_id", b"3", b"3"),
        ("nothing_id", b"4", b"3"),
    ],
    "counted": [
        ("count", b"1", b"5"),
        ("count", b"3", b"5"),
        ("count", b"3", b"6"),
        ("count", b"1", None),
    ],
    "noted": [
        ("note", b"1", b"new"),
        ("note", b"2", None),
        ("note", b"3", b"x"),
        ("note", b"1", b"one"),
    ],
    "newer": [
        ("newer", b"1", b"0"),
        ("newer", b"1", b"4"),
        ("newer", b"1", b"4"),
        ("newer", b"5", b"0"),
    ],
    "by number": [("by_number", b"9", b"1"), ("by_number", b"8", b"1"), ("by_number", b"9", b"2")],
    "of sequences": [("serial", b"9"), ("serial", b"9"), ("serial", b"9"), ("serial", b"9")],
    "null": [("halves", b"1"), ("halves", b"2"), ("halves", b"4")],
    "own rows": [
        *[("begin",), ("count", b"6", b"1"), ("count", b"6", b"2"), ("nothing", b"6", b"6")],
        *[("newer", b"1", b"0"), ("note", b"6", b"six"), ("commit",)],
    ],
    "taken back": [("begin",), ("count", b"1", b"1"), ("note", b"2", b"two"), ("rollback",)],
    "failed": [
        ("begin",),
        ("count", b"1", b"1"),
        ("count", None, b"1"),
        ("count", b"1", b"1"),
        ("commit",),
    ],
}
LOOKS = (
    "SELECT * FROM counter ORDER BY id",
    "SELECT id FROM counter WHERE note = 'one'",
    "SELECT id FROM counter WHERE note = 'six'",
    "SELECT * FROM item ORDER BY id",
    "SELECT id FROM item WHERE a = 15 OR a = 10 ORDER BY id",
    "SELECT id FROM item WHERE b = 'new'",
    "SELECT id FROM item WHERE u = 9",
    "SELECT id FROM item WHERE u = 1",
    "TABLE parent",
    "TABLE child",
    "TABLE odd",
    "SELECT last_value FROM numbers",
)


@pytest.fixture
def pair():
    """Clients of two equal databases: one to be served from bytes, one the ordinary way."""
    with clients_of_equals((*SETUP, "SET enable_seqscan = off"), STATEMENTS) as made:
        for name in STATEMENTS:
            made[1].session.prepared[name].lane = None
        yield made


def look(pair):
    for sql in LOOKS:
        assert pair[0].run(sql) == pair[1].run(sql), sql


def answered(client, name, *values):
    """The replies to a series, from its bytes if they are taken."""
    return served(client, series(name, *values), asked(name, *values))[0]


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_gives_the_bytes_of_the_ordinary_flow(pair, script):
    for name, *values in script:
        expected = b"".join(map(encode, pair[1].send(*asked(name, *values))))
        assert answered(pair[0], name, *values) == expected, (name, values)
    look(pair)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (("both", b"7", b"x", b"3"), 1),
        (("delete", b"3"), 1),
        (("few", b"10", b"20", b"2"), 3),
        (("count", b"1", b"1"), 1),
        (("note", b"1", b"x"), 1),
        (("newer", b"1", b"0"), 0),
        (("nothing", b"1", b"5"), 0),
        (("nothing", b"5", b"5"), 1),
    ],
    ids=str,
)
def test_are_changes_of_the_lane(pair, step, expected):
    name, *values = step
    lane = pair[0].session.prepared[name].lane
    counted = []
    count = lane.change.count

    class Watched:
        def count(self, context):
            counted.append(count(context))
            return counted[-1]

    lane.change = Watched()
    answered(pair[0], name, *values)
    assert counted == [expected]


def test_what_is_told_of_a_change_needs_no_operators(pair, monkeypatch):
    def refused(*_):
        raise AssertionError

    monkeypatch.setattr("server.executor.modify_rows.RowDriver.run", refused)
    assert answered(pair[0], "told", b"5", b"1", b"7").count(b"UPDATE 1\0") == 1
    assert answered(pair[0], "joined", b"5").count(b"UPDATE 2\0") == 1
    assert answered(pair[0], "taken", b"1").count(b"DELETE 1\0") == 1
    monkeypatch.setattr("server.executor.lock_rows.LockRows.run", refused)
    assert answered(pair[0], "held", b"2").count(b"SELECT 1\0") == 1
    assert answered(pair[0], "several", b"5").count(b"DELETE 1\0") == 1


ITEM_STEPS = [("a", b"5", b"1"), ("u", b"30", b"1"), ("delete", b"1")]
ITEM_STEPS += [("told", b"5", b"1", b"30"), ("taken", b"1")]
ITEM_STEPS += [("joined", b"5"), ("quietly", b"29"), ("used", b"0"), ("several", b"5")]
ITEM_STEPS += [("held", b"1"), ("shared", b"1"), ("few", b"7", b"30", b"1")]
IN_THE_WAY_OF_ITEMS = [
    "UPDATE item SET a = a + 1, b = 'other' WHERE id = 1",
    "DELETE FROM item WHERE id = 1",
    "UPDATE item SET id = 8 WHERE id = 1",
    "UPDATE item SET u = 30 WHERE id = 2",
    "INSERT INTO item VALUES (9, 9, 'nine', 30)",
]
COUNTER_STEPS = [("count", b"1", b"5"), ("count", b"5", b"1"), ("nothing", b"1", b"5")]
COUNTER_STEPS += [("newer", b"1", b"0"), ("note", b"1", b"x")]
IN_THE_WAY_OF_COUNTERS = [
    "UPDATE counter SET n = n + 1 WHERE id = 1",
    "DELETE FROM counter WHERE id = 1",
    "SELECT FROM counter WHERE id = 1 FOR SHARE",
    "INSERT INTO counter VALUES (5, 5, 'five', 5)",
]
CASES = [
    *product(ITEM_STEPS, IN_THE_WAY_OF_ITEMS),
    *product(COUNTER_STEPS, IN_THE_WAY_OF_COUNTERS),
]


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
@pytest.mark.parametrize(("step", "way"), CASES, ids=str)
def test_what_stands_in_the_way_is_waited_for_as_in_the_ordinary_flow(pair, way, end, step):
    others = [Client(client.database, pid=2) for client in pair]
    for client, other in zip(pair, others, strict=True):
        client.run("BEGIN")
        other.run("BEGIN")
        other.run(way)
    name, *values = step
    first = pair[0]
    reply, taken = native.serve(first.session, series(name, *values))
    unfinished, first.session.unfinished = first.session.unfinished, None
    steps = iter(unfinished or ())
    replies = [list(islice(steps, 1)) if taken else first.send(*asked(name, *values))]
    replies.append(pair[1].send(*asked(name, *values)))
    assert pair[1].blocked == (first.blocked or any(type(item) is Wait for item in replies[0]))
    for other in others:
        other.run(end)
    replies[0] += steps
    for client, found in zip(pair, replies, strict=True):
        if client.blocked:
            found += client.resume()
    sent = [b"".join(encode(item) for item in each if type(item) is not Wait) for each in replies]
    assert reply + sent[0] == sent[1]
    for client in pair:
        client.run("COMMIT")
    look(pair)
    for other in others:
        other.close()
