"""Compiled twins of this folder, chosen once.

serve(session, data) answers what it can of the bytes that a session at rest has received: it gives the reply in
wire form and how many bytes it took. Its original takes none: the ordinary flow answers everything.
"""

import os
from typing import TYPE_CHECKING, Any

__all__ = ["KeySeries", "serve"]

if TYPE_CHECKING or os.environ.get("RUSTYDB_NATIVE") == "0":

    class KeySeries:
        """What `serve` needs to know of a statement; the original knows nothing."""

        def __init__(self, *description: Any) -> None:
            """Keep nothing."""

    def serve(session: Any, data: bytes) -> tuple[bytes, int]:
        """Take nothing."""
        del session, data
        return b"", 0

else:
    from server.session.native.key_series import KeySeries, serve
