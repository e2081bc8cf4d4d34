"""The twin of storage/lz4_blocks.py: the same blocks byte for byte."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from storage.errors import Corruption

cdef extern from *:
    """
    #define trailing_zeros(word) __builtin_ctzll(word)
    """
    int trailing_zeros(uint64_t word) noexcept nogil

cdef enum:
    MATCH_MIN = 4
    DISTANCE_MAX = 0xFFFF
    TAIL_LITERALS = 5
    LAST_MATCH = 12
    HEADWAY_BYTES = 64
    LOOKS_BITS = 6
    NIBBLE = 15

cdef uint32_t HASH_FACTOR = 2654435761


def compress(bytes data not None, size_t room):
    """A block of at most so many bytes; None: it would be longer."""
    cdef uint32_t seen[HASH_SIZE]
    cdef uint8_t *block = <uint8_t *>malloc(room + 1)
    cdef size_t count
    if block == NULL:
        raise MemoryError
    try:
        count = compress_raw(
            <const uint8_t *>PyBytes_AS_STRING(data), len(data), block, room, seen
        )
        return PyBytes_FromStringAndSize(<char *>block, count) if count else None
    finally:
        free(block)


def expand(bytes block not None, size_t size):
    """The bytes a block was made of; raises Corruption if it is not of so many."""
    data = PyBytes_FromStringAndSize(NULL, size)
    if not expand_raw(
        <const uint8_t *>PyBytes_AS_STRING(block), len(block),
        <uint8_t *>PyBytes_AS_STRING(data), size,
    ):
        raise Corruption("wal", None, f"a compressed record is not one of {size} bytes")
    return data


cdef inline uint32_t word_at(const uint8_t *place) noexcept nogil:
    cdef uint32_t word
    memcpy(&word, place, 4)
    return word


cdef inline uint64_t long_at(const uint8_t *place) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, place, 8)
    return word


cdef inline uint32_t hash_of(const uint8_t *place) noexcept nogil:
    return <uint32_t>(word_at(place) * HASH_FACTOR) >> (32 - HASH_BITS)


cdef size_t equal_bytes(
    const uint8_t *data, const uint8_t *other, const uint8_t *limit
) noexcept nogil:
    """How many bytes are equal, with `data` below the limit."""
    cdef const uint8_t *start = data
    cdef uint64_t differing
    while data + 8 <= limit:
        differing = long_at(data) ^ long_at(other)
        if differing:
            return data - start + (trailing_zeros(differing) >> 3)
        data += 8
        other += 8
    while data < limit and data[0] == other[0]:
        data += 1
        other += 1
    return data - start


cdef inline size_t length_bytes(size_t length) noexcept nogil:
    return 0 if length < NIBBLE else 1 + (length - NIBBLE) // 255


cdef inline uint8_t *put_length(uint8_t *place, size_t length) noexcept nogil:
    if length < NIBBLE:
        return place
    length -= NIBBLE
    while length >= 255:
        place[0] = 255
        place += 1
        length -= 255
    place[0] = <uint8_t>length
    return place + 1


cdef uint8_t *put(
    uint8_t *place, const uint8_t *limit, const uint8_t *literals, size_t count, size_t more,
    uint16_t distance,
) noexcept nogil:
    """Behind a sequence, NULL if there is no room for it; without a distance it is the last."""
    cdef size_t needed = 1 + length_bytes(count) + count
    if distance:
        needed += 2 + length_bytes(more)
    if <size_t>(limit - place) < needed:
        return NULL
    place[0] = <uint8_t>(min(count, <size_t>NIBBLE) << 4 | min(more, <size_t>NIBBLE))
    place = put_length(place + 1, count)
    memcpy(place, literals, count)
    place += count
    if distance:
        memcpy(place, &distance, 2)
        place = put_length(place + 2, more)
    return place


cdef size_t compress_raw(
    const uint8_t *data, size_t size, uint8_t *block, size_t room, uint32_t *seen
) noexcept nogil:
    cdef size_t anchor = 0, at = 1, candidate, looks = 1 << LOOKS_BITS, length
    cdef uint8_t *place = block
    cdef const uint8_t *limit = block + room
    cdef uint32_t key
    memset(seen, 0, HASH_SIZE * sizeof(uint32_t))
    while at + LAST_MATCH <= size:
        key = hash_of(data + at)
        candidate = seen[key]
        seen[key] = <uint32_t>at
        if at - candidate > DISTANCE_MAX or word_at(data + at) != word_at(data + candidate):
            at += looks >> LOOKS_BITS
            looks += 1
            continue
        while at > anchor and candidate and data[at - 1] == data[candidate - 1]:
            at -= 1
            candidate -= 1
        length = equal_bytes(
            data + at + MATCH_MIN, data + candidate + MATCH_MIN, data + size - TAIL_LITERALS
        )
        place = put(place, limit, data + anchor, at - anchor, length, <uint16_t>(at - candidate))
        at += MATCH_MIN + length
        if place == NULL or <size_t>(place - block) > at // 2 + size // 8 + HEADWAY_BYTES:
            return 0
        anchor = at
        looks = 1 << LOOKS_BITS
        if at - 2 + MATCH_MIN <= size:
            seen[hash_of(data + at - 2)] = <uint32_t>(at - 2)
    place = put(place, limit, data + anchor, size - anchor, 0, 0)
    return 0 if place == NULL else place - block


cdef bint get_length(
    const uint8_t **place, const uint8_t *end, size_t *length
) noexcept nogil:
    """Read the rest of a length that begins in a token; False: the block ends within."""
    cdef uint8_t more = 255
    if length[0] < NIBBLE:
        return True
    while more == 255:
        if place[0] == end:
            return False
        more = place[0][0]
        place[0] += 1
        length[0] += more
    return True


cdef void repeat(uint8_t *target, size_t distance, size_t length) noexcept nogil:
    """Write what lies so far before, again and again."""
    cdef size_t done = min(distance, length)
    memcpy(target, target - distance, done)
    while done < length:
        distance = min(done, length - done)
        memcpy(target + done, target, distance)
        done += distance


cdef bint expand_raw(const uint8_t *block, size_t count, uint8_t *data, size_t size) noexcept nogil:
    cdef const uint8_t *place = block
    cdef const uint8_t *end = block + count
    cdef size_t done = 0, length, distance
    cdef uint8_t token
    while place < end:
        token = place[0]
        place += 1
        length = token >> 4
        if not get_length(&place, end, &length):
            return False
        if <size_t>(end - place) < length or size - done < length:
            return False
        memcpy(data + done, place, length)
        place += length
        done += length
        if place == end:
            return done == size
        if end - place < 2:
            return False
        distance = place[0] | <size_t>place[1] << 8
        place += 2
        length = token & NIBBLE
        if not get_length(&place, end, &length):
            return False
        length += MATCH_MIN
        if distance == 0 or distance > done or size - done < length:
            return False
        repeat(data + done, distance, length)
        done += length
    return False
