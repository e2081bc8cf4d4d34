"""Whole series of point statements and of BEGIN, COMMIT, ROLLBACK: the bytes that the ordinary flow would give."""

import os

import pytest

from protocol import messages
from protocol.encode import encode
from server.errors import QueryCanceled
from server.executor.waits import Wait
from server.session import native
from server.session.blocked import Blocked
from tests.support.conversation import Client
from tests.support.series import asked, clients_of_equals, parse, query, series, served

pytestmark = pytest.mark.skipif(
    os.environ.get("RUSTYDB_NATIVE") == "0", reason="the original takes nothing"
)

SETUP = (
    "CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL, note varchar(5))",
    "INSERT INTO account VALUES (1, 100, 'a'), (2, 200, NULL)",
    "CREATE TABLE entry (id int, delta int)",
    "CREATE TABLE checked (id int, delta int CHECK (delta > -1000))",
    "CREATE UNIQUE INDEX ON entry (id)",
    "CREATE TABLE move (account int REFERENCES account, other int REFERENCES account (id), delta int)",
)
STATEMENTS = {
    "begin": "BEGIN",
    "begin_read_only": "BEGIN READ ONLY",
    "begin_serializable": "START TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "commit": "COMMIT",
    "end": "END",
    "chain": "COMMIT AND CHAIN",
    "rollback": "ROLLBACK",
    "add": "UPDATE account SET balance = balance + $2 WHERE id = $1",
    "read": "SELECT balance, note FROM account WHERE id = $1",
    "enter": "INSERT INTO entry VALUES ($1, $2)",
    "check": "INSERT INTO checked VALUES ($1, $2)",
    "move": "INSERT INTO move VALUES ($1, $2, $3)",
    "remove": "DELETE FROM account WHERE id = $1",
    "hold": "DECLARE held CURSOR WITH HOLD FOR SELECT 1 / (id - 2) FROM account",
    "local": "SET LOCAL TimeZone TO 'Asia/Tokyo'",
    "timeout": "SET LOCAL statement_timeout = 5000",
    "wrong": "SET statement_timeout = 'soon'",
    "custom": "SET LOCAL app.user = 'somebody'",
    "shown": "SELECT current_setting('statement_timeout'), current_setting('app.user', true)",
    "lock": "SELECT balance FROM account WHERE id = $1 FOR UPDATE",
    "first": "SELECT id FROM account ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
    "save": "SAVEPOINT s",
    "back": "ROLLBACK TO SAVEPOINT s",
    "release": "RELEASE s",
    "lost": 'RELEASE SAVEPOINT "no such"',
}
SCRIPTS = {
    "commit": [
        *[("begin",), ("add", b"1", b"5"), ("read", b"1"), ("enter", b"1", b"5"), ("lock", b"1")],
        *[("first",), ("end",)],
    ],
    "roll back": [("begin",), ("add", b"1", b"5"), ("remove", b"2"), ("rollback",), ("read", b"1")],
    "each by itself": [
        ("add", b"1", b"5"),
        ("read", b"1"),
        ("enter", b"7", b"7"),
        ("remove", b"1"),
    ],
    "nobody there": [("begin",), ("add", b"9", b"5"), ("remove", b"9"), ("commit",)],
    "null": [("add", b"1", None), ("read", None), ("add", None, b"1")],
    "duplicate": [
        ("begin",),
        ("enter", b"1", b"1"),
        ("enter", b"1", b"1"),
        ("read", b"1"),
        ("end",),
    ],
    "duplicate alone": [("enter", b"1", b"1"), ("enter", b"1", b"1"), ("read", b"1")],
    "overflow": [("begin",), ("add", b"1", b"2147483647"), ("rollback",), ("read", b"1")],
    "no number": [("begin",), ("add", b"x", b"1"), ("read", b"1"), ("rollback",)],
    "read only": [("begin_read_only",), ("read", b"1"), ("add", b"1", b"1"), ("end",)],
    "serializable": [("begin_serializable",), ("read", b"1"), ("add", b"1", b"1"), ("end",)],
    "again": [("begin",), ("begin",), ("commit",), ("commit",), ("rollback",)],
    "chain": [("begin",), ("add", b"1", b"1"), ("chain",), ("read", b"1"), ("rollback",)],
    "setting": [("begin",), ("local",), ("read", b"1"), ("commit",), ("begin",), ("rollback",)],
    "hold what fails": [("begin",), ("hold",), ("commit",), ("read", b"1"), ("rollback",)],
    "refer": [
        ("begin",),
        ("add", b"1", b"5"),
        ("move", b"1", b"2", b"5"),
        ("move", None, b"2", b"6"),
        ("end",),
        ("move", b"2", b"2", b"7"),
    ],
    "refer to nobody": [
        ("move", b"1", b"9", b"5"),
        ("begin",),
        ("remove", b"2"),
        ("move", b"1", b"2", b"5"),
        ("read", b"1"),
        ("rollback",),
    ],
    "check": [("begin",), ("check", b"1", b"-5000"), ("commit",)],
    "go back": [
        *[("begin",), ("add", b"1", b"5"), ("save",), ("add", b"1", b"7"), ("enter", b"3", b"1")],
        *[
            ("back",),
            ("read", b"1"),
            ("add", b"2", b"1"),
            ("release",),
            ("commit",),
            ("read", b"1"),
        ],
    ],
    "savepoints of one name": [
        *[("begin",), ("save",), ("add", b"1", b"5"), ("save",), ("add", b"1", b"7"), ("back",)],
        *[("release",), ("read", b"1"), ("back",), ("read", b"1"), ("end",)],
    ],
    "setting in a savepoint": [("begin",), ("save",), ("local",), ("back",), ("commit",)],
    "back from an error": [
        *[("begin",), ("save",), ("add", b"1", b"7"), ("lost",), ("back",)],
        *[("read", b"1"), ("lost",), ("back",), ("release",), ("commit",)],
    ],
    "settings": [
        *[("begin",), ("timeout",), ("custom",), ("shown",), ("read", b"1"), ("end",), ("shown",)],
        *[("begin",), ("timeout",), ("add", b"1", b"5"), ("save",), ("custom",), ("back",)],
        *[
            ("shown",),
            ("rollback",),
            ("shown",),
            ("begin",),
            ("wrong",),
            ("rollback",),
            ("timeout",),
        ],
    ],
    "no savepoint": [("begin",), ("back",), ("rollback",), ("save",), ("release",), ("read", b"1")],
}
TEXTS = [
    "BEGIN",
    "UPDATE account SET balance = balance + 5 WHERE id = 1",
    "UPDATE account SET balance = balance + -7 WHERE id = 2;",
    "UPDATE account SET balance = balance + 8 WHERE id = 2;",
    "UPDATE account SET balance = balance + 9 WHERE id = 1;",
    "END;",
    "UPDATE account SET balance = balance + 1 WHERE id = 1;",
    "SELECT balance FROM account WHERE id = 1;",
    "SELECT balance FROM account WHERE id = 2;",
    "begin",
    "SELECT balance FROM account WHERE id = 1;",
    "UPDATE account SET balance = balance + 2147483647 WHERE id = 1;",
    "SELECT balance FROM account WHERE id = 1;",
    "rollback;",
    "ROLLBACK",
    "SELECT balance FROM account WHERE id = 1;",
    "begin",
    "SAVEPOINT s1_x1",
    "UPDATE account SET balance = balance + 5 WHERE id = 1",
    'savepoint "S 2";',
    "UPDATE account SET balance = balance + 9 WHERE id = 1;",
    'ROLLBACK TO "S 2"',
    "SELECT balance FROM account WHERE id = 1;",
    "release savepoint S1_X1;",
    "release s1_x1",
    "rollback",
    "begin",
    "savepoint select",
    "rollback",
    "SAVEPOINT s1_x1",
]


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
        took += taken
        assert reply == b"".join(map(encode, pair[1].send(*given))), name
        assert pair[0].session.portals.keys() == pair[1].session.portals.keys()
        assert pair[0].session.activity.query == pair[1].session.activity.query
    assert took
    for sql in ("ROLLBACK", "TABLE account", "TABLE entry", "TABLE move"):
        assert pair[0].run(sql) == pair[1].run(sql)


