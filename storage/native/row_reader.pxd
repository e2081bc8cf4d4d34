"""The rows of a relation as compiled code sees them; see row_reader.pyx."""

cimport cython

from libc.stdint cimport int64_t, uint32_t, uint64_t

from storage.native.blocks cimport View
from storage.native.change cimport Change, PageTable
from storage.native.commit_log cimport CommitLog, Snapshot
from storage.native.version cimport Version

cdef enum:  # kinds of columns
    BOOL = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    FLOAT32 = 5
    FLOAT64 = 6
    FIXED16 = 7
    BYTES = 8

cdef enum:
    INLINE_MAX = 12
    LARGE_MIN = 65536

cdef extern from *:
    """
    /* By kind: bytes of a slot of a column. */
    static const unsigned char WIDTHS[9] __attribute__((unused)) = {0, 1, 2, 4, 8, 4, 8, 16, 16};
    """
    const unsigned char[9] WIDTHS
    void fetch_ahead "__builtin_prefetch"(const void *at) nogil


cdef struct Place:
    uint64_t address  # of the run; 0: the group is not known yet
    bint is_sealed
    bint is_alike  # its version headers are not in the store, and cannot be written
    uint64_t versions
    uint64_t more_nulls
    uint64_t *columns
    uint32_t capacity
    uint32_t column_count


cdef class RowReader:
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

    cdef int read_kinds(self) except -1
    cdef void clear(self) noexcept
    cdef Place *new_place(self, Py_ssize_t group_no) except NULL
    cdef object group_of(self, uint64_t row_id)
    cdef int64_t find_raw(self, Snapshot snapshot, uint64_t root_id) except -2
    cdef object values_raw(self, uint64_t row_id, columns)
    cdef tuple values_from(self, uint64_t row_id, tuple columns, Py_ssize_t first)
    cdef bint has_values(self, uint64_t row_id, tuple columns, Py_ssize_t count, parts) except -1
    cdef object value_of(self, Place *place, uint64_t slot, Py_ssize_t column)
    cdef object string_at(self, const View *view)
    cdef bint has_moved(self, uint64_t root_id) except -1
    cdef uint64_t root_raw(self, uint64_t row_id) except? 0xFFFFFFFFFFFFFFFF

    cdef inline bint is_open(self, Place *place) noexcept:
        """The twin of RowGroups.is_open."""
        return place.column_count == self.kind_count and not place.is_sealed

    cdef inline Place *place_of(self, uint64_t row_id) except NULL:
        cdef Py_ssize_t group_no = row_id >> 16
        if group_no >= self.place_count or self.places[group_no].address == 0:
            return self.new_place(group_no)
        return self.places + group_no

    cdef inline Version *version_of(self, uint64_t row_id) except NULL:
        cdef Place *place = self.place_of(row_id)
        return <Version *>(self.table.bytes + place.versions) + (row_id & 0xFFFF)

    cdef inline int approach(self, uint64_t row_id, tuple columns) except -1:
        """Have the memory bring what is about to be read of a row, all at once and not one after the other."""
        cdef Py_ssize_t group_no = row_id >> 16, column
        cdef uint64_t slot = row_id & 0xFFFF
        cdef Place *place
        if group_no >= self.place_count or self.places[group_no].address == 0:
            return 0
        place = self.places + group_no
        fetch_ahead(self.table.bytes + place.versions + 32 * slot)
        if self.is_open(place):
            for number in columns:
                column = number
                fetch_ahead(self.table.bytes + place.columns[column] + WIDTHS[self.kinds[column]] * slot)
        return 0

    cdef inline bint is_null(self, Place *place, uint64_t slot, Py_ssize_t column) noexcept:
        cdef Version *version = <Version *>(self.table.bytes + place.versions) + slot
        cdef uint64_t word = version.nulls
        if column >= 64:
            word = (<uint64_t *>(self.table.bytes + place.more_nulls))[
                (column // 64 - 1) * place.capacity + slot
            ]
        return word >> (column & 63) & 1
