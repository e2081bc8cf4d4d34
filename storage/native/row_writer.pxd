"""The class of row_writer.pyx."""

cimport cython

from libc.stdint cimport int64_t, uint64_t

from storage.native.change cimport Change
from storage.native.row_reader cimport Place, RowReader
from storage.native.slots cimport Slot
from storage.native.version cimport Version

cdef int add_to(instance, Slot *slot, int64_t number) except -1
cdef int note_change(group, uint64_t stamp) except -1


cdef class RowWriter(RowReader):
    cdef tuple slot_for(self, table, uint64_t xid, Py_ssize_t group_no)
    cdef bint fits(self, values) except -1
    cdef bint may_copy(self, Place *place, uint64_t slot, values) except -1
    cdef bint has_large(self, Place *place, uint64_t slot) except -1
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
