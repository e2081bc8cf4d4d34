"""What counts scans, for compiled callers."""

from libc.stdint cimport int64_t


cdef class ScanCounts:
    cdef readonly int64_t scans, returned, fetched

    cpdef void add(self, int64_t scans, int64_t returned, int64_t fetched) noexcept
