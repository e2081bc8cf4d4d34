"""The twin of server/types/normal_json.py: one pass over the text, objects put in order where they are not."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdlib cimport qsort
from libc.string cimport memcmp, memcpy

cdef enum:
    NUMBER_BYTES_MAX = 1000
    DEPTH_MAX = 200
    MEMBERS_MIN = 64

cdef enum Follows:  # what stands behind an item
    NOTHING = 0  # that may stand there
    COMMA = 1
    CLOSED = 2

cdef struct Member:
    Py_ssize_t key, key_size  # within the output, without quotes
    Py_ssize_t start, size  # of key and value
    const unsigned char *base
    Py_ssize_t number

cdef struct Reading:
    const unsigned char *place
    const unsigned char *end
    unsigned char *output
    unsigned char *spare
    Py_ssize_t size, room
    Member *members
    Py_ssize_t member_count, member_room


def normal_json(bytes data not None):
    """The normal form of JSON text; None: it is not plain."""
    cdef Reading reading
    cdef Py_ssize_t count = PyBytes_GET_SIZE(data)
    reading.place = <const unsigned char *>PyBytes_AS_STRING(data)
    reading.end = reading.place + count
    reading.size = 0
    reading.member_count = 0
    reading.member_room = MEMBERS_MIN
    reading.room = 2 * count + 2
    reading.output = <unsigned char *>PyMem_Malloc(reading.room)
    reading.spare = NULL
    reading.members = <Member *>PyMem_Malloc(MEMBERS_MIN * sizeof(Member))
    try:
        if reading.output == NULL or reading.members == NULL:
            raise MemoryError
        if not read_value(&reading, 0):
            return None
        skip_spaces(&reading)
        if reading.place != reading.end:
            return None
        return PyUnicode_DecodeUTF8(<char *>reading.output, reading.size, NULL)
    finally:
        PyMem_Free(reading.output)
        PyMem_Free(reading.spare)
        PyMem_Free(reading.members)


cdef inline void skip_spaces(Reading *reading) noexcept:
    while reading.place < reading.end and reading.place[0] in (32, 9, 10, 13):
        reading.place += 1


cdef inline void put(Reading *reading, unsigned char byte) noexcept:
    reading.output[reading.size] = byte
    reading.size += 1


cdef bint read_value(Reading *reading, int depth) except -1:
    """Append a value; False: it is not plain."""
    cdef unsigned char byte
    skip_spaces(reading)
    if reading.place == reading.end:
        return False
    byte = reading.place[0]
    if byte == c'"':
        return read_string(reading)
    if byte == c'{':
        return depth < DEPTH_MAX and read_object(reading, depth + 1)
    if byte == c'[':
        return depth < DEPTH_MAX and read_array(reading, depth + 1)
    if byte == c't':
        return read_word(reading, b"true", 4)
    if byte == c'f':
        return read_word(reading, b"false", 5)
    if byte == c'n':
        return read_word(reading, b"null", 4)
    return read_number(reading)


cdef bint read_word(Reading *reading, const char *word, Py_ssize_t size) noexcept:
    if reading.end - reading.place < size or memcmp(reading.place, word, size):
        return False
    memcpy(reading.output + reading.size, word, size)
    reading.place += size
    reading.size += size
    return True


cdef bint read_number(Reading *reading) noexcept:
    cdef const unsigned char *start = reading.place
    cdef const unsigned char *place = start
    cdef const unsigned char *end = reading.end
    if place < end and place[0] == c'-':
        place += 1
        if place < end and place[0] == c'0':
            return False
    if place == end or not c'0' <= place[0] <= c'9':
        return False
    if place[0] == c'0':
        place += 1
    else:
        while place < end and c'0' <= place[0] <= c'9':
            place += 1
    if place < end and place[0] == c'.':
        place += 1
        if place == end or not c'0' <= place[0] <= c'9':
            return False
        while place < end and c'0' <= place[0] <= c'9':
            place += 1
    if place - start >= NUMBER_BYTES_MAX or place < end and place[0] in (c'e', c'E'):
        return False
    memcpy(reading.output + reading.size, start, place - start)
    reading.size += place - start
    reading.place = place
    return True


cdef bint read_string(Reading *reading) noexcept:
    """Append a string with its quotes; what is escaped stays so, but for a slash."""
    cdef const unsigned char *place = reading.place + 1
    cdef const unsigned char *end = reading.end
    cdef unsigned char *output = reading.output + reading.size
    cdef unsigned char byte
    output[0] = c'"'
    output += 1
    while place < end:
        byte = place[0]
        if byte < 32:
            return False
        place += 1
        if byte == c'\\':
            if place == end or place[0] not in (c'"', c'\\', c'/', c'b', c'f', c'n', c'r', c't'):
                return False
            if place[0] != c'/':
                output[0] = byte
                output += 1
            byte = place[0]
            place += 1
        elif byte == c'"':
            output[0] = byte
            reading.size = output + 1 - reading.output
            reading.place = place
            return True
        output[0] = byte
        output += 1
    return False


cdef inline Follows what_follows(Reading *reading, unsigned char closing) noexcept:
    """What stands behind an item of an array or object; a comma is appended, and passed over as the end is."""
    cdef unsigned char byte
    skip_spaces(reading)
    if reading.place == reading.end:
        return NOTHING
    byte = reading.place[0]
    if byte != closing and byte != c',':
        return NOTHING
    reading.place += 1
    if byte == closing:
        return CLOSED
    put(reading, c',')
    put(reading, c' ')
    return COMMA


cdef bint read_array(Reading *reading, int depth) except -1:
    cdef Follows follows = COMMA
    put(reading, c'[')
    reading.place += 1
    skip_spaces(reading)
    if reading.place < reading.end and reading.place[0] == c']':
        reading.place += 1
        put(reading, c']')
        return True
    while follows == COMMA:
        if not read_value(reading, depth):
            return False
        follows = what_follows(reading, c']')
    if follows != CLOSED:
        return False
    put(reading, c']')
    return True


cdef bint read_object(Reading *reading, int depth) except -1:
    cdef Py_ssize_t first = reading.member_count
    cdef Py_ssize_t start
    cdef Follows follows = COMMA
    put(reading, c'{')
    start = reading.size
    reading.place += 1
    skip_spaces(reading)
    if reading.place < reading.end and reading.place[0] == c'}':
        reading.place += 1
        put(reading, c'}')
        return True
    while follows == COMMA:
        if not read_member(reading, depth):
            return False
        follows = what_follows(reading, c'}')
    if follows != CLOSED:
        return False
    put_in_order(reading, first, start)
    reading.member_count = first
    put(reading, c'}')
    return True


cdef bint read_member(Reading *reading, int depth) except -1:
    """Append a key and its value, and note where they are."""
    cdef Py_ssize_t start = reading.size
    cdef Py_ssize_t number = reading.member_count
    cdef Py_ssize_t key_size
    cdef const unsigned char *key
    cdef Member *member
    skip_spaces(reading)
    key = reading.place
    if key == reading.end or key[0] != c'"' or not read_string(reading):
        return False
    key_size = reading.place - key
    if key_size != reading.size - start or has_backslash(key, key_size):
        return False
    skip_spaces(reading)
    if reading.place == reading.end or reading.place[0] != c':':
        return False
    reading.place += 1
    put(reading, c':')
    put(reading, c' ')
    if number == reading.member_room:
        grow(reading)
    reading.member_count += 1
    if not read_value(reading, depth):
        return False
    member = &reading.members[number]  # which may have moved
    member.key = start + 1
    member.key_size = key_size - 2
    member.start = start
    member.size = reading.size - start
    return True


cdef bint has_backslash(const unsigned char *place, Py_ssize_t count) noexcept:
    cdef Py_ssize_t i
    for i in range(count):
        if place[i] == c'\\':
            return True
    return False


cdef int grow(Reading *reading) except -1:
    cdef Py_ssize_t room = 2 * reading.member_room
    cdef Member *found = <Member *>PyMem_Realloc(reading.members, room * sizeof(Member))
    if found == NULL:
        raise MemoryError
    reading.members = found
    reading.member_room = room
    return 0


cdef int put_in_order(Reading *reading, Py_ssize_t first, Py_ssize_t start) except -1:
    """Write the members of an object from `start` on anew, where they do not stand as they should."""
    cdef Member *members = reading.members + first
    cdef Py_ssize_t count = reading.member_count - first
    cdef Py_ssize_t i, size = 0
    cdef bint is_ordered = True
    for i in range(count):
        members[i].base = reading.output
        members[i].number = i
        if i and compare_keys(&members[i - 1], &members[i]) >= 0:
            is_ordered = False
    if is_ordered:
        return 0
    if reading.spare == NULL:
        reading.spare = <unsigned char *>PyMem_Malloc(reading.room)
        if reading.spare == NULL:
            raise MemoryError
    qsort(members, count, sizeof(Member), compare_members)
    for i in range(count):
        if i + 1 < count and compare_keys(&members[i], &members[i + 1]) == 0:
            continue  # the last one of equal keys stays
        if size:
            reading.spare[size] = c','
            reading.spare[size + 1] = c' '
            size += 2
        memcpy(reading.spare + size, reading.output + members[i].start, members[i].size)
        size += members[i].size
    memcpy(reading.output + start, reading.spare, size)
    reading.size = start + size
    return 0


cdef int compare_keys(const Member *left, const Member *right) noexcept nogil:
    if left.key_size != right.key_size:
        return -1 if left.key_size < right.key_size else 1
    return memcmp(left.base + left.key, right.base + right.key, left.key_size)


cdef int compare_members(const void *left, const void *right) noexcept nogil:
    cdef int found = compare_keys(<const Member *>left, <const Member *>right)
    if found:
        return found
    return -1 if (<const Member *>left).number < (<const Member *>right).number else 1
