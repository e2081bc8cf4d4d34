"""The twin of storage/commit_log.py. Every method is one step under the GIL, so none takes the mutex.

Held snapshots are a linked list of borrowed references, newest first; a snapshot takes itself out
when it dies, which is one step too.
"""

import numpy as np

cimport cython

from libc.stdint cimport uint64_t

from storage.native.latch cimport Latch

cdef uint64_t IN_PROGRESS = 0
cdef uint64_t ABORTED = <uint64_t>-1
cdef uint64_t FIRST_XID = 3
cdef size_t SEQUENCES_MIN = 1024


@cython.no_gc_clear
cdef class Snapshot:
    """A moment of the database; a row version is looked at through one."""

    def __cinit__(
        self, CommitLog log not None, *, uint64_t sequence=0, uint64_t xmin=0,
        tuple own=(), uint64_t stamp_limit=0,
    ):
        self.log = log
        self.sequence = sequence
        self.xmin = xmin
        self.own = own
        self.stamp_limit = stamp_limit
        self.before = NULL
        self.after = log.first
        if log.first != NULL:
            (<Snapshot>log.first).before = <void *>self
        log.first = <void *>self
        self.is_held = True

    def __dealloc__(self):
        self.let_go()

    cdef void let_go(self) noexcept:
        """Be held no longer."""
        if not self.is_held:
            return
        self.is_held = False
        if self.before != NULL:
            (<Snapshot>self.before).after = self.after
        else:
            self.log.first = self.after
        if self.after != NULL:
            (<Snapshot>self.after).before = self.before

    def sees(self, uint64_t stamp):
        """Whether the work marked with this stamp happened before this snapshot."""
        return self.sees_raw(stamp)

    cdef bint sees_raw(self, uint64_t stamp) except -1:
        cdef CommitLog log = self.log
        cdef uint64_t xid = stamp >> COMMAND_BITS, sequence
        if xid < self.xmin:
            return not log.aborted or xid not in log.aborted
        sequence = log.sequence_raw(xid)
        if sequence != IN_PROGRESS:
            return sequence <= self.sequence
        return stamp < self.stamp_limit and has_xid(self.own, xid)

    def __repr__(self):
        return f"Snapshot(sequence={self.sequence}, xmin={self.xmin}, own={self.own})"


