"""Chooses, once, between the compiled scanners of texts and the Python originals.

RUSTYDB_NATIVE=0 in the environment forces the originals, so that one test suite runs on both.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING or os.environ.get("RUSTYDB_NATIVE") == "0":
    from server.sql.lexer import skeleton
    from server.sql.row_lists import scan_rows
else:
    from server.sql.native.lexer import skeleton
    from server.sql.native.row_lists import scan_rows

__all__ = ["scan_rows", "skeleton"]
