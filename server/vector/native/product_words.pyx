"""Products of decimals as two words each; server/vector/product_words.py specifies it."""

import numpy as np

from libc.stdint cimport int64_t, uint64_t

cdef extern from *:
    """
    typedef unsigned __int128 rustydb_wide;
    static inline rustydb_wide wide_sum(uint64_t one, uint64_t other, uint64_t low) {
        return (rustydb_wide)one * other + low;
    }
    static inline uint64_t high_half(rustydb_wide number) { return (uint64_t)(number >> 64); }
    """
    ctypedef uint64_t wide "rustydb_wide"
    wide wide_sum(uint64_t one, uint64_t other, uint64_t low) nogil
    uint64_t high_half(wide number) nogil

cdef uint64_t WORD_MAX = (<uint64_t>1 << 63) - 1


cdef inline uint64_t _size(int64_t number) noexcept nogil:
    return -<uint64_t>number if number < 0 else <uint64_t>number


def product_words(firsts, seconds, digits, factors, digits_made):
    """Numbers of two words, or of one, times integers; None: a first word is too small for one of them."""
    cdef const int64_t[::1] first_of = np.ascontiguousarray(firsts, np.int64)
    cdef const int64_t[::1] second_of
    cdef const int64_t[::1] factor_of = np.ascontiguousarray(factors, np.int64)
    cdef Py_ssize_t rows = first_of.shape[0], row = 0
    cdef bint has_second = seconds is not None, is_negative
    assert factor_of.shape[0] == rows and 0 <= digits <= 18 and 0 <= digits_made <= 18
    if has_second:
        second_of = np.ascontiguousarray(seconds, np.int64)
        assert second_of.shape[0] == rows
    made_first, made_second = np.empty(rows, np.int64), np.empty(rows, np.int64)
    cdef int64_t[::1] upper_of = made_first, lower_of = made_second
    cdef uint64_t unit = 10 ** digits, unit_made = 10 ** digits_made, factor, rest
    cdef int64_t second = 0
    cdef wide number, high, low
    with nogil:
        for row in range(rows):
            if has_second:
                second = second_of[row]
            number = wide_sum(_size(first_of[row]), unit, _size(second))
            is_negative = (first_of[row] < 0 or second < 0) != (factor_of[row] < 0)
            factor = _size(factor_of[row])
            low = wide_sum(<uint64_t>number, factor, 0)
            high = wide_sum(high_half(number), factor, high_half(low))
            if high_half(high) or <uint64_t>high > WORD_MAX:
                break
            number = (high << 64) | <uint64_t>low
            high = number // unit_made
            if high > WORD_MAX:
                break
            rest = <uint64_t>(number - high * unit_made)
            upper_of[row] = -<int64_t>high if is_negative else <int64_t>high
            lower_of[row] = -<int64_t>rest if is_negative else <int64_t>rest
        else:
            row = rows
    return (made_first, made_second) if row == rows else None
