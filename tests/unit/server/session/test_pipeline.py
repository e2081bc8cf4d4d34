"""Statements of which several go before one Sync: the bytes that the ordinary flow would give."""

import os
import struct

import pytest

from protocol import messages
from protocol.encode import encode
from server.errors import QueryCanceled
from server.executor.waits import Wait
from server.session import native
from tests.support.conversation import Client
from tests.support.series import clients_of_equals, framed, parse, pipeline, series, split

pytestmark = pytest.mark.skipif(
    os.environ.get("RUSTYDB_NATIVE") == "0", reason="the original takes nothing"
)

SETUP = (
    "CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL, note varchar(5))",
    "INSERT INTO account VALUES (1, 100, 'a'), (2, 200, NULL)",
    "CREATE TABLE entry (id int PRIMARY KEY, amount numeric(10, 2), at timestamptz, word text)",
    "CREATE TABLE parent (id int PRIMARY KEY)",
    "INSERT INTO parent VALUES (1)",
    "CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
    """CREATE FUNCTION talk() RETURNS int LANGUAGE plpgsql AS
    $$ BEGIN RAISE NOTICE 'said'; RETURN 1; END $$""",
)
STATEMENTS = {
    "begin": "BEGIN",
    "commit": "COMMIT",
    "rollback": "ROLLBACK",
    "add": "UPDATE account SET balance = balance + $2 WHERE id = $1",
    "read": "SELECT balance, note FROM account WHERE id = $1",
    "enter": "INSERT INTO entry VALUES ($1, $2, $3, $4)",
    "remove": "DELETE FROM account WHERE id = $1",
    "refer": "INSERT INTO child VALUES ($1)",
    "all": "SELECT * FROM entry ORDER BY id",
    "talk": "UPDATE account SET balance = talk() WHERE id = $1",
    "vacuum": "VACUUM account",
    "show": "SET TimeZone TO 'Asia/Tokyo'",
}


def entered(number, amount=b"1.5", at=b"2020-01-02 03:04:05+00", word=b"word"):
    """A step that inserts a row."""
    return ("enter", str(number).encode(), amount, at, word)


SCRIPTS = {
    "reads": [("read", b"1"), ("read", b"2"), ("read", b"3"), None],
    "changes": [("add", b"1", b"5"), ("read", b"1"), ("add", b"1", b"5"), ("read", b"1"), None],
    "rows": [*map(entered, range(20)), None, ("all",), None],
    "nulls": [("enter", b"1", None, None, None), ("add", None, b"1"), None, ("all",), None],
    "rounded": [entered(1, b"1.005"), entered(2, word="é".encode()), None, ("all",), None],
    "two commits": [entered(1), None, entered(2), entered(3), None],
    "two transactions": [entered(1), None, entered(2), entered(1), None, ("all",), None],
    "duplicate": [*map(entered, (1, 2, 3, 2, 4)), ("read", b"1"), None, ("all",), None],
    "no number": [entered(1), entered(2, b"x"), entered(3), None, ("all",), None],
    "no UTF-8": [entered(1), entered(2, word=b"\xff"), entered(3), None, ("all",), None],
    "too great": [entered(1), entered(2, b"123456789"), entered(3), None, ("all",), None],
    "not null": [("add", b"1", b"1"), ("add", b"1", None), ("add", b"1", b"1"), None],
    "block": [("begin",), *map(entered, range(5)), ("commit",), None, ("all",), None],
    "open block": [("begin",), None, *map(entered, range(5)), None, ("all",), ("rollback",), None],
    "failed block": [("begin",), None, *map(entered, (1, 1, 2)), None, ("commit",), None, ("all",)],
    "block in the middle": [entered(1), ("begin",), entered(2), None, ("rollback",), None],
    "rolled back": [("begin",), entered(1), ("rollback",), entered(2), None, ("all",), None],
    "deferred": [("refer", b"1"), ("refer", b"2"), None, ("refer", b"1"), None],
    "notices": [("talk", b"1"), ("talk", b"2"), ("read", b"1"), None],
    "unknown": [entered(1), ("nobody",), entered(2), None, ("all",), None],
    "setting": [entered(1), ("show",), ("all",), None, ("all",), None],
    "no block": [entered(1), ("vacuum",), None, ("vacuum",), None, ("all",), None],
    "alone after a block": [("begin",), entered(1), None, ("commit",), None, ("vacuum",), None],
    "removed": [("remove", b"1"), ("read", b"1"), ("remove", b"1"), None, ("read", b"1"), None],
    "only Sync": [None, None],
}


