"""Chooses, once, between the compiled twins and the Python originals.

RUSTYDB_NATIVE=0 in the environment forces the originals, so that one test suite runs on both.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING or os.environ.get("RUSTYDB_NATIVE") == "0":
    from storage.change import Change, PageTable, redo
    from storage.checksums import crc32c, page_checksums, record_checksum
    from storage.logbuffer import LogBuffer
else:
    from storage.native.change import Change, PageTable, redo
    from storage.native.checksums import crc32c, page_checksums, record_checksum
    from storage.native.logbuffer import LogBuffer

__all__ = [
    "Change",
    "LogBuffer",
    "PageTable",
    "crc32c",
    "page_checksums",
    "record_checksum",
    "redo",
]
