"""The twins of read_records(), skip_records() and own_places() in storage/log_record.py: recovery's inner loops."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from storage.native.checksums cimport crc32c_raw
from storage.native.lz4_blocks cimport expand_raw

from storage.errors import Corruption

from storage.log_record import LogPlace, WalRecord

cdef enum:
    INCARNATION_KIND = 2
    COMMIT_KIND = 4
    ABORT_KIND = 5

cdef uint64_t RECORD_BYTES_MAX = 1 << 30


cdef Place place_of(place) except *:
    """A LogPlace as numbers."""
    cdef Place found
    found.lsn = place.lsn
    found.any_previous = place.previous_lsn is None
    found.any_incarnation = place.incarnation is None
    found.previous_lsn = 0 if found.any_previous else place.previous_lsn
    found.incarnation = 0 if found.any_incarnation else place.incarnation
    return found


cdef object as_log_place(const Place *place):
    """The same the other way round."""
    return LogPlace(
        place.lsn,
        None if place.any_previous else place.previous_lsn,
        None if place.any_incarnation else place.incarnation,
    )


cdef object as_record(const Header *header):
    """The record with that header."""
    return WalRecord(
        header.lsn, record_end(header), header.kind, header.xid, header.previous_lsn,
        header.durable_lsn, header.incarnation,
        payload_of(header),
    )


cdef bytes payload_of(const Header *header):
    cdef const unsigned char *kept = <const unsigned char *>header + sizeof(Header)
    cdef size_t count = header.length - sizeof(Header)
    cdef uint64_t size
    if not header.flags & COMPRESSED:
        return PyBytes_FromStringAndSize(<const char *>kept, count)
    if count < sizeof(size):
        raise Corruption("wal", None, "a compressed record has no size")
    memcpy(&size, kept, sizeof(size))
    if size > RECORD_BYTES_MAX:
        raise Corruption("wal", None, f"a compressed record claims to be of {size} bytes")
    payload = PyBytes_FromStringAndSize(NULL, size)
    if not expand_raw(
        kept + sizeof(size), count - sizeof(size), <unsigned char *>PyBytes_AS_STRING(payload), size
    ):
        raise Corruption("wal", None, f"a compressed record is not one of {size} bytes")
    return payload


cdef uint64_t record_end(const Header *header) noexcept nogil:
    return header.lsn + ((header.length + <uint64_t>7) & ~<uint64_t>7)


cdef bint ends_alone(const Header *header) noexcept nogil:
    """Whether a record is the end of a transaction that had no subtransactions, and says no more, as most are."""
    cdef uint32_t count
    if header.kind != COMMIT_KIND and header.kind != ABORT_KIND or header.flags & COMPRESSED:
        return False
    memcpy(&count, <const unsigned char *>header + sizeof(Header), sizeof(count))
    return header.length == sizeof(Header) + sizeof(count) and count == 0


cdef bint is_whole(const Header *header, uint64_t room, uint64_t lsn) noexcept nogil:
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


cdef bint follows(const Header *header, const Place *place) noexcept nogil:
    """Whether a record that is whole in itself belongs at the place."""
    if not place.any_previous and header.previous_lsn != place.previous_lsn:
        return False
    if place.any_incarnation:
        return True
    if header.kind == INCARNATION_KIND:
        return header.incarnation > place.incarnation
    return header.incarnation == place.incarnation


cdef const Header *step(
    const unsigned char *base, uint64_t *start, uint64_t size, Place *place
) noexcept nogil:
    """The record at a position, which moves behind it as the place does; NULL where none follows."""
    cdef const Header *header
    if start[0] >= size:
        return NULL
    header = <const Header *>(base + start[0])
    if not is_whole(header, size - start[0], place.lsn) or not follows(header, place):
        return NULL
    start[0] += record_end(header) - place.lsn
    place.previous_lsn = place.lsn
    place.lsn = record_end(header)
    place.incarnation = header.incarnation
    place.any_previous = place.any_incarnation = False
    return header


def read_records(bytes data not None, uint64_t start, place, int count_max):
    """The valid records from a position in data on, as many as follow each other within it."""
    cdef const unsigned char *base = <const unsigned char *><const char *>data
    cdef uint64_t size = len(data)
    cdef Place at = place_of(place)
    cdef const Header *header
    found = []
    while len(found) < count_max:
        header = step(base, &start, size, &at)
        if header == NULL:
            break
        found.append(as_record(header))
    return found


def skip_records(bytes data not None, uint64_t start, place):
    """Behind the valid records from a position in data on: where, how many, what they know to be durable."""
    cdef const unsigned char *base = <const unsigned char *><const char *>data
    cdef uint64_t size = len(data), count = 0, durable_lsn = 0
    cdef Place at = place_of(place)
    cdef const Header *header
    with nogil:
        while True:
            header = step(base, &start, size, &at)
            if header == NULL:
                break
            count += 1
            durable_lsn = max(durable_lsn, header.durable_lsn)
    return as_log_place(&at), count, durable_lsn


cdef enum:
    BLOCK_WORDS = 256


def own_places(bytes data not None, uint64_t lsn):
    """The places that the words of a piece of the log name, where a record there had that word as its second."""
    cdef const uint64_t *words = <const uint64_t *><const char *>data
    cdef uint64_t count = len(data) // 8, begin = 0, end, n, place = lsn - 8
    cdef bint is_one
    found = []
    with nogil:
        while begin < count:
            end = min(begin + BLOCK_WORDS, count)
            is_one = False
            for n in range(begin, end):  # of which nearly all blocks have none: no word stops the loop
                is_one |= words[n] == place + 8 * n
            if is_one:
                with gil:
                    for n in range(begin, end):
                        if words[n] == place + 8 * n:
                            found.append(words[n])
            begin = end
    return found
