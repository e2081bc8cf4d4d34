"""What protocol.native.copy_rows takes from the columns that rows.pyx has resolved."""

from cpython.object cimport PyObject
from libc.stdint cimport uint8_t

ctypedef char *(*Writer)(char *place, const Source *source, Py_ssize_t row) noexcept nogil

cdef enum:
    DICTIONARY = 12  # after the kinds of rows.pyx

cdef struct Text:
    const char *data
    Py_ssize_t size

cdef struct Source:
    int kind
    int scale
    const void *values
    const uint8_t *valid
    Text *texts
    Py_ssize_t text_count
    Writer write


cdef class Batch:
    cdef Source *sources
    cdef Py_ssize_t column_count
    cdef Py_ssize_t row_count
    cdef Py_ssize_t bytes_max  # of all values of all rows
    cdef list keep

    cdef int resolve(self, Source *source, column) except -1
    cdef int resolve_objects(self, Source *source, values) except -1
    cdef int resolve_dictionary(self, Source *source, dictionary) except -1
    cdef bytes data_rows(self, char tag)


cdef class Output:
    cdef PyObject *data

    cdef char *start(self)
    cdef bytes finish(self, Py_ssize_t size)


cdef bint is_null(const Source *source, Py_ssize_t row) noexcept nogil
