from libc.stdint cimport int64_t

from server.session.state.native.session_state cimport SessionState


cdef class FlushWait:
    cdef public SessionState session
    cdef public object completion
    cdef public bytes head, data

    cpdef bytes reply(self)


cdef class RowWait:
    cdef public SessionState session
    cdef public object prepared, lane, sql, context, completion, error
    cdef public bytes head
    cdef public int64_t count
    cdef public bint synced

    cpdef object wait(self)
    cpdef bytes go_on(self)
    cpdef int64_t changed(self) except? -2
    cpdef pass_on(self)
