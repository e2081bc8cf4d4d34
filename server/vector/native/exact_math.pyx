"""Square roots and logarithms of decimals, to the last digit; server/vector/exact_math.py specifies it."""

import numpy as np

from libc.stdint cimport int16_t, int64_t, uint64_t

cdef extern from *:
    """
    #include <float.h>
    #include <math.h>
    typedef unsigned __int128 rustydb_wide;
    typedef __int128 rustydb_signed;
    static inline rustydb_wide wide_product(uint64_t one, uint64_t other) { return (rustydb_wide)one * other; }
    static inline uint64_t high_half(rustydb_wide number) { return (uint64_t)(number >> 64); }
    /* Of less than 126 bits. */
    static inline uint64_t root_of(rustydb_wide number) {
        uint64_t root = (uint64_t)sqrtl((long double)number);
        while ((rustydb_wide)root * root > number) root--;
        while ((rustydb_wide)(root + 1) * (root + 1) <= number) root++;
        return root;
    }
    static inline int bits_of(uint64_t number) { return 64 - __builtin_clzll(number); }
    static inline rustydb_signed wide_of(int64_t first, int64_t second) {
        return (rustydb_signed)first * 1000000000000000000 + second;
    }
    /* The logarithm of one plus a part, which is small, times a number. */
    static inline rustydb_signed rest_of(int64_t above, int64_t below, long double factor) {
        return (rustydb_signed)(log1pl((long double)above / (long double)below) * factor);
    }
    #define REST_ERROR (LDBL_EPSILON / 16)
    """
    ctypedef uint64_t wide "rustydb_wide"
    ctypedef int64_t signed_wide "rustydb_signed"
    wide wide_product(uint64_t one, uint64_t other) nogil
    uint64_t high_half(wide number) nogil
    uint64_t root_of(wide number) nogil
    int bits_of(uint64_t number) nogil
    signed_wide wide_of(int64_t first, int64_t second) nogil
    signed_wide rest_of(int64_t above, int64_t below, long double factor) nogil
    long double REST_ERROR

cdef enum:
    GROUPS = 5
    BITS_MAX = 126
    ARGUMENT_BITS_MAX = 55
    PARTS = 128
    PART_BITS = 7
    UNIT_DIGITS = 30

cdef int64_t LEFT = -(<int64_t>1 << 63)
cdef uint64_t POWERS[20]
cdef int place
POWERS[0] = 1
for place in range(1, 20):
    POWERS[place] = POWERS[place - 1] * 10


def square_roots(values, int scale, int digits_min):
    """The scale and the digits of the root of each number, of which none is below zero."""
    cdef const int64_t[::1] value_of = np.ascontiguousarray(values, np.int64)
    cdef Py_ssize_t rows = value_of.shape[0], row
    scales, numbers = np.empty(rows, np.int16), np.empty(rows, np.int64)
    cdef int16_t[::1] scale_of = scales
    cdef int64_t[::1] number_of = numbers
    cdef int shown, shift, weight, i
    cdef uint64_t value
    cdef wide product
    assert 0 <= scale <= 18
    with nogil:
        for row in range(rows):
            value = <uint64_t>value_of[row]
            weight = -(scale // 4) - 1
            for i in range(GROUPS):
                weight += value >= POWERS[scale % 4 + 4 * i]
            weight = weight if value else 0
            shown = digits_min - 2 * weight - 1
            shown = scale if shown < scale else shown
            shift = 2 * shown - scale
            scale_of[row] = shown
            number_of[row] = LEFT
            if shift > 38:
                continue
            product = wide_product(value, POWERS[19 if shift > 19 else shift])
            if high_half(product) >> 62:
                continue
            if shift > 19:
                if high_half(wide_product(high_half(product) + 1, POWERS[shift - 19])):
                    continue
                product = product * POWERS[shift - 19]
            if high_half(product) >> (BITS_MAX - 2 - 64):
                continue
            number_of[row] = <int64_t>((root_of(product * 4) + 1) // 2)
    return scales, numbers


def logarithms(values, int scale, int digits_min, const int64_t[:, ::1] table):
    """The scale and the digits of the logarithm of each number, of which all are above zero."""
    cdef const int64_t[::1] value_of = np.ascontiguousarray(values, np.int64)
    cdef Py_ssize_t rows = value_of.shape[0], row
    scales, numbers = np.full(rows, scale, np.int16), np.full(rows, LEFT, np.int64)
    cdef int16_t[::1] scale_of = scales
    cdef int64_t[::1] number_of = numbers
    cdef int power, part, shown
    cdef int64_t value, end
    cdef int64_t near_least = <int64_t>(9 * POWERS[scale - 1]) if scale else 1
    cdef int64_t near_most = <int64_t>(11 * POWERS[scale - 1]) if scale else 1
    cdef signed_wide two = wide_of(table[0, 0], table[0, 1]), ten = wide_of(table[1, 0], table[1, 1])
    cdef signed_wide e = wide_of(table[2, 0], table[2, 1]), number, unit, rest, size
    cdef long double factor = <long double>e
    cdef signed_wide error = <signed_wide>(factor * REST_ERROR) + PARTS  # and what the table is rounded by
    cdef signed_wide doubt = e // 1000000000
    with nogil:
        for row in range(rows):
            value = value_of[row]
            if near_least <= value <= near_most or value >> ARGUMENT_BITS_MAX:
                continue
            power = bits_of(<uint64_t>value) - 1
            part = <int>((value >> (power - PART_BITS) if power > PART_BITS else value << (PART_BITS - power)) - PARTS)
            end = <int64_t>(PARTS + part) << power
            number = power * two - scale * ten + wide_of(table[3 + part, 0], table[3 + part, 1])
            number = number + rest_of(value * PARTS - end, end, factor)
            size = -number if number < 0 else number
            if -doubt < size - 10 * e < doubt or -doubt < 10 * size - e < doubt:
                continue
            shown = digits_min - (size > 10 * e) + (10 * size < e)
            shown = scale if shown < scale else shown
            unit = POWERS[UNIT_DIGITS - shown]
            rest = size % unit - unit // 2
            if -error <= rest <= error or size // unit >> 62:
                continue
            scale_of[row] = shown
            value = <int64_t>(size // unit) + (rest > 0)
            number_of[row] = -value if number < 0 else value
    return scales, numbers
