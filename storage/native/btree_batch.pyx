"""The twin of storage/btree_batch.py: many sorted pairs, a leaf at a time."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_ITEM
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset

import numpy as np

from storage.native.btree_search cimport (
    COUNTERS_OFFSET,
    EVEN,
    INNER_HEAD,
    LEAF_HEAD,
    MAGIC,
    NODE_BYTES,
    PAGE_BYTES_MAX,
    ROW_BYTES,
    Head,
    compare,
    compare_leaf,
    entry_at,
    even_at,
    has_prefix,
    head_of,
    key_length,
    position_of,
    row_at,
)
from storage.native.change cimport Change, PageTable

from storage.native.btree_search import insert_pair, split_leaf

cdef enum:
    PAGES_MAX = 32  # that one change writes
    SLOTS_MAX = 32768
    FEW = 4  # pairs for one leaf are entered one by one


cdef struct Keys:
    # The keys of a list, or the rows of a matrix; whoever made it keeps them.
    PyObject *items
    const uint8_t *matrix
    Py_ssize_t width
    Py_ssize_t count


cdef int look(keys, Keys *found) except -1:
    """Make keys ready to be read: a list of bytes, or KeyRows."""
    cdef const uint8_t[:, ::1] matrix
    found.items = NULL
    found.matrix = NULL
    found.count = len(keys)
    if type(keys) is list:
        found.items = <PyObject *>keys
        return 0
    matrix = keys.matrix
    found.width = matrix.shape[1]
    if found.count and found.width:
        found.matrix = &matrix[0, 0]
    return 0


cdef inline const unsigned char *key_at(
    const Keys *keys, Py_ssize_t place, size_t *length
) noexcept:
    cdef PyObject *item
    if keys.items == NULL:
        length[0] = keys.width
        return keys.matrix + place * keys.width
    item = <PyObject *>PyList_GET_ITEM(<object>keys.items, place)
    length[0] = PyBytes_GET_SIZE(<object>item)
    return <const unsigned char *>PyBytes_AS_STRING(<object>item)


cdef struct Place:
    # Where a pair belongs: its leaf, the parent's entry behind the leaf's own, what lies beyond.
    uint64_t page_no
    uint64_t parent_no  # 0: the leaf is the root
    Py_ssize_t child
    const unsigned char *bound  # the least inner entry above the leaf, or NULL


cdef int find_place(
    PageTable table, uint64_t root_page, const unsigned char *key, size_t length, uint64_t row_id,
    Place *found,
) except -1:
    cdef const Head *head = head_of(table, root_page)
    cdef Py_ssize_t low, high, middle
    found.page_no = root_page
    found.parent_no = 0
    found.child = 0
    found.bound = NULL
    while head.level:
        low = 1
        high = head.count
        while low < high:
            middle = (low + high) >> 1
            if compare(entry_at(head, middle), INNER_HEAD, key, length, row_id) > 0:
                high = middle
            else:
                low = middle + 1
        if low < head.count:
            found.bound = entry_at(head, low)
        found.parent_no = found.page_no
        found.child = low
        found.page_no = (<const uint64_t *>(entry_at(head, low - 1) + 10))[0]
        head = head_of(table, found.page_no)
    return 0


cdef inline bint is_beyond(
    Place *place, const unsigned char *key, size_t length, uint64_t row_id
) noexcept:
    """Whether a pair that is above the one looked for belongs to another leaf."""
    return place.bound != NULL and compare(place.bound, INNER_HEAD, key, length, row_id) <= 0


cdef struct Piece:
    const unsigned char *entry  # of the leaf, or NULL: the pair of this position
    Py_ssize_t position
    size_t size  # slot included


def is_ascending(keys not None, const int64_t[::1] row_ids=None):
    """Whether every key is there and above the one before it; with row ids: every pair."""
    cdef Keys all_keys
    cdef Py_ssize_t i
    cdef size_t length, before_length = 0, shorter
    cdef const unsigned char *before = NULL
    cdef const unsigned char *data
    cdef int order
    look(keys, &all_keys)
    for i in range(all_keys.count):
        if all_keys.items != NULL and type(keys[i]) is not bytes:
            return False
        data = key_at(&all_keys, i, &length)
        if i:
            shorter = length if length < before_length else before_length
            order = memcmp(before, data, shorter)
            if order == 0 and before_length == length and row_ids is not None:
                order = 0 if row_ids[i - 1] < row_ids[i] else 1
            elif order == 0 and before_length >= length:
                order = 1
            if order > 0:
                return False
        before = data
        before_length = length
    return True


def present_keys(pager, uint64_t root_page, keys not None):
    """The positions of ascending keys that some entry may start with."""
    cdef PageTable table = pager.table
    cdef Place place
    cdef const Head *head = NULL
    cdef const unsigned char *data
    cdef size_t length
    cdef Py_ssize_t i, slot
    cdef Keys all_keys
    cdef list found = []
    look(keys, &all_keys)
    for i in range(all_keys.count):
        data = key_at(&all_keys, i, &length)
        if head == NULL or is_beyond(&place, data, length, 0):
            find_place(table, root_page, data, length, 0, &place)
            head = head_of(table, place.page_no)
        slot = head.count - 1
        if slot >= 0 and compare_leaf(head, slot, data, length, 0) < 0:
            slot += 1
        else:
            slot = position_of(head, data, length, 0)
        if slot < head.count:
            if has_prefix(head, slot, data, length):
                found.append(i)
        elif place.bound != NULL and (<const uint16_t *>place.bound)[0] >= length and not memcmp(
            place.bound + INNER_HEAD, data, length
        ):
            found.append(i)
    return found


def absent_pairs(
    pager, uint64_t root_page, list keys not None, const int64_t[::1] row_ids not None
):
    """The positions of ascending pairs that are not there."""
    cdef PageTable table = pager.table
    cdef Place place
    cdef const Head *head = NULL
    cdef const unsigned char *data
    cdef size_t length
    cdef Py_ssize_t i, slot
    cdef list found = []
    assert row_ids.shape[0] == len(keys)
    for i in range(len(keys)):
        data = <const unsigned char *><const char *><bytes>keys[i]
        length = len(<bytes>keys[i])
        if head == NULL or is_beyond(&place, data, length, row_ids[i]):
            find_place(table, root_page, data, length, row_ids[i], &place)
            head = head_of(table, place.page_no)
        slot = position_of(head, data, length, row_ids[i])
        if slot == head.count or compare_leaf(head, slot, data, length, row_ids[i]):
            found.append(i)
    return found


def insert_sorted(
    pager, uint64_t root_page, uint64_t xid, keys not None, const int64_t[::1] row_ids,
    Py_ssize_t start,
):
    """Add ascending pairs from start on that belong to one leaf: how far it came.

    No further than start: the ordinary way is to add this pair.
    """
    cdef PageTable table = pager.table
    cdef size_t room = table.page_bytes - NODE_BYTES, length, size = 0
    cdef Place place
    cdef Py_ssize_t stop = start, done
    cdef Keys all_keys
    cdef const unsigned char *data
    look(keys, &all_keys)
    assert 0 <= start < all_keys.count == row_ids.shape[0]
    data = key_at(&all_keys, start, &length)
    find_place(table, root_page, data, length, row_ids[start], &place)
    while stop < all_keys.count and size < (PAGES_MAX - 2) * room:
        data = key_at(&all_keys, stop, &length)
        if stop > start and is_beyond(&place, data, length, row_ids[stop]):
            break
        size += 2 + LEAF_HEAD + length
        stop += 1
    if stop - start < FEW:
        while start < stop:
            done = insert_pair(pager, root_page, xid, keys[start], row_ids[start])
            if done < 0:
                done = split_leaf(pager, root_page, xid, keys[start], row_ids[start])
            if done < 0:
                return start
            start += 1
        return start
    while stop > start:
        if merge(pager, table, xid, &place, &all_keys, row_ids, start, stop):
            return stop
        stop = start + (stop - start) // 2
    return start


def delete_sorted(
    pager, uint64_t root_page, keys not None, const int64_t[::1] row_ids not None,
    Py_ssize_t start,
):
    """Take ascending pairs from start on out of the leaf that they are in: how far it came.

    No further than start: the ordinary way is to take out this pair, few of a leaf, or the last one in it.
    """
    cdef PageTable table = pager.table
    cdef Place place
    cdef const Head *head
    cdef const unsigned char *data
    cdef Py_ssize_t count = len(keys), position = start, kept = 0, slot
    cdef size_t length
    cdef Keys all_keys
    cdef Piece *pieces
    cdef unsigned char *page = NULL
    cdef int order
    look(keys, &all_keys)
    assert 0 <= start < count == row_ids.shape[0]
    data = key_at(&all_keys, start, &length)
    find_place(table, root_page, data, length, row_ids[start], &place)
    head = head_of(table, place.page_no)
    pieces = <Piece *>malloc((head.count + 1) * sizeof(Piece))
    if pieces == NULL:
        raise MemoryError
    try:
        for slot in range(head.count):
            order = -1
            while position < count:
                data = key_at(&all_keys, position, &length)
                order = compare_leaf(head, slot, data, length, row_ids[position])
                if order <= 0:
                    break
                position += 1  # it is not there
                order = -1
            if order == 0 and (kept or slot + 1 < head.count or place.page_no == root_page):
                position += 1
                continue
            pieces[kept].entry = even_at(head, slot) if head.form == EVEN else entry_at(head, slot)
            pieces[kept].size = 2 + LEAF_HEAD + key_length(head, slot)
            kept += 1
            if order == 0:
                break  # the only one that is left: its leaf goes with it
        if head.count - kept < FEW:
            return start
        page = <unsigned char *>malloc(table.page_bytes)
        if page == NULL:
            raise MemoryError
        if head.form == EVEN:
            keep_even(page, table.page_bytes, head, pieces, kept)
        else:
            fill(page, table.page_bytes, pieces, 0, kept, &all_keys, row_ids)
        write(pager, table, 0, &place, page, 1, True)
    finally:
        free(pieces)
        free(page)
    return position


cdef void keep_even(
    unsigned char *page, size_t page_bytes, const Head *head, Piece *pieces, Py_ssize_t kept
) noexcept:
    """Make the even leaf of those entries of another one that the pieces say."""
    cdef size_t width = <size_t>head.rest + ROW_BYTES, start = NODE_BYTES + head.prefix
    cdef Py_ssize_t i
    memset(page, 0, page_bytes)
    memcpy(page, head, start)
    for i in range(kept):
        memcpy(page + start + i * width, pieces[i].entry, width)
    (<Head *>page).count = <uint16_t>kept


def loosen_leaf(pager, uint64_t root_page, uint64_t xid, bytes key not None, uint64_t row_id):
    """Make ordinary leaves of the even one that a pair belongs to, if its parent has room; False: nothing is done."""
    cdef PageTable table = pager.table
    cdef Place place
    cdef Keys no_keys
    cdef const int64_t[::1] no_ids = np.empty(0, np.int64)
    find_place(
        table, root_page, <const unsigned char *>PyBytes_AS_STRING(key), len(key), row_id, &place
    )
    if head_of(table, place.page_no).form != EVEN:
        return False
    no_keys.items = NULL
    no_keys.matrix = NULL
    no_keys.width = 0
    no_keys.count = 0
    return merge(pager, table, xid, &place, &no_keys, no_ids, 0, 0)


cdef unsigned char *unfolded(const Head *head) except? NULL:
    """The entries of an even leaf as an ordinary one has them, one behind the other; NULL of an ordinary leaf."""
    cdef size_t length = <size_t>head.prefix + head.rest, width = LEAF_HEAD + length
    cdef unsigned char *entries
    cdef unsigned char *at
    cdef Py_ssize_t slot
    cdef uint64_t row_id
    if head.form != EVEN:
        return NULL
    entries = <unsigned char *>malloc((<size_t>head.count + 1) * width)
    if entries == NULL:
        raise MemoryError
    at = entries
    for slot in range(head.count):
        row_id = row_at(head, slot)
        (<uint16_t *>at)[0] = <uint16_t>length
        memcpy(at + 2, &row_id, 8)
        memcpy(at + LEAF_HEAD, <const unsigned char *>head + NODE_BYTES, head.prefix)
        memcpy(at + LEAF_HEAD + head.prefix, even_at(head, slot), head.rest)
        at += width
    return entries


cdef bint merge(
    pager, PageTable table, uint64_t xid, Place *place, const Keys *keys,
    const int64_t[::1] row_ids, Py_ssize_t start, Py_ssize_t stop,
) except -1:
    """Write a leaf anew with more pairs, and what does not fit to new leaves; False: the parent is full."""
    cdef const Head *head = head_of(table, place.page_no)
    cdef Piece *pieces = <Piece *>malloc((head.count + stop - start + 1) * sizeof(Piece))
    cdef size_t page_bytes = table.page_bytes
    cdef unsigned char *pages = NULL
    cdef unsigned char *entries = NULL
    cdef Py_ssize_t cuts[PAGES_MAX + 1]
    cdef Py_ssize_t count, page_count = 0, i
    cdef bint done = False
    if pieces == NULL:
        raise MemoryError
    try:
        entries = unfolded(head)
        count = gather(head, entries, keys, row_ids, start, stop, pieces)
        page_count = cut(pieces, count, page_bytes - NODE_BYTES, head.right == 0, cuts)
        if page_count == 0 or (page_count > 1 and place.parent_no == 0):
            return False
        if page_count > 1 and not has_room(table, place, pieces, cuts, page_count):
            return False
        pages = <unsigned char *>malloc(page_count * page_bytes)
        if pages == NULL:
            raise MemoryError
        for i in range(page_count):
            fill(pages + i * page_bytes, page_bytes, pieces, cuts[i], cuts[i + 1], keys, row_ids)
        write(pager, table, xid, place, pages, page_count)
        done = True
    finally:
        free(pieces)
        free(pages)
        free(entries)
    return done


cdef Py_ssize_t gather(
    const Head *head, const unsigned char *entries, const Keys *keys, const int64_t[::1] row_ids, Py_ssize_t start,
    Py_ssize_t stop, Piece *pieces,
) noexcept:
    """Entries of the leaf and new pairs in one order; a pair that is there already stays once.

    The entries of an even leaf come unfolded.
    """
    cdef Py_ssize_t slot = 0, position = start, count = 0
    cdef size_t width = LEAF_HEAD + <size_t>head.prefix + head.rest
    cdef const unsigned char *entry
    cdef const unsigned char *data = NULL
    cdef size_t length = 0
    cdef int order
    while slot < head.count or position < stop:
        order = 1
        if position < stop:
            data = key_at(keys, position, &length)
        if slot < head.count:
            entry = entry_at(head, slot) if entries == NULL else entries + slot * width
            order = -1
            if position < stop:
                order = compare(entry, LEAF_HEAD, data, length, row_ids[position])
        if order <= 0:
            pieces[count].entry = entry
            pieces[count].size = 2 + LEAF_HEAD + (<const uint16_t *>entry)[0]
            slot += 1
            if order == 0:
                position += 1
        else:
            pieces[count].entry = NULL
            pieces[count].position = position
            pieces[count].size = 2 + LEAF_HEAD + length
            position += 1
        count += 1
    return count


cdef Py_ssize_t cut(
    Piece *pieces, Py_ssize_t count, size_t room, bint is_last, Py_ssize_t *cuts
) noexcept:
    """Where pages begin: full ones at the tree's end, else ones alike; 0: they are too many."""
    cdef size_t total = 0, size = 0, limit = room
    cdef Py_ssize_t i, page_count = 1
    for i in range(count):
        total += pieces[i].size
    if total > room and not is_last:
        limit = total // (total // room + 1)
        limit += limit // 8
        if limit > room:
            limit = room
    cuts[0] = 0
    for i in range(count):
        if size + pieces[i].size > limit:
            if page_count == PAGES_MAX:
                return 0
            cuts[page_count] = i
            page_count += 1
            size = 0
        size += pieces[i].size
    cuts[page_count] = count
    return page_count