def parsed(name, values, types=()):
    """A statement parsed and run at once, as bytes and as messages."""
    sql = STATEMENTS[name]
    given = [messages.Parse("", sql, types), *asked("", *values, describe=True)]
    return parse(sql, *types) + series("", *values, describe=True), given


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_texts_parsed_again_give_the_bytes_of_the_ordinary_flow(pair, script):
    for turn in range(2):
        for name, *values in script:
            data, given = parsed(name, values)
            reply, taken = served(pair[0], data, given)
            assert reply == b"".join(map(encode, pair[1].send(*given))), name
            assert taken or turn == 0 or script is not SCRIPTS["commit"]
            assert pair[0].session.prepared.keys() == pair[1].session.prepared.keys()
            assert pair[0].session.activity.query == pair[1].session.activity.query
        for sql in ("ROLLBACK", "TABLE entry", "DELETE FROM entry"):
            assert pair[0].run(sql) == pair[1].run(sql)
    for sql in ("TABLE account", "TABLE entry"):
        assert pair[0].run(sql) == pair[1].run(sql)


def test_a_text_is_known_with_its_types_and_its_catalog(pair):
    def took(types):
        data, given = parsed("read", (b"1",), types)
        reply, taken = served(pair[0], data, given)
        assert reply == b"".join(map(encode, pair[1].send(*given)))
        return taken

    assert [took(()), took(()), took((20,)), took((20,)), took(())] == [
        False,
        True,
        False,
        True,
        True,
    ]
    for client in pair:
        client.run("ALTER TABLE account ALTER balance TYPE text")
    assert [took(()), took(()), took((20,))] == [False, True, False]


