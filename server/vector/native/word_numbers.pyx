"""Rows of coded texts by the words that they are; server/vector/word_numbers.py specifies it."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t


def numbers_of_rows(codes, valid, const int64_t[::1] numbers):
    """The number of each row's word, -1 for NULL; and whether a word that occurs has a number below zero."""
    cdef const int32_t[::1] code_of = np.ascontiguousarray(codes, np.int32)
    cdef Py_ssize_t rows = code_of.shape[0], row
    cdef const uint8_t[::1] is_there
    cdef int64_t number, seen = 0, there
    made = np.empty(rows, np.int64)
    cdef int64_t[::1] number_of = made
    if valid is None:
        with nogil:
            for row in range(rows):
                number = numbers[code_of[row]]
                number_of[row] = number
                seen |= number
        return made, seen < 0
    if not numbers.shape[0]:
        made.fill(-1)
        return made, False
    is_there = np.ascontiguousarray(valid).view(np.uint8)
    assert is_there.shape[0] == rows
    with nogil:
        for row in range(rows):
            there = -<int64_t>is_there[row]  # a mask, as NULLs here and there would be guessed wrong
            number = numbers[code_of[row] & there]
            number_of[row] = number | ~there
            seen |= number & there
    return made, seen < 0


def words_in_use(codes, valid, Py_ssize_t count):
    """Which of so many words occur."""
    cdef const int32_t[::1] code_of = np.ascontiguousarray(codes, np.int32)
    cdef Py_ssize_t rows = code_of.shape[0], row
    cdef const uint8_t[::1] is_there
    cdef int32_t there
    used = np.zeros(count, np.bool_)
    cdef uint8_t[::1] is_used = used.view(np.uint8)
    if valid is None:
        with nogil:
            for row in range(rows):
                is_used[code_of[row]] = 1
    elif count:
        is_there = np.ascontiguousarray(valid).view(np.uint8)
        assert is_there.shape[0] == rows
        with nogil:
            for row in range(rows):
                there = is_there[row]
                is_used[code_of[row] & -there] |= there
    return used
