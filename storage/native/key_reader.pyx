"""The twin of storage/key_reader.py: from the parts of a key to the columns of its row."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint64_t

from storage.native.btree_search cimport few_of_prefix, ids_of_prefix
from storage.native.commit_log cimport Snapshot
from storage.native.key_parts cimport KEY_BYTES_MAX, LEFT, KeyParts
from storage.native.row_paths cimport STATUS_BLOCKED, STATUS_DONE, STATUS_FREE, STATUS_UPDATED, RowPaths
from storage.native.slots cimport Slot, read_slot, slot_named
from storage.native.work cimport Work

from storage.lock_modes import RowLock
from storage.outcomes import Outcome, Status

cdef enum:  # of RowPaths.keeps_key
    THERE = 1
    OWN = 2

cdef enum:
    ROOTS_MAX = 8  # entries with one key that need no list

cdef object CHANGED = Outcome(Status.DONE)
cdef object KEY_SHARE = RowLock.KEY_SHARE
cdef int NO_KEY_UPDATE = RowLock.NO_KEY_UPDATE
cdef int UPDATE = RowLock.UPDATE

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
        cdef uint64_t row_id
        return self.look_up(snapshot, parts, &row_id)

    cpdef tuple locate(self, Snapshot snapshot, parts):
        """`fetch`, and the id of the version it found."""
        cdef uint64_t row_id
        row = self.look_up(snapshot, parts, &row_id)
        return None if row is None else (row, row_id)

    cdef tuple look_up(self, Snapshot snapshot, parts, uint64_t *row_id_out):
        """`fetch`, and the id of the version it found."""
        cdef unsigned char short_key[KEY_BYTES_MAX]
        cdef const unsigned char *key = short_key
        cdef Py_ssize_t size = self.parts.write(parts, short_key), i
        cdef uint64_t few[ROOTS_MAX]
        cdef Py_ssize_t count
        cdef RowPaths paths
        cdef int64_t row_id
        cdef bytes long_key
        cdef list roots
        if size == LEFT:
            long_key = self.parts.encode(parts)
            key = <const unsigned char *>PyBytes_AS_STRING(long_key)
            size = PyBytes_GET_SIZE(long_key)
        self.latch.take()
        try:
            root_page = self.root_page()
            count = few_of_prefix(self.pages, root_page, key, size, few, ROOTS_MAX)
            self.counts.add(1, count, 0)
            if not count:
                return None
            if count > ROOTS_MAX:
                roots = ids_of_prefix(self.pages, root_page, key[:size])
            paths = self.paths()
            paths.approach(few[0], self.columns)
            if snapshot is None:
                snapshot = self.log.now()
            for i in range(count):
                row_id = paths.find_raw(snapshot, few[i] if count <= ROOTS_MAX else roots[i])
                if row_id >= 0 and paths.has_values(row_id, self.columns, self.width, parts):
                    self.counts.add(0, 0, 1)
                    row_id_out[0] = row_id
                    return paths.values_from(row_id, self.columns, self.width)
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

    def change(self, Work transaction not None, snapshot, uint64_t row_id, dict values not None):
        """Table.update of some columns of a version that `locate` has found; of DONE nothing more is told."""
        cdef uint64_t other = 0, root_id = 0
        cdef int status = self.change_raw(transaction, snapshot, row_id, values, &other, &root_id)
        if status == STATUS_DONE:
            return CHANGED
        return Outcome(
            Status(status), other if status == STATUS_BLOCKED else 0, other if status == STATUS_UPDATED else 0, root_id
        )

    cdef int change_raw(
        self, Work transaction, snapshot, uint64_t row_id, dict values, uint64_t *other, uint64_t *root_id_out
    ) except -1:
        """`change`: its status, and whom to wait for or the newest version."""
        cdef RowPaths paths
        cdef uint64_t new_id, root_id
        cdef int status
        self.latch.take()
        try:
            table = self.table()
            if transaction.tracked is None:
                paths = read_slot(table, &PATHS)
                if paths.update_raw(table, transaction, row_id, values, False, False, &new_id, &root_id):
                    return STATUS_DONE
                status = paths.check_raw(transaction, row_id, NO_KEY_UPDATE, other, root_id_out)
                if status < STATUS_FREE:
                    return status
            outcome = table.update(transaction, snapshot, row_id, values)
            status = outcome.status
            other[0] = outcome.blocker_xid if status == STATUS_BLOCKED else outcome.new_row_id
            root_id_out[0] = outcome.root_id
            return status
        finally:
            self.latch.give()

    cdef tuple values(self, uint64_t row_id):
        """The columns of exactly this version."""
        self.latch.take()
        try:
            return self.paths().values_from(row_id, self.columns, self.width)
        finally:
            self.latch.give()

    cdef uint64_t root(self, uint64_t row_id) except? 0xFFFFFFFFFFFFFFFF:
        """The root of the row that a version belongs to."""
        self.latch.take()
        try:
            return self.paths().root_raw(row_id)
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
        return ids_of_prefix(self.pages, self.root_page(), key)

    cdef uint64_t root_page(self) except 0:
        index = self.indexes.get(self.index_id)
        if index is None:
            index = self.engine.index(self.index_id)
        return read_slot(index, &ROOT_PAGE)
