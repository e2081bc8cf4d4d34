"""What makes keys of stored parts, for compiled callers."""

cdef enum:
    PARTS_MAX = 16


cdef class KeyParts:
    cdef readonly tuple kinds
    cdef unsigned char kind_of[PARTS_MAX]
    cdef bint is_short  # few enough parts for a key made here

    # storage.keys.encode_key of the parts.
    cdef bytes encode(self, parts)
