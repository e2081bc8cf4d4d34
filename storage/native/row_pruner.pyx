"""Chains of versions in storage/row_paths.py's twin: read, pruned where nobody sees a version, and vacuumed."""

cimport cython

from libc.stdint cimport uint64_t
from libc.string cimport memset

from storage.native.change cimport Change
from storage.native.row_reader cimport Place
from storage.native.row_writer cimport RowWriter, add_to
from storage.native.slots cimport Slot, slot_named
from storage.native.version cimport (
    DEAD, FREE, INNER, KEY_CHANGED, KEY_KEPT, NEWER, REDIRECT, ROW_ID_MASK, Version,
)

from storage.outcomes import Swept

cdef Slot CHANGE_NO = slot_named("change_no")
cdef Slot ENDED = slot_named("ended")
cdef Slot HOLES = slot_named("holes")


cdef class RowPruner(RowWriter):
    """Frees what no snapshot sees of one relation's rows, a row at a time."""

    @cython.final
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

    @cython.final
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

    @cython.final
    cdef int account(
        self, uint64_t *chain, uint64_t *freed, uint64_t freed_count, uint64_t reused
    ) except -1:
        """Keep the summaries of groups after a chain was pruned."""
        cdef uint64_t i
        if self.redirected:
            group = self.group_of(chain[0])
            add_to(group, &CHANGE_NO, 1)
            add_to(group, &ENDED, -1)
            add_to(group, &HOLES, 1)
        for i in range(freed_count):
            group = self.group_of(freed[i])
            add_to(group, &ENDED, -1)
            add_to(group, &CHANGE_NO, 1)
            if i != reused:
                group.holes += 1
                group.free.append(freed[i] & 0xFFFF)
                self.groups.reusable.add(group.group_no)
        return 0

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

    @cython.final
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

    @cython.final
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

    @cython.final
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

    @cython.final
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

    @cython.final
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
