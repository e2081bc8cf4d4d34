"""Listening: the sockets that clients connect to.

Rule 1: whoever accepts gets sockets that do not block.
Rule 2: with no descriptor left for another client, those who knock wait; the ones who are in are served on.
"""

from __future__ import annotations

import errno
import logging
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from server.descriptors import has_room_for_clients

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from server.config import ServerSettings

_LOG = logging.getLogger(__name__)

BACKLOG = 512
ACCEPTED_MAX = 32  # at a time, then the clients that are in have their turn
RETRY_SECONDS = 1.0
_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


def all_sockets(settings: ServerSettings) -> tuple[list[socket.socket], Path | None]:
    """The sockets that the settings ask for, listening, and where the one is that has a path."""
    port = settings.integer("port")
    hosts = [part.strip() for part in settings.text("listen_addresses").split(",")]
    made = [
        each for host in hosts if host for each in tcp_sockets(None if host == "*" else host, port)
    ]
    path = None
    for part in settings.text("unix_socket_directories").split(","):
        folder = Path(part.strip())
        if not part.strip():
            continue
        if not folder.is_dir():
            _LOG.warning("unix_socket_directories: %s is not there", folder)
            continue
        path = folder / f".s.PGSQL.{port}"
        path.unlink(missing_ok=True)
        made.append(unix_socket(path))
        path.chmod(settings.integer("unix_socket_permissions"))
    return made, path


def tcp_sockets(host: str | None, port: int) -> list[socket.socket]:
    """Sockets listening on all addresses of a host, or on all of the machine."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    made: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            made.append(_tcp_socket(family, kind, protocol))
            made[-1].bind(address)
            _listen(made[-1])
    except OSError as error:
        for item in made:
            item.close()
        raise OSError(
            error.errno, f"could not listen on {host or '*'}, port {port}: {error.strerror}"
        ) from None
    return made


def _tcp_socket(family: int, kind: int, protocol: int) -> socket.socket:
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 has a socket of its own
    return made


def unix_socket(path: Path) -> socket.socket:
    """A socket listening at a path where nothing is."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(str(path))
        _listen(made)
    except OSError:
        made.close()
        raise
    return made


def _listen(made: socket.socket) -> None:
    made.listen(BACKLOG)
    made.setblocking(False)


class Doors:
    """Accepts clients on sockets that listen, until it is closed."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, accepted: Callable[[socket.socket], None]
    ) -> None:
        self._loop = loop
        self._accepted = accepted
        self._sockets: list[socket.socket] = []

    def open(self, listening: socket.socket) -> None:
        """Accept who connects to a socket."""
        self._sockets.append(listening)
        self._loop.add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTED_MAX):
            if not has_room_for_clients():
                self._wait_for_room(listening, "descriptors are kept for those who are in")
                return
            try:
                client, _address = listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._wait_for_room(listening, str(error))
                return
            client.setblocking(False)
            self._accepted(client)

    def _wait_for_room(self, listening: socket.socket, why: str) -> None:
        _LOG.warning("could not accept a connection: %s", why)
        self._loop.remove_reader(listening)
        self._loop.call_later(RETRY_SECONDS, self._accept_again, listening)

    def _accept_again(self, listening: socket.socket) -> None:
        if listening in self._sockets:
            self._loop.add_reader(listening, self._accept, listening)

    def close(self) -> None:
        """Accept nobody any more."""
        for item in self._sockets:
            self._loop.remove_reader(item)
            item.close()
        self._sockets.clear()
