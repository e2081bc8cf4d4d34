"""The class of row_paths.pyx: all that compiled code does with the rows of a relation."""

cimport cython

from libc.stdint cimport uint64_t

from storage.native.row_pruner cimport RowPruner
from storage.native.work cimport Work


cdef enum:  # storage.outcomes.Status, and what else may be found
    STATUS_DONE = 0
    STATUS_BLOCKED = 1
    STATUS_UPDATED = 2
    STATUS_DELETED = 3
    STATUS_SELF_MODIFIED = 4
    STATUS_FREE = 100  # nothing is in the way
    STATUS_UNCLEAR = 101  # storage.conflicts knows


@cython.final
cdef class RowPaths(RowPruner):
    cpdef object update(
        self, table, Work transaction, uint64_t row_id, values, bint key_changed, bint key_kept
    )
    cdef bint update_raw(
        self, table, Work transaction, uint64_t row_id, values, bint key_changed, bint key_kept,
        uint64_t *new_id_out, uint64_t *root_id_out,
    ) except -1
    cdef int check_raw(
        self, transaction, uint64_t row_id, int mode, uint64_t *other, uint64_t *root_id_out
    ) except -1
    cdef bint has_ended(self, transaction, uint64_t xmin, uint64_t xmax) except -1
    cdef object locked(self, transaction, uint64_t root_id, int mode)
