"""Totals of groups; server/vector/totals.py specifies it."""

import numpy as np

from libc.math cimport isfinite
from libc.stdint cimport int16_t, int32_t, int64_t

ctypedef fused Integer:
    int16_t
    int32_t
    int64_t

ctypedef fused Float:
    float
    double


def count_rows(int64_t[::1] totals, groups):
    """Add one to the total of each row's group."""
    cdef const int64_t[::1] group_of = np.ascontiguousarray(groups, np.int64)
    cdef Py_ssize_t row
    with nogil:
        for row in range(group_of.shape[0]):
            totals[group_of[row]] += 1


def add_integers(int64_t[::1] totals, groups, values):
    """Add each integer to the total of its group; the caller knows that none overflows."""
    groups = np.ascontiguousarray(groups, np.int64)
    assert len(values) == len(groups)
    if values.dtype == np.int64:
        _add_integers[int64_t](totals, groups, values)
    elif values.dtype == np.int32:
        _add_integers[int32_t](totals, groups, values)
    elif values.dtype == np.int16:
        _add_integers[int16_t](totals, groups, values)
    else:
        _add_integers[int64_t](totals, groups, values.astype(np.int64))


cdef void _add_integers(int64_t[::1] totals, const int64_t[::1] groups, const Integer[:] values):
    cdef Py_ssize_t row
    with nogil:
        for row in range(groups.shape[0]):
            totals[groups[row]] += values[row]


def add_floats(double[::1] totals, groups, values):
    """Add each float to the total of its group, in order; whether all of those are finite afterwards."""
    groups = np.ascontiguousarray(groups, np.int64)
    assert len(values) == len(groups)
    if values.dtype == np.float32:
        return _add_floats[float](totals, groups, values)
    return _add_floats[double](totals, groups, values.astype(np.float64, copy=False))


cdef bint _add_floats(double[::1] totals, const int64_t[::1] groups, const Float[:] values):
    cdef Py_ssize_t row
    cdef bint are_finite = True
    cdef double total
    with nogil:
        for row in range(groups.shape[0]):
            total = totals[groups[row]] + values[row]
            totals[groups[row]] = total
            are_finite = are_finite and isfinite(total)  # what is not finite never is again
    return are_finite