def test_a_transaction_is_taken_wholly(pair):
    for name, *values in SCRIPTS["commit"]:
        reply, taken = served(pair[0], series(name, *values), ())
        assert taken
        assert reply.endswith((b"I", b"T"))


@pytest.mark.parametrize(
    ("sql", "value", "found"),
    [
        ("small = small + $1::int2", b"7", "32767"),
        ("small = small + $1::int2", b"8", "22003 smallint out of range"),
        ("small = $1::int2 - small", b"-8", "-32768"),
        ("small = $1::int2 - small", b"-9", "22003 smallint out of range"),
        ("plain = plain + small", None, "2147483647"),
        ("plain = plain + (small + $1::int2)", b"1", "22003 integer out of range"),
        ("plain = -1 - plain - $1", b"32760", "-2147483648"),
        ("plain = -2 - plain - $1", b"32760", "22003 integer out of range"),
        ("big = big + small", None, "9223372036854775807"),
        ("big = big + $1::int8", b"32761", "22003 bigint out of range"),
        ("big = $1::int8 - big", b"-32761", "-9223372036854775808"),
        ("big = $1::int8 - big", b"-32762", "22003 bigint out of range"),
        ("big = big + $1::int8", None, "NULL"),
    ],
)
def test_sums_keep_to_their_types(pair, sql, value, found):
    client = pair[0]
    client.run("CREATE TABLE number (id int PRIMARY KEY, small int2, plain int, big int8)")
    client.run("INSERT INTO number VALUES (1, 32760, 2147450887, 9223372036854743047)")
    values = [value] if "$1" in sql else []
    client.send(messages.Parse("sum", f"UPDATE number SET {sql} WHERE id = 1", ()), messages.Sync())
    reply, taken = served(client, series("sum", *values), ())
    assert taken
    if found[:5] == "22003":
        code, message = found.split(" ", 1)
        assert code.encode() in reply
        assert message.encode() in reply
        return
    column = sql.split()[0]
    ((text,),) = client.rows(f"SELECT coalesce({column}::text, 'NULL') FROM number")
    assert text == found


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_times_are_those_of_the_transaction_and_its_zone(pair, zone):
    client = pair[0]
    client.run("CREATE TABLE moment (at timestamptz, local timestamp, day date, late timestamp)")
    client.run(f"SET TimeZone TO '{zone}'")
    insert = "INSERT INTO moment VALUES (now(), CURRENT_TIMESTAMP, now(), $1::timestamptz)"
    client.send(messages.Parse("note", insert, ()), messages.Sync())
    for value in (b"2024-07-01 12:00Z", b"infinity", None):
        assert served(client, series("begin"), ())[1]
        assert served(client, series("note", value), ())[1]
        client.run("TABLE moment")  # time passes
        assert served(client, series("note", value), ())[1]
        ordinary = "SELECT now(), now()::timestamp, now()::date"
        for row in client.rows("TABLE moment"):
            assert row[:3] == client.rows(ordinary)[0]
        ((late, expected),) = client.rows(
            f"SELECT DISTINCT late, {'NULL' if value is None else repr(value.decode())}::timestamptz::timestamp"
            " FROM moment"
        )
        assert late == expected
        client.run("DELETE FROM moment")
        assert served(client, series("end"), ())[1]


