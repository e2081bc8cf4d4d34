"""The order of rows with equal keys; server/executor/tie_order.py specifies it."""

import numpy as np

from libc.stdint cimport int64_t


def tied_rows(ranks, int64_t bound):
    """The rows in ascending order of their ranks; with a bound >= 0 only so many of them."""
    cdef const int64_t[::1] keys = np.ascontiguousarray(ranks, np.int64)
    cdef Py_ssize_t count = keys.shape[0]
    cdef int64_t[::1] row_at
    if bound < 0 or count <= 2 * bound:
        rows = np.arange(count)
        row_at = rows
        with nogil:
            if count > 1:
                sort_rows(&keys[0], &row_at[0], 0, count)
        return rows if bound < 0 else rows[:bound]
    rows = np.empty(bound, np.int64)
    row_at = rows
    with nogil:
        if bound > 0:
            first_rows(&keys[0], count, &row_at[0], bound)
    return rows


cdef inline void swap(int64_t* rows, Py_ssize_t one, Py_ssize_t other) noexcept nogil:
    cdef int64_t row = rows[one]
    rows[one] = rows[other]
    rows[other] = row


cdef inline void swap_runs(int64_t* rows, Py_ssize_t one, Py_ssize_t other, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t step
    for step in range(count):
        swap(rows, one + step, other + step)


cdef inline Py_ssize_t median(
    const int64_t* keys, const int64_t* rows, Py_ssize_t one, Py_ssize_t two, Py_ssize_t three
) noexcept nogil:
    cdef int64_t a = keys[rows[one]], b = keys[rows[two]], c = keys[rows[three]]
    if a < b:
        return two if b < c else (three if a < c else one)
    return two if b > c else (one if a < c else three)


cdef Py_ssize_t pivot_of(const int64_t* keys, const int64_t* rows, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef Py_ssize_t count = stop - start, first = start, last = stop - 1, step
    cdef Py_ssize_t middle = start + count // 2
    if count <= 7:
        return middle
    if count > 40:
        step = count // 8
        first = median(keys, rows, first, first + step, first + 2 * step)
        middle = median(keys, rows, middle - step, middle, middle + step)
        last = median(keys, rows, last - 2 * step, last - step, last)
    return median(keys, rows, first, middle, last)


cdef void insert_rows(const int64_t* keys, int64_t* rows, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef Py_ssize_t sorted_to, place
    for sorted_to in range(start + 1, stop):
        place = sorted_to
        while place > start and keys[rows[place - 1]] > keys[rows[place]]:
            swap(rows, place, place - 1)
            place -= 1


cdef void sort_rows(const int64_t* keys, int64_t* rows, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef Py_ssize_t place, low, high, equal_low, equal_high, below, above, moved
    cdef int64_t pivot
    while stop - start >= 7:
        place = start + 1
        while place < stop and keys[rows[place - 1]] <= keys[rows[place]]:
            place += 1
        if place == stop:
            return
        swap(rows, start, pivot_of(keys, rows, start, stop))
        pivot = keys[rows[start]]
        equal_low = low = start + 1
        equal_high = high = stop - 1
        while True:
            while low <= high and keys[rows[low]] <= pivot:
                if keys[rows[low]] == pivot:
                    swap(rows, equal_low, low)
                    equal_low += 1
                low += 1
            while low <= high and keys[rows[high]] >= pivot:
                if keys[rows[high]] == pivot:
                    swap(rows, high, equal_high)
                    equal_high -= 1
                high -= 1
            if low > high:
                break
            swap(rows, low, high)
            low += 1
            high -= 1
        below = low - equal_low
        above = equal_high - high
        moved = min(equal_low - start, below)
        swap_runs(rows, start, low - moved, moved)
        moved = min(above, stop - equal_high - 1)
        swap_runs(rows, low, stop - moved, moved)
        if below <= above:
            sort_rows(keys, rows, start, start + below)
            start = stop - above
        else:
            sort_rows(keys, rows, stop - above, stop)
            stop = start + below
    insert_rows(keys, rows, start, stop)


cdef void first_rows(const int64_t* keys, Py_ssize_t count, int64_t* heap, Py_ssize_t bound) noexcept nogil:
    cdef Py_ssize_t row, held = 0
    cdef int64_t top
    for row in range(count):
        if held < bound:
            rise(keys, heap, held, row)
            held += 1
        elif keys[row] < keys[heap[0]]:
            sink(keys, heap, held, row)
    while held > 1:
        held -= 1
        top = heap[0]
        sink(keys, heap, held, heap[held])
        heap[held] = top


cdef inline void rise(const int64_t* keys, int64_t* heap, Py_ssize_t place, int64_t row) noexcept nogil:
    cdef Py_ssize_t parent
    while place:
        parent = (place - 1) // 2
        if keys[row] <= keys[heap[parent]]:
            break
        heap[place] = heap[parent]
        place = parent
    heap[place] = row


cdef inline void sink(const int64_t* keys, int64_t* heap, Py_ssize_t held, int64_t row) noexcept nogil:
    cdef Py_ssize_t place = 0, child = 1
    while child < held:
        if child + 1 < held and keys[heap[child]] < keys[heap[child + 1]]:
            child += 1
        if keys[row] >= keys[heap[child]]:
            break
        heap[place] = heap[child]
        place = child
        child = 2 * place + 1
    heap[place] = row
