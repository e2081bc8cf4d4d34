"""The half of storage/row_paths.py's twin that reads: single rows without an object for anything but their values.

What it knows of a group is its address arithmetic; all else of a group's summary stays in the RowGroup.
"""

cimport cython

import numpy as np

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport int16_t, int32_t, int64_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memset

from storage.native.blocks cimport (
    BLOCK_BYTES, DICTIONARY, FRAME, PACKED, Block, View, code_at, framed_at, text_place, words_of,
)
from storage.native.commit_log cimport CommitLog, Snapshot
from storage.native.version cimport INNER, KEY_CHANGED, NEWER, ROW_ID_MASK, Version

from storage.columns import missing_value

cdef extern from "Python.h":
    void Py_INCREF(object)
    object PyLong_FromLongLong(long long)


cdef inline object plain_value(const unsigned char *at, unsigned char kind):
    """A value of any kind but BYTES."""
    if kind == INT32:
        return PyLong_FromLongLong((<const int32_t *>at)[0])
    if kind == INT64:
        return PyLong_FromLongLong((<const int64_t *>at)[0])
    if kind == INT16:
        return PyLong_FromLongLong((<const int16_t *>at)[0])
    if kind == FLOAT64:
        return (<const double *>at)[0]
    if kind == FLOAT32:
        return <double>(<const float *>at)[0]
    if kind == BOOL:
        return at[0] != 0
    return PyBytes_FromStringAndSize(<const char *>at, 16)


cdef object sealed_value(const Block *block, uint64_t slot, unsigned char kind):
    """The value of one slot of a sealed group's column."""
    cdef uint64_t number
    cdef const unsigned char *start
    if block.encoding == DICTIONARY:
        slot = code_at(block, slot)
        block = words_of(block)
    start = <const unsigned char *>block
    if block.encoding == PACKED:
        return PyBytes_FromStringAndSize(
            <const char *>start + text_place(block, slot), code_at(block, slot)
        )
    if block.encoding == FRAME:
        number = framed_at(block, slot)
        return plain_value(<const unsigned char *>&number, kind)
    return plain_value(start + BLOCK_BYTES + WIDTHS[kind] * slot, kind)



