"""Texts with other characters in their places; server/vector/letter_texts.py specifies it."""

import numpy as np

from libc.stdint cimport int16_t, uint8_t
from libc.string cimport memset

from server.vector.native.texts_heap cimport Heap, keep, made_of, no_memory, reach
from server.vector.native.views cimport View, data_of, first_of, start_of


def translated_texts(const uint8_t[::1] store, views, const int16_t[::1] table):
    """Texts with another byte for each, and without those for which the table of 256 has less than 0."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t rows = len(views), row, i, length
    cdef Heap heap
    cdef const uint8_t *data
    cdef uint8_t *place
    cdef int16_t other
    cdef bint is_full = False
    assert len(table) == 256
    made = np.zeros(rows, views.dtype)
    cdef View *target = <View *>first_of(made)
    memset(&heap, 0, sizeof(Heap))
    with nogil:
        for row in range(rows):
            data = <const uint8_t *>data_of(&view[row], base)
            place = <uint8_t *>reach(&heap, view[row].length)
            if place == NULL:
                is_full = True
                break
            length = 0
            for i in range(view[row].length):
                other = table[data[i]]
                place[length] = <uint8_t>other
                length += other >= 0
            keep(&heap, &target[row], length)
    if is_full:
        no_memory(&heap)
    return made_of(&heap, made)


def capitalized_texts(const uint8_t[::1] store, views):
    """Texts with a capital at the start of each word and small letters within; and which have more than ASCII."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t rows = len(views), row, i
    cdef Heap heap
    cdef const uint8_t *data
    cdef uint8_t *place
    cdef uint8_t every, letter
    cdef bint is_full = False, is_letter, is_within
    made = np.zeros(rows, views.dtype)
    strange = np.empty(rows, np.bool_)
    cdef View *target = <View *>first_of(made)
    cdef uint8_t[::1] is_strange = strange.view(np.uint8)
    memset(&heap, 0, sizeof(Heap))
    with nogil:
        for row in range(rows):
            data = <const uint8_t *>data_of(&view[row], base)
            place = <uint8_t *>reach(&heap, view[row].length)
            if place == NULL:
                is_full = True
                break
            every = 0
            is_within = False
            for i in range(view[row].length):
                every |= data[i]
                letter = data[i] | 32
                is_letter = <uint8_t>(letter - 97) < 26
                if is_letter:
                    place[i] = letter if is_within else letter ^ 32
                else:
                    place[i] = data[i]
                is_within = is_letter or <uint8_t>(data[i] - 48) < 10
            is_strange[row] = every >> 7
            keep(&heap, &target[row], view[row].length)
    if is_full:
        no_memory(&heap)
    return *made_of(&heap, made), strange
