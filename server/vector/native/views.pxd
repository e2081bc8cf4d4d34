"""Views of texts, as server/vector/text_views.py specifies them, and what all kernels over them do."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

cdef enum:
    INLINE_MAX = 12

cdef struct View:
    uint32_t length
    char prefix[4]
    uint64_t place

cdef struct Piece:
    const char *data
    Py_ssize_t length
    uint64_t head  # the first bytes, up to eight
    uint64_t mask


cdef inline const char *data_of(const View *view, const uint8_t *store) noexcept nogil:
    if view.length <= INLINE_MAX:
        return &view.prefix[0]
    return <const char *>store + view.place


cdef inline uint64_t head_of(const char *data, Py_ssize_t length) noexcept nogil:
    cdef uint64_t word = 0
    memcpy(&word, data, 8 if length > 8 else length)
    return word


cdef inline Piece piece_of(const char *data, Py_ssize_t length) noexcept nogil:
    cdef Piece piece
    piece.data = data
    piece.length = length
    piece.head = head_of(data, length)
    piece.mask = <uint64_t>0xFFFFFFFFFFFFFFFF if length >= 8 else (<uint64_t>1 << (8 * length)) - 1
    return piece


cdef inline const View *first_of(views):
    cdef const uint8_t[::1] raw
    if not len(views):
        return NULL
    raw = views.view(np.uint8).reshape(-1)
    return <const View *>&raw[0]


cdef inline const uint8_t *start_of(const uint8_t[::1] store) noexcept:
    return &store[0] if store.shape[0] else NULL


cdef inline Py_ssize_t find_piece(
    const char *data, Py_ssize_t start, Py_ssize_t stop, const Piece *piece
) noexcept nogil:
    """Where a piece first comes, as a whole before stop; -1."""
    cdef Py_ssize_t at = start, last = stop - piece.length, words = stop - 8
    cdef uint64_t word
    while at <= last and at <= words:
        memcpy(&word, data + at, 8)
        if (word & piece.mask) == piece.head and (
            piece.length <= 8 or memcmp(data + at, piece.data, piece.length) == 0
        ):
            return at
        at += 1
    while at <= last:
        if memcmp(data + at, piece.data, piece.length) == 0:
            return at
        at += 1
    return -1


cdef inline Py_ssize_t after(
    const char *data, Py_ssize_t place, Py_ssize_t length, int64_t characters
) noexcept nogil:
    """The place that many characters on."""
    while characters > 0 and place < length:
        place += 1
        while place < length and (<uint8_t>data[place] & 0xC0) == 0x80:
            place += 1
        characters -= 1
    return place


cdef inline Py_ssize_t before(const char *data, Py_ssize_t place, int64_t characters) noexcept nogil:
    """The place that many characters back."""
    while characters > 0 and place > 0:
        place -= 1
        while place > 0 and (<uint8_t>data[place] & 0xC0) == 0x80:
            place -= 1
        characters -= 1
    return place


cdef inline void cut(
    View *target, const View *view, const char *data, Py_ssize_t first, Py_ssize_t stop
) noexcept nogil:
    """The view of the bytes from first to stop of a text; the target's bytes are zero."""
    cdef Py_ssize_t length = stop - first
    target.length = <uint32_t>length
    if length <= INLINE_MAX:
        memcpy(&target.prefix[0], data + first, length)
    else:
        memcpy(&target.prefix[0], data + first, 4)
        target.place = view.place + first
