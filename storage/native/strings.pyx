"""The twin of the loops of storage/strings.py: values behind views, and views for values."""

import numpy as np

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

cdef extern from "Python.h":
    void Py_INCREF(object)
    object PyUnicode_DecodeUTF8(const char *, Py_ssize_t, const char *)
    object PyUnicode_New(Py_ssize_t, Py_UCS4)
    void *PyUnicode_1BYTE_DATA(object)

cdef enum:
    INLINE_MAX = 12
    LARGE_MIN = 65536


cdef struct View:
    uint32_t length
    char prefix[4]
    uint64_t address


cdef inline const char *data_of(const View *view, const unsigned char *store) noexcept nogil:
    if view.length <= INLINE_MAX:
        return &view.prefix[0]
    return <const char *>store + view.address


cdef inline bint is_ascii(const char *data, Py_ssize_t length) noexcept:
    cdef uint64_t word, bits = 0
    cdef Py_ssize_t i = 0
    while i + 8 <= length:
        memcpy(&word, data + i, 8)
        bits |= word
        i += 8
    while i < length:
        bits |= <unsigned char>data[i]
        i += 1
    return not bits & <uint64_t>0x8080808080808080


def _view_bytes(views):
    """The views as plain bytes, without a copy where they lie side by side."""
    return np.ascontiguousarray(views).view(np.uint8).reshape(-1)


def gather_bytes(const unsigned char[::1] store, views):
    """The values behind the views."""
    cdef Py_ssize_t count = len(views), i
    cdef list found = PyList_New(count)
    cdef const unsigned char[::1] raw
    cdef const View *view
    if count == 0:
        return found
    raw = _view_bytes(views)
    view = <const View *>&raw[0]
    for i in range(count):
        value = PyBytes_FromStringAndSize(data_of(view + i, &store[0]), view[i].length)
        Py_INCREF(value)
        PyList_SET_ITEM(found, i, value)
    return found


def gather_str(const unsigned char[::1] store, views):
    """The values behind the views, decoded from UTF-8."""
    cdef Py_ssize_t count = len(views), i, length
    cdef list found = PyList_New(count)
    cdef const unsigned char[::1] raw
    cdef const View *view
    cdef const char *data
    if count == 0:
        return found
    raw = _view_bytes(views)
    view = <const View *>&raw[0]
    for i in range(count):
        data = data_of(view + i, &store[0])
        length = view[i].length
        if length and is_ascii(data, length):
            value = PyUnicode_New(length, 127)
            memcpy(PyUnicode_1BYTE_DATA(value), data, length)
        else:
            value = PyUnicode_DecodeUTF8(data, length, NULL)
        Py_INCREF(value)
        PyList_SET_ITEM(found, i, value)
    return found


def gather_blob(const unsigned char[::1] store, views):
    """All values end to end, and the offsets between them."""
    cdef Py_ssize_t count = len(views), i
    cdef int64_t total = 0
    cdef const unsigned char[::1] raw
    cdef unsigned char[::1] target
    cdef int64_t[::1] offset_of
    cdef const View *view = NULL
    cdef unsigned char *place = NULL
    offsets = np.zeros(count + 1, np.int64)
    offset_of = offsets
    if count:
        raw = _view_bytes(views)
        view = <const View *>&raw[0]
    for i in range(count):
        total += view[i].length
        offset_of[i + 1] = total
    blob = np.empty(total, np.uint8)
    if total:
        target = blob
        place = &target[0]
    with nogil:
        for i in range(count):
            memcpy(place + offset_of[i], data_of(view + i, &store[0]), view[i].length)
    return blob, offsets


def measure_strings(values):
    """Heap bytes that values longer than inline ones take; -1: some need pages of their own."""
    cdef Py_ssize_t total = 0, length
    for value in values:
        if value is None:
            continue
        if type(value) is not bytes:
            raise TypeError(f"bytes expected, not {type(value).__name__}")
        length = PyBytes_GET_SIZE(value)
        if length >= LARGE_MIN:
            return -1
        if length > INLINE_MAX:
            total += (length + 7) & ~7
    return total


def pack_strings(values, Py_ssize_t heap_bytes, uint64_t address):
    """The views of values, none of them large, and the heap content they point to from address."""
    cdef Py_ssize_t count = len(values), i = 0, length, used = 0
    cdef bytes views = PyBytes_FromStringAndSize(NULL, 16 * count)
    cdef bytes heap = PyBytes_FromStringAndSize(NULL, heap_bytes)
    cdef View *view = <View *>PyBytes_AS_STRING(views)
    cdef char *target = PyBytes_AS_STRING(heap)
    memset(view, 0, 16 * count)
    memset(target, 0, heap_bytes)
    for value in values:
        if value is not None:
            length = PyBytes_GET_SIZE(value)
            view[i].length = length
            if length <= INLINE_MAX:
                memcpy(view[i].prefix, PyBytes_AS_STRING(value), length)
            else:
                memcpy(view[i].prefix, PyBytes_AS_STRING(value), 4)
                memcpy(target + used, PyBytes_AS_STRING(value), length)
                view[i].address = address + used
                used += (length + 7) & ~7
        i += 1
    return views, heap


def measure_blob(const int64_t[::1] offsets not None):
    """`measure_strings` of values that lie end to end."""
    cdef Py_ssize_t i, length, total = 0
    for i in range(offsets.shape[0] - 1):
        length = offsets[i + 1] - offsets[i]
        if length >= LARGE_MIN:
            return -1
        if length > INLINE_MAX:
            total += (length + 7) & ~7
    return total


def blob_views(const unsigned char[::1] blob, const int64_t[::1] offsets not None):
    """The views of values that lie end to end; of long ones the address is where they begin there."""
    cdef Py_ssize_t count = offsets.shape[0] - 1, i, length
    cdef bytearray views = bytearray(16 * count)
    cdef View *view = <View *><char *>views
    cdef const char *data = NULL
    if blob.shape[0]:
        data = <const char *>&blob[0]
    with nogil:
        for i in range(count):
            length = offsets[i + 1] - offsets[i]
            view[i].length = length
            if length <= INLINE_MAX:
                memcpy(view[i].prefix, data + offsets[i], length)
            else:
                memcpy(view[i].prefix, data + offsets[i], 4)
                view[i].address = offsets[i]
    return views


def pack_blob(
    const unsigned char[::1] blob, const int64_t[::1] offsets not None,
    Py_ssize_t heap_bytes, uint64_t address,
):
    """`pack_strings` of values that lie end to end."""
    cdef Py_ssize_t count = offsets.shape[0] - 1, i, length, used = 0
    cdef bytes views = PyBytes_FromStringAndSize(NULL, 16 * count)
    cdef bytes heap = PyBytes_FromStringAndSize(NULL, heap_bytes)
    cdef View *view = <View *>PyBytes_AS_STRING(views)
    cdef char *target = PyBytes_AS_STRING(heap)
    cdef const char *data = NULL
    if blob.shape[0]:
        data = <const char *>&blob[0]
    memset(view, 0, 16 * count)
    memset(target, 0, heap_bytes)
    with nogil:
        for i in range(count):
            length = offsets[i + 1] - offsets[i]
            view[i].length = length
            if length <= INLINE_MAX:
                memcpy(view[i].prefix, data + offsets[i], length)
            else:
                memcpy(view[i].prefix, data + offsets[i], 4)
                memcpy(target + used, data + offsets[i], length)
                view[i].address = address + used
                used += (length + 7) & ~7
    return views, heap