cdef size_t separator_bytes(Piece *pieces, Py_ssize_t first) noexcept:
    return INNER_HEAD + pieces[first].size - 2 - LEAF_HEAD


cdef bint has_room(
    PageTable table, Place *place, Piece *pieces, Py_ssize_t *cuts, Py_ssize_t page_count
) except -1:
    """Whether the parent can take an entry for each new leaf."""
    cdef const Head *parent = head_of(table, place.parent_no)
    cdef size_t needed = NODE_BYTES + 2 * (parent.count + page_count - 1)
    cdef Py_ssize_t i
    for i in range(1, page_count):
        needed += separator_bytes(pieces, cuts[i])
    return needed <= parent.place


cdef void fill(
    unsigned char *page, size_t page_bytes, Piece *pieces, Py_ssize_t first, Py_ssize_t last,
    const Keys *keys, const int64_t[::1] row_ids,
) noexcept:
    """Make the leaf of some entries; its neighbours are not known yet."""
    cdef Head *head = <Head *>page
    cdef size_t place = page_bytes, count, length
    cdef const unsigned char *data
    cdef uint64_t row_id
    cdef Py_ssize_t i
    memset(page, 0, page_bytes)
    for i in range(first, last):
        count = pieces[i].size - 2
        place -= count
        if pieces[i].entry != NULL:
            memcpy(page + place, pieces[i].entry, count)
        else:
            row_id = row_ids[pieces[i].position]
            (<uint16_t *>(page + place))[0] = <uint16_t>(count - LEAF_HEAD)
            memcpy(page + place + 2, &row_id, 8)
            data = key_at(keys, pieces[i].position, &length)
            memcpy(page + place + LEAF_HEAD, data, length)
        (<uint16_t *>(page + NODE_BYTES))[i - first] = <uint16_t>place
    head.magic = MAGIC
    head.count = <uint16_t>(last - first)
    head.place = <uint16_t>place


