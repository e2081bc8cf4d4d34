"""IndexEntries: the entries of an inverted index as searches ask for them, a few at a time under the latch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.inverted.row_sets import ALL_IDS, Mask, RowIds
from storage.engine import key_after_prefix

if TYPE_CHECKING:
    from server.executor.context import ExecutionContext

PROBES_AT_ONCE: Final = 256


class IndexEntries:
    """The entries of an index; long lists are read once. tracked: who has read what is asked for, if anybody."""

    def __init__(self, context: ExecutionContext, storage_id: int, tracked: Any | None) -> None:
        self._context = context
        self._index = context.engine.index(storage_id)
        self._tracked = tracked
        self._known: dict[bytes, RowIds] = {}

    def ids(self, prefix: bytes, most: int) -> RowIds:
        """The root ids of entries, by the beginning of their keys."""
        known = self._known.get(prefix)
        if known is None:
            self._context.check_cancelled()
            self._note(prefix, key_after_prefix(prefix))
            with self._context.engine.latch:
                known = self._index.lookup_ids(prefix, most)
            if most == ALL_IDS:
                self._known[prefix] = known
        return known

    def between(self, low: bytes, high: bytes) -> RowIds:
        """The root ids of entries between two keys."""
        self._context.check_cancelled()
        self._note(low, high)
        with self._context.engine.latch:
            found: RowIds = self._index.between(low, high)
        return found

    def having(self, key: bytes, ids: RowIds) -> Mask:
        """Which rows have an entry with the key."""
        self._note(key, key_after_prefix(key))
        found = [np.zeros(0, np.bool_)]
        for start in range(0, len(ids), PROBES_AT_ONCE):
            with self._context.engine.latch:
                found.append(self._index.having(key, ids[start : start + PROBES_AT_ONCE]))
        return np.concatenate(found)

    def _note(self, low: bytes, high: bytes | None) -> None:
        if self._tracked is not None:
            self._tracked.read_range(self._index.index_id, low, high)
