"""Index: the entries (key, root id) of one index relation.

Rule 1: an entry points to a row, not to a version: which version a snapshot sees, the table knows.
        So an entry may be found whose row is invisible, over, or (KEY_CHANGED) has another key by
        now.
Rule 2: entries are removed by the abort of the transaction that added them, and by vacuum.
Rule 3: a prefix given as a bound stands for every key that starts with it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from storage.btree import Tree
from storage.btree_build import build, build_parts, build_sorted, forget_unfinished
from storage.btree_search import Pair, RangesPosition
from storage.commit_log import COMMAND_BITS, Snapshot
from storage.fast_paths import (
    absent_pairs,
    is_ascending,
    lookup_ids,
    lookup_prefix,
    pairs_within,
    present_keys,
)
from storage.key_matrix import KeyRows, SortedKeys
from storage.keys import key_after_prefix
from storage.native import Change
from storage.outcomes import Outcome, Status
from storage.pages import Pager
from storage.relation import IS_UNIQUE, RelationHeader
from storage.row_paths import NOT_FOUND, THERE
from storage.rows import Value
from storage.table import Table
from storage.transactions import Transaction

KeyOf = Callable[[tuple[Value, ...]], bytes | None]
"""The key a row's values have in an index; None: the row is not in it."""

KeysOf = Callable[[tuple[Value, ...]], bytes | frozenset[bytes] | None]
"""The same for an index whose rows may have several keys, which come as a set then."""


ALL_IDS = 1 << 48
FEW_ROWS = 4
"""So many of one key are looked at one by one."""


class Undo(IntEnum):
    """What an undo step of an index takes back."""

    INSERT = 1
    INSERT_MANY = 2
    NOTHING = 3


