"""Pages of a tree as compiled code sees them: the layout is told in storage/btree_page.py."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp

from storage.native.change cimport PageTable

cdef enum:
    MAGIC = 0x4254
    NODE_BYTES = 32
    LEAF_HEAD = 10
    INNER_HEAD = 18
    COUNTERS_OFFSET = 4
    PAGE_BYTES_MAX = 65536


cdef packed struct Head:
    uint16_t magic
    uint8_t level
    uint8_t unused
    uint16_t count
    uint16_t place
    uint16_t garbage
    uint16_t unused_too
    uint32_t unused_as_well
    uint64_t left
    uint64_t right


# A page of a tree, checked.
cdef const Head *head_of(PageTable table, uint64_t page_no) except NULL


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


cdef inline Py_ssize_t position_of(
    const Head *head, const unsigned char *key, size_t length, uint64_t row_id
) noexcept:
    """How many entries of a leaf lie before the pair."""
    cdef Py_ssize_t low = 0, high = head.count, middle
    while low < high:
        middle = (low + high) >> 1
        if compare(entry_at(head, middle), LEAF_HEAD, key, length, row_id) < 0:
            low = middle + 1
        else:
            high = middle
    return low
