"""Many sorted pairs at once: looking for their keys, and adding them to a tree.

Rule 1: `present_keys` may name a key too many, never one too few: whoever asks looks again.
Rule 2: the twins of `insert_sorted` and `delete_sorted` write the leaf and the new leaves beside it in one change;
        where they give up, and always here, the ordinary way is to add or take out the pair.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from storage.btree_search import leaf_pairs, lookup_prefix, seek_pair
from storage.pages import Pager


def is_ascending(
    keys: Sequence[bytes | None], row_ids: npt.NDArray[np.int64] | None = None
) -> bool:
    """Whether every key is there and above the one before it; with row ids: every pair."""
    there = [key for key in keys if key is not None]
    if len(there) < len(keys):
        return False
    if row_ids is None:
        return all(before < key for before, key in pairwise(there))
    pairs = zip(there, row_ids.tolist(), strict=True)
    return all(before < pair for before, pair in pairwise(pairs))


def present_keys(pager: Pager, root_page: int, keys: Sequence[bytes | None]) -> list[int]:
    """The positions of ascending keys that some entry may start with."""
    return [
        i for i, key in enumerate(keys) if key is not None and lookup_prefix(pager, root_page, key)
    ]


def absent_pairs(
    pager: Pager, root_page: int, keys: Sequence[bytes], row_ids: npt.NDArray[np.int64]
) -> list[int]:
    """The positions of ascending pairs that are not there."""
    pairs = zip(keys, row_ids.tolist(), strict=True)
    return [
        i for i, (key, row_id) in enumerate(pairs) if not _is_there(pager, root_page, key, row_id)
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


def delete_sorted(
    pager: Pager,
    root_page: int,
    keys: Sequence[bytes],
    row_ids: npt.NDArray[np.int64],
    start: int,
) -> int:
    """Take ascending pairs from start on out of the leaf that they are in: how far it came.

    No further than start: the ordinary way is to take out this pair.
    """
    del pager, root_page, keys, row_ids
    return start


def _is_there(pager: Pager, root_page: int, key: bytes, row_id: int) -> bool:
    page_no, position = seek_pair(pager, root_page, key, row_id)
    return leaf_pairs(pager, page_no, position, position + 1)[0] == [(key, row_id)]


def loosen_leaf(pager: Pager, root_page: int, xid: int, key: bytes, row_id: int) -> bool:
    """Make ordinary leaves of the even one that a pair belongs to, if its parent has room; False: nothing is done.

    Only the compiled twin does; the original leaves it to Tree.
    """
    del pager, root_page, xid, key, row_id
    return False
