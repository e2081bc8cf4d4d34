"""The compiled twin of protocol.copy_pieces."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

cdef extern from *:
    uint32_t swap32 "__builtin_bswap32"(uint32_t) nogil

cdef enum:
    HEADER_BYTES = 5
    LENGTH_MIN = 4


def join_copy_data(
    bytes buffer not None, Py_ssize_t start, Py_ssize_t bytes_max, Py_ssize_t length_max
):
    """The data of whole messages from start on, about so much of it, and where what was taken ends."""
    cdef const char *text = PyBytes_AS_STRING(buffer)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(buffer), place = start, count = 0, total = 0, length
    cdef bytes joined
    cdef char *target
    if start < 0:
        raise ValueError("start is below 0")
    while size - place >= HEADER_BYTES and count < bytes_max and text[place] == c"d":
        length = swap32((<const uint32_t *>(text + place + 1))[0])
        if not LENGTH_MIN <= length <= length_max or length >= size - place:
            break
        count += length
        total += length - LENGTH_MIN
        place += 1 + length
    joined = PyBytes_FromStringAndSize(NULL, total)
    target = PyBytes_AS_STRING(joined)
    while start < place:
        length = swap32((<const uint32_t *>(text + start + 1))[0])
        memcpy(target, text + start + HEADER_BYTES, length - LENGTH_MIN)
        target += length - LENGTH_MIN
        start += 1 + length
    return joined, place
