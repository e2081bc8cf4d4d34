"""Prepared statements that call functions with bodies: the bytes that the ordinary flow would give, in one step."""

import os

import pytest

from protocol import messages
from protocol.encode import encode
from server.session import execution, trial
from tests.support.series import asked, clients_of_equals, query, series, served

pytestmark = pytest.mark.skipif(
    os.environ.get("RUSTYDB_NATIVE") == "0", reason="the original takes nothing"
)

SETUP = (
    "CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL, changed text)",
    "INSERT INTO t VALUES (1, 10, NULL), (2, 20, NULL)",
    "CREATE TABLE log (id serial PRIMARY KEY, old int, new int)",
    "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " INSERT INTO log (old, new) VALUES (OLD.v, NEW.v); RETURN NULL; END $$",
    "CREATE TRIGGER note AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note()",
    "CREATE FUNCTION half(x int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN"
    " IF x < 0 THEN RAISE EXCEPTION 'negative' USING HINT = 'think'; END IF;"
    " IF x % 2 = 1 THEN RAISE NOTICE 'odd %', x; END IF; RETURN x / 2; END $$",
    "CREATE FUNCTION told(x text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
    " PERFORM set_config('application_name', x, false); RETURN x; END $$",
    "CREATE FUNCTION many(x int) RETURNS SETOF int LANGUAGE plpgsql AS $$ BEGIN"
    " FOR i IN 1..x LOOP RETURN NEXT i; END LOOP; END $$",
    "CREATE FUNCTION add(k int) RETURNS int LANGUAGE plpgsql AS $$ DECLARE found int; BEGIN"
    " UPDATE t SET v = v + 1 WHERE id = k RETURNING v INTO found; RETURN found; END $$",
)
STATEMENTS = {
    "begin": "BEGIN",
    "read_only": "BEGIN READ ONLY",
    "end": "END",
    "rollback": "ROLLBACK",
    "half": "SELECT half($1)",
    "halves": "SELECT id, half(v + $1) FROM t ORDER BY id",
    "told": "SELECT told($1)",
    "many": "SELECT * FROM many($1)",
    "add": "SELECT add($1) AS v, 'x' AS x",
    "change": "UPDATE t SET v = v + $2 WHERE id = $1",
    "changed": "UPDATE t SET v = half(v) WHERE id = $1 RETURNING *",
    "log": "SELECT old, new FROM log ORDER BY id",
}
SCRIPTS = {
    "values": [("half", b"8"), ("half", b"9"), ("half", None), ("halves", b"0"), ("halves", b"1")],
    "errors": [("half", b"-1"), ("begin",), ("half", b"-1"), ("half", b"4"), ("end",)],
    "error behind a row": [("halves", b"-15")],
    "changes": [("add", b"1"), ("begin",), ("change", b"2", b"1"), ("add", b"2"), ("end",)],
    "rolled back": [("begin",), ("change", b"2", b"1"), ("add", b"2"), ("rollback",), ("log",)],
    "nobody": [("change", b"7", b"1"), ("change", b"1", None), ("changed", b"7"), ("add", b"7")],
    "returning": [("changed", b"1"), ("changed", b"2")],
    "rows": [("many", b"0"), ("many", b"3"), ("many", b"300")],
    "settings": [("told", b"a"), ("begin",), ("told", b"b"), ("half", b"3"), ("end",)],
    "settings undone": [("begin",), ("told", b"b"), ("rollback",), ("half", b"2")],
    "read only": [("read_only",), ("half", b"2"), ("change", b"1", b"1"), ("rollback",)],
    "read only body": [("read_only",), ("add", b"1"), ("rollback",)],
}
TEXTS = [
    *[f"SELECT half({number})" for number in (2, 4, 7, 8, -2, 10)],
    *[f"UPDATE t SET v = v + 1 WHERE id = {number}" for number in (1, 2, 1, 3)],
    *[f"UPDATE t SET v = v + 1 / {number} WHERE id = 9" for number in (1, 2, 0, 3)],
    *["BEGIN", "SELECT add(1) AS v", "SELECT add(2) AS v", "SELECT add(1) AS v", "ROLLBACK"],
    *[f"SELECT * FROM many({number})" for number in (1, 2, 3, 4)],
    "TABLE log",
]


@pytest.fixture
def pair():
    """Clients of two equal databases: one to be served from bytes, one the ordinary way."""
    with clients_of_equals(SETUP, STATEMENTS) as made:
        yield made


def same(pair, name, *values, describe=False):
    """Whether a statement was answered in one step, its replies being those of the ordinary flow."""
    given = asked(name, *values, describe=describe)
    reply, taken = served(pair[0], series(name, *values, describe=describe), given)
    assert reply == b"".join(map(encode, pair[1].send(*given))), name
    return taken


@pytest.mark.parametrize("describe", [False, True])
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_gives_the_bytes_of_the_ordinary_flow(pair, script, describe):
    took = [same(pair, name, *values, describe=describe) for name, *values in script]
    assert any(took)
    for sql in ("ROLLBACK", "TABLE t", "TABLE log"):
        assert pair[0].run(sql) == pair[1].run(sql)


def test_texts_give_the_replies_of_the_ordinary_flow(pair):
    took = 0
    for sql in TEXTS:
        given = [messages.Query(sql)]
        reply, taken = served(pair[0], query(sql), given)
        took += taken
        assert reply == b"".join(map(encode, pair[1].send(*given))), sql
    assert took >= 4


def test_what_has_to_wait_is_undone_and_runs_once_on_a_thread(pair, monkeypatch):
    started, trials, tried = [], [], trial.tried
    apart = execution.apart

    def counting(session, steps):
        started.append(steps)
        return apart(session, steps)

    def trying(*given):
        trials.append(given)
        return tried(*given)

    monkeypatch.setattr(execution, "apart", counting)
    monkeypatch.setattr("server.session.tried_lane.tried", trying)
    monkeypatch.setattr(execution, "tried", trying)
    left = [1]

    def check(self):
        if left[0]:
            left[0] -= 1
            raise trial.EndsTrial

    monkeypatch.setattr(trial.Trial, "check", check)
    client = pair[0]
    reply, taken = served(client, series("add", b"1"), asked("add", b"1"))
    assert not taken
    assert b"11" in reply
    assert len(trials) == len(started) == 1
    assert client.rows("SELECT old, new FROM log") == [("10", "11")]