cdef class RowReader:
    """Reads the rows of one relation, one at a time."""

    def __cinit__(self, groups, CommitLog log not None, dict locks not None):
        self.groups = groups
        self.locks = locks
        self.log = log
        self.newest = {}
        self.pager = groups.pager
        self.change = groups.pager.change
        self.table = groups.pager.table
        self.reusable = groups.reusable
        self.group_list = groups.known
        self.read_kinds()

    def __dealloc__(self):
        self.clear()
        free(self.kinds)

    @cython.final
    cdef int read_kinds(self) except -1:
        cdef Py_ssize_t i
        kinds = self.groups.kinds
        free(self.kinds)
        self.kind_count = len(kinds)
        self.kinds = <unsigned char *>malloc(self.kind_count + 1)
        for i in range(self.kind_count):
            self.kinds[i] = kinds[i]
        return 0

    @cython.final
    cdef void clear(self) noexcept:
        cdef Py_ssize_t i
        for i in range(self.place_count):
            free(self.places[i].columns)
        free(self.places)
        self.places = NULL
        self.place_count = 0

    def forget(self):
        """All groups are to be read anew."""
        self.clear()
        self.newest.clear()
        self.group_list = self.groups.known
        self.read_kinds()

    def set_group(self, group):
        """A group was read, added or moved."""
        cdef Py_ssize_t group_no = group.group_no, count, i
        cdef Place *place
        cdef uint64_t address = group.address
        layout = group.layout
        offsets = layout.columns
        if group_no >= self.place_count:
            count = max(group_no + 1, 2 * self.place_count)
            self.places = <Place *>realloc(self.places, count * sizeof(Place))
            memset(self.places + self.place_count, 0, (count - self.place_count) * sizeof(Place))
            self.place_count = count
        place = self.places + group_no
        free(place.columns)
        place.column_count = len(offsets)
        place.columns = <uint64_t *>malloc((place.column_count + 1) * sizeof(uint64_t))
        for i in range(place.column_count):
            place.columns[i] = address + <uint64_t>offsets[i]
        place.is_alike = group.is_alike
        if place.is_alike:  # the group keeps the array
            place.versions = <uint64_t>group.versions.ctypes.data - <uint64_t>self.table.bytes
        else:
            place.versions = address + <uint64_t>layout.versions
        place.more_nulls = address + <uint64_t>layout.more_nulls
        place.capacity = layout.capacity
        place.is_sealed = group.is_sealed
        place.address = address

    @cython.final
    cdef Place *new_place(self, Py_ssize_t group_no) except NULL:
        self.set_group(self.groups[group_no])
        return self.places + group_no

    @cython.final
    cdef object group_of(self, uint64_t row_id):
        group = self.group_list[row_id >> 16]
        return self.groups[row_id >> 16] if group is None else group

    @cython.final
    cdef int64_t find_raw(self, Snapshot snapshot, uint64_t root_id) except -2:
        cdef Version *version
        cdef uint64_t row_id = root_id
        if self.newest:
            newest = self.newest.get(root_id)
            if newest is not None:
                version = self.version_of(newest)
                if (
                    version.following & (INNER | NEWER | ROW_ID_MASK) == INNER | root_id
                    and snapshot.visible_raw(version.xmin, version.xmax)
                ):
                    return newest
        while True:
            version = self.version_of(row_id)
            if snapshot.visible_raw(version.xmin, version.xmax):
                return row_id
            if not version.following & NEWER:
                return -1
            row_id = version.following & ROW_ID_MASK

    def find(self, Snapshot snapshot not None, uint64_t root_id):
        """The row id of the version of a row that the snapshot sees, or -1."""
        return self.find_raw(snapshot, root_id)

    def find_many(self, Snapshot snapshot not None, ids not None):
        """The row ids seen of many rows, and which of the ids asked for they belong to."""
        cdef int64_t[::1] wanted = np.ascontiguousarray(ids, np.int64)
        cdef Py_ssize_t count = wanted.shape[0], i, found = 0
        row_ids = np.empty(count, np.int64)
        positions = np.empty(count, np.int64)
        cdef int64_t[::1] row_id_of = row_ids
        cdef int64_t[::1] position_of = positions
        cdef int64_t row_id
        for i in range(count):
            row_id = self.find_raw(snapshot, wanted[i])
            if row_id >= 0:
                row_id_of[found] = row_id
                position_of[found] = i
                found += 1
        return row_ids[:found], positions[:found]

    def fetch(self, Snapshot snapshot not None, uint64_t root_id, columns):
        """The values of the version of a row that the snapshot sees."""
        cdef int64_t row_id = self.find_raw(snapshot, root_id)
        return None if row_id < 0 else self.values_raw(row_id, columns)

    def values(self, uint64_t row_id, columns):
        """The values of exactly this version, visible or not."""
        return self.values_raw(row_id, columns)

    @cython.final
    cdef object values_raw(self, uint64_t row_id, columns):
        cdef Place *place = self.place_of(row_id)
        cdef Py_ssize_t count = self.kind_count if columns is None else len(columns)
        cdef Py_ssize_t i, column
        cdef tuple row = PyTuple_New(count)
        for i in range(count):
            column = i if columns is None else columns[i]
            value = self.value_of(place, row_id & 0xFFFF, column)
            Py_INCREF(value)
            PyTuple_SET_ITEM(row, i, value)
        return row

    @cython.final
    cdef tuple values_from(self, uint64_t row_id, tuple columns, Py_ssize_t first):
        """The values of the columns from the first on."""
        cdef Place *place = self.place_of(row_id)
        cdef Py_ssize_t count = len(columns) - first, i
        cdef tuple row = PyTuple_New(count)
        for i in range(count):
            value = self.value_of(place, row_id & 0xFFFF, columns[first + i])
            Py_INCREF(value)
            PyTuple_SET_ITEM(row, i, value)
        return row

    @cython.final
    cdef bint has_values(self, uint64_t row_id, tuple columns, Py_ssize_t count, parts) except -1:
        """Whether the first columns have these values."""
        cdef Place *place = self.place_of(row_id)
        cdef uint64_t slot = row_id & 0xFFFF
        cdef Py_ssize_t i, column
        cdef const unsigned char *at
        for i in range(count):
            column = columns[i]
            part = parts[i]
            if column < <Py_ssize_t>place.column_count and not place.is_sealed and (
                self.kinds[column] == INT32 or self.kinds[column] == INT64
            ) and part is not None and not self.is_null(place, slot, column):
                at = self.table.bytes + place.columns[column] + WIDTHS[self.kinds[column]] * slot
                if <int64_t>part != (
                    (<const int32_t *>at)[0] if self.kinds[column] == INT32 else (<const int64_t *>at)[0]
                ):
                    return False
            elif self.value_of(place, slot, column) != part:
                return False
        return True

    @cython.final
    cdef object value_of(self, Place *place, uint64_t slot, Py_ssize_t column):
        cdef const unsigned char *at
        cdef unsigned char kind
        if column >= place.column_count:
            return missing_value(self.pager.store, self.groups.header.columns[column])
        if self.is_null(place, slot, column):
            return None
        kind = self.kinds[column]
        if place.is_sealed:
            return sealed_value(
                <const Block *>(self.table.bytes + place.columns[column]), slot, kind
            )
        at = self.table.bytes + place.columns[column] + WIDTHS[kind] * slot
        if kind == BYTES:
            return self.string_at(<const View *>at)
        return plain_value(at, kind)

    @cython.final
    cdef object string_at(self, const View *view):
        if view.length <= INLINE_MAX:
            return PyBytes_FromStringAndSize(view.prefix, view.length)
        if view.length >= LARGE_MIN:
            self.table.check(
                view.address >> self.table.shift,
                (view.length + self.table.page_bytes - 1) >> self.table.shift,
            )
        return PyBytes_FromStringAndSize(
            <const char *>self.table.bytes + view.address, view.length
        )

    def seen(self, Snapshot snapshot not None, list root_ids not None):
        """The row ids seen of many rows; None: one of these rows has had another key, so that entries may err."""
        cdef list found = []
        cdef uint64_t root_id
        cdef int64_t row_id
        for root in root_ids:
            root_id = root
            row_id = self.find_raw(snapshot, root_id)
            if row_id < 0:
                continue
            if self.has_moved(root_id):
                return None
            found.append(row_id)
        return found

    def many_values(self, list row_ids not None, tuple columns not None):
        """`values` of many versions."""
        cdef list found = []
        for row_id in row_ids:
            found.append(self.values_raw(row_id, columns))
        return found

    def root(self, uint64_t row_id):
        """The root id of the row a version belongs to."""
        return self.root_raw(row_id)

    @cython.final
    cdef uint64_t root_raw(self, uint64_t row_id) except? 0xFFFFFFFFFFFFFFFF:
        """The twin of storage.chains.root_of."""
        cdef Version *version = self.version_of(row_id)
        if not version.following & INNER:
            return row_id
        while version.following & NEWER:
            row_id = version.following & ROW_ID_MASK
            version = self.version_of(row_id)
        return version.following & ROW_ID_MASK if version.following & INNER else row_id

    def key_changed(self, uint64_t root_id):
        """Whether a version of the row has another key than the one before it."""
        return self.has_moved(root_id)

    def keys_changed(self, root_ids):
        """The places of the rows for which `key_changed` says so."""
        cdef const int64_t[::1] root_of = np.ascontiguousarray(root_ids, np.int64)
        cdef Py_ssize_t place
        return [place for place in range(root_of.shape[0]) if self.has_moved(<uint64_t>root_of[place])]

    @cython.final
    cdef bint has_moved(self, uint64_t root_id) except -1:
        cdef Version *version = self.version_of(root_id)
        while not version.following & KEY_CHANGED:
            if not version.following & NEWER:
                return False
            version = self.version_of(version.following & ROW_ID_MASK)
        return True

    def visible_slots(self, Snapshot snapshot not None, group, Py_ssize_t used):
        """Which of a group's first `used` slots the snapshot sees; None: all of them."""
        cdef Py_ssize_t slot, found = 0
        cdef uint64_t array = group.versions.ctypes.data
        cdef const Version *versions = <const Version *>array
        cdef uint64_t settled = snapshot.xmin << 16, xmin, xmax
        cdef bint clean = not self.log.aborted, seen
        # The last stamps looked up: neighbours are mostly by the same transactions.
        cdef uint64_t last_xmin = 0, last_xmax = 0
        cdef bint saw_xmin = False, saw_xmax = False
        selection = np.empty(used, np.int64)
        cdef int64_t[::1] selected = selection
        for slot in range(used):
            xmin = versions[slot].xmin
            xmax = versions[slot].xmax
            if xmin == 0:
                continue
            if not (clean and xmin < settled):
                if xmin != last_xmin:
                    saw_xmin = snapshot.sees_raw(xmin)
                    last_xmin = xmin
                if not saw_xmin:
                    continue
            if xmax:
                if clean and xmax < settled:
                    continue
                if xmax != last_xmax:
                    saw_xmax = snapshot.sees_raw(xmax)
                    last_xmax = xmax
                if saw_xmax:
                    continue
            selected[found] = slot
            found += 1
        return None if found == used else selection[:found]
