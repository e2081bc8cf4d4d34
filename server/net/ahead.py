"""What a connection has received ahead of the message that is due: series of statements, and COPY data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocol.messages import CopyData
from protocol.phases import Phase
from server.session.native import serve_pipeline

if TYPE_CHECKING:
    from protocol.connection import Connection
    from server.session.session import Session

COPY_BYTES_AT_ONCE = 256 * 1024
_BETWEEN = (Phase.READY, Phase.EXTENDED)  # where the next message begins something
_PIPELINED = b"PBS"  # the tags of messages that pipelines begin with


def serve_ahead(wire: Connection, session: Session | None) -> bytes | None:
    """The replies to statements that go ahead of their Sync, and to that, if they are next; None: they are not."""
    if session is None or wire.phase not in _BETWEEN or wire.encoding is not None:
        return None
    data, start = wire.ahead()
    if not data or data[start] not in _PIPELINED:
        return None
    reply, taken, is_within = serve_pipeline(session, data, start)
    if not taken:
        return None
    wire.skip(taken, Phase.EXTENDED if is_within else Phase.READY)
    return bytes(reply)


def more_copy_data(wire: Connection, message: Any) -> Any:
    """The message, joined with what has arrived of COPY data: clients may send a message a row."""
    if type(message) is not CopyData:
        return message
    more = wire.more_copy_data(COPY_BYTES_AT_ONCE - len(message.data))
    return CopyData(message.data + more) if more else message
