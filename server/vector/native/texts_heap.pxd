"""A heap that texts are written to, one behind the other, and what becomes of it."""

import numpy as np

from libc.stdint cimport uint32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from server.vector.native.views cimport INLINE_MAX, View

cdef enum:
    ROOM_AT_FIRST = 4096

cdef struct Heap:
    char *data
    Py_ssize_t used
    Py_ssize_t room


cdef inline char *reach(Heap *heap, Py_ssize_t more) noexcept nogil:
    """Where the next bytes go; NULL: there is no memory."""
    cdef Py_ssize_t room = heap.room
    cdef char *data
    if heap.used + more >= room:
        while heap.used + more >= room:
            room = 2 * room if room else ROOM_AT_FIRST
        data = <char *>realloc(heap.data, room)
        if data == NULL:
            return NULL
        heap.data = data
        heap.room = room
    return heap.data + heap.used


cdef inline void keep(Heap *heap, View *target, Py_ssize_t length) noexcept nogil:
    """The next bytes are a text: short ones go into the view, whose bytes are zero."""
    cdef const char *data = heap.data + heap.used
    target.length = <uint32_t>length
    if length <= INLINE_MAX:
        memcpy(&target.prefix[0], data, length)
    else:
        memcpy(&target.prefix[0], data, 4)
        target.place = heap.used
        heap.used += length


cdef inline tuple made_of(Heap *heap, views):
    """What was written, as bytes that stay where they are; the heap is given back."""
    try:
        return np.frombuffer((<const char *>heap.data)[:heap.used] if heap.used else b"", np.uint8), views
    finally:
        free(heap.data)


cdef inline object no_memory(Heap *heap):
    free(heap.data)
    raise MemoryError
