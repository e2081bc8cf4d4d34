from libc.stdint cimport uint32_t, uint64_t

cdef uint32_t crc32c_raw(uint32_t crc, const void *data, size_t count) noexcept nogil
