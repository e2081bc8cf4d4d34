"""The twin of read_records() in storage/log_record.py: recovery's inner loop."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint16_t, uint32_t, uint64_t

from storage.native.checksums cimport crc32c_raw

from storage.log_record import WalRecord

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
    INCARNATION_KIND = 2

cdef uint64_t RECORD_BYTES_MAX = 1 << 30


cdef bint is_whole(const Header *header, uint64_t room, uint64_t lsn) noexcept:
    """Whether a record with that LSN lies there, within so many bytes."""
    cdef uint32_t head[2]
    if room < sizeof(Header) or header.lsn != lsn:
        return False
    if not sizeof(Header) <= header.length <= RECORD_BYTES_MAX or header.length > room:
        return False
    head[0] = header.length
    head[1] = 0
    return header.checksum == crc32c_raw(
        crc32c_raw(0, head, 8), <const unsigned char *>header + 8, header.length - 8
    )


def read_records(bytes data not None, uint64_t start, place, int count_max):
    """The valid records from a position in data on, as many as follow each other within it."""
    cdef const unsigned char *base = <const unsigned char *><const char *>data
    cdef uint64_t size = len(data), lsn = place.lsn, previous_lsn = 0, incarnation = 0, end_lsn
    cdef bint any_previous = place.previous_lsn is None
    cdef bint any_incarnation = place.incarnation is None
    cdef const Header *header
    if not any_previous:
        previous_lsn = place.previous_lsn
    if not any_incarnation:
        incarnation = place.incarnation
    found = []
    while len(found) < count_max and start < size:
        header = <const Header *>(base + start)
        if not is_whole(header, size - start, lsn):
            break
        if not any_previous and header.previous_lsn != previous_lsn:
            break
        if not any_incarnation:
            if header.kind == INCARNATION_KIND:
                if header.incarnation <= incarnation:
                    break
            elif header.incarnation != incarnation:
                break
        end_lsn = lsn + ((header.length + <uint64_t>7) & ~<uint64_t>7)
        found.append(WalRecord(
            lsn, end_lsn, header.kind, header.xid, header.previous_lsn, header.durable_lsn,
            header.incarnation,
            PyBytes_FromStringAndSize(
                <const char *>header + sizeof(Header), header.length - sizeof(Header)
            ),
        ))
        any_previous = any_incarnation = False
        previous_lsn = lsn
        incarnation = header.incarnation
        start += end_lsn - lsn
        lsn = end_lsn
    return found
