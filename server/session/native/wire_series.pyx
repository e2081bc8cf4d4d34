"""Bind, perhaps Describe, Execute and perhaps Sync as they lie in the bytes from a client, and the values in them.

Rule 1: only what is whole and of this shape is read: the unnamed portal, all rows, as many values as a Series has room
        for.
Rule 2: None instead of a value: the ordinary flow is to read it, which words what is odd.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int16_t, int32_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memchr, memcpy

from storage.native.slots cimport Slot, read_slot, slot_named
from server.session.parameters import LONG_BYTES_MIN, is_long, read_parameter

cdef Py_ssize_t LONG_BYTES = LONG_BYTES_MIN

cdef extern from "Python.h":
    object PyUnicode_DecodeUTF8(const char *text, Py_ssize_t size, const char *errors)
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 largest)
    void *PyUnicode_1BYTE_DATA(object text)

cdef extern from *:
    uint16_t swap16 "__builtin_bswap16"(uint16_t) nogil
    uint32_t swap32 "__builtin_bswap32"(uint32_t) nogil
    uint64_t swap64 "__builtin_bswap64"(uint64_t) nogil

cdef enum:
    DIGITS_MAX = 18

cdef uint64_t HIGH_BITS = 0x8080808080808080  # of each byte


cdef Slot LIMITS = slot_named("limits")
cdef Slot PLAIN_FORMATS = slot_named("plain_formats")


cdef bint read_series(bytes data, Py_ssize_t start, Series *series) except -1:
    """Whether Bind of the unnamed portal, perhaps Describe, and Execute of all rows are at hand."""
    cdef const char *text = PyBytes_AS_STRING(data)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data), end, place = start + 5
    cdef const char *stop
    cdef int i
    end = start + 1 + <Py_ssize_t>swap32((<const uint32_t *>(text + start + 1))[0])
    if end > size or end < place + 8 or text[place] != 0:
        return False
    stop = <const char *>memchr(text + place + 1, 0, end - place - 1)
    if stop == NULL:
        return False
    series.name_start = place + 1
    series.name_length = stop - (text + place + 1)
    place += series.name_length + 2
    series.parameter_format_count = count_at(text, &place, end)
    if not 0 <= series.parameter_format_count <= PARAMETERS_MAX:
        return False
    if end - place < 2 * series.parameter_format_count:
        return False
    for i in range(series.parameter_format_count):
        series.parameter_formats[i] = swap16((<const uint16_t *>(text + place))[0])
        if series.parameter_formats[i] > 1:
            return False
        place += 2
    series.parameter_count = count_at(text, &place, end)
    if not 0 <= series.parameter_count <= PARAMETERS_MAX:
        return False
    if series.parameter_format_count > 1 and series.parameter_format_count != series.parameter_count:
        return False
    for i in range(series.parameter_count):
        if end - place < 4:
            return False
        series.parameters[i].length = <int32_t>swap32((<const uint32_t *>(text + place))[0])
        place += 4
        series.parameters[i].data = text + place
        if series.parameters[i].length < -1 or end - place < series.parameters[i].length:
            return False
        place += max(series.parameters[i].length, 0)
    series.result_format_count = count_at(text, &place, end)
    if not 0 <= series.result_format_count <= COLUMNS_MAX:
        return False
    if end - place != 2 * series.result_format_count:
        return False
    for i in range(series.result_format_count):
        series.result_formats[i] = swap16((<const uint16_t *>(text + place))[0])
        if series.result_formats[i] > 1:
            return False
        place += 2
    series.bind_end = end
    series.described = size - place >= 7 and text[place] == c"D"
    if series.described:
        if swap32((<const uint32_t *>(text + place + 1))[0]) != 6:
            return False
        if text[place + 5] != c"P" or text[place + 6] != 0:
            return False
        place += 7
    if size - place < 10 or text[place] != c"E":
        return False
    if swap32((<const uint32_t *>(text + place + 1))[0]) != 9 or text[place + 5] != 0:
        return False
    if (<const uint32_t *>(text + place + 6))[0] != 0:
        return False
    series.end = place + 10
    series.synced = is_sync(data, series.end)
    if series.synced:
        series.end += SYNC_BYTES
    return True


cdef bint is_sync(bytes data, Py_ssize_t start) noexcept:
    """Whether a Sync is at hand."""
    cdef const char *text = PyBytes_AS_STRING(data) + start
    if PyBytes_GET_SIZE(data) - start < SYNC_BYTES or text[0] != c"S":
        return False
    return swap32((<const uint32_t *>(text + 1))[0]) == 4


cdef int count_at(const char *text, Py_ssize_t *place, Py_ssize_t end) noexcept:
    """The count at a place, which moves on; -1: there is none."""
    if end - place[0] < 2:
        return -1
    place[0] += 2
    return swap16((<const uint16_t *>(text + place[0] - 2))[0])


cdef object decoded(const char *text, Py_ssize_t length):
    """The text; None where it is no UTF-8, which the steps of Python refuse."""
    if is_ascii(text, length):
        made = PyUnicode_New(length, 127)
        memcpy(PyUnicode_1BYTE_DATA(made), text, length)
        return made
    try:
        return PyUnicode_DecodeUTF8(text, length, NULL)
    except UnicodeDecodeError:
        return None


cdef inline bint is_ascii(const char *text, Py_ssize_t length) noexcept:
    """Whether there is text, all of it ASCII."""
    cdef uint64_t word, seen = 0
    cdef Py_ssize_t place = 0
    while length - place >= 8:
        memcpy(&word, text + place, 8)
        seen |= word
        place += 8
    while place < length:
        seen |= <uint64_t>(text[place] & 0x80)
        place += 1
    return length > 0 and not seen & HIGH_BITS


cdef object text_of(Span *span):
    """Stored text of a parameter."""
    cdef int i
    cdef signed char seen = 0
    for i in range(span.length):
        if not span.data[i]:
            return None
        seen |= span.data[i]
    if seen < 0 and decoded(span.data, span.length) is None:
        return None
    return PyBytes_FromStringAndSize(span.data, span.length)


cdef object integer_of(Span *span, int code, limit):
    """An integer parameter in its usual form, within its type."""
    cdef int64_t value = 0
    cdef uint64_t bound = limit
    cdef int i = 0, digit
    cdef bint negative = False
    if code == 1:
        if span.length == 4 and bound == <uint64_t>1 << 31:
            return <int32_t>swap32((<const uint32_t *>span.data)[0])
        if span.length == 8 and bound == <uint64_t>1 << 63:
            return <int64_t>swap64((<const uint64_t *>span.data)[0])
        if span.length == 2 and bound == <uint64_t>1 << 15:
            return <int16_t>swap16((<const uint16_t *>span.data)[0])
        return None
    if code:
        return None
    if span.length and span.data[0] == c"-":
        negative = True
        i = 1
    if not i < span.length <= DIGITS_MAX:
        return None
    while i < span.length:
        digit = span.data[i] - c"0"
        if not 0 <= digit <= 9:
            return None
        value = 10 * value + digit
        i += 1
    if negative:
        value = -value
    return value if <uint64_t>(value if value >= 0 else -(value + 1)) < bound else None


cdef object value_of(lane, int place, bytes data, int code):
    """A parameter as its type reads it; None: the ordinary flow is to tell what is wrong with it, or has the time."""
    if code > 1:
        return None
    kind = lane.planned.parameters[place]
    if PyBytes_GET_SIZE(data) >= LONG_BYTES and is_long(kind, data):
        return None
    try:
        return read_parameter(kind.type, data, code, lane.style)
    except Exception:  # noqa: BLE001 - it comes up again there
        return None


cdef tuple row_values(lane, Series *series):
    """The parameters in row form, or None where the ordinary flow is to read them, which tells what is wrong."""
    cdef list values = []
    cdef tuple limits = read_slot(lane, &LIMITS)
    cdef int i, code
    cdef Span *span
    if limits is None or series.parameter_count != len(limits):
        return None
    for i in range(series.parameter_count):
        span = &series.parameters[i]
        if span.length < 0:
            values.append(None)
            continue
        code = 0
        if series.parameter_format_count:
            code = series.parameter_formats[i if series.parameter_format_count > 1 else 0]
        value = row_value(lane, i, limits[i], span, code)
        if value is None:
            return None
        values.append(value)
    return tuple(values)


cdef tuple literal_values(lane, Span *literals, int count):
    """The literals of a text in row form, or None where the ordinary flow is to read them."""
    cdef list values = []
    cdef tuple limits = read_slot(lane, &LIMITS)
    cdef int i
    if limits is None or count != len(limits):
        return None
    for i in range(count):
        value = row_value(lane, i, limits[i], &literals[i], 0)
        if value is None:
            return None
        values.append(value)
    return tuple(values)


cdef object row_value(lane, int place, limit, Span *span, int code):
    """A value that is not NULL in row form; None: it is for the ordinary flow."""
    if limit is None:
        return value_of(lane, place, PyBytes_FromStringAndSize(span.data, span.length), code)
    if limit:
        return integer_of(span, code, limit)
    if code > 1 or memchr(span.data, 0, span.length) != NULL:
        return None
    return decoded(span.data, span.length)


cdef tuple formats_of(lane, Series *series):
    """The formats of the columns; None: there are too few or too many."""
    cdef tuple plain = read_slot(lane, &PLAIN_FORMATS)
    cdef Py_ssize_t count = len(plain), i
    if not series.result_format_count:
        return plain
    if series.result_format_count > 1 and series.result_format_count != count:
        return None
    for i in range(series.result_format_count):
        if series.result_formats[i] > 1:
            return None
    return tuple([
        series.result_formats[i if series.result_format_count > 1 else 0] for i in range(count)
    ])
