"""Settled: forgets the ids of transactions that were cut off, when no row has their stamps any more.

As long as there are such ids every look at a row asks for them, and every checkpoint keeps them.

Rule 1: nothing new ever gets such a stamp. So a table that has none is settled for good, and one that was made later
        always was.
Rule 2: an id is forgotten when all tables are settled. One that cannot be read is not, and keeps the ids.
Rule 3: a relation that it made goes first, and its mark on one that it wanted to drop: an id that is forgotten is one
        that has committed.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from storage.commit_log import COMMAND_BITS
from storage.errors import Corruption, NoSuchRelation
from storage.relation import Form
from storage.rowgroup import RowGroup

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.engine import Engine


class Settled:
    """Which tables have no stamps of which ids."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._without: dict[int, frozenset[int]] = {}

    def is_settled(self, relation_id: int) -> bool:
        """Whether a table is known to have no stamps of ids that were cut off."""
        return self._engine.log.aborted <= self._without.get(relation_id, frozenset())

    def look(self, pause: "Callable[[], None]" = lambda: None) -> int:
        """Look at tables that may not be settled; how many ids were forgotten.

        Takes the latch for a row group at a time: call it without. Between groups it calls `pause`.
        """
        engine = self._engine
        with engine.latch:
            gone = frozenset(engine.log.aborted)
            relation_ids = self._tables_since(gone)
        if not gone:
            return 0
        for relation_id in relation_ids:
            if not self.is_settled(relation_id) and self._is_without(relation_id, gone, pause):
                self._without[relation_id] = gone
        if not all(gone <= self._without.get(each, frozenset()) for each in relation_ids):
            return 0
        with engine.latch:
            engine.relations.remove_void_of(gone)
            engine.log.aborted.difference_update(gone)
            self._without.clear()
        return len(gone)

    def _tables_since(self, gone: frozenset[int]) -> list[int]:
        """The tables that may have stamps of these ids, and what cannot be read."""
        relations, newest = self._engine.relations, max(gone, default=0)
        found = []
        for relation_id, page in relations.header_pages():
            try:
                header = relations.read_header(page)
            except Corruption:
                found.append(relation_id)
                continue
            if header.form is Form.TABLE and header.created_by <= newest:
                found.append(relation_id)
        return found

    def _is_without(
        self, relation_id: int, gone: frozenset[int], pause: "Callable[[], None]"
    ) -> bool:
        xids = np.fromiter(gone, np.uint64, len(gone))
        group_no = 0
        while True:
            try:
                with self._engine.latch:
                    groups = self._engine.relation(relation_id).groups
                    if group_no >= len(groups):
                        return True
                    if _has_stamps(groups[group_no], xids):
                        return False
            except NoSuchRelation:  # it was dropped meanwhile
                return True
            except Corruption:
                return False
            group_no += 1
            pause()


def _has_stamps(group: RowGroup, xids: npt.NDArray[np.uint64]) -> bool:
    stamps = group.versions[: group.used, :2] >> np.uint64(COMMAND_BITS)
    return bool(np.isin(stamps, xids).any())
