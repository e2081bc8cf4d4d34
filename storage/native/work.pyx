"""The twins of storage/work.py and storage/commit_queue.py: a transaction's way through its statements to its commit.

Methods ending in _raw are for compiled callers. What touches the commit log is one step under the GIL, as in
native/commit_log; the queue itself takes the log's mutex, as flushes end on any thread.
"""

from collections import deque
from contextlib import suppress

from cpython.pythread cimport PyThread_get_thread_ident
from libc.stdint cimport int64_t, uint32_t, uint64_t

from storage.native.commit_log cimport COMMAND_BITS, CommitLog
from storage.native.latch cimport Latch
from storage.native.logbuffer cimport LogBuffer

from storage.commit_queue import AGAIN_SECONDS, BUSY_FLUSH_NS, LAZY_NS, NS_PER_S
from storage.crowd import Crowd
from storage.errors import DiskFull, Failed
from storage.waits import Completion, completed

cdef enum:
    COMMAND_MAX = 0xFFFF
    COMMIT_KIND = 4


cdef object PUBLISHED = completed()


cdef class Work:
    """What a transaction does for every statement, and its commit."""

    def __init__(
        self, log not None, locks, queue, bint keep_snapshot=False, lock_group=None, dependencies=None,
    ):
        self.log = log
        self.locks = locks
        self.queue = queue
        self.keep_snapshot = keep_snapshot
        self.lock_group = self if lock_group is None else lock_group
        self.xids = ()
        self.undo = []
        self.dependencies = dependencies
        self._needs_xid = True
        self._savepoints = []
        self._on_commit = []
        self._on_abort = []

    @property
    def xid(self):
        """The xid of the next write; asking for it assigns one."""
        return self.stamp_raw() >> COMMAND_BITS

    @property
    def current_xid(self):
        """The xid of the next write, or 0 if that assigns one."""
        if self._needs_xid or self._command > COMMAND_MAX or not self.xids:
            return 0
        return self.xids[len(self.xids) - 1]

    @property
    def top_xid(self):
        """The first xid, or 0 as long as nothing was written."""
        return self.xids[0] if self.xids else 0

    @property
    def held_snapshot(self):
        """The snapshot that the whole transaction looks through, if it has one."""
        return self._first if self.keep_snapshot else None

    def stamp(self):
        """The stamp of what is written now."""
        return self.stamp_raw()

    def next_command(self):
        """A new statement begins: snapshots from now on see what was written so far."""
        self.next_raw()

    def snapshot(self):
        """This moment, or the transaction's first one; with its own work before this command."""
        return self.snapshot_raw()

    def statement_snapshot(self):
        """`next_command`, and the `snapshot` of that."""
        self.next_raw()
        return self.snapshot_raw()

    def on_commit(self, callback not None, *, bint first=False):
        """Call back once the commit is published; maybe on the flusher's thread. first: before those there are."""
        self._on_commit.insert(0 if first else len(self._on_commit), callback)

    def commit(self, synchronous=True, bytes payload not None=b""):
        """End it. Done: visible to everybody and, if synchronous, durable."""
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

    def _needs_flush(self):
        """Whether anything is to survive a crash: of this transaction, or of what it may have been given."""
        wal = self.queue.wal
        if wal.durable_lsn < wal.awaited_lsn:
            return True
        for step in self.undo:
            if not step[0].is_off_log:
                return True
        return False

    def _finish(self):
        # First what the commit means to others, then the locks that keep them from looking too early.
        for callback in self._on_commit:
            callback()
        if self.tracked is not None:
            self.tracked.end(is_commit=True)
        if not self.locks.release_plain(self):
            self.locks.release_since(self)

    cdef uint64_t stamp_raw(self) except 0:
        cdef uint64_t xid
        if self._stamp:
            return self._stamp
        assert not self.ended
        if self._needs_xid or self._command > COMMAND_MAX:
            assigned = self.log.assign()
            self.xids = (*self.xids, assigned)
            self.locks.register_xid(assigned, self)
            self._needs_xid = False
            self._command = 0
        xid = self.xids[len(self.xids) - 1]
        self._stamp = xid << COMMAND_BITS | self._command
        return self._stamp

    cdef object snapshot_raw(self):
        cdef uint64_t limit = 0, xid
        cdef Py_ssize_t count = len(self.xids)
        if count:
            xid = self.xids[count - 1]
            limit = (xid << COMMAND_BITS) + min(self._command, <uint64_t>COMMAND_MAX + 1)
        if self._first is not None and self.keep_snapshot:
            return self.log.renewed(self._first, self.xids, limit)
        if self.is_serializable and self.dependencies is not None:
            self.tracked = self.dependencies.begin(self.lock_group, read_only=self.is_read_only)
        log = self.log
        if type(log) is CommitLog:
            snapshot = (<CommitLog>log).moment(self.xids, limit)
        else:
            snapshot = log.snapshot(self.xids, limit)
        if self.keep_snapshot:
            self._first = snapshot
        return snapshot


