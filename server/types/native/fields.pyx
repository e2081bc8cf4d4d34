"""Compiled twin of server.types.fields: the same functions, the same results."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t

from decimal import Decimal

import numpy as np

from numpy cimport ndarray

cdef extern from "Python.h":
    double PyOS_string_to_double(const char *text, char **end, PyObject *overflow) except? -1.0

cdef int64_t UNKNOWN_OFFSET = -(<int64_t>1 << 31)
cdef int64_t US_PER_SECOND = 1000000
cdef int64_t US_PER_DAY = 86400 * US_PER_SECOND
cdef int64_t DIGITS_MAX = 18
cdef Py_ssize_t NUMBER_DIGITS_MAX = 100
cdef int[12] MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
cdef int64_t[19] POWERS
cdef int _power
POWERS[0] = 1
for _power in range(1, 19):
    POWERS[_power] = POWERS[_power - 1] * 10


cdef inline bint is_digit(char character) noexcept nogil:
    return 48 <= character <= 57


cdef inline bint parse_integer(const char *text, Py_ssize_t length, int64_t *value) noexcept nogil:
    """Read an optional minus and at most 18 digits."""
    cdef bint negative = length > 0 and text[0] == 45
    cdef Py_ssize_t at = negative
    cdef int64_t total = 0
    if length == at or length - at > DIGITS_MAX:
        return False
    while at < length:
        if not is_digit(text[at]):
            return False
        total = total * 10 + (text[at] - 48)
        at += 1
    value[0] = -total if negative else total
    return True


def read_integers(list fields not None, int bits):
    """Read whole numbers of that many bits."""
    cdef Py_ssize_t count = PyList_GET_SIZE(fields), row
    cdef ndarray values = np.zeros(count, np.int64)
    cdef ndarray valid = np.ones(count, np.bool_)
    cdef int64_t[::1] out = values
    cdef unsigned char[::1] present = valid.view(np.uint8)
    cdef list others = []
    cdef int64_t limit = (<int64_t>1 << (bits - 1)) - 1, value = 0
    cdef object field
    for row in range(count):
        field = <object>PyList_GET_ITEM(fields, row)
        if field is None:
            present[row] = 0
        elif (
            parse_integer(PyBytes_AS_STRING(field), PyBytes_GET_SIZE(field), &value)
            and -limit - 1 <= value <= limit
        ):
            out[row] = value
        else:
            others.append(row)
    return values, valid, others


cdef bint parse_scaled(
    const char *text, Py_ssize_t length, int scale, int64_t limit, int64_t *value
) noexcept nogil:
    """Read digits, a point and digits as a multiple of 10**-scale below the limit."""
    cdef bint negative = length > 0 and text[0] == 45
    cdef Py_ssize_t at = negative, start = negative, point
    cdef int64_t total = 0
    cdef int digits = 0
    while at < length and is_digit(text[at]):
        total = total * 10 + (text[at] - 48)
        at += 1
        if at - start > DIGITS_MAX:
            return False
    if at == start or (at < length and text[at] != 46):
        return False
    # Bounded before it is scaled: what passes has at most 18 digits in all.
    if total != 0 and total >= limit // POWERS[scale] + 1:
        return False
    point = at
    at += 1
    while at < length and digits < scale:
        if not is_digit(text[at]):
            return False
        total = total * 10 + (text[at] - 48)
        digits += 1
        at += 1
    total *= POWERS[scale - digits]
    if at < length:
        if not is_digit(text[at]):
            return False
        total += text[at] >= 53
    while at < length:
        if not is_digit(text[at]):
            return False
        at += 1
    if length - point > DIGITS_MAX + 1 or total >= limit:
        return False
    value[0] = -total if negative else total
    return True


def read_scaled(list fields not None, int precision, int scale):
    """Read decimal numbers as multiples of 10**-scale, rounded half away from zero."""
    assert 0 <= precision <= 18
    if not 0 <= scale <= 18:
        return (
            np.zeros(len(fields), np.int64),
            np.array([field is not None for field in fields], np.bool_),
            [row for row, field in enumerate(fields) if field is not None],
        )
    cdef Py_ssize_t count = PyList_GET_SIZE(fields), row
    cdef ndarray values = np.zeros(count, np.int64)
    cdef ndarray valid = np.ones(count, np.bool_)
    cdef int64_t[::1] out = values
    cdef unsigned char[::1] present = valid.view(np.uint8)
    cdef list others = []
    cdef int64_t limit = POWERS[precision], value = 0
    cdef object field
    for row in range(count):
        field = <object>PyList_GET_ITEM(fields, row)
        if field is None:
            present[row] = 0
        elif parse_scaled(
            PyBytes_AS_STRING(field), PyBytes_GET_SIZE(field), scale, limit, &value
        ):
            out[row] = value
        else:
            others.append(row)
    return values, valid, others


cdef bint is_number(const char *text, Py_ssize_t length) noexcept nogil:
    """Check the form: digits, perhaps a point and digits; with a sign one of them is not zero."""
    cdef Py_ssize_t at = length > 0 and text[0] == 45, start
    cdef bint is_zero = at == 1
    start = at
    while at < length and is_digit(text[at]):
        is_zero = is_zero and text[at] == 48
        at += 1
    if not 0 < at - start <= NUMBER_DIGITS_MAX:
        return False
    if at < length:
        if text[at] != 46:
            return False
        at += 1
        start = at
        while at < length and is_digit(text[at]):
            is_zero = is_zero and text[at] == 48
            at += 1
        if not 0 < at - start <= NUMBER_DIGITS_MAX:
            return False
    return at == length and not is_zero


def read_numbers(list fields not None):
    """Read decimal numbers of any precision as Decimals; what has a sign and may be zero is left."""
    cdef Py_ssize_t count = PyList_GET_SIZE(fields), row
    cdef ndarray values = np.zeros(count, object)
    cdef ndarray valid = np.ones(count, np.bool_)
    cdef unsigned char[::1] present = valid.view(np.uint8)
    cdef list others = []
    cdef object field
    for row in range(count):
        field = <object>PyList_GET_ITEM(fields, row)
        if field is None:
            present[row] = 0
        elif is_number(PyBytes_AS_STRING(field), PyBytes_GET_SIZE(field)):
            values[row] = Decimal((<bytes>field).decode("ascii"))
        else:
            others.append(row)
    return values, valid, others


cdef bint is_plain_float(const char *text, Py_ssize_t length) noexcept nogil:
    """Check the form: digits, a point and digits, an exponent of two digits at most."""
    cdef Py_ssize_t at = length > 0 and text[0] == 45, start
    start = at
    while at < length and is_digit(text[at]):
        at += 1
    if at == start or at - start > 40:
        return False
    if at < length and text[at] == 46:
        at += 1
        start = at
        while at < length and is_digit(text[at]):
            at += 1
        if at - start > 40:
            return False
    if at < length and text[at] == 101:
        at += 1
        if at < length and (text[at] == 43 or text[at] == 45):
            at += 1
        start = at
        while at < length and is_digit(text[at]):
            at += 1
        if at == start or at - start > 2:
            return False
    return at == length


cdef bint parse_exact_float(const char *text, Py_ssize_t length, double *value) noexcept nogil:
    """Read up to 15 digits with up to 22 decimals: one exact division gives the nearest number."""
    cdef bint negative = length > 0 and text[0] == 45
    cdef Py_ssize_t at = negative
    cdef int64_t total = 0
    cdef int digits = 0, decimals = 0
    cdef bint behind_point = False
    if length - at > 17:
        return False
    while at < length:
        if is_digit(text[at]):
            total = total * 10 + (text[at] - 48)
            digits += 1
            decimals += behind_point
        elif text[at] == 46 and not behind_point and digits:
            behind_point = True
        else:
            return False
        at += 1
    if digits == 0 or digits > 15:
        return False
    value[0] = <double>total / <double>POWERS[decimals]
    if negative:
        value[0] = -value[0]
    return True


def read_floats(list fields not None):
    """Read numbers of double precision whose exponent has no more than two digits."""
    cdef Py_ssize_t count = PyList_GET_SIZE(fields), row
    cdef ndarray values = np.zeros(count, np.float64)
    cdef ndarray valid = np.ones(count, np.bool_)
    cdef double[::1] out = values
    cdef unsigned char[::1] present = valid.view(np.uint8)
    cdef list others = []
    cdef object field
    cdef char *text
    cdef Py_ssize_t length
    for row in range(count):
        field = <object>PyList_GET_ITEM(fields, row)
        if field is None:
            present[row] = 0
            continue
        text = PyBytes_AS_STRING(field)
        length = PyBytes_GET_SIZE(field)
        if parse_exact_float(text, length, &out[row]):
            continue
        if is_plain_float(text, length):
            out[row] = PyOS_string_to_double(text, NULL, NULL)
        else:
            others.append(row)
    return values, valid, others


cdef inline int two(const char *text) noexcept nogil:
    """Read two digits; -1 where they are none."""
    if not is_digit(text[0]) or not is_digit(text[1]):
        return -1
    return (text[0] - 48) * 10 + text[1] - 48


cdef bint parse_date(const char *text, int64_t *days) noexcept nogil:
    """Read ten characters yyyy-mm-dd as days since 2000-01-01."""
    cdef int century = two(text), rest = two(text + 2), month = two(text + 5), day = two(text + 8)
    cdef int64_t year, last
    if century < 0 or rest < 0 or text[4] != 45 or text[7] != 45:
        return False
    year = century * 100 + rest
    if year == 0 or month < 1 or month > 12 or day < 1:
        return False
    last = MONTH_DAYS[month - 1]
    if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        last += 1
    if day > last:
        return False
    if month <= 2:
        year -= 1
        month += 12
    days[0] = (
        365 * year + year // 4 - year // 100 + year // 400
        + (153 * (month - 3) + 2) // 5 + day - 1 - 730425
    )
    return True


def read_dates(list fields not None):
    """Read dates of the form 2001-02-03 as days since 2000-01-01."""
    cdef Py_ssize_t count = PyList_GET_SIZE(fields), row
    cdef ndarray values = np.zeros(count, np.int32)
    cdef ndarray valid = np.ones(count, np.bool_)
    cdef int32_t[::1] out = values
    cdef unsigned char[::1] present = valid.view(np.uint8)
    cdef list others = []
    cdef int64_t days = 0
    cdef object field
    for row in range(count):
        field = <object>PyList_GET_ITEM(fields, row)
        if field is None:
            present[row] = 0
        elif PyBytes_GET_SIZE(field) == 10 and parse_date(PyBytes_AS_STRING(field), &days):
            out[row] = <int32_t>days
        else:
            others.append(row)
    return values, valid, others


cdef bint parse_timestamp(
    const char *text, Py_ssize_t length, int64_t offset, bint has_offsets, int64_t *us
) noexcept nogil:
    """Read yyyy-mm-dd hh:mm:ss with decimals and an offset or without."""
    cdef int64_t days = 0, fraction = 0, sign
    cdef int hours, minutes, seconds, digits = 0
    cdef Py_ssize_t at = 19
    if length < 19 or not parse_date(text, &days) or (text[10] != 32 and text[10] != 84):
        return False
    hours, minutes, seconds = two(text + 11), two(text + 14), two(text + 17)
    if text[13] != 58 or text[16] != 58:
        return False
    if hours < 0 or hours > 23 or minutes < 0 or minutes > 59 or seconds < 0 or seconds > 59:
        return False
    if at < length and text[at] == 46:
        at += 1
        while at < length and is_digit(text[at]) and digits < 6:
            fraction = fraction * 10 + (text[at] - 48)
            digits += 1
            at += 1
        if digits == 0:
            return False
        fraction *= POWERS[6 - digits]
    us[0] = days * US_PER_DAY + ((hours * 60 + minutes) * 60 + seconds) * US_PER_SECOND + fraction
    if at < length:
        if not has_offsets or (length - at != 3 and length - at != 6):
            return False
        if text[at] != 43 and text[at] != 45:
            return False
        sign = -1 if text[at] == 45 else 1
        hours = two(text + at + 1)
        minutes = 0
        if length - at == 6:
            minutes = two(text + at + 4) if text[at + 3] == 58 else -1
        if hours < 0 or hours > 15 or minutes < 0 or minutes > 59:
            return False
        offset = sign * (hours * 3600 + minutes * 60)
    if offset == UNKNOWN_OFFSET:
        return False
    us[0] -= offset * US_PER_SECOND
    return True


def read_timestamps(list fields not None, int64_t offset_east, bint has_offsets):
    """Read timestamps of the form 2001-02-03 04:05:06.789+01 as microseconds since 2000-01-01."""
    cdef Py_ssize_t count = PyList_GET_SIZE(fields), row
    cdef ndarray values = np.zeros(count, np.int64)
    cdef ndarray valid = np.ones(count, np.bool_)
    cdef int64_t[::1] out = values
    cdef unsigned char[::1] present = valid.view(np.uint8)
    cdef list others = []
    cdef int64_t us = 0
    cdef object field
    for row in range(count):
        field = <object>PyList_GET_ITEM(fields, row)
        if field is None:
            present[row] = 0
        elif parse_timestamp(
            PyBytes_AS_STRING(field), PyBytes_GET_SIZE(field), offset_east, has_offsets, &us
        ):
            out[row] = us
        else:
            others.append(row)
    return values, valid, others
