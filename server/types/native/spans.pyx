"""The twin of server/types/spans.py: values out of fields that lie in one buffer."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t
from libc.string cimport memcpy, memset

import numpy as np

cdef enum:
    MINUS = 45
    ZERO = 48
    BLANK = 32
    DIGITS_MAX = 18
    POINT = 46
    NINE = 57
    NUMBER_DIGITS_MAX = 100


cdef inline bint read(const uint8_t *text, Py_ssize_t length, int64_t *value) noexcept nogil:
    """An optional minus and at most 18 digits."""
    cdef bint negative = length > 0 and text[0] == MINUS
    cdef Py_ssize_t at
    cdef int64_t total = 0
    cdef uint8_t digit
    if length == negative or length - negative > DIGITS_MAX:
        return False
    for at in range(negative, length):
        digit = text[at] - ZERO
        if digit > 9:
            return False
        total = total * 10 + digit
    value[0] = -total if negative else total
    return True


def integer_spans(bytes data not None, const int32_t[::1] starts, const int32_t[::1] stops, int bits):
    """Whole numbers of so many bits, 0 for NULL; None if one is not plain or does not fit."""
    cdef const uint8_t *text = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef Py_ssize_t count = starts.shape[0], row
    cdef int64_t limit = (<int64_t>1 << (bits - 1)) - 1, value
    cdef int16_t[::1] small
    cdef int32_t[::1] medium
    cdef int64_t[::1] large
    cdef bint good = True
    values = np.empty(count, f"int{bits}")
    if bits == 16:
        small = values
    elif bits == 32:
        medium = values
    else:
        large = values
    with nogil:
        for row in range(count):
            value = 0
            if stops[row] >= 0 and (
                not read(text + starts[row], stops[row] - starts[row], &value)
                or value > limit or value < -limit - 1
            ):
                good = False
                break
            if bits == 16:
                small[row] = <int16_t>value
            elif bits == 32:
                medium[row] = <int32_t>value
            else:
                large[row] = value
    return values if good else None


cdef bint is_ascii(const uint8_t *text, Py_ssize_t length) noexcept nogil:
    cdef uint8_t seen = 0
    cdef Py_ssize_t at
    for at in range(length):
        seen |= text[at]
    return seen < 128


def text_spans(
    bytes data not None, const int32_t[::1] starts, const int32_t[::1] stops, Py_ssize_t length,
    bint padded,
):
    """Texts end to end and their offsets; of at most length characters, filled up with blanks if padded.

    None if one is longer, or not ASCII; length below 0: as they are.
    """
    cdef const uint8_t *text = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef Py_ssize_t count = starts.shape[0], row, size, total = 0
    cdef uint8_t[::1] out
    cdef int64_t[::1] offset_of
    offsets = np.empty(count + 1, np.int64)
    offset_of = offsets
    offset_of[0] = 0
    for row in range(count):
        if stops[row] >= 0:
            size = stops[row] - starts[row]
            if length >= 0:
                if size > length or not is_ascii(text + starts[row], size):
                    return None
                if padded:
                    size = length
            total += size
        offset_of[row + 1] = total
    blob = np.empty(total, np.uint8)
    out = blob
    for row in range(count):
        if stops[row] > starts[row]:
            memcpy(&out[offset_of[row]], text + starts[row], stops[row] - starts[row])
        if padded and stops[row] >= 0:
            size = stops[row] - starts[row]
            if size < length:
                memset(&out[offset_of[row] + size], BLANK, length - size)
    return blob, offsets


cdef bint is_number(const uint8_t *text, Py_ssize_t length) noexcept nogil:
    """Whether numeric's output function would write the number so; of at most NUMBER_DIGITS_MAX digits on either side."""
    cdef Py_ssize_t at = 0, whole, fraction
    cdef bint is_negative = length > 0 and text[0] == MINUS, is_zero = True
    at = is_negative
    whole = at
    while at < length and ZERO <= text[at] <= NINE:
        is_zero = is_zero and text[at] == ZERO
        at += 1
    if not 0 < at - whole <= NUMBER_DIGITS_MAX or (text[whole] == ZERO and at - whole > 1):
        return False
    if at < length:
        if text[at] != POINT:
            return False
        at += 1
        fraction = at
        while at < length and ZERO <= text[at] <= NINE:
            is_zero = is_zero and text[at] == ZERO
            at += 1
        if not 0 < at - fraction <= NUMBER_DIGITS_MAX:
            return False
    return at == length and not (is_negative and is_zero)


def number_spans(bytes data not None, const int32_t[::1] starts, const int32_t[::1] stops):
    """Numbers as numeric without a precision is kept, end to end, and their offsets; None if one has another form."""
    cdef const uint8_t *text = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef Py_ssize_t row
    for row in range(starts.shape[0]):
        if stops[row] >= 0 and not is_number(text + starts[row], stops[row] - starts[row]):
            return None
    return text_spans(data, starts, stops, -1, False)
