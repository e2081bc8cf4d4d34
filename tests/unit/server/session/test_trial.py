"""Trials: statements whose functions may have to wait run at once; what ends a trial is undone and begun again."""

from types import SimpleNamespace

import pytest

from protocol import messages
from server.session import execution, trial


@pytest.fixture
def threads(monkeypatch):
    """How often a statement was given a thread of its own."""
    started = []
    apart = execution.apart

    def counting(session, steps):
        started.append(steps)
        return apart(session, steps)

    monkeypatch.setattr(execution, "apart", counting)
    return started


@pytest.fixture
def table(client):
    client.run("CREATE TABLE t (id serial PRIMARY KEY, v int)")
    client.run("CREATE TABLE log (id serial PRIMARY KEY, old int, new int)")
    client.run(
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO log (old, new) VALUES (OLD.v, NEW.v); RETURN NULL; END $$"
    )
    client.run("INSERT INTO t (v) VALUES (1), (2)")
    client.run("CREATE TRIGGER note AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note()")
    return client


def payloads(client, sql):
    """What the client is told beside the reply to a statement."""
    told = client.send(messages.Query(sql))
    return [item.payload for item in told if isinstance(item, messages.NotificationResponse)]


def ends(monkeypatch, count):
    """Have the next trials end when their time is looked at."""
    left = [count]

    def check(self):
        if left[0]:
            left[0] -= 1
            raise trial.EndsTrial

    monkeypatch.setattr(trial.Trial, "check", check)


def test_a_trigger_that_need_not_wait_has_no_thread(table, threads):
    table.run("UPDATE t SET v = v + 1")
    assert table.rows("SELECT old, new FROM log ORDER BY id") == [("1", "2"), ("2", "3")]
    assert not threads


def test_what_is_undone_has_left_nothing(table, threads, monkeypatch):
    ends(monkeypatch, 1)
    table.run("UPDATE t SET v = v + 1")
    assert len(threads) == 1
    assert table.rows("SELECT id, old, new FROM log ORDER BY id") == [
        ("1", "1", "2"),
        ("2", "2", "3"),
    ]
    assert table.rows("SELECT v FROM t ORDER BY id") == [("2",), ("3",)]


def test_within_a_block_the_rest_of_it_stays(table, threads, monkeypatch):
    table.run("BEGIN")
    table.run("UPDATE t SET v = 10 WHERE id = 1")
    ends(monkeypatch, 1)
    table.run("UPDATE t SET v = 20 WHERE id = 2")
    table.run("COMMIT")
    assert len(threads) == 1
    assert table.rows("SELECT old, new FROM log ORDER BY id") == [("1", "10"), ("2", "20")]


def test_effects_that_stay_happen_once(client, threads):
    client.run(
        "CREATE FUNCTION add() RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM pg_advisory_lock(7);"
        " RETURN set_config('my.count', (current_setting('my.count')::int + 1)::text, false);"
        " END $$"
    )
    client.run("SET my.count = 0")
    assert client.rows("SELECT add()") == [("1",)]
    assert len(threads) == 1
    assert client.rows("SELECT pg_advisory_unlock(7), pg_advisory_unlock(7)") == [("t", "f")]


CAREFUL = """
CREATE TABLE kept (word text PRIMARY KEY);
CREATE FUNCTION careful(last text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text := 'not';
BEGIN
    RAISE NOTICE 'here';
    BEGIN
        INSERT INTO kept VALUES ('first');
        BEGIN
            INSERT INTO kept VALUES ('lost');
            PERFORM 1 / 0;
        EXCEPTION WHEN division_by_zero THEN
            INSERT INTO kept VALUES ('second');
        END;
        INSERT INTO kept VALUES ('first');
    EXCEPTION WHEN unique_violation THEN
        found := 'handled';
    END;
    BEGIN
        INSERT INTO kept VALUES ('third');
    EXCEPTION WHEN unique_violation THEN
        found := 'twice';
    END;
    BEGIN
        EXECUTE last;
    EXCEPTION WHEN others THEN
        found := found || ', ' || SQLSTATE;
    END;
    RETURN found;
END $$
"""


