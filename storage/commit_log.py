"""Transaction ids, what became of them, and the snapshots taken of that.

Rule 1: xids are 48 bits, handed out in ascending order and never reused.
Rule 2: a transaction is visible from the moment its commit is published, and publication follows
        the order of commit records in the WAL. The commit sequence *is* the LSN of the commit
        record.
Rule 3: below every snapshot's `xmin` all transactions have ended, and those not in `aborted` have
        committed: an abort removes its own stamps from the rows, a crash adds to `aborted`.
Rule 4: only ids at or above the floor have a sequence in memory; the floor never passes the xmin of
        a snapshot that is still held.

A stamp is xid << 16 | command: who wrote, and with which of its commands.

    sequence of an xid      0 in progress | commit LSN | ABORTED
"""

from bisect import bisect_left
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from storage.fast_latch import Latch

COMMAND_BITS = 16
COMMAND_MAX = (1 << COMMAND_BITS) - 1
FIRST_XID = 3  # as in PostgreSQL: what lies below is reserved

IN_PROGRESS = 0
ABORTED = (1 << 64) - 1

SEQUENCES_MIN = 1024


def has_xid(xids: tuple[int, ...], xid: int) -> bool:
    """Whether an id is one of a transaction's, which ascend; with a savepoint a row there are many."""
    place = bisect_left(xids, xid)
    return place < len(xids) and xids[place] == xid


class Snapshot:
    """A moment of the database; a row version is looked at through one.

    `stamp_limit` bounds what of its own transaction's work it sees: stamps of `own` xids below it.
    While the object lives, nothing it sees is pruned; so hold it as long as a view taken with it.
    """

    __slots__ = ("__weakref__", "_serial", "log", "own", "sequence", "stamp_limit", "xmin")

    def __init__(
        self,
        log: "CommitLog",
        *,
        sequence: int,
        xmin: int,
        own: tuple[int, ...] = (),
        stamp_limit: int = 0,
    ) -> None:
        self.log = log
        self.sequence = sequence
        self.xmin = xmin
        self.own = own
        self.stamp_limit = stamp_limit
        self._serial = log.register(sequence, xmin)

    def __del__(self) -> None:
        self.log.unregister(self._serial)

    def sees(self, stamp: int) -> bool:
        """Whether the work marked with this stamp happened before this snapshot."""
        xid = stamp >> COMMAND_BITS
        if xid < self.xmin:
            return not self.log.aborted or xid not in self.log.aborted
        sequence = self.log.sequence(xid)
        if sequence != IN_PROGRESS:
            return sequence <= self.sequence
        return stamp < self.stamp_limit and has_xid(self.own, xid)

    def __repr__(self) -> str:
        return f"Snapshot(sequence={self.sequence}, xmin={self.xmin}, own={self.own})"


def transaction_outcome(log: "CommitLog", xid: int) -> str | None:
    """What became of a transaction: "in progress", "committed" or "aborted"; None: that is forgotten."""
    if xid < log.floor:
        return "aborted" if xid in log.aborted else None
    sequence = log.sequence(xid)
    if sequence == ABORTED:
        return "aborted"
    return "in progress" if sequence == IN_PROGRESS else "committed"


