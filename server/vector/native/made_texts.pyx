"""Texts made of others, in a store of their own; server/vector/made_texts.py specifies it."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t
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


cdef Py_ssize_t bytes_behind(const View *view, Py_ssize_t count) noexcept nogil:
    """How many bytes texts have that do not stand in their views."""
    cdef Py_ssize_t row, total = 0
    for row in range(count):
        total += view[row].length if view[row].length > INLINE_MAX else 0
    return total


cdef Py_ssize_t gather(const View *view, const uint8_t *base, Py_ssize_t count, View *target,
                       uint8_t *data, Py_ssize_t used) noexcept nogil:
    """Put texts into another store, of which so many bytes are in use; gives how many are then."""
    cdef Py_ssize_t row
    for row in range(count):
        target[row] = view[row]
        if view[row].length > INLINE_MAX:
            memcpy(data + used, base + view[row].place, view[row].length)
            target[row].place = used
            used += view[row].length
    return used


def gathered_texts(parts, look=None):
    """Texts of several stores one below the other, in one store; look is called before each part, and may raise."""
    cdef Py_ssize_t rows = sum([len(views) for _, views in parts]), used = 0, at = 0, total = 0, count
    cdef const View *view
    cdef const uint8_t *base
    made = np.empty(rows, "V16")
    cdef View *target = <View *>first_of(made)
    kept = [(store, np.ascontiguousarray(given)) for store, given in parts]
    for store, views in kept:
        total += bytes_behind(<const View *>first_of(views), len(views))
    gathered = np.empty(total, np.uint8)
    cdef uint8_t *data = <uint8_t *><const uint8_t *>start_of(gathered)
    for store, views in kept:
        if look is not None:
            look()
        view = first_of(views)
        base = start_of(store)
        count = len(views)
        with nogil:
            used = gather(view, base, count, target + at, data, used)
        at += count
    return gathered, made


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


def integer_texts(values):
    """The digits of integers, of up to 64 bits."""
    cdef const int64_t[::1] number_of = np.ascontiguousarray(values, np.int64)
    cdef Py_ssize_t rows = len(number_of), row
    cdef uint64_t left
    cdef char digits[20]
    cdef int first
    cdef Heap heap
    cdef char *place
    cdef bint is_full = False
    memset(&heap, 0, sizeof(Heap))
    made = np.zeros(rows, "V16")
    cdef View *target = <View *>first_of(made)
    with nogil:
        for row in range(rows):
            left = <uint64_t>number_of[row]
            if number_of[row] < 0:
                left = 0 - left
            first = 20
            while True:
                first -= 1
                digits[first] = <char>(48 + left % 10)
                left //= 10
                if not left:
                    break
            place = reach(&heap, 21)
            if place == NULL:
                is_full = True
                break
            if number_of[row] < 0:
                place[0] = 45
                place += 1
            memcpy(place, &digits[first], 20 - first)
            keep(&heap, &target[row], 20 - first + (number_of[row] < 0))
    if is_full:
        no_memory(&heap)
    return made_of(&heap, made)


cdef inline Py_ssize_t write_digits(char *place, uint64_t number, int width) noexcept nogil:
    """Write a number with zeros before it; how many places it took."""
    cdef char digits[20]
    cdef int first = 20, count
    while True:
        first -= 1
        digits[first] = <char>(48 + number % 10)
        number //= 10
        if not number:
            break
    count = 20 - first
    if width > count:
        memset(place, 48, width - count)
        place += width - count
    memcpy(place, &digits[first], count)
    return width if width > count else count


def number_texts(fields, widths, literals, negative=None, fraction=None):
    """The digits of several numbers, row by row one behind the other."""
    cdef const int64_t[:, ::1] number_of = np.ascontiguousarray(np.stack(fields, axis=1), np.int64)
    cdef const uint8_t[::1] sign_of = None
    cdef const int64_t[::1] fraction_of = None
    cdef const int64_t[::1] width_of = np.array(widths, np.int64)
    cdef bytes between = b"".join(literals)
    cdef const int64_t[::1] end_of = np.cumsum([len(each) for each in literals])
    cdef const char *literal = between
    cdef Py_ssize_t rows = number_of.shape[0], count = number_of.shape[1], row, at
    cdef Py_ssize_t most = len(between) + 8, start, stop
    cdef int64_t width
    cdef bint has_signs = negative is not None, has_fractions = fraction is not None
    cdef bint is_full = False
    cdef Heap heap
    cdef char *place
    cdef char *begin
    if has_signs:
        sign_of = np.ascontiguousarray(negative).view(np.uint8)
    if has_fractions:
        fraction_of = np.ascontiguousarray(fraction, np.int64)
    for width in widths:
        most += width + 20
    memset(&heap, 0, sizeof(Heap))
    made = np.zeros(rows, "V16")
    cdef View *target = <View *>first_of(made)
    with nogil:
        for row in range(rows):
            begin = reach(&heap, most)
            if begin == NULL:
                is_full = True
                break
            place = begin
            if has_signs and sign_of[row]:
                place[0] = 45
                place += 1
            start = 0
            for at in range(count + 1):
                stop = end_of[at]
                memcpy(place, literal + start, stop - start)
                place += stop - start
                start = stop
                if at < count:
                    place += write_digits(place, <uint64_t>number_of[row, at], <int>width_of[at])
            if has_fractions and fraction_of[row]:
                place[0] = 46
                place += 1 + write_digits(place + 1, <uint64_t>fraction_of[row], 6)
                while (place - 1)[0] == 48:
                    place -= 1
            keep(&heap, &target[row], place - begin)
    if is_full:
        no_memory(&heap)
    return made_of(&heap, made)


def strung_texts(const uint8_t[::1] store, views, groups, Py_ssize_t group_count, bytes delimiter):
    """The texts of each group in their order, with a delimiter between them; empty for groups without texts."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef const int64_t[::1] group_of = np.ascontiguousarray(groups, np.int64)
    cdef Py_ssize_t rows = len(views), row, group, at, length, between = len(delimiter)
    cdef const char *delimiting = delimiter
    cdef Heap heap
    cdef char *place
    cdef bint is_full = False
    ends = np.zeros(group_count + 1, np.int64)
    order = np.empty(rows, np.int64)
    cdef int64_t[::1] end_of = ends, order_of = order
    made = np.zeros(group_count, "V16")
    cdef View *target = <View *>first_of(made)
    memset(&heap, 0, sizeof(Heap))
    with nogil:
        for row in range(rows):
            end_of[group_of[row] + 1] += 1
        for group in range(group_count):
            end_of[group + 1] += end_of[group]
        for row in range(rows):  # then each entry is where the group ends
            order_of[end_of[group_of[row]]] = row
            end_of[group_of[row]] += 1
        at = 0
        for group in range(group_count):
            length = 0
            while at < end_of[group]:
                row = order_of[at]
                place = reach(&heap, length + between + view[row].length)
                if place == NULL:
                    is_full = True
                    break
                place += length
                if length or (at and group_of[order_of[at - 1]] == group):
                    memcpy(place, delimiting, between)
                    place += between
                    length += between
                memcpy(place, data_of(&view[row], base), view[row].length)
                length += view[row].length
                at += 1
            if is_full:
                break
            if length:
                keep(&heap, &target[group], length)
    if is_full:
        no_memory(&heap)
    return made_of(&heap, made)


