from libc.stdint cimport uint32_t

cdef enum:
    SENDS_MAX = 64
    UNSENT = -1000000


cdef struct Sending:
    int descriptor
    const char *data
    Py_ssize_t size
    Py_ssize_t sent  # how much of it was; negative: the number of the error


cdef class SendRing:
    cdef int descriptor
    cdef void *rings
    cdef void *entries
    cdef void *completions
    cdef size_t rings_bytes, entries_bytes
    cdef uint32_t *submitted_tail
    cdef uint32_t *submitted_mask
    cdef uint32_t *completed_head
    cdef uint32_t *completed_tail
    cdef uint32_t *completed_mask

    cdef void set_up(self) noexcept
    cdef void *mapped(self, size_t size, long offset) noexcept
    cdef void take_down(self) noexcept
    cdef void send_all(self, Sending *sendings, int count) noexcept
    cdef void submit(self, Sending *sendings, int count) noexcept
    cdef long enter(self, int submitted, int awaited) noexcept
    cdef int take_completions(self, Sending *sendings) noexcept


cdef Py_ssize_t send_now(int descriptor, const char *data, Py_ssize_t size) noexcept
