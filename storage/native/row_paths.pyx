"""The twin of storage/row_paths.py: single rows without an object for anything but their values.

What it knows of a group is its address arithmetic; all else of a group's summary stays in the RowGroup,
which is touched by changes only.
"""

import cython
import numpy as np

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItem
from cpython.ref cimport PyObject
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport int16_t, int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from storage.native.blocks cimport (
    BLOCK_BYTES, DICTIONARY, FRAME, PACKED, Block, View, code_at, framed_at, text_place, words_of,
)
from storage.native.change cimport Change, PageTable
from storage.native.commit_log cimport CommitLog, Snapshot
from storage.native.slots cimport Slot, read_slot, slot_named, write_slot
from storage.native.work cimport Work

from storage.columns import missing_value
from storage.outcomes import Outcome, Status, Swept
from storage.rows import take_heap

cdef extern from "Python.h":
    void Py_INCREF(object)
    object PyLong_FromLongLong(long long)

cdef enum:
    BOOL = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    FLOAT32 = 5
    FLOAT64 = 6
    FIXED16 = 7
    BYTES = 8

cdef enum:
    INLINE_MAX = 12
    LARGE_MIN = 65536
    HEAP_FIELDS_OFFSET = 32
    CHAIN_MAX = 128
    UNDO_INSERT = 1
    UNDO_UPDATE = 3
    UNDO_DELETE = 4

cdef enum:
    NO_KEY_UPDATE = 3
    KEY_SHARE = 1
    UPDATE = 4

cdef enum:  # of keeps_key
    UNCLEAR = 0
    THERE = 1
    OWN = 2

cdef Slot CHANGE_NO = slot_named("change_no")
cdef Slot ENDED = slot_named("ended")
cdef Slot FREE_SLOTS = slot_named("free")
cdef Slot GROUP_NO = slot_named("group_no")
cdef Slot SHARED = slot_named("shared")
cdef Slot STAMP_MAX = slot_named("stamp_max")
cdef Slot USED = slot_named("used")

cdef object make_outcome = tuple.__new__
cdef object DONE = Status.DONE
BLOCKED = Status.BLOCKED
SELF_MODIFIED = Status.SELF_MODIFIED
UPDATED = Status.UPDATED
DELETED = Status.DELETED

cdef uint64_t ROW_ID_MASK = (<uint64_t>1 << 48) - 1
cdef uint64_t NEWER = <uint64_t>1 << 48
cdef uint64_t INNER = <uint64_t>1 << 49
cdef uint64_t KEY_CHANGED = <uint64_t>1 << 50
cdef uint64_t KEY_KEPT = <uint64_t>1 << 54
cdef uint64_t REDIRECT = <uint64_t>1 << 51
cdef uint64_t DEAD = <uint64_t>1 << 52
cdef uint64_t FREE = <uint64_t>1 << 53

# The twin of storage.locks.ROW_CONFLICTS.
cdef unsigned char[5] CONFLICTS = [0, 0b10000, 0b11000, 0b11100, 0b11110]

cdef unsigned char[9] WIDTHS = [0, 1, 2, 4, 8, 4, 8, 16, 16]


cdef inline bint keeps_key(Version *version) noexcept nogil:
    """The twin of storage.chains.Version.keeps_key."""
    return (
        version.following & NEWER != 0
        and version.following & (KEY_CHANGED | KEY_KEPT) != KEY_CHANGED
    )


cdef int note_change(group, uint64_t stamp) except -1:
    """A group is no more what it was."""
    write_slot(group, &CHANGE_NO, <int64_t>read_slot(group, &CHANGE_NO) + 1)
    if <uint64_t>read_slot(group, &STAMP_MAX) < stamp:
        write_slot(group, &STAMP_MAX, stamp)
    return 0


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


