"""The twin of storage/leaf_packing.py: leaves out of a matrix of sorted keys."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t
from libc.string cimport memcpy, memset

import numpy as np

from storage.native.btree_search cimport EVEN, LEAF_HEAD, MAGIC, NODE_BYTES, ROW_BYTES, Head


cdef struct Rows:
    # A matrix of keys; lengths and order may be NULL: all of one length, in order.
    const uint8_t *matrix
    Py_ssize_t width
    const int64_t *lengths
    const int64_t *row_ids
    const int64_t *order


def pack_leaves(size_t page_bytes, keys, cuts, page_nos):
    """Leaves side by side of the pairs between each cut and the next; page_nos: left of them, theirs, right."""
    cdef const uint8_t[:, ::1] matrix = keys.matrix
    cdef const int64_t[::1] row_ids = keys.row_ids
    cdef const int64_t[::1] numbers
    cdef const int64_t[::1] cut_at = np.ascontiguousarray(cuts, np.int64)
    cdef Py_ssize_t page_count = cut_at.shape[0] - 1, i
    cdef uint64_t left = page_nos[0], page_no = page_nos[1], right = page_nos[2]
    cdef bytes pages = PyBytes_FromStringAndSize(NULL, page_count * page_bytes)
    cdef unsigned char *at = <unsigned char *>PyBytes_AS_STRING(pages)
    cdef bint fits = True, are_even
    cdef Head *head
    cdef Rows rows
    assert 0 <= cut_at[0] and cut_at[page_count] <= matrix.shape[0] == row_ids.shape[0]
    rows.matrix = &matrix[0, 0]
    rows.width = matrix.shape[1]
    rows.row_ids = &row_ids[0]
    rows.order = NULL
    rows.lengths = NULL
    if keys.order is not None:
        numbers = keys.order
        assert numbers.shape[0] == row_ids.shape[0]
        rows.order = &numbers[0]
    if keys.lengths is not None:
        numbers = keys.lengths
        assert numbers.shape[0] == row_ids.shape[0]
        rows.lengths = &numbers[0]
    are_even = keys.are_even
    with nogil:
        for i in range(page_count):
            if are_even:
                fits = fits and pack_even(at, page_bytes, &rows, cut_at[i], cut_at[i + 1])
            else:
                fits = fits and pack_one(at, page_bytes, &rows, cut_at[i], cut_at[i + 1])
            head = <Head *>at
            head.left = page_no + i - 1 if i else left
            head.right = page_no + i + 1 if i + 1 < page_count else right
            at += page_bytes
    assert fits, "page overflows"
    return pages


cdef bint pack_one(
    unsigned char *page, Py_ssize_t page_bytes, Rows *rows, Py_ssize_t first, Py_ssize_t last,
) noexcept nogil:
    """Whether the pairs fit into a page, which then has them."""
    cdef Head *head = <Head *>page
    cdef Py_ssize_t place = page_bytes, slots_end = NODE_BYTES + 2 * (last - first), i, row, length
    memset(page, 0, page_bytes)
    for i in range(first, last):
        row = rows.order[i] if rows.order != NULL else i
        length = rows.lengths[row] if rows.lengths != NULL else rows.width
        place -= LEAF_HEAD + length
        if place < slots_end or length > rows.width:
            return False
        (<uint16_t *>(page + place))[0] = <uint16_t>length
        memcpy(page + place + 2, rows.row_ids + row, 8)
        memcpy(page + place + LEAF_HEAD, rows.matrix + row * rows.width, length)
        (<uint16_t *>(page + NODE_BYTES))[i - first] = <uint16_t>place
    head.magic = MAGIC
    head.count = <uint16_t>(last - first)
    head.place = <uint16_t>place
    return True


cdef inline const uint8_t *key_of(const Rows *rows, Py_ssize_t place) noexcept nogil:
    """The key at a place of the order."""
    return rows.matrix + (rows.order[place] if rows.order != NULL else place) * rows.width


cdef inline Py_ssize_t alike(
    const uint8_t *before, const uint8_t *key, Py_ssize_t limit
) noexcept nogil:
    """How many bytes, up to a limit, two keys begin with alike."""
    cdef Py_ssize_t i = 0
    while i < limit and before[i] == key[i]:
        i += 1
    return i


cdef bint pack_even(
    unsigned char *page, Py_ssize_t page_bytes, Rows *rows, Py_ssize_t first, Py_ssize_t last,
) noexcept nogil:
    """Whether the pairs, of keys of one length, fit into an even leaf, which the page is then."""
    cdef Head *head = <Head *>page
    cdef Py_ssize_t prefix = alike(key_of(rows, first), key_of(rows, last - 1), rows.width)
    cdef Py_ssize_t rest = rows.width - prefix, i, row
    cdef unsigned char *at = page + NODE_BYTES + prefix
    cdef uint64_t row_id
    memset(page, 0, page_bytes)
    if NODE_BYTES + prefix + (last - first) * (rest + ROW_BYTES) > page_bytes:
        return False
    memcpy(page + NODE_BYTES, key_of(rows, first), prefix)
    for i in range(first, last):
        row = rows.order[i] if rows.order != NULL else i
        memcpy(at, rows.matrix + row * rows.width + prefix, rest)
        at += rest
        row_id = rows.row_ids[row]
        at[0] = <unsigned char>(row_id >> 40)
        at[1] = <unsigned char>(row_id >> 32)
        at[2] = <unsigned char>(row_id >> 24)
        at[3] = <unsigned char>(row_id >> 16)
        at[4] = <unsigned char>(row_id >> 8)
        at[5] = <unsigned char>row_id
        at += ROW_BYTES
    head.magic = MAGIC
    head.form = EVEN
    head.count = <uint16_t>(last - first)
    head.prefix = <uint8_t>prefix
    head.rest = <uint8_t>rest
    return True


def even_cuts(keys, Py_ssize_t room):
    """Where even leaves begin that have so much room each, and the end."""
    cdef const uint8_t[:, ::1] matrix = keys.matrix
    cdef const int64_t[::1] order
    cdef Py_ssize_t count = matrix.shape[0], width = matrix.shape[1]
    cdef Py_ssize_t place, start = 0, cut_count = 1, shared = width
    cdef object found = np.empty(count // (room // (width + ROW_BYTES)) + 3, np.int64)
    cdef int64_t[::1] cuts = found
    cdef Rows rows
    rows.matrix = &matrix[0, 0]
    rows.width = width
    rows.order = NULL
    if keys.order is not None:
        order = keys.order
        assert order.shape[0] == count
        rows.order = &order[0]
    with nogil:
        cuts[0] = 0
        for place in range(1, count):
            shared = alike(key_of(&rows, place - 1), key_of(&rows, place), shared)
            if shared + (place + 1 - start) * (width - shared + ROW_BYTES) > room:
                cuts[cut_count] = place
                cut_count += 1
                start = place
                shared = width
        cuts[cut_count] = count
    return found[: cut_count + 1]
