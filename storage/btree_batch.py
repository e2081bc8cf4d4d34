"""Many sorted pairs at once: looking for their keys, and adding them to a tree.

Rule 1: `present_keys` may name a key too many, never one too few: whoever asks looks again.
Rule 2: the twin of `insert_sorted` writes the leaf and the new leaves beside it in one change; where it
        gives up, and always here, the ordinary way adds the pair.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from storage.btree_search import lookup_prefix
from storage.pages import Pager


def is_ascending(keys: Sequence[bytes | None]) -> bool:
    """Whether every key is there and above the one before it."""
    if any(key is None for key in keys):
        return False
    return all(
        before < key for before, key in pairwise(keys) if before is not None and key is not None
    )


def present_keys(pager: Pager, root_page: int, keys: Sequence[bytes | None]) -> list[int]:
    """The positions of ascending keys that some entry may start with."""
    return [
        i for i, key in enumerate(keys) if key is not None and lookup_prefix(pager, root_page, key)
    ]


def insert_sorted(
    pager: Pager,
    root_page: int,
    xid: int,
    keys: Sequence[bytes],
    row_ids: npt.NDArray[np.int64],
    start: int,
) -> int:
    """Add ascending pairs from start on that belong to one leaf: how far it came.

    No further than start: the ordinary way is to add this pair.
    """
    del pager, root_page, xid, keys, row_ids
    return start
