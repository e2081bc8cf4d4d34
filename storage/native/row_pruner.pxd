"""The class of row_pruner.pyx."""

cimport cython

from libc.stdint cimport uint64_t

from storage.native.change cimport Change
from storage.native.row_writer cimport RowWriter
from storage.native.version cimport Version

cdef enum:
    CHAIN_MAX = 128


cdef class RowPruner(RowWriter):
    cdef bint redirected  # by the last prune(): the root became a redirect

    cdef Py_ssize_t read_chain(
        self, uint64_t root_id, uint64_t last, uint64_t *chain, Version *found
    ) except -2
    cdef Py_ssize_t prune(
        self, Py_ssize_t length, uint64_t *chain, Version *versions, bint *changed,
        uint64_t *freed, uint64_t *freed_count,
    ) except -1
    cdef int account(
        self, uint64_t *chain, uint64_t *freed, uint64_t freed_count, uint64_t reused
    ) except -1
    cdef Py_ssize_t sweep_row(
        self, uint64_t root_id, uint64_t horizon, list moved, list gone, list changed_roots
    ) except -2
    cdef int rewrite(
        self, uint64_t root_id, Py_ssize_t kept, uint64_t *chain, Version *after, bint *changed,
        uint64_t *freed, uint64_t freed_count, bint folds, uint64_t last, uint64_t mark,
    ) except -1
    cdef Py_ssize_t end_row(
        self, uint64_t root_id, uint64_t last, uint64_t *freed, uint64_t freed_count
    ) except -2
    cdef bint may_fold(self, uint64_t root_id, uint64_t last) except -1
    cdef int fold(
        self, Change change, uint64_t root_id, uint64_t last, Version *newest, uint64_t mark
    ) except -1
