"""Listener: accepts sockets within limits, knows who is connected, hands on cancel requests, drains at shutdown."""

from __future__ import annotations

import asyncio
import hmac
import itertools
import logging
import os
import ssl
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from server.errors import AdminShutdown, QueryCanceled, TooManyConnections
from server.net.connection import ClientConnection
from server.net.deadlock_watch import DeadlockWatch
from server.net.linger import Linger
from server.net.listening import Doors
from server.net.native import Sockets

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

    from protocol.messages import CancelRequest
    from server.database import Database
    from server.session.session import Session

_LOG = logging.getLogger(__name__)

KEY_MODE_REFUSED = stat.S_IRWXG | stat.S_IRWXO


class Listener:
    """The server's sockets and its clients."""

    def __init__(self, database: Database, loop: asyncio.AbstractEventLoop) -> None:
        self.database = database
        self.loop = loop
        self.thread_ident = threading.get_ident()  # of the loop
        self.linger = Linger(loop, lambda: database.workers.is_busy)
        self.sockets = Sockets(loop, self.linger)
        self.deadlock_watch = DeadlockWatch(loop)
        self.tls_context = make_tls_context(database)
        self.connections: set[ClientConnection] = set()
        self._doors = Doors(loop, self._connect)
        self._pids = itertools.count(os.getpid() % 30000 + 1)
        self._drained = asyncio.Event()
        self.is_closing = False
        self.socket_path: Path | None = None

    def start(self, listening: Iterable[socket.socket], path: Path | None) -> None:
        """Begin to accept; path: of the one that has one."""
        for each in listening:
            self._doors.open(each)
        self.socket_path = path

    def next_pid(self) -> int:
        """A number for a new session."""
        return next(self._pids)

    def _connect(self, sock: socket.socket) -> None:
        connection = ClientConnection(self, self.next_pid())
        if not self.is_closing:  # else nobody waits for it to go
            self.connections.add(connection)
        connection.connection_made(self.sockets.add(sock, connection))

    def admit(self, role_is_superuser: bool) -> None:
        """Raise TooManyConnections when the places for such a role are taken."""
        settings = self.database.settings
        limit = settings.integer("max_connections")
        if len(self.database.sessions) >= limit:
            raise TooManyConnections("sorry, too many clients already")
        reserved = settings.integer("superuser_reserved_connections")
        if not role_is_superuser and len(self.database.sessions) >= limit - reserved:
            raise TooManyConnections(
                "remaining connection slots are reserved for non-replication superuser connections"
            )

    def opened(self, session: Session) -> None:
        """A client has logged in."""
        self.admit(bool(session.settings["is_superuser"]))
        self.database.sessions[session.pid] = session
        self.database.activities[session.database_oid].opened(session.pid, session.activity)

    def closed(self, connection: ClientConnection, session: Session | None) -> None:
        """A connection has come to its end."""
        self.connections.discard(connection)
        if session is not None:
            self.database.depart(session.pid)
            activity = self.database.activities[session.database_oid]
            activity.closed(session.pid, session.clock.now_us())
        if self.is_closing and not self.connections:
            self._drained.set()

    def cancel(self, request: CancelRequest) -> None:
        """A cancel request: it needs the session's secret, and is never answered."""
        session = self.database.sessions.get(request.pid)
        if session is None:
            return
        expected = session.identity.secret.to_bytes(4, "big")
        if hmac.compare_digest(expected, (request.secret & 0xFFFFFFFF).to_bytes(4, "big")):
            session.cancel(QueryCanceled("canceling statement due to user request"))

    async def drain(self, *, fast: bool) -> None:
        """Let nobody in any more and wait for the clients to go; fast: send them away.

        Who knocks meanwhile is told, and cancel requests are heard.
        """
        self.is_closing = True
        if fast:
            self.send_away()
        if not self.connections:
            self._drained.set()
        await self._drained.wait()
        self._doors.close()
        if self.socket_path is not None:
            self.socket_path.unlink(missing_ok=True)
        self.sockets.close()

    def send_away(self) -> None:
        """End every session: fast shutdown."""
        message = "terminating connection due to administrator command"
        for connection in list(self.connections):
            if connection.session is None:
                connection.finish()
            else:
                connection.session.cancel(AdminShutdown(message))


def make_tls_context(database: Database) -> ssl.SSLContext | None:
    """The TLS context of ssl_cert_file and ssl_key_file, None when ssl is off."""
    settings = database.settings
    if not settings["ssl"]:
        return None
    folder = Path(settings.text("data_directory") or ".")
    certificate, key = (
        folder / settings.text("ssl_cert_file"),
        folder / settings.text("ssl_key_file"),
    )
    mode = key.stat().st_mode
    if mode & KEY_MODE_REFUSED and key.stat().st_uid == os.geteuid():
        raise PermissionError(f'private key file "{key}" has group or world access')
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    authorities = settings.text("ssl_ca_file")
    if authorities:
        context.load_verify_locations(folder / authorities)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context
