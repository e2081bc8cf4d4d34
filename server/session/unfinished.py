"""What a series of messages leaves to be done after its step: errors, notices, waiting for a flush.

Whoever took the series from the wire runs these as `session.unfinished`. They yield what `Session.handle` does.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from protocol.messages import Framed
from server.executor.waits import Wait
from server.session.block import State
from server.session.state import FlushWait

if TYPE_CHECKING:
    from server.session.session import Session

Steps = Generator[Any, Any, None]

READY = {status: b"Z\x00\x00\x00\x05" + status.encode() for status in "ITE"}


def finish(session: Session, head: bytes, data: bytes) -> Steps:
    """Send what is done, commit what is implicit, say that the next may come.

    The client is told of settings behind the statement that has changed them.
    """
    if session.notices:
        yield Framed(head)
        yield from session.take_notices()
        head = b""
    if session.settings.changed:
        yield Framed(head + data)
        yield from session.changed_settings()
        head = data = b""
    if session.transaction.state is not State.IDLE:
        yield Framed(head + data)
        yield from session.end_cycle()
        return
    session.close_portals()
    if session.mail.box.arrived:
        yield Framed(head + data)
        yield from session.mail.deliver()
        head = data = b""
    yield Framed(head + data + ready(session))


def fail(session: Session, head: bytes, error: Exception, synced: bool = True) -> Steps:
    """Tell an error, which ends the transaction or fails the block; if not synced, all up to Sync is passed over."""
    if head:
        yield Framed(head)
    yield from session.failed(error)
    if synced:
        yield from session.end_cycle()
    else:
        session.skipping = True


def tell(session: Session, head: bytes, data: bytes) -> Steps:
    """Send what is done by a statement after which others come before Sync, with its notices."""
    yield Framed(head)
    yield from session.take_notices()
    yield Framed(data)


def attempt(
    session: Session, head: bytes, steps: Steps, synced: bool = True
) -> Generator[Any, Any, bool]:
    """Do what is left of a statement; whether that went well: if not, the client is told."""
    try:
        yield from session.driven(steps)
    except Exception as error:  # noqa: BLE001 - the boundary: it becomes a reply
        yield from fail(session, head, error, synced)
        return False
    return True


def commit(session: Session, head: bytes, data: bytes) -> Steps:
    """Commit with all that goes before it, then `finish`."""
    steps = session.transaction.commit(synchronous=session.synchronous_commit)
    if (yield from attempt(session, head, steps)):
        yield from finish(session, head, data)


class Flushing(FlushWait):
    """A commit whose record is written and waits for its flush, which is never called off; then `finish`.

    To iterate over it is to do all that. Whoever can wait for `completion` in another way asks for the `reply` then.
    """

    __slots__ = ()

    def __iter__(self) -> Steps:
        session, completion = self.session, self.completion
        session.wait_event = "WALSync"
        try:
            while not completion.done:
                yield Wait(completion, None, "WALSync")
        finally:
            session.wait_event = ""
        if completion.error is None:
            yield from finish(session, self.head, self.data)
        elif isinstance(completion.error, Exception):
            yield from fail(session, self.head, completion.error)
        else:
            raise completion.error


def ready(session: Session) -> bytes:
    """ReadyForQuery."""
    session.stop_clock()
    session.show_ready()
    return READY[session.transaction.status]
