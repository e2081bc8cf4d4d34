"""Orders of rows by arrays of integers, and ranks of texts; server/executor/ordering.py specifies it.

Rows are sorted by radix, the least significant digits first. Arrays are packed into words of 64 bits as far as their
values, counted from the least one, leave room; digits that are the same in all rows are passed over.

Texts are sorted eight bytes at a time: those with equal bytes so far by the next eight.

`look` is called every LOOK_ROWS rows or so, and raises when the work is not wanted any more: a statement that was
cancelled does not sort to the end.
"""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

cdef extern from *:
    """
    static inline uint64_t big_endian(uint64_t word) { return __builtin_bswap64(word); }
    static inline int bits_of(uint64_t word) { return word ? 64 - __builtin_clzll(word) : 0; }
    """
    uint64_t big_endian(uint64_t word) noexcept nogil
    int bits_of(uint64_t word) noexcept nogil

cdef enum:
    DIGIT_BITS = 11
    DIGITS = 1 << 11
    FEW = 24
    INLINE_MAX = 12

cdef Py_ssize_t LOOK_ROWS = 1 << 18

cdef struct Entry:
    uint64_t key
    uint64_t row

cdef struct View:
    uint32_t length
    char prefix[4]
    uint64_t place


cdef int call(void *look) except -1 with gil:
    (<object>look)()
    return 0


cdef inline int looked(void *look) except -1 nogil:
    """Have the caller say whether to go on; NULL: nobody asks."""
    return 0 if look == NULL else call(look)


cdef inline void *address(object look) noexcept:
    """The caller's function; it lives as long as its call of the kernel."""
    return NULL if look is None else <void *>look


