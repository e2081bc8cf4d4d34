from libc.stdint cimport uint64_t


cdef class Work:
    cdef public object engine
    cdef public object log
    cdef public object locks
    cdef public object queue
    cdef public bint keep_snapshot
    cdef public object lock_group
    cdef public tuple xids
    cdef public list undo
    cdef public bint ended
    cdef public bint is_serializable
    cdef public bint is_read_only
    cdef public bint is_resumed
    cdef public object dependencies
    cdef public object tracked
    cdef public uint64_t seen_lsn
    cdef public uint64_t _command
    cdef public uint64_t _stamp
    cdef public bint _needs_xid
    cdef public object _first
    cdef public list _savepoints
    cdef public list _on_commit
    cdef public list _on_abort

    cdef uint64_t stamp_raw(self) except 0
    cdef object snapshot_raw(self)
    cdef inline int next_raw(self) except -1:
        if self._stamp:
            self._command += 1
            self._stamp = 0
        return 0
