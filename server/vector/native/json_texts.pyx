"""Members and items of JSON texts where they lie; server/vector/json_texts.py specifies it."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcmp

from server.vector.native.views cimport View, cut, data_of, first_of, start_of

cdef enum:
    DEPTH_MAX = 64
    NUMBER_MAX = 100
    ABSENT = 0
    OBJECT = 1
    ARRAY = 2
    STRING = 3
    NUMBER = 4
    LITERAL = 5
    NOTHING = 6
    ESCAPED = 7
    STRANGE = 8


cdef struct Part:
    Py_ssize_t first
    Py_ssize_t stop
    uint8_t kind


cdef inline Py_ssize_t blanks(const char *data, Py_ssize_t at, Py_ssize_t stop) noexcept nogil:
    while at < stop and (data[at] == 32 or data[at] == 10 or data[at] == 13 or data[at] == 9):
        at += 1
    return at


cdef inline bint is_digit(char c) noexcept nogil:
    return <uint8_t>(c - 48) < 10


# Texts that may be anything.


cdef Py_ssize_t sound_string(const char *data, Py_ssize_t at, Py_ssize_t stop) noexcept nogil:
    """Behind a string whose first quote stands at the place; -1."""
    at += 1
    while at < stop:
        if data[at] == 34:
            return at + 1
        if <uint8_t>data[at] < 32:
            return -1
        if data[at] == 92:
            at += 1
            if at == stop or data[at] not in b'"\\/bfnrt':
                return -1
        at += 1
    return -1


cdef Py_ssize_t sound_number(const char *data, Py_ssize_t at, Py_ssize_t stop) noexcept nogil:
    """Behind a plain number; -1."""
    cdef Py_ssize_t start
    if data[at] == 45:
        at += 1
    start = at
    while at < stop and is_digit(data[at]):
        at += 1
    if at == start or (data[start] == 48 and at > start + 1):
        return -1
    if at < stop and data[at] == 46:
        at += 1
        start += 1
        if at == stop or not is_digit(data[at]):
            return -1
        while at < stop and is_digit(data[at]):
            at += 1
    if at - start > NUMBER_MAX or (at < stop and (data[at] == 101 or data[at] == 69)):
        return -1
    return at


cdef Py_ssize_t sound_word(const char *data, Py_ssize_t at, Py_ssize_t stop) noexcept nogil:
    if stop - at >= 4 and (memcmp(data + at, b"true", 4) == 0 or memcmp(data + at, b"null", 4) == 0):
        return at + 4
    if stop - at >= 5 and memcmp(data + at, b"false", 5) == 0:
        return at + 5
    return -1


cdef Py_ssize_t sound_value(const char *data, Py_ssize_t at, Py_ssize_t stop, int depth) noexcept nogil:
    """Behind a value that begins at the place, blanks aside; -1 if it is none for sure."""
    cdef char closing
    at = blanks(data, at, stop)
    if at == stop or depth > DEPTH_MAX:
        return -1
    if data[at] == 34:
        return sound_string(data, at, stop)
    if data[at] == 45 or is_digit(data[at]):
        return sound_number(data, at, stop)
    if data[at] != 123 and data[at] != 91:
        return sound_word(data, at, stop)
    closing = data[at] + 2
    at = blanks(data, at + 1, stop)
    if at < stop and data[at] == closing:
        return at + 1
    while at < stop:
        if closing == 125:
            if data[at] != 34:
                return -1
            at = sound_string(data, at, stop)
            if at < 0:
                return -1
            at = blanks(data, at, stop)
            if at == stop or data[at] != 58:
                return -1
            at += 1
        at = sound_value(data, at, stop, depth + 1)
        if at < 0:
            return -1
        at = blanks(data, at, stop)
        if at == stop:
            return -1
        if data[at] == closing:
            return at + 1
        if data[at] != 44:
            return -1
        at = blanks(data, at + 1, stop)
    return -1


def are_json(const uint8_t[::1] store, views):
    """Which texts are surely JSON; of the others somebody else has to tell."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t rows = len(views), row, at
    cdef const char *data
    sound = np.zeros(rows, np.bool_)
    cdef uint8_t[::1] is_sound = sound.view(np.uint8)
    with nogil:
        for row in range(rows):
            data = data_of(&view[row], base)
            at = sound_value(data, 0, view[row].length, 0)
            is_sound[row] = at >= 0 and blanks(data, at, view[row].length) == view[row].length
    return sound


# Texts that are JSON.


cdef inline Py_ssize_t behind_string(const char *data, Py_ssize_t at, Py_ssize_t stop, bint *escaped) noexcept nogil:
    at += 1
    while at < stop and data[at] != 34:
        if data[at] == 92:
            escaped[0] = True
            at += 1
        at += 1
    return at + 1