cdef int write(
    pager, PageTable table, uint64_t xid, Place *place, unsigned char *pages,
    Py_ssize_t page_count, bint reserved=False,
) except -1:
    """Store the leaves, their links and the parent's entries in one change."""
    cdef const Head *old = head_of(table, place.page_no)
    cdef uint64_t numbers[PAGES_MAX + 2]
    cdef uint64_t right = old.right
    cdef size_t page_bytes = table.page_bytes
    cdef Head *head
    cdef Py_ssize_t i
    cdef Change change = pager.begin_change(xid, reserved)
    try:
        numbers[0] = place.page_no
        if page_count > 1:
            numbers[1] = pager.allocate_like(change, page_count - 1, place.page_no)
        for i in range(2, page_count):
            numbers[i] = numbers[1] + i - 1
        numbers[page_count] = right
        for i in range(page_count):
            head = <Head *>(pages + i * page_bytes)
            head.left = numbers[i - 1] if i else old.left
            head.right = numbers[i + 1]
            change.write_raw(numbers[i] << table.shift, head, page_bytes)
        if page_count > 1:
            if right:
                change.write_word(
                    (right << table.shift) + NODE_BYTES - 16, numbers[page_count - 1]
                )
            add_separators(change, table, place, pages, numbers, page_count)
        change.commit_raw()
    except BaseException:
        if change.is_open:
            change.abandon()
        raise
    return 0


