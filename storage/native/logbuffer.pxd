from libc.stdint cimport uint32_t, uint64_t


cdef class LogBuffer:
    cdef public uint64_t end_lsn
    cdef public uint64_t previous_lsn
    cdef public uint64_t durable_lsn
    cdef public uint32_t incarnation
    cdef public uint64_t limit_lsn
    cdef public object crowded
    cdef uint64_t start_lsn
    cdef unsigned char *bytes
    cdef size_t capacity

    # Appends a record and returns the LSN after it; the caller holds the latch.
    cdef uint64_t append_raw(
        self, int kind, uint64_t xid, const void *payload, size_t count, bint reserved
    ) except 0
    cdef int make_room(self, size_t count) except -1
    cdef bint put_block(self, unsigned char *place, const void *payload, size_t *count) noexcept