cdef class Pending:
    """A commit that is decided and not yet visible."""

    cdef uint64_t lsn
    cdef tuple xids
    cdef bint synchronous, is_over
    cdef object on_published
    cdef object completion  # once somebody wants to wait for it
    cdef object error

    cdef object awaited(self):
        """Its completion; under the mutex."""
        if self.completion is None:
            self.completion = Completion()
            if self.is_over:
                self.completion.complete(self.error)
        return self.completion


cdef class CommitQueue:
    """The commits under way. `commit` runs under the latch, `advance` on any thread."""

    cdef readonly object wal
    cdef public object is_alone, clock_ns
    cdef public bint is_swept
    cdef object log
    cdef CommitLog fast_log  # the same, if it is the twin
    cdef object locks, end_xids, pending, lazy
    cdef Latch mutex
    cdef object call_soon, call_last, call_later, crowd
    cdef bint is_flushing, is_called_last, is_timed
    cdef uint64_t flushed_lsn
    cdef unsigned long gathering_thread
    cdef uint64_t gathered_lsn
    cdef bint is_called
    cdef int64_t flush_again_ns
    cdef LogBuffer buffer
    cdef uint64_t lazy_lsn
    cdef int64_t lazy_again_ns

    def __init__(self, wal, log not None, locks):
        self.wal = wal
        self.log = log
        self.fast_log = log if type(log) is CommitLog else None
        self.mutex = log.mutex
        self.locks = locks
        self.end_xids = locks.end_xids
        self.pending = deque()
        self.is_alone = bool
        self.crowd = Crowd()
        buffer = getattr(wal, "buffer", None)
        self.buffer = buffer if isinstance(buffer, LogBuffer) else None

    def commit(self, tuple xids not None, bytes payload not None, *, bint synchronous, on_published):
        """Append the record and see it through."""
        cdef Pending pending = Pending.__new__(Pending)
        cdef uint32_t no_others = 0
        if self.buffer is not None and len(xids) == 1 and not payload:
            pending.lsn = self.buffer.append_raw(COMMIT_KIND, xids[0], &no_others, 4, False)
        else:
            pending.lsn = self.wal.commit(xids, payload)
        pending.xids = xids
        pending.synchronous = synchronous
        pending.on_published = on_published
        self.mutex.take()
        try:
            if self.fast_log is None:
                self.log.decide(xids, pending.lsn)
            else:
                self.fast_log.decide(xids, pending.lsn)
            self.pending.append(pending)
            if synchronous:
                completion = pending.awaited()
        finally:
            self.mutex.give()
        if self.end_xids(xids):
            self.locks.finish_xids(xids)
        if not synchronous:
            self.advance(self.wal.durable_lsn if self.buffer is None else self.buffer.durable_lsn)
            self.flush_lazily(pending.lsn)
            return self.end_of(pending)
        self.flush_soon(pending.lsn)
        return completion

    cdef object end_of(self, Pending pending):
        """What is done when a commit is published; mostly it has been by now."""
        self.mutex.take()
        try:
            return PUBLISHED if pending.is_over and pending.error is None else pending.awaited()
        finally:
            self.mutex.give()

    def tell_all(self):
        """Have every commit record made by the WAL that was handed in: it has something to add to them."""
        self.buffer = None

    def gather(self, call_soon, call_last=None, call_later=None):
        """Flush the commits of this thread whenever call_soon, which it is asked by, calls back; None: each at once.

        call_soon calls back after what is being done, call_last when there is nothing else to do or it was long enough.
        """
        self.call_soon = call_soon
        self.call_last = call_last
        self.call_later = call_later
        self.gathering_thread = <unsigned long>PyThread_get_thread_ident()
        self.crowd.give_up()
        self.flush_gathered()

    cdef int flush_soon(self, uint64_t lsn) except -1:
        if self.call_soon is None or <unsigned long>PyThread_get_thread_ident() != self.gathering_thread:
            self.flush(lsn, self.is_alone())
        elif not self.gathered_lsn and self.is_alone():
            self.flush(lsn, True)
        else:
            self.gather_raw(lsn)
        return 0

    cdef int gather_raw(self, uint64_t lsn) except -1:
        cdef int64_t now_ns
        self.gathered_lsn = lsn
        if self.is_called:
            return 0
        now_ns = self.now_ns()
        if self.crowd.is_waiting:
            if not self.crowd.awaits(len(self.pending), now_ns):
                self.call_back()
        elif self.call_last is None or now_ns >= self.flush_again_ns:
            self.call_back()
        elif not self.is_called_last:
            self.is_called_last = True
            self.call_last(self.flush_last)
        return 0

    cdef int call_back(self) except -1:
        """Have what is gathered flushed when this round ends."""
        self.is_called = True
        self.call_soon(self.flush_gathered)
        return 0

    def flush_last(self):
        """Flush the commits that wait for the thread to be at rest, unless it pays to wait for more."""
        self.is_called_last = False
        if not self.is_crowd_awaited():
            self.flush_gathered()

    def flush_gathered(self):
        """Flush the commits that wait for that, if there are any."""
        cdef uint64_t lsn = self.gathered_lsn
        cdef int64_t now_ns
        self.gathered_lsn = 0
        self.is_called = False
        if not lsn:
            return
        now_ns = self.now_ns()
        self.flush_again_ns = now_ns + <int64_t>BUSY_FLUSH_NS
        if self.call_later is not None:
            self.crowd.begin(now_ns)
            self.is_flushing = True
            self.flushed_lsn = lsn
        self.flush(lsn, False)
        if self.is_flushing and <uint64_t>self.wal.durable_lsn >= lsn:
            self.is_flushing = False
            self.crowd.give_up()  # there is no end to come that would tell

    cdef bint is_crowd_awaited(self) except -1:
        return self.crowd.is_waiting and self.crowd.awaits(len(self.pending), self.now_ns())

    cdef int end_flush(self, Py_ssize_t served, uint64_t durable_lsn) except -1:
        """A flush of gathered commits is done: wait for the crowd, or for nobody."""
        cdef bint was_waiting = self.crowd.is_waiting, is_last = durable_lsn >= self.flushed_lsn
        if self.call_later is None or <unsigned long>PyThread_get_thread_ident() != self.gathering_thread:
            self.crowd.give_up()
            if was_waiting:
                self.wal.flush_soon(self.gathered_lsn, alone=False)
            return 0
        wait_ns = self.crowd.end(served, len(self.pending), self.now_ns(), is_last=is_last)
        self.is_flushing = not is_last
        if wait_ns:
            self.look_again(wait_ns / NS_PER_S)
        elif is_last and was_waiting and self.gathered_lsn and not self.is_called:
            self.call_back()
        return 0

    cdef int look_again(self, seconds) except -1:
        if not self.is_timed and self.call_later is not None:
            self.is_timed = True
            self.call_later(seconds, self.look_for_crowd)
        return 0

    def look_for_crowd(self):
        """The time is over for which it is waited for."""
        self.is_timed = False
        if self.is_crowd_awaited():
            self.look_again(AGAIN_SECONDS)
        elif self.gathered_lsn and not self.is_called:
            self.flush_gathered()

    cdef int64_t now_ns(self) except? -1:
        return 0 if self.clock_ns is None else self.clock_ns()

    cdef int flush(self, uint64_t lsn, alone) except -1:
        error = self.wal.flush_soon(lsn, alone=alone)
        if error is not None:
            self.fail(error)
        elif <uint64_t>self.wal.durable_lsn >= lsn:
            self.advance(lsn)  # a flush was faster than we were
        return 0

    def abort(self, tuple xids not None):
        """Note that the stamps of these ids are gone."""
        with suppress(Failed, DiskFull):
            self.wal.abort(xids)
        self.log.abort(xids)

    def cut_off(self, tuple xids not None):
        """End what was prepared before a restart without taking it back: its stamps stay, and are void."""
        with suppress(Failed, DiskFull):
            self.wal.cut_off(xids)
        with self.mutex:
            self.log.aborted.update(xids)
            self.log.abort(xids)

    def published(self, uint64_t lsn):
        """Done when the commit at this LSN is visible to everybody."""
        cdef Pending each, found = None
        with self.mutex:
            for each in self.pending:
                if each.lsn >= lsn:
                    found = each
                    break
            published = None if found is None else found.awaited()
        if published is None:
            return completed()
        done = Completion()
        published.on_done(lambda: done.complete(published.error))
        return done

    def advance(self, uint64_t durable_lsn):
        """Publish what may be published now; the WAL's listener."""
        cdef Pending pending
        cdef list ready = []
        self.mutex.take()
        try:
            while self.pending:
                pending = self.pending[0]
                if pending.synchronous and pending.lsn > durable_lsn:
                    break
                self.pending.popleft()
                if self.fast_log is None:
                    self.log.publish(pending.xids, pending.lsn)
                else:
                    self.fast_log.publish(pending.xids, pending.lsn)
                ready.append(pending)
        finally:
            self.mutex.give()
        if self.is_flushing and ready:
            self.end_flush(len(ready), durable_lsn)
        for pending in ready:
            pending.on_published()
            self.mutex.take()
            pending.is_over = True
            completion = pending.completion
            self.mutex.give()
            if completion is not None:
                completion.complete()

    def fail(self, error):
        """Storage has stopped: what became of the commits under way nobody knows."""
        cdef Pending pending
        with self.mutex:
            failed = tuple(self.pending)
            self.pending.clear()
            for pending in failed:
                pending.error = error
                if pending.completion is None:
                    pending.is_over = True
        for pending in failed:
            if not pending.is_over:
                pending.completion.complete(error)

    cdef int flush_lazily(self, uint64_t lsn) except -1:
        """One flush under way at a time for asynchronous commits; the next one takes the rest."""
        cdef int64_t now_ns
        if self.is_swept and self.clock_ns is not None:
            now_ns = self.clock_ns()
            if now_ns >= self.lazy_again_ns:
                self.lazy_again_ns = now_ns + <int64_t>LAZY_NS
                self.wal.flush_soon(lsn, alone=False)  # a failure stops the whole engine
            return 0
        self.lazy_lsn = lsn
        if self.lazy is None or self.lazy.done:
            self.lazy = self.wal.flush_to(lsn)
            self.lazy.on_done(lambda: self.flush_rest(lsn))
        return 0

    def flush_rest(self, uint64_t lsn):
        """A lazy flush is done: begin the next if something has come meanwhile."""
        lazy = self.lazy
        if self.lazy_lsn > lsn and lazy is not None and lazy.error is None:
            self.flush_lazily(self.lazy_lsn)
