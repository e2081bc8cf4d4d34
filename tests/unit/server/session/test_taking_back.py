"""A large transaction that is rolled back is left to workers, who do it in portions that nobody sees."""

from collections import deque
from types import SimpleNamespace

import pytest

from protocol.messages import DataRows, Query, ReadyForQuery
from server.errors import QueryCanceled
from server.session import taking_back
from server.workers import Work
from storage.errors import Corruption
from storage.table import Table
from storage.taking_back import ROWS_AT_ONCE
from tests.support.conversation import Client
from tests.support.engine import memory_database

ROWS = 12 * ROWS_AT_ONCE
LOOK = f"select count(*), sum(a), sum(b), min(c), max(c), sum((a > {ROWS})::int) from t"
CHANGES = {
    "inserted": f"insert into t select i, i, 'd' from generate_series({ROWS + 1}, {2 * ROWS}) i",
    "updated": "update t set b = b + 1",
    "moved": f"update t set a = a + {ROWS}",
    "deleted": "delete from t",
}


@pytest.fixture
def database():
    with memory_database() as database:
        yield database


@pytest.fixture
def client(database):
    client = Client(database)
    client.send(Query("create table t (a int primary key, b int, c text)"))
    client.send(Query(f"insert into t select i, i, 'c' from generate_series(1, {ROWS}) i"))
    yield client
    client.close()


@pytest.fixture
def line(monkeypatch):
    """What is left to workers stands in line until the test has it done."""
    waiting = deque()
    monkeypatch.setattr(taking_back, "has_workers", lambda database: True)
    monkeypatch.setattr(taking_back.Left, "line_up", lambda left: waiting.append(left))
    return waiting


def work_off(line):
    turns = 0
    while line:
        line.popleft().go_on()
        turns += 1
    return turns


def rows(client, sql):
    return [reply for reply in client.send(Query(sql)) if isinstance(reply, DataRows)]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_by_portions(client, database, line, change):
    before = rows(client, LOOK)
    client.send(Query("begin"))
    client.send(Query(change))
    storage = client.session.transaction.running.storage
    client.send(Query("rollback"))
    assert database.taken_back
    assert not storage.ended
    line.popleft().go_on()
    assert rows(client, LOOK) == before
    assert work_off(line) > 0
    assert storage.ended
    assert not database.taken_back
    assert rows(client, LOOK) == before
    assert database.engine.check() == []
    client.send(Query(change))
    assert rows(client, LOOK) != before


def test_who_wants_a_key_waits(client, database, line):
    client.send(Query("begin"))
    client.send(Query(CHANGES["inserted"]))
    client.send(Query("rollback"))
    client.send(Query(f"insert into t values ({ROWS + 1}, 0, 'e')"))
    assert client.blocked
    work_off(line)
    client.resume()
    assert not client.blocked
    assert len(rows(client, f"select from t where a = {ROWS + 1} and c = 'e'")) == 1


def test_a_database_is_not_dropped_meanwhile(database, line):
    client = Client(database)
    client.send(Query("create database d"))
    inside = Client(database, pid=2, home="d")
    inside.send(Query("create table t (a int primary key, b int, c text)"))
    inside.send(Query("begin"))
    inside.send(Query(CHANGES["inserted"]))
    inside.close()
    client.send(Query("drop database d"))
    assert client.blocked
    work_off(line)
    client.resume()
    assert not client.blocked
    assert database.engine.check() == []
    client.close()


class Waiting:
    """Workers whose work stands in line until the test has it done."""

    has_threads = False  # for plans

    def __init__(self):
        self.line = deque()

    def submit(self, function):
        work = Work(function)
        self.line.append(work)
        return work

    def close(self):
        assert not self.line


