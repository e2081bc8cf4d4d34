"""Which rows have a key that occurs; server/executor/present_keys.py specifies it."""

import numpy as np

from storage.engine import Framed

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

ctypedef fused Stored:
    uint8_t
    uint16_t
    uint32_t
    int16_t
    int32_t
    int64_t


def rows_with_keys(keys, valid, int64_t lowest, const uint8_t[::1] present):
    """Which rows have a key that occurs: present[i], 0 or 1, says whether lowest + i does; NULL does not."""
    cdef uint64_t base = 0, step = 1
    if isinstance(keys, Framed):
        base, step = <uint64_t><int64_t>keys.base, <uint64_t><int64_t>keys.step
        keys = keys.codes
    base -= <uint64_t>lowest
    rows = np.empty(len(keys), np.int64)
    cdef Py_ssize_t found
    cdef bint is_signed = keys.dtype.kind == "i"
    cdef int width = keys.itemsize
    if width == 1:
        found = _rows_of[uint8_t](keys, base, step, valid, present, rows)
    elif width == 2 and is_signed:
        found = _rows_of[int16_t](keys, base, step, valid, present, rows)
    elif width == 2:
        found = _rows_of[uint16_t](keys, base, step, valid, present, rows)
    elif width == 4 and is_signed:
        found = _rows_of[int32_t](keys, base, step, valid, present, rows)
    elif width == 4:
        found = _rows_of[uint32_t](keys, base, step, valid, present, rows)
    else:
        found = _rows_of[int64_t](keys.view(np.int64), base, step, valid, present, rows)
    return rows[:found].copy() if found * 4 < len(rows) else rows[:found]


cdef Py_ssize_t _rows_of(
    const Stored[:] keys, uint64_t base, uint64_t step, valid, const uint8_t[::1] present, int64_t[::1] rows
) except -1:
    """Note the rows; how many they are. The place of a key is base + step * key, modulo 64 bits."""
    cdef Py_ssize_t count = keys.shape[0], row, found = 0
    cdef uint64_t span = present.shape[0], place
    cdef bint is_inside, has_nulls = valid is not None
    cdef const uint8_t[:] is_valid = None
    if has_nulls:
        is_valid = valid.view(np.uint8)
    with nogil:
        for row in range(count):  # no branch depends on a key: there would be no guessing it
            place = base + step * <uint64_t><int64_t>keys[row]
            is_inside = place < span
            rows[found] = row
            found += is_inside & present[place if is_inside else 0]
        if has_nulls:
            count, found = found, 0
            for row in range(count):
                rows[found] = rows[row]
                found += is_valid[rows[row]]
    return found
