"""Porter: tells who knocks while the server recovers that it is starting up, instead of letting nobody answer.

It has a thread of its own, as recovery has the main one. Clients who come when it has gone, or soon after it has come,
wait at the same sockets and are let in: most recoveries are over before a client who was sent away would try again.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from typing import TYPE_CHECKING

from protocol.encode import encode
from protocol.messages import ErrorResponse
from server.errors import CannotConnectNow
from server.session.results import error_fields

if TYPE_CHECKING:
    from collections.abc import Sequence

GRACE_SECONDS = 0.25
"""So long nobody is sent away."""
PATIENCE_SECONDS = 1.0
"""So long one client may take to say what it wants, while others wait."""
ENCRYPTION_REQUESTS = frozenset((80877103, 80877104))
HEAD = struct.Struct("!ii")


class Porter:
    """Answers at sockets that listen until it is told to go."""

    def __init__(self, listening: Sequence[socket.socket]) -> None:
        self._listening = listening
        self._bell, self._woken_by = socket.socketpair()
        self._thread = threading.Thread(target=self._answer, name="porter", daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """Let somebody else accept."""
        self._woken_by.close()
        self._thread.join()
        self._bell.close()

    def _answer(self) -> None:
        if select.select((self._bell,), (), (), GRACE_SECONDS)[0]:
            return
        while True:
            ready, _, _ = select.select((self._bell, *self._listening), (), ())
            if self._bell in ready:
                return
            for listening in ready:
                try:
                    client, _ = listening.accept()
                except OSError:
                    continue  # it has gone again
                with client:
                    _send_away(client)


def _send_away(client: socket.socket) -> None:
    error = CannotConnectNow("the database system is starting up")
    client.settimeout(PATIENCE_SECONDS)
    try:
        while _code_of(client.recv(HEAD.size)) in ENCRYPTION_REQUESTS:
            client.sendall(b"N")
        client.sendall(encode(ErrorResponse(error_fields(error, "FATAL"))))
    except OSError:
        pass  # nobody is there to be told


def _code_of(head: bytes) -> int:
    """What the first bytes of a client ask for; 0 where that is not known, and no answer fits better."""
    return int(HEAD.unpack(head)[1]) if len(head) == HEAD.size else 0