cdef class CommitLog:
    """The outcome of every transaction, and who is still looking."""

    def __cinit__(self, *, uint64_t next_xid=3, uint64_t published=1, aborted=()):
        cdef uint64_t[::1] words
        self.mutex = Latch()
        self.next_xid = next_xid if next_xid > FIRST_XID else FIRST_XID
        self.published = published if published > 1 else 1
        self.aborted = set(aborted)
        self.active = {}
        self.decided = {}
        self.floor = self.next_xid
        self.first = NULL
        self.adopt(np.zeros(SEQUENCES_MIN, np.uint64))

    def resume(self, xids):
        """Before anybody looks: these ids are in progress still, all others below the next have ended."""
        cdef dict running = dict.fromkeys(sorted(xids))
        cdef uint64_t xid
        cdef size_t size = self.mask + 1
        if not running:
            return
        self.floor = next(iter(running))
        while self.next_xid - self.floor >= size // 2:
            size *= 2
        self.adopt(np.zeros(size, np.uint64))
        for xid in range(self.floor, self.next_xid):
            if xid not in running:
                self.sequence_of[xid & self.mask] = ABORTED if xid in self.aborted else 1
        self.active = running

    def assign(self):
        """The next xid; it is active until `publish` or `abort`."""
        cdef uint64_t xid = self.next_xid
        if xid - self.floor > self.mask:
            self.make_room()
        self.sequence_of[xid & self.mask] = IN_PROGRESS
        self.active[xid] = None
        self.next_xid = xid + 1
        return xid

    cpdef int decide(self, tuple xids, uint64_t lsn) except -1:
        """The commit record is in the WAL: writers may build on it, snapshots do not see it yet."""
        for xid in xids:
            self.decided[xid] = lsn
        return 0

    cpdef int publish(self, tuple xids, uint64_t sequence) except -1:
        """Make a commit visible to all snapshots from now on; called in the order of the WAL."""
        assert sequence >= self.published
        self.end(xids, sequence)
        for xid in xids:
            self.decided.pop(xid, None)
        self.published = sequence
        return 0

    def abort(self, xids):
        """The stamps of these ids have been removed."""
        self.end(xids, ABORTED)

    def sequence(self, uint64_t xid):
        """The commit sequence of an xid at or above the floor, IN_PROGRESS or ABORTED."""
        return self.sequence_raw(xid)

    def oldest_active(self):
        """Every xid below has ended."""
        return self.oldest_active_raw()

    def snapshot(self, tuple own=(), uint64_t stamp_limit=0):
        """This moment."""
        return self.moment(own, stamp_limit)

    cdef Snapshot moment(self, tuple own, uint64_t stamp_limit):
        """`snapshot`."""
        cdef Snapshot made = Snapshot.__new__(Snapshot, self)  # keywords would cost as much as the rest
        made.sequence = self.published
        made.xmin = self.oldest_active_raw()
        made.own = own
        made.stamp_limit = stamp_limit
        return made

    cdef Snapshot now(self):
        """`snapshot`, for as long as the caller has the engine's latch: nobody else is held up by it, and it is one each time."""
        if self.instant is None:
            self.instant = Snapshot.__new__(Snapshot, self)
            self.instant.let_go()
        self.instant.sequence = self.published
        self.instant.xmin = self.oldest_active_raw()
        return self.instant

    def renewed(self, Snapshot first not None, tuple own, uint64_t stamp_limit):
        """The same moment as an earlier snapshot's, with more of a transaction's own work."""
        return Snapshot(
            self, sequence=first.sequence, xmin=first.xmin, own=own, stamp_limit=stamp_limit
        )

    def horizon(self):
        """Work of xids below it is seen (or known aborted) by every snapshot, now and later."""
        return self.horizon_raw()

    def held_sequences(self):
        """The sequences of all snapshots now held."""
        cdef list found = []
        cdef void *held = self.first
        while held != NULL:
            found.append((<Snapshot>held).sequence)
            held = (<Snapshot>held).after
        return found

    def oldest_sequence(self):
        """No snapshot, held or to come, is older than this commit sequence."""
        return min(self.held_sequences(), default=self.published)

    cdef uint64_t sequence_raw(self, uint64_t xid) except? 1:
        if xid >= self.next_xid:
            return IN_PROGRESS
        if xid < self.floor:
            return ABORTED if self.aborted and xid in self.aborted else 1
        return self.sequence_of[xid & self.mask]

    cdef bint dead_raw(self, uint64_t xmin, uint64_t xmax) except -1:
        """The twin of storage.mvcc.dead, of the snapshots held at this moment."""
        cdef uint64_t began = self.sequence_raw(xmin >> COMMAND_BITS)
        cdef uint64_t ended
        cdef void *held = self.first
        if not xmax:
            return began == ABORTED
        ended = self.sequence_raw(xmax >> COMMAND_BITS)
        if ended == IN_PROGRESS or ended == ABORTED:
            return began == ABORTED
        if began == IN_PROGRESS or ended > self.published:
            return False
        while held != NULL:
            if began <= (<Snapshot>held).sequence < ended:
                return False
            held = (<Snapshot>held).after
        return True

    cdef uint64_t oldest_active_raw(self):
        for xid in self.active:
            return xid
        return self.next_xid

    cdef uint64_t horizon_raw(self):
        cdef uint64_t oldest = self.oldest_active_raw()
        cdef void *held = self.first
        while held != NULL:
            if (<Snapshot>held).xmin < oldest:
                oldest = (<Snapshot>held).xmin
            held = (<Snapshot>held).after
        return oldest

    cdef int end(self, xids, uint64_t sequence) except -1:
        cdef uint64_t number
        for xid in xids:
            assert xid in self.active, xid
            number = xid
            self.sequence_of[number & self.mask] = sequence
            del self.active[xid]
        return 0

    cdef int adopt(self, sequences) except -1:
        cdef uint64_t[::1] words = sequences
        self.sequences = sequences
        self.sequence_of = &words[0]
        self.mask = len(sequences) - 1
        return 0

    cdef int make_room(self) except -1:
        """Move the floor up to what somebody may still ask about, or double the window."""
        cdef uint64_t floor = self.horizon_raw(), xid
        cdef size_t size = self.mask + 1
        cdef uint64_t *old = self.sequence_of
        cdef uint64_t old_mask = self.mask
        kept = self.sequences
        while self.next_xid - floor >= size // 2:
            size *= 2
        self.adopt(np.zeros(size, np.uint64))
        for xid in range(floor, self.next_xid):
            self.sequence_of[xid & self.mask] = old[xid & old_mask]
        self.floor = floor
        del kept
        return 0