cdef inline bint _fold_letters(
    const uint8_t *data, Py_ssize_t length, uint8_t *place, const uint16_t *letters
) noexcept nogil:
    """Put other letters for those beyond ASCII; whether some have none of as many bytes."""
    cdef Py_ssize_t i = 0
    cdef uint16_t other
    while i < length:
        if data[i] < 0x80:
            i += 1
        elif data[i] < 0xE0:
            other = letters[((data[i] & 0x1F) << 6) | (data[i + 1] & 0x3F)]
            if not other:
                return True
            place[i] = 0xC0 | (other >> 6)
            place[i + 1] = 0x80 | (other & 0x3F)
            i += 2
        elif data[i] < 0xF0:
            other = letters[((data[i] & 0x0F) << 12) | ((data[i + 1] & 0x3F) << 6) | (data[i + 2] & 0x3F)]
            if not other:
                return True
            place[i] = 0xE0 | (other >> 12)
            place[i + 1] = 0x80 | ((other >> 6) & 0x3F)
            place[i + 2] = 0x80 | (other & 0x3F)
            i += 3
        else:
            return True
    return False


def folded_texts(const uint8_t[::1] store, views, bint capital, const uint16_t[::1] letters):
    """Texts with small letters for capitals, or the other way round; and which have letters without one.

    letters: by code point what stands for it, as many bytes of UTF-8, or 0; those of ASCII are not asked for.
    """
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t rows = len(views), row, i, length
    cdef Heap heap
    cdef const uint8_t *data
    cdef uint8_t *place
    cdef uint8_t every, first = 97 if capital else 65
    cdef bint is_full = False
    assert len(letters) in (0, 65536)
    cdef const uint16_t *table = &letters[0] if len(letters) else NULL
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
            is_strange[row] = every >> 7 and (table == NULL or _fold_letters(data, length, place, table))
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


def reversed_texts(const uint8_t[::1] store, views):
    """Texts with their characters the other way round."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t rows = len(views), row, start, stop, length
    cdef Heap heap
    cdef const uint8_t *data
    cdef uint8_t *place
    cdef bint is_full = False
    made = np.zeros(rows, views.dtype)
    cdef View *target = <View *>first_of(made)
    memset(&heap, 0, sizeof(Heap))
    with nogil:
        for row in range(rows):
            length = view[row].length
            data = <const uint8_t *>data_of(&view[row], base)
            place = <uint8_t *>reach(&heap, length)
            if place == NULL:
                is_full = True
                break
            start = 0
            while start < length:
                stop = start + 1
                while stop < length and data[stop] & 0xC0 == 0x80:  # further bytes of the same character
                    stop += 1
                if stop == start + 1:
                    place[length - stop] = data[start]
                else:
                    memcpy(place + length - stop, data + start, stop - start)
                start = stop
            keep(&heap, &target[row], length)
    if is_full:
        no_memory(&heap)
    return made_of(&heap, made)