cdef class RowPaths:
    """The rows of one relation, one at a time."""

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

    cdef int read_kinds(self) except -1:
        cdef Py_ssize_t i
        kinds = self.groups.kinds
        free(self.kinds)
        self.kind_count = len(kinds)
        self.kinds = <unsigned char *>malloc(self.kind_count + 1)
        for i in range(self.kind_count):
            self.kinds[i] = kinds[i]
        return 0

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

    cdef bint is_open(self, Place *place) noexcept:
        """The twin of RowGroups.is_open."""
        return place.column_count == self.kind_count and not place.is_sealed

    cdef Place *place_of(self, uint64_t row_id) except NULL:
        cdef Py_ssize_t group_no = row_id >> 16
        if group_no >= self.place_count or self.places[group_no].address == 0:
            self.set_group(self.groups[group_no])
        return self.places + group_no

    cdef Version *version_of(self, uint64_t row_id) except NULL:
        cdef Place *place = self.place_of(row_id)
        return <Version *>(self.table.bytes + place.versions) + (row_id & 0xFFFF)

    cdef object group_of(self, uint64_t row_id):
        group = self.group_list[row_id >> 16]
        return self.groups[row_id >> 16] if group is None else group

    # Reading ---------------------------------------------------------------------------------

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

    cdef bint is_null(self, Place *place, uint64_t slot, Py_ssize_t column) noexcept:
        cdef Version *version = <Version *>(self.table.bytes + place.versions) + slot
        cdef uint64_t word = version.nulls
        if column >= 64:
            word = (<uint64_t *>(self.table.bytes + place.more_nulls))[
                (column // 64 - 1) * place.capacity + slot
            ]
        return word >> (column & 63) & 1

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

    def key_changed(self, uint64_t root_id):
        """Whether a version of the row has another key than the one before it."""
        return self.has_moved(root_id)

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

    # Changing --------------------------------------------------------------------------------

    cdef tuple slot_for(self, table, uint64_t xid, Py_ssize_t group_no):
        """The twin of Table.place, for the three places most rows go to."""
        cdef Place *place
        cdef Py_ssize_t last = len(self.group_list) - 1
        if last < 0 or last >= self.place_count or self.group_list[last] is None:
            return table.place(xid, group_no)
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
        return table.place(xid, group_no)

    def insert(self, table, Work transaction not None, values):
        """Add a row: its row id, or None for the long way."""
        cdef uint64_t stamp, row_id, slot
        cdef Place *place
        cdef Change change
        if not self.fits(values):
            return None
        stamp = transaction.stamp_raw()
        group, slot = self.slot_for(table, stamp >> 16, 0)
        row_id = (<uint64_t>read_slot(group, &GROUP_NO) << 16) | slot
        place = self.place_of(row_id)
        if read_slot(group, &SHARED) or self.has_large(place, slot):
            return None
        change = self.change
        change.begin_raw(stamp >> 16, False)
        try:
            self.write_row(change, group, place, slot, stamp, 0, values, NULL, 0)
            change.commit_raw()
        except BaseException:
            self.give_up(change)
            raise
        self.took(group, slot, stamp)
        transaction.undo.append((table, UNDO_INSERT, row_id, 0, None))
        return row_id

    cpdef object update(
        self, table, Work transaction, uint64_t row_id, values, bint key_changed, bint key_kept
    ):
        """Replace a version nobody stands in the way of, or None for the long way."""
        cdef Version *version = self.version_of(row_id)
        cdef Place *old_place = self.place_of(row_id)
        cdef Place *place
        cdef uint64_t root_id = row_id, stamp, slot, new_id, freed_count, i
        cdef uint64_t chain[CHAIN_MAX]
        cdef Version after[CHAIN_MAX]
        cdef bint changed[CHAIN_MAX]
        cdef uint64_t freed[CHAIN_MAX]
        cdef uint64_t reused = ROW_ID_MASK
        cdef Py_ssize_t length = 0, kept
        cdef Version header
        cdef Change change
        if (
            version.xmin == 0 or version.xmax or version.following & NEWER or old_place.is_alike
            or not self.fits(values) or not self.may_copy(old_place, row_id & 0xFFFF, values)
        ):
            return None
        if self.locks or self.newest:
            if self.root_raw(row_id) in self.newest:
                return None
            mode = UPDATE if key_changed and not key_kept else NO_KEY_UPDATE
            if self.locked(transaction, self.root_raw(row_id), mode):
                return None
        if version.following & INNER:
            root_id = version.following & ROW_ID_MASK
            length = self.read_chain(root_id, row_id, chain, after)
            if length < 0:
                return None
        stamp = transaction.stamp_raw()
        freed_count = 0
        kept = self.prune(length, chain, after, changed, freed, &freed_count)
        group = None
        if freed_count:
            # A slot of the same group, if there is one, else the last: hot pages stay hot.
            reused = freed_count - 1
            for i in range(freed_count):
                if freed[i] >> 16 == row_id >> 16:
                    reused = i
            group = self.group_of(freed[reused])
            slot = freed[reused] & 0xFFFF
            if not self.is_open(self.place_of(freed[reused])):
                return None
        else:
            group, slot = self.slot_for(table, stamp >> 16, row_id >> 16)
        new_id = (<uint64_t>read_slot(group, &GROUP_NO) << 16) | slot
        place = self.place_of(new_id)
        old_place = self.place_of(row_id)
        version = self.version_of(row_id)
        if read_slot(group, &SHARED) or self.has_large(place, slot):
            return None
        change = self.change
        change.begin_raw(stamp >> 16, False)
        try:
            for i in range(<uint64_t>kept):
                if changed[i]:
                    self.write_version(change, chain[i], &after[i])
            memset(&header, 0, sizeof(Version))
            header.following = FREE
            for i in range(freed_count):
                if i != reused:
                    self.write_version(change, freed[i], &header)
            self.write_row(
                change, group, place, slot, stamp, INNER | root_id, values,
                old_place, row_id & 0xFFFF,
            )
            header = version[0]
            old_flag = header.following & KEY_CHANGED
            header.xmax = stamp
            header.following = (
                NEWER | (header.following & (INNER | KEY_CHANGED))
                | (KEY_CHANGED if key_changed else 0)
                | (KEY_KEPT if key_changed and key_kept else 0) | new_id
            )
            self.write_version(change, row_id, &header)
            change.commit_raw()
        except BaseException:
            self.give_up(change)
            raise
        self.account(chain, freed, freed_count, reused)
        if freed_count:
            note_change(group, stamp)
        else:
            self.took(group, slot, stamp)
        old_group = self.group_of(row_id)
        write_slot(old_group, &ENDED, <int64_t>read_slot(old_group, &ENDED) + 1)
        note_change(old_group, stamp)
        transaction.undo.append((table, UNDO_UPDATE, row_id, new_id, old_flag))
        counts = table.counts
        counts.updated += 1
        if key_changed:
            counts.updated_keys += 1
        return make_outcome(Outcome, (DONE, 0, new_id, root_id))

    def delete(self, table, Work transaction not None, uint64_t row_id):
        """End a version nobody stands in the way of, or None for the long way."""
        cdef Version *version = self.version_of(row_id)
        cdef Place *place = self.place_of(row_id)
        cdef uint64_t stamp
        cdef Change change
        if version.xmin == 0 or version.xmax or version.following & NEWER or place.is_alike:
            return None
        if self.locks and self.locked(transaction, self.root_raw(row_id), UPDATE):
            return None
        stamp = transaction.stamp_raw()
        change = self.change
        change.begin_raw(stamp >> 16, False)
        try:
            change.write_word(place.versions + 32 * (row_id & 0xFFFF) + 8, stamp)
            change.commit_raw()
        except BaseException:
            self.give_up(change)
            raise
        group = self.group_of(row_id)
        if <uint64_t>group.stamp_max < stamp:
            group.stamp_max = stamp
        group.ended += 1
        group.change_no += 1
        transaction.undo.append((table, UNDO_DELETE, row_id, 0, None))
        return Outcome(DONE, 0, row_id, 0)

    def check(self, transaction, uint64_t row_id, int mode):
        """Why a version cannot be changed: an Outcome; True: it can; None: ask Conflicts."""
        cdef Version *version = self.version_of(row_id)
        cdef uint64_t last = row_id, at = row_id, root_id, xid, sequence
        cdef bint has_ended, has_key = mode == KEY_SHARE
        while version.xmax:
            xid = version.xmax >> 16
            if xid in transaction.xids:
                return Outcome(SELF_MODIFIED)
            sequence = self.log.sequence_raw(xid)
            if sequence == <uint64_t>-1:
                return None
            has_ended = True
            if sequence == 0:
                decided = self.log.decided.get(xid)
                if decided is None:
                    has_ended = False
                    if mode != KEY_SHARE or not keeps_key(version):
                        return Outcome(BLOCKED, xid)
                elif decided > transaction.seen_lsn:
                    transaction.seen_lsn = decided
            if not version.following & NEWER:
                return Outcome(DELETED)
            has_key = has_key and keeps_key(version)
            at = version.following & ROW_ID_MASK
            if has_ended:
                last = at
            version = self.version_of(at)
        root_id = self.root_raw(last)
        if self.locks:
            holder = self.locked(transaction, root_id, mode)
            if holder is not None:
                xids = <tuple>holder.xids
                return Outcome(BLOCKED, xids[len(xids) - 1])
        if last != row_id and not has_key:
            return Outcome(UPDATED, 0, last, root_id)
        return True

    def keeps_key(self, transaction, uint64_t root_id):
        """Whether a row is there with the key it has always had: THERE, OWN, or UNCLEAR."""
        cdef Version *version = self.version_of(root_id)
        cdef uint64_t xid, sequence
        while version.following & (NEWER | KEY_CHANGED) == NEWER:
            version = self.version_of(version.following & ROW_ID_MASK)
        if version.xmin == 0 or version.xmax or version.following & (NEWER | KEY_CHANGED | FREE):
            return UNCLEAR
        xid = version.xmin >> 16
        if xid in <tuple>transaction.xids:
            return OWN
        sequence = self.log.sequence_raw(xid)
        if transaction.keep_snapshot or sequence == <uint64_t>-1:
            return UNCLEAR
        if sequence == 0 and self.find_raw(self.log.snapshot(), root_id) < 0:
            return UNCLEAR
        return THERE

    cdef uint64_t root_raw(self, uint64_t row_id) except? 0xFFFFFFFFFFFFFFFF:
        """The twin of storage.chains.root_of."""
        cdef Version *version = self.version_of(row_id)
        if not version.following & INNER:
            return row_id
        while version.following & NEWER:
            row_id = version.following & ROW_ID_MASK
            version = self.version_of(row_id)
        return version.following & ROW_ID_MASK if version.following & INNER else row_id

    cdef object locked(self, transaction, uint64_t root_id, int mode):
        """Who has a lock on the row that conflicts, or None."""
        holders = self.locks.get(root_id)
        if holders is None:
            return None
        for holder, held in list((<dict>holders).items()):
            if CONFLICTS[mode] >> <int>held & 1 and holder.lock_group != transaction.lock_group:
                return holder
        return None

    cdef Py_ssize_t read_chain(
        self, uint64_t root_id, uint64_t last, uint64_t *chain, Version *found
    ) except -2:
        """The versions from the root up to, not including, the last; -1: it is too long."""
        cdef Py_ssize_t length = 0
        cdef Version *version
        cdef uint64_t row_id = root_id
        while row_id != last:
            if length == CHAIN_MAX:
                return -1
            version = self.version_of(row_id)
            chain[length] = row_id
            found[length] = version[0]
            length += 1
            if not version.following & NEWER:
                return -1
            row_id = version.following & ROW_ID_MASK
        return length

    cdef Py_ssize_t prune(
        self, Py_ssize_t length, uint64_t *chain, Version *versions, bint *changed,
        uint64_t *freed, uint64_t *freed_count,
    ) except -1:
        """The twin of storage.chains.pruned, in place: what is kept comes first."""
        cdef Py_ssize_t i, kept = 0
        cdef Version *version
        cdef bint gone
        self.redirected = False
        for i in range(length):
            version = versions + i
            gone = version.xmin == 0 or self.log.dead_raw(version.xmin, version.xmax)
            if gone and kept:
                versions[kept - 1].following = (
                    versions[kept - 1].following & ~(ROW_ID_MASK | KEY_KEPT)
                    | version.following & (KEY_CHANGED | ROW_ID_MASK)
                )
                changed[kept - 1] = True
                freed[freed_count[0]] = chain[i]
                freed_count[0] += 1
                continue
            chain[kept] = chain[i]
            versions[kept] = version[0]
            changed[kept] = False
            if gone and version.xmin:
                versions[kept].xmin = 0
                versions[kept].xmax = 0
                versions[kept].nulls = 0
                versions[kept].following = (
                    NEWER | REDIRECT | version.following & (KEY_CHANGED | ROW_ID_MASK)
                )
                changed[kept] = True
                self.redirected = True
            kept += 1
        return kept

    cdef int account(
        self, uint64_t *chain, uint64_t *freed, uint64_t freed_count, uint64_t reused
    ) except -1:
        """Keep the summaries of groups after a chain was pruned."""
        cdef uint64_t i
        if self.redirected:
            group = self.group_of(chain[0])
            group.change_no += 1
            group.ended -= 1
            group.holes += 1
        for i in range(freed_count):
            group = self.group_of(freed[i])
            group.ended -= 1
            group.change_no += 1
            if i != reused:
                group.holes += 1
                group.free.append(freed[i] & 0xFFFF)
                self.groups.reusable.add(group.group_no)
        return 0

    # Taking back -----------------------------------------------------------------------------

    def sweep(self, group, uint64_t first_slot, uint64_t stop_slot):
        """Vacuum a group's slots."""
        cdef uint64_t slot, row_id, base = <uint64_t>group.group_no << 16, horizon
        cdef Version *version
        cdef list left = [], moved = [], gone = [], changed = []
        cdef bint is_clean = not self.log.aborted
        cdef Py_ssize_t freed = 0, result
        horizon = self.log.horizon_raw()
        for slot in range(first_slot, stop_slot):
            row_id = base | slot
            version = self.version_of(row_id)
            if is_clean and not (version.xmax or version.following & (NEWER | DEAD | KEY_CHANGED)):
                continue
            if version.following & FREE:
                continue
            if is_clean and version.following & INNER and version.xmin:
                continue
            result = -1
            if is_clean and not version.following & (INNER | DEAD):
                result = self.sweep_row(row_id, horizon, moved, gone, changed)
            if result < 0:
                left.append(slot)
            else:
                freed += result
        return Swept(left, moved, freed, gone, changed)

    cdef Py_ssize_t sweep_row(
        self, uint64_t root_id, uint64_t horizon, list moved, list gone, list changed_roots
    ) except -2:
        """Prune the chain of a row, or mark it as over; the slots freed, or -1 for the long way."""
        cdef Version *version = self.version_of(root_id)
        cdef uint64_t last = root_id, freed_count = 0, mark = 0
        cdef uint64_t chain[CHAIN_MAX]
        cdef Version after[CHAIN_MAX]
        cdef bint changed[CHAIN_MAX]
        cdef uint64_t freed[CHAIN_MAX]
        cdef Py_ssize_t length, kept, i
        cdef Version newest
        cdef bint folds, is_over
        while version.following & NEWER:
            mark |= version.following & KEY_CHANGED
            last = version.following & ROW_ID_MASK
            version = self.version_of(last)
        mark |= version.following & KEY_CHANGED
        newest = version[0]
        is_over = newest.xmax != 0
        if is_over and not self.log.dead_raw(newest.xmin, newest.xmax):
            return -1
        if last != root_id and not newest.following & INNER:
            return -1
        length = self.read_chain(root_id, last, chain, after)
        if length < 0:
            return -1
        kept = self.prune(length, chain, after, changed, freed, &freed_count)
        if is_over:
            if kept > 1 or (kept == 1 and after[0].xmin):
                return -1
            gone.append(root_id)
            return self.end_row(root_id, last, freed, freed_count)
        folds = (
            kept == 1 and after[0].xmin == 0 and newest.xmin >> 16 < horizon
            and self.may_fold(root_id, last)
        )
        if mark:
            i = 0
            while i < kept and not after[i].xmin:
                i += 1
            changed_roots.append((root_id, newest.xmin if i == kept else 0))
        if folds or freed_count or self.redirected:
            self.rewrite(root_id, kept, chain, after, changed, freed, freed_count, folds, last, mark)
        if folds:
            moved.append(last)
        return freed_count

    cdef int rewrite(
        self, uint64_t root_id, Py_ssize_t kept, uint64_t *chain, Version *after, bint *changed,
        uint64_t *freed, uint64_t freed_count, bint folds, uint64_t last, uint64_t mark,
    ) except -1:
        """Store a chain that was pruned; folds: its one version moves into the root, with the mark."""
        cdef Version header, newest = self.version_of(last)[0]
        cdef Change change = self.change
        cdef uint64_t i
        memset(&header, 0, sizeof(Version))
        header.following = FREE
        change.begin_raw(0, False)
        try:
            for i in range(freed_count):
                self.write_version(change, freed[i], &header)
            if folds:
                self.fold(change, root_id, last, &newest, mark)
            else:
                for i in range(<uint64_t>kept):
                    if changed[i]:
                        self.write_version(change, chain[i], &after[i])
            change.commit_raw()
        except BaseException:
            self.give_up(change)
            raise
        self.account(chain, freed, freed_count, ROW_ID_MASK)
        if folds:
            group = self.group_of(root_id)
            group.change_no += 1
            group.holes -= 1
            if <uint64_t>group.stamp_max < newest.xmin:
                group.stamp_max = newest.xmin
            group = self.group_of(last)
            group.change_no += 1
            group.holes += 1
            self.newest.pop(root_id, None)
        return 0

    cdef Py_ssize_t end_row(
        self, uint64_t root_id, uint64_t last, uint64_t *freed, uint64_t freed_count
    ) except -2:
        """Mark a row nobody sees any more, and free its versions but the root; how many."""
        cdef Version header
        cdef Change change = self.change
        cdef uint64_t i
        cdef bint was_there = self.version_of(root_id).xmin != 0
        if last != root_id:
            freed[freed_count] = last
            freed_count += 1
        memset(&header, 0, sizeof(Version))
        change.begin_raw(0, False)
        try:
            header.following = DEAD
            self.write_version(change, root_id, &header)
            header.following = FREE
            for i in range(freed_count):
                self.write_version(change, freed[i], &header)
            change.commit_raw()
        except BaseException:
            self.give_up(change)
            raise
        self.redirected = False
        self.account(freed, freed, freed_count, ROW_ID_MASK)
        group = self.group_of(root_id)
        group.change_no += 1
        if was_there:
            group.ended -= 1
            group.holes += 1
        return freed_count

    cdef bint may_fold(self, uint64_t root_id, uint64_t last) except -1:
        """The twin of storage.vacuum._may_move, for values that need no pages of their own."""
        cdef Place *place = self.place_of(root_id)
        cdef Place *old
        if root_id >> 16 != last >> 16 and self.log.first != NULL:
            return False
        old = self.place_of(last)
        place = self.place_of(root_id)
        if not (self.is_open(place) and self.is_open(old)):
            return False
        if self.group_of(root_id).shared or self.group_of(last).shared:
            return False
        return not self.has_large(place, root_id & 0xFFFF) and not self.has_large(old, last & 0xFFFF)

    cdef int fold(
        self, Change change, uint64_t root_id, uint64_t last, Version *newest, uint64_t mark
    ) except -1:
        """Move a version into its root, with a mark; values and null bits stay for those who look at them."""
        cdef Version header
        memset(&header, 0, sizeof(Version))
        header.nulls = newest.nulls
        header.following = NEWER | INNER | REDIRECT | root_id
        self.write_row(
            change, self.group_of(root_id), self.place_of(root_id), root_id & 0xFFFF,
            newest.xmin, mark, {}, self.place_of(last), last & 0xFFFF,
        )
        return self.write_version(change, last, &header)

    cdef bint has_large(self, Place *place, uint64_t slot) except -1:
        """Whether the slot still owns a value with pages of its own."""
        cdef Py_ssize_t column
        for column in range(self.kind_count):
            if self.kinds[column] == BYTES and (
                <View *>(self.table.bytes + place.columns[column]) + slot
            ).length >= LARGE_MIN:
                return True
        return False

    cdef bint fits(self, values) except -1:
        """Whether no value needs pages of its own."""
        if type(values) not in (dict, list, tuple):
            return False
        for value in values.values() if type(values) is dict else values:
            if type(value) is bytes and PyBytes_GET_SIZE(value) >= LARGE_MIN:
                return False
        return type(values) is dict or len(values) == self.kind_count

    cdef bint may_copy(self, Place *place, uint64_t slot, values) except -1:
        """Whether the values an update keeps are in the old version's group, and are not large."""
        if type(values) is not dict:
            return True
        if place.is_sealed:
            return place.column_count == self.kind_count
        return self.is_open(place) and not self.has_large(place, slot)

    cdef int write_version(self, Change change, uint64_t row_id, Version *version) except -1:
        cdef Place *place = self.place_of(row_id)
        return change.write_raw(place.versions + 32 * (row_id & 0xFFFF), version, 32)

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

    cdef int took(self, group, uint64_t slot, uint64_t stamp) except -1:
        """A slot has got a row."""
        note_change(group, stamp)
        if slot == <uint64_t>read_slot(group, &USED):
            write_slot(group, &USED, slot + 1)
        else:
            group.free.pop()
            group.holes -= 1
        return 0

    cdef int give_up(self, Change change) except -1:
        if change.is_open:
            change.abandon()
        self.groups.forget()
        return 0
