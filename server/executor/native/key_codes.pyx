"""Numbering distinct keys in order of first appearance; server/executor/key_codes.py specifies it."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

cdef struct Slot:
    int64_t key
    int64_t code_plus_one  # 0: empty


cdef inline uint64_t mixed(int64_t key) noexcept nogil:
    cdef uint64_t x = <uint64_t>key
    x = (x ^ (x >> 32)) * <uint64_t>0xD6E8FEB86659FD93
    x = (x ^ (x >> 32)) * <uint64_t>0xD6E8FEB86659FD93
    return x ^ (x >> 32)


cdef class IntegerCodes:
    """Gives each distinct int64 the next number; numbers never change."""

    cdef Slot *slots
    cdef uint64_t mask
    cdef int64_t used
    cdef int64_t count

    def __cinit__(self):
        self.mask = 1023
        self.used = 0
        self.count = 0
        self.slots = <Slot *>calloc(1024, sizeof(Slot))
        if self.slots == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.slots)

    def __len__(self):
        return self.count

    def reserve(self):
        """Take the next number without a key: for NULL."""
        self.count += 1
        return self.count - 1

    cdef int _reach(self, int64_t more) except -1:
        """Make room for `more` further keys at a load of at most one half."""
        cdef uint64_t capacity = self.mask + 1
        if <uint64_t>(self.used + more) * 2 <= capacity:
            return 0
        while <uint64_t>(self.used + more) * 2 > capacity:
            capacity *= 2
        cdef Slot *slots = <Slot *>calloc(capacity, sizeof(Slot))
        if slots == NULL:
            raise MemoryError
        cdef uint64_t old, at
        for old in range(self.mask + 1):
            if self.slots[old].code_plus_one:
                at = mixed(self.slots[old].key) & (capacity - 1)
                while slots[at].code_plus_one:
                    at = (at + 1) & (capacity - 1)
                slots[at] = self.slots[old]
        free(self.slots)
        self.slots = slots
        self.mask = capacity - 1
        return 0

    def add(self, values, valid):
        """Give the number of each value, new ones included; -1 where valid is False."""
        codes = np.empty(len(values), np.int64)
        cdef const int64_t[::1] keys = np.ascontiguousarray(values, np.int64)
        cdef int64_t[::1] out = codes
        cdef const uint8_t[::1] mask = None
        cdef bint masked = valid is not None
        if masked:
            assert len(valid) == len(values)
            mask = np.ascontiguousarray(valid).view(np.uint8)
        cdef Py_ssize_t n = keys.shape[0], start = 0, stop
        while start < n:  # in pieces, so that the table does not grow for repeated keys
            stop = min(start + 4096, n)
            self._reach(stop - start)
            with nogil:
                self._add(keys, out, mask, masked, start, stop)
            start = stop
        return codes

    cdef void _add(self, const int64_t[::1] keys, int64_t[::1] out, const uint8_t[::1] mask,
                   bint masked, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
        cdef Py_ssize_t i
        cdef uint64_t at
        for i in range(start, stop):
            if masked and not mask[i]:
                out[i] = -1
                continue
            at = mixed(keys[i]) & self.mask
            while self.slots[at].code_plus_one and self.slots[at].key != keys[i]:
                at = (at + 1) & self.mask
            if not self.slots[at].code_plus_one:
                self.count += 1
                self.used += 1
                self.slots[at].key = keys[i]
                self.slots[at].code_plus_one = self.count
            out[i] = self.slots[at].code_plus_one - 1

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
        cdef uint64_t at
        with nogil:
            for i in range(n):
                if masked and not mask[i]:
                    out[i] = -1
                    continue
                at = mixed(keys[i]) & self.mask
                while self.slots[at].code_plus_one and self.slots[at].key != keys[i]:
                    at = (at + 1) & self.mask
                out[i] = self.slots[at].code_plus_one - 1
        return codes

    def keys(self):
        """Give the keys in the order of their numbers; reserved numbers have 0."""
        result = np.zeros(self.count, np.int64)
        cdef int64_t[::1] out = result
        cdef uint64_t at
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

    def __cinit__(self):
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
        for i in range(out.shape[0]):
            first = words[2 * i]
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


def rows_with_keys(
    const int64_t[:] values, valid, int64_t lowest, const uint8_t[::1] present
):
    """Which rows have a key that occurs: present[i] says whether lowest + i does; NULL does not."""
    cdef Py_ssize_t count = values.shape[0], row, found = 0
    cdef uint64_t span = present.shape[0], place
    cdef const uint8_t[:] is_valid
    cdef bint has_nulls = valid is not None
    rows = np.empty(count, np.int64)
    cdef int64_t[::1] row_of = rows
    if has_nulls:
        is_valid = valid.view(np.uint8)
    with nogil:
        for row in range(count):
            place = <uint64_t>values[row] - <uint64_t>lowest
            if place < span and present[place] and (not has_nulls or is_valid[row]):
                row_of[found] = row
                found += 1
    return rows[:found].copy() if found * 4 < count else rows[:found]
