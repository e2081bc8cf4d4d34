"""Quotients of decimals; server/vector/quotient_words.py specifies it."""

import numpy as np

from libc.stdint cimport int8_t, int16_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free

cdef extern from *:
    """
    typedef unsigned __int128 rustydb_wide;
    static inline rustydb_wide wide_product(uint64_t one, uint64_t other) { return (rustydb_wide)one * other; }
    static inline int wide_bits(rustydb_wide number) {
        uint64_t high = (uint64_t)(number >> 64), low = (uint64_t)number;
        return high ? 128 - __builtin_clzll(high) : low ? 64 - __builtin_clzll(low) : 0;
    }
    static inline uint64_t high_half(rustydb_wide number) { return (uint64_t)(number >> 64); }
    #if defined(__x86_64__)  // without a branch on the size, which would be guessed wrong
    static inline rustydb_wide wide_quotient(rustydb_wide number, uint64_t divisor, uint64_t *rest) {
        uint64_t high, low, left;
        __asm__("divq %4" : "=a"(high), "=d"(left) : "0"((uint64_t)(number >> 64)), "1"((uint64_t)0), "r"(divisor) : "cc");
        __asm__("divq %4" : "=a"(low), "=d"(*rest) : "0"((uint64_t)number), "1"(left), "r"(divisor) : "cc");
        return (rustydb_wide)high << 64 | low;
    }
    #else
    static inline rustydb_wide wide_quotient(rustydb_wide number, uint64_t divisor, uint64_t *rest) {
        rustydb_wide quotient = number / divisor;
        *rest = (uint64_t)(number - quotient * divisor);
        return quotient;
    }
    #endif
    """
    ctypedef uint64_t wide "rustydb_wide"
    wide wide_product(uint64_t one, uint64_t other) nogil
    int wide_bits(wide number) nogil
    uint64_t high_half(wide number) nogil
    wide wide_quotient(wide number, uint64_t divisor, uint64_t *rest) nogil

cdef enum:
    ONE_WORD = 0
    TWO_WORDS = 1
    LEFT = 2
    SHIFT_MAX = 38
    BITS_MAX = 126
    WORD_BITS_MAX = 62
    GROUPS = 5
    ABOVE_MIN = -12
    SCALES = 24  # how many scales quotients may have
    SECOND_DIGITS = 18

cdef uint64_t POWERS[20]
cdef int place
POWERS[0] = 1
for place in range(1, 20):
    POWERS[place] = POWERS[place - 1] * 10
cdef uint64_t LOW_POWERS[SHIFT_MAX + 1]
cdef int FREE_BITS[SHIFT_MAX + 1]  # of the high half of a product with the low one, that the high one leaves
cdef uint64_t HIGH_POWERS[SHIFT_MAX + 1]  # what is left of powers beyond those of one word
for place in range(SHIFT_MAX + 1):
    LOW_POWERS[place] = POWERS[min(place, 19)]
    HIGH_POWERS[place] = POWERS[max(place - 19, 0)]
    FREE_BITS[place] = BITS_MAX + 1 - 64 - wide_bits(HIGH_POWERS[place])
cdef uint64_t ONE_WORD_MAX = 9 * POWERS[18]


cdef struct Groups:
    uint64_t least[GROUPS]  # the least numbers with one group of four digits more than the one before
    uint64_t raised[GROUPS + 1]  # by what a number with so many groups is to be multiplied
    uint64_t unit[GROUPS + 1]  # and by what its first group, to be the same but for the other groups
    int below  # how many groups a number has whose first is the one before the point


cdef void _know(Groups *groups, int scale) noexcept nogil:
    """Tell of numbers of a scale how groups are counted: by comparing, as looking for bits is slow here and there."""
    cdef int rest = scale % 4, number, shift
    groups.below = scale // 4 + 1
    for number in range(GROUPS):
        groups.least[number] = POWERS[rest + 4 * number]
    for number in range(GROUPS + 1):
        shift = rest - 4 + 4 * number
        groups.raised[number] = POWERS[-shift] if shift < 0 else 1
        groups.unit[number] = 1 if shift < 0 else POWERS[shift]


