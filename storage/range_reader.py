"""RangeReader: stored columns of the rows that lie in a range of an index, for whoever asks for few of them often.

Rule 1: a row is given by the entry with its key alone: where a row has ever had another key, what it has now is
        compared with the entry's.
Rule 2: a row that is found under one latch is read under it; between two readings anything may change, but for what
        the snapshot sees.
Rule 3: who comes by many entries of rows that nobody will see again takes them out, as vacuum would: the end of an
        index from which rows are taken over and over would be walked again and again till then.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from storage.btree_search import BEFORE_RANGES
from storage.chains import read_version
from storage.commit_log import Snapshot
from storage.fast_paths import ids_between, ids_within, pairs_between, pairs_within
from storage.mvcc import dead
from storage.rowgroup import INNER, KEY_CHANGED, NEWER, REDIRECT
from storage.rows import Value

if TYPE_CHECKING:
    from storage.btree_search import Pair
    from storage.engine import Engine
    from storage.row_paths import RowPaths

KeyOf = Callable[[Sequence[Value]], bytes | None]

BEHIND_ALL = b"\xff"
"""What lies behind every key: these begin with the marker of their first part."""

UNSEEN_MIN = 8
"""From so many entries of one reading on whose rows are not seen, it is looked whether they are to be taken out."""

LOOKS = 3
"""How many, the first ones, have to be such for the others to be looked at."""

TAKEN_OUT_SHARE = 8
"""So many entries that are taken out count as one that was looked at: the next reading is spared them."""


class RangeReader:
    """Reads `columns` of a table by an index; with_ids: and behind them the id of the version."""

    def __init__(
        self,
        engine: "Engine",
        table_id: int,
        index_id: int,
        columns: Sequence[int],
        *,
        with_ids: bool = False,
    ) -> None:
        self._engine = engine
        self._table_id = table_id
        self._index_id = index_id
        self._columns = tuple(columns)
        self._with_ids = with_ids

    def few(
        self,
        snapshot: Snapshot,
        low: "Pair",
        high: "Pair",
        most: int,
        key_of: KeyOf,
        *,
        backward: bool,
    ) -> tuple[list[tuple[Value, ...]], int, "Pair | None"]:
        """Rows in the order of the index, by `most` entries; how many entries there were, and what they end at.

        The next ones lie from there, or backward, before it; None: there are no more. key_of gives the key that all
        stored columns of a row make.
        """
        engine = self._engine
        with engine.latch:
            pager, root_page = engine.store.pager, engine.index(self._index_id).root_page
            ids, end = ids_between(pager, root_page, low, high, most, backward=backward)
            paths = engine.relation(self._table_id).paths
            seen = paths.seen(snapshot, ids)
            if seen is None:
                pairs, _ = pairs_between(pager, root_page, low, high, most, backward=backward)
                seen = _compared(paths, snapshot, pairs, key_of)
            count = len(ids)
            if count - len(seen) >= UNSEEN_MIN:
                gone = self._take_out(ids, high if backward else low, backward=backward)
                count -= gone - gone // TAKEN_OUT_SHARE
            return self._values(paths, seen), count, end

    def gathered(
        self,
        snapshot: Snapshot,
        ranges: Sequence[tuple[bytes, bytes]],
        most: int,
        key_of: KeyOf,
    ) -> tuple[list[tuple[Value, ...]], int] | None:
        """The rows in some ranges as they lie in the table, and how many entries there were; None: more than `most`."""
        with self._engine.latch:
            found = self._seen_within(snapshot, ranges, most, key_of, backward=False)
            if found is None:
                return None
            paths = self._engine.relation(self._table_id).paths
            return self._values(paths, sorted(found[0])), found[1]

    def in_order(
        self,
        snapshot: Snapshot,
        ranges: Sequence[tuple[bytes, bytes]],
        most: int,
        key_of: KeyOf,
        *,
        backward: bool,
    ) -> tuple[list[tuple[Value, ...]], int] | None:
        """`gathered` in the order of the index, if the ranges are; backward: both from the last to the first."""
        with self._engine.latch:
            found = self._seen_within(snapshot, ranges, most, key_of, backward=backward)
            if found is None:
                return None
            return self._values(self._engine.relation(self._table_id).paths, found[0]), found[1]

    def _seen_within(
        self,
        snapshot: Snapshot,
        ranges: Sequence[tuple[bytes, bytes]],
        most: int,
        key_of: KeyOf,
        *,
        backward: bool,
    ) -> tuple[list[int], int] | None:
        engine = self._engine
        pager, root_page = engine.store.pager, engine.index(self._index_id).root_page
        paths = engine.relation(self._table_id).paths
        ids, (place, _) = ids_within(
            pager, root_page, ranges, BEFORE_RANGES, most, backward=backward
        )
        if place < len(ranges):
            return None
        seen = paths.seen(snapshot, ids)
        if seen is None:
            pairs, _ = pairs_within(
                pager, root_page, ranges, BEFORE_RANGES, most, backward=backward
            )
            seen = _compared(paths, snapshot, pairs, key_of)
        return seen, len(ids)

    def _take_out(self, ids: Sequence[int], start: "Pair", *, backward: bool) -> int:
        """Take out the entries of rows that nobody will see again, from the start of a reading on: how many."""
        if not all(map(self._is_gone, ids[:LOOKS])):
            return 0
        engine = self._engine
        index = engine.index(self._index_id)
        bounds = ((b"", 0), start) if backward else (start, (BEHIND_ALL, 0))
        pairs, _ = pairs_between(
            engine.store.pager, index.root_page, *bounds, len(ids), backward=backward
        )
        gone = sorted(pair for pair in pairs if self._is_gone(pair[1]))
        row_ids = np.array([row_id for _, row_id in gone], np.int64)
        index.delete_many([key for key, _ in gone], row_ids)
        return len(gone)

    def _is_gone(self, root_id: int) -> bool:
        """Whether a row is over that had one version, for everybody who looks or will look."""
        engine = self._engine
        version = read_version(engine.relation(self._table_id).groups, root_id)
        if not version.xmin or not version.xmax:
            return False
        if version.next & (NEWER | INNER | REDIRECT | KEY_CHANGED):
            return False
        log = engine.log
        return dead(log, version.xmin, version.xmax, log.held_sequences())

    def _values(self, paths: "RowPaths", row_ids: list[int]) -> list[tuple[Value, ...]]:
        rows = paths.many_values(row_ids, self._columns)
        if not self._with_ids:
            return rows
        return [(*row, row_id) for row, row_id in zip(rows, row_ids, strict=True)]


def _compared(
    paths: "RowPaths", snapshot: Snapshot, pairs: "Sequence[Pair]", key_of: KeyOf
) -> list[int]:
    """The row ids seen of entries whose rows have their keys."""
    found = []
    for key, root_id in pairs:
        row_id = paths.find(snapshot, root_id)
        if row_id < 0:
            continue
        if not paths.key_changed(root_id) or key_of(paths.values(row_id, None)) == key:
            found.append(row_id)
    return found
