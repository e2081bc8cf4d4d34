"""The twin of server/types/even_numbers.py: numerics of one scale, without an object each but their texts."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_ITEM, PyList_New, PyList_SET_ITEM
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t

import numpy as np

from server.types import even_numbers as original

cdef enum:
    MINUS = 45
    POINT = 46
    ZERO = 48
    SCALE_MAX = 9  # that is read
    DIGITS_MAX = 18
    WRITTEN_MAX = 64
    WRITTEN_SCALE_MAX = 24
    GROUPS_MAX = 16
    BASE = 10000
    NEGATIVE = 0x4000


cdef Py_ssize_t read_one(const uint8_t *text, Py_ssize_t length, int64_t *value) noexcept nogil:
    """The scale of a plain number, or -1."""
    cdef bint is_negative = text[0] == MINUS
    cdef Py_ssize_t at, point = -1
    cdef int64_t total = 0
    cdef uint8_t digit
    if length - is_negative > DIGITS_MAX + 1:
        return -1
    for at in range(is_negative, length):
        if text[at] == POINT and point < 0:
            point = at
            continue
        digit = text[at] - ZERO
        if digit > 9:
            return -1
        total = total * 10 + digit
    if point == is_negative or point == length - 1 or length == is_negative:
        return -1
    if point < 0:
        if length - is_negative > DIGITS_MAX:
            return -1
        point = length - 1
    value[0] = -total if is_negative else total
    return length - 1 - point


def read_even(list texts not None):
    """The numbers times 10**scale, and their scale; empty texts are 0. None: they differ in scale, or are large."""
    cdef Py_ssize_t count = len(texts), row, scale = -1, found
    cdef object text
    cdef int64_t[::1] out
    values = np.zeros(count, np.int64)
    out = values
    for row in range(count):
        text = <object>PyList_GET_ITEM(texts, row)
        if PyBytes_GET_SIZE(text) == 0:
            continue
        found = read_one(
            <const uint8_t *>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text), &out[row]
        )
        if found < 0 or found > SCALE_MAX:
            return None
        if scale < 0:
            scale = found
        elif found != scale:
            return None
    return None if scale < 0 else (values, scale)


def write_even(values not None, valid, Py_ssize_t scale):
    """The texts of numbers that are kept as multiples of 10**-scale."""
    cdef const int64_t[:] numbers
    cdef const uint8_t[:] there
    cdef Py_ssize_t count = len(values), row, place, written
    cdef uint64_t rest
    cdef char text[WRITTEN_MAX]
    cdef list rows
    if scale < 0 or scale > WRITTEN_SCALE_MAX or values.dtype != np.int64:
        return original.write_even(values, valid, scale)
    numbers = values
    if valid is not None:
        there = valid.view(np.uint8)
    rows = PyList_New(count)
    for row in range(count):
        found = None
        if valid is None or there[row]:
            rest = magnitude(numbers[row])
            place = WRITTEN_MAX
            written = 0
            while rest or written <= scale:
                if written == scale and scale:
                    place -= 1
                    text[place] = POINT
                place -= 1
                text[place] = <char>(ZERO + rest % 10)
                rest //= 10
                written += 1
            if numbers[row] < 0:
                place -= 1
                text[place] = MINUS
            found = PyBytes_FromStringAndSize(text + place, WRITTEN_MAX - place)
        Py_INCREF(found)
        PyList_SET_ITEM(rows, row, found)
    return rows


def send_even(values not None, valid, Py_ssize_t scale):
    """The same in the binary form."""
    cdef const int64_t[:] numbers
    cdef const uint8_t[:] there
    cdef Py_ssize_t count = len(values), row
    cdef list rows
    if scale < 0 or scale > WRITTEN_SCALE_MAX or values.dtype != np.int64:
        return original.send_even(values, valid, scale)
    numbers = values
    if valid is not None:
        there = valid.view(np.uint8)
    rows = PyList_New(count)
    for row in range(count):
        found = None
        if valid is None or there[row]:
            found = sent(numbers[row], scale)
        Py_INCREF(found)
        PyList_SET_ITEM(rows, row, found)
    return rows


cdef inline uint64_t magnitude(int64_t value) noexcept nogil:
    return <uint64_t>0 - <uint64_t>value if value < 0 else <uint64_t>value


cdef bytes sent(int64_t value, Py_ssize_t scale):
    """Groups of four digits, those before the point and those behind it; zeros at either end are left out."""
    cdef uint16_t message[4 + GROUPS_MAX]
    cdef uint16_t groups[GROUPS_MAX]  # the last one first
    cdef uint64_t rest = magnitude(value), group, unit = 1
    cdef Py_ssize_t digits = scale % 4, count = 0, i, first, last, weight
    cdef Py_ssize_t after = (scale + 3) // 4
    if digits:  # the group that is not full
        for i in range(digits):
            unit *= 10
        group = rest % unit
        rest //= unit
        groups[0] = <uint16_t>(group * (BASE // unit))
        count = 1
    while rest:
        groups[count] = <uint16_t>(rest % BASE)
        rest //= BASE
        count += 1
    last = 0
    while last < count and groups[last] == 0:
        last += 1
    first = count
    while first > last and groups[first - 1] == 0:
        first -= 1
    weight = first - 1 - after if first > last else 0
    message[0] = swapped(<uint16_t>(first - last))
    message[1] = swapped(<uint16_t>weight)
    message[2] = swapped(NEGATIVE if value < 0 else 0)
    message[3] = swapped(<uint16_t>scale)
    for i in range(first - last):
        message[4 + i] = swapped(groups[first - 1 - i])
    return PyBytes_FromStringAndSize(<const char *>message, 2 * (4 + first - last))


cdef inline uint16_t swapped(uint16_t word) noexcept nogil:
    return <uint16_t>(word >> 8 | word << 8)
