"""The twin of storage/number_keys.py: digits become pairs as they are read, without a value in between."""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcmp

import numpy as np

cdef enum:
    DIGITS_MAX = 80
    BIAS = 1 << 23
    MINUS = 45
    POINT = 46
    ZERO = 48
    # The first byte of a key, which orders infinities, numbers and NaN
    BELOW = 0
    NEGATIVE = 1
    NOTHING = 2
    POSITIVE = 3
    ABOVE = 4
    NOT_A_NUMBER = 5


cdef struct Digits:
    Py_ssize_t whole, fraction  # how many there are of each
    Py_ssize_t first, last  # places of those that are not zero, counted without the point; -1: all are zero


cdef bint read(const uint8_t *text, Py_ssize_t length, Digits *found) noexcept nogil:
    """Whether these are digits, with a point among them or none."""
    cdef Py_ssize_t at, place = 0
    cdef bint has_point = False
    found.whole = found.fraction = 0
    found.first = found.last = -1
    for at in range(length):
        if text[at] == POINT and not has_point:
            has_point = True
            found.whole = place
            continue
        if text[at] < ZERO or text[at] > ZERO + 9:
            return False
        if text[at] != ZERO:
            if found.first < 0:
                found.first = place
            found.last = place
        place += 1
    if not has_point:
        found.whole = place
    found.fraction = place - found.whole
    return found.whole > 0 and (found.fraction > 0 or not has_point)


cdef Py_ssize_t word(const uint8_t *text, Py_ssize_t length, uint8_t *key) noexcept nogil:
    """The key of what is no number, or 0."""
    if length == 3 and memcmp(text, b"NaN", 3) == 0:
        key[0] = NOT_A_NUMBER
    elif length == 8 and memcmp(text, b"Infinity", 8) == 0:
        key[0] = ABOVE
    elif length == 9 and memcmp(text, b"-Infinity", 9) == 0:
        key[0] = BELOW
    else:
        return 0
    return 1


cdef inline uint8_t digit(const uint8_t *text, const Digits *found, Py_ssize_t place) noexcept nogil:
    return text[place + (place >= found.whole)] - ZERO


cdef Py_ssize_t encode(const uint8_t *text, Py_ssize_t length, uint8_t *key) noexcept nogil:
    """Write the key of one number; its length, 0 if it is not plain."""
    cdef Digits found
    cdef bint is_negative = length > 0 and text[0] == MINUS
    cdef Py_ssize_t place, size = 4, at
    cdef int64_t exponent
    cdef uint8_t pair
    if length == 0:
        key[0] = NOTHING
        return 1
    if length > DIGITS_MAX:
        return 0
    if not read(text + is_negative, length - is_negative, &found):
        return word(text, length, key)
    if found.first < 0:
        key[0] = NOTHING
        return 1
    text += is_negative
    key[0] = NEGATIVE if is_negative else POSITIVE
    exponent = found.whole - found.first + BIAS
    key[1] = (exponent >> 16) & 0xFF
    key[2] = (exponent >> 8) & 0xFF
    key[3] = exponent & 0xFF
    place = found.first
    while place <= found.last:
        pair = 10 * digit(text, &found, place) + 1
        if place < found.last:
            pair += digit(text, &found, place + 1)
        key[size] = pair
        size += 1
        place += 2
    key[size] = 0
    size += 1
    if is_negative:
        for at in range(1, size):
            key[at] ^= 0xFF
    return size


def number_keys(const uint8_t[::1] blob not None, const int64_t[::1] offsets not None):
    """A row of bytes for each number, and how many of them are its key; the texts lie end to end."""
    cdef Py_ssize_t count = offsets.shape[0] - 1, row, longest = 1, size = 0, width
    cdef const uint8_t *text = NULL
    cdef uint8_t[:, ::1] out
    cdef int64_t[::1] length_of
    if blob.shape[0]:
        text = &blob[0]
    for row in range(count):
        longest = max(longest, offsets[row + 1] - offsets[row])
    if longest > DIGITS_MAX:
        return None
    width = 1 + 3 + (longest + 1) // 2 + 1
    matrix = np.zeros((count, width), np.uint8)
    lengths = np.empty(count, np.int64)
    out, length_of = matrix, lengths
    longest = 1
    with nogil:
        for row in range(count):
            size = encode(text + offsets[row], offsets[row + 1] - offsets[row], &out[row, 0])
            if size == 0:
                break
            length_of[row] = size
            longest = max(longest, size)
    if count and size == 0:
        return None
    return np.ascontiguousarray(matrix[:, :longest]), lengths
