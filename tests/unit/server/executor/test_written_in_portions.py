"""Many rows are written in portions: a cancel is heard between them, and nothing else can be told."""

import numpy as np
import pytest

from protocol.messages import ErrorResponse, Query
from server.errors import QueryCanceled
from server.executor import modify
from server.vector.batch import Batch
from server.vector.rows import column_of
from tests.support.conversation import Client
from tests.support.engine import memory_database


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setattr(modify, "WRITTEN_AT_ONCE", 100)
    with memory_database() as database:
        client = Client(database)
        yield client
        client.close()


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, [0]), (99, [99]), (100, [100]), (250, [100, 100, 50])]
)
def test_portions(count, sizes):
    batch = Batch((column_of(list(range(count)), np.dtype(np.int64)),), count)
    parts = list(modify.portions(batch, lambda _left: 100))
    assert [part.count for part in parts] == sizes
    assert [value for part in parts for value in part.columns[0].values] == list(range(count))


def test_rows(client):
    client.run("create table t (a int primary key, b serial, c text)")
    insert = "insert into t (a, c) select g, 'row ' || g from generate_series(1, 450) g"
    found = client.rows(
        f"with made as ({insert} returning a, b) select count(*), sum(a), sum(b) from made"
    )
    assert found == [("450", "101475", "101475")]
    client.run(f"{insert} on conflict (a) do update set c = excluded.c || t.b")
    assert client.rows("select count(*), min(c), max(c) from t") == [
        ("450", "row 100100", "row 9999")
    ]
    client.run("create table copied as select * from t")
    assert client.rows("select count(*), sum(a) from copied") == [("450", "101475")]


def test_cancel_is_heard(client, monkeypatch):
    client.run("create table t (a int)")
    written = []
    real = modify.TableWriter.insert

    def insert(self, batch):
        written.append(batch.count)
        self.context.cancelled = cancelled
        return real(self, batch)

    def cancelled():
        if len(written) == 2:
            raise QueryCanceled("canceling statement due to user request")

    monkeypatch.setattr(modify.TableWriter, "insert", insert)
    replies = client.send(Query("insert into t select generate_series(1, 450)"))
    (fields,) = [reply.fields for reply in replies if isinstance(reply, ErrorResponse)]
    assert fields.sqlstate == "57014"
    assert written == [100, 100]
