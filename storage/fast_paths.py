"""Chooses, once, between the compiled twins and the Python originals of the upper half.

The lower half's are chosen in storage/native; both obey RUSTYDB_NATIVE=0, so that one test suite
runs on both. Type annotations name the originals.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING or os.environ.get("RUSTYDB_NATIVE") == "0":
    from storage.btree_batch import (
        absent_pairs,
        delete_sorted,
        insert_sorted,
        is_ascending,
        loosen_leaf,
        present_keys,
    )
    from storage.btree_search import (
        delete_pair,
        ids_between,
        ids_within,
        insert_pair,
        leaf_cuts,
        leaf_pairs,
        lookup_ids,
        lookup_pairs,
        lookup_prefix,
        pack_leaf,
        pairs_between,
        pairs_within,
        seek_pair,
        split_leaf,
    )
    from storage.commit_log import CommitLog, Snapshot
    from storage.gathering import gathered
    from storage.key_reader import KeyReader
    from storage.key_writer import KeyWriter
    from storage.leaf_packing import even_cuts, pack_leaves
    from storage.row_paths import RowPaths
    from storage.scan_counts import ScanCounts
else:
    from storage.native.btree_batch import (
        absent_pairs,
        delete_sorted,
        insert_sorted,
        is_ascending,
        loosen_leaf,
        present_keys,
    )
    from storage.native.btree_search import (
        delete_pair,
        ids_between,
        ids_within,
        insert_pair,
        leaf_cuts,
        leaf_pairs,
        lookup_ids,
        lookup_pairs,
        lookup_prefix,
        pack_leaf,
        pairs_between,
        pairs_within,
        seek_pair,
        split_leaf,
    )
    from storage.native.commit_log import CommitLog, Snapshot
    from storage.native.gathering import gathered
    from storage.native.key_reader import KeyReader
    from storage.native.key_writer import KeyWriter
    from storage.native.leaf_packing import even_cuts, pack_leaves
    from storage.native.row_paths import RowPaths
    from storage.native.scan_counts import ScanCounts

__all__ = [
    "CommitLog",
    "KeyReader",
    "KeyWriter",
    "RowPaths",
    "ScanCounts",
    "Snapshot",
    "absent_pairs",
    "delete_pair",
    "delete_sorted",
    "even_cuts",
    "gathered",
    "ids_between",
    "ids_within",
    "insert_pair",
    "insert_sorted",
    "is_ascending",
    "leaf_cuts",
    "leaf_pairs",
    "lookup_ids",
    "lookup_pairs",
    "lookup_prefix",
    "loosen_leaf",
    "pack_leaf",
    "pack_leaves",
    "pairs_between",
    "pairs_within",
    "present_keys",
    "seek_pair",
    "split_leaf",
]
