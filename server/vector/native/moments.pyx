"""Running moments of floats over groups; server/vector/moments.py specifies it."""

import numpy as np

from libc.math cimport NAN, isfinite
from libc.stdint cimport int64_t


def add_moments(groups, values, double[::1] counts, double[::1] sums, double[::1] squares):
    """Add each value to the count, the sum and the sum of squared differences of its group, in order."""
    cdef const int64_t[::1] group_of = np.ascontiguousarray(groups, np.int64)
    cdef const double[::1] value_of = np.ascontiguousarray(values, np.float64)
    cdef Py_ssize_t row
    cdef int64_t group
    cdef double value, count, difference
    with nogil:
        for row in range(group_of.shape[0]):
            group = group_of[row]
            value = value_of[row]
            count = counts[group] + 1
            counts[group] = count
            sums[group] += value
            if count > 1:
                difference = value * count - sums[group]
                squares[group] += difference * difference / (count * (count - 1))
            elif not isfinite(value):
                squares[group] = NAN


def add_pair_moments(groups, ys, xs, double[:, ::1] totals):
    """Add each pair to N, Sx, Sxx, Sy, Syy, Sxy of its group, a row of totals, in order."""
    cdef const int64_t[::1] group_of = np.ascontiguousarray(groups, np.int64)
    cdef const double[::1] y_of = np.ascontiguousarray(ys, np.float64)
    cdef const double[::1] x_of = np.ascontiguousarray(xs, np.float64)
    cdef Py_ssize_t row
    cdef double x, y, dx, dy, count, scale
    cdef double* total
    if not group_of.shape[0]:
        return
    with nogil:
        for row in range(group_of.shape[0]):
            total = &totals[group_of[row], 0]
            x = x_of[row]
            y = y_of[row]
            count = total[0] + 1
            total[0] = count
            total[1] += x
            total[3] += y
            if count > 1:
                dx = x * count - total[1]
                dy = y * count - total[3]
                scale = 1.0 / (count * (count - 1))
                total[2] += dx * dx * scale
                total[4] += dy * dy * scale
                total[5] += dx * dy * scale
            elif not (isfinite(x) and isfinite(y)):
                total[2] = total[4] = total[5] = NAN
