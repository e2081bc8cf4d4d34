"""Statements about tables of which a crash has cut off the change of every row: the rows are there all the same."""

import random

import pytest

from protocol.messages import Query
from server.config import ServerSettings
from server.database import Database, initialise
from storage.engine import Engine
from tests.crash.disk import CrashingFiles, Faults
from tests.support.clock import ManualClock
from tests.support.conversation import Client
from tests.support.engine import SETTINGS, SMALL


def served(engine):
    return Database(
        engine,
        ServerSettings(SETTINGS),
        clock=ManualClock(),
        source=random.Random(1),
        mock_secret=b"s",
    )


@pytest.fixture
def client():
    """A session after a crash that has cut off the deletion of the two rows of a table."""
    files = CrashingFiles(Faults(random.Random(1)))
    engine = Engine.create(files, SMALL, store_id=9)
    initialise(engine)
    database = served(engine)
    client, other = Client(database, pid=1), Client(database, pid=2)
    client.rows("create table t (id int, n int); insert into t values (1, 5), (2, null)")
    other.send(Query("begin; delete from t"))
    client.rows("create table u (id int)")  # its commit makes durable what went before
    files.lose_power()
    database = served(Engine.open(files, SMALL))
    yield Client(database, pid=1)
    database.close()


def test_a_new_column_has_its_default(client):
    client.rows("alter table t add m text default 'x'")
    assert client.rows("select id, m from t order by id") == [("1", "x"), ("2", "x")]


def test_a_new_index_has_the_rows(client):
    client.rows("create index on t (id)")
    client.rows("set enable_seqscan = off")
    assert client.rows("select n from t where id = 1") == [("5",)]


@pytest.mark.parametrize(
    ("change", "sqlstate"),
    [
        ("alter table t add check (n is not null)", "23514"),
        ("alter table t alter n set not null", "23502"),
        ("alter table t add unique nulls not distinct (n); insert into t values (3, 5)", "23505"),
        ("alter table t add primary key (n)", "23502"),
        (
            "create table r (n int primary key); alter table t add foreign key (id) references r",
            "23503",
        ),
        ("insert into t values (1); alter table t add exclude (id with =)", "23P01"),
    ],
)
def test_a_new_constraint_is_asked_of_the_rows(client, change, sqlstate):
    replies = client.send(Query(change))
    assert sqlstate in [reply.fields.sqlstate for reply in replies if hasattr(reply, "fields")]
