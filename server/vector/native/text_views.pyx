"""Comparing, searching, cutting and numbering texts behind views; server/vector/text_views.py specifies it."""

import numpy as np

from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from server.vector.native.views cimport (
    INLINE_MAX,
    Piece,
    View,
    after,
    cut,
    data_of,
    find_piece,
    first_of,
    head_of,
    piece_of,
    start_of,
)

cdef enum:
    FEW_WORDS = 8


cdef inline Py_ssize_t without_blanks(const char *data, Py_ssize_t length) noexcept nogil:
    while length and data[length - 1] == 32:
        length -= 1
    return length


cdef inline uint64_t short_head(const View *view, const char *data, Py_ssize_t length) noexcept nogil:
    """head_of, where a text in its view needs no loop: it has bytes behind it that may be read."""
    cdef uint64_t word
    if length < 8 and view.length > INLINE_MAX:
        return head_of(data, length)
    memcpy(&word, data, 8)
    return word if length >= 8 else word & ((<uint64_t>1 << (8 * length)) - 1)


cdef bint is_like(const char *data, Py_ssize_t length, const Piece *pieces, Py_ssize_t count) noexcept nogil:
    cdef const Piece *first = pieces
    cdef const Piece *last = pieces + (count - 1)
    cdef Py_ssize_t place, stop, number
    if count == 1:
        return length == first.length and memcmp(data, first.data, length) == 0
    stop = length - last.length
    if stop < first.length:
        return False
    if memcmp(data, first.data, first.length) or memcmp(data + stop, last.data, last.length):
        return False
    place = first.length
    for number in range(1, count - 1):
        if pieces[number].length:
            place = find_piece(data, place, stop, &pieces[number])
            if place < 0:
                return False
            place += pieces[number].length
    return True


cdef Piece *_pieces(list words) except NULL:
    cdef Piece *pieces = <Piece *>malloc(max(1, len(words)) * sizeof(Piece))
    cdef bytes word
    cdef Py_ssize_t number
    if pieces == NULL:
        raise MemoryError
    for number in range(len(words)):
        word = words[number]
        pieces[number] = piece_of(<const char *>word, len(word))
    return pieces


def like_views(const uint8_t[::1] store, views, pieces):
    """Which texts are the pieces in their order, with anything between them."""
    cdef list words = list(pieces)
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t count = len(views), row, piece_count = len(words)
    found = np.empty(count, np.bool_)
    cdef uint8_t[::1] is_found = found.view(np.uint8)
    cdef Piece *piece = _pieces(words)
    with nogil:
        for row in range(count):
            is_found[row] = is_like(data_of(&view[row], base), view[row].length, piece, piece_count)
    free(piece)
    return found


def folded_like_views(const uint8_t[::1] store, views, pieces):
    """The same, capitals of ASCII taken as small letters; and of which texts that is not known: if there are letters
    beyond ASCII in the pieces, of all that have any, otherwise of those in which one becomes a letter of ASCII."""
    cdef list words = list(pieces)
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t count = len(views), row, piece_count = len(words), longest = 1
    found = np.empty(count, np.bool_)
    strange = np.empty(count, np.bool_)
    cdef uint8_t[::1] is_found = found.view(np.uint8), is_strange = strange.view(np.uint8)
    cdef Piece *piece = _pieces(words)
    cdef bint is_plain = all([word.isascii() for word in words])
    cdef uint8_t *small
    for row in range(count):
        longest = max(longest, <Py_ssize_t>view[row].length)
    small = <uint8_t *>malloc(longest)
    if small == NULL:
        free(piece)
        raise MemoryError
    with nogil:
        for row in range(count):
            is_strange[row] = fold(<const uint8_t *>data_of(&view[row], base), view[row].length, small)
            if is_plain and is_strange[row]:
                is_strange[row] = has_ascii_small(small, view[row].length)
            is_found[row] = is_like(<const char *>small, view[row].length, piece, piece_count)
    free(small)
    free(piece)
    return found, strange


cdef bint has_ascii_small(const uint8_t *data, Py_ssize_t length) noexcept nogil:
    """Whether there is a letter beyond ASCII whose small form has one of ASCII: a dotted I or the sign of Kelvin."""
    cdef Py_ssize_t i
    for i in range(length - 1):
        if data[i] == 0xC4 and data[i + 1] == 0xB0:
            return True
        if data[i] == 0xE2 and data[i + 1] == 0x84 and i + 2 < length and data[i + 2] == 0xAA:
            return True
    return False


