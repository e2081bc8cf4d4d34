"""What a series of messages leaves to be done after its step: errors, notices, waiting for a flush.

Whoever took the series from the wire runs these as `session.unfinished`. They yield what `Session.handle` does.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from protocol.messages import Framed
from server.executor.waits import Wait
from server.session.block import State

if TYPE_CHECKING:
    from server.session.session import Session
    from storage.waits import Completion

Steps = Generator[Any, Any, None]

READY = {status: b"Z\x00\x00\x00\x05" + status.encode() for status in "ITE"}


def finish(session: Session, head: bytes, data: bytes) -> Steps:
    """Send what is done, commit what is implicit, say that the next may come."""
    if session.notices or session.settings.changed:
        yield Framed(head)
        yield from session.take_notices()
        yield from session.changed_settings()
        head = b""
    if session.transaction.state is not State.IDLE:
        yield Framed(head + data)
        yield from session.end_cycle()
        return
    session.close_portals()
    yield Framed(head + data + ready(session))


def fail(session: Session, head: bytes, error: Exception) -> Steps:
    """Tell an error, which ends the transaction or fails the block."""
    if head:
        yield Framed(head)
    yield from session.failed(error)
    yield from session.end_cycle()


def commit(session: Session, head: bytes, data: bytes) -> Steps:
    """Commit with all that goes before it, then `finish`."""
    try:
        steps = session.transaction.commit(synchronous=session.synchronous_commit)
        yield from session.driven(steps)
    except GeneratorExit:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary: it becomes a reply
        yield from fail(session, head, error)
        return
    yield from finish(session, head, data)


def flushed(session: Session, completion: Completion, head: bytes, data: bytes) -> Steps:
    """Wait for a commit whose record is written, which is never called off; then `finish`."""
    session.wait_event = "WALSync"
    try:
        while not completion.done:
            yield Wait(completion, None, "WALSync")
    finally:
        session.wait_event = ""
    if completion.error is None:
        yield from finish(session, head, data)
    elif isinstance(completion.error, Exception):
        yield from fail(session, head, completion.error)
    else:
        raise completion.error


def ready(session: Session) -> bytes:
    """ReadyForQuery."""
    session.stop_clock()
    session.show_ready()
    return READY[session.transaction.status]
