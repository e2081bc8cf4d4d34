"""Numbering rows of several key columns at once; server/executor/row_codes.py specifies it.

A key is a line of words: one of NULL bits, then for each column the integer, or for a text its length and first bytes
and then the rest of it or, if that is longer, where it is. Lines of new keys stand one after the other in the order of
their numbers; slots of the table hold numbers. Rows go through in pieces, so that what a row will need is on its way
from memory before it is looked at.
"""

import numpy as np

cimport numpy as cnp

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

cdef extern from *:
    """
    #define prefetch_line(address) __builtin_prefetch(address)
    """
    void prefetch_line(const void *address) noexcept nogil

cdef enum:
    PIECE_ROWS = 256
    COLUMNS_MAX = 16
    WORDS_MAX = 33
    INLINE_MAX = 12

cdef struct View:
    uint32_t length
    char prefix[4]
    uint64_t place

cdef struct Slot:
    uint32_t hash
    int32_t number_plus_one  # 0: empty

cdef struct Input:
    const int64_t *integers  # NULL: texts
    const View *views
    const uint8_t *store
    const uint8_t *valid  # NULL: no row is NULL


cdef inline uint64_t mixed(uint64_t hash, uint64_t word) noexcept nogil:
    hash = (hash ^ word) * <uint64_t>0x9E3779B97F4A7C15
    return hash ^ (hash >> 29)


cdef inline uint64_t hash_of_text(const uint8_t *data, Py_ssize_t length, uint64_t hash) noexcept nogil:
    cdef uint64_t word
    while length >= 8:
        memcpy(&word, data, 8)
        hash = mixed(hash, word)
        data += 8
        length -= 8
    word = 0
    memcpy(&word, data, length)
    return mixed(hash, word)


