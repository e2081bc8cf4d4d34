"""One INSERT with row after row of parameters: what is done at once is what the statements would do one by one."""

import os

import pytest

from protocol import messages
from protocol.encode import encode
from server.executor.waits import Wait
from server.session import native, row_runs
from server.session.native import pipeline as pipelines
from tests.support.conversation import Client
from tests.support.series import clients_of_equals, pipeline
from tests.unit.server.session.test_pipeline import ordinary, served, taken_at_once

pytestmark = pytest.mark.skipif(
    os.environ.get("RUSTYDB_NATIVE") == "0", reason="the original takes nothing"
)

SETUP = (
    """CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO heard VALUES (NEW.id); RETURN NEW; END $$""",
    "CREATE TABLE heard (id int)",
    "CREATE TABLE plain (id int PRIMARY KEY, amount numeric(6, 2), word varchar(7))",
    "CREATE TABLE heap (id int, word text)",
    "CREATE TABLE numbered (number serial, id int UNIQUE, at timestamptz DEFAULT now())",
    "CREATE TABLE checked (id int CHECK (id <> 40), word text NOT NULL)",
    "CREATE TABLE made (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED)",
    "CREATE TABLE child (id int REFERENCES plain)",
    "CREATE TABLE node (id int PRIMARY KEY, parent int REFERENCES node)",
    "CREATE TABLE late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)",
    "CREATE TABLE loud (id int)",
    "CREATE TRIGGER t AFTER INSERT ON loud FOR EACH ROW EXECUTE FUNCTION shout()",
    "CREATE TABLE once (id int)",
    "CREATE TRIGGER t BEFORE INSERT ON once FOR EACH ROW EXECUTE FUNCTION shout()",
    "CREATE TABLE parts (id int) PARTITION BY RANGE (id)",
    "CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (40)",
    "CREATE TABLE high PARTITION OF parts FOR VALUES FROM (40) TO (400)",
    "CREATE TABLE sums (id int PRIMARY KEY, total int)",
    "CREATE TABLE folded (word text)",
    "CREATE UNIQUE INDEX ON folded (lower(word))",
    "CREATE TABLE partly (id int, word text)",
    "CREATE UNIQUE INDEX ON partly (id) WHERE word IS NULL",
    "CREATE DOMAIN small AS int CHECK (VALUE < 50)",
    "CREATE TABLE of_domain (id small)",
)
STATEMENTS = {
    "plain": "INSERT INTO plain VALUES ($1, $2, $3)",
    "heap": "INSERT INTO heap VALUES ($1, upper($2))",
    "numbered": "INSERT INTO numbered (id) VALUES ($1)",
    "checked": "INSERT INTO checked VALUES ($1, $2)",
    "made": "INSERT INTO made VALUES ($1)",
    "child": "INSERT INTO child VALUES ($1)",
    "late": "INSERT INTO late VALUES ($1)",
    "loud": "INSERT INTO loud VALUES ($1)",
    "once": "INSERT INTO once VALUES ($1)",
    "parts": "INSERT INTO parts VALUES ($1)",
    "sums": "INSERT INTO sums VALUES ($1, 1000 / ($1 - 70))",
    "counted": "INSERT INTO sums VALUES ($1, (SELECT count(*) FROM sums))",
    "returned": "INSERT INTO heap VALUES ($1) RETURNING id",
    "node": "INSERT INTO node VALUES ($1, $1 + 1)",
    "add": """INSERT INTO plain VALUES ($1, 1) ON CONFLICT (id)
    DO UPDATE SET amount = plain.amount + excluded.amount""",
    "few": "INSERT INTO plain VALUES ($1, 1) ON CONFLICT (id) DO UPDATE SET amount = 9 WHERE plain.id < 20",
    "upsert": "INSERT INTO plain VALUES ($1) ON CONFLICT DO NOTHING",
    "folded": "INSERT INTO folded VALUES ($1)",
    "partly": "INSERT INTO partly VALUES ($1, $2)",
    "of_domain": "INSERT INTO of_domain VALUES ($1)",
    "begin": "BEGIN",
    "commit": "COMMIT",
}
TABLES = ["heard", "plain", "heap", "checked", "made", "child", "late", "loud", "once", "parts"]
TABLES += ["node", "sums", "folded", "partly", "of_domain"]
COUNT = 100


def text(number):
    return str(number).encode()


def rows(name, *rest, numbers=range(COUNT)):
    """Steps that insert rows with these numbers."""
    return [(name, text(number), *rest) for number in numbers]


