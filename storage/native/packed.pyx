"""The twin of storage/packed_loops.py: views for texts that lie end to end, and numbers out of codes."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from storage.native.blocks cimport TEXTS_A_START, View, fill_view

ctypedef fused code_t:
    uint8_t
    uint16_t
    uint32_t
    uint64_t

ctypedef fused number_t:
    uint8_t
    uint16_t
    uint32_t
    uint64_t


cdef void fill_numbers(
    const code_t *codes, number_t *numbers, const int64_t *slots, Py_ssize_t count, uint64_t base, uint64_t step
) noexcept nogil:
    """base + step * code, modulo the width of the numbers; slots NULL: of all codes."""
    cdef Py_ssize_t i
    cdef number_t low = <number_t>base, factor = <number_t>step
    if slots != NULL:
        for i in range(count):
            numbers[i] = low + factor * <number_t>codes[slots[i]]
    elif factor == 1:
        for i in range(count):
            numbers[i] = low + <number_t>codes[i]
    else:
        for i in range(count):
            numbers[i] = low + factor * <number_t>codes[i]


cdef void fill_width(
    const code_t *codes, unsigned char *numbers, int width, const int64_t *slots, Py_ssize_t count,
    uint64_t base, uint64_t step,
) noexcept nogil:
    if width == 8:
        fill_numbers(codes, <uint64_t *>numbers, slots, count, base, step)
    elif width == 4:
        fill_numbers(codes, <uint32_t *>numbers, slots, count, base, step)
    elif width == 2:
        fill_numbers(codes, <uint16_t *>numbers, slots, count, base, step)
    else:
        fill_numbers(codes, <uint8_t *>numbers, slots, count, base, step)


def framed_numbers(codes, base, step, dtype, slots):
    """The numbers that codes stand for, or those at some places."""
    cdef const unsigned char[::1] raw = codes.view(np.uint8)
    cdef const int64_t[::1] wanted
    cdef const int64_t *places = NULL
    cdef Py_ssize_t count = len(codes)
    cdef int code_width = codes.itemsize, width = dtype.itemsize
    cdef uint64_t low = <uint64_t><int64_t>base, factor = <uint64_t><int64_t>step
    if slots is not None:
        wanted = np.ascontiguousarray(slots, np.int64)
        count = wanted.shape[0]
    found = np.empty(count, dtype)
    if count == 0:
        return found
    if slots is not None:
        places = &wanted[0]
    cdef unsigned char[::1] target = found.view(np.uint8)
    with nogil:
        if code_width == 1:
            fill_width(<const uint8_t *>&raw[0], &target[0], width, places, count, low, factor)
        elif code_width == 2:
            fill_width(<const uint16_t *>&raw[0], &target[0], width, places, count, low, factor)
        elif code_width == 4:
            fill_width(<const uint32_t *>&raw[0], &target[0], width, places, count, low, factor)
        else:
            fill_width(<const uint64_t *>&raw[0], &target[0], width, places, count, low, factor)
    return found


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
