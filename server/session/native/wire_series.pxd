from libc.stdint cimport int32_t, uint16_t

cdef enum:
    PARAMETERS_MAX = 64
    COLUMNS_MAX = 256
    SYNC_BYTES = 5


cdef struct Span:
    const char *data
    int32_t length  # -1: NULL


cdef struct Series:
    Py_ssize_t name_start, name_length
    Py_ssize_t bind_end
    Py_ssize_t end  # of its last message
    bint synced  # which is Sync
    int parameter_count, parameter_format_count, result_format_count
    uint16_t parameter_formats[PARAMETERS_MAX]
    Span parameters[PARAMETERS_MAX]
    uint16_t result_formats[COLUMNS_MAX]
    bint described


cdef bint read_series(bytes data, Py_ssize_t start, Series *series) except -1
cdef bint is_sync(bytes data, Py_ssize_t start) noexcept
cdef int count_at(const char *text, Py_ssize_t *place, Py_ssize_t end) noexcept
cdef object decoded(const char *text, Py_ssize_t length)
cdef object text_of(Span *span)
cdef object integer_of(Span *span, int code, limit)
cdef tuple row_values(lane, Series *series)
cdef tuple literal_values(lane, Span *literals, int count)
cdef tuple formats_of(lane, Series *series)