cdef class RowCodes:
    """Gives each distinct row of key columns the next number; numbers never change."""

    cdef Slot *slots
    cdef uint64_t mask
    cdef uint64_t *lines
    cdef uint32_t *hashes
    cdef int64_t room
    cdef int64_t count
    cdef int columns
    cdef int words
    cdef int first_text  # where the view of the first text stands in a line; 0: nowhere
    cdef uint8_t is_text[COLUMNS_MAX]
    cdef uint8_t is_blank[COLUMNS_MAX]
    cdef list kept
    cdef set known_stores

    def __cinit__(self, texts, blanks):
        """texts, blanks: of each column, whether it is of texts, and whether blanks at their ends mean nothing."""
        cdef int column
        self.columns = len(texts)
        assert self.columns <= COLUMNS_MAX
        self.words = 1
        self.first_text = 0
        for column in range(self.columns):
            if texts[column] and not self.first_text:
                self.first_text = self.words
            self.is_text[column] = bool(texts[column])
            self.is_blank[column] = bool(blanks[column])
            self.words += 2 if texts[column] else 1
        self.mask = 1023
        self.room = 256
        self.kept = []
        self.known_stores = set()
        self.slots = <Slot *>calloc(1024, sizeof(Slot))
        self.lines = <uint64_t *>malloc(256 * self.words * 8)
        self.hashes = <uint32_t *>malloc(256 * 4)
        if self.slots == NULL or self.lines == NULL or self.hashes == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.slots)
        free(self.lines)
        free(self.hashes)

    def __len__(self):
        return self.count

    def add(self, columns, Py_ssize_t count):
        """Give the number of each row, new ones included. columns: (int64 values, valid), or (store, views, valid)."""
        return self._codes(columns, count, True)

    def find(self, columns, Py_ssize_t count):
        """Give the number of each row, -1 where it has none."""
        return self._codes(columns, count, False)

    cdef _codes(self, columns, Py_ssize_t count, bint adding):
        cdef Input inputs[COLUMNS_MAX]
        cdef list alive = []
        cdef int column
        for column in range(self.columns):
            inputs[column].valid = NULL
            valid = columns[column][len(columns[column]) - 1]
            if valid is not None:
                valid = np.ascontiguousarray(valid)
                assert len(valid) == count
                alive.append(valid)
                inputs[column].valid = <const uint8_t *>cnp.PyArray_DATA(<cnp.ndarray>valid)
            if self.is_text[column]:
                store, views, _ = columns[column]
                views = np.ascontiguousarray(views)
                inputs[column].integers = NULL
                inputs[column].views = <const View *>cnp.PyArray_DATA(<cnp.ndarray>views)
                inputs[column].store = <const uint8_t *>cnp.PyArray_DATA(<cnp.ndarray>store)
                if adding and id(store) not in self.known_stores:
                    self.known_stores.add(id(store))
                    self.kept.append(store)
            else:
                views = np.ascontiguousarray(columns[column][0], np.int64)
                inputs[column].integers = <const int64_t *>cnp.PyArray_DATA(<cnp.ndarray>views)
            assert len(views) == count
            alive.append(views)
        codes = np.empty(count, np.int64)
        cdef int64_t[::1] out = codes
        cdef uint64_t *scratch = <uint64_t *>malloc(PIECE_ROWS * self.words * 8)
        cdef Py_ssize_t start = 0, rows
        cdef bint done = scratch != NULL
        if count:
            with nogil:
                while start < count and done:
                    rows = min(<Py_ssize_t>PIECE_ROWS, count - start)
                    done = not adding or self._reach(rows)
                    if done:
                        self._piece(inputs, start, rows, scratch, &out[start], adding)
                    start += rows
        free(scratch)
        if not done:
            raise MemoryError
        return codes

    cdef bint _reach(self, int64_t more) noexcept nogil:
        """Make room for `more` further keys at a load of at most one half; false: there is no memory."""
        cdef int64_t room = self.room
        cdef uint64_t capacity = self.mask + 1, at
        cdef Slot *slots
        cdef uint64_t *lines
        cdef uint32_t *hashes
        cdef int64_t number
        if self.count + more > room:
            while self.count + more > room:
                room *= 2
            lines = <uint64_t *>realloc(self.lines, room * self.words * 8)
            if lines == NULL:
                return False
            self.lines = lines
            hashes = <uint32_t *>realloc(self.hashes, room * 4)
            if hashes == NULL:
                return False
            self.hashes = hashes
            self.room = room
        if <uint64_t>(self.count + more) * 2 <= capacity:
            return True
        while <uint64_t>(self.count + more) * 2 > capacity:
            capacity *= 2
        slots = <Slot *>calloc(capacity, sizeof(Slot))
        if slots == NULL:
            return False
        for number in range(self.count):
            at = self.hashes[number] & (capacity - 1)
            while slots[at].number_plus_one:
                at = (at + 1) & (capacity - 1)
            slots[at].hash = self.hashes[number]
            slots[at].number_plus_one = <int32_t>(number + 1)
        free(self.slots)
        self.slots = slots
        self.mask = capacity - 1
        return True

    cdef void _piece(self, Input *inputs, Py_ssize_t start, Py_ssize_t rows, uint64_t *scratch, int64_t *out,
                     bint adding) noexcept nogil:
        cdef uint64_t hashes[PIECE_ROWS]
        cdef Py_ssize_t row
        cdef uint64_t at
        cdef uint64_t *line
        cdef int32_t number
        self._fill(inputs, start, rows, scratch, hashes)
        for row in range(rows):
            prefetch_line(&self.slots[<uint32_t>hashes[row] & self.mask])
        for row in range(rows):
            number = self.slots[<uint32_t>hashes[row] & self.mask].number_plus_one
            if number:
                prefetch_line(self.lines + <int64_t>(number - 1) * self.words)
        if self.first_text:
            self._prefetch_texts(rows, hashes)
        for row in range(rows):
            line = scratch + row * self.words
            at = <uint32_t>hashes[row] & self.mask
            while self.slots[at].number_plus_one:
                if self.slots[at].hash == <uint32_t>hashes[row] and self._equal(
                    line, self.lines + <int64_t>(self.slots[at].number_plus_one - 1) * self.words
                ):
                    break
                at = (at + 1) & self.mask
            if not self.slots[at].number_plus_one and adding:
                memcpy(self.lines + self.count * self.words, line, self.words * 8)
                self.hashes[self.count] = <uint32_t>hashes[row]
                self.count += 1
                self.slots[at].hash = <uint32_t>hashes[row]
                self.slots[at].number_plus_one = <int32_t>self.count
            out[row] = <int64_t>self.slots[at].number_plus_one - 1

    cdef inline void _prefetch_texts(self, Py_ssize_t rows, const uint64_t *hashes) noexcept nogil:
        """Have the texts come that will be compared, of the first column that has any."""
        cdef Py_ssize_t row
        cdef Slot slot
        cdef const uint64_t *word
        for row in range(rows):
            slot = self.slots[<uint32_t>hashes[row] & self.mask]
            if slot.number_plus_one and slot.hash == <uint32_t>hashes[row]:
                word = self.lines + <int64_t>(slot.number_plus_one - 1) * self.words + self.first_text
                if <uint32_t>word[0] > INLINE_MAX:
                    prefetch_line(<const void *>word[1])

    cdef inline bint _equal(self, const uint64_t *one, const uint64_t *other) noexcept nogil:
        cdef int column, word
        cdef uint64_t different = 0
        cdef uint32_t length
        for word in range(self.words):
            different |= one[word] ^ other[word]
        if not different:
            return True
        if one[0] != other[0]:
            return False
        word = 1
        for column in range(self.columns):
            if one[word] != other[word]:
                return False
            if self.is_text[column]:
                length = <uint32_t>one[word]
                word += 1
                if one[word] != other[word] and (
                    length <= INLINE_MAX or memcmp(<const void *>one[word], <const void *>other[word], length)
                ):
                    return False
            word += 1
        return True

    cdef void _fill(self, Input *inputs, Py_ssize_t start, Py_ssize_t rows, uint64_t *scratch,
                    uint64_t *hashes) noexcept nogil:
        """The lines and hashes of some rows, column by column."""
        cdef int column, word = 1
        cdef Py_ssize_t row
        cdef const int64_t *integers
        cdef uint64_t value
        for row in range(rows):
            scratch[row * self.words] = 0
            hashes[row] = 0x2545F4914F6CDD1D
        for column in range(self.columns):
            if self.is_text[column]:
                self._fill_texts(&inputs[column], column, word, start, rows, scratch, hashes)
                word += 2
                continue
            integers = inputs[column].integers + start
            for row in range(rows):
                value = <uint64_t>integers[row]
                if inputs[column].valid != NULL and not inputs[column].valid[start + row]:
                    value = 0
                    scratch[row * self.words] |= <uint64_t>1 << column
                scratch[row * self.words + word] = value
                hashes[row] = mixed(hashes[row], value)
            word += 1
        for row in range(rows):
            hashes[row] = mixed(hashes[row], scratch[row * self.words])
            hashes[row] ^= hashes[row] >> 32

    cdef void _fill_texts(self, Input *source, int column, int word, Py_ssize_t start, Py_ssize_t rows,
                          uint64_t *scratch, uint64_t *hashes) noexcept nogil:
        cdef Py_ssize_t row
        cdef View view
        cdef uint64_t *line
        cdef const uint8_t *data
        cdef uint32_t length
        for row in range(rows):  # not every text is beside the one before
            view = source.views[start + row]
            if view.length > INLINE_MAX and (source.valid == NULL or source.valid[start + row]):
                prefetch_line(source.store + view.place)
        for row in range(rows):
            line = scratch + row * self.words
            if source.valid != NULL and not source.valid[start + row]:
                line[0] |= <uint64_t>1 << column
                line[word] = line[word + 1] = 0
                continue
            view = source.views[start + row]
            if self.is_blank[column]:
                length = view.length
                data = source.store + view.place if length > INLINE_MAX else <const uint8_t *>&view.prefix[0]
                while length and data[length - 1] == 32:
                    length -= 1
                if length < view.length:
                    view = shortened(&view, data, length)
            memcpy(&line[word], &view, 8)
            if view.length <= INLINE_MAX:
                line[word + 1] = view.place
                hashes[row] = mixed(mixed(hashes[row], line[word]), view.place)
            else:
                line[word + 1] = <uint64_t><uintptr_t>(source.store + view.place)
                hashes[row] = hash_of_text(source.store + view.place, view.length, hashes[row])

    def line(self, int64_t number):
        """One key: None, an integer, or the bytes of a text for each column."""
        cdef const uint64_t *line = self.lines + number * self.words
        cdef int column, word = 1
        cdef uint32_t length
        cdef char data[16]
        found = []
        assert 0 <= number < self.count
        for column in range(self.columns):
            if line[0] >> column & 1:
                found.append(None)
            elif not self.is_text[column]:
                found.append(<int64_t>line[word])
            else:
                memcpy(data, &line[word], 16)
                length = <uint32_t>line[word]
                if length <= INLINE_MAX:
                    found.append(data[4:4 + length])
                else:
                    found.append((<const char *>line[word + 1])[:length])
            word += 2 if self.is_text[column] else 1
        return tuple(found)


cdef inline View shortened(const View *view, const uint8_t *data, uint32_t length) noexcept nogil:
    """The view of the first bytes of a text."""
    cdef View made
    made = view[0]
    made.length = length
    if length <= INLINE_MAX:
        memset(&made.prefix[0], 0, 4)
        made.place = 0
        memcpy(<char *>&made + 4, data, length)
    return made
