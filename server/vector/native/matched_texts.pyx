"""Texts gone through by the tables of an automaton; server/vector/matched_texts.py specifies it."""

import numpy as np

from libc.stdint cimport int32_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from server.vector.native.texts_heap cimport Heap, keep, made_of, no_memory, reach
from server.vector.native.views cimport View, cut, data_of, first_of, start_of

cdef enum:
    EDGE = 128
    BYTES_MAX = 1024
    PIECES_MAX = 32
    GROUPS_MAX = 32
    STRANGE = -2
    NOT_FOUND = -1

cdef struct Table:
    const int32_t *moves
    const uint8_t *classes
    const int32_t *starts
    const uint8_t *cold
    int32_t class_count

cdef struct Part:
    Table table
    Table rest
    bint is_last
    bint is_short
    int32_t group

cdef struct Match:
    Py_ssize_t spans[2 * GROUPS_MAX]
    Py_ssize_t ends[BYTES_MAX + 1]  # of the part that is looked at


cdef Table _table(given, list kept):
    cdef Table table
    cdef const int32_t[::1] moves = given.moves
    cdef const uint8_t[::1] classes = given.classes
    cdef const int32_t[::1] starts = given.starts
    cdef const uint8_t[::1] cold = given.cold
    kept.append(given)
    table.moves = &moves[0]
    table.classes = &classes[0]
    table.starts = &starts[0]
    table.cold = &cold[0]
    table.class_count = given.class_count
    return table


