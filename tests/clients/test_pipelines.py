"""Clients that send on without waiting for replies."""

import pytest

from tests.support.wire import Question, Wire


@pytest.mark.parametrize(
    "before", [["show work_mem"], ["select 1", "select sum(i) from generate_series(1, 9) i"]]
)
def test_a_reply_does_not_wait_for_the_next_series(server, before):
    """A client cancels what it knows to run: the statement whose predecessor was answered."""
    with server.connect(autocommit=True) as holder:
        wire = Wire(server.dsn)
        try:
            wire.socket.settimeout(10)
            texts = [*before, "select pg_advisory_xact_lock(55)"]
            questions = [Question(text, extended=True) for text in texts]
            wire.ask(questions)  # the second time they take less than a slice
            holder.execute("select pg_advisory_lock(55)")
            wire.begin(questions)
            while wire.unsent:
                wire.send()
            while len(wire.replies) < len(before):
                wire.receive()
            holder.execute("select pg_advisory_unlock(55)")
            while not wire.is_done:
                wire.receive()
        finally:
            wire.close()
    assert [reply.sqlstate for reply in wire.replies] == [""] * len(texts)
