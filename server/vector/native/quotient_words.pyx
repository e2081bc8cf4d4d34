"""Quotients of decimals; server/vector/quotient_words.py specifies it."""

import numpy as np

from libc.stdint cimport int8_t, int16_t, int64_t, uint64_t

cdef extern from *:
    """
    typedef unsigned __int128 rustydb_wide;
    static inline rustydb_wide wide_product(uint64_t one, uint64_t other) { return (rustydb_wide)one * other; }
    static inline int wide_bits(rustydb_wide number) {
        uint64_t high = (uint64_t)(number >> 64), low = (uint64_t)number;
        return high ? 128 - __builtin_clzll(high) : low ? 64 - __builtin_clzll(low) : 0;
    }
    static inline rustydb_wide wide_quotient(rustydb_wide number, uint64_t divisor) {
        if (!(uint64_t)(number >> 64)) return (uint64_t)number / divisor;
        return number / divisor;
    }
    """
    ctypedef uint64_t wide "rustydb_wide"
    wide wide_product(uint64_t one, uint64_t other) nogil
    int wide_bits(wide number) nogil
    wide wide_quotient(wide number, uint64_t divisor) nogil

cdef enum:
    ONE_WORD = 0
    TWO_WORDS = 1
    LEFT = 2
    SHIFT_MAX = 38
    SECOND_DIGITS = 18

cdef uint64_t POWERS[20]
cdef int place
POWERS[0] = 1
for place in range(1, 20):
    POWERS[place] = POWERS[place - 1] * 10
cdef uint64_t ONE_WORD_MAX = 9 * POWERS[18]


cdef inline int _length(uint64_t number) noexcept nogil:
    """How many decimal digits a number other than zero has."""
    cdef int digits = (wide_bits(number) * 1233) >> 12
    return digits + (number >= POWERS[digits])


cdef inline int _weight(uint64_t number, int scale, uint64_t *first) noexcept nogil:
    """The place of the first group of four digits of a number, and that group; 0 and 0 for zero."""
    cdef int above, weight, shift
    if not number:
        first[0] = 0
        return 0
    above = _length(number) - 1 - scale
    weight = above // 4 if above >= 0 else -((3 - above) // 4)
    shift = scale + weight * 4
    first[0] = number // POWERS[shift] if shift >= 0 else number * POWERS[-shift]
    return weight


def quotient_words(dividends, int dividend_scale, divisors, int divisor_scale, int digits_min, int scale_max):
    """Of each quotient: its scale, in what form it is, and its words."""
    cdef const int64_t[::1] upper_of = np.ascontiguousarray(dividends, np.int64)
    cdef const int64_t[::1] lower_of = np.ascontiguousarray(divisors, np.int64)
    cdef Py_ssize_t rows = upper_of.shape[0], row
    assert lower_of.shape[0] == rows and 0 <= dividend_scale <= 18 and 0 <= divisor_scale <= 18
    scales, forms = np.empty(rows, np.int16), np.empty(rows, np.int8)
    firsts, seconds = np.empty(rows, np.int64), np.zeros(rows, np.int64)
    cdef int16_t[::1] scale_of = scales
    cdef int8_t[::1] form_of = forms
    cdef int64_t[::1] first_of = firsts, second_of = seconds
    cdef int least = max(dividend_scale, divisor_scale), scale, shift, digits, weight
    cdef uint64_t upper, lower, one, other, rest
    cdef wide number, product
    cdef bint is_negative
    with nogil:
        for row in range(rows):
            is_negative = (upper_of[row] < 0) != (lower_of[row] < 0)
            upper = -<uint64_t>upper_of[row] if upper_of[row] < 0 else <uint64_t>upper_of[row]
            lower = -<uint64_t>lower_of[row] if lower_of[row] < 0 else <uint64_t>lower_of[row]
            weight = _weight(upper, dividend_scale, &one) - _weight(lower, divisor_scale, &other)
            scale = digits_min - 4 * (weight - (one <= other))
            scale = least if scale < least else scale
            scale = scale_max if scale > scale_max else scale
            scale_of[row] = scale
            shift = scale + divisor_scale - dividend_scale
            form_of[row] = LEFT
            first_of[row] = 0
            if shift < 0 or shift > SHIFT_MAX:
                continue
            if shift <= 19:
                product = wide_product(upper, POWERS[shift])
            else:
                product = wide_product(upper, POWERS[19])
                if wide_bits(product) + wide_bits(POWERS[shift - 19]) > 126:
                    continue
                product = product * POWERS[shift - 19]
            if wide_bits(product) > 126:
                continue
            number = wide_quotient(product, lower)
            rest = <uint64_t>(product - number * lower)
            if rest >= lower - rest:
                number = number + 1
            if number < ONE_WORD_MAX:
                form_of[row] = ONE_WORD
                first_of[row] = -<int64_t>number if is_negative else <int64_t>number
                continue
            digits = SECOND_DIGITS if scale > SECOND_DIGITS else scale
            product = wide_quotient(number, POWERS[digits])
            if wide_bits(product) > 62 or not digits:
                continue
            form_of[row] = TWO_WORDS
            rest = <uint64_t>(number - product * POWERS[digits])
            first_of[row] = -<int64_t>product if is_negative else <int64_t>product
            second_of[row] = -<int64_t>rest if is_negative else <int64_t>rest
    return scales, forms, firsts, seconds
