"""What makes keys of stored parts, for compiled callers."""

cdef enum:
    PARTS_MAX = 16
    LEFT = -1
    KEY_BYTES_MAX = 512  # longer ones are encoded by storage.keys


cdef class KeyParts:
    cdef readonly tuple kinds
    cdef unsigned char kind_of[PARTS_MAX]
    cdef bint is_short  # few enough parts for a key made here

    # storage.keys.encode_key of the parts.
    cdef bytes encode(self, parts)

    # The same into a buffer of KEY_BYTES_MAX: how many bytes it is; LEFT: it is for `encode`.
    cdef Py_ssize_t write(self, parts, unsigned char *scratch) except -2
