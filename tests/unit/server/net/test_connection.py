"""ClientConnection drives the generators of a session."""

from types import SimpleNamespace

import pytest

from protocol.encodings import encoding_named
from protocol.errors import ErrorFields
from protocol.messages import NoticeResponse
from server.errors import UntranslatableCharacter
from server.net import connection


@pytest.mark.parametrize("slice_ns", [-1, 10**12], ids=["it is the others' turn", "it goes on"])
def test_what_the_client_cannot_have_fails_the_statement(monkeypatch, slice_ns):
    monkeypatch.setattr(connection, "SLICE_NS", slice_ns)
    turns = []
    loop = SimpleNamespace(call_soon=lambda function, *given: turns.append(function))
    made = connection.ClientConnection(SimpleNamespace(database=None, loop=loop), 1)
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
