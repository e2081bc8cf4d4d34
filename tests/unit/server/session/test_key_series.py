"""Reads by key, served from bytes: the same bytes as the ordinary flow's, or nothing is taken."""

import os
import struct

import pytest

from protocol import messages
from protocol.encode import encode
from server.session import native
from tests.support.series import asked, framed, query, series

pytestmark = pytest.mark.skipif(
    os.environ.get("RUSTYDB_NATIVE") == "0", reason="the original takes nothing"
)

SETUP = (
    "CREATE TABLE item (id int PRIMARY KEY, big int8, small int2, name text, other varchar(9))",
    "INSERT INTO item VALUES (1, 9000000000, -7, 'one', 'x'), (2, NULL, NULL, NULL, NULL), (-3, 0, 0, '', 'é')",
    "CREATE TABLE pair (a text, b int8, v int, PRIMARY KEY (a, b))",
    "INSERT INTO pair VALUES ('k', 5, 50), ('k', 6, 60), ('é', 7, 70)",
)
STATEMENTS = {
    "by_id": "SELECT id, big, small, name, other FROM item WHERE id = $1",
    "by_big": "SELECT name FROM item WHERE id = $1::int8",
    "by_pair": "SELECT v FROM pair WHERE a = $1 AND b = $2",
    "by_constant": "SELECT name FROM item WHERE id = 1",
}


@pytest.fixture
def ready(clients):
    """Two clients with the same prepared statements: one to be served, one the ordinary way."""
    pair = clients("served"), clients("ordinary")
    for sql in SETUP:
        pair[0].run(sql)
    for client in pair:
        for name, sql in STATEMENTS.items():
            client.send(messages.Parse(name, sql, ()), messages.Sync())
    return pair


def ordinary(client, *given):
    """The bytes of the ordinary flow's replies."""
    return b"".join(map(encode, client.send(*given)))


@pytest.mark.parametrize(
    "arguments",
    [
        {"values": (b"1",)},
        {"values": (b"2",)},
        {"values": (b"-3",)},
        {"values": (b"4",)},
        {"values": (None,)},
        {"values": (b"1",), "results": (1,)},
        {"values": (b"2",), "results": (0, 1, 1, 0, 1)},
        {"values": (struct.pack("!i", -3),), "formats": (1,), "describe": True},
        {"values": (b"1",), "formats": (0,), "results": (0,), "describe": True},
    ],
)
def test_answers_as_the_ordinary_flow(ready, arguments):
    served, other = ready
    values = arguments.pop("values")
    data = series("by_id", *values, **arguments)
    reply, taken = native.serve(served.session, data)
    assert taken == len(data)
    assert reply == ordinary(other, *asked("by_id", *values, **arguments))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("by_pair", (b"k", b"6")),
        ("by_pair", (b"k", b"7")),
        ("by_pair", ("é".encode(), b"7")),
        ("by_pair", (b"", b"6")),
        ("by_pair", (b"k", None)),
        ("by_big", (b"1",)),
        ("by_big", (b"4294967297",)),
        ("by_constant", ()),
    ],
)
def test_keys_of_several_kinds(ready, name, values):
    served, other = ready
    data = series(name, *values)
    reply, taken = native.serve(served.session, data)
    assert taken == len(data)
    assert reply == ordinary(other, *asked(name, *values))


@pytest.mark.parametrize(
    "data",
    [
        series("by_id", b"1_0"),
        series("by_id", b" 1"),
        series("by_id", b"99999999999"),
        series("by_id", b"1", b"2"),
        series("by_id", b"\0\0\0\1", formats=(2,)),
        series("by_id", b"\0\0\1", formats=(1,)),
        series("by_id", b"1", results=(0, 0)),
        series("by_id", b"1", results=(2,)),
        series("by_pair", b"\xe9", b"1"),
        series("by_pair", b"k\0", b"1"),
        series("nobody", b"1"),
        series("by_id", b"1")[:-1],
        series("by_id", b"1")[:20],
        b"B\0\0\0\0",
        b"B\xff\xff\xff\xff\0\0\0",
        framed(b"Q", b"SELECT name FROM item WHERE id = 1"),
        query("SELECT name FROM item WHERE id = 1"),
    ],
)
def test_what_is_odd_is_left_to_the_ordinary_flow(ready, data):
    assert native.serve(ready[0].session, data) == (b"", 0)


