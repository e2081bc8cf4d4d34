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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from storage.commit_log import COMMAND_BITS, COMMAND_MAX, Snapshot
from storage.errors import DiskFull, Failed
from storage.fast_work import Work
from storage.prepared import PreparedGroup, PreparedState, take_locks
from storage.waits import Completion, completed


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared transaction, and what its record says."""

    state: PreparedState
    transaction: Any  # of the engine, which can also make relations


@dataclass(slots=True)
class Savepoint:
    """What to return to: lengths of the transaction's lists when it was set."""

    undo_count: int
    xid_count: int
    locks: tuple[int, int]
    commit_count: int


class Transaction(Work):
    """One unit of work: Work that can be taken back, in part or as a whole."""

    __slots__ = ()

    @property
    def is_ahead(self) -> bool:
        """Whether it has built on a commit that snapshots do not show yet: a new one would show the row before."""
        return self.seen_lsn > self.log.published

    def caught_up(self) -> Completion:
        """Done when a new snapshot shows every commit that the transaction has built on."""
        return self.queue.published(self.seen_lsn) if self.is_ahead else completed()

    def newest_snapshot(self) -> Snapshot:
        """This moment, whatever the transaction looks through, with its own work before this command."""
        limit = 0
        if self.xids:
            limit = (self.xids[-1] << COMMAND_BITS) + min(self._command, COMMAND_MAX + 1)
        return self.log.snapshot(self.xids, limit)

    def latest_snapshot(self) -> Snapshot:
        """This moment with all of the transaction's own work, whatever it looks through otherwise."""
        limit = (self.xids[-1] << COMMAND_BITS) + COMMAND_MAX + 1 if self.xids else 0
        return self.log.snapshot(self.xids, limit)

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

    def undo_count_at(self, savepoint: int) -> int:
        """How many steps of `undo` are older than a savepoint."""
        mark: Savepoint = self._savepoints[savepoint]
        return mark.undo_count

    def rollback_to(self, savepoint: int) -> None:
        """Take back what was done since the savepoint, which stays set.

        An error leaves a transaction that can only be aborted: what is left of it is void.
        """
        if self.is_resumed:
            raise DiskFull("no room to take back what was done")
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

    def on_abort(self, callback: Callable[[], None]) -> None:
        """Call back when the transaction has been rolled back."""
        self._on_abort.append(callback)

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
        """Take back everything and end it; what could not be taken back is void, as after a crash.

        An error that nobody could expect is raised, once all this is done.
        """
        assert not self.ended
        self._first = None
        error = self._take_back_all()
        self.ended = True
        if self.xids:
            end = self.queue.cut_off if self.is_resumed else self.queue.abort
            end(self.xids)
        if self.tracked is not None:
            self.tracked.end(is_commit=False)
        self.locks.release_since(self)
        self.locks.finish_xids(self.xids)
        for callback in self._on_abort:
            callback()
        if error is not None:
            raise error

    def make_void(self) -> None:
        """What is left cannot be taken back, for want of room or of a page: its stamps stay when its ids end."""
        self.undo.clear()
        self.is_resumed = True

    def _take_back(self, undo_count: int) -> None:
        undo = self.undo
        try:
            while len(undo) > undo_count:
                target, operation, first, second, extra = undo.pop()
                target.undo(operation, first, second, extra)
        except Exception:
            self.make_void()
            raise

    def _take_back_all(self) -> Exception | None:
        """What went wrong, unless that has to be expected: a full disk, and storage that has stopped."""
        try:
            self._take_back(0)
        except (DiskFull, Failed):
            return None
        except Exception as error:  # noqa: BLE001 - raised again once everything else is done
            return error
        return None
