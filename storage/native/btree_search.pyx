"""The twin of storage/btree_search.py: the same pages, without parsing them."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

import numpy as np

from storage.native.change cimport Change, PageTable

from storage.errors import Corruption

cdef Py_ssize_t FEW_IDS = 256


cdef const Head *head_of(PageTable table, uint64_t page_no) except NULL:
    cdef const Head *head
    if page_no >= table.page_count:
        raise Corruption("index", page_no, "link outside of the store")
    head = <const Head *>table.at(page_no << table.shift)
    if head.magic != MAGIC:
        raise Corruption("index", page_no, "not an index page")
    return head


cdef uint64_t leaf_of(
    PageTable table, uint64_t page_no, const unsigned char *key, size_t length, uint64_t row_id
) except 0:
    """The leaf a pair belongs to."""
    cdef const Head *head = head_of(table, page_no)
    cdef Py_ssize_t low, high, middle
    while head.level:
        low = 1
        high = head.count
        while low < high:
            middle = (low + high) >> 1
            if compare(entry_at(head, middle), INNER_HEAD, key, length, row_id) > 0:
                high = middle
            else:
                low = middle + 1
        page_no = (<const uint64_t *>(entry_at(head, low - 1) + 10))[0]
        head = head_of(table, page_no)
    return page_no


def seek_pair(pager, uint64_t root_page, bytes key not None, uint64_t row_id):
    """The leaf the pair belongs to, and how many of its entries lie before the pair."""
    cdef PageTable table = pager.table
    cdef const unsigned char *data = <const unsigned char *><const char *>key
    cdef uint64_t page_no = leaf_of(table, root_page, data, len(key), row_id)
    return page_no, position_of(head_of(table, page_no), data, len(key), row_id)


def leaf_pairs(pager, uint64_t page_no, Py_ssize_t first, Py_ssize_t last):
    """Entries first..last of a leaf, and the leaf's neighbours."""
    cdef PageTable table = pager.table
    cdef const Head *head = head_of(table, page_no)
    cdef Py_ssize_t slot
    cdef list found = []
    if last > head.count:
        last = head.count
    for slot in range(first, last):
        found.append(pair_of(head, slot))
    return found, head.left, head.right


def lookup_pairs(pager, uint64_t root_page, bytes start not None, bytes stop):
    """The row ids of the pairs with start <= key < stop, in order."""
    cdef PageTable table = pager.table
    cdef const unsigned char *data = <const unsigned char *><const char *>start
    cdef const unsigned char *bound = NULL
    cdef size_t bound_length = 0
    cdef uint64_t page_no = leaf_of(table, root_page, data, len(start), 0)
    cdef const Head *head = head_of(table, page_no)
    cdef Py_ssize_t slot = position_of(head, data, len(start), 0)
    cdef list found = []
    if stop is not None:
        bound = <const unsigned char *><const char *>stop
        bound_length = len(stop)
    while True:
        while slot < head.count:
            if bound != NULL and compare_leaf(head, slot, bound, bound_length, 0) >= 0:
                return found
            found.append(row_at(head, slot))
            slot += 1
        if not head.right:
            return found
        head = head_of(table, head.right)
        slot = 0


def insert_pair(pager, uint64_t root_page, uint64_t xid, bytes key not None, uint64_t row_id):
    """Add a pair to its leaf: 1; it was there: 0; the leaf is full, or littered: -1."""
    cdef PageTable table = pager.table
    cdef const unsigned char *data = <const unsigned char *><const char *>key
    cdef size_t length = len(key), entry_bytes = LEAF_HEAD + length
    cdef uint64_t page_no = leaf_of(table, root_page, data, length, row_id)
    cdef const Head *head = head_of(table, page_no)
    cdef Py_ssize_t position = position_of(head, data, length, row_id)
    cdef Py_ssize_t place = <Py_ssize_t>head.place - <Py_ssize_t>entry_bytes
    cdef size_t slots = NODE_BYTES + 2 * position
    cdef size_t moved = 2 * (head.count - position)
    cdef uint64_t start = page_no << table.shift
    cdef uint16_t counters[3]
    cdef unsigned char scratch[PAGE_BYTES_MAX]
    cdef Change change
    if position < head.count and not compare_leaf(head, position, data, length, row_id):
        return 0
    if head.form == EVEN or place < NODE_BYTES + 2 * (head.count + 1):
        return -1
    counters[0] = head.count + 1
    counters[1] = place
    counters[2] = head.garbage
    change = pager.begin_change(xid)
    try:
        (<uint16_t *>scratch)[0] = length
        memcpy(scratch + 2, &row_id, 8)
        memcpy(scratch + LEAF_HEAD, data, length)
        change.write_raw(start + place, scratch, entry_bytes)
        (<uint16_t *>scratch)[0] = place
        memcpy(scratch + 2, <const char *>head + slots, moved)
        change.write_raw(start + slots, scratch, moved + 2)
        change.write_raw(start + COUNTERS_OFFSET, counters, 6)
        change.commit_raw()
    except BaseException:
        if change.is_open:
            change.abandon()
        raise
    return 1


