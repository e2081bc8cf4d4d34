"""The twin of storage/row_paths.py: changes of single rows, and what stands in their way.

How they are read is in row_reader.pyx, written in row_writer.pyx, freed in row_pruner.pyx.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from storage.native.change cimport Change
from storage.native.commit_log cimport has_xid
from storage.native.row_pruner cimport CHAIN_MAX, RowPruner
from storage.native.row_reader cimport Place
from storage.native.row_writer cimport add_to, note_change
from storage.native.slots cimport Slot, read_slot, slot_named, write_slot
from storage.native.version cimport (
    FREE, INNER, KEY_CHANGED, KEY_KEPT, NEWER, ROW_ID_MASK, Version, keeps_key,
)
from storage.native.work cimport Work

from storage.outcomes import Outcome, Status

cdef enum:
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

cdef Slot ENDED = slot_named("ended")
cdef Slot GROUP_NO = slot_named("group_no")
cdef Slot COUNTS = slot_named("counts")
cdef Slot SHARED = slot_named("shared")

cdef Slot UPDATED_COUNT = slot_named("updated")

cdef object make_outcome = tuple.__new__
cdef object DONE = Status.DONE
assert (Status.BLOCKED, Status.UPDATED, Status.DELETED, Status.SELF_MODIFIED) == (
    STATUS_BLOCKED, STATUS_UPDATED, STATUS_DELETED, STATUS_SELF_MODIFIED
)

# The twin of storage.locks.ROW_CONFLICTS.
cdef unsigned char[5] CONFLICTS = [0, 0b10000, 0b11000, 0b11100, 0b11110]


cdef class RowPaths(RowPruner):
    """The rows of one relation, one at a time."""

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
        cdef uint64_t new_id, root_id
        if not self.update_raw(table, transaction, row_id, values, key_changed, key_kept, &new_id, &root_id):
            return None
        return make_outcome(Outcome, (DONE, 0, new_id, root_id))

    cdef bint update_raw(
        self, table, Work transaction, uint64_t row_id, values, bint key_changed, bint key_kept,
        uint64_t *new_id_out, uint64_t *root_id_out,
    ) except -1:
        """`update`; False: that is for the long way."""
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
            return False
        if self.locks or self.newest:
            if self.root_raw(row_id) in self.newest:
                return False
            mode = UPDATE if key_changed and not key_kept else NO_KEY_UPDATE
            if self.locked(transaction, self.root_raw(row_id), mode):
                return False
        if version.following & INNER:
            root_id = version.following & ROW_ID_MASK
            length = self.read_chain(root_id, row_id, chain, after)
            if length < 0:
                return False
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
                return False
        else:
            group, slot = self.slot_for(table, stamp >> 16, row_id >> 16)
        new_id = (<uint64_t>read_slot(group, &GROUP_NO) << 16) | slot
        place = self.place_of(new_id)
        old_place = self.place_of(row_id)
        version = self.version_of(row_id)
        if read_slot(group, &SHARED) or self.has_large(place, slot):
            return False
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
        add_to(old_group, &ENDED, 1)
        note_change(old_group, stamp)
        transaction.undo.append((table, UNDO_UPDATE, row_id, new_id, old_flag))
        counts = read_slot(table, &COUNTS)
        add_to(counts, &UPDATED_COUNT, 1)
        if key_changed:
            counts.updated_keys += 1
        new_id_out[0] = new_id
        root_id_out[0] = root_id
        return True

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
        cdef uint64_t other = 0, root_id = 0
        cdef int status = self.check_raw(transaction, row_id, mode, &other, &root_id)
        if status == STATUS_FREE:
            return True
        if status == STATUS_UNCLEAR:
            return None
        return Outcome(
            Status(status), other if status == STATUS_BLOCKED else 0, other if status == STATUS_UPDATED else 0, root_id
        )

    cdef int check_raw(
        self, transaction, uint64_t row_id, int mode, uint64_t *other, uint64_t *root_id_out
    ) except -1:
        """A Status, and whom to wait for or the newest version; STATUS_FREE, or STATUS_UNCLEAR."""
        cdef Version *version = self.version_of(row_id)
        cdef uint64_t last = row_id, at = row_id, root_id, xid, sequence
        cdef bint has_ended, has_key = mode == KEY_SHARE
        while version.xmax:
            xid = version.xmax >> 16
            if has_xid(<tuple>transaction.xids, xid):
                return STATUS_SELF_MODIFIED
            sequence = self.log.sequence_raw(xid)
            if sequence == <uint64_t>-1:
                return STATUS_UNCLEAR
            has_ended = True
            if sequence == 0:
                decided = self.log.decided.get(xid)
                if decided is None:
                    has_ended = False
                    if mode != KEY_SHARE or not keeps_key(version):
                        other[0] = xid
                        return STATUS_BLOCKED
                elif decided > transaction.seen_lsn:
                    transaction.seen_lsn = decided
            if not version.following & NEWER:
                return STATUS_DELETED
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
                other[0] = xids[len(xids) - 1]
                return STATUS_BLOCKED
        if last != row_id and not has_key:
            other[0] = last
            root_id_out[0] = root_id
            return STATUS_UPDATED
        return STATUS_FREE

    def keeps_key(self, transaction, uint64_t root_id):
        """Whether a row is there with the key it has always had: THERE, OWN, or UNCLEAR."""
        cdef Version *version = self.version_of(root_id)
        cdef uint64_t xid, sequence
        while version.following & (NEWER | KEY_CHANGED) == NEWER:
            version = self.version_of(version.following & ROW_ID_MASK)
        if version.xmin == 0 or version.xmax or version.following & (NEWER | KEY_CHANGED | FREE):
            return UNCLEAR
        xid = version.xmin >> 16
        if has_xid(<tuple>transaction.xids, xid):
            return OWN
        sequence = self.log.sequence_raw(xid)
        if transaction.keep_snapshot or sequence == <uint64_t>-1:
            return UNCLEAR
        if sequence == 0 and self.find_raw(self.log.moment((), 0), root_id) < 0:
            return UNCLEAR
        return THERE

    def is_over(self, transaction, uint64_t root_id):
        """Whether a row plainly is no more, so that its key can be had: all its versions are void or ended."""
        cdef Version *version = self.version_of(root_id)
        while True:
            if version.xmin and not self.has_ended(transaction, version.xmin, version.xmax):
                return False
            if not version.following & NEWER:
                return True
            version = self.version_of(version.following & ROW_ID_MASK)

    cdef bint has_ended(self, transaction, uint64_t xmin, uint64_t xmax) except -1:
        """Whether a version never came to be, or was ended by the transaction itself or one that has committed."""
        cdef uint64_t xid = xmax >> 16, sequence
        if self.log.sequence_raw(xmin >> 16) == <uint64_t>-1:
            return True
        if not xid:
            return False
        if has_xid(<tuple>transaction.xids, xid):
            return True
        sequence = self.log.sequence_raw(xid)
        if sequence:
            return sequence != <uint64_t>-1
        decided = self.log.decided.get(xid)
        if decided is None:
            return False
        if decided > transaction.seen_lsn:
            transaction.seen_lsn = decided
        return True

    cdef object locked(self, transaction, uint64_t root_id, int mode):
        """Who has a lock on the row that conflicts, or None."""
        holders = self.locks.get(root_id)
        if holders is None:
            return None
        for holder, held in list((<dict>holders).items()):
            if CONFLICTS[mode] >> <int>held & 1 and holder.lock_group != transaction.lock_group:
                return holder
        return None
