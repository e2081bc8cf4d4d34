"""Sockets: the connected sockets of clients, read and written by callbacks of the event loop.

They stand in for asyncio's transports, between which and a session there are too many steps for a short statement. A
`Client` is called as asyncio calls a protocol; whoever writes calls a Socket as a transport.

Rule 1: nothing here waits: a socket is read when there is something to read, once a turn; what it does not take is
        kept and sent when it has room.
Rule 2: above HIGH_BYTES of what is kept the client is told to pause, below LOW_BYTES to go on.
Rule 3: `connection_lost` is called once, from the loop and never from within another call.
Rule 4: a socket whose client does not want to hear is not read; if it is reset meanwhile, it is lost at once.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Callable

HIGH_BYTES = 64 * 1024
LOW_BYTES = 16 * 1024
READ_BYTES = 256 * 1024


class Client(Protocol):
    """Whoever a socket is read for."""

    at_rest: Any
    """The session that waits for the first byte of its next message, if it does."""

    def data_received(self, data: bytes) -> None:
        """Take what has come."""

    def go_on(self, data: bytes, taken: int) -> None:
        """Deal with what its session, which was at rest and has taken so much of this, has left to be done."""

    def failed(self, error: Exception) -> None:
        """End: something went wrong within a call."""

    def pause_writing(self) -> None:
        """Write no more for now."""

    def resume_writing(self) -> None:
        """Write on."""

    def connection_lost(self, exc: BaseException | None) -> None:
        """Take note that the socket is closed."""


class Linger(Protocol):
    """What is told that a client was answered."""

    def begin(self) -> None:
        """A client was answered."""


class Sockets:
    """All sockets of one loop; the compiled twin reads those that are ready in one callback."""

    def __init__(self, loop: asyncio.AbstractEventLoop, linger: Linger) -> None:
        self.loop = loop
        self.linger = linger
        self.count = 0

    def add(self, sock: socket.socket, client: Client) -> Socket:
        """Read a socket from now on; it does not block."""
        self.count += 1
        return Socket(self, sock, client)

    def watch(self, descriptor: int, function: Callable[[], None]) -> None:
        """Call back each time that a descriptor is readable."""
        self.loop.add_reader(descriptor, function)

    def unwatch(self, descriptor: int) -> None:
        """Call nobody back any more."""
        self.loop.remove_reader(descriptor)

    def call_soon(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call back before the loop waits again; the twin: before it sends replies. On the loop's thread."""
        self.loop.call_soon(function, *arguments)

    def close(self) -> None:
        """The loop ends; no socket is there any more."""


class Socket:
    """One client's socket, with the methods of an asyncio transport that a ClientConnection uses."""

    def __init__(self, owner: Sockets, sock: socket.socket, client: Client) -> None:
        self._owner = owner
        self._loop = owner.loop
        self._socket = sock
        self._client = client
        self._kept: deque[memoryview] = deque()
        self._kept_bytes = 0
        self._is_closing = False
        self._is_lost = False
        self._is_paused = False  # the client is told not to write
        self._loop.add_reader(sock, self._read)

    def get_extra_info(self, name: str) -> Any:
        """`socket` or `peername`."""
        return self._socket if name == "socket" else self._socket.getpeername()

    def is_closing(self) -> bool:
        """Whether no more is read or written."""
        return self._is_closing

    def write(self, data: bytes) -> None:
        """Send, at once if the socket takes it."""
        if self._is_closing or not data:
            return
        sent = 0
        if not self._kept:
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                pass
            except OSError as error:
                self._lose(error)
                return
            if sent == len(data):
                return
            self._loop.add_writer(self._socket, self._write_kept)
        self._kept.append(memoryview(data)[sent:])
        self._kept_bytes += len(data) - sent
        if self._kept_bytes > HIGH_BYTES and not self._is_paused:
            self._is_paused = True
            self._client.pause_writing()

    def _write_kept(self) -> None:
        try:
            while self._kept:
                sent = self._socket.send(self._kept[0])
                self._kept_bytes -= sent
                if sent < len(self._kept[0]):
                    self._kept[0] = self._kept[0][sent:]
                    break
                self._kept.popleft()
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        if not self._kept:
            self._loop.remove_writer(self._socket)
            if self._is_closing:
                self._lose(None)
                return
        if self._is_paused and self._kept_bytes <= LOW_BYTES:
            self._is_paused = False
            self._guarded(self._client.resume_writing)

    def pause_reading(self) -> None:
        """Read nothing for now."""
        if not self._is_closing:
            self._loop.remove_reader(self._socket)

    def resume_reading(self) -> None:
        """Read on."""
        if not self._is_closing:
            self._loop.add_reader(self._socket, self._read)

    def _read(self) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        if data:
            self._guarded(partial(self._client.data_received, data))
        else:
            self.close()

    def _guarded(self, call: Any) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - the client tells it and ends
            self._client.failed(error)

    def close(self) -> None:
        """Read no more, send what is kept, close."""
        if self._is_closing:
            return
        self._is_closing = True
        self._loop.remove_reader(self._socket)
        if not self._kept:
            self._lose(None)

    def abort(self) -> None:
        """Close at once."""
        self._lose(None)

    def detach(self) -> socket.socket:
        """Give the socket away."""
        self._leave()
        return self._socket

    def _leave(self) -> None:
        self._is_closing = self._is_lost = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._kept.clear()
        self._owner.count -= 1

    def _lose(self, error: OSError | None) -> None:
        if self._is_lost:
            return
        self._leave()
        self._socket.close()
        self._loop.call_soon(self._client.connection_lost, error)
