"""Compiled twins of this folder, chosen once.

serve(session, data) answers what it can of the bytes that a session at rest has received: it gives the reply in
wire form and how many bytes it took. Its original takes none: the ordinary flow answers everything. So does that of
run_series_of, which runs a point statement up to ReadyForQuery.
"""

import os
from typing import TYPE_CHECKING, Any

__all__ = ["KeySeries", "commit_block", "run_lane", "run_series_of", "serve"]

if TYPE_CHECKING or os.environ.get("RUSTYDB_NATIVE") == "0":
    from server.session.point_run import commit_block, run_lane

    class KeySeries:
        """What `serve` needs to know of a statement; the original knows nothing."""

        def __init__(self, *description: Any) -> None:
            """Keep nothing."""

    def serve(session: Any, data: bytes) -> tuple[bytes, int]:
        """Take nothing."""
        del session, data
        return b"", 0

    def run_series_of(*series: Any) -> bytes | None:
        """Answer nothing."""
        del series
        return None

else:
    from server.session.native.key_series import KeySeries, serve
    from server.session.native.point_run import commit_block, run_lane, run_series_of
