"""Pages of a tree as compiled code sees them: the layout is told in storage/btree_page.py."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from storage.native.change cimport PageTable

cdef enum:
    MAGIC = 0x4254
    NODE_BYTES = 32
    LEAF_HEAD = 10
    INNER_HEAD = 18
    COUNTERS_OFFSET = 4
    PAGE_BYTES_MAX = 65536
    EVEN = 1
    ROW_BYTES = 6
    WORD_REST_MIN = 2  # with its row id it is eight bytes, which are read at once
    WORD_REST_MAX = 8
    GUESS_COUNT_MIN = 32  # of entries, to guess where one is
    GUESS_DISTANCE = 4


cdef packed struct Head:
    uint16_t magic
    uint8_t level
    uint8_t form
    uint16_t count
    uint16_t place
    uint16_t garbage
    uint8_t prefix
    uint8_t rest
    uint32_t building
    uint64_t left
    uint64_t right


# A page of a tree, checked.
cdef const Head *head_of(PageTable table, uint64_t page_no) except NULL


# What lookup_prefix gives.
cdef list ids_of_prefix(PageTable table, uint64_t root_page, bytes prefix)


# How many they are, and the first of them.
cdef Py_ssize_t few_of_prefix(
    PageTable table, uint64_t root_page, const unsigned char *prefix, size_t length, uint64_t *found, Py_ssize_t most
) except -1


cdef inline const unsigned char *entry_at(const Head *head, Py_ssize_t slot) noexcept:
    return <const unsigned char *>head + (<const uint16_t *>(<const char *>head + NODE_BYTES))[slot]


cdef inline int compare(
    const unsigned char *entry, size_t head_bytes,
    const unsigned char *key, size_t length, uint64_t row_id,
) noexcept:
    """The order of an entry and a pair: below 0, 0 or above 0."""
    cdef size_t entry_length = (<const uint16_t *>entry)[0]
    cdef size_t shorter = entry_length if entry_length < length else length
    cdef int order = memcmp(entry + head_bytes, key, shorter)
    cdef uint64_t entry_row
    if order:
        return order
    if entry_length != length:
        return -1 if entry_length < length else 1
    entry_row = (<const uint64_t *>(entry + 2))[0]
    if entry_row == row_id:
        return 0
    return -1 if entry_row < row_id else 1


cdef inline const unsigned char *even_at(const Head *head, Py_ssize_t slot) noexcept:
    """The entry of an even leaf."""
    return (
        <const unsigned char *>head + NODE_BYTES + head.prefix
        + slot * (<Py_ssize_t>head.rest + ROW_BYTES)
    )


cdef inline uint64_t even_row(const unsigned char *at) noexcept:
    """The row id in the entry of an even leaf, given where it begins."""
    return (
        (<uint64_t>at[0] << 40) | (<uint64_t>at[1] << 32) | (<uint64_t>at[2] << 24)
        | (<uint64_t>at[3] << 16) | (<uint64_t>at[4] << 8) | at[5]
    )


cdef extern from *:
    """
    static inline uint64_t leading_word(const unsigned char *at, size_t count)
    {
        uint64_t word;
        memcpy(&word, at, 8);
        return __builtin_bswap64(word) >> (64 - 8 * count);
    }
    """
    # The first one to eight of eight bytes as a number, in their order.
    uint64_t leading_word(const unsigned char *at, size_t count) nogil


cdef inline int compare_rest(
    const Head *head, const unsigned char *entry,
    const unsigned char *rest, size_t length, uint64_t row_id,
) noexcept:
    """The order of an entry of an even leaf and a pair whose key has the leaf's prefix, before the rest."""
    cdef size_t shorter = head.rest if head.rest < length else length
    cdef int order = memcmp(entry, rest, shorter)
    cdef uint64_t entry_row
    if order:
        return order
    if head.rest != length:
        return -1 if head.rest < length else 1
    entry_row = even_row(entry + head.rest)
    if entry_row == row_id:
        return 0
    return -1 if entry_row < row_id else 1


cdef inline int compare_prefix(
    const Head *head, const unsigned char *key, size_t length
) noexcept:
    """The order of all keys of an even leaf and a key; 0: it has their prefix."""
    cdef size_t shorter = head.prefix if head.prefix < length else length
    cdef int order = memcmp(<const unsigned char *>head + NODE_BYTES, key, shorter)
    if order == 0 and length < head.prefix:
        return 1
    return order


