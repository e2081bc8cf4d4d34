"""A COPY that is cancelled says at which line it was."""

from collections import deque

import pytest

from protocol.messages import CopyData, CopyDone, CopyFail, ErrorResponse, Query
from server.errors import QueryCanceled
from tests.support.conversation import Client
from tests.support.engine import memory_database


@pytest.fixture
def client():
    with memory_database() as database:
        client = Client(database)
        client.send(Query("create table t (a int primary key)"))
        yield client
        client.close()


def context_of(replies):
    (fields,) = [reply.fields for reply in replies if isinstance(reply, ErrorResponse)]
    assert fields.sqlstate == "57014"
    return fields.where


class Cancelling(deque):
    """Data before the last piece of which the statement is cancelled."""

    def __init__(self, session, pieces):
        super().__init__(pieces)
        self._session = session

    def popleft(self):
        if len(self) == 1:
            self._session.cancel(QueryCanceled("canceling statement due to user request"))
        return super().popleft()


def test_cancelled(client):
    pieces = [CopyData(b"1\n2\n"), CopyData(b"3\n"), CopyDone()]
    client.copy_data = Cancelling(client.session, pieces)
    assert context_of(client.send(Query("copy t from stdin"))) == "COPY t, line 3"


def test_ended_by_the_client(client):
    client.copy_data.extend([CopyData(b"1\n2\n"), CopyFail("enough")])
    assert context_of(client.send(Query("copy t from stdin"))) == "COPY t, line 3"
