"""The twin of storage/key_writer.py."""

from libc.stdint cimport uint64_t

from storage.native.key_parts cimport KeyParts
from storage.native.work cimport Work

from storage.key_writer import NOT_INSERTED
from storage.native.btree_search import insert_pair, lookup_prefix

cdef enum:
    UNDO_INSERT = 1  # of an index

cdef object LEFT = NOT_INSERTED


cdef class Keys:
    """An index, and where its keys come from."""

    cdef object index_id
    cdef tuple columns
    cdef KeyParts parts
    cdef bint is_unique


cdef class KeyWriter:
    """Adds rows to one table, whose indexes are all of stored columns."""

    cdef object engine, pager, latch, table_id
    cdef dict tables, indexes  # of the engine, as far as they are open
    cdef list keys

    def __init__(self, engine, table_id, indexes):
        cdef Keys keys
        self.engine = engine
        self.pager = engine.store.pager
        self.tables = engine.relations.tables
        self.indexes = engine.relations.indexes
        self.latch = engine.latch
        self.table_id = table_id
        self.keys = []
        for index in indexes:
            keys = Keys.__new__(Keys)
            keys.index_id = index.index_id
            keys.columns = tuple(index.columns)
            keys.parts = KeyParts(index.kinds)
            keys.is_unique = index.is_unique
            self.keys.append(keys)

    def insert(self, Work transaction not None, list values not None):
        """Add a row and its keys: its row id; NOT_INSERTED: a unique key may be taken, nothing was done."""
        cdef list made = []
        cdef Py_ssize_t i
        assert transaction.tracked is None
        self.latch.acquire()
        try:
            for keys in self.keys:
                key = self.key_of(<Keys>keys, values)
                if key is None:
                    return LEFT
                made.append(key)
            table = self.tables.get(self.table_id)
            if table is None:
                table = self.engine.relation(self.table_id)
            row_id = table.paths.insert(table, transaction, values)
            if row_id is None:
                row_id = table.insert_row(transaction, values)
            else:
                table.counts.inserted += 1
            for i in range(len(made)):
                self.add(transaction, <Keys>self.keys[i], <bytes>made[i], row_id)
        finally:
            self.latch.release()
        return row_id

    cdef bytes key_of(self, Keys keys, list values):
        """The key of a row; None: it may be taken."""
        cdef list parts = []
        cdef bint has_null = False
        cdef bytes key
        for column in keys.columns:
            part = values[<Py_ssize_t>column]
            has_null = has_null or part is None
            parts.append(part)
        key = keys.parts.encode(parts)
        if keys.is_unique and not has_null:
            if lookup_prefix(self.pager, self.index(keys).root_page, key):
                return None
        return key

    cdef object index(self, Keys keys):
        index = self.indexes.get(keys.index_id)
        return self.engine.index(keys.index_id) if index is None else index

    cdef int add(self, Work transaction, Keys keys, bytes key, row_id) except -1:
        """Index.insert, for a key that fits into its leaf."""
        index = self.index(keys)
        tree = index.tree
        if len(key) > <Py_ssize_t>tree.key_bytes_max:
            index.insert(transaction, key, row_id)  # which knows the error
            return 0
        if insert_pair(self.pager, index.root_page, transaction.stamp_raw() >> 16, key, row_id) != 1:
            index.insert(transaction, key, row_id)
            return 0
        tree.change_no += 1
        transaction.undo.append((index, UNDO_INSERT, row_id, 0, key))
        return 0