def delete_pair(pager, uint64_t root_page, uint64_t xid, bytes key not None, uint64_t row_id):
    """Take a pair out of its leaf: 1; it was not there: 0; it is the only one there: -1."""
    cdef PageTable table = pager.table
    cdef const unsigned char *data = <const unsigned char *><const char *>key
    cdef size_t length = len(key)
    cdef uint64_t page_no = leaf_of(table, root_page, data, length, row_id)
    cdef const Head *head = head_of(table, page_no)
    cdef Py_ssize_t position = position_of(head, data, length, row_id)
    cdef size_t first = NODE_BYTES + 2 * position, width = 2
    cdef uint64_t start = page_no << table.shift
    cdef uint16_t counters[3]
    cdef Change change
    if position == head.count or compare_leaf(head, position, data, length, row_id):
        return 0
    if head.count == 1 and page_no != root_page:
        return -1
    counters[0] = head.count - 1
    counters[1] = head.place
    counters[2] = head.garbage
    if head.form == EVEN:
        first = even_at(head, position) - <const unsigned char *>head
        width = <size_t>head.rest + ROW_BYTES
    else:
        counters[2] += LEAF_HEAD + length
    change = pager.begin_change(xid, True)
    try:
        change.write_raw(
            start + first, <const char *>head + first + width,
            width * (head.count - position - 1),
        )
        change.write_raw(start + COUNTERS_OFFSET, counters, 6)
        change.commit_raw()
    except BaseException:
        if change.is_open:
            change.abandon()
        raise
    return 1


def leaf_cuts(list pairs not None, Py_ssize_t limit):
    """Where sorted pairs are cut into leaves of at most `limit` bytes; begins with 0."""
    cdef list cuts = [0]
    cdef Py_ssize_t size = 0, need, i, last = 0, count = len(pairs)
    for i in range(count):
        need = 2 + LEAF_HEAD + len(<bytes>(<tuple>pairs[i])[0])
        if size + need > limit and i > last:
            cuts.append(i)
            last = i
            size = 0
        size += need
    if count:
        cuts.append(count)
    return cuts


def pack_leaf(
    Py_ssize_t page_bytes, list pairs not None, Py_ssize_t first, Py_ssize_t last,
    uint64_t left, uint64_t right,
):
    """The leaf of pairs first..last, and its neighbours."""
    cdef bytes page = PyBytes_FromStringAndSize(NULL, page_bytes)
    cdef unsigned char *at = <unsigned char *>PyBytes_AS_STRING(page)
    cdef Head *head = <Head *>at
    cdef Py_ssize_t place = page_bytes, slot, length
    cdef uint64_t row_id
    cdef tuple pair
    cdef bytes key
    memset(at, 0, page_bytes)
    for slot in range(last - first):
        pair = <tuple>pairs[first + slot]
        key = <bytes>pair[0]
        row_id = pair[1]
        length = len(key)
        place -= LEAF_HEAD + length
        assert place >= NODE_BYTES + 2 * (slot + 1), "page overflows"
        (<uint16_t *>(at + place))[0] = length
        memcpy(at + place + 2, &row_id, 8)
        memcpy(at + place + LEAF_HEAD, <const char *>key, length)
        (<uint16_t *>(at + NODE_BYTES))[slot] = place
    head.magic = MAGIC
    head.count = last - first
    head.place = place
    head.left = left
    head.right = right
    return page


