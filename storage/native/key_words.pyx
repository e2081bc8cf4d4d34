"""The twin of storage/key_words.py: the same in one pass over the matrix each."""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp, memcpy

import numpy as np

cdef enum:
    COLUMNS_MAX = 8
    REPEATED_AT_ONCE = 1024


def differing_columns(const uint8_t[:, ::1] matrix not None):
    """The columns in which not all keys are alike."""
    cdef Py_ssize_t count = matrix.shape[0], width = matrix.shape[1], row, column
    cdef object seen = np.zeros(width, np.uint8)
    cdef uint8_t[::1] differs = seen
    cdef const uint8_t *first
    cdef const uint8_t *key
    cdef uint8_t *found
    if count and width:
        first = &matrix[0, 0]
        found = &differs[0]
        with nogil:
            for row in range(1, count):
                key = first + row * width
                for column in range(width):
                    found[column] |= key[column] ^ first[column]
    return np.flatnonzero(seen)


def words_of(const uint8_t[:, ::1] matrix not None, columns):
    """A word a key, of eight columns at most."""
    cdef Py_ssize_t count = matrix.shape[0], width = matrix.shape[1], column_count = len(columns)
    cdef Py_ssize_t at[COLUMNS_MAX]
    cdef Py_ssize_t row, i
    cdef object found = np.zeros(count, np.uint64)
    cdef uint64_t[::1] words = found
    cdef const uint8_t *key
    cdef uint64_t word
    assert column_count <= COLUMNS_MAX
    for i in range(column_count):
        at[i] = columns[i]
        assert 0 <= at[i] < width
    if count and column_count:
        key = &matrix[0, 0]
        with nogil:
            for row in range(count):
                word = 0
                for i in range(column_count):
                    word = (word << 8) | key[at[i]]
                words[row] = word
                key += width
    return found


def keys_of(
    const uint8_t[::1] first not None, columns, const uint64_t[::1] words not None, int shift=0
):
    """The keys with these words, which begin at a bit of what is given, and one key that shows the rest."""
    cdef Py_ssize_t count = words.shape[0], width = first.shape[0], column_count = len(columns)
    cdef Py_ssize_t at[COLUMNS_MAX]
    cdef Py_ssize_t row, i
    cdef object found = np.empty((count, width), np.uint8)
    cdef uint8_t[:, ::1] matrix = found
    cdef uint8_t *key
    cdef uint64_t word
    assert column_count <= COLUMNS_MAX
    for i in range(column_count):
        at[i] = columns[i]
        assert 0 <= at[i] < width
    if count and width:
        key = &matrix[0, 0]
        with nogil:
            for row in range(count):
                memcpy(key, &first[0], width)
                word = words[row] >> shift
                for i in range(column_count - 1, -1, -1):
                    key[at[i]] = <uint8_t>word
                    word >>= 8
                key += width
    return found


def repeated_keys(const uint8_t[:, ::1] matrix not None, const int64_t[::1] order=None):
    """The places of the order where a key equals the one before."""
    cdef Py_ssize_t count = matrix.shape[0], width = matrix.shape[1], place, known = 0
    cdef object found = np.empty(REPEATED_AT_ONCE, np.int64)
    cdef list parts = []
    cdef int64_t[::1] places = found
    cdef const uint8_t *keys
    cdef const uint8_t *before
    cdef const uint8_t *key
    if count < 2 or not width:
        return np.arange(1, count)
    assert order is None or order.shape[0] == count
    keys = &matrix[0, 0]
    before = keys + (order[0] if order is not None else 0) * width
    place = 1
    while place < count:
        with nogil:
            while place < count and known < REPEATED_AT_ONCE:
                key = keys + (order[place] if order is not None else place) * width
                if not memcmp(before, key, width):
                    places[known] = place
                    known += 1
                before = key
                place += 1
        parts.append(found[:known].copy())
        known = 0
    return np.concatenate(parts)


def count_bins(
    const uint64_t[::1] words not None, uint64_t low, int shift, int64_t[::1] counts not None
):
    """Count words by their distance to the lowest one without so many bits of it."""
    cdef Py_ssize_t row, count = words.shape[0]
    with nogil:
        for row in range(count):
            counts[<Py_ssize_t>((words[row] - low) >> shift)] += 1


def move_to_ranges(
    tuple given not None, tuple bins not None, const int64_t[::1] range_of_bin not None,
    int64_t[::1] places not None, tuple moved not None,
):
    """Put words, and rows with them, to the next places of the ranges of their bins, which go on from there."""
    cdef const uint64_t[::1] words = given[0]
    cdef const int64_t[::1] rows = given[1]
    cdef uint64_t[::1] moved_words = moved[0]
    cdef int64_t[::1] moved_rows = moved[1]
    cdef uint64_t low = bins[0]
    cdef int shift = bins[1]
    cdef Py_ssize_t row, number, place, count = words.shape[0]
    cdef bint with_rows = rows is not None and moved_rows is not None
    with nogil:
        for row in range(count):
            number = range_of_bin[<Py_ssize_t>((words[row] - low) >> shift)]
            place = places[number]
            places[number] = place + 1
            moved_words[place] = words[row]
            if with_rows:
                moved_rows[place] = rows[row]
