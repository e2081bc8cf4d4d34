"""Chooses, once, between storage/work, storage/commit_queue and their compiled twins; see storage/fast_paths."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING or os.environ.get("RUSTYDB_NATIVE") == "0":
    from storage.commit_queue import CommitQueue
    from storage.work import Work
else:
    from storage.native.work import CommitQueue, Work

__all__ = ["CommitQueue", "Work"]
