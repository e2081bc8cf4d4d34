"""CommitQueue: what lies between a commit record and everybody seeing the transaction. The original of native/work.

Rule 1: commits are published in the order of their records, whatever the order of flushes.
Rule 2: a synchronous commit is published after its flush, an asynchronous one as soon as everything
        before it is published; it never overtakes a synchronous one that still waits.
Rule 3: from the append on the outcome is decided: those who wait for the transaction's rows go on
        at once, and what they build on them follows in the WAL. Only snapshots wait for
        publication.

Rule 4: what nobody waits for is flushed every LAZY_NS while there are more commits; where somebody sweeps up
        behind, not more often, as each flush keeps a disk and two threads busy.
Rule 5: commits of the thread that gathers them are flushed together when its round ends: what else was ready in it
        shares the write, which begins before the round's answers are sent. As a flush costs two threads a tenth of
        BUSY_FLUSH_NS, it waits for as long after the last one, unless the thread has nothing else to do by then; and
        it waits for the crowd, where that pays.

    append --> pending --(durable, or nothing to wait for)--> published --> completion
"""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from storage.commit_log import CommitLog
from storage.crowd import Crowd
from storage.errors import DiskFull, Failed
from storage.locks import Locks
from storage.waits import Completion, completed

LAZY_NS = 200_000_000
BUSY_FLUSH_NS = 1_000_000
AGAIN_SECONDS = 0.001  # after which to look once more for a crowd, clocks differing
NS_PER_S = 1_000_000_000

CallSoon = Callable[[Callable[[], None]], object]
"""What calls back on the same thread, after what is being done there now."""
CallLater = Callable[[float, Callable[[], None]], object]
"""What calls back on the same thread, after some seconds."""


class CommitWal(Protocol):
    """What the queue needs of the WAL."""

    @property
    def durable_lsn(self) -> int:
        """Everything below is on disk."""

    @property
    def awaited_lsn(self) -> int:
        """Everything below has to be before a commit is told, whoever wrote it."""

    def commit(self, xids: tuple[int, ...], payload: bytes) -> int:
        """Append a commit record."""

    def abort(self, xids: tuple[int, ...]) -> int:
        """Append an abort record; there is room for it on a full disk too."""

    def cut_off(self, xids: tuple[int, ...]) -> int:
        """Append a record of ids that end although their stamps stay."""

    def flush_to(self, lsn: int, *, alone: bool = False) -> Completion:
        """Done when everything below lsn is durable."""

    def flush_soon(self, lsn: int, *, alone: bool) -> BaseException | None:
        """Have everything below lsn flushed; listeners hear of that, or of the failure; what speaks against it."""


@dataclass(slots=True, eq=False)
class Pending:
    """A commit that is decided and not yet visible."""

    lsn: int
    xids: tuple[int, ...]
    synchronous: bool
    on_published: Callable[[], None]
    completion: Completion = field(default_factory=Completion)


