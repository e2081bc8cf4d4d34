"""Conflicts: what stands in the way of changing a row, and whether a row is there at all.

Rule 1: changes look at the newest version, not at what the snapshot sees: a row changed by a
        transaction still running blocks, one changed by a committed one is reported.
Rule 2: who only wants the key to stay (KEY SHARE) passes over changes that keep it, and has the version
        it asked for.
Rule 3: a transaction whose commit is decided but not yet published counts as committed; who builds
        on it remembers its LSN and does not end before it is durable.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from storage.chains import Version, read_version, root_of, walk
from storage.commit_log import ABORTED, COMMAND_BITS, IN_PROGRESS, CommitLog, has_xid
from storage.fast_paths import RowPaths
from storage.lock_modes import RowLock
from storage.locks import Locks
from storage.outcomes import Live, Outcome, Status
from storage.row_groups import RowGroups
from storage.rowgroup import FREE, INNER, KEY_CHANGED, NEWER, REDIRECT, SLOT_BITS, SLOT_MASK
from storage.transactions import Transaction

NOT_ALONE = np.uint64(NEWER | INNER | REDIRECT | FREE)


@dataclass(frozen=True, slots=True)
class Conflicts:
    """The rows of one relation, as those who want to change them see them."""

    groups: RowGroups
    paths: RowPaths
    log: CommitLog
    locks: Locks
    relation_id: int

    def check(self, transaction: Transaction, row_id: int, mode: RowLock) -> Outcome | None:
        """Why this version cannot be changed now; None: it can."""
        quick = self.paths.check(transaction, row_id, mode)
        if quick is not None:
            return None if isinstance(quick, bool) else quick
        version = newest = read_version(self.groups, row_id)
        has_key = mode is RowLock.KEY_SHARE
        while version.xmax:
            status, blocker = self._ended(transaction, version)
            if status is Status.DONE:
                break
            keeps_key = version.keeps_key
            if status is Status.BLOCKED and not (mode is RowLock.KEY_SHARE and keeps_key):
                return Outcome(status, blocker_xid=blocker)
            if status in (Status.SELF_MODIFIED, Status.DELETED):
                return Outcome(status)
            has_key = has_key and keeps_key
            version = read_version(self.groups, version.following)
            if status is Status.UPDATED:
                newest = version
        root_id = root_of(self.groups, newest.row_id)
        holder = self.locks.row_blocker(transaction, self.relation_id, root_id, mode)
        if holder is not None:
            assert isinstance(holder, Transaction)
            return Outcome(Status.BLOCKED, blocker_xid=holder.xids[-1])
        if newest.row_id != row_id and not has_key:
            return Outcome(Status.UPDATED, new_row_id=newest.row_id, root_id=root_id)
        return None

    def without_ended(self, transaction: Transaction, root_ids: list[int]) -> list[int]:
        """The rows without those that are plainly over: a single version each, which was deleted for good.

        A key that is deleted and inserted over and over leaves many of them until vacuum comes by.
        """
        ids = np.array(root_ids, np.int64)
        group_nos = ids >> SLOT_BITS
        left = np.ones(len(ids), np.bool_)
        ended: dict[int, bool] = {}
        for group_no in np.unique(group_nos).tolist():
            places = np.flatnonzero(group_nos == group_no)
            versions = self.groups[group_no].versions[ids[places] & SLOT_MASK]
            alone = (versions[:, 1] != 0) & (versions[:, 2] & NOT_ALONE == 0)
            places, xids = places[alone], versions[alone, 1] >> np.uint64(COMMAND_BITS)
            for xid in set(xids.tolist()) - ended.keys():
                ended[xid] = self._state(transaction, xid << COMMAND_BITS)[0] is Status.DONE
            left[places] = [not ended[xid] for xid in xids.tolist()]
        found: list[int] = ids[left].tolist()
        return found

    def live(self, transaction: Transaction, root_id: int, has_key: Callable[[int], bool]) -> Live:
        """Whether the row is there, with a key that nobody else may have; has_key tells that of a version."""
        versions = list(walk(self.groups, root_id))
        key_changed = any(version.next & KEY_CHANGED for version in versions)
        for version in versions:
            if not version.xmin:
                continue
            status, blocker = self._live(transaction, version)
            if status is Status.DELETED or (key_changed and not has_key(version.row_id)):
                continue
            return Live(status, version.row_id, blocker)
        return Live(Status.DELETED)

    def is_replaced(self, transaction: Transaction, row_id: int) -> bool:
        """Whether a committed transaction has made a newer version than this one."""
        version = read_version(self.groups, row_id)
        return bool(version.xmax) and self._ended(transaction, version)[0] is Status.UPDATED

    def live_versions(self, transaction: Transaction, root_id: int) -> list[Live]:
        """All versions of a row that are not, or may not be, over; whoever asks looks at their values himself."""
        found: list[Live] = []
        for version in walk(self.groups, root_id):
            if version.xmin:
                status, blocker = self._live(transaction, version)
                if status is not Status.DELETED:
                    found.append(Live(status, version.row_id, blocker))
        return found

    def _ended(self, transaction: Transaction, version: Version) -> tuple[Status, int]:
        """What the xmax of a version means: DONE: nothing, the version can be had."""
        if has_xid(transaction.xids, version.xmax >> COMMAND_BITS):
            return Status.SELF_MODIFIED, 0
        status, blocker = self._state(transaction, version.xmax)
        if status is Status.DELETED:
            return Status.DONE, 0
        if status is Status.BLOCKED:
            return Status.BLOCKED, blocker
        return (Status.UPDATED, 0) if version.next & NEWER else (Status.DELETED, 0)

    def _live(self, transaction: Transaction, version: Version) -> tuple[Status, int]:
        """`live` of one version."""
        status, blocker = self._state(transaction, version.xmin)
        if status is not Status.DONE or not version.xmax:
            return status, blocker
        ended, blocker = self._state(transaction, version.xmax)
        if ended is Status.DELETED:
            return Status.DONE, 0
        # Whoever has changed the row may delete it yet, so any change is waited for.
        return (Status.DELETED, 0) if ended is Status.DONE else (Status.BLOCKED, blocker)

    def _state(self, transaction: Transaction, stamp: int) -> tuple[Status, int]:
        """DONE: it happened, for this transaction; DELETED: it is void; BLOCKED: by that xid."""
        xid = stamp >> COMMAND_BITS
        if has_xid(transaction.xids, xid):
            return Status.DONE, 0
        sequence = self.log.sequence(xid)
        if sequence == ABORTED:
            return Status.DELETED, 0
        if sequence != IN_PROGRESS:
            return Status.DONE, 0
        decided = self.log.decided.get(xid)
        if decided is None:
            return Status.BLOCKED, xid
        transaction.seen_lsn = max(transaction.seen_lsn, decided)
        return Status.DONE, 0
