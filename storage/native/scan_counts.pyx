"""The twin of storage/scan_counts.py."""

from libc.stdint cimport int64_t


cdef class ScanCounts:
    """Scans that began, entries or rows of a table that they were given, and rows that were fetched by them."""

    cpdef void add(self, int64_t scans, int64_t returned, int64_t fetched) noexcept:
        """So many more."""
        self.scans += scans
        self.returned += returned
        self.fetched += fetched
