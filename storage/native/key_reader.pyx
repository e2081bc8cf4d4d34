"""The twin of storage/key_reader.py: from the parts of a key to the columns of its row."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.tuple cimport PyTuple_GetSlice
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memchr, memcpy

from storage.native.commit_log cimport CommitLog, Snapshot

from storage.keys import encode_key
from storage.native.btree_search import lookup_prefix
from storage.kinds import Kind

cdef enum:
    INT16 = 2
    INT32 = 3
    INT64 = 4
    FIXED16 = 7
    KEY_BYTES_MAX = 512  # longer ones are encoded by storage.keys
    PARTS_MAX = 16

assert (Kind.INT16, Kind.INT32, Kind.INT64, Kind.FIXED16) == (INT16, INT32, INT64, FIXED16)


cdef class KeyReader:
    """Reads `columns` of a table by a whole key of an index, ascending, of the columns `key_columns`."""

    cdef object engine, pager, latch, table_id, index_id
    cdef dict tables, indexes  # of the engine, as far as they are open
    cdef CommitLog log
    cdef tuple kinds, columns
    cdef Py_ssize_t width
    cdef unsigned char kind_of[PARTS_MAX]
    cdef bint is_short  # few enough parts for encode_raw

    def __init__(self, engine, table_id, index_id, key_columns, kinds, columns):
        cdef Py_ssize_t i
        self.engine = engine
        self.pager = engine.store.pager
        self.tables = engine.relations.tables
        self.indexes = engine.relations.indexes
        self.latch = engine.latch
        self.log = engine.log
        self.table_id = table_id
        self.index_id = index_id
        self.kinds = tuple(kinds)
        self.width = len(self.kinds)
        self.columns = (*key_columns, *columns)
        self.is_short = self.width <= PARTS_MAX
        for i in range(self.width if self.is_short else 0):
            self.kind_of[i] = self.kinds[i]

    def fetch(self, Snapshot snapshot, parts):
        """The columns of the row that the snapshot sees, None for this moment; None: there is none."""
        cdef bytes key = self.encode(parts)
        cdef list roots
        self.latch.acquire()
        try:
            roots = lookup_prefix(self.pager, self.index().root_page, key)
            if not roots:
                return None
            if snapshot is None:
                snapshot = self.log.snapshot()
            paths = self.table().paths
            for root_id in roots:
                row = paths.fetch(snapshot, root_id, self.columns)
                if row is not None and self.has_key(<tuple>row, parts):
                    return PyTuple_GetSlice(row, self.width, len(self.columns))
        finally:
            self.latch.release()
        return None

    def locate(self, Snapshot snapshot, parts):
        """`fetch`, and the id of the version it found."""
        cdef bytes key = self.encode(parts)
        cdef list roots
        self.latch.acquire()
        try:
            roots = lookup_prefix(self.pager, self.index().root_page, key)
            if not roots:
                return None
            if snapshot is None:
                snapshot = self.log.snapshot()
            paths = self.table().paths
            for root_id in roots:
                row_id = paths.find(snapshot, root_id)
                if row_id < 0:
                    continue
                row = paths.values(row_id, self.columns)
                if self.has_key(<tuple>row, parts):
                    return PyTuple_GetSlice(row, self.width, len(self.columns)), row_id
        finally:
            self.latch.release()
        return None

    def change(self, transaction, snapshot, uint64_t row_id, dict values not None):
        """Table.update of some columns of a version that `locate` has found."""
        self.latch.acquire()
        try:
            table = self.table()
            if transaction.tracked is None:
                outcome = table.paths.update(table, transaction, row_id, values, False)
                if outcome is not None:
                    return outcome
            return table.update(transaction, snapshot, row_id, values)
        finally:
            self.latch.release()

    cdef object table(self):
        table = self.tables.get(self.table_id)
        return self.engine.relation(self.table_id) if table is None else table

    cdef object index(self):
        index = self.indexes.get(self.index_id)
        return self.engine.index(self.index_id) if index is None else index

    cdef bint has_key(self, tuple row, parts) except -1:
        cdef Py_ssize_t i
        for i in range(self.width):
            if row[i] != parts[i]:
                return False
        return True

    cdef bytes encode(self, parts):
        """storage.keys.encode_key of the parts."""
        cdef unsigned char scratch[KEY_BYTES_MAX]
        cdef Py_ssize_t place = 0, i, length
        cdef int64_t number
        cdef int width
        if not self.is_short:
            return encode_key(parts, self.kinds)
        for i in range(self.width):
            part = parts[i]
            if part is None:
                return encode_key(parts, self.kinds)
            length = 8 if self.kind_of[i] <= INT64 else PyBytes_GET_SIZE(part)
            if place + length + 3 > KEY_BYTES_MAX:
                return encode_key(parts, self.kinds)
            scratch[place] = 1
            place += 1
            if self.kind_of[i] <= INT64:
                width = 1 << (self.kind_of[i] - 1)
                number = part
                number ^= <int64_t>(<uint64_t>1 << (8 * width - 1))
                for length in range(width - 1, -1, -1):
                    scratch[place] = (<uint64_t>number >> (8 * length)) & 0xFF
                    place += 1
                continue
            if memchr(PyBytes_AS_STRING(part), 0, length) != NULL and self.kind_of[i] != FIXED16:
                return encode_key(parts, self.kinds)
            memcpy(scratch + place, PyBytes_AS_STRING(part), length)
            place += length
            if self.kind_of[i] != FIXED16:
                scratch[place] = 0
                scratch[place + 1] = 0
                place += 2
        return PyBytes_FromStringAndSize(<const char *>&scratch[0], place)
