# distutils: language = c++
"""The compiled twin of protocol.text_values: single values written where a pointer points.

Every function writes at `place` and returns the place after what it wrote; the caller has left room.

C++ for one reason: std::to_chars, the shortest digits of a double at a tenth of repr's price.
"""

from libc.math cimport HUGE_VAL, fabs, isinf, isnan, llrint, nextafter
from libc.stdint cimport int32_t, int64_t, uint16_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport abs as absolute
from libc.stdlib cimport atoi, strtod
from libc.string cimport memcpy, memset

cdef extern from "<cmath>":
    float nextafterf(float, float) nogil

cdef extern from "<cstdlib>":
    float strtof(const char *, char **) nogil

cdef extern from "<charconv>" namespace "std":
    cdef enum class chars_format:
        scientific
    cdef struct to_chars_result:
        char *ptr
    to_chars_result to_chars(char *first, char *last, double value, chars_format form) nogil
    to_chars_result to_chars(char *first, char *last, float value, chars_format form) nogil

cdef extern from *:
    int64_t INT64_MIN
    ctypedef long long int128 "__int128"
    uint16_t swap16 "__builtin_bswap16"(uint16_t) nogil

cdef enum:
    DIGITS_MAX = 512  # of a decimal, padding included

cdef char DIGIT_PAIRS[200]
cdef int pair_no
for pair_no in range(100):
    DIGIT_PAIRS[2 * pair_no] = 48 + pair_no // 10
    DIGIT_PAIRS[2 * pair_no + 1] = 48 + pair_no % 10


cdef char *put_float8(char *place, double value) noexcept nogil:
    cdef char[48] text
    cdef char *end
    cdef int digits
    cdef int64_t unscaled
    cdef double below, above
    if -1e15 < value < 1e15 and value == <double><int64_t>value and value != 0:
        return put_signed(place, <int64_t>value)
    if isnan(value) or isinf(value):
        return put_special(place, value)
    if 1e-4 <= fabs(value) < 1e9:
        # Of at most 15 digits only one decimal reads back as the value, so it is the shortest.
        unscaled = llrint(value * 1e6)
        if <double>unscaled / 1e6 == value:
            return put_millionths(place, unscaled)
    end = to_chars(text, text + 40, value, chars_format.scientific).ptr
    end[0] = 0
    below = fabs(value - nextafter(value, 0.0))
    above = nextafter(fabs(value), HUGE_VAL) - fabs(value)
    if is_between(text, value, below, above):
        for digits in range(17):
            snprintf(text, 48, "%.*e", digits, value)
            if strtod(text, NULL) == value and not is_between(text, value, below, above):
                break
    return put_digits(place, text, 15)


cdef char *put_float4(char *place, float value) noexcept nogil:
    cdef char[48] text
    cdef char *end
    cdef int digits
    cdef float below, above
    if isnan(value) or isinf(value):
        return put_special(place, value)
    end = to_chars(text, text + 40, value, chars_format.scientific).ptr
    end[0] = 0
    if -1.6e7 < value < 1.6e7:
        return put_digits(place, text, 6)
    below = <float>fabs(value - nextafterf(value, 0))
    above = nextafterf(<float>fabs(value), <float>HUGE_VAL) - <float>fabs(value)
    if is_between(text, value, below, above):
        for digits in range(9):
            snprintf(text, 48, "%.*e", digits, <double>value)
            if strtof(text, NULL) == value and not is_between(text, value, below, above):
                break
    return put_digits(place, text, 6)


cdef char *put_date(char *place, int32_t days) noexcept nogil:
    cdef bint before_christ = False
    if days == 0x7FFFFFFF:
        return put(place, "infinity", 8)
    if days == -0x7FFFFFFF - 1:
        return put(place, "-infinity", 9)
    place = put_civil(place, days, &before_christ)
    return put(place, " BC", 3) if before_christ else place