@pytest.fixture
def waiting(database, monkeypatch):
    monkeypatch.setattr(taking_back, "has_workers", lambda database: True)
    made = database.workers = Waiting()
    return made


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_back_to_a_savepoint_by_portions(client, database, waiting, change):
    client.send(Query("begin; insert into t values (-1, -1, '')"))
    before = rows(client, LOOK)
    client.send(Query("savepoint s"))
    client.send(Query(change))
    client.send(Query("rollback to s"))
    turns = 0
    while client.blocked:
        waiting.line.popleft().run()
        client.resume()
        turns += 1
    assert turns > 0
    assert rows(client, LOOK) == before
    client.send(Query(change))
    assert rows(client, LOOK) != before
    client.send(Query("rollback to s"))
    while client.blocked:
        waiting.line.popleft().run()
        client.resume()
    client.send(Query("commit"))
    assert rows(client, LOOK) == before
    assert database.engine.check() == []


def test_a_statement_that_fails_behind_a_savepoint_by_portions(client, database, waiting):
    client.send(Query("begin; savepoint s"))
    before = rows(client, LOOK)
    client.send(
        Query(f"insert into t select {2 * ROWS} - i, 0, 'x' from generate_series(1, {ROWS}) i")
    )
    assert client.blocked
    while client.blocked:
        waiting.line.popleft().run()
        client.resume()
    client.send(Query("rollback to s"))
    assert rows(client, LOOK) == before
    client.send(Query("commit"))
    assert database.engine.check() == []


def test_a_client_that_goes_meanwhile(client, database, waiting):
    before = rows(client, LOOK)
    client.send(Query("begin; savepoint s"))
    client.send(Query(CHANGES["inserted"]))
    client.send(Query("rollback to s"))
    assert client.blocked
    client.session.cancel(QueryCanceled("canceling statement due to user request"))
    assert client.blocked, "nobody can cancel that"
    late = waiting.line.popleft()
    client.close()
    other = Client(database, pid=2)
    while waiting.line:
        waiting.line.popleft().run()
    other.send(Query("begin; insert into t values (-1, -1, '')"))
    late.run()
    other.send(Query("commit; delete from t where a = -1"))
    assert rows(other, LOOK) == before
    assert database.engine.check() == []


@pytest.fixture
def damage(monkeypatch, caplog):
    """Set `pages` to how many steps back find their pages before one is damaged; the log has to tell of that."""
    undo, left = Table.undo, SimpleNamespace(pages=None)

    def undone(table, *step):
        if left.pages is not None:
            left.pages -= 1
            if left.pages < 0:
                left.pages = None
                raise Corruption("pages", 7, "wrong checksum")
        undo(table, *step)

    monkeypatch.setattr(Table, "undo", undone)
    yield left
    assert left.pages is None
    assert any("wrong checksum" in each.getMessage() for each in caplog.get_records("call"))


def seen_by_another(database):
    """What another client sees, who can change rows: nothing of the transaction is left, nor a lock of it."""
    other = Client(database, pid=2)
    found = rows(other, LOOK)
    other.send(Query("begin; update t set c = c || 'd' where a % 100 = 0"))
    assert not other.blocked
    other.close()
    assert not database.taken_back
    assert not database.engine.log.active
    return found


@pytest.mark.parametrize("pages", [0, 3, 8])
@pytest.mark.parametrize("change", ["inserted", "updated"])
def test_a_page_that_cannot_be_read(client, database, line, damage, change, pages):
    before = rows(client, LOOK)
    client.send(Query("begin"))
    client.send(Query(CHANGES[change]))
    damage.pages = pages
    replies = client.send(Query("rollback"))
    assert replies[-1] == ReadyForQuery("I")
    work_off(line)
    assert seen_by_another(database) == before
    assert rows(client, LOOK) == before


@pytest.mark.parametrize("pages", [0, 1, 4])
@pytest.mark.parametrize("ends", ["rollback to s", "select 1 / 0"])
def test_a_page_that_cannot_be_read_behind_a_savepoint(
    client, database, waiting, damage, ends, pages
):
    before = rows(client, LOOK)
    client.send(Query("begin; insert into t values (-1, -1, ''); savepoint s"))
    client.send(Query(CHANGES["inserted"]))
    damage.pages = pages
    replies = client.send(Query(ends))
    while client.blocked:
        waiting.line.popleft().run()
        replies += client.resume()
    assert replies[-1] == ReadyForQuery("E"), "the whole block is void"
    assert seen_by_another(database) == before
    client.send(Query("rollback"))
    assert rows(client, LOOK) == before
