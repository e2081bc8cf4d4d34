"""The rows of a relation as compiled code sees them; see row_paths.pyx."""

cimport cython

from libc.stdint cimport int64_t, uint32_t, uint64_t

from storage.native.blocks cimport View
from storage.native.change cimport Change, PageTable
from storage.native.commit_log cimport CommitLog, Snapshot
from storage.native.work cimport Work


cdef struct Version:
    uint64_t xmin
    uint64_t xmax
    uint64_t following
    uint64_t nulls


cdef struct Place:
    uint64_t address  # of the run; 0: the group is not known yet
    bint is_sealed
    bint is_alike  # its version headers are not in the store, and cannot be written
    uint64_t versions
    uint64_t more_nulls
    uint64_t *columns
    uint32_t capacity
    uint32_t column_count


@cython.final
cdef class RowPaths:
    cdef readonly object groups
    cdef readonly CommitLog log
    cdef readonly dict newest
    cdef readonly dict locks
    cdef object pager
    cdef Change change
    cdef PageTable table
    cdef list group_list
    cdef set reusable
    cdef Place *places
    cdef Py_ssize_t place_count
    cdef unsigned char *kinds
    cdef Py_ssize_t kind_count
    cdef bint redirected  # by the last prune(): the root became a redirect

    cdef int read_kinds(self) except -1
    cdef void clear(self) noexcept
    cdef bint is_open(self, Place *place) noexcept
    cdef Place *place_of(self, uint64_t row_id) except NULL
    cdef Version *version_of(self, uint64_t row_id) except NULL
    cdef object group_of(self, uint64_t row_id)
    cdef int64_t find_raw(self, Snapshot snapshot, uint64_t root_id) except -2
    cdef object values_raw(self, uint64_t row_id, columns)
    cdef bint is_null(self, Place *place, uint64_t slot, Py_ssize_t column) noexcept
    cdef object value_of(self, Place *place, uint64_t slot, Py_ssize_t column)
    cdef object string_at(self, const View *view)
    cdef bint has_moved(self, uint64_t root_id) except -1
    cdef tuple slot_for(self, table, uint64_t xid, Py_ssize_t group_no)
    cpdef object update(
        self, table, Work transaction, uint64_t row_id, values, bint key_changed, bint key_kept
    )
    cdef uint64_t root_raw(self, uint64_t row_id) except? 0xFFFFFFFFFFFFFFFF
    cdef object locked(self, transaction, uint64_t root_id, int mode)
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
    cdef bint has_large(self, Place *place, uint64_t slot) except -1
    cdef bint fits(self, values) except -1
    cdef bint may_copy(self, Place *place, uint64_t slot, values) except -1
    cdef int write_version(self, Change change, uint64_t row_id, Version *version) except -1
    cdef int write_row(
        self, Change change, group, Place *place, uint64_t slot, uint64_t stamp,
        uint64_t following, values, Place *old, uint64_t old_slot,
    ) except -1
    cdef int copy_value(
        self, Change change, group, Place *place, uint64_t slot, Py_ssize_t column,
        Place *old, uint64_t old_slot,
    ) except -1
    cdef int write_value(
        self, Change change, group, Place *place, uint64_t slot, Py_ssize_t column, value
    ) except -1
    cdef int write_string(
        self, Change change, group, Place *place, uint64_t slot, Py_ssize_t column,
        const char *data, uint64_t length,
    ) except -1
    cdef int took(self, group, uint64_t slot, uint64_t stamp) except -1
    cdef int give_up(self, Change change) except -1
