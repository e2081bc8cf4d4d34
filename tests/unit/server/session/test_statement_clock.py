"""statement_timeout limits each statement of a text by itself, and one that the text has set those behind it."""

import pytest

from protocol.messages import Query
from tests.support.clock import ManualClock
from tests.support.conversation import Client
from tests.support.engine import memory_database


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def sessions(clock):
    """One that holds locks on two tables, and one that wants them."""
    with memory_database(clock) as database:
        holder, waiter = Client(database), Client(database, pid=2)
        for name in ("first", "second"):
            holder.rows(f"CREATE TABLE {name} ()")
        holder.rows("BEGIN")
        holder.rows("LOCK TABLE first")
        yield holder, waiter
        waiter.close()
        holder.close()


def test_what_a_text_sets_holds_for_what_follows(sessions):
    _, waiter = sessions
    waiter.send(Query("SET statement_timeout = '1s'; SELECT FROM first"))
    assert waiter.blocked
    assert waiter.session.statement_time_left_ms() in (1000, 1001)


def test_each_statement_has_the_whole_time(sessions, clock):
    holder, waiter = sessions
    waiter.rows("SET statement_timeout = '1s'")
    waiter.send(Query("SELECT FROM first; SELECT FROM second"))
    clock.advance_ms(700)
    holder.rows("COMMIT")
    holder.rows("BEGIN")
    holder.rows("LOCK TABLE second")
    waiter.resume()
    assert waiter.blocked
    assert waiter.session.statement_time_left_ms() in (1000, 1001)


def test_what_a_text_takes_back_holds_nobody(sessions):
    _, waiter = sessions
    waiter.rows("SET statement_timeout = '1s'")
    waiter.send(Query("SET statement_timeout = 0; SELECT FROM first"))
    assert waiter.blocked
    assert waiter.session.statement_time_left_ms() is None