@pytest.fixture
def pair():
    """Clients of two equal databases: one to be served from bytes, one the ordinary way."""
    with clients_of_equals(SETUP, STATEMENTS) as made:
        yield made


def message_end(data, start):
    """Where the message that begins at start ends."""
    return start + 1 + int.from_bytes(data[start + 1 : start + 5], "big")


def taken_at_once(client, data):
    """What serve_pipeline gives for some bytes, over as many slices of time as it takes."""
    whole, start = b"", 0
    while True:
        reply, taken, is_within = native.serve_pipeline(client.session, data, start)
        whole, start = whole + reply, start + taken
        if not taken or start == len(data) or client.session.unfinished is not None:
            return whole, start, is_within


def served(client, data):
    """The replies to some bytes, as a connection gives them, and how many bytes were taken."""
    replies, start, took = [], 0, 0
    while start < len(data):
        reply, taken, _ = native.serve_pipeline(client.session, data, start)
        replies.append(reply)
        steps, client.session.unfinished = client.session.unfinished, None
        replies += [] if steps is None else [encode(s) for s in steps if type(s) is not Wait]
        if not taken:
            end = message_end(data, start)
            replies += map(encode, client.send(*split(data[start:end])))
            start = end
        start += taken
        took += taken
    return b"".join(replies), took


def ordinary(client, data):
    """The replies of the ordinary flow."""
    return b"".join(map(encode, client.send(*split(data))))


@pytest.mark.parametrize("describe", [False, True])
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_gives_the_bytes_of_the_ordinary_flow(pair, script, describe):
    data = pipeline(*script, describe=describe)
    reply, took = served(pair[0], data)
    assert took
    assert reply == ordinary(pair[1], data)
    sessions = [client.session for client in pair]
    assert sessions[0].portals.keys() == sessions[1].portals.keys()
    assert sessions[0].transaction.state is sessions[1].transaction.state
    assert sessions[0].activity.state == sessions[1].activity.state
    assert sessions[0].activity.query == sessions[1].activity.query
    for sql in ("ROLLBACK", "TABLE account", "TABLE entry", "TABLE child"):
        assert pair[0].run(sql) == pair[1].run(sql)


@pytest.mark.parametrize("name", ["reads", "changes", "rows", "open block", "two commits"])
def test_whole_pipelines_are_taken(pair, name):
    script = [step for step in SCRIPTS[name] if step not in (("all",), ("rollback",), ("begin",))]
    data = pipeline(*script)
    reply, taken, is_within = taken_at_once(pair[0], data)
    while taken < len(data):  # some commits ask for their flush to be waited for
        steps, pair[0].session.unfinished = iter(pair[0].session.unfinished), None
        assert steps is not None
        reply += b"".join(encode(item) for item in steps if type(item) is not Wait)
        more, size, is_within = taken_at_once(pair[0], data[taken:])
        assert size
        reply, taken = reply + more, taken + size
    assert not is_within
    steps = pair[0].session.unfinished
    reply += b"" if steps is None else b"".join(map(encode, steps))
    assert reply == ordinary(pair[1], data)


def test_texts_parsed_again_and_again(pair):
    step = parse(STATEMENTS["add"]) + series("", b"1", b"5")[:-5]
    read = parse(STATEMENTS["read"]) + series("", b"1")[:-5]
    for _ in range(2):
        data = step + step + read + framed(b"S", b"")
        reply, took = served(pair[0], data)
        assert reply == ordinary(pair[1], data)
    assert took == len(data)


