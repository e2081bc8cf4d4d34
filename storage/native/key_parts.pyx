"""Keys of stored parts: storage.keys.encode_key for those who make keys of the same kinds over and over."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memchr, memcpy

from storage.keys import encode_key
from storage.kinds import Kind

cdef enum:
    INT16 = 2
    INT64 = 4
    FIXED16 = 7

assert (Kind.INT16, Kind.INT64, Kind.FIXED16) == (INT16, INT64, FIXED16)


cdef class KeyParts:
    """The kinds of the parts."""

    def __init__(self, kinds):
        cdef Py_ssize_t i
        self.kinds = tuple(kinds)
        self.is_short = len(self.kinds) <= PARTS_MAX
        for i in range(len(self.kinds) if self.is_short else 0):
            self.kind_of[i] = self.kinds[i]

    cdef bytes encode(self, parts):
        """storage.keys.encode_key of the parts."""
        cdef unsigned char scratch[KEY_BYTES_MAX]
        cdef Py_ssize_t size = self.write(parts, scratch)
        if size == LEFT:
            return encode_key(parts, self.kinds)
        return PyBytes_FromStringAndSize(<const char *>&scratch[0], size)

    cdef Py_ssize_t write(self, parts, unsigned char *scratch) except -2:
        cdef Py_ssize_t place = 0, i, length
        cdef int64_t number
        cdef int width
        if not self.is_short:
            return LEFT
        for i in range(len(self.kinds)):
            part = parts[i]
            if part is None:
                return LEFT
            length = 8 if self.kind_of[i] <= INT64 else PyBytes_GET_SIZE(part)
            if place + length + 3 > KEY_BYTES_MAX:
                return LEFT
            scratch[place] = 1
            place += 1
            if self.kind_of[i] <= INT64:
                width = 1 << (self.kind_of[i] - 1)
                number = part
                number ^= <int64_t>(<uint64_t>1 << (8 * width - 1))
                for length in range(width - 1, -1, -1):
                    scratch[place] = (<uint64_t>number >> (8 * length)) & 0xFF
                    place += 1
                continue
            if memchr(PyBytes_AS_STRING(part), 0, length) != NULL and self.kind_of[i] != FIXED16:
                return LEFT
            memcpy(scratch + place, PyBytes_AS_STRING(part), length)
            place += length
            if self.kind_of[i] != FIXED16:
                scratch[place] = 0
                scratch[place + 1] = 0
                place += 2
        return place