cdef inline int compare_leaf(
    const Head *head, Py_ssize_t slot, const unsigned char *key, size_t length, uint64_t row_id
) noexcept:
    """The order of an entry of a leaf and a pair."""
    cdef int order
    if head.form != EVEN:
        return compare(entry_at(head, slot), LEAF_HEAD, key, length, row_id)
    order = compare_prefix(head, key, length)
    if order:
        return order
    return compare_rest(
        head, even_at(head, slot), key + head.prefix, length - head.prefix, row_id
    )


cdef inline uint64_t row_at(const Head *head, Py_ssize_t slot) noexcept:
    """The row id of an entry of a leaf."""
    if head.form != EVEN:
        return (<const uint64_t *>(entry_at(head, slot) + 2))[0]
    return even_row(even_at(head, slot) + head.rest)


cdef inline size_t key_length(const Head *head, Py_ssize_t slot) noexcept:
    """How long the key of an entry of a leaf is."""
    if head.form != EVEN:
        return (<const uint16_t *>entry_at(head, slot))[0]
    return <size_t>head.prefix + head.rest


cdef inline bint has_prefix(
    const Head *head, Py_ssize_t slot, const unsigned char *prefix, size_t length
) noexcept:
    """Whether the key of an entry of a leaf begins with a prefix."""
    cdef const unsigned char *entry
    cdef size_t shorter
    if head.form != EVEN:
        entry = entry_at(head, slot)
        return (<const uint16_t *>entry)[0] >= length and not memcmp(
            entry + LEAF_HEAD, prefix, length
        )
    if length > <size_t>head.prefix + head.rest:
        return False
    shorter = head.prefix if head.prefix < length else length
    if memcmp(<const unsigned char *>head + NODE_BYTES, prefix, shorter):
        return False
    return not memcmp(even_at(head, slot), prefix + shorter, length - shorter)


cdef inline Py_ssize_t even_position(
    const Head *head, const unsigned char *rest, size_t length, uint64_t row_id
) noexcept:
    """How many entries of an even leaf lie before the pair, whose key has the leaf's prefix and its length.

    Where the first and the last key say that it is, keys that are dense are: a line or two are read, not one a step.
    """
    cdef const unsigned char *entries = even_at(head, 0)
    cdef const unsigned char *entry
    cdef Py_ssize_t width = <Py_ssize_t>head.rest + ROW_BYTES
    cdef Py_ssize_t low = 0, high = head.count, middle
    cdef unsigned char wanted_bytes[8]
    cdef uint64_t wanted, first, last, word
    memcpy(wanted_bytes, rest, length)
    wanted = leading_word(wanted_bytes, length)
    if high >= GUESS_COUNT_MIN:
        first = leading_word(entries, length)
        last = leading_word(entries + (high - 1) * width, length)
        if wanted < first:
            return 0
        if wanted > last:
            return high
        if first < last:
            middle = <Py_ssize_t>(
                <double>(wanted - first) / <double>(last - first) * <double>(high - 1)
            )
            low = max(middle - GUESS_DISTANCE, 0)
            if leading_word(entries + low * width, length) >= wanted:
                low = 0
            middle = min(middle + GUESS_DISTANCE, high - 1)
            if leading_word(entries + middle * width, length) > wanted:
                high = middle
    while low < high:
        middle = (low + high) >> 1
        entry = entries + middle * width
        word = leading_word(entry, length)
        if word < wanted or (word == wanted and even_row(entry + length) < row_id):
            low = middle + 1
        else:
            high = middle
    return low


cdef inline Py_ssize_t position_of(
    const Head *head, const unsigned char *key, size_t length, uint64_t row_id
) noexcept:
    """How many entries of a leaf lie before the pair."""
    cdef Py_ssize_t low = 0, high = head.count, middle
    cdef int order
    if head.form == EVEN:
        order = compare_prefix(head, key, length)
        if order:
            return high if order < 0 else 0
        key += head.prefix
        length -= head.prefix
        if length == head.rest and WORD_REST_MIN <= length <= WORD_REST_MAX:
            return even_position(head, key, length, row_id)
        while low < high:
            middle = (low + high) >> 1
            if compare_rest(head, even_at(head, middle), key, length, row_id) < 0:
                low = middle + 1
            else:
                high = middle
        return low
    while low < high:
        middle = (low + high) >> 1
        if compare(entry_at(head, middle), LEAF_HEAD, key, length, row_id) < 0:
            low = middle + 1
        else:
            high = middle
    return low


# The pair of an entry of a leaf.
cdef tuple pair_of(const Head *head, Py_ssize_t slot)
