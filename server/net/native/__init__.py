"""Compiled twins of this folder, chosen once: RUSTYDB_NATIVE=0 in the environment forces the originals."""

import os
from typing import TYPE_CHECKING

__all__ = ["Socket", "Sockets"]

if TYPE_CHECKING or os.environ.get("RUSTYDB_NATIVE") == "0":
    from server.net.sockets import Socket, Sockets
else:
    from server.net.native.sockets import Socket, Sockets
