"""Chooses, once, between the compiled lexer and the Python original.

RUSTYDB_NATIVE=0 in the environment forces the original, so that one test suite runs on both.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING or os.environ.get("RUSTYDB_NATIVE") == "0":
    from server.sql.lexer import skeleton
else:
    from server.sql.native.lexer import skeleton

__all__ = ["skeleton"]
