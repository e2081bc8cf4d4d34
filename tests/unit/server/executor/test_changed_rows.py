"""The rows of RETURNING go out when the change is done, and it is done whoever fetches them."""

import pytest

from protocol.messages import (
    Bind,
    CommandComplete,
    DataRows,
    ErrorResponse,
    Execute,
    Parse,
    PortalSuspended,
    Query,
    ReadyForQuery,
    Sync,
)
from tests.support.conversation import Client, data_rows
from tests.support.engine import memory_database

ROWS = 20_000
INSERT = f"insert into child select 1 from generate_series(1, {ROWS}) returning parent"
CHANGES = {
    "one": ("insert into child values (1) returning parent", 1),
    "many": (INSERT, ROWS),
    "with": (f"with made as ({INSERT}) select * from made", ROWS),
}


@pytest.fixture
def client():
    with memory_database() as database:
        client = Client(database)
        client.run("create table parent (id int primary key); insert into parent values (1)")
        client.run("create table child (parent int references parent)")
        yield client
        client.close()


@pytest.mark.parametrize(
    "change",
    [
        "insert into child values (1), (2) returning parent",
        "with made as (insert into child values (1), (2) returning parent) select * from made",
        "insert into child select 1 / (3 - i) from generate_series(1, 5) i returning parent",
        f"insert into child select 1 + i / {ROWS} from generate_series(1, {ROWS}) i returning parent",
    ],
)
def test_a_change_that_fails_gives_none(client, change):
    replies = client.send(Query(change))
    assert list(map(type, replies)) == [ErrorResponse, ReadyForQuery]


def fetched(client, change, most):
    """What an Execute for so many rows gives."""
    sync = Sync()
    execute = Execute("", most)
    bind = Bind("", "", (), (), ())
    replies = client.send(Parse("", change, ()), bind, execute, sync)
    rows = sum(len(data_rows(each.data)) for each in replies if isinstance(each, DataRows))
    return rows, type(replies[-2])


@pytest.mark.parametrize(("change", "count"), CHANGES.values(), ids=CHANGES)
def test_rows_that_nobody_fetches_are_changed(client, change, count):
    assert fetched(client, change, 1) == (1, PortalSuspended)
    assert client.rows("select count(*) from child") == [(str(count),)]


@pytest.mark.parametrize(("change", "count"), CHANGES.values(), ids=CHANGES)
def test_all_rows(client, change, count):
    assert fetched(client, change, 0) == (count, CommandComplete)
    client.run("set work_mem = '64kB'")  # they do not fit into it
    assert fetched(client, change, 0) == (count, CommandComplete)
    assert client.session.temporary_files.used_bytes == 0
