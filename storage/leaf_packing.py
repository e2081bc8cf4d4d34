"""Leaves of a new tree out of a matrix of sorted keys: where they begin, and their bytes.

The original of native/leaf_packing; only compiled it is fast.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from storage.btree_page import ROW_BYTES, Entry, Node, alike_bytes
from storage.key_matrix import SortedKeys


def pack_leaves(
    page_bytes: int,
    keys: SortedKeys,
    cuts: npt.NDArray[np.int64],
    page_nos: tuple[int, int, int],
) -> bytes:
    """Leaves side by side of the pairs between each cut and the next; page_nos: left of them, theirs, right."""
    left, page_no, right = page_nos
    numbers = [left, *range(page_no, page_no + len(cuts) - 1), right]
    leaves = []
    for i, (start, stop) in enumerate(pairwise(cuts.tolist())):
        entries = [Entry(*keys.pair(place)) for place in range(start, stop)]
        node = Node(0, 0, numbers[i], numbers[i + 2], entries, keys.are_even)
        leaves.append(node.pack(page_bytes))
    return b"".join(leaves)


def even_cuts(keys: SortedKeys, room: int) -> npt.NDArray[np.int64]:
    """Where even leaves begin that have so much room each, and the end."""
    width = keys.matrix.shape[1]
    cuts, shared = [0], width
    before, _ = keys.pair(0)
    for place in range(1, len(keys)):
        key, _ = keys.pair(place)
        alike = min(shared, alike_bytes(before, key))
        if alike + (place + 1 - cuts[-1]) * (width - alike + ROW_BYTES) > room:
            cuts.append(place)
            alike = width
        before, shared = key, alike
    return np.array([*cuts, len(keys)], np.int64)
