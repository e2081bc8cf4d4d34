"""Parts of texts that stay where they lie; server/vector/cut_texts.py specifies it."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t

from server.vector.native.views cimport (
    Piece,
    View,
    after,
    before,
    cut,
    data_of,
    find_piece,
    first_of,
    piece_of,
    start_of,
)


def part_views(const uint8_t[::1] store, views, bytes separator, int64_t number):
    """The views of the parts of that number between separators, counted from 1, or from the end if negative."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t rows = len(views), row, first, stop
    cdef int64_t wanted
    cdef const char *data
    cdef Piece piece = piece_of(separator, len(separator))
    made = np.zeros(rows, views.dtype)
    cdef View *target = <View *>first_of(made)
    with nogil:
        for row in range(rows):
            data = data_of(&view[row], base)
            wanted = number
            if wanted < 0:
                wanted += 1 + _parts(data, view[row].length, &piece)
            if wanted < 1:
                continue
            first, stop = 0, 0
            while True:
                stop = find_piece(data, first, view[row].length, &piece) if piece.length else -1
                wanted -= 1
                if wanted == 0 or stop < 0:
                    break
                first = stop + piece.length
            if wanted == 0:
                cut(&target[row], &view[row], data, first, view[row].length if stop < 0 else stop)
    return made


def split_views(const uint8_t[::1] store, views, bytes separator):
    """The views of all parts between separators, text by text, and how many each text has; the empty one has none."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t rows = len(views), row, first, stop, at = 0
    cdef const char *data
    cdef Piece piece = piece_of(separator, len(separator))
    counts = np.zeros(rows, np.int64)
    cdef int64_t[::1] count_of = counts
    with nogil:
        for row in range(rows):
            if view[row].length:
                count_of[row] = _parts(data_of(&view[row], base), view[row].length, &piece)
                at += count_of[row]
    made = np.zeros(at, views.dtype)
    cdef View *target = <View *>first_of(made)
    at = 0
    with nogil:
        for row in range(rows):
            if not view[row].length:
                continue
            data = data_of(&view[row], base)
            first = 0
            while True:
                stop = find_piece(data, first, view[row].length, &piece) if piece.length else -1
                cut(&target[at], &view[row], data, first, view[row].length if stop < 0 else stop)
                at += 1
                if stop < 0:
                    break
                first = stop + piece.length
    return made, counts


cdef int64_t _parts(const char *data, Py_ssize_t length, const Piece *piece) noexcept nogil:
    cdef int64_t parts = 1
    cdef Py_ssize_t place = 0
    if not piece.length:
        return 1
    while True:
        place = find_piece(data, place, length, piece)
        if place < 0:
            return parts
        parts += 1
        place += piece.length


def end_views(const uint8_t[::1] store, views, int64_t count, bint kept):
    """The views of the last characters of texts, or of all but those."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t rows = len(views), row, place
    cdef const char *data
    made = np.zeros(rows, views.dtype)
    cdef View *target = <View *>first_of(made)
    with nogil:
        for row in range(rows):
            data = data_of(&view[row], base)
            place = before(data, view[row].length, count)
            if kept:
                cut(&target[row], &view[row], data, place, view[row].length)
            else:
                cut(&target[row], &view[row], data, 0, place)
    return made


def ranged_views(
    const uint8_t[::1] store, views, const int64_t[::1] firsts, const int64_t[::1] counts
):
    """The views of as many characters of each text, from a character of it on, counted from 0."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t rows = len(views), row, first, stop
    cdef const char *data
    assert len(firsts) == rows and len(counts) == rows
    made = np.zeros(rows, views.dtype)
    cdef View *target = <View *>first_of(made)
    with nogil:
        for row in range(rows):
            if counts[row] <= 0:
                continue
            data = data_of(&view[row], base)
            first = after(data, 0, view[row].length, firsts[row])
            stop = after(data, first, view[row].length, counts[row])
            cut(&target[row], &view[row], data, first, stop)
    return made


def trimmed_views(const uint8_t[::1] store, views, bytes characters, bint left, bint right):
    """The views of the texts without characters, of ASCII, at their ends."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t rows = len(views), row, first, stop
    cdef const uint8_t *data
    cdef uint8_t is_cut[256]
    made = np.zeros(rows, views.dtype)
    cdef View *target = <View *>first_of(made)
    for row in range(256):
        is_cut[row] = row in characters
    with nogil:
        for row in range(rows):
            data = <const uint8_t *>data_of(&view[row], base)
            first, stop = 0, view[row].length
            while left and first < stop and is_cut[data[first]]:
                first += 1
            while right and first < stop and is_cut[data[stop - 1]]:
                stop -= 1
            cut(&target[row], &view[row], <const char *>data, first, stop)
    return made
