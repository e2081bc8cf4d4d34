"""Departures: rows that left for another relation, as an update of a partition key makes them.

For storage such a row is deleted. A writer that had seen it and finds it deleted must not pass it over: the row lives
on where the writer does not look. This is kept in memory: after a restart nobody is left who saw the row before it
went.

Rule 1: an entry counts for those who do not see the transaction that moved the row, and only while that was not
        rolled back.
Rule 2: entries that everybody sees are forgotten before there are twice as many.
"""

from storage.commit_log import ABORTED, COMMAND_BITS, CommitLog, Snapshot

COUNT_MIN = 1024


class Departures:
    """Which rows have left, and by which transaction."""

    def __init__(self, log: CommitLog) -> None:
        self._log = log
        self._movers: dict[tuple[int, int], int] = {}
        self._count_max = COUNT_MIN

    def note(self, relation_id: int, root_id: int, xid: int) -> None:
        """A transaction has deleted the row here to insert it elsewhere."""
        if len(self._movers) >= self._count_max:
            floor = self._log.horizon()
            self._movers = {row: mover for row, mover in self._movers.items() if mover >= floor}
            self._count_max = max(COUNT_MIN, 2 * len(self._movers))
        self._movers[relation_id, root_id] = xid

    def has_left(self, relation_id: int, root_id: int, snapshot: Snapshot) -> bool:
        """Whether a row that the snapshot sees has left since."""
        mover = self._movers.get((relation_id, root_id))
        if mover is None or self._log.sequence(mover) == ABORTED:
            return False
        return not snapshot.sees(mover << COMMAND_BITS)