class CommitLog:
    """The outcome of every transaction, and who is still looking.

    `mutex` is a leaf lock: nothing else is acquired while it is held.
    """

    def __init__(
        self, *, next_xid: int = FIRST_XID, published: int = 1, aborted: Iterable[int] = ()
    ) -> None:
        self.mutex = Latch()
        self.next_xid = max(next_xid, FIRST_XID)
        self.published = max(published, 1)
        self.aborted: set[int] = set(aborted)
        self.active: dict[int, None] = {}
        self.decided: dict[int, int] = {}
        self.floor = self.next_xid
        self.sequences: npt.NDArray[np.uint64] = np.zeros(SEQUENCES_MIN, np.uint64)
        self._held: dict[int, tuple[int, int]] = {}
        self._serial = 0

    def resume(self, xids: Iterable[int]) -> None:
        """Before anybody looks: these ids are in progress still, all others below the next have ended."""
        running = dict.fromkeys(sorted(xids))
        if not running:
            return
        with self.mutex:
            floor, size = next(iter(running)), len(self.sequences)
            while self.next_xid - floor >= size // 2:
                size *= 2
            self.sequences = np.zeros(size, np.uint64)
            for xid in range(floor, self.next_xid):
                ended = ABORTED if xid in self.aborted else 1
                self.sequences[xid & (size - 1)] = IN_PROGRESS if xid in running else ended
            self.floor, self.active = floor, running

    def assign(self) -> int:
        """The next xid; it is active until `publish` or `abort`."""
        with self.mutex:
            xid = self.next_xid
            if xid - self.floor >= len(self.sequences):
                self._make_room()
            self.sequences[xid & (len(self.sequences) - 1)] = IN_PROGRESS
            self.active[xid] = None
            self.next_xid = xid + 1
            return xid

    def decide(self, xids: Iterable[int], lsn: int) -> None:
        """The commit record is in the WAL: writers may build on it, snapshots do not see it yet."""
        with self.mutex:
            for xid in xids:
                self.decided[xid] = lsn

    def publish(self, xids: Iterable[int], sequence: int) -> None:
        """Make a commit visible to all snapshots from now on; called in the order of the WAL."""
        with self.mutex:
            assert sequence >= self.published
            self._end(xids, sequence)
            for xid in xids:
                self.decided.pop(xid, None)
            self.published = sequence

    def abort(self, xids: Iterable[int]) -> None:
        """The stamps of these ids have been removed."""
        with self.mutex:
            self._end(xids, ABORTED)

    def sequence(self, xid: int) -> int:
        """The commit sequence of an xid at or above the floor, IN_PROGRESS or ABORTED."""
        if xid >= self.next_xid:
            return IN_PROGRESS
        if xid < self.floor:
            return ABORTED if xid in self.aborted else 1
        return int(self.sequences[xid & (len(self.sequences) - 1)])

    def oldest_active(self) -> int:
        """Every xid below has ended."""
        return next(iter(self.active), self.next_xid)

    def snapshot(self, own: tuple[int, ...] = (), stamp_limit: int = 0) -> Snapshot:
        """This moment."""
        with self.mutex:
            return Snapshot(
                self,
                sequence=self.published,
                xmin=self.oldest_active(),
                own=own,
                stamp_limit=stamp_limit,
            )

    def renewed(self, first: Snapshot, own: tuple[int, ...], stamp_limit: int) -> Snapshot:
        """The same moment as an earlier snapshot's, with more of a transaction's own work."""
        with self.mutex:
            return Snapshot(
                self,
                sequence=first.sequence,
                xmin=first.xmin,
                own=own,
                stamp_limit=stamp_limit,
            )

    def register(self, sequence: int, xmin: int) -> int:
        """Note that a snapshot is held; the number is for `unregister`."""
        with self.mutex:
            self._serial += 1
            self._held[self._serial] = (sequence, xmin)
            return self._serial

    def unregister(self, serial: int) -> None:
        """The snapshot is gone. A single dict operation: finalizers run anywhere, so no lock."""
        self._held.pop(serial, None)

    def horizon(self) -> int:
        """Work of xids below it is seen (or known aborted) by every snapshot, now and later."""
        with self.mutex:
            oldest = self.oldest_active()
            for _, xmin in tuple(self._held.values()):
                oldest = min(oldest, xmin)
            return oldest

    def held_sequences(self) -> list[int]:
        """The sequences of all snapshots now held."""
        return [sequence for sequence, _ in tuple(self._held.values())]

    def oldest_sequence(self) -> int:
        """No snapshot, held or to come, is older than this commit sequence."""
        with self.mutex:
            return min(self.held_sequences(), default=self.published)

    def _end(self, xids: Iterable[int], sequence: int) -> None:
        for xid in xids:
            assert xid in self.active, xid
            self.sequences[xid & (len(self.sequences) - 1)] = sequence
            del self.active[xid]

    def _make_room(self) -> None:
        """Move the floor up to what somebody may still ask about, or double the window."""
        floor = self.horizon()
        count = self.next_xid - floor
        size = len(self.sequences)
        while count >= size // 2:
            size *= 2
        grown = np.zeros(size, np.uint64)
        kept = np.arange(floor, self.next_xid)
        grown[kept & (size - 1)] = self.sequences[kept & (len(self.sequences) - 1)]
        self.sequences = grown
        self.floor = floor