cdef int add_separators(
    Change change, PageTable table, Place *place, unsigned char *pages, uint64_t *numbers,
    Py_ssize_t page_count,
) except -1:
    """Put the new leaves' first entries into the parent, behind the old leaf's."""
    cdef const Head *parent = head_of(table, place.parent_no)
    cdef uint64_t start = place.parent_no << table.shift
    cdef unsigned char entries[PAGE_BYTES_MAX]
    cdef uint16_t slots[SLOTS_MAX]
    cdef const unsigned char *first
    cdef size_t at = parent.place, length
    cdef Py_ssize_t i, moved = parent.count - place.child
    cdef uint16_t counters[3]
    for i in range(1, page_count):
        first = pages + i * table.page_bytes
        first += (<const uint16_t *>(first + NODE_BYTES))[0]
        length = (<const uint16_t *>first)[0]
        at -= INNER_HEAD + length
        memcpy(entries + at, first, 10)
        memcpy(entries + at + 10, &numbers[i], 8)
        memcpy(entries + at + INNER_HEAD, first + LEAF_HEAD, length)
        slots[i - 1] = <uint16_t>at
    memcpy(slots + page_count - 1, <const char *>parent + NODE_BYTES + 2 * place.child, 2 * moved)
    change.write_raw(start + at, entries + at, parent.place - at)
    change.write_raw(
        start + NODE_BYTES + 2 * place.child, slots, 2 * (page_count - 1 + moved)
    )
    counters[0] = <uint16_t>(parent.count + page_count - 1)
    counters[1] = <uint16_t>at
    counters[2] = parent.garbage
    return change.write_raw(start + COUNTERS_OFFSET, counters, 6)
