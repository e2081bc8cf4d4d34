"""Numbering distinct keys in order of first appearance; server/executor/key_codes.py specifies it."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

cdef extern from *:
    """
    #define prefetch_line(address) __builtin_prefetch(address)
    """
    void prefetch_line(const void *address) noexcept nogil

cdef enum:
    PIECE_ROWS = 4096
    BLOCK_ROWS = 64
    PLACES_AHEAD = 16
    DENSE_SPAN_MIN = 65536
    DENSE_PLACES_PER_KEY = 8

cdef struct Slot:
    int64_t key
    int64_t code_plus_one  # 0: empty

cdef struct Range:
    int64_t low  # above high: there is no key
    int64_t high


cdef inline uint64_t mixed(int64_t key) noexcept nogil:
    cdef uint64_t x = <uint64_t>key
    x = (x ^ (x >> 32)) * <uint64_t>0xD6E8FEB86659FD93
    x = (x ^ (x >> 32)) * <uint64_t>0xD6E8FEB86659FD93
    return x ^ (x >> 32)


cdef inline bint is_dense(Range range, int64_t keys) noexcept nogil:
    """Whether so many keys fill a range well enough for a place for each integer in it."""
    return <uint64_t>range.high - <uint64_t>range.low < <uint64_t>max(DENSE_SPAN_MIN, DENSE_PLACES_PER_KEY * keys)


cdef Range range_of(const int64_t *keys, const uint8_t *valid, Py_ssize_t count) noexcept nogil:
    """From the lowest to the highest key."""
    cdef Range found
    cdef Py_ssize_t i
    cdef int64_t low = <int64_t>0x7FFFFFFFFFFFFFFF, high = -<int64_t>0x7FFFFFFFFFFFFFFF - 1
    for i in range(count):
        if valid == NULL or valid[i]:
            low = keys[i] if keys[i] < low else low
            high = keys[i] if keys[i] > high else high
    found.low = low
    found.high = high
    return found


cdef class IntegerCodes:
    """Gives each distinct int64 the next number; numbers never change.

    While keys are close together there is a place for each integer from the lowest on, otherwise a hash table. Whether
    keys have come close is looked at whenever that grows.
    """

    cdef int32_t *places  # the number plus one of the lowest + i, 0: none. NULL: the slots are in use
    cdef int64_t lowest
    cdef int64_t span
    cdef Slot *slots
    cdef uint64_t mask
    cdef int64_t used
    cdef int64_t count
    cdef int64_t used_before  # by the time that the rows which are now added began
    cdef int64_t added  # rows of those so far

    def __cinit__(self):
        self.places = <int32_t *>calloc(1, sizeof(int32_t))
        if self.places == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.places)
        free(self.slots)

    def __len__(self):
        return self.count

    def reserve(self):
        """Take the next number without a key: for NULL."""
        self.count += 1
        return self.count - 1

    cdef bint _reach(self, Range keys, int64_t more, int64_t rows) noexcept nogil:
        """Make room for up to `more` keys in a range, the first of `rows`; false: there is no memory."""
        if keys.low > keys.high:
            return True
        if self.places != NULL:
            if self.span:
                keys.low = min(keys.low, self.lowest)
                keys.high = max(keys.high, self.lowest + self.span - 1)
            if is_dense(keys, self.used + rows):
                return self._reach_places(keys)
            return self._to_slots(more)
        if <uint64_t>(self.used + more) * 2 <= self.mask + 1:
            return True
        if self.added and (self.used - self.used_before) * 4 >= self.added * 3:
            more = rows  # nearly every row has a key of its own: the table need not grow again and again
        return self._reach_slots(keys, more)

    cdef bint _reach_places(self, Range keys) noexcept nogil:
        """Have places for a range of keys that has all known ones, and some more where keys grow."""
        cdef int64_t span = keys.high - keys.low + 1
        cdef int32_t *places
        if self.span and keys.low == self.lowest:
            if span == self.span:
                return True
            if keys.high < <int64_t>0x7FFFFFFFFFFFFFFF - span:
                span += span // 2
        places = <int32_t *>calloc(span, sizeof(int32_t))
        if places == NULL:
            return False
        if self.span:
            memcpy(places + (self.lowest - keys.low), self.places, self.span * sizeof(int32_t))
        free(self.places)
        self.places = places
        self.lowest = keys.low
        self.span = span
        return True

    cdef bint _to_slots(self, int64_t more) noexcept nogil:
        """Go over from places to the hash table."""
        cdef int64_t place
        cdef uint64_t at
        if not self._make_slots(more):
            return False
        for place in range(self.span):
            if self.places[place]:
                at = self._slot_of(self.lowest + place)
                self.slots[at].key = self.lowest + place
                self.slots[at].code_plus_one = self.places[place]
        free(self.places)
        self.places = NULL
        return True

    cdef bint _make_slots(self, int64_t more) noexcept nogil:
        """A new hash table at a load of at most one half."""
        cdef uint64_t capacity = 1024
        while <uint64_t>(self.used + more) * 2 > capacity:
            capacity *= 2
        cdef Slot *slots = <Slot *>calloc(capacity, sizeof(Slot))
        if slots == NULL:
            return False
        self.slots = slots
        self.mask = capacity - 1
        return True

    cdef inline uint64_t _slot_of(self, int64_t key) noexcept nogil:
        """The slot that has a key, or would take it."""
        cdef uint64_t at = mixed(key) & self.mask
        while self.slots[at].code_plus_one and self.slots[at].key != key:
            at = (at + 1) & self.mask
        return at

    cdef bint _reach_slots(self, Range keys, int64_t more) noexcept nogil:
        """Go over to a larger hash table, or to places."""
        cdef Slot *slots = self.slots
        cdef uint64_t old, capacity = self.mask + 1
        cdef int32_t *places
        for old in range(capacity):
            if slots[old].code_plus_one:
                keys.low = min(keys.low, slots[old].key)
                keys.high = max(keys.high, slots[old].key)
        if is_dense(keys, self.used):
            places = <int32_t *>calloc(keys.high - keys.low + 1, sizeof(int32_t))
            if places == NULL:
                return False
            for old in range(capacity):
                if slots[old].code_plus_one:
                    places[slots[old].key - keys.low] = <int32_t>slots[old].code_plus_one
            self.lowest = keys.low
            self.span = keys.high - keys.low + 1
            self.places = places
            self.slots = NULL
        else:
            if not self._make_slots(more):
                return False
            for old in range(capacity):
                if slots[old].code_plus_one:
                    self.slots[self._slot_of(slots[old].key)] = slots[old]
        free(slots)
        return True

    def add(self, values, valid):
        """Give the number of each value, new ones included; -1 where valid is False."""
        codes = np.empty(len(values), np.int64)
        cdef const int64_t[::1] keys = np.ascontiguousarray(values, np.int64)
        cdef int64_t[::1] out = codes
        cdef const uint8_t[::1] mask = None
        cdef const uint8_t *there = NULL
        cdef Py_ssize_t count = keys.shape[0], start = 0, rows
        cdef bint done = True
        if not count:
            return codes
        if valid is not None:
            assert len(valid) == count
            mask = np.ascontiguousarray(valid).view(np.uint8)
            there = &mask[0]
        self.used_before = self.used
        with nogil:
            while start < count and done:  # in pieces, so that the table does not grow for repeated keys
                rows = min(<Py_ssize_t>PIECE_ROWS, count - start)
                self.added = start
                done = self._add(&keys[start], there, &out[start], rows, count - start)
                start += rows
                if there != NULL:
                    there += rows
        if not done:
            raise MemoryError
        return codes

    cdef bint _add(self, const int64_t *keys, const uint8_t *valid, int64_t *out, Py_ssize_t rows,
                   int64_t coming) noexcept nogil:
        if not self._reach(range_of(keys, valid, rows), rows, coming):
            return False
        if self.places != NULL:
            self._add_to_places(keys, valid, out, rows)
        else:
            self._add_to_slots(keys, valid, out, rows)
        return True

    cdef void _add_to_places(self, const int64_t *keys, const uint8_t *valid, int64_t *out,
                             Py_ssize_t rows) noexcept nogil:
        cdef int32_t *places = self.places
        cdef int64_t lowest = self.lowest
        cdef int32_t number = <int32_t>self.count, at
        cdef Py_ssize_t i
        for i in range(rows):
            if valid != NULL and not valid[i]:
                out[i] = -1
                continue
            if i + PLACES_AHEAD < rows and valid == NULL:
                prefetch_line(&places[keys[i + PLACES_AHEAD] - lowest])
            at = places[keys[i] - lowest]
            number += at == 0
            at = at if at else number
            places[keys[i] - lowest] = at
            out[i] = at - 1
        self.used += number - self.count
        self.count = number

    cdef void _add_to_slots(self, const int64_t *keys, const uint8_t *valid, int64_t *out,
                             Py_ssize_t rows) noexcept nogil:
        cdef Py_ssize_t i
        cdef uint64_t at
        self._prefetch(keys, 0, min(rows, <Py_ssize_t>BLOCK_ROWS))
        for i in range(rows):
            if i % BLOCK_ROWS == 0:
                self._prefetch(keys, i + BLOCK_ROWS, min(rows, i + 2 * BLOCK_ROWS))
            if valid != NULL and not valid[i]:
                out[i] = -1
                continue
            at = self._slot_of(keys[i])
            if not self.slots[at].code_plus_one:
                self.count += 1
                self.used += 1
                self.slots[at].key = keys[i]
                self.slots[at].code_plus_one = self.count
            out[i] = self.slots[at].code_plus_one - 1

    cdef inline void _prefetch(self, const int64_t *keys, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
        """Have slots that will be looked at come from memory."""
        cdef Py_ssize_t i
        for i in range(start, stop):
            prefetch_line(&self.slots[mixed(keys[i]) & self.mask])

    def find(self, values, valid):
        """Give the number of each value, -1 where it has none or valid is False."""
        codes = np.empty(len(values), np.int64)
        cdef const int64_t[::1] keys = np.ascontiguousarray(values, np.int64)
        cdef int64_t[::1] out = codes
        cdef const uint8_t[::1] mask = None
        cdef bint masked = valid is not None
        if masked:
            assert len(valid) == len(values)
            mask = np.ascontiguousarray(valid).view(np.uint8)
        cdef Py_ssize_t i, n = keys.shape[0]
        if not n:
            return codes
        with nogil:
            self._find(&keys[0], &out[0], n)
            if masked:
                for i in range(n):
                    if not mask[i]:
                        out[i] = -1
        return codes

    cdef void _find(self, const int64_t *keys, int64_t *out, Py_ssize_t rows) noexcept nogil:
        cdef Py_ssize_t i
        cdef uint64_t place, lowest, span
        cdef const int32_t *places
        if self.places != NULL:
            places, lowest, span = self.places, <uint64_t>self.lowest, <uint64_t>self.span
            for i in range(rows):
                if i + PLACES_AHEAD < rows:
                    place = <uint64_t>keys[i + PLACES_AHEAD] - lowest
                    prefetch_line(&places[place if place < span else 0])
                place = <uint64_t>keys[i] - lowest
                out[i] = places[place] - 1 if place < span else -1
            return
        for i in range(rows):
            if i % BLOCK_ROWS == 0:
                self._prefetch(keys, i, min(rows, i + BLOCK_ROWS))
            out[i] = self.slots[self._slot_of(keys[i])].code_plus_one - 1

    def keys(self):
        """Give the keys in the order of their numbers; reserved numbers have 0."""
        result = np.zeros(self.count, np.int64)
        cdef int64_t[::1] out = result
        cdef uint64_t at
        cdef int64_t place
        if self.places != NULL:
            for place in range(self.span):
                if self.places[place]:
                    out[self.places[place] - 1] = self.lowest + place
            return result
        for at in range(self.mask + 1):
            if self.slots[at].code_plus_one:
                out[self.slots[at].code_plus_one - 1] = self.slots[at].key
        return result


def object_codes(values, valid, dict numbers, int64_t next_number):
    """Number objects through `numbers`, adding new ones from next_number on; -1 where valid is False."""
    codes = np.empty(len(values), np.int64)
    cdef int64_t[::1] out = codes
    cdef const uint8_t[::1] mask = None
    cdef bint masked = valid is not None
    if masked:
        assert len(valid) == len(values)
        mask = np.ascontiguousarray(valid).view(np.uint8)
    cdef list items = values.tolist()
    cdef Py_ssize_t i
    for i in range(len(items)):
        if masked and not mask[i]:
            out[i] = -1
            continue
        item = items[i]
        code = numbers.get(item)
        if code is None:
            if next_number < 0:
                out[i] = -1
                continue
            numbers[item] = next_number
            out[i] = next_number
            next_number += 1
        else:
            out[i] = code
    return codes, next_number


cdef struct ViewSlot:
    uint64_t first
    uint64_t second
    int64_t code_plus_one


cdef inline uint64_t mixed_view(uint64_t first, uint64_t second) noexcept nogil:
    """One multiplication: words are few, and mostly in their first place."""
    cdef uint64_t x = (first ^ (second * 31)) * <uint64_t>0x9E3779B97F4A7C15
    return x >> 32


cdef class ViewCodes:
    """Gives each distinct short string the next number, by its 16-byte view."""

    cdef ViewSlot *slots
    cdef uint64_t mask
    cdef int64_t count
    cdef int64_t shortest[257]  # numbers (plus one) of the texts of one byte, by it, and of the empty one

    def __cinit__(self):
        memset(self.shortest, 0, sizeof(self.shortest))
        self.mask = 255
        self.count = 0
        self.slots = <ViewSlot *>calloc(256, sizeof(ViewSlot))
        if self.slots == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.slots)

    def __len__(self):
        return self.count

    cdef bint _double(self) noexcept nogil:
        """Make room for twice as many; false: there is no memory."""
        cdef uint64_t capacity = (self.mask + 1) * 2
        cdef ViewSlot *slots = <ViewSlot *>calloc(capacity, sizeof(ViewSlot))
        cdef uint64_t old, at
        if slots == NULL:
            return False
        for old in range(self.mask + 1):
            if self.slots[old].code_plus_one:
                at = mixed_view(self.slots[old].first, self.slots[old].second) & (capacity - 1)
                while slots[at].code_plus_one:
                    at = (at + 1) & (capacity - 1)
                slots[at] = self.slots[old]
        free(self.slots)
        self.slots = slots
        self.mask = capacity - 1
        return True

    def add(self, views, int64_t limit):
        """Give the number of each view, new ones included; None: too long or too many."""
        codes = np.empty(len(views), np.int64)
        cdef int64_t[::1] out = codes
        cdef const uint64_t[::1] words = np.ascontiguousarray(views).view(np.uint64)
        assert len(words) == 2 * len(views)
        cdef bint done
        with nogil:
            done = self._add(words, out, limit)
        return codes if done else None

    cdef bint _add(self, const uint64_t[::1] words, int64_t[::1] out, int64_t limit) noexcept nogil:
        cdef Py_ssize_t i
        cdef uint64_t first, second, at
        cdef int64_t *known = NULL
        for i in range(out.shape[0]):
            first = words[2 * i]
            if <uint32_t>first <= 1:
                known = &self.shortest[(first >> 32) & 255 if <uint32_t>first else 256]
                if known[0]:
                    out[i] = known[0] - 1
                    continue
            second = words[2 * i + 1]
            if <uint32_t>first > 12:
                return False
            at = mixed_view(first, second) & self.mask
            while self.slots[at].code_plus_one and (
                self.slots[at].first != first or self.slots[at].second != second
            ):
                at = (at + 1) & self.mask
            if not self.slots[at].code_plus_one:
                if self.count >= limit or <uint64_t>(self.count + 1) * 2 > self.mask and not self._double():
                    return False
                at = mixed_view(first, second) & self.mask
                while self.slots[at].code_plus_one:
                    at = (at + 1) & self.mask
                self.count += 1
                self.slots[at].first = first
                self.slots[at].second = second
                self.slots[at].code_plus_one = self.count
            out[i] = self.slots[at].code_plus_one - 1
            if <uint32_t>first <= 1:
                known[0] = self.slots[at].code_plus_one
        return True

    def words(self):
        """The strings in the order of their numbers."""
        cdef list found = [b""] * self.count
        cdef uint64_t at
        for at in range(self.mask + 1):
            if self.slots[at].code_plus_one:
                raw = int(self.slots[at].first).to_bytes(8, "little") + int(self.slots[at].second).to_bytes(8, "little")
                found[self.slots[at].code_plus_one - 1] = raw[4:4 + int.from_bytes(raw[:4], "little")]
        return found
