"""Chooses, once, between storage/latch.py and its compiled twin; see storage/fast_paths.

Apart from the others there, which need it.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING or os.environ.get("RUSTYDB_NATIVE") == "0":
    from storage.latch import Latch
else:
    from storage.native.latch import Latch

__all__ = ["Latch"]