def lookup_prefix(pager, uint64_t root_page, bytes prefix not None):
    """The row ids of the pairs whose key starts with the prefix, in order."""
    return ids_of_prefix(pager.table, root_page, prefix)


cdef list ids_of_prefix(PageTable table, uint64_t root_page, bytes prefix):
    cdef const unsigned char *data = <const unsigned char *><const char *>prefix
    cdef size_t length = len(prefix)
    cdef const Head *head = head_of(table, leaf_of(table, root_page, data, length, 0))
    cdef Py_ssize_t slot = position_of(head, data, length, 0)
    cdef list found = []
    while True:
        while slot < head.count:
            if not has_prefix(head, slot, data, length):
                return found
            found.append(row_at(head, slot))
            slot += 1
        if not head.right:
            return found
        head = head_of(table, head.right)
        slot = 0


cdef Py_ssize_t few_of_prefix(
    PageTable table, uint64_t root_page, const unsigned char *prefix, size_t length, uint64_t *found, Py_ssize_t most
) except -1:
    cdef const Head *head = head_of(table, leaf_of(table, root_page, prefix, length, 0))
    cdef Py_ssize_t slot = position_of(head, prefix, length, 0), count = 0
    while True:
        while slot < head.count:
            if not has_prefix(head, slot, prefix, length):
                return count
            if count < most:
                found[count] = row_at(head, slot)
            count += 1
            slot += 1
        if not head.right:
            return count
        head = head_of(table, head.right)
        slot = 0


def pairs_between(pager, uint64_t root_page, tuple low, tuple high, Py_ssize_t most, *, bint backward):
    """The first or, backward, the last pairs with low <= pair < high, `most` of them; and what they end at."""
    return between(pager, root_page, low, high, most, backward, True)


def ids_between(pager, uint64_t root_page, tuple low, tuple high, Py_ssize_t most, *, bint backward):
    """`pairs_between` without the keys."""
    return between(pager, root_page, low, high, most, backward, False)


def pairs_within(
    pager, uint64_t root_page, ranges, tuple position, Py_ssize_t most, *, bint backward
):
    """`pairs_between` of one range after the other, of `most` ranges at the most; and where to go on."""
    return within(pager, root_page, ranges, position, most, backward, True)


def ids_within(
    pager, uint64_t root_page, ranges, tuple position, Py_ssize_t most, *, bint backward
):
    """`pairs_within` without the keys."""
    return within(pager, root_page, ranges, position, most, backward, False)


cdef tuple within(
    pager, uint64_t root_page, ranges, tuple position, Py_ssize_t most, bint backward, bint with_keys
):
    cdef list found = []
    cdef Py_ssize_t place = position[0]
    cdef tuple reached = position[1]
    cdef Py_ssize_t last = min(<Py_ssize_t>len(ranges), place + most)
    cdef tuple low, high
    while place < last:
        start, stop = ranges[place]
        low, high = (start, 0), (stop, 0)
        if reached is not None:
            if backward:
                high = reached
            else:
                low = reached
        reached = put_between(found, pager, root_page, low, high, most, backward, with_keys)
        if reached is not None:
            break
        place += 1
        if len(found) >= most:
            break
    return found, (place, reached)


cdef tuple pair_of(const Head *head, Py_ssize_t slot):
    """The pair of an entry of a leaf."""
    cdef const char *entry
    cdef bytes key
    if head.form != EVEN:
        entry = <const char *>entry_at(head, slot)
        key = PyBytes_FromStringAndSize(entry + LEAF_HEAD, (<const uint16_t *>entry)[0])
    else:
        key = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>head.prefix + head.rest)
        memcpy(PyBytes_AS_STRING(key), <const char *>head + NODE_BYTES, head.prefix)
        memcpy(PyBytes_AS_STRING(key) + head.prefix, even_at(head, slot), head.rest)
    return key, row_at(head, slot)


cdef tuple between(
    pager, uint64_t root_page, tuple low, tuple high, Py_ssize_t most, bint backward, bint with_keys
):
    cdef list found = []
    end = put_between(found, pager, root_page, low, high, most, backward, with_keys)
    return found, end