def test_texts_of_a_block(pair):
    took = []
    for sql in TEXTS:
        reply, taken = served(pair[0], query(sql), (messages.Query(sql),))
        took.append(taken)
        assert reply == b"".join(map(encode, pair[1].send(messages.Query(sql)))), sql
    assert took[0]
    assert took[4:7] == [True] * 3
    assert pair[0].run("TABLE account") == pair[1].run("TABLE account")


IN_THE_WAY = {
    "adds": ("UPDATE account SET balance = balance + 1000 WHERE id = 1", "COMMIT"),
    "rolls back": ("UPDATE account SET balance = balance + 1000 WHERE id = 1", "ROLLBACK"),
    "removes": ("DELETE FROM account WHERE id = 1", "COMMIT"),
    "gives another key": ("UPDATE account SET id = 3 WHERE id = 1", "COMMIT"),
    "locks": ("SELECT FROM account WHERE id = 1 FOR UPDATE", "COMMIT"),
    "makes it too much": ("UPDATE account SET balance = 2147483647 WHERE id = 1", "COMMIT"),
}


def waiting(client, data):
    """What a series that has to wait leaves to be done, started."""
    assert native.serve(client.session, data) == (b"", len(data))
    steps, client.session.unfinished = iter(client.session.unfinished), None
    assert type(next(steps)) is Wait
    return steps


@pytest.mark.parametrize("beginning", [None, "begin", "begin_serializable"])
@pytest.mark.parametrize("way", IN_THE_WAY.values(), ids=IN_THE_WAY.keys())
def test_what_stands_in_the_way_is_waited_for(pair, way, beginning):
    others = [Client(client.database, pid=2) for client in pair]
    for client, other in zip(pair, others, strict=True):
        if beginning:
            client.send(*asked(beginning))
            client.send(*asked("read", b"2"))
        other.run("BEGIN")
        other.run(way[0])
    steps = waiting(pair[0], series("add", b"1", b"5"))
    replies = pair[1].send(*asked("add", b"1", b"5"))
    assert pair[1].blocked
    assert pair[0].session.activity.state == "active"
    for other in others:
        other.run(way[1])
    given = b"".join(map(encode, (item for item in steps if type(item) is not Wait)))
    assert given == b"".join(map(encode, [*replies, *pair[1].resume()]))
    assert pair[0].session.portals.keys() == pair[1].session.portals.keys()
    for sql in ("COMMIT", "TABLE account"):
        assert pair[0].run(sql) == pair[1].run(sql)
    for other in others:
        other.close()


REFERRED_TO = {
    "removed": (("DELETE FROM account WHERE id = 1",), "COMMIT"),
    "not removed": (("DELETE FROM account WHERE id = 1",), "ROLLBACK"),
    "given another key": (("UPDATE account SET id = 3 WHERE id = 1",), "COMMIT"),
    "locked": (("SELECT FROM account WHERE id = 1 FOR UPDATE",), "COMMIT"),
    "made": (("DELETE FROM account WHERE id = 1", "INSERT INTO account VALUES (1, 7)"), "COMMIT"),
}


@pytest.mark.parametrize("beginning", [None, "begin"])
@pytest.mark.parametrize("way", REFERRED_TO.values(), ids=REFERRED_TO.keys())
def test_who_refers_waits_for_who_is_about_to_take_the_row_away(pair, way, beginning):
    others = [Client(client.database, pid=2) for client in pair]
    for client, other in zip(pair, others, strict=True):
        if beginning:
            client.send(*asked(beginning))
        for sql in ("BEGIN", *way[0]):
            other.run(sql)
    steps = waiting(pair[0], series("move", b"2", b"1", b"5"))
    replies = pair[1].send(*asked("move", b"2", b"1", b"5"))
    assert pair[1].blocked
    for other in others:
        other.run(way[1])
    given = b"".join(map(encode, (item for item in steps if type(item) is not Wait)))
    assert given == b"".join(map(encode, [*replies, *pair[1].resume()]))
    for sql in ("COMMIT", "TABLE move", "TABLE account"):
        assert pair[0].run(sql) == pair[1].run(sql)
    for other in others:
        other.close()