cdef char *put_timestamp(char *place, int64_t microseconds, bint zone) noexcept nogil:
    cdef bint before_christ = False
    cdef int64_t days, rest
    cdef int second_of_day, fraction
    if microseconds == 0x7FFFFFFFFFFFFFFFLL:
        return put(place, "infinity", 8)
    if microseconds == INT64_MIN:
        return put(place, "-infinity", 9)
    days = microseconds // 86400000000LL
    rest = microseconds - days * 86400000000LL
    if rest < 0:
        days -= 1
        rest += 86400000000LL
    second_of_day = <int>(rest // 1000000)
    fraction = <int>(rest % 1000000)
    place = put_civil(place, days, &before_christ)
    place[0] = c" "
    place = put_pair(place + 1, second_of_day // 3600)
    place[0] = c":"
    place = put_pair(place + 1, second_of_day // 60 % 60)
    place[0] = c":"
    place = put_pair(place + 1, second_of_day % 60)
    if fraction:
        place[0] = c"."
        place = put_unsigned(place + 1, fraction, 6)
        while (place - 1)[0] == c"0":
            place -= 1
    if zone:
        place = put(place, "+00", 3)
    return put(place, " BC", 3) if before_christ else place


cdef char *put_decimal(char *place, int64_t value, int scale) noexcept nogil:
    cdef char *end
    if value < 0:
        place[0] = c"-"
        place += 1
    end = put_unsigned(place, magnitude(value), scale + 1)
    if scale == 0:
        return end
    # The point goes where the fraction begins; the fraction moves by one.
    move_right(end - scale, scale)
    (end - scale)[0] = c"."
    return end + 1


cdef char *put_binary_decimal(char *place, int64_t value, int scale) noexcept nogil:
    cdef char[DIGITS_MAX] buffer
    cdef char *digits = buffer + 3  # room to complete the first group of four
    cdef char *end
    cdef int whole, group, first, last, groups, weight
    cdef uint16_t *header = <uint16_t *>place
    end = put_unsigned(digits, magnitude(value), scale + 1)
    whole = <int>(end - digits) - scale
    while whole % 4:
        digits -= 1
        digits[0] = c"0"
        whole += 1
    while (end - digits) % 4:
        end[0] = c"0"
        end += 1
    groups = <int>(end - digits) // 4
    weight = whole // 4 - 1
    first = 0
    last = groups
    while first < last and group_of(digits, first) == 0:
        first += 1
    while last > first and group_of(digits, last - 1) == 0:
        last -= 1
    header[0] = swap16(<uint16_t>(last - first))
    header[1] = swap16(<uint16_t>(weight - first)) if last > first else 0
    header[2] = swap16(0x4000) if value < 0 else 0
    header[3] = swap16(<uint16_t>scale)
    place += 8
    for group in range(first, last):
        (<uint16_t *>place)[0] = swap16(<uint16_t>group_of(digits, group))
        place += 2
    return place


cdef char *put_signed(char *place, int64_t value) noexcept nogil:
    if value < 0:
        place[0] = c"-"
        place += 1
    return put_unsigned(place, magnitude(value), 1)


cdef char *put_unsigned(char *place, uint64_t value, int digits_min) noexcept nogil:
    """Write a number with at least `digits_min` digits."""
    cdef char[24] digits
    cdef char *first = digits + 24
    cdef Py_ssize_t size
    while value >= 100:
        first -= 2
        memcpy(first, &DIGIT_PAIRS[2 * (value % 100)], 2)
        value //= 100
    if value >= 10:
        first -= 2
        memcpy(first, &DIGIT_PAIRS[2 * value], 2)
    else:
        first -= 1
        first[0] = <char>(48 + value)
    size = digits + 24 - first
    while size < digits_min:
        place[0] = c"0"
        place += 1
        digits_min -= 1
    memcpy(place, first, size)
    return place + size


cdef inline uint64_t magnitude(int64_t value) noexcept nogil:
    return -<uint64_t>value if value < 0 else <uint64_t>value


cdef inline char *put_pair(char *place, int value) noexcept nogil:
    memcpy(place, &DIGIT_PAIRS[2 * value], 2)
    return place + 2


cdef inline char *put(char *place, const char *text, int size) noexcept nogil:
    memcpy(place, text, size)
    return place + size


cdef char *put_civil(char *place, int64_t days, bint *before_christ) noexcept nogil:
    """Write year-month-day; the formula is explained in protocol.text_values."""
    cdef int64_t shifted = days + 730425
    cdef int64_t era = (shifted if shifted >= 0 else shifted - 146096) // 146097
    cdef int day_of_era = <int>(shifted - era * 146097)
    cdef int year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096
    ) // 365
    cdef int day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    cdef int shifted_month = (5 * day_of_year + 2) // 153
    cdef int day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    cdef int month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    cdef int64_t year = year_of_era + era * 400 + (month <= 2)
    before_christ[0] = year <= 0
    place = put_unsigned(place, <uint64_t>(1 - year if year <= 0 else year), 4)
    place[0] = c"-"
    place = put_pair(place + 1, month)
    place[0] = c"-"
    return put_pair(place + 1, day)


cdef inline void move_right(char *place, int size) noexcept nogil:
    while size > 0:
        size -= 1
        place[size + 1] = place[size]


cdef inline int group_of(const char *digits, int number) noexcept nogil:
    cdef const char *group = digits + 4 * number
    return (
        (group[0] - 48) * 1000 + (group[1] - 48) * 100 + (group[2] - 48) * 10 + (group[3] - 48)
    )


cdef inline char *put_millionths(char *place, int64_t unscaled) noexcept nogil:
    cdef uint64_t absolute_value = magnitude(unscaled)
    cdef uint64_t fraction = absolute_value % 1000000
    if unscaled < 0:
        place[0] = c"-"
        place += 1
    place = put_unsigned(place, absolute_value // 1000000, 1)
    place[0] = c"."
    place = put_unsigned(place + 1, fraction, 6)
    while (place - 1)[0] == c"0":
        place -= 1
    return place


cdef bint is_between(const char *text, double value, double below, double above) noexcept nogil:
    """Whether a decimal lies exactly between two floats; see protocol.text_values.

    below and above: how far the next numbers are, towards zero and away from it.
    """
    cdef int128 number = 0
    cdef int128 distance
    cdef int exponent
    cdef bint point = False
    if not 1.6e7 < fabs(value) < 1e37:
        return False
    if text[0] == c"-":
        text += 1
    exponent = 0
    while text[0] != c"e":
        if text[0] == c".":
            point = True
        else:
            number = number * 10 + (text[0] - 48)
            exponent -= point
        text += 1
    exponent += atoi(text + 1)
    if exponent < 0:
        return False
    while exponent > 0:
        number *= 10
        exponent -= 1
    distance = number - <int128>fabs(value)
    return distance != 0 and (
        distance * 2 == <int128>above if distance > 0 else distance * -2 == <int128>below
    )


cdef char *put_special(char *place, double value) noexcept nogil:
    if isnan(value):
        return put(place, "NaN", 3)
    return put(place, "-Infinity", 9) if value < 0 else put(place, "Infinity", 8)


cdef char *put_digits(char *place, const char *text, int scientific_from) noexcept nogil:
    """Write scientific text the way PostgreSQL does: plain from 1e-4 up to `scientific_from`."""
    cdef char[32] digits
    cdef int size = 0
    cdef int exponent
    if text[0] == c"-":
        place[0] = c"-"
        place += 1
        text += 1
    while text[0] != c"e":
        if text[0] != c".":
            digits[size] = text[0]
            size += 1
        text += 1
    exponent = atoi(text + 1)
    while size > 1 and digits[size - 1] == c"0":
        size -= 1
    if -4 <= exponent < scientific_from:
        return put_plain(place, digits, size, exponent)
    place[0] = digits[0]
    place += 1
    if size > 1:
        place[0] = c"."
        place = put(place + 1, digits + 1, size - 1)
    place[0] = c"e"
    place[1] = c"-" if exponent < 0 else c"+"
    return put_unsigned(place + 2, absolute(exponent), 2)


cdef char *put_plain(char *place, const char *digits, int size, int exponent) noexcept nogil:
    cdef int whole = exponent + 1
    if whole <= 0:
        memset(place, 48, 2 - whole)
        place[1] = c"."
        return put(place + 2 - whole, digits, size)
    if size <= whole:
        memcpy(place, digits, size)
        memset(place + size, 48, whole - size)
        return place + whole
    memcpy(place, digits, whole)
    place[whole] = c"."
    return put(place + whole + 1, digits + whole, size - whole)
