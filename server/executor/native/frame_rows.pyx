"""What window frames hold, row by row; server/executor/frame_rows.py specifies it.

As a rule frames only move on, which makes them cheap: the best row is at the head of a queue of those that may become
it, a sum goes on from that of the frame before. Where a frame moves back, it is done from its start.
"""

import numpy as np

from libc.stdint cimport int64_t, uint8_t

ctypedef fused Number:
    int64_t
    double


cdef const uint8_t[::1] _mask(valid):
    return None if valid is None else np.ascontiguousarray(valid).view(np.uint8)


def extreme_rows(keys, valid, starts, stops, bint greatest):
    """The row of the least or greatest key in each frame, of equal ones the last; -1: all are NULL."""
    cdef const int64_t[::1] key = np.ascontiguousarray(keys, np.int64)
    cdef const int64_t[::1] start_of = np.ascontiguousarray(starts, np.int64)
    cdef const int64_t[::1] stop_of = np.ascontiguousarray(stops, np.int64)
    cdef const uint8_t[::1] is_valid = _mask(valid)
    cdef bint has_nulls = valid is not None
    cdef Py_ssize_t count = start_of.shape[0], number
    result = np.empty(count, np.int64)
    queue = np.empty(key.shape[0] + 1, np.int64)
    cdef int64_t[::1] out = result, waiting = queue
    cdef int64_t head = 0, tail = 0, following = 0, last_start = 0, start, stop
    with nogil:
        for number in range(count):
            start = start_of[number]
            stop = stop_of[number]
            if start >= stop:
                out[number] = -1
                continue
            if start < last_start or stop < following or following < start:
                head = tail = 0
                following = start
            last_start = start
            while following < stop:
                if not has_nulls or is_valid[following]:
                    if greatest:
                        while tail > head and key[following] >= key[waiting[tail - 1]]:
                            tail -= 1
                    else:
                        while tail > head and key[following] <= key[waiting[tail - 1]]:
                            tail -= 1
                    waiting[tail] = following
                    tail += 1
                following += 1
            while head < tail and waiting[head] < start:
                head += 1
            out[number] = waiting[head] if head < tail else -1
    return result


def float_sums(values, valid, starts, stops):
    """The sum of each frame, added up from its first row to its last; 0 where all are NULL."""
    cdef const double[::1] value = np.ascontiguousarray(values, np.float64)
    cdef const int64_t[::1] start_of = np.ascontiguousarray(starts, np.int64)
    cdef const int64_t[::1] stop_of = np.ascontiguousarray(stops, np.int64)
    cdef const uint8_t[::1] is_valid = _mask(valid)
    cdef bint has_nulls = valid is not None
    cdef Py_ssize_t count = start_of.shape[0], number
    result = np.empty(count, np.float64)
    cdef double[::1] out = result
    cdef int64_t start, last_start = -1, following = 0
    cdef double total = -0.0  # any other zero would take the sign from a sum of nothing but -0
    with nogil:
        for number in range(count):
            start = start_of[number]
            if start != last_start or stop_of[number] < following:
                total = -0.0
                following = last_start = start
            while following < stop_of[number]:
                if not has_nulls or is_valid[following]:
                    total += value[following]
                following += 1
            out[number] = total
    return result


def range_ends(values, valid, bounds, starts, stops, *, bint less, bint starting, bint nulls_first):
    """The first row of each frame if starting, otherwise the one behind its last."""
    if values.dtype == np.float64:
        return _range_ends[double](
            np.ascontiguousarray(values), valid, np.ascontiguousarray(bounds, np.float64), starts, stops, less, starting,
            nulls_first,
        )
    return _range_ends[int64_t](
        np.ascontiguousarray(values, np.int64), valid, np.ascontiguousarray(bounds, np.int64), starts, stops, less,
        starting, nulls_first,
    )


cdef _range_ends(const Number[::1] value, valid, const Number[::1] bound, starts, stops, bint less, bint starting,
                 bint nulls_first):
    cdef const int64_t[::1] start_of = np.ascontiguousarray(starts, np.int64)
    cdef const int64_t[::1] stop_of = np.ascontiguousarray(stops, np.int64)
    cdef const uint8_t[::1] is_valid = _mask(valid)
    cdef bint has_nulls = valid is not None, is_null = False, own_is_null = False, is_reached
    cdef Py_ssize_t count = start_of.shape[0], row
    found = np.empty(count, np.int64)
    cdef int64_t[::1] out = found
    cdef int64_t at = 0
    with nogil:
        for row in range(count):
            at = max(at, start_of[row])
            if has_nulls:
                own_is_null = not is_valid[row]
            while at < stop_of[row]:
                if has_nulls:
                    is_null = not is_valid[at]
                if is_null or own_is_null:
                    if starting:
                        is_reached = is_null == own_is_null or is_null != nulls_first
                    else:
                        is_reached = is_null != own_is_null and is_null != nulls_first
                elif less:
                    is_reached = (value[at] <= bound[row]) == starting
                else:
                    is_reached = (value[at] >= bound[row]) == starting
                if is_reached:
                    break
                at += 1
            out[row] = at
    return found