def test_what_is_referred_to_stays_until_the_end_and_may_change_beside_its_key(pair):
    first = pair[0]
    other = Client(first.database, pid=2)
    for data in (series("begin"), series("add", b"1", b"1"), series("move", b"1", b"2", b"5")):
        assert served(first, data, ())[1]
    other.run("BEGIN")
    other.run("UPDATE account SET balance = 7 WHERE id = 2")
    assert not other.blocked
    assert served(first, series("move", b"2", b"2", b"6"), ())[0].endswith(b"\5T")
    other.send(messages.Query("DELETE FROM account WHERE id = 2"))
    assert other.blocked
    assert served(first, series("end"), ())[1]
    (error,) = [item for item in other.resume() if isinstance(item, messages.ErrorResponse)]
    assert error.fields.sqlstate == "23503"
    other.close()


@pytest.mark.parametrize("is_known", [False, True])
def test_the_table_that_is_referred_to_is_locked_first(pair, is_known):
    first = pair[0]
    other = Client(first.database, pid=2)
    for number in range(3 if is_known else 0):
        first.run(f"INSERT INTO move VALUES (1, 2, {number})")
    other.run("BEGIN")
    other.run("LOCK TABLE account IN ACCESS EXCLUSIVE MODE")
    first.run("INSERT INTO move VALUES (1, 2, 5)")
    assert first.blocked
    other.run("COMMIT")
    first.resume()
    first.run("BEGIN")
    first.run("INSERT INTO move VALUES (1, 2, 6)")
    other.run("LOCK TABLE account IN ACCESS EXCLUSIVE MODE NOWAIT")
    held = "SELECT mode FROM pg_locks WHERE relation = 'account'::regclass ORDER BY mode"
    assert other.rows(held) == [("RowShareLock",)]
    other.close()


def test_checks_that_an_error_has_left_are_not_for_the_next_statement(pair):
    first = pair[0]
    for values in ((b"9", b"8", b"1"), (b"1", b"2", b"2")):
        reply, taken = served(first, series("move", *values), ())
        assert taken
        assert (b"23503" in reply) == (values[0] == b"9")
    assert first.rows("TABLE move") == [("1", "2", "2")]


@pytest.mark.parametrize("beginning", [None, "begin", "begin_serializable"])
@pytest.mark.parametrize("way", IN_THE_WAY.values(), ids=IN_THE_WAY.keys())
def test_who_is_called_back_sends_the_same(pair, way, beginning):
    others = [Client(client.database, pid=2) for client in pair]
    for client, other in zip(pair, others, strict=True):
        if beginning:
            client.send(*asked(beginning))
            client.send(*asked("read", b"2"))
        other.run("BEGIN")
        other.run(way[0])
    session = pair[0].session
    steps = blocked(pair[0], series("add", b"1", b"5"))
    replies = pair[1].send(*asked("add", b"1", b"5"))
    completion = steps.wait()
    assert not completion.done
    assert session.wait_event == "transactionid"
    for other in others:
        other.run(way[1])
    assert completion.done
    given = steps.go_on()
    assert not session.wait_event
    if given is None:
        assert steps.wait() is None
        given = b"".join(map(encode, (item for item in steps if type(item) is not Wait)))
    else:
        assert beginning
    assert given == b"".join(map(encode, [*replies, *pair[1].resume()]))
    assert session.portals.keys() == pair[1].session.portals.keys()
    for sql in ("COMMIT", "TABLE account"):
        assert pair[0].run(sql) == pair[1].run(sql)
    for other in others:
        other.close()


def blocked(client, data):
    """What a series that has to wait leaves to be done."""
    assert native.serve(client.session, data) == (b"", len(data))
    steps, client.session.unfinished = client.session.unfinished, None
    assert isinstance(steps, Blocked)
    return steps