cdef inline int _group_count(const Groups *groups, uint64_t number) noexcept nogil:
    """How many groups a number has down to the last that one of its scale may have; zero is in the one before the point."""
    cdef int count = 0, i
    for i in range(GROUPS):
        count += number >= groups.least[i]
    return count if number else groups.below


cdef struct Divisor:
    uint64_t number
    int count
    uint64_t first  # its first group


cdef inline void _measure(Divisor *divisor, uint64_t number, const Groups *groups) noexcept nogil:
    """Tell of a divisor, which often is the one before."""
    if divisor.number != number:
        divisor.number = number
        divisor.count = _group_count(groups, number)
        divisor.first = number * groups.raised[divisor.count] // groups.unit[divisor.count]


cdef inline int _above(uint64_t upper, const Groups *groups, const Divisor *divisor) noexcept nogil:
    """By how many groups a dividend is larger, one fewer where its first group is not the greater one."""
    cdef int count = _group_count(groups, upper)
    cdef bint is_at_most = (
        <wide>(upper * groups.raised[count]) < wide_product(divisor.first + 1, groups.unit[count])
    )
    return count - divisor.count - is_at_most


cdef inline bint _divide(uint64_t upper, uint64_t lower, int shift, wide *number) noexcept nogil:
    """A quotient of a dividend moved by so many digits, rounded; whether two words hold the moved one."""
    cdef wide product
    cdef uint64_t rest
    if shift < 0 or shift > SHIFT_MAX:
        return False
    product = wide_product(upper, LOW_POWERS[shift])
    if high_half(product) >> FREE_BITS[shift]:
        return False
    product = product * HIGH_POWERS[shift]
    if high_half(product) >> (BITS_MAX - 64):
        return False
    number[0] = wide_quotient(product, lower, &rest)
    if rest >= lower - rest:
        number[0] = number[0] + 1
    return True


cdef inline uint64_t _absolute(int64_t number) noexcept nogil:
    return -<uint64_t>number if number < 0 else <uint64_t>number


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
    cdef int least = max(dividend_scale, divisor_scale), scale, digits
    cdef uint64_t lower, rest
    cdef wide number, product
    cdef bint is_negative
    cdef Divisor divisor
    cdef Groups upper_groups, lower_groups
    _know(&upper_groups, dividend_scale)
    _know(&lower_groups, divisor_scale)
    divisor.number = 0
    with nogil:
        for row in range(rows):
            is_negative = (upper_of[row] < 0) != (lower_of[row] < 0)
            lower = _absolute(lower_of[row])
            _measure(&divisor, lower, &lower_groups)
            scale = digits_min - 4 * (
                _above(_absolute(upper_of[row]), &upper_groups, &divisor) - upper_groups.below + lower_groups.below
            )
            scale = least if scale < least else scale
            scale = scale_max if scale > scale_max else scale
            scale_of[row] = scale
            form_of[row] = LEFT
            first_of[row] = 0
            if not _divide(_absolute(upper_of[row]), lower, scale + divisor_scale - dividend_scale, &number):
                continue
            if number < ONE_WORD_MAX:
                form_of[row] = ONE_WORD
                first_of[row] = -<int64_t>number if is_negative else <int64_t>number
                continue
            digits = SECOND_DIGITS if scale > SECOND_DIGITS else scale
            product = wide_quotient(number, POWERS[digits], &rest)
            if wide_bits(product) > WORD_BITS_MAX or not digits:
                continue
            form_of[row] = TWO_WORDS
            first_of[row] = -<int64_t>product if is_negative else <int64_t>product
            second_of[row] = -<int64_t>rest if is_negative else <int64_t>rest
    return scales, forms, firsts, seconds


