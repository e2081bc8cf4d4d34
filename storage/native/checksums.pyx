"""CRC32C with the processor's own instruction; the twin of storage/checksums.py.

Processors without SSE 4.2 take a table; which it is, is decided once at import.
"""

from array import array

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    static uint32_t rdb_crc_table[256];

    static uint32_t rdb_crc_software(uint32_t crc, const unsigned char *data, size_t count) {
        while (count--)
            crc = rdb_crc_table[(crc ^ *data++) & 255] ^ (crc >> 8);
        return crc;
    }

    #if defined(__x86_64__)
    __attribute__((target("sse4.2")))
    static uint32_t rdb_crc_hardware(uint32_t crc, const unsigned char *data, size_t count) {
        uint64_t wide = crc, word;
        while (count >= 8) {
            memcpy(&word, data, 8);
            wide = __builtin_ia32_crc32di(wide, word);
            data += 8;
            count -= 8;
        }
        crc = (uint32_t)wide;
        while (count--)
            crc = __builtin_ia32_crc32qi(crc, *data++);
        return crc;
    }
    #endif

    typedef uint32_t (*rdb_crc_kernel)(uint32_t, const unsigned char *, size_t);

    static rdb_crc_kernel rdb_crc_choose(void) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t crc = i;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ (0x82F63B78u & (0u - (crc & 1u)));
            rdb_crc_table[i] = crc;
        }
    #if defined(__x86_64__)
        __builtin_cpu_init();
        if (__builtin_cpu_supports("sse4.2"))
            return rdb_crc_hardware;
    #endif
        return rdb_crc_software;
    }
    """
    ctypedef uint32_t (*rdb_crc_kernel)(uint32_t, const unsigned char *, size_t) noexcept nogil
    rdb_crc_kernel rdb_crc_choose() noexcept nogil
    uint32_t rdb_crc_software(uint32_t, const unsigned char *, size_t) noexcept nogil

cdef rdb_crc_kernel _kernel = rdb_crc_choose()


cdef uint32_t crc32c_raw(uint32_t crc, const void *data, size_t count) noexcept nogil:
    """Extends a finished checksum by more bytes; start with 0."""
    return _kernel(crc ^ 0xFFFFFFFFu, <const unsigned char *>data, count) ^ 0xFFFFFFFFu


def crc32c(const unsigned char[::1] data not None):
    """CRC32C (Castagnoli) of the bytes."""
    if data.shape[0] == 0:
        return 0
    return crc32c_raw(0, &data[0], data.shape[0])


def crc32c_software(const unsigned char[::1] data not None):
    """The same without the instruction, so that a test sees both."""
    if data.shape[0] == 0:
        return 0
    return rdb_crc_software(0xFFFFFFFFu, &data[0], data.shape[0]) ^ 0xFFFFFFFFu


def record_checksum(bytes data not None, size_t start, size_t length):
    """The checksum of a WAL record within data, its own checksum field taken as zero."""
    cdef const unsigned char *record = <const unsigned char *><const char *>data + start
    cdef uint32_t head[2]
    assert length >= 8 and start + length <= <size_t>len(data)
    memcpy(head, record, 4)
    head[1] = 0
    return crc32c_raw(crc32c_raw(0, head, 8), record + 8, length - 8)


def page_checksums(uint64_t store_id, uint64_t first_page, const unsigned char[::1] content not None, size_t page_bytes):
    """The checksums of a run of pages."""
    cdef size_t count = content.shape[0] // page_bytes
    cdef size_t index
    cdef uint64_t place[2]
    cdef uint32_t crc
    assert count * page_bytes == <size_t>content.shape[0]
    found = array("I", bytes(4 * count))
    cdef uint32_t[::1] sums = found
    with nogil:
        for index in range(count):
            place[0] = store_id
            place[1] = first_page + index
            crc = crc32c_raw(crc32c_raw(0, place, 16), &content[index * page_bytes], page_bytes)
            sums[index] = crc if crc != 0 else 1
    return found.tolist()
