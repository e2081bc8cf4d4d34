"""The compiled twin of protocol.copy_spans.plain_spans."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, uint8_t
from libc.string cimport memchr

import numpy as np

from protocol.copy_spans import NULL as NULL_TEXT
from protocol.copy_spans import Spans

cdef enum:
    NEWLINE = 10
    RETURN = 13
    LETTER_N = 78
    BACKSLASH = 92

cdef Py_ssize_t BYTES_MAX = (<Py_ssize_t>1 << 31) - 1


def plain_spans(
    bytes data not None, Py_ssize_t column_count, bytes delimiter not None, bytes null=NULL_TEXT
):
    """The fields of the whole rows of plain text, or None. null: NULL_TEXT, or nothing."""
    cdef bint is_empty_null = not null
    cdef const uint8_t *start = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data), row_count = 0, at
    cdef uint8_t mark = <uint8_t>PyBytes_AS_STRING(delimiter)[0]
    cdef bint escapes
    if column_count == 0 or size > BYTES_MAX:
        return None
    if memchr(start, RETURN, size) != NULL or memchr(start, 0, size) != NULL:
        return None
    escapes = memchr(start, BACKSLASH, size) != NULL
    if escapes and is_empty_null:
        return None
    while size and start[size - 1] != NEWLINE:
        size -= 1
    for at in range(size):
        row_count += start[at] == NEWLINE
    starts = np.empty((column_count, row_count), np.int32)
    stops = np.empty((column_count, row_count), np.int32)
    cdef int32_t[:, ::1] start_of = starts
    cdef int32_t[:, ::1] stop_of = stops
    if row_count and not find(
        start, size, column_count, row_count, mark, escapes, is_empty_null, &start_of[0, 0],
        &stop_of[0, 0],
    ):
        return None
    return Spans(data, starts, stops, size)


cdef bint find(
    const uint8_t *data, Py_ssize_t size, Py_ssize_t column_count, Py_ssize_t row_count,
    uint8_t mark, bint escapes, bint is_empty_null, int32_t *starts, int32_t *stops,
) noexcept nogil:
    cdef const uint8_t *place = data
    cdef const uint8_t *line_end
    cdef const uint8_t *stop
    cdef Py_ssize_t row, column, cell
    for row in range(row_count):
        line_end = <const uint8_t *>memchr(place, NEWLINE, data + size - place)
        for column in range(column_count):
            stop = place
            if column + 1 < column_count:
                stop = <const uint8_t *>memchr(place, mark, line_end - place)
                if stop == NULL:
                    return False
            else:
                if memchr(place, mark, line_end - place) != NULL:
                    return False
                stop = line_end
            cell = column * row_count + row
            starts[cell] = <int32_t>(place - data)
            stops[cell] = <int32_t>(stop - data)
            if escapes and memchr(place, BACKSLASH, stop - place) != NULL:
                if stop - place != 2 or place[0] != BACKSLASH or place[1] != LETTER_N:
                    return False
                stops[cell] = -1
            elif is_empty_null and stop == place:
                stops[cell] = -1
            place = stop + 1
    return True
