"""Texts made of others, in a store of their own; server/vector/made_texts.py specifies it."""

import numpy as np

from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from server.vector.native.texts_heap cimport Heap, keep, made_of, no_memory, reach
from server.vector.native.views cimport (
    INLINE_MAX,
    Piece,
    View,
    data_of,
    find_piece,
    first_of,
    piece_of,
    start_of,
)


def gathered_texts(parts):
    """Texts of several stores one below the other, in one store."""
    cdef Py_ssize_t rows = sum([len(views) for _, views in parts]), row, count, at = 0
    cdef const View *view
    cdef const uint8_t *base
    cdef Heap heap
    cdef char *place
    cdef bint is_full = False
    made = np.zeros(rows, "V16")
    cdef View *target = <View *>first_of(made)
    memset(&heap, 0, sizeof(Heap))
    for store, given in parts:
        views = np.ascontiguousarray(given)
        view = first_of(views)
        base = start_of(store)
        count = len(views)
        with nogil:
            for row in range(count):
                target[at] = view[row]
                if view[row].length > INLINE_MAX:
                    place = reach(&heap, view[row].length)
                    if place == NULL:
                        is_full = True
                        break
                    memcpy(place, base + view[row].place, view[row].length)
                    target[at].place = heap.used
                    heap.used += view[row].length
                at += 1
        if is_full:
            no_memory(&heap)
    return made_of(&heap, made)


def joined_texts(columns):
    """The texts of several columns, row by row one behind the other."""
    cdef Py_ssize_t number = len(columns), rows = len(columns[0][1]), row, i, length
    cdef const View **view = <const View **>malloc(number * sizeof(View *))
    cdef const uint8_t **base = <const uint8_t **>malloc(number * sizeof(uint8_t *))
    cdef Heap heap
    cdef char *place
    cdef bint is_full = False
    cdef list kept = [np.ascontiguousarray(views) for _, views in columns]
    memset(&heap, 0, sizeof(Heap))
    if view == NULL or base == NULL:
        free(view)
        free(base)
        raise MemoryError
    made = np.zeros(rows, "V16")
    cdef View *target = <View *>first_of(made)
    for i in range(number):
        view[i] = first_of(kept[i])
        base[i] = start_of(columns[i][0])
    with nogil:
        for row in range(rows):
            length = 0
            for i in range(number):
                length += view[i][row].length
            place = reach(&heap, length)
            if place == NULL:
                is_full = True
                break
            for i in range(number):
                memcpy(place, data_of(&view[i][row], base[i]), view[i][row].length)
                place += view[i][row].length
            keep(&heap, &target[row], length)
    free(view)
    free(base)
    if is_full:
        no_memory(&heap)
    return made_of(&heap, made)


def folded_texts(const uint8_t[::1] store, views, bint capital):
    """Texts with small letters of ASCII for capitals, or the other way round; and which have anything but ASCII."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t rows = len(views), row, i, length
    cdef Heap heap
    cdef const uint8_t *data
    cdef uint8_t *place
    cdef uint8_t every, first = 97 if capital else 65
    cdef bint is_full = False
    made = np.zeros(rows, views.dtype)
    strange = np.empty(rows, np.bool_)
    cdef View *target = <View *>first_of(made)
    cdef uint8_t[::1] is_strange = strange.view(np.uint8)
    memset(&heap, 0, sizeof(Heap))
    with nogil:
        for row in range(rows):
            length = view[row].length
            data = <const uint8_t *>data_of(&view[row], base)
            place = <uint8_t *>reach(&heap, length)
            if place == NULL:
                is_full = True
                break
            every = 0
            for i in range(length):
                every |= data[i]
                place[i] = data[i] ^ (<uint8_t>(<uint8_t>(data[i] - first) < 26) << 5)
            is_strange[row] = every >> 7
            keep(&heap, &target[row], length)
    if is_full:
        no_memory(&heap)
    return *made_of(&heap, made), strange


def replaced_texts(const uint8_t[::1] store, views, bytes old, bytes new):
    """Texts with a new piece for each occurrence of an old one, which is not empty."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t rows = len(views), row, start, stop, length, new_length = len(new)
    cdef const char *data
    cdef const char *new_data = new
    cdef char *place
    cdef Piece piece = piece_of(old, len(old))
    cdef Heap heap
    cdef bint is_full = False
    made = np.zeros(rows, views.dtype)
    cdef View *target = <View *>first_of(made)
    memset(&heap, 0, sizeof(Heap))
    with nogil:
        for row in range(rows):
            data = data_of(&view[row], base)
            start, length = 0, 0
            while True:
                stop = find_piece(data, start, view[row].length, &piece)
                if stop < 0:
                    stop = view[row].length
                place = reach(&heap, length + stop - start + new_length)
                if place == NULL:
                    is_full = True
                    break
                memcpy(place + length, data + start, stop - start)
                length += stop - start
                if stop == view[row].length:
                    break
                memcpy(place + length, new_data, new_length)
                length += new_length
                start = stop + piece.length
            if is_full:
                break
            keep(&heap, &target[row], length)
    if is_full:
        no_memory(&heap)
    return made_of(&heap, made)
