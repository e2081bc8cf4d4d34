"""The twin of storage/packed_loops.py: views for texts that lie end to end."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from storage.native.blocks cimport TEXTS_A_START, View, fill_view

cdef inline uint32_t length_at(const uint8_t *lengths, int width, Py_ssize_t slot) noexcept nogil:
    return lengths[slot] if width == 1 else (<const uint16_t *>lengths)[slot]


def packed_views(
    const unsigned char[::1] store, lengths, const uint32_t[::1] starts, uint64_t address, slots
):
    """The views of all texts, or of some, as bytes; the first text lies at the address."""
    cdef int width = lengths.itemsize
    cdef const uint8_t[::1] raw = lengths.view(np.uint8)
    cdef const int64_t[::1] wanted
    cdef Py_ssize_t count = len(lengths), i, slot, before
    cdef uint64_t place = address
    cdef uint32_t length
    cdef uint8_t[::1] target
    cdef View *view
    cdef bint picks = slots is not None
    if picks:
        wanted = np.ascontiguousarray(slots, np.int64)
        count = wanted.shape[0]
    found = np.empty(16 * count, np.uint8)
    if count == 0:
        return found
    target = found
    view = <View *>&target[0]
    with nogil:
        for i in range(count):
            slot = i
            if picks:
                slot = wanted[i]
                place = address + starts[slot // TEXTS_A_START]
                for before in range(slot // TEXTS_A_START * TEXTS_A_START, slot):
                    place += length_at(&raw[0], width, before)
            length = length_at(&raw[0], width, slot)
            fill_view(view + i, &store[0], place, length)
            place += length
    return found
