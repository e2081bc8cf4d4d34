from libc.stdint cimport int64_t

from storage.native.key_reader cimport KeyReader

from server.session.state.native.session_state cimport SessionState
from server.session.native.wire_series cimport COLUMNS_MAX, PARAMETERS_MAX, Series, Span


cdef class Output:
    cdef char *data
    cdef Py_ssize_t size, room

    cdef char *reserve(self, Py_ssize_t count) except NULL
    cdef int add(self, bytes data) except -1
    cdef void empty(self, Py_ssize_t kept) noexcept


cdef class KeySeries:
    cdef KeyReader reader
    cdef object all_free, description
    cdef tuple limits, constants, locks, tags
    cdef bytes text_description
    cdef int column_count, source_count
    cdef int parameters[PARAMETERS_MAX]
    cdef int64_t greatest[PARAMETERS_MAX]
    cdef unsigned char columns[COLUMNS_MAX]

    cdef list bound(self, Series *series, int *codes)
    cdef list literal_values(self, Span *literals, int count)
    cdef bint read_codes(self, Series *series, int *codes) except -1
    cdef int write(self, Output output, Series *series, list values, int *codes, snapshot) except -1
    cdef int write_row(self, Output output, list values, int *codes, snapshot) except -1


cdef Py_ssize_t serve_into(SessionState session, bytes data, Output output) except -1
cdef KeySeries fresh(SessionState session, prepared)
cdef int show(SessionState session, sql) except -1
cdef Py_ssize_t parse_known(
    SessionState session, bytes data, Py_ssize_t start, Series *series, Output output
) except -1
cdef Py_ssize_t serve_series(
    SessionState session, bytes data, Py_ssize_t start, Series *series, Output output
) except -1
cdef int write_field(Output output, value, int width, int code) except -1
