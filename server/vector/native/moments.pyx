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