class CommitQueue:
    """The commits under way. `commit` runs under the latch, `advance` on any thread.

    `is_alone` says whether no other session could commit meanwhile; then a flush is made at once,
    on the thread that commits, which is faster for one and ruinous for many.
    """

    def __init__(self, wal: CommitWal, log: CommitLog, locks: Locks) -> None:
        self.wal = wal
        self._log = log
        self._locks = locks
        self._pending: deque[Pending] = deque()
        self.is_alone: Callable[[], bool] = lambda: False
        self.is_swept = False  # somebody flushes all that there is now and then: the housekeeper
        self.clock_ns: Callable[[], int] | None = None
        self._call_soon: CallSoon | None = None
        self._gathering_thread = 0
        self._call_last: CallSoon | None = None
        self._call_later: CallLater | None = None
        self._crowd = Crowd()
        self._is_flushing = False  # gathered commits
        self._flushed_lsn = 0  # up to which
        self._gathered_lsn = 0  # up to which a flush is due; 0: none is
        self._is_called = False  # back at the round's end
        self._is_called_last = False
        self._is_timed = False
        self._flush_again_ns = (
            0  # when the next flush of these is due, whatever else there is to do
        )
        self._lazy_lsn = 0
        self._lazy: Completion | None = None
        self._lazy_again_ns = 0  # when the next flush is due that nobody waits for

    def commit(
        self,
        xids: tuple[int, ...],
        payload: bytes,
        *,
        synchronous: bool,
        on_published: Callable[[], None],
    ) -> Completion:
        """Append the record and see it through."""
        lsn = self.wal.commit(xids, payload)
        pending = Pending(lsn, xids, synchronous, on_published)
        with self._log.mutex:
            self._log.decide(xids, lsn)
            self._pending.append(pending)
        self._locks.finish_xids(xids)
        if synchronous:
            self._flush_soon(lsn)
        else:
            self.advance(self.wal.durable_lsn)
            self._flush_lazily(lsn)
        return pending.completion

    def tell_all(self) -> None:
        """Have every commit record made by the WAL that was handed in: it has something to add to them."""

    def gather(
        self,
        call_soon: CallSoon | None,
        call_last: CallSoon | None = None,
        call_later: CallLater | None = None,
    ) -> None:
        """Flush the commits of this thread whenever call_soon, which it is asked by, calls back; None: each at once.

        call_soon calls back after what is being done, call_last when there is nothing else to do or it was long enough.
        """
        self._call_soon = call_soon
        self._call_last = call_last
        self._call_later = call_later
        self._gathering_thread = threading.get_ident()
        self._crowd.give_up()
        self._flush_gathered()

    def _flush_soon(self, lsn: int) -> None:
        """See that a commit is flushed: with others if this thread gathers them, unless nobody else could come."""
        if self._call_soon is None or threading.get_ident() != self._gathering_thread:
            self._flush(lsn, alone=self.is_alone())
        elif not self._gathered_lsn and self.is_alone():
            self._flush(lsn, alone=True)
        else:
            self._gather(lsn)

    def _gather(self, lsn: int) -> None:
        self._gathered_lsn = lsn
        if self._is_called:
            return
        now_ns = self._now_ns()
        if self._crowd.is_waiting:
            if not self._crowd.awaits(len(self._pending), now_ns):
                self._call_back()
        elif self._call_last is None or now_ns >= self._flush_again_ns:
            self._call_back()
        elif not self._is_called_last:
            self._is_called_last = True
            self._call_last(self._flush_last)

    def _call_back(self) -> None:
        """Have what is gathered flushed when this round ends."""
        assert self._call_soon is not None
        self._is_called = True
        self._call_soon(self._flush_gathered)

    def _flush_last(self) -> None:
        self._is_called_last = False
        if not self._is_crowd_awaited():
            self._flush_gathered()

    def _flush_gathered(self) -> None:
        lsn, self._gathered_lsn = self._gathered_lsn, 0
        self._is_called = False
        if not lsn:
            return
        now_ns = self._now_ns()
        self._flush_again_ns = now_ns + BUSY_FLUSH_NS
        if self._call_later is not None:
            self._crowd.begin(now_ns)
            self._is_flushing = True
            self._flushed_lsn = lsn
        self._flush(lsn, alone=False)
        if self._is_flushing and self.wal.durable_lsn >= lsn:
            self._is_flushing = False
            self._crowd.give_up()  # there is no end to come that would tell

    def _is_crowd_awaited(self) -> bool:
        crowd = self._crowd
        return crowd.is_waiting and crowd.awaits(len(self._pending), self._now_ns())

    def _end_flush(self, served: int, durable_lsn: int) -> None:
        """A flush of gathered commits is done: wait for the crowd, or for nobody."""
        was_waiting = self._crowd.is_waiting
        if self._call_later is None or threading.get_ident() != self._gathering_thread:
            self._crowd.give_up()
            if was_waiting:
                self.wal.flush_soon(self._gathered_lsn, alone=False)
            return
        is_last = durable_lsn >= self._flushed_lsn
        wait_ns = self._crowd.end(served, len(self._pending), self._now_ns(), is_last=is_last)
        self._is_flushing = not is_last
        if wait_ns:
            self._look_again(wait_ns / NS_PER_S)
        elif is_last and was_waiting and self._gathered_lsn and not self._is_called:
            self._call_back()

    def _look_again(self, seconds: float) -> None:
        if not self._is_timed and self._call_later is not None:
            self._is_timed = True
            self._call_later(seconds, self._look_for_crowd)

    def _look_for_crowd(self) -> None:
        self._is_timed = False
        if self._is_crowd_awaited():
            self._look_again(AGAIN_SECONDS)
        elif self._gathered_lsn and not self._is_called:
            self._flush_gathered()

    def _now_ns(self) -> int:
        return 0 if self.clock_ns is None else self.clock_ns()

    def _flush(self, lsn: int, *, alone: bool) -> None:
        error = self.wal.flush_soon(lsn, alone=alone)
        if error is not None:
            self.fail(error)
        elif self.wal.durable_lsn >= lsn:
            self.advance(lsn)  # a flush was faster than we were

    def abort(self, xids: tuple[int, ...]) -> None:
        """Note that the stamps of these ids are gone."""
        with suppress(Failed, DiskFull):  # without the record recovery takes them for cut off
            self.wal.abort(xids)
        self._log.abort(xids)

    def cut_off(self, xids: tuple[int, ...]) -> None:
        """End what cannot be taken back, prepared before a restart or on a full disk: its stamps stay, and are void."""
        with suppress(Failed, DiskFull):
            self.wal.cut_off(xids)
        with self._log.mutex:
            self._log.aborted.update(xids)
            self._log.abort(xids)

    def published(self, lsn: int) -> Completion:
        """Done when the commit at this LSN is visible to everybody."""
        with self._log.mutex:
            pending = next((each for each in self._pending if each.lsn >= lsn), None)
        if pending is None:
            return completed()
        published, done = pending.completion, Completion()
        published.on_done(lambda: done.complete(published.error))
        return done

    def advance(self, durable_lsn: int) -> None:
        """Publish what may be published now; the WAL's listener."""
        ready: list[Pending] = []
        with self._log.mutex:
            while self._pending:
                pending = self._pending[0]
                if pending.synchronous and pending.lsn > durable_lsn:
                    break
                self._pending.popleft()
                self._log.publish(pending.xids, pending.lsn)
                ready.append(pending)
        if self._is_flushing and ready:
            self._end_flush(len(ready), durable_lsn)
        for pending in ready:
            pending.on_published()
            pending.completion.complete()

    def fail(self, error: BaseException) -> None:
        """Storage has stopped: what became of the commits under way nobody knows."""
        with self._log.mutex:
            failed = tuple(self._pending)
            self._pending.clear()
        for pending in failed:
            pending.completion.complete(error)

    def _flush_lazily(self, lsn: int) -> None:
        """One flush under way at a time for asynchronous commits; the next one takes the rest."""
        if self.is_swept and self.clock_ns is not None:
            now_ns = self.clock_ns()
            if now_ns >= self._lazy_again_ns:
                self._lazy_again_ns = now_ns + LAZY_NS
                self.wal.flush_soon(lsn, alone=False)  # a failure stops the whole engine
            return
        self._lazy_lsn = lsn
        if self._lazy is None or self._lazy.done:
            self._lazy = self.wal.flush_to(lsn)
            self._lazy.on_done(lambda: self._flush_rest(lsn))

    def _flush_rest(self, lsn: int) -> None:
        lazy = self._lazy
        if self._lazy_lsn > lsn and lazy is not None and lazy.error is None:
            self._flush_lazily(self._lazy_lsn)
