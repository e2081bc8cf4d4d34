"""RowPaths: reading and changing single rows, what every statement by key does.

Rule 1: this class and its compiled twin give the same results and leave the same bytes; the twin
        is told of every group that was read, added or moved, and of those that are gone.
Rule 2: the twin may refuse a change (None), and then nothing has happened: long chains and values that
        need pages of their own take the long way through Table.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from storage.chains import read_version, root_of, walk
from storage.columns import missing_value
from storage.commit_log import ABORTED, COMMAND_BITS, IN_PROGRESS, CommitLog, Snapshot, has_xid
from storage.lock_table import RowLocks
from storage.mvcc import visible, visible_mask
from storage.outcomes import Swept
from storage.rowgroup import (
    DEAD,
    FREE,
    INNER,
    KEY_CHANGED,
    NEWER,
    ROW_ID_MASK,
    SLOT_BITS,
    SLOT_MASK,
    RowGroup,
)
from storage.rows import Value, read_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from storage.lock_modes import RowLock
    from storage.outcomes import Outcome
    from storage.row_groups import RowGroups
    from storage.table import Table
    from storage.transactions import Transaction

NOT_FOUND = -1
UNCLEAR, THERE, OWN = 0, 1, 2
"""What `keeps_key` knows of a row: nothing; it is there; its newest version is the transaction's own."""


