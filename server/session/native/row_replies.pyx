"""The twin of server/session/row_replies.py: fields of common types are written without an object for each."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint16_t, uint32_t

from protocol.native.text_values cimport put_date, put_decimal, put_float8, put_timestamp
from server.session.native.key_series cimport Output, write_field

from protocol.rows import ColumnKind
from server.types.numeric import NAN_STORED

cdef extern from *:
    uint16_t swap16 "__builtin_bswap16"(uint16_t) nogil
    uint32_t swap32 "__builtin_bswap32"(uint32_t) nogil

cdef int64_t NAN = NAN_STORED

cdef enum:
    INT16 = 1
    INT32 = 2
    INT64 = 3
    UINT32 = 4
    FLOAT8 = 6
    DATE = 7
    TIMESTAMP = 8
    TIMESTAMPTZ = 9
    DECIMAL = 10
    BYTES = 11
    BINARY = 16  # added to a kind
    FIELD_BYTES_MAX = 48  # of a date, a number or the like

assert (ColumnKind.INT16, ColumnKind.UINT32, ColumnKind.FLOAT8, ColumnKind.DATE) == (INT16, UINT32, FLOAT8, DATE)
assert (ColumnKind.TIMESTAMP, ColumnKind.TIMESTAMPTZ, ColumnKind.DECIMAL, ColumnKind.BYTES) == (
    TIMESTAMP, TIMESTAMPTZ, DECIMAL, BYTES
)


def frame_rows(list rows not None, bytes kinds not None, bytes scales not None, tuple encoders not None):
    """DataRow messages of rows."""
    cdef Output output = Output.__new__(Output)
    cdef const unsigned char *kind_of = <const unsigned char *>PyBytes_AS_STRING(kinds)
    cdef const unsigned char *scale_of = <const unsigned char *>PyBytes_AS_STRING(scales)
    cdef Py_ssize_t count = len(kinds), start, i
    cdef char *place
    cdef tuple row
    for row in rows:
        start = output.size
        output.reserve(7)
        for i in range(count):
            value = row[i]
            if value is None:
                write_field(output, None, 0, 0)
            elif not write_known(output, value, kind_of[i], scale_of[i]):
                write_field(output, encoders[i](value), 0, 0)
        place = output.data + start
        place[0] = c"D"
        (<uint32_t *>(place + 1))[0] = swap32(output.size - start - 1)
        (<uint16_t *>(place + 5))[0] = swap16(count)
    return PyBytes_FromStringAndSize(output.data, output.size)


cdef bint write_known(Output output, value, int kind, int scale) except -1:
    """Write a field of one of the common types; False: it is of another."""
    cdef Py_ssize_t start = output.size
    cdef char *place
    cdef char *end
    cdef int64_t number
    if kind == BYTES:
        write_field(output, value if type(value) is bytes else (<str>value).encode(), 0, 0)
        return True
    if INT16 <= kind <= UINT32:
        write_field(output, value, 8, 0)
        return True
    if kind == BINARY + INT16:
        write_field(output, value, 2, 1)
        return True
    if kind == BINARY + INT32 or kind == BINARY + DATE:
        write_field(output, value, 4, 1)
        return True
    if kind == BINARY + INT64 or kind == BINARY + TIMESTAMP or kind == BINARY + TIMESTAMPTZ:
        write_field(output, value, 8, 1)
        return True
    if kind == FLOAT8:
        place = output.reserve(4 + FIELD_BYTES_MAX) + 4
        end = put_float8(place, value)
    elif kind == DATE or kind == TIMESTAMP or kind == TIMESTAMPTZ or (kind == DECIMAL and type(value) is int):
        number = value
        if kind == DECIMAL and number == NAN:
            return False
        place = output.reserve(4 + FIELD_BYTES_MAX) + 4
        if kind == DATE:
            end = put_date(place, number)
        elif kind == DECIMAL:
            end = put_decimal(place, number, scale)
        else:
            end = put_timestamp(place, number, kind == TIMESTAMPTZ)
    else:
        return False
    (<uint32_t *>(place - 4))[0] = swap32(end - place)
    output.size = start + 4 + (end - place)
    return True
