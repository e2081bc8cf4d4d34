"""LISTEN and NOTIFY between sessions driven by hand, and to an idle client over a socket."""

import psycopg
import pytest

from protocol.messages import NotificationResponse, Query
from tests.support.conversation import Client
from tests.support.engine import memory_database


@pytest.fixture
def pair():
    with memory_database() as database:
        listener, speaker = Client(database), Client(database)
        yield listener, speaker
        listener.close()
        speaker.close()


def heard(client):
    """What a client is told with its next statement."""
    replies = client.send(Query("select 1"))
    return [(r.channel, r.payload) for r in replies if isinstance(r, NotificationResponse)]


def test_told_at_commit_and_in_order(pair):
    listener, speaker = pair
    listener.send(Query("listen news"))
    speaker.send(
        Query("begin; notify news, 'one'; select pg_notify('news', 'two'); notify news, 'one'")
    )
    assert heard(listener) == []
    speaker.send(Query("commit"))
    assert heard(listener) == [("news", "one"), ("news", "two")]
    assert heard(listener) == []


def test_what_waits_to_be_told_takes_room(pair):
    listener, speaker = pair
    usage = "select pg_notification_queue_usage() > 0"
    listener.send(Query("listen news"))
    listener.send(Query("begin"))
    assert speaker.rows(usage) == [("f",)]
    speaker.send(Query("notify news, 'one'"))
    assert speaker.rows(usage) == [("t",)]
    listener.send(Query("commit"))
    assert speaker.rows(usage) == [("f",)]


def test_a_rollback_says_nothing(pair):
    listener, speaker = pair
    listener.send(Query("listen news"))
    speaker.send(
        Query("begin; notify news, 'a'; savepoint s; notify news, 'b'; rollback to s; commit")
    )
    speaker.send(Query("begin; notify news, 'c'; rollback"))
    assert heard(listener) == [("news", "a")]


def test_who_listens_hears_what_he_has_said_before(pair):
    listener, _ = pair
    replies = listener.send(Query("begin; notify news, 'a'; listen news; commit"))
    replies += listener.send(Query("begin; savepoint s; listen other; rollback to s; commit"))
    replies += listener.send(Query("notify other, 'b'"))
    told = [(r.channel, r.payload) for r in replies if isinstance(r, NotificationResponse)]
    assert told == [("news", "a")]


def test_listening_follows_the_transaction(pair):
    listener, speaker = pair
    listener.send(Query("begin; listen news; rollback"))
    speaker.send(Query("notify news"))
    assert heard(listener) == []
    listener.send(Query("listen news; listen other; unlisten news"))
    speaker.send(Query("notify news; notify other, 'x'"))
    assert heard(listener) == [("other", "x")]
    listener.send(Query("unlisten *"))
    speaker.send(Query("notify other"))
    assert heard(listener) == []


def test_nothing_is_told_inside_a_block(pair):
    listener, speaker = pair
    listener.send(Query("listen news"))
    listener.send(Query("begin"))
    speaker.send(Query("notify news"))
    assert heard(listener) == []
    replies = listener.send(Query("commit"))
    assert [r.channel for r in replies if isinstance(r, NotificationResponse)] == ["news"]


def test_who_speaks_hears_himself_before_ready(pair):
    _, speaker = pair
    speaker.send(Query("listen own"))
    replies = speaker.send(Query("notify own, 'me'"))
    assert [type(r).__name__ for r in replies] == [
        "CommandComplete",
        "NotificationResponse",
        "ReadyForQuery",
    ]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("pg_notify('', 'x')", "channel name cannot be empty"),
        ("pg_notify(repeat('x', 64), 'x')", "channel name too long"),
        ("pg_notify('x', repeat('x', 8000))", "payload string too long"),
    ],
)
def test_limits(pair, call, message):
    replies = pair[0].send(Query(f"select {call}"))
    errors = [r.fields for r in replies if type(r).__name__ == "ErrorResponse"]
    assert [(e.sqlstate, e.message) for e in errors] == [("22023", message)]


def test_an_idle_client_is_told_at_once(server):
    with (
        psycopg.connect(server.dsn, autocommit=True) as listener,
        psycopg.connect(server.dsn, autocommit=True) as speaker,
    ):
        listener.execute("listen news")
        speaker.execute("select pg_notify('news', 'now')")
        (note,) = listener.notifies(timeout=5, stop_after=1)
        assert (note.channel, note.payload, note.pid) == ("news", "now", speaker.info.backend_pid)