cdef class Matcher:
    """Finds what an expression matches in texts of ASCII that are not too long; several threads may share one."""

    cdef Table floating, whole
    cdef bint is_short
    cdef Part parts[PIECES_MAX]
    cdef int part_count
    cdef list kept

    def __init__(self, floating, whole, bint is_short, pieces):
        cdef int number
        self.kept = []
        self.floating = _table(floating, self.kept)
        self.is_short = is_short
        self.part_count = len(pieces)
        if whole is not None:
            self.whole = _table(whole, self.kept)
        for number, (table, rest, short, group) in enumerate(pieces):
            self.parts[number].table = _table(table, self.kept)
            self.parts[number].is_last = rest is None
            if rest is not None:
                self.parts[number].rest = _table(rest, self.kept)
            self.parts[number].is_short = short
            self.parts[number].group = group

    cdef Py_ssize_t _first(self, const uint8_t *data, Py_ssize_t start, Py_ssize_t length,
                           Py_ssize_t *cold) noexcept nogil:
        """The first place where a match ends, and one before which no match that ends there begins."""
        cdef const Table *table = &self.floating
        cdef Py_ssize_t place
        cdef int32_t state = table.starts[data[start - 1] if start else <uint8_t>EDGE], move
        cdef uint8_t symbol
        cold[0] = start
        for place in range(start, length + 1):
            if table.cold[state]:
                cold[0] = place
            symbol = data[place] if place < length else <uint8_t>EDGE
            if symbol >= EDGE and place < length:
                return STRANGE
            move = table.moves[state * table.class_count + table.classes[symbol]]
            if move & 1:
                return place
            state = move >> 1
            if state < 0:
                break
        return NOT_FOUND

    cdef Py_ssize_t _ends(self, const Table *table, const uint8_t *data, Py_ssize_t start, Py_ssize_t stop,
                          Py_ssize_t length, Match *match) noexcept nogil:
        """Keep all places up to a stop where a match from a place ends, in order; how many, or STRANGE."""
        cdef Py_ssize_t place, count = 0
        cdef int32_t state = table.starts[data[start - 1] if start else <uint8_t>EDGE], move
        cdef uint8_t symbol
        for place in range(start, stop + 1):
            symbol = data[place] if place < length else <uint8_t>EDGE
            if symbol >= EDGE and place < length:
                return STRANGE
            move = table.moves[state * table.class_count + table.classes[symbol]]
            if move & 1:
                match.ends[count] = place
                count += 1
            state = move >> 1
            if state < 0:
                break
        return count

    cdef bint _matches(self, const Table *table, const uint8_t *data, Py_ssize_t start, Py_ssize_t stop,
                       Py_ssize_t length) noexcept nogil:
        """Whether a piece is matched as a whole; it has been gone through before."""
        cdef Py_ssize_t place
        cdef int32_t state = table.starts[data[start - 1] if start else <uint8_t>EDGE], move
        for place in range(start, stop + 1):
            move = table.moves[state * table.class_count + table.classes[data[place] if place < length else <uint8_t>EDGE]]
            if place == stop:
                return move & 1
            state = move >> 1
            if state < 0:
                return False
        return False

    cdef bint _dissect(self, const uint8_t *data, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t length,
                       Match *match) noexcept nogil:
        """Find the groups in what is matched."""
        cdef int number
        cdef Py_ssize_t i, count, middle
        cdef const Part *part
        cdef bint is_found
        for number in range(self.part_count):
            part = &self.parts[number]
            is_found = False
            if part.is_last:
                middle = stop
                is_found = True
            else:
                count = self._ends(&part.table, data, start, stop, length, match)
                for i in range(count):
                    middle = match.ends[i if part.is_short else count - 1 - i]
                    if self._matches(&part.rest, data, middle, stop, length):
                        is_found = True
                        break
            if not is_found:
                return False
            if part.group:
                match.spans[2 * part.group] = start
                match.spans[2 * part.group + 1] = middle
            start = middle
        return True

    cdef Py_ssize_t _find(self, const uint8_t *data, Py_ssize_t start, Py_ssize_t length, Match *match) noexcept nogil:
        """Keep the spans of the first match from a place: 1; or NOT_FOUND, or STRANGE."""
        cdef Py_ssize_t begin, cold, end, count
        end = self._first(data, start, length, &cold)
        if end < 0:
            return end
        for begin in range(cold, length + 1):
            count = self._ends(&self.whole, data, begin, length, length, match)
            if count == STRANGE:
                return STRANGE
            if not count:
                continue
            end = match.ends[0 if self.is_short else count - 1]
            if self._dissect(data, begin, end, length, match):
                match.spans[0] = begin
                match.spans[1] = end
                return 1
        return NOT_FOUND

    def tests(self, const uint8_t[::1] store, views):
        """Which texts have a match; and which cannot be told here."""
        views = np.ascontiguousarray(views)
        cdef const View *view = first_of(views)
        cdef const uint8_t *base = start_of(store)
        cdef Py_ssize_t rows = len(views), row, found, cold
        passed = np.zeros(rows, np.bool_)
        strange = np.zeros(rows, np.bool_)
        cdef uint8_t[::1] is_passed = passed.view(np.uint8), is_strange = strange.view(np.uint8)
        with nogil:
            for row in range(rows):
                if view[row].length > BYTES_MAX:
                    is_strange[row] = 1
                    continue
                found = self._first(<const uint8_t *>data_of(&view[row], base), 0, view[row].length, &cold)
                is_passed[row] = found >= 0
                is_strange[row] = found == STRANGE
        return passed, strange

    def cut_views(self, const uint8_t[::1] store, views, int32_t group):
        """The views of a group of the first match; which texts have one; and which cannot be told here."""
        views = np.ascontiguousarray(views)
        cdef const View *view = first_of(views)
        cdef const uint8_t *base = start_of(store)
        cdef Py_ssize_t rows = len(views), row, found
        cdef Match match
        cdef const char *data
        made = np.zeros(rows, views.dtype)
        passed = np.zeros(rows, np.bool_)
        strange = np.zeros(rows, np.bool_)
        cdef View *target = <View *>first_of(made)
        cdef uint8_t[::1] is_passed = passed.view(np.uint8), is_strange = strange.view(np.uint8)
        with nogil:
            for row in range(rows):
                data = data_of(&view[row], base)
                found = STRANGE
                if view[row].length <= BYTES_MAX:
                    found = self._find(<const uint8_t *>data, 0, view[row].length, &match)
                is_strange[row] = found == STRANGE
                is_passed[row] = found == 1
                if found == 1:
                    cut(&target[row], &view[row], data, match.spans[2 * group], match.spans[2 * group + 1])
        return made, passed, strange

    def replaced(self, const uint8_t[::1] store, views, parts, bint everywhere):
        """Texts with parts, bytes or numbers of groups, for the first match or all; and which cannot be told here."""
        views = np.ascontiguousarray(views)
        cdef const View *view = first_of(views)
        cdef const uint8_t *base = start_of(store)
        cdef Py_ssize_t rows = len(views), row, count = len(parts), i, length
        cdef const char **text = <const char **>malloc(max(1, count) * sizeof(char *))
        cdef Py_ssize_t *size = <Py_ssize_t *>malloc(max(1, count) * sizeof(Py_ssize_t))
        cdef Heap heap
        cdef bytes piece
        if text == NULL or size == NULL:
            free(text)
            free(size)
            raise MemoryError
        for i in range(count):
            if isinstance(parts[i], bytes):
                piece = parts[i]
                text[i], size[i] = <const char *>piece, len(piece)
            else:
                text[i], size[i] = NULL, parts[i]
        made = np.zeros(rows, views.dtype)
        strange = np.zeros(rows, np.bool_)
        cdef View *target = <View *>first_of(made)
        cdef uint8_t[::1] is_strange = strange.view(np.uint8)
        memset(&heap, 0, sizeof(Heap))
        with nogil:
            for row in range(rows):
                length = STRANGE
                if view[row].length <= BYTES_MAX:
                    length = self._replace(data_of(&view[row], base), view[row].length, text, size, count, everywhere, &heap)
                if length == NOT_FOUND:
                    break
                if length == STRANGE:
                    is_strange[row] = 1
                else:
                    keep(&heap, &target[row], length)
        free(text)
        free(size)
        if rows and length == NOT_FOUND:
            no_memory(&heap)
        return *made_of(&heap, made), strange

    cdef Py_ssize_t _replace(self, const char *data, Py_ssize_t length, const char **text, const Py_ssize_t *size,
                             Py_ssize_t count, bint everywhere, Heap *heap) noexcept nogil:
        """Write a text with its matches replaced; its length, STRANGE, or NOT_FOUND: there is no memory."""
        cdef Py_ssize_t start = 0, end = 0, made = 0, i, found
        cdef Match match
        cdef char *place
        while start <= length:
            found = self._find(<const uint8_t *>data, start, length, &match)
            if found == STRANGE:
                return STRANGE
            if found == NOT_FOUND:
                break
            made = _append(heap, made, data + end, match.spans[0] - end)
            for i in range(count):
                if made < 0:
                    return NOT_FOUND
                if text[i] == NULL:
                    made = _append(heap, made, data + match.spans[2 * size[i]],
                                   match.spans[2 * size[i] + 1] - match.spans[2 * size[i]])
                else:
                    made = _append(heap, made, text[i], size[i])
            end = match.spans[1]
            start = end + (match.spans[0] == end)
            if not everywhere:
                break
        return _append(heap, made, data + end, length - end)


cdef inline Py_ssize_t _append(Heap *heap, Py_ssize_t made, const char *data, Py_ssize_t length) noexcept nogil:
    """Write behind what is made of the text; how much that is then, or NOT_FOUND: there is no memory."""
    cdef char *place
    if made < 0:
        return NOT_FOUND
    place = reach(heap, made + length)
    if place == NULL:
        return NOT_FOUND
    memcpy(place + made, data, length)
    return made + length
