"""A commit that waits for its flush: what is sent then, by either way of waiting."""

import pytest

from protocol.encode import encode
from server.executor.waits import Wait
from server.notifications import Notification
from server.session.unfinished import Flushing
from storage.waits import Completion, completed

READY = b"Z\x00\x00\x00\x05I"


def sent(steps):
    """The bytes that the steps give."""
    return b"".join(encode(item) for item in steps if type(item) is not Wait)


def test_is_answered_when_it_is_durable(client):
    flushing = Flushing(client.session, completed(), b"head", b"data")
    assert flushing.reply() == b"headdata" + READY == sent(flushing)


def test_waits_for_its_flush(client):
    completion = Completion()
    steps = iter(Flushing(client.session, completion, b"head", b"data"))
    assert type(next(steps)) is Wait
    assert client.session.wait_event == "WALSync"
    completion.complete()
    assert sent(steps) == b"headdata" + READY
    assert not client.session.wait_event


def test_an_error_is_told_by_the_steps(client):
    flushing = Flushing(client.session, completed(ValueError("unknown")), b"", b"data")
    assert flushing.reply() is None
    given = sent(flushing)
    assert b"data" not in given
    assert given.endswith(READY)


@pytest.mark.parametrize("what", ["notice", "setting", "notification"])
def test_what_else_is_to_be_told_comes_first(client, what):
    session = client.session
    flushing = Flushing(session, completed(), b"head", b"data")
    if what == "notice":
        session.warn("01000", "careful")
    elif what == "setting":
        session.settings.set("DateStyle", "German")
    else:
        session.mail.box.arrived.append(Notification(7, "here", "now"))
    assert flushing.reply() is None
    given = sent(flushing)
    assert given.startswith(b"head")
    assert given.endswith(READY)
    assert len(given) > len(b"headdata" + READY)
