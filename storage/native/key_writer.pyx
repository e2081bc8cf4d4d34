"""The twin of storage/key_writer.py."""

from libc.stdint cimport uint64_t

from storage.native.key_parts cimport KeyParts
from storage.native.latch cimport Latch
from storage.native.work cimport Work

from storage.key_writer import NOT_INSERTED, ROOTS_MAX
from storage.keys import encode_key
from storage.lock_modes import RowLock
from storage.native.btree_search import insert_pair, lookup_prefix
from storage.outcomes import Outcome, Status

cdef enum:
    UNDO_INSERT = 1  # of an index

cdef object LEFT = NOT_INSERTED
cdef Py_ssize_t FEW_ROOTS = ROOTS_MAX
cdef object DONE = Status.DONE
cdef object NO_KEY_UPDATE = RowLock.NO_KEY_UPDATE
cdef object UPDATE = RowLock.UPDATE


cdef class Keys:
    """An index, and where its keys come from."""

    cdef object index_id
    cdef tuple columns
    cdef KeyParts parts
    cdef bint is_unique, may_be_referred_to
    cdef object order


cdef class KeyWriter:
    """Adds rows to one table, whose indexes are all of stored columns, or changes rows and the keys in some indexes."""

    cdef object engine, pager, table_id
    cdef Latch latch
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
            keys.may_be_referred_to = index.may_be_referred_to
            keys.order = index.order
            self.keys.append(keys)

    def insert(self, Work transaction not None, list values not None):
        """Add a row and its keys: its row id; NOT_INSERTED: a unique key may be taken, nothing was done."""
        cdef list made = []
        cdef Py_ssize_t i
        assert transaction.tracked is None
        self.latch.take()
        try:
            for keys in self.keys:
                key = self.key_of(
                    transaction, <Keys>keys, [values[<Py_ssize_t>column] for column in (<Keys>keys).columns]
                )
                if key is None:
                    return LEFT
                made.append(key)
            table = self.table()
            row_id = table.paths.insert(table, transaction, values)
            if row_id is None:
                row_id = table.insert_row(transaction, values)
            else:
                table.counts.inserted += 1
            for i in range(len(made)):
                self.add(transaction, <Keys>self.keys[i], <bytes>made[i], row_id)
        finally:
            self.latch.give()
        return row_id

    def update(self, Work transaction not None, snapshot, uint64_t row_id, dict changes not None):
        """Give columns of a version new values and its row the keys that follow; None: a unique key may be taken.

        Nothing was done then, nor with an outcome that is not DONE.
        """
        cdef list moved = [], made = []
        cdef bint key_kept = True
        cdef Py_ssize_t i
        assert transaction.tracked is None
        self.latch.take()
        try:
            table = self.table()
            for keys in self.keys:
                old = table.paths.values(row_id, (<Keys>keys).columns)
                new = changed_parts(<Keys>keys, old, changes)
                if new is None:
                    continue
                key = self.key_of(transaction, <Keys>keys, new)
                if key is None:
                    return None
                moved.append(keys)
                made.append(key)
                key_kept = key_kept and not (<Keys>keys).may_be_referred_to
            outcome = self.change(table, transaction, snapshot, row_id, changes, bool(moved), key_kept)
            if (<tuple>outcome)[0] is DONE:
                for i in range(len(moved)):
                    self.add(transaction, <Keys>moved[i], <bytes>made[i], outcome.root_id)
        finally:
            self.latch.give()
        return outcome

    cdef object change(
        self, table, Work transaction, snapshot, row_id, dict changes, bint key_changed, bint key_kept
    ):
        """Table.update, under the latch."""
        paths = table.paths
        outcome = paths.update(table, transaction, row_id, changes, key_changed, key_kept)
        if outcome is not None:
            return outcome
        mode = UPDATE if key_changed and not key_kept else NO_KEY_UPDATE
        outcome = paths.check(transaction, row_id, mode)
        if type(outcome) is Outcome:
            return outcome
        return table.update(transaction, snapshot, row_id, changes, key_changed, key_kept)

    cdef bytes key_of(self, Work transaction, Keys keys, list parts):
        """The key of these parts; None: it may be taken."""
        cdef bytes key
        cdef list roots
        if keys.order is None:
            key = keys.parts.encode(parts)
        else:
            key = encode_key(parts, keys.parts.kinds, *keys.order)
        if not keys.is_unique or None in parts:
            return key
        roots = lookup_prefix(self.pager, self.index(keys).root_page, key)
        if roots:
            if len(roots) > FEW_ROOTS:
                return None
            paths = self.table().paths
            for root_id in roots:
                if not paths.is_over(transaction, root_id):
                    return None
        return key

    cdef object table(self):
        table = self.tables.get(self.table_id)
        return self.engine.relation(self.table_id) if table is None else table

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


cdef list changed_parts(Keys keys, tuple old, dict changes):
    """The parts of a key after the changes; None: they are as before."""
    cdef list new = list(old)
    cdef bint has_moved = False
    cdef Py_ssize_t i
    for i in range(len(new)):
        column = keys.columns[i]
        if column in changes:
            value = changes[column]
            has_moved = has_moved or value != new[i]
            new[i] = value
    return new if has_moved else None
