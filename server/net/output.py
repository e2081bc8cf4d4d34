"""Output: what a connection has for its client and has not written yet.

Rule 1: much of it is written at once; the rest when the client has to act on it, so that replies come together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocol.phases import Phase

if TYPE_CHECKING:
    import asyncio

    from protocol.connection import Connection
    from server.net.native import Socket

FLUSH_BYTES = 64 * 1024
MESSAGE_BYTES = 64
"""About what a message takes that is not rows."""
READY_HEAD = b"Z\0\0\0\5"
"""What a ReadyForQuery begins with; where it stands in a value by chance, replies leave early."""


class Output:
    """The side of one connection's wire that goes out; `transport` is where to."""

    __slots__ = ("_byte_count", "_wire", "must_flush", "transport")

    def __init__(self, wire: Connection) -> None:
        self._wire = wire
        self._byte_count = 0
        self.transport: Socket | asyncio.Transport | None = None
        self.must_flush = False  # the client asked for what there is, or is told something at once

    def send(self, message: Any) -> None:
        """Put a message behind the others."""
        self._wire.send(message)
        self._byte_count += MESSAGE_BYTES

    def send_framed(self, data: bytes) -> None:
        """The same with bytes of messages."""
        self._wire.send_framed(data)
        self._byte_count += len(data)
        if self._byte_count >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what there is."""
        data = self._wire.data_to_send()
        self._byte_count, self.must_flush = 0, False
        if data and self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def end_cycle(self) -> None:
        """A ReadyForQuery is among what there is: whatever the next series waits for, its client may go on."""
        self.must_flush |= self._byte_count > 0

    def flush_before_reply(self) -> None:
        """Write what stands before a reply that is to be written past the buffer."""
        if self._byte_count:
            self.flush()

    def flush_when_due(self) -> None:
        """Within a series of messages replies are kept up to Sync or Flush: clients count on their coming together."""
        if self.must_flush or self._wire.phase is not Phase.EXTENDED:
            self.flush()
