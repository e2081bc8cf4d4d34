"""What compiled code that writes and reads records needs of lz4_blocks.pyx."""

from libc.stdint cimport uint8_t, uint32_t

cdef enum:
    HASH_BITS = 13
    HASH_SIZE = 1 << HASH_BITS

# Writes a block of at most so many bytes; its size, 0 if it would be longer.
cdef size_t compress_raw(
    const uint8_t *data, size_t size, uint8_t *block, size_t room, uint32_t *seen
) noexcept nogil
# Whether a block is one of just so many bytes, which are written.
cdef bint expand_raw(const uint8_t *block, size_t count, uint8_t *data, size_t size) noexcept nogil
