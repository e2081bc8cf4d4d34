"""The twin of storage/logbuffer.py: frames WAL records into memory that the flusher takes.

append_raw() and take() are atomic towards each other because neither gives up the GIL half way: no
Python object is made between reading the state and changing it.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from storage.native.checksums cimport crc32c_raw
from storage.native.lz4_blocks cimport HASH_SIZE, compress_raw

cdef packed struct Header:
    uint32_t length
    uint32_t checksum
    uint64_t lsn
    uint64_t previous_lsn
    uint64_t durable_lsn
    uint64_t xid
    uint32_t incarnation
    uint16_t kind
    uint16_t flags

assert sizeof(Header) == 48

cdef enum:
    COMPRESSED = 1

cdef size_t COMPRESSED_BYTES_MIN = 1 << 15
cdef size_t RECORD_BYTES_MAX = 1 << 30
cdef size_t KEPT_BYTES_MAX = 8 << 20


cdef class LogBuffer:
    """Records appended and not yet taken for writing."""

    def __cinit__(self, *, uint64_t end_lsn, uint64_t previous_lsn, uint32_t incarnation):
        assert end_lsn % 8 == 0
        self.end_lsn = end_lsn
        self.previous_lsn = previous_lsn
        self.durable_lsn = end_lsn
        self.incarnation = incarnation
        self.limit_lsn = end_lsn
        self.start_lsn = end_lsn
        self.bytes = NULL
        self.capacity = 0

    def __dealloc__(self):
        free(self.bytes)

    @property
    def byte_count(self):
        """How much waits to be taken."""
        return self.end_lsn - self.start_lsn

    def append(self, int kind, uint64_t xid, bytes payload not None, bint reserved=False):
        """Adds a record and returns the LSN after it."""
        return self.append_raw(kind, xid, <const char *>payload, len(payload), reserved)

    def take(self):
        """Takes all that waits: the LSN of its first byte, and the bytes."""
        cdef size_t count = self.end_lsn - self.start_lsn
        cdef uint64_t start = self.start_lsn
        # Made first: an allocation may run other Python code, which may append.
        taken = PyBytes_FromStringAndSize(NULL, count)
        if count != self.end_lsn - self.start_lsn or start != self.start_lsn:
            return self.take()
        if count:
            memcpy(<char *>taken, self.bytes, count)
        self.start_lsn = self.end_lsn
        if self.capacity > KEPT_BYTES_MAX:
            free(self.bytes)
            self.bytes = NULL
            self.capacity = 0
        return start, taken

    cdef int make_room(self, size_t count) except -1:
        cdef size_t wanted = self.end_lsn - self.start_lsn + count
        cdef size_t capacity = self.capacity if self.capacity else 65536
        cdef void *grown
        if wanted <= self.capacity:
            return 0
        while capacity < wanted:
            capacity *= 2
        grown = realloc(self.bytes, capacity)
        if grown == NULL:
            raise MemoryError
        self.bytes = <unsigned char *>grown
        self.capacity = capacity
        return 0

    cdef bint put_block(self, unsigned char *place, const void *payload, size_t *count) noexcept:
        """Put a payload as a block, and say how long that is; False: it is not shorter."""
        cdef uint32_t seen[HASH_SIZE]
        cdef uint64_t size = count[0]
        cdef size_t block_size = compress_raw(
            <const unsigned char *>payload, size, place + sizeof(size), size - size // 8, seen
        )
        if not block_size:
            return False
        memcpy(place, &size, sizeof(size))
        count[0] = sizeof(size) + block_size
        return True

    cdef uint64_t append_raw(
        self, int kind, uint64_t xid, const void *payload, size_t count, bint reserved
    ) except 0:
        cdef size_t length = sizeof(Header) + count
        cdef size_t padded = (length + 7) & ~<size_t>7
        cdef unsigned char *place
        cdef Header *header
        if length > RECORD_BYTES_MAX:
            raise ValueError(f"WAL record of {length} bytes")
        if self.end_lsn + padded > self.limit_lsn and self.crowded is not None:
            self.crowded(padded, reserved)
        self.make_room(padded)
        place = self.bytes + (self.end_lsn - self.start_lsn)
        header = <Header *>place
        header.length = <uint32_t>length
        header.checksum = 0
        header.lsn = self.end_lsn
        header.previous_lsn = self.previous_lsn
        header.durable_lsn = self.durable_lsn
        header.xid = xid
        header.incarnation = self.incarnation
        header.kind = <uint16_t>kind
        header.flags = 0
        if count >= COMPRESSED_BYTES_MIN and self.put_block(place + sizeof(Header), payload, &count):
            length = sizeof(Header) + count
            padded = (length + 7) & ~<size_t>7
            header.length = <uint32_t>length
            header.flags = COMPRESSED
        else:
            memcpy(place + sizeof(Header), payload, count)
        memset(place + length, 0, padded - length)
        header.checksum = crc32c_raw(0, place, length)
        self.previous_lsn = self.end_lsn
        self.end_lsn += padded
        return self.end_lsn