def test_takes_what_is_whole(ready):
    one, two = series("by_id", b"1"), series("by_pair", b"k", b"5")
    first = native.serve(ready[0].session, one)
    both = native.serve(ready[0].session, one + two + one[:7])
    assert both[1] == len(one + two)
    assert both[0].startswith(first[0])


def test_a_lock_and_a_change_of_the_table_are_for_the_ordinary_flow(ready):
    served, other = ready
    data = series("by_constant")
    assert native.serve(served.session, data)[1]
    other.run("BEGIN")
    other.run("LOCK TABLE item IN ACCESS EXCLUSIVE MODE")
    assert native.serve(served.session, data) == (b"", 0)
    served.send(messages.Sync())  # a transaction had begun to wait for the lock
    other.run("ALTER TABLE item ADD COLUMN more int")
    other.run("COMMIT")
    assert native.serve(served.session, data) == (b"", 0)
    served.send(*asked("by_constant"))
    assert native.serve(served.session, data)[1] == len(data)


def test_sees_what_is_committed(ready):
    served, other = ready
    data = series("by_constant")
    before = native.serve(served.session, data)
    other.run("BEGIN")
    other.run("UPDATE item SET name = 'changed' WHERE id = 1")
    assert native.serve(served.session, data) == before
    other.run("COMMIT")
    assert b"changed" in native.serve(served.session, data)[0]
    other.run("DELETE FROM item WHERE id = 1")
    assert b"SELECT 0" in native.serve(served.session, data)[0]


@pytest.mark.parametrize("literal", ["1", "2", "-3", "77"])
def test_a_text_said_before_with_other_literals(ready, literal):
    served, other = ready
    for number in (5, 6):
        served.run(f"SELECT id, name FROM item WHERE id = {number};")
    sql = f"SELECT id, name FROM item WHERE id = {literal};"
    data = query(sql)
    reply, taken = native.serve(served.session, data)
    assert taken == len(data)
    assert reply == ordinary(other, messages.Query(sql))


@pytest.mark.parametrize("literal", ["'1_0'", "'x'", "''", "99999999999999999999", "1.5", "NULL"])
def test_a_literal_that_is_no_integer_is_told_by_the_text(ready, literal):
    served, other = ready
    for number in (5, 6):
        served.run(f"SELECT id, name FROM item WHERE id = '{number}'")
        served.run(f"SELECT id, name FROM item WHERE id = {number}")
    sql = f"SELECT id, name FROM item WHERE id = {literal}"
    assert native.serve(served.session, query(sql)) == (b"", 0)
    assert served.run(sql) == other.run(sql)


def test_changes_by_their_skeleton(ready):
    served, _ = ready
    for number, name in enumerate(("a", "b", "c", "d")):
        changed = served.run(f"UPDATE item SET name = '{name}' WHERE id = {number % 2 + 1}")
        assert changed[0] == "CommandComplete(tag='UPDATE 1')"
    assert served.rows("SELECT name FROM item WHERE id > 0 ORDER BY id") == [("c",), ("d",)]
    assert served.error("UPDATE item SET small = 70000 WHERE id = 1")[0] == "22003"
    assert served.error("UPDATE item SET small = 80000 WHERE id = 1")[0] == "22003"
    assert served.error("UPDATE item SET small = 90000 WHERE id = 1")[0] == "22003"


@pytest.mark.parametrize("text", [b"\xff", b"SELECT '\xa4'", b"SELECT 1 -- \xff"])
def test_what_is_no_utf8_is_left_to_the_ordinary_flow(ready, text):
    assert native.serve(ready[0].session, framed(b"Q", text + b"\0")) == (b"", 0)
    assert native.serve(ready[0].session, series("by_pair", text, b"5")) == (b"", 0)


def test_a_key_that_many_rows_have_had(ready):
    served, other = ready
    other.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
    assert other.rows("SELECT big FROM item WHERE id = 1") == [("9000000000",)]
    for number in range(20):
        served.run("DELETE FROM item WHERE id = 1")
        served.run(f"INSERT INTO item (id, big) VALUES (1, {number})")
        reply, taken = native.serve(served.session, series("by_id", b"1"))
        assert taken
        assert str(number).encode() + b"\xff\xff\xff\xff" in reply
        assert other.rows("SELECT big FROM item WHERE id = 1") == [("9000000000",)]
    assert b"DELETE 1" in b"".join(
        map(encode, served.send(messages.Query("DELETE FROM item WHERE id = 1")))
    )
    assert b"SELECT 0" in native.serve(served.session, series("by_id", b"1"))[0]
    assert other.rows("SELECT big FROM item WHERE id = 1") == [("9000000000",)]