cdef tuple put_between(
    list found,
    pager,
    uint64_t root_page,
    tuple low,
    tuple high,
    Py_ssize_t most,
    bint backward,
    bint with_keys,
):
    """Append pairs or ids until there are `most`; what they end at, None where there are no more."""
    cdef PageTable table = pager.table
    cdef bytes start = <bytes>(low[0] if not backward else high[0])
    cdef bytes stop = <bytes>(high[0] if not backward else low[0])
    cdef uint64_t start_id = low[1] if not backward else high[1]
    cdef uint64_t stop_id = high[1] if not backward else low[1]
    cdef const unsigned char *data = <const unsigned char *>PyBytes_AS_STRING(start)
    cdef const unsigned char *bound = <const unsigned char *>PyBytes_AS_STRING(stop)
    cdef size_t bound_length = len(stop)
    cdef const Head *head = head_of(table, leaf_of(table, root_page, data, len(start), start_id))
    cdef Py_ssize_t slot = position_of(head, data, len(start), start_id) - (1 if backward else 0)
    cdef const Head *last_head
    cdef Py_ssize_t last_slot = 0, next_slot = 0
    cdef const Head *next_head = NULL
    cdef Py_ssize_t count = len(found)
    cdef int order
    while True:
        while 0 <= slot < head.count:
            last_head = next_head
            last_slot = next_slot
            next_head = head
            next_slot = slot
            order = compare_leaf(head, slot, bound, bound_length, stop_id)
            if order < 0 if backward else order >= 0:
                return None
            if count == most:
                if backward:
                    return pair_of(last_head, last_slot)
                return pair_of(head, slot)
            found.append(pair_of(head, slot) if with_keys else row_at(head, slot))
            count += 1
            slot += -1 if backward else 1
        if backward:
            if not head.left:
                return None
            head = head_of(table, head.left)
            slot = head.count - 1
        else:
            if not head.right:
                return None
            head = head_of(table, head.right)
            slot = 0


def lookup_ids(pager, uint64_t root_page, bytes prefix not None, Py_ssize_t most):
    """`lookup_prefix` as an array, of so many pairs at most."""
    cdef PageTable table = pager.table
    cdef const unsigned char *data = <const unsigned char *><const char *>prefix
    cdef size_t length = len(prefix)
    cdef const Head *head = head_of(table, leaf_of(table, root_page, data, length, 0))
    cdef Py_ssize_t slot = position_of(head, data, length, 0)
    cdef Py_ssize_t count = 0, room = min(most, FEW_IDS)
    cdef object found = np.empty(room, np.int64)
    cdef int64_t[::1] ids = found
    while True:
        while slot < head.count:
            if not has_prefix(head, slot, data, length):
                return found[:count]
            if count == most:
                return found
            if count == room:
                room = min(most, 2 * room)
                found = np.resize(found, room)
                ids = found
            ids[count] = row_at(head, slot)
            count += 1
            slot += 1
        if not head.right:
            return found[:count]
        head = head_of(table, head.right)
        slot = 0


cdef void copy_entries(
    const Head *source, Py_ssize_t first, Py_ssize_t last,
    const unsigned char *added, size_t added_bytes, Py_ssize_t position,
    unsigned char *page, size_t page_bytes,
) noexcept:
    """Fill a leaf with entries first..last of a leaf that has one more, at position."""
    cdef Head *head = <Head *>page
    cdef size_t place = page_bytes, count
    cdef Py_ssize_t slot
    cdef const unsigned char *entry
    memset(page, 0, page_bytes)
    for slot in range(first, last):
        if slot == position:
            entry = added
            count = added_bytes
        else:
            entry = entry_at(source, slot if slot < position else slot - 1)
            count = LEAF_HEAD + (<const uint16_t *>entry)[0]
        place -= count
        memcpy(page + place, entry, count)
        (<uint16_t *>(page + NODE_BYTES))[slot - first] = place
    head.magic = MAGIC
    head.count = last - first
    head.place = place


cdef inline size_t bytes_of(
    const Head *head, Py_ssize_t slot, size_t added_bytes, Py_ssize_t position
) noexcept:
    """Bytes, slot included, of an entry of a leaf that has one more, at position."""
    if slot == position:
        return added_bytes + 2
    return 2 + LEAF_HEAD + (
        <const uint16_t *>entry_at(head, slot if slot < position else slot - 1)
    )[0]


