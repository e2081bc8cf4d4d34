"""Chooses, once, between the compiled twins and the Python originals.

RUSTYDB_NATIVE=0 forces the originals, so that one test suite runs on both.
"""

import os

from storage.change import Change, PageTable, redo
from storage.checksums import crc32c, page_checksums
from storage.logbuffer import LogBuffer

__all__ = ["Change", "LogBuffer", "PageTable", "crc32c", "page_checksums", "redo"]