def test_a_pipeline_goes_on_where_its_bytes_ended(pair):
    data = pipeline(*SCRIPTS["rows"])
    half = message_end(data, message_end(data, 0))  # behind an Execute
    whole = b""
    for piece in (data[:half], data[half:]):
        reply, _ = served(pair[0], piece)
        whole += reply
    assert whole == ordinary(pair[1], data)


def test_what_is_not_whole_is_left(pair):
    data = pipeline(("add", b"1", b"5"))
    for size in range(len(data)):
        assert native.serve_pipeline(pair[0].session, data[:size], 0) == (b"", 0, False)
    reply, taken, is_within = native.serve_pipeline(pair[0].session, data + b"S\0\0", 0)
    assert reply
    assert (taken, is_within) == (len(data), True)


def test_nothing_is_seen_before_the_sync(pair):
    other = Client(pair[0].database, pid=2)
    served(pair[0], pipeline(("add", b"1", b"5"), ("add", b"1", b"5")))
    assert other.rows("SELECT balance FROM account WHERE id = 1") == [("100",)]
    served(pair[0], pipeline(None))
    assert other.rows("SELECT balance FROM account WHERE id = 1") == [("110",)]
    other.close()


def test_each_statement_sees_what_others_have_committed(pair):
    other = Client(pair[0].database, pid=2)
    first, _ = served(pair[0], pipeline(("add", b"2", b"1"), ("read", b"1")))
    other.run("UPDATE account SET balance = 7 WHERE id = 1")
    second, _ = served(pair[0], pipeline(("read", b"1"), None))
    assert b"100" in first
    assert b"\x00\x017" in second
    other.close()


@pytest.mark.parametrize("way", ["COMMIT", "ROLLBACK"])
def test_what_stands_in_the_way_is_waited_for(pair, way):
    data = pipeline(("add", b"2", b"1"), ("add", b"1", b"5"), ("read", b"1"), None)
    others = [Client(client.database, pid=2) for client in pair]
    for other in others:
        other.run("BEGIN")
        other.run("UPDATE account SET balance = balance + 1000 WHERE id = 1")
    reply, taken, _ = taken_at_once(pair[0], data)
    steps, pair[0].session.unfinished = iter(pair[0].session.unfinished), None
    assert type(next(steps)) is Wait
    replies = pair[1].send(*split(data))
    assert pair[1].blocked
    for other in others:
        other.run(way)
    reply += b"".join(encode(item) for item in steps if type(item) is not Wait)
    rest, _ = served(pair[0], data[taken:])
    assert reply + rest == b"".join(map(encode, [*replies, *pair[1].resume()]))
    assert pair[0].run("TABLE account") == pair[1].run("TABLE account")
    for other in others:
        other.close()


def test_a_wait_that_is_called_off_skips_to_the_sync(pair):
    first = pair[0]
    other = Client(first.database, pid=2)
    other.run("BEGIN")
    other.run("UPDATE account SET balance = 1000 WHERE id = 1")
    data = pipeline(("add", b"2", b"1"), ("add", b"1", b"5"), ("add", b"2", b"1"), None)
    _, taken, is_within = taken_at_once(first, data)
    assert is_within
    steps, first.session.unfinished = iter(first.session.unfinished), None
    next(steps)
    first.session.cancel(QueryCanceled("canceling statement due to user request"))
    assert b"57014" in b"".join(map(encode, steps))
    rest, _ = served(first, data[taken:])
    assert rest == encode(messages.ReadyForQuery("I"))
    other.run("COMMIT")
    assert first.rows("SELECT balance FROM account ORDER BY id") == [("1000",), ("200",)]
    other.close()


def test_binary_parameters_of_all_kinds(pair):
    values = (struct.pack("!i", 5), b"\0\x01\0\0\0\0\0\x01\0\x07", struct.pack("!q", 0), b"w")
    step = series("enter", *values, formats=(1, 1, 1, 0))[:-5]
    data = step + series("read", struct.pack("!i", 1), formats=(1,), results=(1,))
    reply, took = served(pair[0], data)
    assert took == len(data)
    assert reply == ordinary(pair[1], data)
    assert pair[0].run("TABLE entry") == pair[1].run("TABLE entry")
