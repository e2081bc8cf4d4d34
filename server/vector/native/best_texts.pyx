"""The least or the greatest text of each group; server/vector/best_texts.py specifies it.

Long texts are copied to a heap of its own when they become the best. One that takes the place of a longer one is
written over it; when less than half of the heap is in use, it is written anew before it grows.
"""

import numpy as np

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from server.vector.native.views cimport INLINE_MAX, View, data_of, first_of, start_of

cdef enum:
    GROUPS_AT_FIRST = 16
    ROOM_AT_FIRST = 4096


cdef class BestTexts:
    """The best text of each group so far, by the order of its bytes, kept apart from the stores they came from."""

    cdef View *best
    cdef uint8_t *there
    cdef uint8_t *heap
    cdef Py_ssize_t groups, used, room, live
    cdef bint greatest

    def __cinit__(self, bint greatest):
        self.greatest = greatest
        self.groups = GROUPS_AT_FIRST
        self.room = ROOM_AT_FIRST
        self.best = <View *>calloc(GROUPS_AT_FIRST, sizeof(View))
        self.there = <uint8_t *>calloc(GROUPS_AT_FIRST, 1)
        self.heap = <uint8_t *>malloc(ROOM_AT_FIRST)
        if self.best == NULL or self.there == NULL or self.heap == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.best)
        free(self.there)
        free(self.heap)

    def add(self, const uint8_t[::1] store, views, groups, Py_ssize_t group_count):
        """Take texts in: groups says which is each one's, below group_count."""
        views = np.ascontiguousarray(views)
        cdef const View *view = first_of(views)
        cdef const uint8_t *base = start_of(store)
        cdef const int64_t[::1] group_of = np.ascontiguousarray(groups, np.int64)
        cdef Py_ssize_t rows = len(views), row
        cdef bint done = True
        assert len(group_of) == rows
        self._reach(group_count)
        with nogil:
            for row in range(rows):
                if not self._offer(group_of[row], &view[row], base):
                    done = False
                    break
        if not done:
            raise MemoryError

    def merge(self, BestTexts other, mapping, Py_ssize_t group_count):
        """Take in the texts of another: its group g is group mapping[g] here."""
        cdef const int64_t[::1] group_of = np.ascontiguousarray(mapping, np.int64)
        cdef Py_ssize_t rows = min(<Py_ssize_t>len(group_of), other.groups), row
        cdef bint done = True
        self._reach(group_count)
        with nogil:
            for row in range(rows):
                if other.there[row] and not self._offer(group_of[row], &other.best[row], other.heap):
                    done = False
                    break
        if not done:
            raise MemoryError

    def texts(self, Py_ssize_t group_count):
        """Store and views of the texts of so many groups, and which of them have one; others have the empty one."""
        cdef Py_ssize_t known = min(group_count, self.groups), group, used = 0
        made = np.zeros(group_count, "V16")
        there = np.zeros(group_count, np.bool_)
        cdef View *target = <View *>first_of(made)
        cdef uint8_t[::1] is_there = there.view(np.uint8)
        cdef const View *view
        for group in range(known):
            used += self.best[group].length if self.best[group].length > INLINE_MAX else 0
        store = np.empty(used, np.uint8)
        cdef uint8_t *data = <uint8_t *>start_of(store)
        used = 0
        with nogil:
            for group in range(known):
                view = &self.best[group]
                is_there[group] = self.there[group]
                target[group] = view[0]
                if view.length > INLINE_MAX:
                    memcpy(data + used, self.heap + view.place, view.length)
                    target[group].place = used
                    used += view.length
        return store, made, there

    cdef _reach(self, Py_ssize_t group_count):
        """Have room for so many groups."""
        cdef Py_ssize_t groups = self.groups
        cdef View *best
        cdef uint8_t *there
        if group_count <= groups:
            return
        while groups < group_count:
            groups *= 2
        best = <View *>realloc(self.best, groups * sizeof(View))
        if best == NULL:
            raise MemoryError
        self.best = best
        there = <uint8_t *>realloc(self.there, groups)
        if there == NULL:
            raise MemoryError
        self.there = there
        memset(&best[self.groups], 0, (groups - self.groups) * sizeof(View))
        memset(&there[self.groups], 0, groups - self.groups)
        self.groups = groups

    cdef inline bint _offer(self, int64_t group, const View *view, const uint8_t *base) noexcept nogil:
        """Take a text if it is better; false: there is no memory."""
        cdef const View *known = &self.best[group]
        cdef int sign
        if self.there[group]:
            sign = memcmp(&view.prefix[0], &known.prefix[0], 4)  # what is not there is zero
            if sign == 0:
                sign = memcmp(data_of(view, base), data_of(known, self.heap), min(view.length, known.length))
                if sign == 0:
                    sign = (view.length > known.length) - (view.length < known.length)
            if (sign <= 0) if self.greatest else (sign >= 0):
                return True
        self.there[group] = True
        if view.length <= INLINE_MAX:
            self._forget(known)
            self.best[group] = view[0]
            return True
        return self._keep(group, view, base)

    cdef inline void _forget(self, const View *known) noexcept nogil:
        self.live -= known.length if known.length > INLINE_MAX else 0

    cdef bint _keep(self, int64_t group, const View *view, const uint8_t *base) noexcept nogil:
        """Copy a long text; false: there is no memory."""
        cdef Py_ssize_t place
        if self.best[group].length > INLINE_MAX and self.best[group].length >= view.length:
            place = self.best[group].place
        else:
            if self.used + view.length > self.room and not self._make_room(view.length):
                return False
            place = self.used
            self.used += view.length
        self._forget(&self.best[group])
        self.live += view.length
        memcpy(self.heap + place, base + view.place, view.length)
        self.best[group] = view[0]
        self.best[group].place = place
        return True

    cdef bint _make_room(self, Py_ssize_t more) noexcept nogil:
        """Have room for so many bytes more: what is in use moves together, into a larger heap if that is much."""
        cdef Py_ssize_t room = self.room, group, used = 0
        cdef uint8_t *heap
        while room < 2 * (self.live + more):
            room *= 2
        heap = <uint8_t *>malloc(room)
        if heap == NULL:
            return False
        for group in range(self.groups):
            if self.best[group].length > INLINE_MAX:
                memcpy(heap + used, self.heap + self.best[group].place, self.best[group].length)
                self.best[group].place = used
                used += self.best[group].length
        free(self.heap)
        self.heap = heap
        self.room = room
        self.used = used
        return True