def plain(numbers):
    return rows("plain", b"1.005", b"word", numbers=numbers)


SCRIPTS = {
    "plain": [*plain(range(COUNT)), None],
    "heap": [*rows("heap", "é".encode()), None],
    "nulls": [*rows("heap", None), *rows("heap", b"x"), None],
    "two runs": [*plain(range(50)), *rows("heap", b"a"), *plain(range(50, 100)), None],
    "two transactions": [*plain(range(50)), None, *plain(range(50, 90)), None],
    "defaults": [*rows("numbered"), None, *rows("numbered", numbers=range(200, 250)), None],
    "duplicate": [*plain([*range(60), 30, 99]), None, *plain(range(40)), None],
    "duplicate of before": [*plain(range(40, 50)), None, *plain(range(COUNT)), None],
    "in a block": [("begin",), *plain(range(COUNT)), ("commit",), None],
    "duplicate in a block": [("begin",), None, *plain([*range(60), 30]), None, ("commit",), None],
    "no number": [*plain(range(60)), ("plain", b"x", b"1", b"1"), *plain(range(60, 99)), None],
    "too long": [
        *plain(range(60)),
        ("plain", b"61", b"1", b"12345678"),
        *plain(range(70, 99)),
        None,
    ],
    "too great": [*plain(range(60)), ("plain", b"61", b"12345", b""), *plain(range(70, 99)), None],
    "check": [*rows("checked", b"w"), None],
    "not null": [*rows("checked", b"w", numbers=range(35)), ("checked", b"1", None), None],
    "generated": [*rows("made"), None],
    "foreign key": [*plain(range(40)), None, *rows("child"), None],
    "no foreign key": [*plain(range(40)), None, *rows("child", numbers=range(20, 60)), None],
    "few foreign keys": [*plain(range(9)), None, *rows("child", numbers=range(3)), None],
    "its own key": [*rows("node", numbers=range(50, 0, -1)), None],
    "no check": [*rows("checked", b"w", numbers=range(39)), None],
    "added": [*plain(range(0, 60, 2)), None, *rows("add", numbers=range(40)), None],
    "added twice": [*plain(range(9)), *rows("add", numbers=[*range(20), 3]), None],
    "some updated": [*plain(range(9)), *rows("few", numbers=range(30)), *rows("few"), None],
    "deferred": [*rows("late"), ("late", b"5"), None],
    "after trigger": [*rows("loud"), None],
    "before trigger": [*rows("once"), None],
    "partitions": [*rows("parts"), None],
    "division by zero": [*rows("sums"), None],
    "subquery": [*rows("counted"), None],
    "returning": [*rows("returned"), None],
    "conflict": [*rows("upsert"), *rows("upsert"), None],
    "expression": [*rows("folded"), ("folded", b"A"), ("folded", b"a"), None],
    "partial": [*rows("partly", b"w"), *rows("partly", b"w"), *rows("partly", None), None],
    "partial duplicate": [*rows("partly", None), *rows("partly", None), None],
    "domain": [*rows("of_domain"), None],
}
AT_ONCE = ["few foreign keys", "no check", "generated", "partial", "deferred"]
AT_ONCE += ["plain", "heap", "nulls", "two runs", "two transactions", "defaults", "in a block"]


@pytest.fixture
def pair():
    """Clients of two equal databases: one to be served from bytes, one the ordinary way."""
    with clients_of_equals(SETUP, STATEMENTS) as made:
        for client in made:
            assert client.session.prepared.keys() == STATEMENTS.keys()
        yield made


@pytest.fixture
def runs(monkeypatch):
    """How many rows were given to a run, and whether it was done."""
    found = []

    def noted(session, prepared, run, given):
        found.append((len(given), row_runs.insert_rows(session, prepared, run, given)))
        return found[-1][1]

    monkeypatch.setattr(pipelines, "insert_rows", noted)
    return found


@pytest.mark.parametrize("describe", [False, True])
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_gives_the_bytes_and_the_rows_of_the_ordinary_flow(pair, script, describe):
    data = pipeline(*script, describe=describe)
    reply, _ = served(pair[0], data)
    assert reply == ordinary(pair[1], data)
    sessions = [client.session for client in pair]
    assert sessions[0].portals.keys() == sessions[1].portals.keys()
    assert sessions[0].transaction.state is sessions[1].transaction.state
    assert sessions[0].activity.query == sessions[1].activity.query
    for sql in ("ROLLBACK", *(f"TABLE {name}" for name in TABLES)):
        assert pair[0].run(sql) == pair[1].run(sql)
    for sql in ("SELECT number, id FROM numbered", "SELECT last_value FROM numbered_number_seq"):
        assert pair[0].run(sql) == pair[1].run(sql)


