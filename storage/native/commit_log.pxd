from libc.stdint cimport uint64_t

from storage.native.latch cimport Latch

cdef enum:
    COMMAND_BITS = 16


cdef class Snapshot


cdef inline bint has_xid(tuple xids, uint64_t xid) except -1:
    """Whether an id is one of a transaction's, which ascend."""
    cdef Py_ssize_t low = 0, high = len(xids), middle
    while low < high:
        middle = (low + high) >> 1
        if <uint64_t>xids[middle] < xid:
            low = middle + 1
        else:
            high = middle
    return low < len(xids) and <uint64_t>xids[low] == xid


cdef class CommitLog:
    cdef readonly Latch mutex
    cdef public uint64_t next_xid
    cdef public uint64_t published
    cdef public set aborted
    cdef public dict active
    cdef public dict decided
    cdef readonly uint64_t floor
    cdef readonly object sequences
    cdef uint64_t *sequence_of
    cdef uint64_t mask
    cdef void *first
    cdef Snapshot instant  # what `now` gives

    cpdef int decide(self, tuple xids, uint64_t lsn) except -1
    cpdef int publish(self, tuple xids, uint64_t sequence) except -1
    cdef uint64_t sequence_raw(self, uint64_t xid) except? 1
    cdef bint dead_raw(self, uint64_t xmin, uint64_t xmax) except -1
    cdef uint64_t oldest_active_raw(self)
    cdef uint64_t horizon_raw(self)
    cdef int end(self, xids, uint64_t sequence) except -1
    cdef int adopt(self, sequences) except -1
    cdef int make_room(self) except -1
    cdef Snapshot moment(self, tuple own, uint64_t stamp_limit)
    cdef Snapshot now(self)


cdef class Snapshot:
    cdef object __weakref__
    cdef readonly CommitLog log
    cdef readonly uint64_t sequence
    cdef readonly uint64_t xmin
    cdef readonly tuple own
    cdef readonly uint64_t stamp_limit
    # Neighbours in the log's list of held snapshots, borrowed: who dies takes itself out.
    cdef void *before
    cdef void *after
    cdef bint is_held

    cdef void let_go(self) noexcept
    cdef bint sees_raw(self, uint64_t stamp) except -1

    cdef inline bint visible_raw(self, uint64_t xmin, uint64_t xmax) except -1:
        if not xmin or not self.sees_raw(xmin):
            return False
        return not xmax or not self.sees_raw(xmax)
