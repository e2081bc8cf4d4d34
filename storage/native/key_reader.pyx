"""The twin of storage/key_reader.py: from the parts of a key to the columns of its row."""

from cpython.tuple cimport PyTuple_GetSlice
from libc.stdint cimport int64_t, uint64_t

from storage.native.btree_search cimport ids_of_prefix
from storage.native.commit_log cimport Snapshot
from storage.native.key_parts cimport KeyParts
from storage.native.row_paths cimport RowPaths
from storage.native.slots cimport Slot, read_slot, slot_named
from storage.native.work cimport Work

from storage.locks import RowLock
from storage.outcomes import Outcome, Status

cdef enum:  # of RowPaths.keeps_key
    THERE = 1
    OWN = 2

cdef object CHANGED = Outcome(Status.DONE)
cdef object KEY_SHARE = RowLock.KEY_SHARE
cdef object NO_KEY_UPDATE = RowLock.NO_KEY_UPDATE
cdef object UPDATE = RowLock.UPDATE

cdef Slot PATHS = slot_named("paths")
cdef Slot ROOT_PAGE = slot_named("root_page")


cdef class KeyReader:
    """Reads `columns` of a table by a whole key of an index, ascending, of the columns `key_columns`."""

    def __init__(self, engine, table_id, index_id, key_columns, kinds, columns):
        self.engine = engine
        self.pages = engine.store.pager.table
        self.tables = engine.relations.tables
        self.indexes = engine.relations.indexes
        self.latch = engine.latch
        self.log = engine.log
        self.table_id = table_id
        self.index_id = index_id
        self.parts = KeyParts(kinds)
        self.width = len(self.parts.kinds)
        self.columns = (*key_columns, *columns)
        self.counts = engine.scans[index_id]

    def fetch(self, Snapshot snapshot, parts):
        """The columns of the row that the snapshot sees, None for this moment; None: there is none."""
        cdef bytes key = self.parts.encode(parts)
        cdef RowPaths paths
        cdef int64_t row_id
        cdef list roots
        self.latch.take()
        try:
            roots = self.roots(key)
            self.counts.add(1, len(roots), 0)
            if not roots:
                return None
            paths = self.paths()
            paths.approach(roots[0], self.columns)
            if snapshot is None:
                snapshot = self.log.moment((), 0)
            for root_id in roots:
                row_id = paths.find_raw(snapshot, root_id)
                if row_id < 0:
                    continue
                row = paths.values_raw(row_id, self.columns)
                if self.has_key(<tuple>row, parts):
                    self.counts.add(0, 0, 1)
                    return PyTuple_GetSlice(row, self.width, len(self.columns))
        finally:
            self.latch.give()
        return None

    cpdef tuple locate(self, Snapshot snapshot, parts):
        """`fetch`, and the id of the version it found."""
        cdef bytes key = self.parts.encode(parts)
        cdef RowPaths paths
        cdef int64_t row_id
        cdef list roots
        self.latch.take()
        try:
            roots = self.roots(key)
            self.counts.add(1, len(roots), 0)
            if not roots:
                return None
            paths = self.paths()
            paths.approach(roots[0], self.columns)
            if snapshot is None:
                snapshot = self.log.moment((), 0)
            for root_id in roots:
                row_id = paths.find_raw(snapshot, root_id)
                if row_id < 0:
                    continue
                row = paths.values_raw(row_id, self.columns)
                if self.has_key(<tuple>row, parts):
                    self.counts.add(0, 0, 1)
                    return PyTuple_GetSlice(row, self.width, len(self.columns)), row_id
        finally:
            self.latch.give()
        return None

    def share(self, Work transaction not None, parts):
        """Keep the row with the key as it is, FOR KEY SHARE; False: it is for `lock_referenced`, nothing was done."""
        cdef bytes key = self.parts.encode(parts)
        cdef int kept
        cdef list roots
        self.latch.take()
        try:
            paths = self.paths()
            roots = self.roots(key)
            for root_id in roots:
                kept = paths.keeps_key(transaction, root_id)
                if kept == OWN:
                    self.counts.add(1, 1, 1)
                    return True
                if kept == THERE:
                    transaction.stamp_raw()
                    holder = self.engine.locks.lock_row(
                        transaction, self.table_id, root_id, KEY_SHARE
                    )
                    if holder is None:
                        self.counts.add(1, 1, 1)
                    return holder is None
        finally:
            self.latch.give()
        return False

    cpdef object change(self, Work transaction, snapshot, uint64_t row_id, dict values):
        """Table.update of some columns of a version that `locate` has found; of DONE nothing more is told."""
        cdef RowPaths paths
        cdef uint64_t new_id, root_id
        self.latch.take()
        try:
            table = self.table()
            if transaction.tracked is None:
                paths = read_slot(table, &PATHS)
                if paths.update_raw(table, transaction, row_id, values, False, False, &new_id, &root_id):
                    return CHANGED
                outcome = paths.check(transaction, row_id, NO_KEY_UPDATE)
                if type(outcome) is Outcome:
                    return outcome
            return table.update(transaction, snapshot, row_id, values)
        finally:
            self.latch.give()

    def remove(self, transaction, snapshot, uint64_t row_id):
        """Table.delete of a version that `locate` has found."""
        self.latch.take()
        try:
            table = self.table()
            if transaction.tracked is None:
                outcome = table.paths.delete(table, transaction, row_id)
                if outcome is not None:
                    table.counts.deleted += 1
                    return outcome
                outcome = table.paths.check(transaction, row_id, UPDATE)
                if type(outcome) is Outcome:
                    return outcome
            return table.delete(transaction, snapshot, row_id)
        finally:
            self.latch.give()

    cdef object table(self):
        table = self.tables.get(self.table_id)
        return self.engine.relation(self.table_id) if table is None else table

    cdef RowPaths paths(self):
        return read_slot(self.table(), &PATHS)

    cdef list roots(self, bytes key):
        """The rows to which entries with the key lead."""
        index = self.indexes.get(self.index_id)
        if index is None:
            index = self.engine.index(self.index_id)
        return ids_of_prefix(self.pages, read_slot(index, &ROOT_PAGE), key)

    cdef bint has_key(self, tuple row, parts) except -1:
        cdef Py_ssize_t i
        for i in range(self.width):
            if row[i] != parts[i]:
                return False
        return True
