"""Vacuum's sweep of an index: entries of dead rows go, and those whose key no version of the row has any more.

Rule 1: a leaf is looked at and rid of its entries while the latch is held; what rows have for keys is asked then,
        of rows that are as vacuum found them for many at once, of others one by one.
Rule 2: a row that has got other versions since vacuum looked at it first is noted: it is not the one that it was.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from storage.chains import walk
from storage.index import Index, KeysOf
from storage.rowgroup import FREE, INNER, NEWER, REDIRECT, SLOT_BITS, SLOT_MASK
from storage.rows import Value
from storage.rows_view import RowsView
from storage.table import Table

RowIds = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

NOT_ALONE = np.uint64(NEWER | INNER | REDIRECT | FREE)


@dataclass(frozen=True, slots=True)
class ManyKeys:
    """A key function with a form for many rows: exactly these versions, in the order of the view."""

    one: KeysOf
    many: Callable[[RowsView], list[bytes | None]]

    def __call__(self, values: tuple[Value, ...]) -> bytes | frozenset[bytes] | None:
        """The key of one row."""
        return self.one(values)


@dataclass(frozen=True, slots=True)
class Suspects:
    """The rows whose entries vacuum looks at: those that are over, and those whose keys have changed."""

    dead: RowIds
    changed: RowIds
    stamps: dict[int, int]
    """Who made the one version that each changed row has had all the time; 0: it had others."""

    @classmethod
    def of(cls, dead_roots: set[int], changed_roots: dict[int, int]) -> "Suspects":
        """Of what the sweep of the table has found."""
        dead = np.fromiter(dead_roots, np.int64, len(dead_roots))
        changed = np.fromiter(changed_roots, np.int64, len(changed_roots))
        return cls(np.sort(dead), np.sort(changed), changed_roots)


def sweep_index(
    latch: AbstractContextManager[object],
    table: Table,
    index: Index,
    key_of: KeysOf | None,
    suspects: Suspects,
    pause: Callable[[], None],
) -> int:
    """Sweep a whole index, a leaf at a time; how many entries were removed."""
    removed = 0
    keys = None if key_of is None or not len(suspects.changed) else RowKeys(table, key_of, suspects)
    if not len(suspects.dead) and keys is None:
        return 0
    chunks = index.chunks()
    while True:
        with latch:
            chunk = next(chunks, None)
            if chunk is None:
                return removed
            root_ids = np.fromiter((root_id for _, root_id in chunk), np.int64, len(chunk))
            is_gone = among(root_ids, suspects.dead)
            if keys is not None:
                keys.mark_stale(chunk, root_ids, is_gone)
            places = np.flatnonzero(is_gone)
            if len(places):
                index.delete_many([chunk[place][0] for place in places.tolist()], root_ids[places])
                removed += len(places)
        pause()


def among(root_ids: RowIds, ordered: RowIds) -> Mask:
    """Which ids are among ascending ones."""
    if not len(ordered):
        return np.zeros(len(root_ids), np.bool_)
    places = np.searchsorted(ordered, root_ids)
    found: Mask = ordered[np.minimum(places, len(ordered) - 1)] == root_ids
    return found


class RowKeys:
    """The keys that changed rows have in an index.

    A row of many entries is read once, not at each of them: what is known of it holds as long as its versions are the
    same. A row that has got others since vacuum looked at it first may keep an entry for their sake, although they go
    before vacuum is done.
    """

    def __init__(self, table: Table, keys_of: KeysOf, suspects: Suspects) -> None:
        self._table = table
        self._keys_of = keys_of
        self._suspects = suspects
        self._known: dict[int, tuple[list[tuple[int, int]], set[bytes]]] = {}

    def mark_stale(self, chunk: list[tuple[bytes, int]], root_ids: RowIds, is_gone: Mask) -> None:
        """Mark the entries of changed rows that have another key by now."""
        places = np.flatnonzero(among(root_ids, self._suspects.changed) & ~is_gone)
        if isinstance(self._keys_of, ManyKeys) and len(places):
            alone = self._are_alone(root_ids[places])
            known = places[alone]
            places = places[~alone]
            if len(known):
                keys = self._keys_of.many(self._table.versions_view(root_ids[known]))
                is_gone[known] = [
                    chunk[place][0] != key for place, key in zip(known.tolist(), keys, strict=True)
                ]
        for place in places.tolist():
            key, root_id = chunk[place]
            is_gone[place] = not self._has(root_id, key)

    def _are_alone(self, root_ids: RowIds) -> Mask:
        """Which rows still have the one version that vacuum has found, in their root."""
        found = np.zeros(len(root_ids), np.bool_)
        stamps = np.array([self._suspects.stamps[root] for root in root_ids.tolist()], np.uint64)
        group_nos = root_ids >> SLOT_BITS
        for group_no in np.unique(group_nos).tolist():
            rows = np.flatnonzero(group_nos == group_no)
            versions = self._table.groups[group_no].versions[root_ids[rows] & SLOT_MASK]
            is_same = (versions[:, 0] == stamps[rows]) & (stamps[rows] != 0)
            found[rows] = is_same & (versions[:, 2] & NOT_ALONE == 0)
        return found

    def _has(self, root_id: int, key: bytes) -> bool:
        """Whether a version of the row has the key."""
        chain = walk(self._table.groups, root_id)
        versions = [(version.row_id, version.xmin) for version in chain if version.xmin]
        if [xmin for _, xmin in versions] != [self._suspects.stamps[root_id]]:
            self._suspects.stamps[root_id] = 0
        known = self._known.get(root_id)
        if known is None or known[0] != versions:
            known = self._known[root_id] = (versions, self._read(versions))
        return key in known[1]

    def _read(self, versions: list[tuple[int, int]]) -> set[bytes]:
        found: set[bytes] = set()
        for row_id, _ in versions:
            keys = self._keys_of(self._table.values(row_id))
            found |= {keys} if isinstance(keys, bytes) else keys or set()
        return found
