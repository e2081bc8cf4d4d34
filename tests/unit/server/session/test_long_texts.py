"""Long texts are parsed, planned and compiled on worker threads, and so is what takes long to plan."""

import pytest

from protocol import messages
from protocol.messages import Bind, Execute, Parse, Query, Sync
from server.errors import QueryCanceled
from server.session import execution
from server.workers import Workers
from tests.support.clock import ManualClock
from tests.support.conversation import Client, data_rows
from tests.support.engine import memory_database

LONG = f"select 1499 /* {'long' * 2000} */ + 1"


class CountedWorkers(Workers):
    """One thread that counts what it is given, and is done with it before anybody waits."""

    count = 0

    def submit(self, function):
        """Have a function run on the thread, and be there when it is done."""
        type(self).count += 1
        work = super().submit(function)
        work.wait()
        return work


def begun(clock):
    """A client of a database with a worker."""
    with memory_database(clock) as database:
        workers = database.workers
        database.workers = CountedWorkers(1)
        CountedWorkers.count = 0
        made = Client(database)
        yield made
        made.close()
        database.workers.close()
        database.workers = workers


@pytest.fixture
def client():
    yield from begun(ManualClock())


def test_by_workers(client):
    assert client.rows(LONG) == [("1500",)]
    assert CountedWorkers.count >= 3  # parsed, planned, compiled


def test_short_ones_stay(client):
    assert client.rows("select 1") == [("1",)]
    assert CountedWorkers.count == 0


def test_errors_come_back(client):
    assert client.error(LONG + " + nosuch")[0] == "42703"
    assert client.error(LONG + " +")[0] == "42601"
    assert client.rows("select 1") == [("1",)]


def test_what_was_prepared_is_run_without_them(client):
    client.send(Parse("s", LONG + " + $1", ()), Sync())
    series = Bind("", "s", parameters=(b"1",)), Execute(""), Sync()
    client.send(*series)
    before = CountedWorkers.count
    rows = [each for each in client.send(*series) if isinstance(each, messages.DataRows)]
    assert data_rows(rows[0].data) == [(b"1501",)]
    assert CountedWorkers.count == before


def test_a_request_to_cancel_is_heard_behind_the_plan(client):
    client.rows("select 1")
    submit = client.database.workers.submit

    def cancelled(function):
        client.session.cancel(QueryCanceled("canceling statement due to user request"))
        return submit(function)

    client.database.workers.submit = cancelled
    errors = [
        each.fields.sqlstate
        for each in client.send(Query(LONG))
        if isinstance(each, messages.ErrorResponse)
    ]
    assert errors == ["57014"]


class Hasty(ManualClock):
    """A clock on which 30 ms pass whenever somebody looks."""

    def monotonic_ns(self):
        self.advance_ms(30)
        return super().monotonic_ns()


@pytest.fixture
def hasty():
    yield from begun(Hasty())


VIEWS = 8


def doubled_views(client):
    """A short text that reads 2 ** VIEWS tables."""
    client.run("create table v0 (a int primary key)")
    for number in range(1, VIEWS):
        client.run(f"create view v{number} as select x.a from v{number - 1} x, v{number - 1} y")
    return f"select count(*) from v{VIEWS - 1}"


def test_what_takes_long_to_plan_goes_on_elsewhere(hasty):
    text = doubled_views(hasty)
    before = CountedWorkers.count
    assert hasty.rows(text) == [("0",)]
    assert CountedWorkers.count > before
    before = CountedWorkers.count
    assert hasty.rows("select 1") == [("1",)]
    assert CountedWorkers.count == before


def test_a_request_to_cancel_is_heard_while_planning(hasty):
    text = doubled_views(hasty)
    looks = 0
    check = hasty.session.check_cancelled

    def look():
        nonlocal looks
        looks += 1
        if looks == 30:
            hasty.session.cancel(QueryCanceled("canceling statement due to user request"))
        check()

    hasty.session.check_cancelled = look
    assert hasty.error(text)[0] == "57014"
    assert looks == 30


@pytest.mark.parametrize(
    "sql", ["SELECT 1 FROM wide NATURAL JOIN widest", "SELECT count(*) FROM parted"]
)
def test_large_plans_of_short_texts_are_run_by_them(client, monkeypatch, sql):
    columns = ",".join(f"c{number} int" for number in range(60))
    client.rows(f"CREATE TABLE wide ({columns})")
    client.rows(f"CREATE TABLE widest ({columns})")
    client.rows("CREATE TABLE parted (a int) PARTITION BY LIST (a)")
    for number in range(60):
        client.rows(f"CREATE TABLE part{number} PARTITION OF parted FOR VALUES IN ({number})")
    monkeypatch.setattr(execution, "LARGE_STEPS_MIN", 50)
    CountedWorkers.count = 0
    client.rows(sql)
    assert CountedWorkers.count >= 2  # compiled, run
