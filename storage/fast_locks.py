"""Chooses, once, between storage/lock_table.py and its compiled twin; see storage/fast_paths.

Apart from the others there, which need what needs locks.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING or os.environ.get("RUSTYDB_NATIVE") == "0":
    from storage.lock_table import Held, Lock, LockTable
else:
    from storage.native.lock_table import Held, Lock, LockTable

__all__ = ["Held", "Lock", "LockTable"]
