"""Running moments of floats over groups; server/vector/moments.py specifies it."""

import numpy as np

from libc.math cimport NAN, isfinite, isinf, isnan
from libc.stdint cimport int64_t


def add_moments(groups, values, double[::1] counts, double[::1] sums, double[::1] squares):
    """Add each value to the count, the sum and the sum of squared differences of its group, in order.

    Tells whether one of them became infinite without an infinite value.
    """
    cdef const int64_t[::1] group_of = np.ascontiguousarray(groups, np.int64)
    cdef const double[::1] value_of = np.ascontiguousarray(values, np.float64)
    cdef Py_ssize_t row
    cdef int64_t group
    cdef double value, count, difference, before, total, squared
    cdef bint overflowed = False
    with nogil:
        for row in range(group_of.shape[0]):
            group = group_of[row]
            value = value_of[row]
            count = counts[group] + 1
            counts[group] = count
            before = sums[group]
            total = before + value
            sums[group] = total
            if count > 1:
                difference = value * count - total
                squared = squares[group]
                # What is no number stays the one it is: machines choose differently between two of them.
                if not isnan(squared):
                    squared += difference * difference / (count * (count - 1))
                if isinf(total) or isinf(squared):
                    if not (isinf(before) or isinf(value)):
                        overflowed = True
                    squared = NAN
                squares[group] = squared
            elif not isfinite(value):
                squares[group] = NAN
    return overflowed


def add_pair_moments(groups, ys, xs, double[:, ::1] totals):
    """Add each pair to N, Sx, Sxx, Sy, Syy, Sxy of its group, a row of totals, in order; tells as add_moments."""
    cdef const int64_t[::1] group_of = np.ascontiguousarray(groups, np.int64)
    cdef const double[::1] y_of = np.ascontiguousarray(ys, np.float64)
    cdef const double[::1] x_of = np.ascontiguousarray(xs, np.float64)
    cdef Py_ssize_t row
    cdef double x, y, dx, dy, count, scale, before_x, before_y
    cdef double* total
    cdef bint overflowed = False
    cdef bint plain_x, plain_y
    if not group_of.shape[0]:
        return False
    with nogil:
        for row in range(group_of.shape[0]):
            total = &totals[group_of[row], 0]
            x = x_of[row]
            y = y_of[row]
            count = total[0] + 1
            total[0] = count
            before_x = total[1]
            before_y = total[3]
            total[1] += x
            total[3] += y
            if count > 1:
                dx = x * count - total[1]
                dy = y * count - total[3]
                scale = 1.0 / (count * (count - 1))
                if not isnan(total[2]):
                    total[2] += dx * dx * scale
                if not isnan(total[4]):
                    total[4] += dy * dy * scale
                if not isnan(total[5]):
                    total[5] += dx * dy * scale
                if isinf(total[1]) or isinf(total[2]) or isinf(total[3]) or isinf(total[4]) or isinf(total[5]):
                    plain_x = not (isinf(before_x) or isinf(x))
                    plain_y = not (isinf(before_y) or isinf(y))
                    if (
                        (plain_x and (isinf(total[1]) or isinf(total[2])))
                        or (plain_y and (isinf(total[3]) or isinf(total[4])))
                        or (plain_x and plain_y and isinf(total[5]))
                    ):
                        overflowed = True
                    if isinf(total[2]):
                        total[2] = NAN
                    if isinf(total[4]):
                        total[4] = NAN
                    if isinf(total[5]):
                        total[5] = NAN
            else:
                if not isfinite(x):
                    total[2] = total[5] = NAN
                if not isfinite(y):
                    total[4] = total[5] = NAN
    return overflowed
