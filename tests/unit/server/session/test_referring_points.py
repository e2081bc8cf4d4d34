"""Rows with foreign keys, inserted on the lane: the bytes that the ordinary flow would give, waits included."""

import os

import pytest

from protocol import messages
from protocol.encode import encode
from server.executor.waits import Wait
from server.session import native
from tests.support.conversation import Client
from tests.support.series import asked, clients_of_equals, series, served

pytestmark = pytest.mark.skipif(
    os.environ.get("RUSTYDB_NATIVE") == "0", reason="the original takes nothing"
)

SETUP = (
    "CREATE TABLE parent (id int PRIMARY KEY, other int UNIQUE)",
    "INSERT INTO parent VALUES (1, 10), (2, 20)",
    "CREATE TABLE child (id serial PRIMARY KEY, parent int REFERENCES parent, other int REFERENCES parent (other))",
    "CREATE TABLE node (id int PRIMARY KEY, up int REFERENCES node)",
    "CREATE TABLE late (id int REFERENCES parent DEFERRABLE)",
)
STATEMENTS = {
    "child": "INSERT INTO child (parent, other) VALUES ($1, $2)",
    "node": "INSERT INTO node VALUES ($1, $2)",
    "late": "INSERT INTO late VALUES ($1)",
    "told": "INSERT INTO child (parent, other) VALUES ($1, $2) RETURNING *",
    "new": "INSERT INTO parent VALUES ($1, $2)",
    "begin": "BEGIN",
    "commit": "COMMIT",
    "rollback": "ROLLBACK",
}
SCRIPTS = {
    "there": [("child", b"1", b"10"), ("child", b"2", None), ("child", None, None)],
    "missing": [("child", b"1", b"10"), ("child", b"3", b"10"), ("child", b"2", b"20")],
    "second missing": [("child", b"1", b"11"), ("child", b"1", b"10")],
    "block": [("begin",), ("child", b"1", b"10"), ("child", b"2", b"20"), ("commit",)],
    "rolled back": [("begin",), ("child", b"1", b"10"), ("rollback",), ("child", b"2", b"20")],
    "failed block": [("begin",), ("child", b"1", b"10"), ("child", b"3", b"1"), ("commit",)],
    "itself": [("node", b"1", b"1"), ("node", b"2", b"1"), ("node", b"3", b"4")],
    "late": [("late", b"1"), ("late", b"3")],
    "told": [("told", b"1", b"10"), ("told", b"3", b"10"), ("told", b"2", None)],
    "told of what is new": [("begin",), ("new", b"3", b"30"), ("told", b"3", b"30"), ("commit",)],
    "told in a failed block": [("begin",), ("new", b"3", b"30"), ("told", b"3", b"1"), ("commit",)],
}


@pytest.fixture
def pair():
    """Clients of two equal databases: one to be served from bytes, one the ordinary way."""
    with clients_of_equals(SETUP, STATEMENTS) as made:
        for name in STATEMENTS:
            made[1].session.prepared[name].lane = None
        yield made


def told(items):
    """The bytes of the ordinary flow, which may send rows before it looks at what they refer to."""
    if any(isinstance(item, messages.ErrorResponse) for item in items):
        items = [item for item in items if not isinstance(item, messages.DataRows)]
    return b"".join(map(encode, items))


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_gives_the_bytes_of_the_ordinary_flow(pair, script):
    for name, *values in script:
        reply, taken = served(pair[0], series(name, *values), asked(name, *values))
        assert taken or name in ("late", "commit")
        assert reply == told(pair[1].send(*asked(name, *values))), (name, values)
    for sql in ("ROLLBACK", "TABLE child", "TABLE node", "TABLE late"):
        assert pair[0].run(sql) == pair[1].run(sql)


IN_THE_WAY = ["DELETE FROM parent WHERE id = 1", "UPDATE parent SET id = 9 WHERE id = 1"]
IN_THE_WAY += ["LOCK TABLE parent IN ACCESS EXCLUSIVE MODE"]


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
@pytest.mark.parametrize("way", IN_THE_WAY)
@pytest.mark.parametrize("in_block", [False, True])
def test_what_stands_in_the_way_is_waited_for_as_in_the_ordinary_flow(pair, way, end, in_block):
    others = [Client(client.database, pid=2) for client in pair]
    for client, other in zip(pair, others, strict=True):
        if in_block:
            client.run("BEGIN")
        other.run("BEGIN")
        other.run(way)
    given = asked("child", b"1", b"10")
    first = pair[0]
    reply, taken = native.serve(first.session, series("child", b"1", b"10"))
    unfinished, first.session.unfinished = first.session.unfinished, None
    steps = iter(unfinished or ())
    if taken:
        assert type(next(steps)) is Wait
    replies = [[] if taken and client is first else client.send(*given) for client in pair]
    assert [client.blocked for client in pair] == [not taken, True]
    for other in others:
        other.run(end)
    replies[0] += steps if taken else first.resume()
    replies[1] += pair[1].resume()
    sent = [b"".join(encode(item) for item in each if type(item) is not Wait) for each in replies]
    assert reply + sent[0] == sent[1]
    for sql in ("COMMIT", "TABLE child", "SELECT last_value FROM child_id_seq"):
        assert pair[0].run(sql) == pair[1].run(sql)
    for other in others:
        other.close()


def test_the_referenced_row_stays(pair):
    first = pair[0]
    other = Client(first.database, pid=2)
    first.run("BEGIN")
    assert native.serve(first.session, series("child", b"1", b"10"))[1]
    other.send(messages.Query("DELETE FROM parent WHERE id = 1"))
    assert other.blocked
    first.run("ROLLBACK")
    other.resume()
    assert first.rows("SELECT id FROM parent") == [("2",)]
    other.close()
