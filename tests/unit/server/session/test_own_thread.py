"""A statement on a thread of its own: who sees what becomes of it."""

import time
from types import SimpleNamespace

import pytest

from server.errors import DivisionByZero
from server.session.own_thread import OwnThread
from server.statement_threads import Threads


def failing_steps():
    time.sleep(0.02)
    raise DivisionByZero("division by zero")
    yield


def test_a_failure_is_raised_where_the_items_are_read_and_not_where_the_turn_is_waited_for():
    session = SimpleNamespace(own_thread=None)
    items = OwnThread(failing_steps(), Threads(), deferring=True).items(session)
    wait = next(items)
    wait.completion.wait()
    with pytest.raises(DivisionByZero):
        next(items)
    assert session.own_thread is None
