"""Work: what a transaction does for every statement - its ids, commands and snapshots - and its commit.

Rules 1 and 2 of storage/transactions, whose Transaction adds savepoints and the way back. The original of native/work.
"""

from collections.abc import Callable, Hashable
from typing import Any, Protocol

from storage.commit_log import COMMAND_BITS, COMMAND_MAX, CommitLog, Snapshot
from storage.commit_queue import CommitQueue
from storage.locks import Locks
from storage.serializable import Dependencies, Tracked
from storage.waits import Completion, completed

UndoStep = tuple["Undoable", int, int, int, object]


class Undoable(Protocol):
    """Something whose changes can be taken back: a table, an index, the directory."""

    @property
    def is_off_log(self) -> bool:
        """Whether a crash leaves nothing of its changes, committed or not."""

    def undo(self, operation: int, first: int, second: int, extra: object) -> None:
        """Take back one step, in a logged change of its own."""


class Work:
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
        "engine",
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
        keep_snapshot: bool = False,
        lock_group: Hashable = None,
        dependencies: Dependencies | None = None,
    ) -> None:
        self.engine: Any = None  # of one that can make relations
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
        self._savepoints: list[Any] = []
        self._on_commit: list[Callable[[], None]] = []
        self._on_abort: list[Callable[[], None]] = []

    @property
    def xid(self) -> int:
        """The xid of the next write; asking for it assigns one."""
        return self.stamp() >> COMMAND_BITS

    @property
    def current_xid(self) -> int:
        """The xid of the next write, or 0 if that assigns one."""
        is_used_up = self._needs_xid or self._command > COMMAND_MAX
        return 0 if is_used_up or not self.xids else self.xids[-1]

    @property
    def top_xid(self) -> int:
        """The first xid, or 0 as long as nothing was written."""
        return self.xids[0] if self.xids else 0

    @property
    def held_snapshot(self) -> Snapshot | None:
        """The snapshot that the whole transaction looks through, if it has one."""
        return self._first if self.keep_snapshot else None

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

    def statement_snapshot(self) -> Snapshot:
        """`next_command`, and the `snapshot` of that."""
        self.next_command()
        return self.snapshot()

    def on_commit(self, callback: Callable[[], None], *, first: bool = False) -> None:
        """Call back once the commit is published; maybe on the flusher's thread. first: before those there are."""
        self._on_commit.insert(0 if first else len(self._on_commit), callback)

    def commit(self, synchronous: bool = True, payload: bytes = b"") -> Completion:
        """End it. Done: visible to everybody and, if synchronous, durable; what a crash empties need not be.

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
        if synchronous and not payload and self.undo and self.undo[0][0].is_off_log:
            synchronous = self._needs_flush()
        done = self.queue.commit(
            self.xids, payload, synchronous=synchronous, on_published=self._finish
        )
        self.ended = True
        return done

    def _needs_flush(self) -> bool:
        """Whether anything is to survive a crash: of this transaction, or of what it may have been given."""
        wal = self.queue.wal
        is_given = wal.durable_lsn < wal.awaited_lsn
        return is_given or not all(step[0].is_off_log for step in self.undo)

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
