"""Functions of C's mathematical library over arrays of floats; server/vector/c_math.py specifies it."""

import numpy as np

from libc.math cimport acos, asin, atan, atan2, cbrt, cos, exp, log, log10, pow, sin, tan

ctypedef double (*Unary)(double) noexcept nogil

NUMBERS = {
    name: number
    for number, name in enumerate(
        ("exp", "log", "log10", "cbrt", "sin", "cos", "tan", "asin", "acos", "atan")
    )
}

cdef Unary FUNCTIONS[10]
FUNCTIONS[0] = exp
FUNCTIONS[1] = log
FUNCTIONS[2] = log10
FUNCTIONS[3] = cbrt
FUNCTIONS[4] = sin
FUNCTIONS[5] = cos
FUNCTIONS[6] = tan
FUNCTIONS[7] = asin
FUNCTIONS[8] = acos
FUNCTIONS[9] = atan


def of_each(str name, values):
    """What a function gives of each value."""
    cdef const double[::1] value_of = np.ascontiguousarray(values, np.float64)
    cdef Py_ssize_t count = value_of.shape[0]
    results = np.empty(count, np.float64)
    cdef double[::1] result_of = results
    cdef Unary compute = FUNCTIONS[<int>NUMBERS[name]]
    cdef Py_ssize_t row
    with nogil:
        for row in range(count):
            result_of[row] = compute(value_of[row])
    return results


def angles(rises, runs):
    """The angle of each point."""
    cdef const double[::1] rise_of = np.ascontiguousarray(rises, np.float64)
    cdef const double[::1] run_of = np.ascontiguousarray(runs, np.float64)
    cdef Py_ssize_t count = rise_of.shape[0], row
    results = np.empty(count, np.float64)
    cdef double[::1] result_of = results
    assert run_of.shape[0] == count
    with nogil:
        for row in range(count):
            result_of[row] = atan2(rise_of[row], run_of[row])
    return results


def powers(bases, exponents):
    """Each base to the power of its exponent."""
    cdef const double[::1] base_of = np.ascontiguousarray(bases, np.float64)
    cdef const double[::1] exponent_of = np.ascontiguousarray(exponents, np.float64)
    cdef Py_ssize_t count = base_of.shape[0]
    results = np.empty(count, np.float64)
    cdef double[::1] result_of = results
    cdef Py_ssize_t row
    with nogil:
        for row in range(count):
            result_of[row] = pow(base_of[row], exponent_of[row])
    return results