cdef bint fold(const uint8_t *data, Py_ssize_t length, uint8_t *small) noexcept nogil:
    """Copy with small letters for capitals; whether there is anything but ASCII."""
    cdef Py_ssize_t i
    cdef uint8_t every = 0
    for i in range(length):
        every |= data[i]
        small[i] = data[i] + (<uint8_t>(<uint8_t>(data[i] - 65) < 26) << 5)
    return every >> 7


def part_positions(const uint8_t[::1] store, views, bytes part):
    """Which character of each text a part first begins at, counted from 1; 0 where it is not in it."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t count = len(views), row, place, i
    cdef const char *data
    cdef int32_t position
    positions = np.zeros(count, np.int32)
    cdef int32_t[::1] position_of = positions
    cdef Piece *piece = _pieces([part])
    with nogil:
        for row in range(count):
            data = data_of(&view[row], base)
            place = find_piece(data, 0, view[row].length, piece) if piece.length else 0
            if place >= 0:
                position = 1
                for i in range(place):
                    position += (<uint8_t>data[i] & 0xC0) != 0x80
                position_of[row] = position
    free(piece)
    return positions


cdef inline uint64_t mixed(uint64_t x) noexcept nogil:
    x = (x ^ (x >> 32)) * <uint64_t>0xD6E8FEB86659FD93
    x = (x ^ (x >> 32)) * <uint64_t>0xD6E8FEB86659FD93
    return x ^ (x >> 32)


cdef inline uint64_t hash_of(const char *data, Py_ssize_t length) noexcept nogil:
    cdef uint64_t word, hash = length * <uint64_t>0x9E3779B97F4A7C15
    cdef Py_ssize_t place = 0
    while place + 8 <= length:
        memcpy(&word, data + place, 8)
        hash = (hash ^ word) * <uint64_t>0xD6E8FEB86659FD93
        hash ^= hash >> 29
        place += 8
    return mixed(hash ^ head_of(data + place, length - place))


cdef int32_t *_chains(const Piece *words, Py_ssize_t count, Py_ssize_t capacity) except NULL:
    """A hash table of the words: the first word of each of capacity buckets, then the next of each word; -1 ends."""
    cdef int32_t *chains = <int32_t *>malloc((capacity + count) * sizeof(int32_t))
    cdef Py_ssize_t number
    cdef uint64_t bucket
    if chains == NULL:
        raise MemoryError
    for number in range(capacity):
        chains[number] = -1
    for number in range(count):
        bucket = hash_of(words[number].data, words[number].length) & (capacity - 1)
        chains[capacity + number] = chains[bucket]
        chains[bucket] = <int32_t>number
    return chains


def views_among(const uint8_t[::1] store, views, words, bint blank):
    """Which texts are equal to one of the words."""
    cdef list wanted = list(words)
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t count = len(views), row, word_count = len(wanted), length, capacity = 1
    cdef const char *data
    cdef uint64_t head
    cdef int32_t number
    found = np.zeros(count, np.bool_)
    cdef uint8_t[::1] is_found = found.view(np.uint8)
    cdef Piece *word = _pieces(wanted)
    cdef int32_t *chains
    if word_count > FEW_WORDS:  # fewer are compared one by one: they are one chain
        while capacity < 2 * word_count:
            capacity *= 2
    try:
        chains = _chains(word, word_count, capacity)
    except MemoryError:
        free(word)
        raise
    with nogil:
        for row in range(count):
            data = data_of(&view[row], base)
            length = view[row].length
            if blank:
                length = without_blanks(data, length)
            head = short_head(&view[row], data, length)
            number = chains[hash_of(data, length) & (capacity - 1) if capacity > 1 else 0]
            while number >= 0:
                if word[number].length == length and word[number].head == head and (
                    length <= 8 or memcmp(data + 8, word[number].data + 8, length - 8) == 0
                ):
                    is_found[row] = 1
                    break
                number = chains[capacity + number]
    free(chains)
    free(word)
    return found


def compare_views(const uint8_t[::1] store, views, bytes word, bint blank):
    """How each text compares with a word: -1, 0 or 1."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t count = len(views), row, length, wanted = len(word)
    cdef const char *data
    cdef const char *other = word
    cdef int sign
    signs = np.empty(count, np.int8)
    cdef int8_t[::1] sign_of = signs
    with nogil:
        for row in range(count):
            data = data_of(&view[row], base)
            length = view[row].length
            if blank:
                length = without_blanks(data, length)
            sign = memcmp(data, other, min(length, wanted))
            if sign == 0:
                sign_of[row] = (length > wanted) - (length < wanted)
            else:
                sign_of[row] = 1 if sign > 0 else -1
    return signs


