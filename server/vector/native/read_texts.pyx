"""Numbers and dates read out of texts where they lie; server/vector/read_texts.py specifies it."""

import numpy as np

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t

from server.vector.native.views cimport View, data_of, first_of, start_of

cdef enum:
    MINUS = 45
    POINT = 46
    ZERO = 48
    WHOLE_DIGITS_MAX = 18
    DIGITS_MAX = 15

cdef double[16] POWERS
cdef int32_t[13] DAYS_BEFORE = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
cdef int32_t[13] MONTH_DAYS = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
cdef int _power
POWERS[0] = 1.0
for _power in range(1, 16):
    POWERS[_power] = POWERS[_power - 1] * 10.0

ctypedef fused Integer:
    int16_t
    int32_t
    int64_t


cdef inline int64_t _digits(const char *text, Py_ssize_t length) noexcept nogil:
    """The number that digits are; -1 if one is none."""
    cdef int64_t number = 0
    cdef Py_ssize_t at
    cdef uint8_t digit
    for at in range(length):
        digit = <uint8_t>text[at] - ZERO
        if digit > 9:
            return -1
        number = number * 10 + digit
    return number


cdef void _integers(Integer[::1] values, uint8_t[::1] strange, const View *view, const uint8_t *base) noexcept nogil:
    cdef int64_t limit = (<int64_t>1 << (8 * sizeof(Integer) - 1)) - 1, number
    cdef Py_ssize_t row, length
    cdef const char *text
    cdef bint is_negative
    for row in range(values.shape[0]):
        text, length = data_of(&view[row], base), view[row].length
        is_negative = length > 0 and text[0] == MINUS
        length -= is_negative
        number = -1
        if 0 < length <= WHOLE_DIGITS_MAX:
            number = _digits(text + is_negative, length)
        strange[row] = number < 0 or number - is_negative > limit
        if not strange[row]:
            values[row] = <Integer>(-number if is_negative else number)


def read_integers(const uint8_t[::1] store, views, int bits):
    """Whole numbers of so many bits; and which texts are strange."""
    views = np.ascontiguousarray(views)
    values, strange = np.zeros(len(views), f"int{bits}"), np.zeros(len(views), np.bool_)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef uint8_t[::1] is_strange = strange.view(np.uint8)
    cdef int16_t[::1] small
    cdef int32_t[::1] medium
    cdef int64_t[::1] large
    if bits == 16:
        small = values
        with nogil:
            _integers[int16_t](small, is_strange, view, base)
    elif bits == 32:
        medium = values
        with nogil:
            _integers[int32_t](medium, is_strange, view, base)
    else:
        large = values
        with nogil:
            _integers[int64_t](large, is_strange, view, base)
    return values, strange


cdef inline bint _float(const char *text, Py_ssize_t length, double *value) noexcept nogil:
    """Digits, maybe with a point between them."""
    cdef bint is_negative = length > 0 and text[0] == MINUS
    cdef Py_ssize_t at = is_negative, point = -1
    cdef int64_t number = 0
    cdef uint8_t digit
    if length - is_negative > DIGITS_MAX + 1:
        return False
    while at < length:
        digit = <uint8_t>text[at] - ZERO
        if digit <= 9:
            number = number * 10 + digit
        elif text[at] == POINT and point < 0 and at > is_negative and at + 1 < length:
            point = at
        else:
            return False
        at += 1
    if at == is_negative or at - is_negative - (point >= 0) > DIGITS_MAX:
        return False
    value[0] = <double>number
    if point >= 0:
        value[0] /= POWERS[length - point - 1]
    if is_negative:
        value[0] = -value[0]
    return True


def read_floats(const uint8_t[::1] store, views):
    """Numbers of at most 15 digits in all, without exponents, as floats; and which texts are strange."""
    views = np.ascontiguousarray(views)
    values, strange = np.zeros(len(views), np.float64), np.zeros(len(views), np.bool_)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef uint8_t[::1] is_strange = strange.view(np.uint8)
    cdef double[::1] value_of = values
    cdef Py_ssize_t row
    with nogil:
        for row in range(value_of.shape[0]):
            is_strange[row] = not _float(data_of(&view[row], base), view[row].length, &value_of[row])
    return values, strange


cdef inline bint _date(const char *text, int32_t *days) noexcept nogil:
    """Ten characters."""
    cdef int64_t year = _digits(text, 4), month = _digits(text + 5, 2), day = _digits(text + 8, 2)
    cdef bint is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if text[4] != MINUS or text[7] != MINUS or year < 1 or month < 1 or month > 12:
        return False
    if day < 1 or day > MONTH_DAYS[month] + (month == 2 and is_leap):
        return False
    year -= 1
    days[0] = <int32_t>(
        365 * year + year // 4 - year // 100 + year // 400
        + DAYS_BEFORE[month] + (month > 2 and is_leap) + day - 730120
    )
    return True


def read_dates(const uint8_t[::1] store, views):
    """Dates of the form 2001-02-03 as days since 2000-01-01; and which texts are strange."""
    views = np.ascontiguousarray(views)
    values, strange = np.zeros(len(views), np.int32), np.zeros(len(views), np.bool_)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef uint8_t[::1] is_strange = strange.view(np.uint8)
    cdef int32_t[::1] value_of = values
    cdef Py_ssize_t row
    with nogil:
        for row in range(value_of.shape[0]):
            is_strange[row] = view[row].length != 10 or not _date(data_of(&view[row], base), &value_of[row])
    return values, strange


def text_bytes(const uint8_t[::1] store, views):
    """The bytes behind each view."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t row
    return [PyBytes_FromStringAndSize(data_of(&view[row], base), view[row].length) for row in range(len(views))]


def text_objects(const uint8_t[::1] store, views):
    """Each text as str."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t row
    return [PyUnicode_DecodeUTF8(data_of(&view[row], base), view[row].length, NULL) for row in range(len(views))]
