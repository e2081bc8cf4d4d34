"""What drives the steps of a statement: replies out, waits answered, errors in."""

import pytest

from protocol.messages import EmptyQueryResponse
from server.errors import QueryCanceled
from server.executor.waits import Wait
from storage.errors import Corruption
from storage.waits import Completion
from tests.support.conversation import Client
from tests.support.engine import memory_database


@pytest.fixture
def session():
    with memory_database() as database:
        client = Client(database)
        yield client.session
        client.close()


def test_an_error_at_a_reply_ends_the_steps_at_once(session):
    seen = []

    def steps():
        try:
            yield EmptyQueryResponse()
        finally:
            seen.append("ended")

    driven = session.driven(steps())
    next(driven)
    with pytest.raises(QueryCanceled) as kept:  # which holds every frame it came through
        driven.throw(QueryCanceled("by whoever drives"))
    assert seen == ["ended"]
    assert kept.value.sqlstate == "57014"


@pytest.mark.parametrize("error", [QueryCanceled("cancelled"), Corruption("pages", 7, "wrong")])
def test_the_steps_are_told_what_their_wait_has_come_to(session, error):
    seen = []

    def steps():
        try:
            yield Wait(waited_for, what="Execute")
        except Exception as failure:
            seen.append(failure)

    waited_for = Completion()
    driven = session.driven(steps())
    next(driven)
    waited_for.complete(error)
    with pytest.raises(StopIteration):
        driven.send(True)
    assert seen == [error]
