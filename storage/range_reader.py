"""RangeReader: stored columns of the rows that lie in a range of an index, for whoever asks for few of them often.

Rule 1: a row is given by the entry with its key alone: where a row has ever had another key, what it has now is
        compared with the entry's.
Rule 2: a row that is found under one latch is read under it; between two readings anything may change, but for what
        the snapshot sees.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from storage.commit_log import Snapshot
from storage.fast_paths import ids_between, pairs_between
from storage.rows import Value

if TYPE_CHECKING:
    from storage.btree_search import Pair
    from storage.engine import Engine
    from storage.row_paths import RowPaths

KeyOf = Callable[[Sequence[Value]], bytes | None]

BEHIND_ALL = b"\xff"
"""What lies behind every key: these begin with the marker of their first part."""


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
            return self._values(paths, seen), len(ids), end

    def gathered(
        self,
        snapshot: Snapshot,
        ranges: Sequence[tuple[bytes, bytes]],
        most: int,
        key_of: KeyOf,
    ) -> tuple[list[tuple[Value, ...]], int] | None:
        """The rows in some ranges as they lie in the table, and how many entries there were; None: more than `most`."""
        engine = self._engine
        found: list[int] = []
        left = most
        with engine.latch:
            pager, root_page = engine.store.pager, engine.index(self._index_id).root_page
            paths = engine.relation(self._table_id).paths
            for start, stop in ranges:
                low, high = (start, 0), (stop, 0)
                ids, end = ids_between(pager, root_page, low, high, left, backward=False)
                if end is not None:
                    return None
                seen = paths.seen(snapshot, ids)
                if seen is None:
                    pairs, _ = pairs_between(pager, root_page, low, high, left, backward=False)
                    seen = _compared(paths, snapshot, pairs, key_of)
                found += seen
                left -= len(ids)
            if len(found) > 1:
                found.sort()
            return self._values(paths, found), most - left

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
