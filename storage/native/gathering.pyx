"""The twin of storage/gathering.py: one pass over the rows, whatever groups they are in."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from storage.native.blocks cimport (
    BLOCK_BYTES, DICTIONARY, FRAME, PACKED, Block, View, code_at, fill_view, framed_at, text_place, words_of,
)


cdef inline void copy_value(
    unsigned char *target, const unsigned char *source, Py_ssize_t width
) noexcept nogil:
    """The widths are told apart so that each is copied by one instruction or two."""
    if width == 8:
        memcpy(target, source, 8)
    elif width == 4:
        memcpy(target, source, 4)
    elif width == 16:
        memcpy(target, source, 16)
    elif width == 2:
        memcpy(target, source, 2)
    else:
        target[0] = source[0]


cdef void copy_sealed(
    unsigned char *target, const unsigned char *store, const Block *block, uint64_t slot, Py_ssize_t width
) noexcept nogil:
    """The value of one slot of a block."""
    cdef uint64_t number[2]
    cdef const unsigned char *start
    if block.encoding == DICTIONARY:
        slot = code_at(block, slot)
        block = words_of(block)
    start = <const unsigned char *>block
    if block.encoding == PACKED:
        fill_view(<View *>target, store, (start - store) + text_place(block, slot), code_at(block, slot))
    elif block.encoding == FRAME:
        number[0] = framed_at(block, slot)
        copy_value(target, <const unsigned char *>number, width)
    else:
        copy_value(target, start + BLOCK_BYTES + width * slot, width)


def gathered(const unsigned char[::1] store, starts, are_sealed, places, slots, kind):
    """The values of some slots of some groups; of BYTES views."""
    cdef const uint64_t[::1] start_of = np.ascontiguousarray(starts, np.uint64)
    cdef const uint8_t[::1] is_sealed = np.ascontiguousarray(are_sealed, np.uint8)
    cdef const int64_t[::1] place_of = np.ascontiguousarray(places, np.int64)
    cdef const int64_t[::1] slot_of = np.ascontiguousarray(slots, np.int64)
    cdef Py_ssize_t count = place_of.shape[0], width = kind.width, i, place
    cdef const unsigned char *start
    found = np.empty(count, kind.dtype)
    if count == 0:
        return found
    cdef unsigned char[::1] targets = found.view(np.uint8)
    cdef unsigned char *target = &targets[0]
    with nogil:
        for i in range(count):
            place = place_of[i]
            start = &store[start_of[place]]
            if is_sealed[place]:
                copy_sealed(target, &store[0], <const Block *>start, slot_of[i], width)
            else:
                copy_value(target, start + width * slot_of[i], width)
            target += width
    return found
