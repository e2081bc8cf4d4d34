"""The class of row_paths.pyx: all that compiled code does with the rows of a relation."""

cimport cython

from libc.stdint cimport uint64_t

from storage.native.row_pruner cimport RowPruner
from storage.native.work cimport Work


@cython.final
cdef class RowPaths(RowPruner):
    cpdef object update(
        self, table, Work transaction, uint64_t row_id, values, bint key_changed, bint key_kept
    )
    cdef bint update_raw(
        self, table, Work transaction, uint64_t row_id, values, bint key_changed, bint key_kept,
        uint64_t *new_id_out, uint64_t *root_id_out,
    ) except -1
    cdef object locked(self, transaction, uint64_t root_id, int mode)
