"""An expression over one row, and tuples of these."""

from libc.stdint cimport int64_t


cdef class Cell:
    cdef int kind
    cdef Py_ssize_t place
    cdef int64_t limit  # the largest integer of the result's type
    cdef object payload  # the closure, the constant, the function, the zone
    cdef object name  # of the zone
    cdef Cell first, second

    cdef object value(self, tuple row, tuple parameters, context)
    cdef object local_of(self, value, style)
    cdef object sum_of(self, first, second)


cdef Cell cell_of(expression, layout)
cdef tuple cells_of(expressions, layout)
cdef bint holds(tuple checks, tuple row, tuple parameters, context) except -1
cdef tuple values_of(tuple cells, tuple row, tuple parameters, context)