cdef void insertion(Entry *entries, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef Entry entry
    for i in range(1, count):
        entry = entries[i]
        j = i
        while j > 0 and entries[j - 1].key > entry.key:
            entries[j] = entries[j - 1]
            j -= 1
        entries[j] = entry


cdef int sort_entries(Entry *entries, Entry *spare, Py_ssize_t count, void *look) except -1 nogil:
    """Stable, by key; the result stands where the entries stood."""
    cdef Py_ssize_t places[DIGITS]
    cdef Py_ssize_t i, at, number, start
    cdef uint64_t different = 0, digit
    cdef int shift = 0
    cdef Entry *source = entries
    cdef Entry *target = spare
    if count <= FEW:
        insertion(entries, count)
        return 0
    for i in range(1, count):
        different |= entries[i].key ^ entries[0].key
    while shift < 64:
        if not (different >> shift) & (DIGITS - 1):
            shift += DIGIT_BITS
            continue
        memset(places, 0, sizeof(places))
        for i in range(count):
            places[(source[i].key >> shift) & (DIGITS - 1)] += 1
        at = 0
        for i in range(DIGITS):
            number = places[i]
            places[i] = at
            at += number
        for start from 0 <= start < count by LOOK_ROWS:
            if count > LOOK_ROWS:
                looked(look)
            for i in range(start, min(start + LOOK_ROWS, count)):
                digit = (source[i].key >> shift) & (DIGITS - 1)
                target[places[digit]] = source[i]
                places[digit] += 1
        source, target = target, source
        shift += DIGIT_BITS
    if source != entries:
        memcpy(entries, source, count * sizeof(Entry))
    return 0


cdef uint64_t *sorted_words(uint64_t *words, uint64_t *spare, Py_ssize_t count, int shift,
                            void *look) except NULL nogil:
    """Stable, by the bits from shift on; the result stands in one of the two."""
    cdef Py_ssize_t places[DIGITS]
    cdef Py_ssize_t i, at, number, start
    cdef uint64_t different = 0, digit
    for i in range(1, count):
        different |= words[i] ^ words[0]
    while shift < 64:
        if not (different >> shift) & (DIGITS - 1):
            shift += DIGIT_BITS
            continue
        memset(places, 0, sizeof(places))
        for i in range(count):
            places[(words[i] >> shift) & (DIGITS - 1)] += 1
        at = 0
        for i in range(DIGITS):
            number = places[i]
            places[i] = at
            at += number
        for start from 0 <= start < count by LOOK_ROWS:
            looked(look)
            for i in range(start, min(start + LOOK_ROWS, count)):
                digit = (words[i] >> shift) & (DIGITS - 1)
                spare[places[digit]] = words[i]
                places[digit] += 1
        words, spare = spare, words
        shift += DIGIT_BITS
    return words


cdef _ordered_by_few_bits(const uint64_t[::1] word, Py_ssize_t count, int row_bits, look):
    """The order by one word whose highest bits are free for as many as row numbers have: half as much is moved."""
    cdef uint64_t *words = <uint64_t *>malloc(count * 2 * sizeof(uint64_t))
    cdef uint64_t *found
    cdef Py_ssize_t row
    cdef uint64_t mask = (<uint64_t>1 << row_bits) - 1
    if words == NULL:
        raise MemoryError
    result = np.empty(count, np.int64)
    cdef int64_t[::1] out = result
    cdef void *asked = address(look)
    try:
        with nogil:
            for row in range(count):
                words[row] = word[row] << row_bits | <uint64_t>row
            found = sorted_words(words, words + count, count, row_bits, asked)
            for row in range(count):
                out[row] = <int64_t>(found[row] & mask)
    finally:
        free(words)
    return result


def ordered_rows(arrays, look=None):
    """Rows in the order of the arrays of int64, the first one counting most; stable."""
    cdef Py_ssize_t count = len(arrays[0]), row
    cdef list words = _packed(arrays, count, look)
    cdef const uint64_t[::1] word
    cdef int row_bits = bits_of(<uint64_t>count)
    if len(words) == 1 and count > FEW:
        word = words[0]
        if bits_of(<uint64_t>np.max(words[0])) + row_bits <= 64:
            return _ordered_by_few_bits(word, count, row_bits, look)
    cdef Entry *entries = <Entry *>malloc(max(1, count) * 2 * sizeof(Entry))
    if entries == NULL:
        raise MemoryError
    result = np.empty(count, np.int64)
    try:
        order_entries(entries, words, count, result, address(look))
    finally:
        free(entries)
    return result


cdef int order_entries(Entry *entries, list words, Py_ssize_t count, int64_t[::1] out, void *look) except -1:
    """The rows by the words, the last of which is sorted by first."""
    cdef const uint64_t[::1] word
    cdef bint is_first = True
    cdef Py_ssize_t row, start
    for packed in reversed(words):
        word = packed
        with nogil:
            for start from 0 <= start < count by LOOK_ROWS:
                looked(look)
                for row in range(start, min(start + LOOK_ROWS, count)):
                    if is_first:
                        entries[row].row = row
                    entries[row].key = word[entries[row].row]
            sort_entries(entries, entries + count, count, look)
        is_first = False
    with nogil:
        for row in range(count):
            out[row] = row if is_first else <int64_t>entries[row].row
    return 0


cdef list _packed(arrays, Py_ssize_t count, look):
    """The arrays as words that order as they do, the most important first."""
    cdef list words = []
    cdef const int64_t[::1] values
    cdef uint64_t[::1] word = None
    cdef int64_t low, high
    cdef int bits, room = 0
    cdef Py_ssize_t row
    if count == 0:
        return words
    for array in arrays:
        if look is not None:
            look()
        values = np.ascontiguousarray(array, np.int64)
        low = high = values[0]
        with nogil:
            for row in range(count):
                low = min(low, values[row])
                high = max(high, values[row])
        bits = bits_of(<uint64_t>high - <uint64_t>low)
        if bits == 0:
            continue
        if bits > room:
            made = np.zeros(count, np.uint64)
            words.append(made)
            word = made
            room = 64
        room -= bits
        with nogil:
            for row in range(count):
                if bits < 64:
                    word[row] = word[row] << bits
                word[row] |= <uint64_t>values[row] - <uint64_t>low
    return words


cdef inline const uint8_t *data_of(const View *view, const uint8_t *store) noexcept nogil:
    if view.length <= INLINE_MAX:
        return <const uint8_t *>&view.prefix[0]
    return store + view.place


cdef inline uint64_t eight_bytes(const View *view, const uint8_t *store, Py_ssize_t depth) noexcept nogil:
    """The bytes from depth on as a number that orders as they do; nothing counts as zeros, which no text has."""
    cdef uint64_t word = 0
    cdef Py_ssize_t left = <Py_ssize_t>view.length - depth
    if left >= 8:
        memcpy(&word, data_of(view, store) + depth, 8)
    elif left > 0:
        memcpy(&word, data_of(view, store) + depth, left)
    return big_endian(word)


cdef struct Run:
    Py_ssize_t start
    Py_ssize_t stop
    Py_ssize_t depth


def text_ranks(const uint8_t[::1] store, views, look=None):
    """An int64 for each text: equal for equal ones, and in the order of their bytes for others."""
    views = np.ascontiguousarray(views)
    cdef Py_ssize_t count = len(views)
    ranks = np.zeros(count, np.int64)
    if not count:
        return ranks
    cdef const uint8_t[::1] raw = views.view(np.uint8).reshape(-1)
    cdef const uint8_t *base = &store[0] if store.shape[0] else NULL
    cdef int64_t[::1] out = ranks
    cdef Entry *entries = <Entry *>malloc(count * 2 * sizeof(Entry))
    cdef Run *runs = <Run *>malloc((count + 1) * sizeof(Run))
    cdef void *asked = address(look)
    try:
        if entries == NULL or runs == NULL:
            raise MemoryError
        with nogil:
            rank_texts(<const View *>&raw[0], base, count, entries, runs, &out[0], asked)
    finally:
        free(entries)
        free(runs)
    return ranks


cdef int rank_texts(const View *view, const uint8_t *base, Py_ssize_t count, Entry *entries, Run *runs,
                    int64_t *ranks, void *look) except -1 nogil:
    """Runs of texts that are equal up to a depth are sorted by what follows; the rank of a text is the place of the
    first one of its run when that has nothing left to be told apart by."""
    cdef Py_ssize_t pending = 1, unlooked = 0, i, at, start, stop, depth, first
    cdef bint goes_on
    for i in range(count):
        entries[i].row = i
    runs[0].start = 0
    runs[0].stop = count
    runs[0].depth = 0
    while pending:
        pending -= 1
        start, stop, depth = runs[pending].start, runs[pending].stop, runs[pending].depth
        for i in range(start, stop):
            unlooked += 1
            if unlooked == LOOK_ROWS:
                looked(look)
                unlooked = 0
            entries[i].key = eight_bytes(&view[entries[i].row], base, depth)
        sort_entries(entries + start, entries + count + start, stop - start, look)
        first = start
        goes_on = <Py_ssize_t>view[entries[start].row].length > depth + 8
        for i in range(start + 1, stop + 1):
            if i == stop or entries[i].key != entries[first].key:
                if goes_on and i - first > 1:
                    runs[pending].start = first
                    runs[pending].stop = i
                    runs[pending].depth = depth + 8
                    pending += 1
                else:
                    for at in range(first, i):
                        ranks[entries[at].row] = first
                if i == stop:
                    break
                first = i
                goes_on = False
            goes_on = goes_on or <Py_ssize_t>view[entries[i].row].length > depth + 8
    return 0
