"""The class of key_reader.pyx, for compiled statements."""

from libc.stdint cimport uint64_t

from storage.native.change cimport PageTable
from storage.native.commit_log cimport CommitLog, Snapshot
from storage.native.key_parts cimport KeyParts
from storage.native.latch cimport Latch
from storage.native.row_paths cimport RowPaths
from storage.native.scan_counts cimport ScanCounts
from storage.native.work cimport Work


cdef class KeyReader:
    cdef object engine, table_id, index_id
    cdef Latch latch
    cdef PageTable pages
    cdef dict tables, indexes  # of the engine, as far as they are open
    cdef CommitLog log
    cdef KeyParts parts
    cdef tuple columns
    cdef Py_ssize_t width
    cdef ScanCounts counts

    cpdef tuple locate(self, Snapshot snapshot, parts)
    cdef int change_raw(
        self, Work transaction, snapshot, uint64_t row_id, dict values, uint64_t *other, uint64_t *root_id_out
    ) except -1
    cdef tuple values(self, uint64_t row_id)
    cdef uint64_t root(self, uint64_t row_id) except? 0xFFFFFFFFFFFFFFFF
    cdef tuple look_up(self, Snapshot snapshot, parts, uint64_t *row_id_out)
    cdef object table(self)
    cdef RowPaths paths(self)
    cdef list roots(self, bytes key)
    cdef uint64_t root_page(self) except 0
