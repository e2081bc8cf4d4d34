"""What a statement that failed has left half done is closed at once, not when the garbage collector comes by."""

import gc
from contextlib import suppress

from server.errors import DeadlockDetected
from server.executor.waits import Wait
from storage.waits import Completion
from tests.support.conversation import Client
from tests.support.engine import memory_database


def test_steps_are_closed_with_the_error(monkeypatch):
    closed = []

    def inner():
        try:
            yield Wait(Completion(), None, "transactionid")
        finally:
            closed.append("closed")

    def outer():
        steps = inner()
        yield next(steps)  # no `yield from`: an error does not reach the inner one

    def deadlock(session, wait):
        raise DeadlockDetected("deadlock detected")
        yield

    monkeypatch.setattr("server.session.session.satisfy", deadlock)
    gc.disable()
    try:
        with memory_database() as database:
            client = Client(database)
            with suppress(DeadlockDetected):
                list(client.session.driven(outer()))
            assert closed == ["closed"]
            client.close()
    finally:
        gc.enable()