def in_line(database, count):
    """Clients in blocks who wait for the same row, with what they wait for, behind one who has it."""
    holder, *clients = (Client(database, pid=10 + number) for number in range(count + 1))
    for client in (holder, *clients):
        client.send(messages.Parse("add", STATEMENTS["add"], ()), messages.Sync())
        client.run("BEGIN")
        client.run(
            "INSERT INTO entry VALUES (NULL, 0)"
        )  # who has written nothing yet is in no line
    holder.run("UPDATE account SET balance = 0 WHERE id = 1")
    steps = [blocked(client, series("add", b"1", b"5")) for client in clients]
    return holder, clients, steps, [each.wait() for each in steps]


def test_of_those_who_want_a_row_one_after_the_other_is_told(pair):
    holder, clients, steps, waits = in_line(pair[0].database, 3)
    holder.run("COMMIT")
    for place, client in enumerate(clients):
        assert [wait.done for wait in waits] == [i <= place for i in range(3)]
        assert steps[place].go_on().endswith(b"T")
        client.run("COMMIT")
    assert pair[0].rows("SELECT balance FROM account WHERE id = 1") == [("15",)]
    for client in (holder, *clients):
        client.close()


@pytest.mark.parametrize("way", ["removed", "cancelled", "gone", "rolled back", "withdrawn"])
def test_who_does_not_take_the_row_passes_it_on(pair, way):
    holder, clients, steps, waits = in_line(pair[0].database, 3)
    if way == "removed":
        holder.run("UPDATE account SET id = 7 WHERE id = 1")
    if way == "withdrawn":  # before it is told
        steps[0].withdraw()
    holder.run("COMMIT")
    assert [wait.done for wait in waits[1:]] == [way == "withdrawn", False]
    if way == "removed":
        assert b"UPDATE 0" in steps[0].go_on()
    elif way == "cancelled":
        clients[0].session.cancel(QueryCanceled("canceling statement due to user request"))
        assert steps[0].go_on() is None
        assert steps[0].wait() is None
        assert any(b"57014" in encode(item) for item in steps[0])
    elif way == "gone":
        steps[0].withdraw()
        clients[0].close()
    elif way == "rolled back":
        assert steps[0].go_on().endswith(b"T")
        clients[0].run("ROLLBACK")
    assert waits[1].done
    assert not waits[2].done
    assert steps[1].go_on().endswith(b"T")
    clients[1].run("COMMIT")
    assert waits[2].done
    assert steps[2].go_on().endswith(b"T")
    for client in (holder, *clients):
        client.close()
    pair[0].rows("SELECT FROM account WHERE id = 1 FOR UPDATE")


def test_a_deadlock_of_those_who_are_called_back_is_found(pair):
    clients = [Client(pair[0].database, pid=number) for number in (10, 11)]
    for number, client in enumerate(clients, 1):
        client.send(messages.Parse("add", STATEMENTS["add"], ()), messages.Sync())
        client.run("BEGIN")
        client.run(f"UPDATE account SET balance = 0 WHERE id = {number}")
    first, second = (
        blocked(client, series("add", number, b"5"))
        for client, number in zip(clients, (b"2", b"1"), strict=True)
    )
    waits = first.wait(), second.wait()
    assert second.is_deadlocked()
    second.withdraw()
    (error,) = (encode(item) for item in second if b"40P01" in encode(item))
    assert b'while updating tuple (0,1) in relation "account"' in error
    assert waits[0].done
    assert not first.is_deadlocked()
    assert first.go_on().endswith(b"T")
    for client in clients:
        client.close()


def test_a_wait_can_be_called_off(pair):
    first = pair[0]
    other = Client(first.database, pid=2)
    other.run("BEGIN")
    other.run("UPDATE account SET balance = 1000 WHERE id = 1")
    steps = waiting(first, series("add", b"1", b"5"))
    first.session.cancel(QueryCanceled("canceling statement due to user request"))
    *_, error, ready = (encode(item) for item in steps)
    assert b"57014" in error
    assert ready.endswith(b"I")
    other.run("COMMIT")
    assert first.rows("SELECT balance FROM account WHERE id = 1") == [("1000",)]
    other.close()