def sliced_views(const uint8_t[::1] store, views, int64_t start, int64_t count):
    """The views of characters start ... start + count - 1 of each text."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t rows = len(views), row, first, stop
    cdef const char *data
    made = np.zeros(rows, views.dtype)
    cdef View *target = <View *>first_of(made)
    with nogil:
        for row in range(rows):
            data = data_of(&view[row], base)
            first = after(data, 0, view[row].length, start)
            stop = after(data, first, view[row].length, count)
            cut(&target[row], &view[row], data, first, stop)
    return made


def stripped_views(const uint8_t[::1] store, views):
    """The views of the texts without blanks at their ends."""
    made = np.array(views)
    cdef View *target = <View *>first_of(made)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t rows = len(made), row, length
    cdef const char *data
    with nogil:
        for row in range(rows):
            data = data_of(&target[row], base)
            length = without_blanks(data, target[row].length)
            if length == target[row].length:
                continue
            if target[row].length <= INLINE_MAX:
                memset(&target[row].prefix[0] + length, 0, INLINE_MAX - length)
            elif length <= INLINE_MAX:
                target[row].place = 0
                memset(&target[row].prefix[0], 0, 4)
                memcpy(&target[row].prefix[0], data, length)
            target[row].length = <uint32_t>length
    return made


def character_counts(const uint8_t[::1] store, views):
    """Characters of each text."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t rows = len(views), row, place
    cdef const char *data
    cdef int32_t characters
    counts = np.empty(rows, np.int32)
    cdef int32_t[::1] count_of = counts
    with nogil:
        for row in range(rows):
            data = data_of(&view[row], base)
            characters = 0
            for place in range(view[row].length):
                characters += (<uint8_t>data[place] & 0xC0) != 0x80
            count_of[row] = characters
    return counts


def end_hashes(const uint8_t[::1] store, views):
    """A number for each text, the same one for texts of one length that begin and end alike."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t rows = len(views), row
    cdef const char *data
    cdef uint64_t head, tail
    made = np.empty(rows, np.int64)
    cdef int64_t[::1] hash_at = made
    with nogil:
        for row in range(rows):
            memcpy(&head, &view[row], 8)
            if view[row].length > INLINE_MAX:
                data = data_of(&view[row], base)
                memcpy(&tail, data + view[row].length - 8, 8)
            else:
                memcpy(&tail, <const char *>&view[row] + 8, 8)
            hash_at[row] = <int64_t>mixed(head ^ (tail * <uint64_t>0x9E3779B97F4A7C15))
    return made


cdef struct Slot:
    uint64_t hash
    int64_t code_plus_one  # 0: empty

cdef struct Entry:
    View view
    const char *data  # of a long text


def text_hashes(const uint8_t[::1] store, views):
    """A number for each text, the same one for equal texts."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t rows = len(views), row
    made = np.empty(rows, np.int64)
    cdef int64_t[::1] hash_at = made
    with nogil:
        for row in range(rows):
            hash_at[row] = <int64_t>hash_of(data_of(&view[row], base), view[row].length)
    return made