class Index:
    """An ordered index over byte keys."""

    __slots__ = ("header", "index_id", "pager", "root_page", "tree")

    def __init__(self, pager: Pager, header: RelationHeader) -> None:
        self.header = header
        self.index_id = header.relation_id
        self.tree = Tree(pager, header.root_page)
        self.pager = pager
        self.root_page = header.root_page

    @property
    def unique(self) -> bool:
        """Whether the server promises to check before it inserts."""
        return bool(self.header.flags & IS_UNIQUE)

    @property
    def is_off_log(self) -> bool:
        """Whether nothing of its entries is logged, and a crash leaves none."""
        return self.header.is_off_log

    @property
    def page_count(self) -> int:
        """How many pages the index takes. Under the latch."""
        header = sum(pages for _, pages in self.header.runs(self.pager.page_bytes))
        return header + self.tree.page_count()

    def insert(self, transaction: Transaction, key: bytes, root_id: int) -> None:
        """Add an entry; one that is there already stays as it is."""
        xid = transaction.stamp() >> COMMAND_BITS
        if self.tree.insert(xid, key, root_id):
            transaction.undo.append((self, Undo.INSERT, root_id, 0, key))
        if transaction.tracked is not None:
            transaction.tracked.write_keys(self.index_id, (key,))

    def insert_kept(
        self, transaction: Transaction, key: bytes, root_id: int, others: Iterable[Transaction]
    ) -> None:
        """`insert` for a version that is committed: nobody of the others takes the entry back when he aborts."""
        xid = transaction.stamp() >> COMMAND_BITS
        if self.tree.insert(xid, key, root_id):
            transaction.undo.append((self, Undo.INSERT, root_id, 0, key))
            return
        for other in others:
            steps = other.undo
            for place, (target, operation, first, _, extra) in enumerate(steps):
                if (
                    operation == Undo.INSERT
                    and first == root_id
                    and extra == key
                    and isinstance(target, Index)
                    and target.index_id == self.index_id
                ):
                    steps[place] = (self, Undo.NOTHING, 0, 0, None)

    def find_duplicate(
        self,
        transaction: Transaction,
        table: Table,
        key: bytes,
        root_id: int,
        key_of: KeyOf,
    ) -> Outcome | None:
        """The row with this key that is in the way, or whom to wait for to know; None: nobody."""

        def has_key(row_id: int) -> bool:
            return key_of(table.values(row_id)) == key

        roots = self.lookup(key)
        if len(roots) > FEW_ROWS:
            roots = table.without_ended(transaction, roots)
        for other in roots:
            if other == root_id:
                continue
            live = table.live(transaction, other, has_key)
            if live.status is Status.DELETED:
                continue
            if live.status is Status.BLOCKED:
                return Outcome(Status.BLOCKED, blocker_xid=live.blocker_xid, root_id=other)
            return Outcome(Status.DUPLICATE, new_row_id=live.row_id, root_id=other)
        return None

    def find_settled(
        self,
        transaction: Transaction,
        table: Table,
        snapshot: Snapshot,
        keys: Sequence[bytes | None],
    ) -> list[int]:
        """For each key the version that the snapshot sees of the row that has it; -1: `find_duplicate` knows more.

        Of rows that are there for everybody and have always had their key.
        """
        pager, root_page, paths = self.pager, self.root_page, table.paths
        found = []
        for key in keys:
            roots = [] if key is None else lookup_prefix(pager, root_page, key)
            if len(roots) == 1 and paths.keeps_key(transaction, roots[0]) == THERE:
                found.append(paths.find(snapshot, roots[0]))
            else:
                found.append(NOT_FOUND)
        return found

    def insert_many(
        self,
        transaction: Transaction,
        keys: Sequence[bytes],
        root_ids: Sequence[int] | npt.NDArray[np.int64],
    ) -> None:
        """Add entries of new rows; in the order of keys it is fastest, into an empty index most of all."""
        ids = np.asarray(root_ids, np.int64)
        if not len(ids):
            return
        if isinstance(keys, KeyRows):
            keys, ids = keys.in_order(ids)
        elif not is_ascending(keys, ids):
            pairs = sorted(set(zip(keys, ids.tolist(), strict=True)))
            keys = [key for key, _ in pairs]
            ids = np.array([root_id for _, root_id in pairs], np.int64)
        xid = transaction.stamp() >> COMMAND_BITS
        transaction.undo.append((self, Undo.INSERT_MANY, 0, 0, (keys, ids)))
        if not self.tree.is_empty():
            self.tree.insert_many(xid, keys, ids)
        elif isinstance(keys, KeyRows):
            build_sorted(self.tree, xid, SortedKeys(keys.matrix, None, ids, None))
        else:
            build(self.tree, xid, list(zip(keys, ids.tolist(), strict=True)))
        if transaction.tracked is not None:
            transaction.tracked.write_keys(self.index_id, keys)

    def insert_moved(
        self, transaction: Transaction, keys: Sequence[bytes], root_ids: npt.NDArray[np.int64]
    ) -> None:
        """Add entries of rows that have got other keys, in the order of keys; those that are there already stay."""
        places = absent_pairs(self.pager, self.root_page, keys, root_ids)
        self.insert_many(transaction, [keys[place] for place in places], root_ids[places])
        if transaction.tracked is not None:
            transaction.tracked.write_keys(self.index_id, keys)

    def build(
        self,
        transaction: Transaction,
        keys: SortedKeys,
        between: Callable[[], None] | None = None,
    ) -> None:
        """Fill an index that this transaction has made, and so takes back as a whole; without the latch.

        between: is called between portions, and may raise.
        """
        if len(keys):
            build_sorted(self.tree, transaction.stamp() >> COMMAND_BITS, keys, between)

    def build_parts(self, transaction: Transaction, parts: Iterable[SortedKeys]) -> None:
        """`build` of keys that come in parts, one behind the other, more than one page of them."""
        build_parts(self.tree, transaction.stamp() >> COMMAND_BITS, parts)

    def may_have(self, keys: Sequence[bytes]) -> bool:
        """Whether one of the keys of new rows may be there already, or is there twice among them."""
        if not isinstance(keys, KeyRows):
            return bool(self.find_suspects(keys))
        ordered, _ = keys.in_order(np.arange(len(keys)))
        return not is_ascending(ordered) or bool(present_keys(self.pager, self.root_page, ordered))

    def find_suspects(self, keys: Sequence[bytes | None]) -> list[tuple[int, bool]]:
        """Which of the keys of new rows may be there already, in their order; None: of no interest.

        With True: the key is that of an earlier one; else `find_duplicate` knows whether it is taken.
        """
        if is_ascending(keys):
            return [(i, False) for i in present_keys(self.pager, self.root_page, keys)]
        ordered = sorted((key, i) for i, key in enumerate(keys) if key is not None)
        places: list[int] = []
        distinct: list[bytes] = []
        found: list[tuple[int, bool]] = []
        for key, i in ordered:
            if distinct and distinct[-1] == key:
                found.append((i, True))
            else:
                distinct.append(key)
                places.append(i)
        taken = present_keys(self.pager, self.root_page, distinct)
        found += [(places[place], False) for place in taken]
        return sorted(found)

    def lookup(self, prefix: bytes) -> list[int]:
        """The root ids of all entries whose key starts with the prefix, in the order of keys."""
        return lookup_prefix(self.pager, self.root_page, prefix)

    def lookup_ids(self, prefix: bytes, most: int = ALL_IDS) -> npt.NDArray[np.int64]:
        """`lookup` as an array, of so many entries at most."""
        return lookup_ids(self.pager, self.root_page, prefix, most)

    def between(self, low: bytes, high: bytes) -> npt.NDArray[np.int64]:
        """The root ids of the entries with low <= key < high, in the order of keys."""
        return np.array(self.tree.lookup(low, high), np.int64)

    def having(self, key: bytes, row_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """For which of the rows there is an entry with just this key."""
        found = (self.tree.contains(key, row_id) for row_id in row_ids.tolist())
        return np.fromiter(found, np.bool_, len(row_ids))

    def range(
        self,
        low: bytes | None = None,
        high: bytes | None = None,
        low_inclusive: bool = True,
        high_inclusive: bool = True,
        backward: bool = False,
    ) -> Iterator[tuple[bytes, int]]:
        """The entries between two prefixes, in order; None: no bound."""
        for chunk in self.chunks(low, high, low_inclusive, high_inclusive, backward):
            yield from chunk

    def chunks(
        self,
        low: bytes | None = None,
        high: bytes | None = None,
        low_inclusive: bool = True,
        high_inclusive: bool = True,
        backward: bool = False,
    ) -> Iterator[list[tuple[bytes, int]]]:
        """`range`, a leaf at a time. The latch is needed only while the next chunk is taken."""
        start: bytes | None = low or b""
        if low is not None and not low_inclusive:
            start = key_after_prefix(low)
        stop = key_after_prefix(high) if high is not None and high_inclusive else high
        if start is None:
            return iter(())
        return self.tree.backward(start, stop) if backward else self.tree.forward(start, stop)

    def pairs_within(
        self,
        ranges: Sequence[tuple[bytes, bytes]],
        position: RangesPosition,
        most: int,
        *,
        backward: bool,
    ) -> tuple[list[Pair], RangesPosition]:
        """The entries of some ranges, as btree_search.pairs_within."""
        return pairs_within(self.pager, self.root_page, ranges, position, most, backward=backward)

    def delete(self, key: bytes, root_id: int) -> bool:
        """Remove an entry for good; for vacuum."""
        return self.tree.delete(0, key, root_id)

    def delete_many(self, keys: Sequence[bytes], root_ids: npt.NDArray[np.int64]) -> None:
        """Remove entries for good, in their order; for vacuum."""
        self.tree.delete_many(keys, root_ids)

    def undo(self, operation: int, first: int, second: int, extra: object) -> None:
        """Take back an insertion."""
        del second
        if operation == Undo.NOTHING:
            return
        if operation == Undo.INSERT:
            assert isinstance(extra, bytes)
            self.tree.delete(0, extra, first)
            return
        assert isinstance(extra, tuple)
        forget_unfinished(self.tree)
        self.tree.delete_many(*extra)

    def release_pages(self, change: Change) -> None:
        """Give back all pages but the header's, because the index goes."""
        self.tree.release_pages(change)
