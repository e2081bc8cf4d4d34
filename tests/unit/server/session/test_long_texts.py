"""Long texts are parsed, planned and compiled on worker threads: parsing and planning never look at the clock."""

import pytest

from protocol import messages
from protocol.messages import Bind, Execute, Parse, Query, Sync
from server.errors import QueryCanceled
from server.workers import Workers
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


@pytest.fixture
def client():
    with memory_database() as database:
        workers = database.workers
        database.workers = CountedWorkers(1)
        CountedWorkers.count = 0
        made = Client(database)
        yield made
        made.close()
        database.workers.close()
        database.workers = workers


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