@pytest.mark.parametrize(
    ("last", "found", "count"),
    [
        ("SELECT 1", "handled", 0),
        ("SELECT 1 / 0", "handled, 22012", 0),
        ("SET LOCAL work_mem = '2MB'", "handled", 1),
        ("CREATE TABLE made ()", "handled", 1),
        ("CREATE TABLE kept ()", "handled, 42P07", 1),
    ],
)
@pytest.mark.parametrize("in_block", [True, False])
def test_blocks_that_handle_errors(client, threads, last, found, count, in_block):
    """They are tried; what they have done and undone is undone once more where the trial ends."""
    client.run(CAREFUL)
    if in_block:
        client.run("BEGIN")
        client.run("CREATE TABLE before ()")
        client.run("SAVEPOINT s")
    said = client.run(f"SELECT careful($${last}$$)")
    assert str(said).count("here") == 1
    assert f"DataRow {found}" in said
    assert len(threads) == count
    assert client.rows("SELECT * FROM kept") == [("third",)]
    if in_block:
        client.run("ROLLBACK TO s")
        assert client.rows("SELECT * FROM kept") == []
        assert client.rows("SELECT to_regclass('made'), to_regclass('before')") == [
            (None, "before")
        ]
        client.run("SELECT careful('SELECT 1')")
        client.run("COMMIT")
        assert client.rows("SELECT to_regclass('before')") == [("before",)]
    assert client.rows("SELECT * FROM kept") == [("third",)]


def test_statements_whose_trials_end_are_not_tried_any_more(client, threads, monkeypatch):
    client.run("CREATE FUNCTION one() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$")
    tried = []
    made = trial.Trial.__init__
    monkeypatch.setattr(
        trial.Trial, "__init__", lambda self, s: (tried.append(1), made(self, s))[1]
    )
    ends(monkeypatch, 100)
    for _ in range(9):
        assert client.rows("SELECT one() FROM generate_series(1, 1)") == [("1",)]
    assert len(threads) == 9
    assert len(tried) < 9


def test_what_looks_rarely_may_take_somewhat_longer():
    clock = SimpleNamespace(now=0, monotonic_ns=lambda: clock.now)
    tried = trial.Trial(SimpleNamespace(clock=clock))
    clock.now = trial.TRIAL_NS_MAX + 1
    tried.check()
    clock.now += trial.LATE_NS_MAX
    with pytest.raises(trial.EndsTrial):
        tried.check()
    often = trial.Trial(SimpleNamespace(clock=clock))
    for _ in range(trial.LOOKS_MIN):
        often.check()
    clock.now += trial.TRIAL_NS_MAX + 1
    with pytest.raises(trial.EndsTrial):
        often.check()


def test_a_lock_that_is_free_and_a_notification_need_no_thread(table, threads):
    assert table.rows("SELECT pg_advisory_xact_lock(7), pg_try_advisory_xact_lock(8)") == [
        ("", "t")
    ]
    table.run("LISTEN news")
    table.run(
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM pg_notify('news', NEW.v::text); RETURN NULL; END $$"
    )
    table.run("CREATE TRIGGER shout AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION shout()")
    assert payloads(table, "UPDATE t SET v = v + 1") == ["2", "3"]
    assert not threads


def test_what_a_trial_notified_that_ended_is_told_once(table, threads, monkeypatch):
    table.run("LISTEN news")
    table.run(
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM pg_notify('news', NEW.v::text); PERFORM pg_sleep(0); RETURN NULL; END $$"
    )
    table.run("CREATE TRIGGER shout AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION shout()")
    assert payloads(table, "UPDATE t SET v = v + 1") == ["2", "3"]
    assert len(threads) == 1
