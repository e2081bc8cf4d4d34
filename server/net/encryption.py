"""Encryption: how SSLRequest and GSSENCRequest are answered, and the change of a connection to TLS.

Rule 1: once the client is told to go ahead the socket is not read in plain any more, not even within the same turn
        of the loop: what comes next is its handshake.
"""

from __future__ import annotations

import logging
import ssl
from typing import TYPE_CHECKING

from protocol.messages import GSSENCRequest, SSLRequest
from server.net.native import Socket

if TYPE_CHECKING:
    import socket

    from server.net.connection import ClientConnection

_LOG = logging.getLogger(__name__)


def answer_encryption(connection: ClientConnection, message: SSLRequest | GSSENCRequest) -> None:
    """Say yes or no; after a yes the connection goes on when the handshake is done."""
    context = connection.listener.tls_context if isinstance(message, SSLRequest) else None
    # Raises when bytes were sent ahead: they would be taken as having come encrypted.
    connection.wire.answer_encryption(accept=context is not None)
    connection.output.flush()
    if context is not None:
        assert isinstance(connection.transport, Socket)
        connection.is_switching = connection.tls = True
        plain = connection.transport.detach()
        connection.loop.create_task(_change(connection, plain, context))


async def _change(
    connection: ClientConnection, plain: socket.socket, context: ssl.SSLContext
) -> None:
    try:
        await connection.loop.connect_accepted_socket(lambda: connection, plain, ssl=context)
    except (OSError, ssl.SSLError) as error:
        _LOG.info("TLS handshake failed: %s", error)
        connection.is_switching = False
        plain.close()
        connection.finish()
        return
    connection.is_switching = False
    if connection.wire.buffered:
        connection.advance(None)
