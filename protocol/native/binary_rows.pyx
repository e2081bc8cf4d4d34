"""The compiled twin of protocol.binary_rows."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int16_t, int32_t, uint16_t, uint32_t

cdef extern from *:
    uint16_t swap16 "__builtin_bswap16"(uint16_t) nogil
    uint32_t swap32 "__builtin_bswap32"(uint32_t) nogil

cdef enum:
    FIELD_BYTES_MAX = 0x3FFFFFFF


def take_rows(bytes buffer not None, Py_ssize_t start, list columns not None):
    """Append rows to the columns: where the first that was not taken begins, and how many were taken."""
    cdef const char *text = PyBytes_AS_STRING(buffer)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(buffer), end, taken = 0, number
    cdef Py_ssize_t column_count = len(columns)
    cdef int32_t length
    cdef list column
    if start < 0 or not all([type(column) is list for column in columns]):
        raise TypeError("columns are lists")
    while True:
        end = end_of_row(text, size, start, column_count)
        if end < 0:
            return start, taken
        start += 2
        for number in range(column_count):
            length = <int32_t>swap32((<const uint32_t *>(text + start))[0])
            start += 4
            column = <list>columns[number]
            if length < 0:
                column.append(None)
                continue
            column.append(PyBytes_FromStringAndSize(text + start, length))
            start += length
        taken += 1


cdef Py_ssize_t end_of_row(
    const char *text, Py_ssize_t size, Py_ssize_t place, Py_ssize_t column_count
) noexcept:
    """Where a row ends; -1: it is not whole, or not right."""
    cdef Py_ssize_t number
    cdef int32_t length
    if size - place < 2 or <int16_t>swap16((<const uint16_t *>(text + place))[0]) != column_count:
        return -1
    place += 2
    for number in range(column_count):
        if size - place < 4:
            return -1
        length = <int32_t>swap32((<const uint32_t *>(text + place))[0])
        place += 4
        if length == -1:
            continue
        if length < 0 or length > FIELD_BYTES_MAX or length > size - place:
            return -1
        place += length
    return place