@pytest.mark.parametrize("name", AT_ONCE)
def test_rows_are_inserted_together(pair, runs, name):
    served(pair[0], pipeline(*SCRIPTS[name]))
    assert runs
    assert all(is_done for _, is_done in runs)


def test_what_fails_is_tried_together_once(pair, runs):
    served(pair[0], pipeline(*SCRIPTS["duplicate of before"]))
    assert runs == [(COUNT, False)]


def test_what_may_sleep_goes_one_by_one(pair, runs):
    sql = "INSERT INTO heap VALUES ($1, pg_sleep(0) || 'a')"
    pair[0].send(messages.Parse("sleep", sql, ()), messages.Sync())
    served(pair[0], pipeline(*rows("sleep"), None))
    assert not runs
    assert pair[0].rows("SELECT count(*) FROM heap") == [(str(COUNT),)]


def test_a_pipeline_gives_others_their_turn(pair):
    data = b"".join(
        pipeline(("heap", text(number), b"x"), ("checked", text(number), b"x"))
        for number in range(50, 3000)
    )
    _, taken, is_within = native.serve_pipeline(pair[0].session, data, 0)
    assert 0 < taken < len(data)
    assert is_within


def test_few_rows_go_one_by_one(pair, runs):
    served(pair[0], pipeline(*plain(range(20)), None))
    assert not runs


def test_a_value_that_a_sequence_gave_in_vain_is_used(pair, runs):
    served(pair[0], pipeline(*rows("numbered", numbers=[*range(50), 7]), None))
    assert runs == [(51, False)]
    served(pair[0], pipeline(*rows("numbered", numbers=range(100, 150)), None))
    assert pair[0].rows("SELECT min(number), max(number) FROM numbered") == [("52", "101")]


@pytest.mark.parametrize(
    "sets",
    [
        "SELECT setval('numbered_number_seq', 500)",
        "ALTER SEQUENCE numbered_number_seq RESTART WITH 501",
        "TRUNCATE numbered RESTART IDENTITY; SELECT setval('numbered_number_seq', 500)",
    ],
)
@pytest.mark.parametrize("by_another", [False, True])
def test_values_given_in_vain_are_none_of_a_sequence_that_was_set(pair, runs, sets, by_another):
    served(pair[0], pipeline(*rows("numbered", numbers=[*range(10), 7, *range(10, 60)]), None))
    assert runs == [(61, False)]
    other = Client(pair[0].database, pid=2) if by_another else pair[0]
    other.rows(sets)
    assert pair[0].rows("SELECT nextval('numbered_number_seq')") == [("501",)]


def test_a_row_in_the_way_is_waited_for(pair):
    data = pipeline(*plain(range(COUNT)), None)
    other = Client(pair[0].database, pid=2)
    other.run("BEGIN")
    other.run("INSERT INTO plain VALUES (50)")
    reply, taken, _ = taken_at_once(pair[0], data)
    assert 0 < taken < len(data)
    assert other.rows("SELECT count(*) FROM plain") == [("1",)]
    other.run("ROLLBACK")
    rest, _ = served(pair[0], data[taken:])
    assert reply + rest == ordinary(pair[1], data)
    other.close()


def test_a_cancel_request_is_left_to_the_statement_it_comes_to(pair, monkeypatch):
    client = pair[0]
    error = client.session.database  # anything: the run only looks whether something is there

    def cancelled_meanwhile(session, prepared, run, given):
        session.cancelled = error
        done = row_runs.insert_rows(session, prepared, run, given)
        assert session.cancelled is error
        session.cancelled = None
        return done

    monkeypatch.setattr(pipelines, "insert_rows", cancelled_meanwhile)
    data = pipeline(*rows("heap", b"x"), None)
    reply, _ = served(client, data)
    assert reply == ordinary(pair[1], data)


def test_replies_are_those_of_each_row(pair):
    data = pipeline(*rows("heap", b"x", numbers=range(40)), None)
    reply, taken, is_within = taken_at_once(pair[0], data)
    steps, pair[0].session.unfinished = pair[0].session.unfinished, None
    reply += b"" if steps is None else b"".join(encode(s) for s in steps if type(s) is not Wait)
    one = encode(messages.BindComplete()) + encode(messages.CommandComplete("INSERT 0 1"))
    assert reply == one * 40 + encode(messages.ReadyForQuery("I"))
    assert (taken, is_within) == (len(data), False)
