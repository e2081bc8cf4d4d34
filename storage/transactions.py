"""Transaction: one unit of work, its ids, commands, savepoints and the way back.

Rule 1: an xid is taken at the first write, and a further one at the first write after a savepoint,
        so that a partial rollback ends an id of its own and frees those who wait for it.
Rule 2: ids of one transaction ascend, and commands within an id do, so of its own stamps the later
        is the larger one. Snapshots rely on that.
Rule 3: every change of rows or indexes adds a step to `undo` before anybody else can see it. An
        abort takes the steps back in reverse order, logged like any other change; what a crash
        leaves behind is known by its xid.
Rule 4: commit is append, flush, publish, complete, in this order; see CommitQueue.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from storage.commit_log import COMMAND_BITS, COMMAND_MAX, CommitLog, Snapshot
from storage.commit_queue import CommitQueue
from storage.errors import Failed
from storage.locks import Locks
from storage.prepared import PreparedGroup, PreparedState, take_locks
from storage.serializable import Dependencies, Tracked
from storage.waits import Completion, completed

UndoStep = tuple["Undoable", int, int, int, object]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared transaction, and what its record says."""

    state: PreparedState
    transaction: Any  # of the engine, which can also make relations


class Undoable(Protocol):
    """Something whose changes can be taken back: a table, an index, the directory."""

    def undo(self, operation: int, first: int, second: int, extra: object) -> None:
        """Take back one step, in a logged change of its own."""


@dataclass(slots=True)
class Savepoint:
    """What to return to: lengths of the transaction's lists when it was set."""

    undo_count: int
    xid_count: int
    locks: tuple[int, int]
    commit_count: int


