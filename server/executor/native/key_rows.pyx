"""Rows by the number of their key, and the pairs of rows with equal keys; server/executor/key_rows.py specifies it."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

ctypedef fused Integer:
    int32_t
    int64_t


def grouped_rows(codes, int64_t code_count):
    """The rows of each number one after the other, and where each number's start."""
    cdef const int64_t[::1] code_of = np.ascontiguousarray(codes, np.int64)
    cdef Py_ssize_t count = code_of.shape[0], row
    cdef int64_t code, found = 0, total = 0
    starts = np.zeros(code_count + 2, np.int64)
    cdef int64_t[::1] at = starts
    with nogil:
        for row in range(count):  # the numbers of rows, two places up: place n + 1 is then the cursor of n
            code = code_of[row]
            if code >= 0:
                at[code + 2] += 1
                found += 1
        for code in range(code_count):
            total += at[code + 1]
            at[code + 1] = total
    rows = np.empty(found, np.int64)
    cdef int64_t[::1] row_at = rows
    with nogil:
        for row in range(count):
            code = code_of[row]
            if code >= 0:
                row_at[at[code + 1]] = row
                at[code + 1] += 1
    return starts[:code_count + 1], rows


def first_rows(codes, int64_t known_count, int64_t count):
    """Where each of the numbers known_count ... count - 1 comes first; each of them does come."""
    cdef const int64_t[::1] code_of = np.ascontiguousarray(codes, np.int64)
    cdef Py_ssize_t row = 0
    cdef int64_t new, found = 0, wanted = count - known_count
    firsts = np.empty(wanted, np.int64)
    cdef int64_t[::1] first_of = firsts
    with nogil:
        while found < wanted and row < code_of.shape[0]:  # as they mostly come: in order
            first_of[found] = row
            found += code_of[row] == known_count + found
            row += 1
        if found < wanted:  # NULL has the last of them, wherever it comes
            first_of[:] = -1
            for row in range(code_of.shape[0]):
                new = code_of[row] - known_count
                if new >= 0 and first_of[new] < 0:
                    first_of[new] = row
    return firsts


def run_codes(keys):
    """Numbers of the runs of equal keys that rows lie in, from 0 on; None: a key is less than the one before it."""
    cdef const int64_t[:] wide
    cdef const int32_t[:] middle
    if keys.dtype == np.int32:
        middle = keys
        return _run_codes(middle)
    wide = keys.astype(np.int64, copy=False)
    return _run_codes(wide)


cdef _run_codes(const Integer[:] keys):
    cdef Py_ssize_t count = keys.shape[0], row
    cdef int64_t code = 0
    cdef bint is_ordered = True
    codes = np.zeros(count, np.int64)
    cdef int64_t[::1] code_of = codes
    with nogil:
        for row in range(1, count):
            is_ordered &= keys[row] >= keys[row - 1]
            code += keys[row] != keys[row - 1]
            code_of[row] = code
    return codes if is_ordered else None


def dense_codes(values, valid, int64_t lowest, int64_t span):
    """How far each integer is above the lowest; -1 if that is not in 0 ... span - 1, or it is NULL."""
    cdef const int64_t[:] wide
    cdef const int32_t[:] middle
    if values.dtype == np.int32:
        middle = values
        return _dense_codes(middle, valid, lowest, span)
    wide = values.astype(np.int64, copy=False)
    return _dense_codes(wide, valid, lowest, span)


cdef _dense_codes(const Integer[:] values, valid, int64_t lowest, int64_t span):
    cdef Py_ssize_t count = values.shape[0], row
    cdef uint64_t place, width = <uint64_t>span
    cdef bint has_nulls = valid is not None
    cdef const uint8_t[:] is_valid
    codes = np.empty(count, np.int64)
    cdef int64_t[::1] code_of = codes
    if has_nulls:
        is_valid = valid.view(np.uint8)
    with nogil:
        for row in range(count):
            place = <uint64_t><int64_t>values[row] - <uint64_t>lowest
            code_of[row] = <int64_t>place if place < width else -1
        if has_nulls:
            for row in range(count):
                if not is_valid[row]:
                    code_of[row] = -1
    return codes


