"""Compiled twins of this folder, chosen once.

serve(session, data) answers what it can of the bytes that a session at rest has received: it gives the reply in
wire form and how many bytes it took. Its original takes none: the ordinary flow answers everything. So does that of
run_series_of, which runs a point statement up to ReadyForQuery, and serve_pipeline, which takes statements of which
several go before one Sync; it also tells whether that is still to come.
"""

import os
from typing import TYPE_CHECKING, Any

__all__ = [
    "KeySeries",
    "commit_block",
    "frame_rows",
    "run_lane",
    "run_series_of",
    "serve",
    "serve_pipeline",
]

if TYPE_CHECKING or os.environ.get("RUSTYDB_NATIVE") == "0":
    from server.session.point_run import commit_block, run_lane
    from server.session.row_replies import frame_rows

    class KeySeries:
        """What `serve` needs to know of a statement; the original knows nothing."""

        def __init__(self, *description: Any) -> None:
            """Keep nothing."""

    def serve(session: Any, data: bytes) -> tuple[bytes, int]:
        """Take nothing."""
        del session, data
        return b"", 0

    def serve_pipeline(session: Any, data: bytes, start: int) -> tuple[bytes, int, bool]:
        """Take nothing."""
        del session, data, start
        return b"", 0, False

    def run_series_of(*series: Any) -> bytes | None:
        """Answer nothing."""
        del series
        return None

else:
    from server.session.native.key_series import KeySeries, serve
    from server.session.native.pipeline import serve_pipeline
    from server.session.native.point_run import commit_block, run_lane, run_series_of
    from server.session.native.row_replies import frame_rows