def quotient_sums(dividends, divisors, tuple scales, int digits_min, groups, Py_ssize_t group_count):
    """Sums of quotients by group and scale: scales, groups, first and second words; None: two words do not hold one."""
    cdef const int64_t[::1] upper_of = np.ascontiguousarray(dividends, np.int64)
    cdef const int64_t[::1] lower_of = np.ascontiguousarray(divisors, np.int64)
    cdef const int64_t[::1] group_of = np.ascontiguousarray(groups, np.int64)
    cdef Py_ssize_t rows = upper_of.shape[0], row, place, found = 0
    assert lower_of.shape[0] == rows and group_of.shape[0] == rows
    cdef int dividend_scale = scales[0], divisor_scale = scales[1]
    assert 0 <= dividend_scale <= 18 and 0 <= divisor_scale <= 18
    cdef int least = max(dividend_scale, divisor_scale), scale, above, digits
    cdef int above_max = (digits_min - least + 3) // 4  # from here on the least scale holds
    cdef int bits_max = BITS_MAX - 64 - wide_bits(<uint64_t>rows)  # of the high half
    assert bits_max >= 0
    cdef wide *totals = <wide *>calloc(SCALES * group_count + 1, sizeof(wide))
    cdef uint8_t *is_seen = <uint8_t *>calloc(SCALES * group_count + 1, 1)
    cdef uint64_t upper, lower
    cdef wide number
    cdef bint fits = True
    cdef Divisor divisor
    cdef Groups upper_groups, lower_groups
    cdef int16_t[::1] scale_of
    cdef int64_t[::1] owner_of, first_of, second_of
    if totals == NULL or is_seen == NULL:
        free(totals)
        free(is_seen)
        raise MemoryError
    _know(&upper_groups, dividend_scale)
    _know(&lower_groups, divisor_scale)
    divisor.number = 0
    try:
        with nogil:
            for row in range(rows):
                upper, lower = _absolute(upper_of[row]), _absolute(lower_of[row])
                _measure(&divisor, lower, &lower_groups)
                above = _above(upper, &upper_groups, &divisor) - upper_groups.below + lower_groups.below
                above = above_max if above > above_max else above
                scale = digits_min - 4 * above
                scale = least if scale < least else scale
                if not _divide(upper, lower, scale + divisor_scale - dividend_scale, &number):
                    fits = False
                    break
                if high_half(number) >> bits_max:
                    fits = False
                    break
                place = (above - ABOVE_MIN) * group_count + group_of[row]
                found += not is_seen[place]
                is_seen[place] = 1
                if (upper_of[row] < 0) != (lower_of[row] < 0):
                    totals[place] = totals[place] - number
                else:
                    totals[place] = totals[place] + number
        if not fits:
            return None
        shown, owners = np.empty(found, np.int16), np.empty(found, np.int64)
        firsts, seconds = np.empty(found, np.int64), np.empty(found, np.int64)
        scale_of, owner_of, first_of, second_of = shown, owners, firsts, seconds
        row = 0
        for place in range(SCALES * group_count):
            if not is_seen[place]:
                continue
            scale = max(digits_min - 4 * (<int>(place // group_count) + ABOVE_MIN), least)
            digits = min(scale, SECOND_DIGITS)
            if not _words(totals[place], POWERS[digits], &first_of[row], &second_of[row]):
                return None
            scale_of[row], owner_of[row] = scale, place % group_count
            row += 1
        return shown, owners, firsts, seconds
    finally:
        free(totals)
        free(is_seen)


cdef bint _words(wide total, uint64_t unit, int64_t *first, int64_t *second):
    """Both words of a total, which have its sign; whether a first word holds it."""
    cdef bint is_negative = <int64_t>(total >> 64) < 0
    cdef wide size = -total if is_negative else total, upper
    cdef uint64_t rest
    upper = wide_quotient(size, unit, &rest)
    if wide_bits(upper) > WORD_BITS_MAX:
        return False
    first[0] = <int64_t>upper
    second[0] = <int64_t>rest
    if is_negative:
        first[0], second[0] = -first[0], -second[0]
    return True
