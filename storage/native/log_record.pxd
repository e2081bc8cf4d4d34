"""What compiled code that walks along the log needs of log_record.pyx."""

from libc.stdint cimport uint16_t, uint32_t, uint64_t


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


cdef enum:
    COMPRESSED = 1


cdef struct Place:
    uint64_t lsn
    uint64_t previous_lsn
    uint64_t incarnation
    bint any_previous
    bint any_incarnation


cdef Place place_of(place) except *
cdef object as_log_place(const Place *place)
cdef object as_record(const Header *header)
cdef uint64_t record_end(const Header *header) noexcept nogil
cdef bytes payload_of(const Header *header)  # as it was before it was compressed
cdef const Header *step(const unsigned char *base, uint64_t *start, uint64_t size, Place *place) noexcept nogil
# The end of a transaction that had no subtransactions, and says no more.
cdef bint ends_alone(const Header *header) noexcept nogil