class Transaction:
    """One unit of work. Not thread-safe: it is used under the engine's latch.

    `keep_snapshot` is for REPEATABLE READ and above: later snapshots show the same moment as the
    first one, plus the transaction's own work. `is_serializable` (and `is_read_only`) must be set before
    the first of them; what such a transaction reads is then noted by `tracked`. `seen_lsn` is the newest
    commit it has seen before that was published; its own end is not reported before that one is durable.
    """

    __slots__ = (
        "_command",
        "_first",
        "_needs_xid",
        "_on_abort",
        "_on_commit",
        "_savepoints",
        "_stamp",
        "dependencies",
        "ended",
        "is_read_only",
        "is_resumed",
        "is_serializable",
        "keep_snapshot",
        "lock_group",
        "locks",
        "log",
        "queue",
        "seen_lsn",
        "tracked",
        "undo",
        "xids",
    )

    def __init__(
        self,
        log: CommitLog,
        locks: Locks,
        queue: CommitQueue,
        *,
        keep_snapshot: bool = False,
        lock_group: Hashable = None,
        dependencies: Dependencies | None = None,
    ) -> None:
        self.log = log
        self.locks = locks
        self.queue = queue
        self.keep_snapshot = keep_snapshot
        self.lock_group: Hashable = self if lock_group is None else lock_group
        self.xids: tuple[int, ...] = ()
        self.undo: list[UndoStep] = []
        self.ended = False
        self.is_serializable = False
        self.is_read_only = False
        self.is_resumed = False
        self.dependencies = dependencies
        self.tracked: Tracked | None = None
        self.seen_lsn = 0
        self._command = 0
        self._stamp = 0  # 0: the next write takes a new xid or command
        self._needs_xid = True
        self._first: Snapshot | None = None
        self._savepoints: list[Savepoint] = []
        self._on_commit: list[Callable[[], None]] = []
        self._on_abort: list[Callable[[], None]] = []

    @property
    def xid(self) -> int:
        """The xid of the next write; asking for it assigns one."""
        return self.stamp() >> COMMAND_BITS

    @property
    def top_xid(self) -> int:
        """The first xid, or 0 as long as nothing was written."""
        return self.xids[0] if self.xids else 0

    @property
    def held_snapshot(self) -> Snapshot | None:
        """The snapshot that the whole transaction looks through, if it has one."""
        return self._first if self.keep_snapshot else None

    @property
    def is_ahead(self) -> bool:
        """Whether it has built on a commit that snapshots do not show yet: a new one would show the row before."""
        return self.seen_lsn > self.log.published

    def caught_up(self) -> Completion:
        """Done when a new snapshot shows every commit that the transaction has built on."""
        return self.queue.published(self.seen_lsn) if self.is_ahead else completed()

    def stamp(self) -> int:
        """The stamp of what is written now."""
        if not self._stamp:
            self._stamp = self._next_stamp()
        return self._stamp

    def next_command(self) -> None:
        """A new statement begins: snapshots from now on see what was written so far."""
        if self._stamp:
            self._command += 1
            self._stamp = 0

    def snapshot(self) -> Snapshot:
        """This moment, or the transaction's first one; with its own work before this command."""
        limit = self._limit()
        first = self._first
        if first is None or not self.keep_snapshot:
            if self.is_serializable and self.dependencies is not None:
                self.tracked = self.dependencies.begin(self.lock_group, read_only=self.is_read_only)
            snapshot = self.log.snapshot(self.xids, limit)
            if self.keep_snapshot:
                self._first = snapshot
            return snapshot
        return self.log.renewed(first, self.xids, limit)

    def look_from(self, snapshot: Snapshot, tracked_from: int | None) -> None:
        """Take over the moment of another transaction's snapshot as the first one."""
        assert self.keep_snapshot
        if self.is_serializable and self.dependencies is not None and tracked_from is not None:
            self.tracked = self.dependencies.begin(self.lock_group, read_only=False)
            assert self.tracked is not None
            self.tracked.began_at = tracked_from
        self._first = self.log.renewed(snapshot, (), 0)

    def forget_snapshot(self) -> None:
        """Before anything was read: the next snapshot is a first one again."""
        self._first = None
        if self.tracked is not None:
            self.tracked.end(is_commit=False)
            self.tracked = None

    def savepoint(self, *, statement: bool = False) -> int:
        """Set a savepoint and return its number, for `rollback_to` and `release`.

        With statement=True it costs no xid: for the atomicity of one statement, whose failure
        nobody else can have waited for.
        """
        mark = Savepoint(
            undo_count=len(self.undo),
            xid_count=len(self.xids),
            locks=self.locks.position(self),
            commit_count=len(self._on_commit),
        )
        self._savepoints.append(mark)
        if not statement:
            self.next_command()
            self._needs_xid = True
            self._stamp = 0
        return len(self._savepoints) - 1

    def release(self, savepoint: int) -> None:
        """Forget a savepoint and those set after it; what was done since stays."""
        del self._savepoints[savepoint:]

    def rollback_to(self, savepoint: int) -> None:
        """Take back what was done since the savepoint, which stays set."""
        mark = self._savepoints[savepoint]
        del self._savepoints[savepoint + 1 :]
        self._take_back(mark.undo_count)
        gone = self.xids[mark.xid_count :]
        self.xids = self.xids[: mark.xid_count]
        del self._on_commit[mark.commit_count :]
        if gone:
            self.log.abort(gone)
            self.locks.finish_xids(gone)
            self._needs_xid = True
            self._command = COMMAND_MAX + 1  # everything of the xid that is the last one again
        self.locks.release_since(self, mark.locks)
        self.next_command()
        self._stamp = 0

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call back once the commit is published; maybe on the flusher's thread."""
        self._on_commit.append(callback)

    def on_abort(self, callback: Callable[[], None]) -> None:
        """Call back when the transaction has been rolled back."""
        self._on_abort.append(callback)

    def commit(self, synchronous: bool = True, payload: bytes = b"") -> Completion:
        """End it. Done: visible to everybody and, if synchronous, durable.

        An error in the completion means "unknown": the record may have reached the disk.
        """
        assert not self.ended
        if self.tracked is not None and not self.tracked.is_prepared:
            self.tracked.prepare()
        self._first = None
        if not self.xids:
            self.ended = True
            self._finish()
            return self.queue.published(self.seen_lsn) if self.seen_lsn else completed()
        done = self.queue.commit(
            self.xids, payload, synchronous=synchronous, on_published=self._finish
        )
        self.ended = True
        return done

    def promise(self, gid: str, note: str, dropped: Sequence[int]) -> PreparedState:
        """See that it can commit whatever happens; what of it has to survive a crash."""
        assert not self.ended
        self.stamp()
        if self.tracked is not None:
            self.tracked.prepare()
        self._first = None
        held, rows = self.locks.lasting(self)
        tracked = self.tracked
        return PreparedState(
            gid=gid,
            xids=self.xids,
            note=note,
            locks=tuple(held),
            rows=tuple(rows),
            dropped=tuple(dropped),
            reads=None if tracked is None else tuple(sorted(tracked.reads)),
            writes=() if tracked is None else tuple(sorted(tracked.writes)),
        )

    def resume(self, state: PreparedState) -> None:
        """Be the prepared transaction of this state, after a restart."""
        self.xids = state.xids
        self.is_resumed = True
        self.lock_group = PreparedGroup(state.gid)
        self._needs_xid = False
        for xid in self.xids:
            self.locks.register_xid(xid, self)
        take_locks(self.locks, self, state)
        if state.reads is not None and self.dependencies is not None:
            self.tracked = self.dependencies.resume(None, state.reads, state.writes)

    def abort(self) -> None:
        """Take back everything and end it."""
        assert not self.ended
        self._first = None
        self._take_back(0)
        self.ended = True
        if self.is_resumed:
            self.queue.cut_off(self.xids)
        elif self.xids:
            self.queue.abort(self.xids)
        if self.tracked is not None:
            self.tracked.end(is_commit=False)
        self.locks.release_since(self)
        self.locks.finish_xids(self.xids)
        for callback in self._on_abort:
            callback()

    def _finish(self) -> None:
        # First what the commit means to others, then the locks that keep them from looking too early.
        for callback in self._on_commit:
            callback()
        if self.tracked is not None:
            self.tracked.end(is_commit=True)
        self.locks.release_since(self)

    def _limit(self) -> int:
        if not self.xids:
            return 0
        return (self.xids[-1] << COMMAND_BITS) + min(self._command, COMMAND_MAX + 1)

    def _next_stamp(self) -> int:
        assert not self.ended
        if self._needs_xid or self._command > COMMAND_MAX:
            xid = self.log.assign()
            self.xids = (*self.xids, xid)
            self.locks.register_xid(xid, self)
            self._needs_xid = False
            self._command = 0
        return self.xids[-1] << COMMAND_BITS | self._command

    def _take_back(self, undo_count: int) -> None:
        undo = self.undo
        try:
            while len(undo) > undo_count:
                target, operation, first, second, extra = undo.pop()
                target.undo(operation, first, second, extra)
        except Failed:
            # Storage has stopped: recovery will know this transaction as unfinished.
            undo.clear()