cdef Part value_at(const char *data, Py_ssize_t at, Py_ssize_t stop) noexcept nogil:
    cdef Part part
    cdef int depth = 0
    cdef bint escaped = False
    part.first = at
    if at >= stop:
        part.kind = STRANGE
    elif data[at] == 34:
        at = behind_string(data, at, stop, &escaped)
        part.kind = ESCAPED if escaped else STRING
    elif data[at] == 123 or data[at] == 91:
        part.kind = OBJECT if data[at] == 123 else ARRAY
        while at < stop:
            if data[at] == 34:
                at = behind_string(data, at, stop, &escaped)
                continue
            if data[at] == 123 or data[at] == 91:
                depth += 1
            elif data[at] == 125 or data[at] == 93:
                depth -= 1
                if depth == 0:
                    at += 1
                    break
            at += 1
    else:
        part.kind = NUMBER if data[at] == 45 or is_digit(data[at]) else NOTHING if data[at] == 110 else LITERAL
        while at < stop and (is_digit(data[at]) or data[at] in b"+-.eEtrufalsn"):
            at += 1
    part.stop = at
    if at > stop:
        part.kind = STRANGE
    return part


cdef Part member_of(const char *data, Py_ssize_t length, const char *key, Py_ssize_t key_length) noexcept nogil:
    """The last member with a key."""
    cdef Part found, part
    cdef Py_ssize_t at = blanks(data, 0, length), start
    cdef bint escaped = False
    found.kind = ABSENT
    found.first = found.stop = 0
    if at >= length or data[at] != 123:
        return found
    at = blanks(data, at + 1, length)
    while at < length and data[at] == 34:
        start = at + 1
        at = behind_string(data, at, length, &escaped)
        if escaped:
            break
        part = value_at(data, blanks(data, blanks(data, at, length) + 1, length), length)
        if at - 1 - start == key_length and memcmp(data + start, key, key_length) == 0:
            found = part
        at = blanks(data, part.stop, length)
        if part.kind == STRANGE or (at < length and data[at] == 125):
            break
        at = blanks(data, at + 1, length)
    if escaped:
        found.kind = STRANGE
    return found


cdef Part item_of(const char *data, Py_ssize_t length, int64_t index) noexcept nogil:
    """The item of a number, from the end if that is negative; objects have none, and scalars are strange."""
    cdef Part found, part
    cdef int64_t number
    cdef Py_ssize_t at
    found.kind = ABSENT
    found.first = found.stop = 0
    at = blanks(data, 0, length)
    if at >= length or data[at] != 91:
        found.kind = ABSENT if at < length and data[at] == 123 else STRANGE
        return found
    if index < 0:
        index += _item_count(data, at, length)
        if index < 0:
            return found
    at = blanks(data, at + 1, length)
    number = 0
    while at < length and data[at] != 93:
        part = value_at(data, at, length)
        if number == index or part.kind == STRANGE:
            return part
        at = blanks(data, part.stop, length)
        if at < length and data[at] == 44:
            at = blanks(data, at + 1, length)
        number += 1
    return found


cdef int64_t _item_count(const char *data, Py_ssize_t at, Py_ssize_t length) noexcept nogil:
    cdef int64_t count = 0
    cdef Part part
    at = blanks(data, at + 1, length)
    while at < length and data[at] != 93:
        part = value_at(data, at, length)
        count += 1
        if part.kind == STRANGE:
            break
        at = blanks(data, part.stop, length)
        if at < length and data[at] == 44:
            at = blanks(data, at + 1, length)
    return count


cdef inline void keep_part(
    View *target, uint8_t *kind, const View *view, const char *data, Part part, bint as_text
) noexcept nogil:
    kind[0] = part.kind
    if part.kind == ABSENT or part.kind == STRANGE:
        return
    if as_text and part.kind == STRING:
        part.first += 1
        part.stop -= 1
    cut(target, view, data, part.first, part.stop)


def member_views(const uint8_t[::1] store, views, bytes key, bint as_text):
    """The views of the members with a key, plain strings without their quotes if as text; and their kinds."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t rows = len(views), row, key_length = len(key)
    cdef const char *name = key
    cdef const char *data
    made = np.zeros(rows, views.dtype)
    kinds = np.zeros(rows, np.uint8)
    cdef View *target = <View *>first_of(made)
    cdef uint8_t[::1] kind = kinds
    with nogil:
        for row in range(rows):
            data = data_of(&view[row], base)
            keep_part(
                &target[row], &kind[row], &view[row], data,
                member_of(data, view[row].length, name, key_length), as_text,
            )
    return made, kinds


def item_views(const uint8_t[::1] store, views, int64_t index, bint as_text):
    """The same of the items of a number; scalars are strange."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t rows = len(views), row
    cdef const char *data
    made = np.zeros(rows, views.dtype)
    kinds = np.zeros(rows, np.uint8)
    cdef View *target = <View *>first_of(made)
    cdef uint8_t[::1] kind = kinds
    with nogil:
        for row in range(rows):
            data = data_of(&view[row], base)
            keep_part(
                &target[row], &kind[row], &view[row], data,
                item_of(data, view[row].length, index), as_text,
            )
    return made, kinds