def joined_rows(codes, starts, rows, int64_t first, int64_t pairs_max):
    """Pairs of a row of `codes`, from `first` on, and one of the rows of its number."""
    cdef const int64_t[::1] code_of = codes, start_of = starts, row_at = rows
    cdef Py_ssize_t count = code_of.shape[0], row, stop = count
    cdef int64_t code, place, total = 0, length
    with nogil:
        for row in range(first, count):
            code = code_of[row]
            if code >= 0:
                length = start_of[code + 1] - start_of[code]
                if total and total + length > pairs_max:
                    stop = row
                    break
                total += length
    lefts = np.empty(total, np.int64)
    rights = np.empty(total, np.int64)
    cdef int64_t[::1] left_at = lefts, right_at = rights
    total = 0
    with nogil:
        for row in range(first, stop):
            code = code_of[row]
            if code >= 0:
                for place in range(start_of[code], start_of[code + 1]):
                    left_at[total] = row
                    right_at[total] = row_at[place]
                    total += 1
    return lefts, rights, stop


def single_rows(codes, int64_t code_count):
    """Each number's row and one, 0 where it has none; None if one has several, or 32 bits do not hold them."""
    cdef const int64_t[::1] code_of = np.ascontiguousarray(codes, np.int64)
    cdef Py_ssize_t count = code_of.shape[0], row
    cdef int64_t code
    cdef bint is_single = count < (<int64_t>1 << 31) - 1
    rows = np.zeros(code_count, np.int32)  # of zeros only pages that are written to take memory
    cdef int32_t[::1] row_of = rows
    with nogil:
        for row in range(count if is_single else 0):
            code = code_of[row]
            if code >= 0:
                if row_of[code]:
                    is_single = False
                    break
                row_of[code] = <int32_t>(row + 1)
    return rows if is_single else None


def single_pairs(codes, const int32_t[::1] row_of):
    """The places whose number has a row, in their order, and these rows."""
    cdef const int64_t[::1] code_of = np.ascontiguousarray(codes, np.int64)
    cdef Py_ssize_t count = code_of.shape[0], row, found = 0
    cdef int64_t code, at
    lefts, rights = np.empty(count, np.int64), np.empty(count, np.int64)
    cdef int64_t[::1] left_at = lefts, right_at = rights
    if not row_of.shape[0]:
        return lefts[:0], rights[:0]
    with nogil:
        for row in range(count):  # no branch depends on a key: there would be no guessing it
            code = code_of[row]
            at = (<int64_t>row_of[code if code >= 0 else 0] - 1) | (code >> 63)  # -1 where there is no number
            left_at[found] = row
            right_at[found] = at
            found += at >= 0
    return lefts[:found], rights[:found]


def packed_rows(columns, sizes, Py_ssize_t count):
    """Rows of codes numbered by first appearance, and where each of them comes first; sizes: above each column's codes."""
    cdef Py_ssize_t row, place = 1
    cdef int64_t found = 0, number
    cdef int64_t size
    cdef const int64_t[::1] code_of
    numbers = np.zeros(count, np.int64)
    cdef int64_t[::1] number_of = numbers
    for codes, size in zip(columns, sizes):
        assert len(codes) == count
        code_of = np.ascontiguousarray(codes, np.int64)
        place *= size
        with nogil:
            for row in range(count):
                number_of[row] = number_of[row] * size + code_of[row]
    firsts = np.empty(place, np.int64)
    cdef int64_t[::1] first_at = firsts
    cdef int64_t[::1] number_at = np.full(place, -1, np.int64)
    with nogil:
        for row in range(count):
            number = number_at[number_of[row]]
            if number < 0:
                number = number_at[number_of[row]] = found
                first_at[found] = row
                found += 1
            number_of[row] = number
    return numbers, firsts[:found]
