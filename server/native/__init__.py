"""Compiled twins of this folder, chosen once: RUSTYDB_NATIVE=0 in the environment forces the originals."""

import os
from typing import TYPE_CHECKING

__all__ = ["Libraries", "use_huge_pages"]

if TYPE_CHECKING or os.environ.get("RUSTYDB_NATIVE") == "0":
    from server.libraries import Libraries
    from server.object_memory import use_huge_pages
else:
    from server.native.libraries import Libraries
    from server.native.object_memory import use_huge_pages
