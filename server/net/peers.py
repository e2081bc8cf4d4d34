"""What a connection asks about its two ends: where the client is, and whether somebody has ended the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.session.login import Peer

if TYPE_CHECKING:
    import asyncio

    from server.net.native import Socket
    from server.session.session import Session


def peer_of(transport: Socket | asyncio.Transport, *, tls: bool) -> Peer:
    """Where a client connects from."""
    name = transport.get_extra_info("peername")
    address, port = (name[0], name[1]) if isinstance(name, tuple) else ("", 0)
    return Peer(address, port, tls)


def is_to_end(session: Session | None) -> bool:
    """Whether the session is to end, and not only what it runs."""
    return session is not None and session.ending is not None