class RowPaths:
    """The rows of one relation, one at a time."""

    def __init__(self, groups: "RowGroups", log: CommitLog, locks: RowLocks) -> None:
        self.groups = groups
        self.log = log
        self.locks = locks
        self.newest: dict[int, int] = {}  # root to newest version, of rows with long chains

    def find(self, snapshot: Snapshot, root_id: int) -> int:
        """The row id of the version of a row that the snapshot sees, or NOT_FOUND."""
        newest = self.newest.get(root_id)
        if newest is not None:
            version = read_version(self.groups, newest)
            leads_back = version.next & (INNER | NEWER | ROW_ID_MASK) == INNER | root_id
            if leads_back and visible(snapshot, version.xmin, version.xmax):
                return newest
        for version in walk(self.groups, root_id):
            if visible(snapshot, version.xmin, version.xmax):
                return version.row_id
        return NOT_FOUND

    def find_many(
        self, snapshot: Snapshot, ids: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The row ids seen of many rows, and which of the ids asked for they belong to."""
        found = [self.find(snapshot, root_id) for root_id in ids.tolist()]
        row_ids = np.array(found, np.int64)
        positions = np.flatnonzero(row_ids != NOT_FOUND)
        return row_ids[positions], positions

    def fetch(
        self, snapshot: Snapshot, root_id: int, columns: Sequence[int] | None
    ) -> tuple[Value, ...] | None:
        """The values of the version of a row that the snapshot sees."""
        row_id = self.find(snapshot, root_id)
        return None if row_id == NOT_FOUND else self.values(row_id, columns)

    def values(self, row_id: int, columns: Sequence[int] | None) -> tuple[Value, ...]:
        """The values of exactly this version, visible or not."""
        group = self.groups[row_id >> SLOT_BITS]
        slot = row_id & SLOT_MASK
        store = self.groups.pager.store
        have = len(group.layout.kinds)
        all_columns = self.groups.header.columns
        return tuple(
            read_value(store, group, slot, i) if i < have else missing_value(store, all_columns[i])
            for i in (range(len(all_columns)) if columns is None else columns)
        )

    def seen(self, snapshot: Snapshot, root_ids: Sequence[int]) -> list[int] | None:
        """The row ids seen of many rows; None: one of these rows has had another key, so that entries may err."""
        found = []
        for root_id in root_ids:
            row_id = self.find(snapshot, root_id)
            if row_id == NOT_FOUND:
                continue
            if self.key_changed(root_id):
                return None
            found.append(row_id)
        return found

    def many_values(
        self, row_ids: Sequence[int], columns: Sequence[int]
    ) -> list[tuple[Value, ...]]:
        """`values` of many versions."""
        return [self.values(row_id, columns) for row_id in row_ids]

    def root(self, row_id: int) -> int:
        """The root id of the row a version belongs to."""
        return root_of(self.groups, row_id)

    def key_changed(self, root_id: int) -> bool:
        """Whether a version of the row has another key than the one before it."""
        return any(version.next & KEY_CHANGED for version in walk(self.groups, root_id))

    def keys_changed(self, root_ids: npt.NDArray[np.int64]) -> list[int]:
        """The places of the rows for which `key_changed` says so."""
        return [
            place for place, root_id in enumerate(root_ids.tolist()) if self.key_changed(root_id)
        ]

    def visible_slots(
        self, snapshot: Snapshot, group: RowGroup, used: int
    ) -> npt.NDArray[np.int64] | None:
        """Which of a group's first `used` slots the snapshot sees; None: all of them."""
        versions = group.versions[:used]
        mask = visible_mask(snapshot, versions[:, 0], versions[:, 1])
        return None if mask.all() else np.flatnonzero(mask)

    def insert(
        self, table: "Table", transaction: "Transaction", values: Sequence[Value]
    ) -> int | None:
        """Add a row: its row id, or None for the long way."""
        del table, transaction, values
        return None

    def update(
        self,
        table: "Table",
        transaction: "Transaction",
        row_id: int,
        values: "Sequence[Value] | Mapping[int, Value]",
        key_changed: bool,
        key_kept: bool,
    ) -> "Outcome | None":
        """Replace a version nobody stands in the way of, and count that, or None for the long way."""
        del table, transaction, row_id, values, key_changed, key_kept
        return None

    def delete(self, table: "Table", transaction: "Transaction", row_id: int) -> "Outcome | None":
        """End a version nobody stands in the way of, or None for the long way."""
        del table, transaction, row_id
        return None

    def check(
        self, transaction: "Transaction", row_id: int, mode: "RowLock"
    ) -> "Outcome | bool | None":
        """Conflicts.check at C speed: why a version cannot be changed; True: it can; None: ask there."""
        del transaction, row_id, mode
        return None

    def keeps_key(self, transaction: "Transaction", root_id: int) -> int:
        """Whether a row is there with the key it has always had: THERE, OWN, or UNCLEAR.

        THERE: that stays so as long as nobody gets it FOR UPDATE. OWN: nobody can before the transaction ends.
        """
        versions = list(walk(self.groups, root_id))
        newest = versions[-1]
        if any(version.next & KEY_CHANGED for version in versions):
            return UNCLEAR
        if not newest.xmin or newest.xmax or newest.next & (NEWER | FREE):
            return UNCLEAR
        xid = newest.xmin >> COMMAND_BITS
        if has_xid(transaction.xids, xid):
            return OWN
        sequence = self.log.sequence(xid)
        if transaction.keep_snapshot or sequence == ABORTED:
            return UNCLEAR
        if sequence == IN_PROGRESS and self.find(self.log.snapshot(), root_id) == NOT_FOUND:
            return UNCLEAR
        return THERE

    def is_over(self, transaction: "Transaction", root_id: int) -> bool:
        """Whether a row plainly is no more, so that its key can be had: all its versions are void or ended."""
        return all(
            not version.xmin or self._has_ended(transaction, version.xmin, version.xmax)
            for version in walk(self.groups, root_id)
        )

    def _has_ended(self, transaction: "Transaction", xmin: int, xmax: int) -> bool:
        """Whether a version never came to be, or was ended by the transaction itself or one that has committed."""
        if self.log.sequence(xmin >> COMMAND_BITS) == ABORTED:
            return True
        xid = xmax >> COMMAND_BITS
        if not xid or has_xid(transaction.xids, xid):
            return bool(xid)
        sequence = self.log.sequence(xid)
        if sequence != IN_PROGRESS:
            return sequence != ABORTED
        decided = self.log.decided.get(xid)
        if decided is not None:
            transaction.seen_lsn = max(transaction.seen_lsn, decided)
        return decided is not None

    def sweep(self, group: RowGroup, first_slot: int, stop_slot: int) -> Swept:
        """Vacuum a group's slots; here all are left for the long way."""
        versions = group.versions[first_slot:stop_slot]
        xmax, following = versions[:, 1], versions[:, 2]
        suspicious = (xmax != 0) | (following & np.uint64(NEWER | DEAD | KEY_CHANGED) != 0)
        if self.log.aborted:
            gone = np.fromiter(self.log.aborted, np.uint64)
            suspicious |= np.isin(versions[:, 0] >> np.uint64(COMMAND_BITS), gone)
        return Swept((np.flatnonzero(suspicious) + first_slot).tolist(), [], 0, [], [])

    def set_group(self, group: RowGroup) -> None:
        """A group was read, added or moved."""

    def forget(self) -> None:
        """All groups are to be read anew."""
