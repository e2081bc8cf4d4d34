"""ClientConnection drives the generators of a session."""

from types import SimpleNamespace

import pytest

from protocol.encodings import encoding_named
from protocol.errors import ErrorFields
from protocol.messages import NoticeResponse
from protocol.phases import Phase
from server.errors import UntranslatableCharacter
from server.net import connection


@pytest.fixture
def turns():
    """What the loop was asked to call soon."""
    return []


@pytest.fixture
def made(turns):
    """A connection of a client that has yet to log in."""
    loop = SimpleNamespace(call_soon=lambda function, *given: turns.append(function))
    listener = SimpleNamespace(database=None, loop=loop, deadlock_watch=None)
    return connection.ClientConnection(listener, 1)


def test_a_session_whose_last_statement_took_long_is_at_rest_at_once(monkeypatch, made, turns):
    """Its client's next message need not go the long way through what the loop has yet to call."""
    monkeypatch.setattr(connection, "SLICE_NS", -1)
    made.wire.phase = Phase.READY
    made.session = SimpleNamespace(ending=None)
    made._steps = (nothing for nothing in ())
    made.advance(None)
    assert made.at_rest is made.session
    assert turns == []


@pytest.mark.parametrize("slice_ns", [-1, 10**12], ids=["it is the others' turn", "it goes on"])
def test_what_the_client_cannot_have_fails_the_statement(monkeypatch, made, turns, slice_ns):
    monkeypatch.setattr(connection, "SLICE_NS", slice_ns)
    made.wire.encoding = encoding_named("latin1")
    steps = []

    def run():
        try:
            yield NoticeResponse(ErrorFields(severity="NOTICE", sqlstate="00000", message="5 €"))
            steps.append("went on")
        except UntranslatableCharacter:
            steps.append("failed")

    made._steps = run()
    made.advance(None)
    while turns:
        turns.pop()()
    assert steps == ["failed"]