cdef class TextCodes:
    """Gives each distinct text the next number; numbers never change."""

    cdef Slot *slots
    cdef Entry *entries
    cdef uint64_t mask
    cdef int64_t used, count, entry_room
    cdef bint blank
    cdef list kept

    def __cinit__(self, bint blank):
        self.blank = blank
        self.mask = 255
        self.entry_room = 256
        self.kept = []
        self.slots = <Slot *>calloc(256, sizeof(Slot))
        self.entries = <Entry *>malloc(256 * sizeof(Entry))
        if self.slots == NULL or self.entries == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.slots)
        free(self.entries)

    def __len__(self):
        return self.count

    def reserve(self):
        """Take the next number without a text: for NULL."""
        self._reach(1)
        memset(&self.entries[self.count], 0, sizeof(Entry))
        self.count += 1
        return self.count - 1

    cdef int _reach(self, int64_t more) except -1:
        """Make room for `more` further texts at a load of at most one half."""
        cdef uint64_t capacity = self.mask + 1, old, at
        cdef Slot *slots
        cdef Entry *entries
        if self.count + more > self.entry_room:
            while self.count + more > self.entry_room:
                self.entry_room *= 2
            entries = <Entry *>realloc(self.entries, self.entry_room * sizeof(Entry))
            if entries == NULL:
                raise MemoryError
            self.entries = entries
        if <uint64_t>(self.used + more) * 2 <= capacity:
            return 0
        while <uint64_t>(self.used + more) * 2 > capacity:
            capacity *= 2
        slots = <Slot *>calloc(capacity, sizeof(Slot))
        if slots == NULL:
            raise MemoryError
        for old in range(self.mask + 1):
            if self.slots[old].code_plus_one:
                at = self.slots[old].hash & (capacity - 1)
                while slots[at].code_plus_one:
                    at = (at + 1) & (capacity - 1)
                slots[at] = self.slots[old]
        free(self.slots)
        self.slots = slots
        self.mask = capacity - 1
        return 0

    def add(self, const uint8_t[::1] store, views, valid):
        """Give the number of each text, new ones included; -1 where valid is False."""
        return self._codes(store, views, valid, True)

    def find(self, const uint8_t[::1] store, views, valid):
        """Give the number of each text, -1 where it has none or valid is False."""
        return self._codes(store, views, valid, False)

    cdef _codes(self, const uint8_t[::1] store, views, valid, bint adding):
        views = np.ascontiguousarray(views)
        cdef const View *view = first_of(views)
        cdef const uint8_t *base = start_of(store)
        cdef Py_ssize_t count = len(views), start = 0, stop
        cdef const uint8_t[:] is_valid
        cdef bint has_nulls = valid is not None
        codes = np.empty(count, np.int64)
        cdef int64_t[::1] code_of = codes
        if has_nulls:
            is_valid = valid.view(np.uint8)
        if adding and not any(known is store.base for known in self.kept):
            self.kept.append(store.base)
        while start < count:  # in pieces, so that the table does not grow for repeated texts
            stop = min(start + 4096, count)
            if adding:
                self._reach(stop - start)
            with nogil:
                self._number(view, base, is_valid, has_nulls, code_of, start, stop, adding)
            start = stop
        return codes

    cdef void _number(self, const View *view, const uint8_t *base, const uint8_t[:] is_valid, bint has_nulls,
                      int64_t[::1] code_of, Py_ssize_t start, Py_ssize_t stop, bint adding) noexcept nogil:
        cdef Py_ssize_t row
        cdef View key
        cdef const char *data
        cdef uint64_t hash, at
        cdef int64_t code
        for row in range(start, stop):
            if has_nulls and not is_valid[row]:
                code_of[row] = -1
                continue
            key = view[row]
            data = data_of(&view[row], base)
            if self.blank:
                key.length = <uint32_t>without_blanks(data, key.length)
                if key.length <= INLINE_MAX:
                    memset(&key.prefix[0], 0, 12)
                    memcpy(&key.prefix[0], data, key.length)
            hash = hash_of(data, key.length)
            at = hash & self.mask
            while self.slots[at].code_plus_one:
                if self.slots[at].hash == hash and self._is_same(
                    &self.entries[self.slots[at].code_plus_one - 1], &key, data
                ):
                    break
                at = (at + 1) & self.mask
            code = self.slots[at].code_plus_one - 1
            if code < 0 and adding:
                code = self.count
                self.entries[code].view = key
                self.entries[code].data = data
                self.slots[at].hash = hash
                self.slots[at].code_plus_one = code + 1
                self.count += 1
                self.used += 1
            code_of[row] = code

    cdef inline bint _is_same(self, const Entry *known, const View *key, const char *data) noexcept nogil:
        if known.view.length != key.length:
            return False
        if key.length <= INLINE_MAX:
            return memcmp(&known.view.prefix[0], &key.prefix[0], 12) == 0
        return memcmp(known.data, data, key.length) == 0
