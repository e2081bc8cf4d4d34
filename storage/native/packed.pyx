"""The twin of storage/packed_loops.py: views for packed texts, numbers out of codes, codes of texts."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

from storage.native.blocks cimport TEXTS_A_START, VIEW_INLINE_MAX, View, fill_view

ctypedef fused code_t:
    uint8_t
    uint16_t
    uint32_t
    uint64_t

ctypedef fused number_t:
    uint8_t
    uint16_t
    uint32_t
    uint64_t


cdef void fill_numbers(
    const code_t *codes, number_t *numbers, const int64_t *slots, Py_ssize_t count, uint64_t base, uint64_t step
) noexcept nogil:
    """base + step * code, modulo the width of the numbers; slots NULL: of all codes."""
    cdef Py_ssize_t i
    cdef number_t low = <number_t>base, factor = <number_t>step
    if slots != NULL:
        for i in range(count):
            numbers[i] = low + factor * <number_t>codes[slots[i]]
    elif factor == 1:
        for i in range(count):
            numbers[i] = low + <number_t>codes[i]
    else:
        for i in range(count):
            numbers[i] = low + factor * <number_t>codes[i]


cdef void fill_width(
    const code_t *codes, unsigned char *numbers, int width, const int64_t *slots, Py_ssize_t count,
    uint64_t base, uint64_t step,
) noexcept nogil:
    if width == 8:
        fill_numbers(codes, <uint64_t *>numbers, slots, count, base, step)
    elif width == 4:
        fill_numbers(codes, <uint32_t *>numbers, slots, count, base, step)
    elif width == 2:
        fill_numbers(codes, <uint16_t *>numbers, slots, count, base, step)
    else:
        fill_numbers(codes, <uint8_t *>numbers, slots, count, base, step)


def framed_numbers(codes, base, step, dtype, slots):
    """The numbers that codes stand for, or those at some places."""
    cdef const unsigned char[::1] raw = codes.view(np.uint8)
    cdef const int64_t[::1] wanted
    cdef const int64_t *places = NULL
    cdef Py_ssize_t count = len(codes)
    cdef int code_width = codes.itemsize, width = dtype.itemsize
    cdef uint64_t low = <uint64_t><int64_t>base, factor = <uint64_t><int64_t>step
    if slots is not None:
        wanted = np.ascontiguousarray(slots, np.int64)
        count = wanted.shape[0]
    found = np.empty(count, dtype)
    if count == 0:
        return found
    if slots is not None:
        places = &wanted[0]
    cdef unsigned char[::1] target = found.view(np.uint8)
    with nogil:
        if code_width == 1:
            fill_width(<const uint8_t *>&raw[0], &target[0], width, places, count, low, factor)
        elif code_width == 2:
            fill_width(<const uint16_t *>&raw[0], &target[0], width, places, count, low, factor)
        elif code_width == 4:
            fill_width(<const uint32_t *>&raw[0], &target[0], width, places, count, low, factor)
        else:
            fill_width(<const uint64_t *>&raw[0], &target[0], width, places, count, low, factor)
    return found


cdef inline uint32_t length_at(const uint8_t *lengths, int width, Py_ssize_t slot) noexcept nogil:
    return lengths[slot] if width == 1 else (<const uint16_t *>lengths)[slot]


def packed_views(
    const unsigned char[::1] store, lengths, const uint32_t[::1] starts, uint64_t address, slots
):
    """The views of all texts, or of some, as bytes; the first text lies at the address."""
    cdef int width = lengths.itemsize
    cdef const uint8_t[::1] raw = lengths.view(np.uint8)
    cdef const int64_t[::1] wanted
    cdef Py_ssize_t count = len(lengths), i, slot, before
    cdef uint64_t place = address
    cdef uint32_t length
    cdef uint8_t[::1] target
    cdef View *view
    cdef bint picks = slots is not None
    if picks:
        wanted = np.ascontiguousarray(slots, np.int64)
        count = wanted.shape[0]
    found = np.empty(16 * count, np.uint8)
    if count == 0:
        return found
    target = found
    view = <View *>&target[0]
    with nogil:
        for i in range(count):
            slot = i
            if picks:
                slot = wanted[i]
                place = address + starts[slot // TEXTS_A_START]
                for before in range(slot // TEXTS_A_START * TEXTS_A_START, slot):
                    place += length_at(&raw[0], width, before)
            length = length_at(&raw[0], width, slot)
            fill_view(view + i, &store[0], place, length)
            place += length
    return found


cdef struct Word:
    uint64_t hash
    uint32_t slot  # where it is first
    uint32_t number_plus_one  # 0: no word has this place


cdef struct Words:
    Word *places
    uint64_t mask
    uint32_t count


cdef inline uint64_t mixed(uint64_t hash, uint64_t word) noexcept nogil:
    hash = (hash ^ word) * <uint64_t>0x9E3779B97F4A7C15
    return hash ^ (hash >> 29)


cdef inline uint64_t text_hash(const View *view, const uint8_t *store) noexcept nogil:
    cdef const uint64_t *words = <const uint64_t *>view
    cdef uint64_t hash = mixed(0, words[0]), word
    cdef const uint8_t *text
    cdef uint32_t left
    if view.length <= VIEW_INLINE_MAX:
        return mixed(hash, words[1])
    text, left = store + view.address, view.length
    while left >= 8:
        memcpy(&word, text, 8)
        hash = mixed(hash, word)
        text, left = text + 8, left - 8
    word = 0
    memcpy(&word, text, left)
    return mixed(hash, word)


cdef inline bint equal_texts(const View *one, const View *other, const uint8_t *store) noexcept nogil:
    cdef const uint64_t *left = <const uint64_t *>one
    cdef const uint64_t *right = <const uint64_t *>other
    if left[0] != right[0]:
        return False
    if one.length <= VIEW_INLINE_MAX or left[1] == right[1]:
        return left[1] == right[1]
    return memcmp(store + one.address, store + other.address, one.length) == 0


cdef bint double_words(Words *words) noexcept nogil:
    """Make room for twice as many; false: there is no memory."""
    cdef uint64_t mask = 2 * words.mask + 1, old, at
    cdef Word *places = <Word *>calloc(mask + 1, sizeof(Word))
    if places == NULL:
        return False
    for old in range(words.mask + 1):
        if words.places[old].number_plus_one:
            at = words.places[old].hash & mask
            while places[at].number_plus_one:
                at = (at + 1) & mask
            places[at] = words.places[old]
    free(words.places)
    words.places, words.mask = places, mask
    return True


cdef int number_texts(
    Words *words, const View *views, const uint8_t *store, Py_ssize_t count, uint32_t word_max,
    uint32_t *codes, int64_t *first,
) noexcept nogil:
    """Number all texts; 0: there are more words than may be, -1: there is no memory."""
    cdef Py_ssize_t slot
    cdef uint64_t hash, at
    for slot in range(count):
        if slot and (<const uint64_t *>(views + slot))[0] == (<const uint64_t *>(views + slot - 1))[0] and equal_texts(
            views + slot, views + slot - 1, store
        ):
            codes[slot] = codes[slot - 1]
            continue
        hash = text_hash(views + slot, store)
        at = hash & words.mask
        while words.places[at].number_plus_one and (
            words.places[at].hash != hash or not equal_texts(views + words.places[at].slot, views + slot, store)
        ):
            at = (at + 1) & words.mask
        if not words.places[at].number_plus_one:
            if words.count == word_max:
                return 0
            words.places[at].hash = hash
            words.places[at].slot = <uint32_t>slot
            words.count += 1
            words.places[at].number_plus_one = words.count
            first[words.count - 1] = slot
            codes[slot] = words.count - 1
            if <uint64_t>words.count * 2 > words.mask and not double_words(words):
                return -1
            continue
        codes[slot] = words.places[at].number_plus_one - 1
    return 1


def text_codes(const unsigned char[::1] store, views, Py_ssize_t word_max):
    """For each text the number of its word, in order of first appearance, and where each word is first."""
    cdef Py_ssize_t count = len(views)
    cdef const unsigned char[::1] raw
    cdef uint32_t[::1] code_of
    cdef int64_t[::1] first_of
    cdef uint32_t limit = <uint32_t>min(word_max, count)
    cdef Words words
    cdef int done = 1
    codes, first = np.empty(count, np.uint32), np.empty(max(1, limit), np.int64)
    if count == 0:
        return codes, first[:0]
    raw = np.ascontiguousarray(views).view(np.uint8).reshape(-1)
    code_of, first_of = codes, first
    words.mask, words.count = 255, 0
    words.places = <Word *>calloc(256, sizeof(Word))
    if words.places == NULL:
        raise MemoryError
    with nogil:
        done = number_texts(&words, <const View *>&raw[0], &store[0], count, limit, &code_of[0], &first_of[0])
        free(words.places)
    if done < 0:
        raise MemoryError
    return (codes, first[:words.count].copy()) if done else None
