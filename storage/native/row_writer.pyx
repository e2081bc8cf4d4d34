"""How storage/row_paths.py's twin writes one version of a row: where it goes, its values, its header."""

cimport cython

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItem, PyDict_Next
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy, memset

from storage.native.blocks cimport View
from storage.native.change cimport Change
from storage.native.row_reader cimport (
    BYTES, FIXED16, FLOAT32, FLOAT64, INLINE_MAX, LARGE_MIN, WIDTHS, Place, RowReader,
)
from storage.native.slots cimport Slot, read_slot, slot_named, write_slot
from storage.native.version cimport Version

from storage.rows import take_heap

cdef enum:
    HEAP_FIELDS_OFFSET = 32

cdef Slot CHANGE_NO = slot_named("change_no")
cdef Slot FREE_SLOTS = slot_named("free")
cdef Slot HOLES = slot_named("holes")
cdef Slot STAMP_MAX = slot_named("stamp_max")
cdef Slot USED = slot_named("used")


cdef int add_to(instance, Slot *slot, int64_t number) except -1:
    """Count on, in what a slot keeps."""
    return write_slot(instance, slot, <int64_t>read_slot(instance, slot) + number)


cdef int note_change(group, uint64_t stamp) except -1:
    """A group is no more what it was."""
    add_to(group, &CHANGE_NO, 1)
    if <uint64_t>read_slot(group, &STAMP_MAX) < stamp:
        write_slot(group, &STAMP_MAX, stamp)
    return 0


cdef inline bint is_large(value):
    return type(value) is bytes and PyBytes_GET_SIZE(value) >= LARGE_MIN


