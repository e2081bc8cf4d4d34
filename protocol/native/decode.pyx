"""The compiled twin of protocol.decode.decode, for the messages that every query consists of.

Rule 1: only what is wholly right is decoded here. Whatever is odd, and every rarer type, goes to the
        specification, so that there is one place that words a refusal.
Rule 2: messages are frozen, so their slots are filled below __setattr__, before anybody sees them.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport int16_t, int32_t, uint16_t, uint32_t
from libc.string cimport memchr

from protocol import decode as specification
from protocol.messages import Bind, Execute, Parse, Query, Sync

cdef extern from "Python.h":
    object PyUnicode_DecodeUTF8(const char *text, Py_ssize_t size, const char *errors)
    object PyType_GenericAlloc(type kind, Py_ssize_t items)
    int PyObject_GenericSetAttr(object instance, object name, object value) except -1

cdef extern from *:
    uint16_t swap16 "__builtin_bswap16"(uint16_t) nogil
    uint32_t swap32 "__builtin_bswap32"(uint32_t) nogil

cdef object SYNC = Sync()
cdef object DECODE = specification.decode
cdef type BIND = Bind
cdef type EXECUTE = Execute
cdef type PARSE = Parse
cdef type QUERY = Query
cdef tuple EMPTY = ()


cdef struct Cursor:
    const char *place
    const char *end


def decode(int tag, bytes buffer, Py_ssize_t start, Py_ssize_t end):
    """Return the message of type `tag` whose body is buffer[start:end]."""
    cdef Cursor cursor
    cdef object message = None
    if not 0 <= start <= end <= PyBytes_GET_SIZE(buffer):
        return DECODE(tag, buffer, start, end)
    cursor.place = PyBytes_AS_STRING(buffer) + start
    cursor.end = PyBytes_AS_STRING(buffer) + end
    try:
        if tag == c"B":
            message = decode_bind(&cursor)
        elif tag == c"E":
            message = decode_execute(&cursor)
        elif tag == c"S":
            message = SYNC
        elif tag == c"Q":
            message = decode_query(&cursor)
        elif tag == c"P":
            message = decode_parse(&cursor)
    except UnicodeDecodeError:
        message = None
    if message is None or cursor.place != cursor.end:
        return DECODE(tag, buffer, start, end)
    return message


cdef object decode_query(Cursor *cursor):
    cdef object message
    cdef object sql = text(cursor)
    if sql is None:
        return None
    message = PyType_GenericAlloc(QUERY, 0)
    PyObject_GenericSetAttr(message, "sql", sql)
    return message


cdef object decode_parse(Cursor *cursor):
    cdef object message
    cdef object name = text(cursor)
    cdef object sql = text(cursor) if name is not None else None
    cdef object oids = integers(cursor, 4) if sql is not None else None
    if oids is None:
        return None
    message = PyType_GenericAlloc(PARSE, 0)
    PyObject_GenericSetAttr(message, "name", name)
    PyObject_GenericSetAttr(message, "sql", sql)
    PyObject_GenericSetAttr(message, "parameter_oids", oids)
    return message


cdef object decode_execute(Cursor *cursor):
    cdef object message
    cdef object portal = text(cursor)
    cdef int32_t max_rows
    if portal is None or cursor.end - cursor.place != 4:
        return None
    max_rows = <int32_t>swap32((<const uint32_t *>cursor.place)[0])
    cursor.place += 4
    message = PyType_GenericAlloc(EXECUTE, 0)
    PyObject_GenericSetAttr(message, "portal", portal)
    PyObject_GenericSetAttr(message, "max_rows", max(max_rows, 0))
    return message


cdef object decode_bind(Cursor *cursor):
    cdef object message
    cdef object portal = text(cursor)
    cdef object statement = text(cursor) if portal is not None else None
    cdef object formats = integers(cursor, 2) if statement is not None else None
    cdef object parameters = values(cursor) if formats is not None else None
    cdef object result_formats = integers(cursor, 2) if parameters is not None else None
    if result_formats is None:
        return None
    if len(<tuple>formats) > 1 and len(<tuple>formats) != len(<tuple>parameters):
        return None
    message = PyType_GenericAlloc(BIND, 0)
    PyObject_GenericSetAttr(message, "portal", portal)
    PyObject_GenericSetAttr(message, "statement", statement)
    PyObject_GenericSetAttr(message, "parameter_formats", formats)
    PyObject_GenericSetAttr(message, "parameters", parameters)
    PyObject_GenericSetAttr(message, "result_formats", result_formats)
    return message


cdef object text(Cursor *cursor):
    """Return the terminated string at the cursor, or None."""
    cdef const char *start = cursor.place
    cdef const char *stop = <const char *>memchr(start, 0, cursor.end - start)
    if stop == NULL:
        return None
    cursor.place = stop + 1
    return PyUnicode_DecodeUTF8(start, stop - start, NULL)


cdef inline int count(Cursor *cursor) noexcept:
    """Return the count at the cursor, or -1."""
    cdef int number
    if cursor.end - cursor.place < 2:
        return -1
    number = swap16((<const uint16_t *>cursor.place)[0])
    cursor.place += 2
    return number


cdef object integers(Cursor *cursor, int width):
    """Return a count and so many signed 2-byte or unsigned 4-byte integers, or None."""
    cdef int size = count(cursor)
    cdef int number
    cdef object item
    cdef tuple items
    if size < 0 or cursor.end - cursor.place < <Py_ssize_t>size * width:
        return None
    if size == 0:
        return EMPTY
    items = PyTuple_New(size)
    for number in range(size):
        if width == 2:
            item = <int16_t>swap16((<const uint16_t *>cursor.place)[0])
        else:
            item = swap32((<const uint32_t *>cursor.place)[0])
        cursor.place += width
        Py_INCREF(item)
        PyTuple_SET_ITEM(items, number, item)
    return items


cdef object values(Cursor *cursor):
    """Return a count and so many values with their lengths, or None."""
    cdef int size = count(cursor)
    cdef int number
    cdef int32_t length
    cdef list items = []
    # Each value has at least a length, which bounds the count before anything is made.
    if size < 0 or cursor.end - cursor.place < <Py_ssize_t>size * 4:
        return None
    if size == 0:
        return EMPTY
    for number in range(size):
        if cursor.end - cursor.place < 4:
            return None
        length = <int32_t>swap32((<const uint32_t *>cursor.place)[0])
        cursor.place += 4
        if length == -1:
            items.append(None)
            continue
        if length < 0 or cursor.end - cursor.place < length:
            return None
        items.append(PyBytes_FromStringAndSize(cursor.place, length))
        cursor.place += length
    return tuple(items)