def split_leaf(pager, uint64_t root_page, uint64_t xid, bytes key not None, uint64_t row_id):
    """Add a pair by splitting its leaf, if its parent has room: 1; else nothing: -1."""
    cdef PageTable table = pager.table
    cdef const unsigned char *data = <const unsigned char *><const char *>key
    cdef size_t length = len(key), size = 0, total = 0, parent_bytes, page_bytes = table.page_bytes
    cdef uint64_t page_no = root_page, parent_no = 0, right_no
    cdef const Head *head = head_of(table, page_no)
    cdef const Head *parent = NULL
    cdef Py_ssize_t low, high, middle, position, cut, slot, child = 0, place
    cdef unsigned char added[PAGE_BYTES_MAX]
    cdef unsigned char lower[PAGE_BYTES_MAX]
    cdef unsigned char upper[PAGE_BYTES_MAX]
    cdef unsigned char scratch[PAGE_BYTES_MAX]
    cdef const unsigned char *first
    cdef uint16_t counters[3]
    cdef Change change
    while head.level:
        low = 1
        high = head.count
        while low < high:
            middle = (low + high) >> 1
            if compare(entry_at(head, middle), INNER_HEAD, data, length, row_id) > 0:
                high = middle
            else:
                low = middle + 1
        parent = head
        parent_no = page_no
        child = low
        page_no = (<const uint64_t *>(entry_at(head, low - 1) + 10))[0]
        head = head_of(table, page_no)
    if parent == NULL or head.form == EVEN:
        return -1
    position = position_of(head, data, length, row_id)
    (<uint16_t *>added)[0] = length
    memcpy(added + 2, &row_id, 8)
    memcpy(added + LEAF_HEAD, data, length)
    for slot in range(head.count + 1):
        total += bytes_of(head, slot, LEAF_HEAD + length, position)
    if total + NODE_BYTES <= page_bytes:
        return -1
    cut = head.count
    if head.right or position < head.count:
        cut = 0
        while cut < head.count and 2 * size + bytes_of(
            head, cut, LEAF_HEAD + length, position
        ) <= total:
            size += bytes_of(head, cut, LEAF_HEAD + length, position)
            cut += 1
        if cut == 0:
            cut = 1
    copy_entries(head, 0, cut, added, LEAF_HEAD + length, position, lower, page_bytes)
    copy_entries(head, cut, head.count + 1, added, LEAF_HEAD + length, position, upper, page_bytes)
    first = upper + (<uint16_t *>(upper + NODE_BYTES))[0]
    parent_bytes = INNER_HEAD + (<const uint16_t *>first)[0]
    place = <Py_ssize_t>parent.place - <Py_ssize_t>parent_bytes
    if place < NODE_BYTES + 2 * (parent.count + 1):
        return -1
    change = pager.begin_change(xid)
    try:
        right_no = pager.allocate_like(change, 1, page_no)
        (<Head *>lower).left = head.left
        (<Head *>lower).right = right_no
        (<Head *>upper).left = page_no
        (<Head *>upper).right = head.right
        change.write_raw(right_no << table.shift, upper, page_bytes)
        if head.right:
            change.write_word((head.right << table.shift) + NODE_BYTES - 16, right_no)
        change.write_raw(page_no << table.shift, lower, page_bytes)
        memcpy(scratch, first, 10)
        memcpy(scratch + 10, &right_no, 8)
        memcpy(scratch + INNER_HEAD, first + LEAF_HEAD, parent_bytes - INNER_HEAD)
        change.write_raw((parent_no << table.shift) + place, scratch, parent_bytes)
        (<uint16_t *>scratch)[0] = place
        memcpy(
            scratch + 2, <const char *>parent + NODE_BYTES + 2 * child, 2 * (parent.count - child)
        )
        change.write_raw(
            (parent_no << table.shift) + NODE_BYTES + 2 * child, scratch,
            2 + 2 * (parent.count - child),
        )
        counters[0] = parent.count + 1
        counters[1] = place
        counters[2] = parent.garbage
        change.write_raw((parent_no << table.shift) + COUNTERS_OFFSET, counters, 6)
        change.commit_raw()
    except BaseException:
        if change.is_open:
            change.abandon()
        raise
    return 1