cdef class RowWriter(RowReader):
    """Writes versions into the slots of one relation's groups; who may, and what is said of it, is for others."""

    @cython.final
    cdef tuple slot_for(self, table, uint64_t xid, Py_ssize_t group_no):
        """The twin of RowGroups.place, for the three places most rows go to."""
        cdef Place *place
        cdef Py_ssize_t last = len(self.group_list) - 1
        if last < 0 or last >= self.place_count or self.group_list[last] is None:
            return table.groups.place(xid, group_no)
        group = self.group_list[group_no]
        if group is not None and group_no < self.place_count:
            free_slots = read_slot(group, &FREE_SLOTS)
            if free_slots and self.is_open(self.places + group_no):
                return group, free_slots[len(free_slots) - 1]
        if not self.reusable:
            group = self.group_list[last]
            place = self.places + last
            used = read_slot(group, &USED)
            if place.address and used < place.capacity and self.is_open(place):
                return group, used
        for other in self.reusable:
            group_no = other
            group = self.group_list[group_no]
            if group is not None and group_no < self.place_count:
                free_slots = read_slot(group, &FREE_SLOTS)
                if free_slots and self.is_open(self.places + group_no):
                    return group, free_slots[len(free_slots) - 1]
            break
        return table.groups.place(xid, group_no)

    @cython.final
    cdef bint fits(self, values) except -1:
        """Whether no value needs pages of its own."""
        cdef PyObject *value
        cdef Py_ssize_t at = 0
        if type(values) is dict:
            while PyDict_Next(values, &at, NULL, &value):
                if is_large(<object>value):
                    return False
            return True
        if type(values) is not list and type(values) is not tuple:
            return False
        for each in values:
            if is_large(each):
                return False
        return len(values) == self.kind_count

    @cython.final
    cdef bint may_copy(self, Place *place, uint64_t slot, values) except -1:
        """Whether the values an update keeps are in the old version's group, and are not large."""
        if type(values) is not dict:
            return True
        if place.is_sealed:
            return place.column_count == self.kind_count
        return self.is_open(place) and not self.has_large(place, slot)

    @cython.final
    cdef bint has_large(self, Place *place, uint64_t slot) except -1:
        """Whether the slot still owns a value with pages of its own."""
        cdef Py_ssize_t column
        for column in range(self.kind_count):
            if self.kinds[column] == BYTES and (
                <View *>(self.table.bytes + place.columns[column]) + slot
            ).length >= LARGE_MIN:
                return True
        return False

    @cython.final
    cdef int write_version(self, Change change, uint64_t row_id, Version *version) except -1:
        cdef Place *place = self.place_of(row_id)
        return change.write_raw(place.versions + 32 * (row_id & 0xFFFF), version, 32)

    @cython.final
    cdef int write_row(
        self, Change change, group, Place *place, uint64_t slot, uint64_t stamp,
        uint64_t following, values, Place *old, uint64_t old_slot,
    ) except -1:
        """Write values and header of one version; what a dict leaves out is copied from the old."""
        cdef Version header
        cdef uint64_t words[32]
        cdef Py_ssize_t column, word_count = (self.kind_count + 63) // 64
        cdef PyObject *item
        cdef bint partly = type(values) is dict
        assert word_count <= 32
        memset(words, 0, sizeof(words))
        for column in range(self.kind_count):
            if partly:
                item = PyDict_GetItem(values, column)
                if item == NULL:
                    if self.is_null(old, old_slot, column):
                        words[column // 64] |= <uint64_t>1 << (column & 63)
                    else:
                        self.copy_value(change, group, place, slot, column, old, old_slot)
                    continue
                value = <object>item
            else:
                value = values[column]
            if value is None:
                words[column // 64] |= <uint64_t>1 << (column & 63)
            else:
                self.write_value(change, group, place, slot, column, value)
        header.xmin = stamp
        header.xmax = 0
        header.following = following
        header.nulls = words[0]
        for column in range(1, word_count):
            change.write_word(
                place.more_nulls + 8 * ((column - 1) * place.capacity + slot), words[column]
            )
        return change.write_raw(place.versions + 32 * slot, &header, 32)

    @cython.final
    cdef int copy_value(
        self, Change change, group, Place *place, uint64_t slot, Py_ssize_t column,
        Place *old, uint64_t old_slot,
    ) except -1:
        cdef unsigned char kind = self.kinds[column]
        cdef uint64_t width = WIDTHS[kind]
        if old.is_sealed:
            return self.write_value(
                change, group, place, slot, column, self.value_of(old, old_slot, column)
            )
        cdef const unsigned char *at = self.table.bytes + old.columns[column] + width * old_slot
        cdef const View *view = <const View *>at
        if kind == BYTES and view.length > INLINE_MAX:
            return self.write_string(
                change, group, place, slot, column,
                <const char *>self.table.bytes + view.address, view.length,
            )
        return change.write_raw(place.columns[column] + width * slot, at, width)

    @cython.final
    cdef int write_value(
        self, Change change, group, Place *place, uint64_t slot, Py_ssize_t column, value
    ) except -1:
        cdef unsigned char kind = self.kinds[column]
        cdef uint64_t width = WIDTHS[kind]
        cdef int64_t number
        cdef double real
        cdef float small
        cdef unsigned char scratch[16]
        if kind == BYTES:
            if type(value) is not bytes:
                raise TypeError(f"bytes expected, not {type(value).__name__}")
            return self.write_string(
                change, group, place, slot, column,
                PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value),
            )
        if kind == FLOAT64:
            real = value
            memcpy(scratch, &real, 8)
        elif kind == FLOAT32:
            small = value
            memcpy(scratch, &small, 4)
        elif kind == FIXED16:
            assert type(value) is bytes and len(value) == 16
            memcpy(scratch, PyBytes_AS_STRING(value), 16)
        else:
            number = value
            assert width == 8 or -(<int64_t>1 << (8 * width - 1)) <= number < (
                <int64_t>1 << (8 * width - 1)
            ), "value out of range"
            memcpy(scratch, &number, 8)
        return change.write_raw(place.columns[column] + width * slot, scratch, width)

    @cython.final
    cdef int write_string(
        self, Change change, group, Place *place, uint64_t slot, Py_ssize_t column,
        const char *data, uint64_t length,
    ) except -1:
        cdef uint64_t address = place.columns[column] + 16 * slot, needed = (length + 7) & ~7
        cdef const View *old = <const View *>(self.table.bytes + address)
        cdef View view
        cdef uint64_t fields[2]
        cdef uint64_t used
        memset(&view, 0, sizeof(View))
        view.length = length
        if length <= INLINE_MAX:
            memcpy(view.prefix, data, length)
            return change.write_raw(address, &view, 16)
        memcpy(view.prefix, data, 4)
        if old.length > INLINE_MAX and ((old.length + 7) & ~7) >= needed:
            view.address = old.address
        else:
            used = group.heap_used
            if used + needed <= <uint64_t>group.heap_pages << self.table.shift:
                fields[0] = group.heap_chunk
                fields[1] = used + needed
                view.address = (fields[0] << self.table.shift) + used
                change.write_raw(place.address + HEAP_FIELDS_OFFSET, fields, 16)
                group.heap_used = used + needed
            else:
                view.address = take_heap(self.pager, change, group, needed)
        change.write_raw(view.address, data, length)
        return change.write_raw(address, &view, 16)

    @cython.final
    cdef int took(self, group, uint64_t slot, uint64_t stamp) except -1:
        """A slot has got a row."""
        note_change(group, stamp)
        if slot == <uint64_t>read_slot(group, &USED):
            write_slot(group, &USED, slot + 1)
        else:
            (<list>read_slot(group, &FREE_SLOTS)).pop()
            add_to(group, &HOLES, -1)
        return 0

    @cython.final
    cdef int give_up(self, Change change) except -1:
        if change.is_open:
            change.abandon()
        self.groups.forget()
        return 0
