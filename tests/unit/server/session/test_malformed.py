"""A message with a wrong body is answered in the ways of its kind: nobody waits for what never comes."""

import pytest

from protocol import messages
from protocol.errors import ErrorFields

FIELDS = ErrorFields(severity="ERROR", sqlstate="22021", message="invalid byte sequence")


@pytest.fixture
def client(clients):
    return clients("one")


def kinds(replies):
    return [type(reply).__name__ for reply in replies]


def test_a_query_is_followed_by_ready_for_query(client):
    replies = client.send(messages.Malformed(FIELDS, messages.Query))
    assert kinds(replies) == ["ErrorResponse", "ReadyForQuery"]
    assert kinds(client.send(messages.Query("SELECT 1")))[-1] == "ReadyForQuery"


def test_a_part_of_a_series_ends_it_up_to_sync(client):
    replies = client.send(messages.Malformed(FIELDS, messages.Parse), messages.Flush())
    assert kinds(replies) == ["ErrorResponse"]
    assert kinds(client.send(messages.Sync())) == ["ReadyForQuery"]
