"""The twin of server/executor/point_change.py: the same rows, counts and errors with few frames of Python.

Expressions over a row are row_cells'.
"""

from functools import partial

from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE, PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport int64_t, uint64_t

from cpython.tuple cimport PyTuple_GET_ITEM
from server.executor.native.row_cells cimport Cell, cell_of, cells_of, holds, values_of
from storage.native.key_reader cimport KeyReader
from storage.native.row_paths cimport STATUS_BLOCKED, STATUS_DONE, STATUS_UNCLEAR, STATUS_UPDATED
from storage.native.slots cimport Slot, read_slot, slot_named, write_slot

from server.executor.deferred import queue_insert
from server.executor.evaluation import layout_of
from server.executor.index_scan import key_ranges
from server.executor.point_change import counted
from server.executor.point_read import stored_part
from server.executor.point_references import referenced_keys, referenced_locks
from server.executor.table_shape import shape_of as made_shape_of
from server.executor.table_writer import TableWriter
from server.expressions.evaluate import compile_row
from storage.engine import NOT_INSERTED, KeyWriter, Status, key_after_prefix

cdef enum:
    LEFT = -1

cdef dict KEY_LIMITS = {2: (1 << 15) - 1, 3: (1 << 31) - 1, 4: (1 << 63) - 1}  # by the kind of the column

cdef object DONE = Status.DONE
cdef object BLOCKED = Status.BLOCKED
cdef object UPDATED = Status.UPDATED


cdef Slot OID = slot_named("oid")
cdef Slot PARAMETERS = slot_named("parameters")
cdef Slot ROW_IN_WAY = slot_named("row_in_way")
cdef Slot SESSION = slot_named("session")
cdef Slot SHAPES = slot_named("shapes")
cdef Slot SNAPSHOT = slot_named("snapshot")
cdef Slot TABLE = slot_named("table")
cdef Slot TRACKED = slot_named("tracked")
cdef Slot TRANSACTION = slot_named("transaction")


cdef object shape_of(table, context):
    """table_shape.shape_of."""
    found = (<dict>read_slot(context, &SHAPES)).get(read_slot(table, &OID))
    if found is None or read_slot(found, &TABLE) is not table:
        return made_shape_of(table, context)
    return found


cdef tuple with_last(tuple values, last):
    """A tuple with one more."""
    cdef Py_ssize_t count = PyTuple_GET_SIZE(values), i
    cdef tuple made = PyTuple_New(count + 1)
    for i in range(count):
        value = <object>PyTuple_GET_ITEM(values, i)
        Py_INCREF(value)
        PyTuple_SET_ITEM(made, i, value)
    Py_INCREF(last)
    PyTuple_SET_ITEM(made, count, last)
    return made


cdef inline bint is_tracked(context) except -1:
    return read_slot(read_slot(context, &TRANSACTION), &TRACKED) is not None


cdef class KeyLookup:
    """Finds the one row that has a key in a unique index."""

    cdef object plan, shape, filter
    cdef KeyReader reader
    cdef bint is_plain  # the columns are as they are stored, and the row's id is behind them
    cdef tuple cells, attributes, loads
    cdef tuple stored  # what makes stored parts of the key's values; the largest integer where that is all

    def __init__(self, plan):
        cdef Py_ssize_t last
        self.plan = plan
        self.cells = cells_of(
            [condition.value for condition in plan.conditions if condition.value is not None], {}
        )
        self.attributes = tuple([number - 1 for number in plan.attributes if number > 0])
        if plan.filter is not None:
            self.filter = compile_row(plan.filter, layout_of(plan.output))
        self.loads = tuple([
            (number < 0, reference.type.load_value, reference.modifier)
            for number, reference in zip(plan.attributes, plan.types)
        ])
        last = len(self.loads) - 1
        self.is_plain = last >= 0 and all([
            is_system if place == last else not is_system and load is None
            for place, (is_system, load, _) in enumerate(self.loads)
        ])

    def find(self, context):
        """The row, with the columns of the scan."""
        return self.find_row(context, read_slot(context, &PARAMETERS))

    cdef tuple find_row(self, context, tuple parameters):
        cdef tuple values, found, row
        cdef list parts
        cdef Py_ssize_t i
        cdef uint64_t version_id
        if self.shape is None:
            self.prepare(context)
        values = values_of(self.cells, (), parameters, context)
        if self.reader is None or is_tracked(context):
            found = self.find_any(values, context)
            if found is None:
                return None
            row = self.row(<tuple>found[0], found[1])
        else:
            parts = []
            for i in range(len(values)):
                part = self.part_of(self.stored[i], values[i])
                if part is None:
                    return None
                parts.append(part)
            found = self.reader.look_up(read_slot(context, &SNAPSHOT), parts, &version_id)
            if found is None:
                return None
            row = self.row(found, version_id)
        if self.filter is not None and self.filter(row, context) is not True:
            return None
        return row

    cdef tuple version(self, row_id, context):
        """Exactly this version, with the columns of the scan."""
        if self.reader is not None:
            return self.row(self.reader.values(row_id), row_id)
        engine = context.engine
        with engine.latch:
            relation = engine.relation(self.plan.table.storage_id)
            return self.row(<tuple>relation.values(row_id, self.attributes), row_id)

    cdef tuple newer(self, row_id, recheck, context):
        """The version that another transaction has made of the row, unless the statement is not about it."""
        cdef tuple row = self.version(row_id, context)
        return None if recheck is not None and recheck(row, context) is not True else row

    cdef object blocked(self, context, uint64_t xid, row_id):
        """Whom to wait for before the row can be changed."""
        table_id = self.plan.table.storage_id
        if self.reader is not None:
            root_id = self.reader.root(row_id)
        else:
            root_id = context.engine.relation(table_id).root(row_id)
        write_slot(context, &ROW_IN_WAY, (table_id, root_id))
        return -<int64_t>xid

    cdef tuple find_any(self, values, context):
        shape, engine = self.shape, context.engine
        ranges = key_ranges(shape, self.plan.conditions, values)
        counts = engine.scans[shape.storage_id]
        counts.add(1, 0, 0)
        if not ranges:
            return None
        key = ranges[0][0]
        with engine.latch:
            relation = engine.relation(self.plan.table.storage_id)
            roots = engine.index(shape.storage_id).lookup(key)
            tracked = read_slot(read_slot(context, &TRANSACTION), &TRACKED)
            if tracked is not None:  # a serializable transaction notes what it reads
                tracked.read_range(shape.storage_id, key, key_after_prefix(key))
                tracked.read_rows(self.plan.table.storage_id, roots)
            for root_id in roots:
                row_id = relation.find_id(read_slot(context, &SNAPSHOT), root_id)
                if row_id < 0:
                    continue
                if relation.key_changed(root_id):
                    key_of = shape_of(self.plan.table, context).key_of(shape, context)
                    if key_of(relation.values(row_id)) != key:
                        continue
                counts.add(0, 1, 1)
                return relation.values(row_id, self.attributes), row_id
        return None

    cdef object part_of(self, stored, value):
        """A part of the key as it is stored; None: nothing can be equal to it."""
        cdef int64_t limit, number
        if type(stored) is not int:
            return stored(value)
        if type(value) is not int:
            return value if value is not None and -stored - 1 <= value <= stored else None
        limit = stored
        try:
            number = value
        except OverflowError:
            return None
        return value if -limit - 1 <= number <= limit else None

    cdef int prepare(self, context) except -1:
        shape = None
        for found in shape_of(self.plan.table, context).indexes:
            if found.index.oid == self.plan.index.oid:
                shape = found
        assert shape is not None, "the index is not one of its table"
        if shape.is_plain:
            self.stored = tuple([
                KEY_LIMITS[part.kind]
                if part.kind in KEY_LIMITS and part.reference.type.store_value is None
                else stored_part(part)
                for part in shape.parts
            ])
            self.reader = KeyReader(
                context.engine,
                self.plan.table.storage_id,
                shape.storage_id,
                [key.number - 1 for key in shape.index.keys],
                [part.kind for part in shape.parts],
                self.attributes,
            )
        self.shape = shape
        return 0

    cdef tuple row(self, tuple stored, row_id):
        cdef list values
        cdef Py_ssize_t place = 0
        if self.is_plain:
            return with_last(stored, row_id)
        values = []
        for is_system, load, modifier in self.loads:
            if is_system:
                values.append(row_id)
                continue
            value = stored[place]
            place += 1
            values.append(value if load is None or value is None else load(value, modifier))
        return tuple(values)


cdef class KeyUpdate:
    """UPDATE by key of columns that nothing hangs on but indexes of stored columns."""

    cdef readonly object plan
    cdef object recheck
    cdef object writer  # of the keys in the indexes that are concerned
    cdef KeyLookup lookup
    cdef tuple assignments, checks
    cdef Py_ssize_t place
    cdef object shapes  # of the context
    cdef object shape  # of the table in these, for which `stores` and `is_left` were found
    cdef list stores
    cdef bint is_left, may_repeat

    def __init__(self, plan, KeyLookup lookup not None, checks=(), *, bint may_repeat=True):
        """checks: conditions over the row that is found, which tell of the one it becomes.

        may_repeat: nobody can tell whether the new values were computed before, for keys that may be taken.
        """
        self.plan = plan
        self.may_repeat = may_repeat
        self.lookup = lookup
        layout = layout_of(lookup.plan.output)
        self.assignments = tuple(
            [(number, cell_of(item, layout)) for number, item in plan.assignments]
        )
        self.checks = cells_of(checks, layout)
        self.place = layout[plan.row_id]
        if plan.recheck is not None:
            self.recheck = compile_row(plan.recheck, layout)

    def __call__(self, context):
        """Run the statement: its rows, none, or None when it is left."""
        return counted(self.plan, context, self.count(context))

    cdef int prepare(self, shape, context) except -1:
        """What the table's shape says of the columns assigned to."""
        numbers = [number for number, _ in self.assignments]
        keys = shape.moved_keys(numbers)
        self.is_left = keys is None or (keys and not self.may_repeat)
        self.writer = None
        if keys:
            self.writer = KeyWriter(context.engine, self.plan.table.storage_id, keys)
        self.stores = [
            (
                number - 1,
                cell,
                number in shape.not_null_numbers,
                shape.types[number - 1].type.store_value,
                shape.types[number - 1].modifier,
            )
            for number, cell in self.assignments
        ]
        self.shape = shape
        return 0

    def count(self, context):
        """Update the row: 1, 0 if there is none, LEFT, or whom to wait for."""
        cdef tuple parameters = read_slot(context, &PARAMETERS)
        cdef tuple row = self.lookup.find_row(context, parameters)
        cdef dict changes
        cdef uint64_t other = 0
        cdef int status
        shapes = read_slot(context, &SHAPES)
        if shapes is not self.shapes:
            shape = shape_of(self.plan.table, context)
            self.shapes = shapes
            if shape is not self.shape:
                self.prepare(shape, context)
        if self.is_left or (self.writer is not None and is_tracked(context)):
            return LEFT
        while row is not None:
            changes = self.changes_of(row, parameters, context)
            if changes is None or not holds(self.checks, row, parameters, context):
                return LEFT  # the ordinary operator knows the error
            status = self.change(context, row[self.place], changes, &other)
            if status == STATUS_DONE:
                return 1
            if status == STATUS_BLOCKED:
                return self.lookup.blocked(context, other, row[self.place])
            if status != STATUS_UPDATED or not context.read_committed:
                return LEFT
            row = self.lookup.newer(other, self.recheck, context)
        return 0

    cdef int change(self, context, row_id, dict changes, uint64_t *other) except -1:
        """The status, and whom to wait for or the newest version; STATUS_UNCLEAR: a key may be taken."""
        cdef KeyReader reader = self.lookup.reader
        cdef uint64_t root_id
        cdef int status
        transaction, snapshot = read_slot(context, &TRANSACTION), read_slot(context, &SNAPSHOT)
        if self.writer is not None:
            outcome = self.writer.update(transaction, snapshot, row_id, changes)
        elif reader is not None:
            return reader.change_raw(transaction, snapshot, row_id, changes, other, &root_id)
        else:
            engine = context.engine
            with engine.latch:
                relation = engine.relation(self.plan.table.storage_id)
                outcome = relation.update(transaction, snapshot, row_id, changes)
        if outcome is None:
            return STATUS_UNCLEAR
        status = outcome.status
        other[0] = outcome.blocker_xid if status == STATUS_BLOCKED else outcome.new_row_id
        return status

    cdef dict changes_of(self, tuple row, tuple parameters, context):
        """The stored values by column; None: one is NULL that must not be."""
        cdef dict changes = {}
        cdef Cell cell
        for column, cell, is_required, store, modifier in self.stores:
            value = cell.value(row, parameters, context)
            if value is None:
                if is_required:
                    return None
            elif store is not None:
                value = store(value, modifier)
            changes[column] = value
        return changes


cdef class KeyDelete:
    """DELETE by key of a row that no other rows hang on."""

    cdef readonly object plan
    cdef object recheck
    cdef KeyLookup lookup
    cdef Py_ssize_t place

    def __init__(self, plan, KeyLookup lookup not None):
        self.plan = plan
        self.lookup = lookup
        layout = layout_of(lookup.plan.output)
        self.place = layout[plan.row_id]
        if plan.recheck is not None:
            self.recheck = compile_row(plan.recheck, layout)

    def __call__(self, context):
        """Run the statement: its rows, none, or None when it is left."""
        return counted(self.plan, context, self.count(context))

    def count(self, context):
        """Delete the row: 1, 0 if there is none, LEFT, or whom to wait for."""
        cdef tuple row = self.lookup.find_row(context, read_slot(context, &PARAMETERS))
        while row is not None:
            outcome = self.remove(context, row[self.place])
            status = (<tuple>outcome)[0]
            if status is DONE:
                return 1
            if status is BLOCKED:
                return self.lookup.blocked(context, outcome.blocker_xid, row[self.place])
            if status is not UPDATED or not context.read_committed:
                return LEFT
            row = self.lookup.newer(outcome.new_row_id, self.recheck, context)
        return 0

    cdef object remove(self, context, row_id):
        if self.lookup.reader is None or shape_of(self.plan.table, context).references:
            return TableWriter(self.plan.table, context).try_delete(row_id)
        return self.lookup.reader.remove(read_slot(context, &TRANSACTION), read_slot(context, &SNAPSHOT), row_id)


cdef class RowInsert:
    """INSERT of one row of VALUES."""

    cdef readonly object plan
    cdef object table
    cdef tuple cells, checks
    cdef list steps
    cdef tuple attributes
    cdef Py_ssize_t width
    cdef object shape  # for which `stores` and `writer` were made
    cdef list stores
    cdef object writer
    cdef tuple references  # what rows refer to; None: that is for the checks alone
    cdef tuple reference_locks  # on the tables of those

    def __init__(self, plan, cells, projections):
        self.plan = plan
        self.table = plan.table
        self.cells = cells_of(cells, {})
        self.steps = [
            cells_of(node.expressions, layout_of(node.input.output)) for node in projections
        ]
        self.attributes = tuple(plan.attributes)
        self.width = len(plan.table.columns)
        self.checks = cells_of(
            [check for _, check in plan.checks], {column: number - 1 for number, column in plan.row}
        )

    def __call__(self, context):
        """Run the statement: its rows, none, or None when it is left."""
        return counted(self.plan, context, self.count(context))

    def count(self, context):
        """Insert the row: 1, or LEFT; then the statement is run again with the same values of sequences."""
        cdef Py_ssize_t count
        session = read_slot(context, &SESSION)
        if session is None:
            return self.insert(context)
        sequences = session.sequences
        if sequences.taken:
            sequences.begin()
        count = self.insert(context)
        if count == LEFT:
            sequences.leave()
        return count

    cdef Py_ssize_t insert(self, context) except? -2:
        cdef tuple row = self.proposed(context)
        if row is None:
            return LEFT
        if self.insert_new(row, context):
            return 1
        return 1 if TableWriter(self.plan.table, context).try_insert(row) else LEFT

    cpdef tuple proposed(self, context):
        """The row; None: the ordinary operator knows its error."""
        cdef tuple parameters = read_slot(context, &PARAMETERS)
        cdef tuple row = values_of(self.cells, (), parameters, context)
        cdef tuple step
        cdef list full = [None] * self.width
        cdef Py_ssize_t i
        for step in self.steps:
            row = values_of(step, row, parameters, context)
        assert len(row) == len(self.attributes)
        for i in range(len(row)):
            full[<Py_ssize_t>self.attributes[i] - 1] = row[i]
        shape = shape_of(self.table, context)
        for number in shape.not_null:
            if full[<Py_ssize_t>number - 1] is None:
                return None
        row = tuple(full)
        return None if self.checks and not holds(self.checks, row, parameters, context) else row

    cdef int prepare(self, shape, context) except -1:
        """What the table's shape says of rows and their keys."""
        self.stores = [(item.type.store_value, item.modifier) for item in shape.types]
        self.writer = None
        keys = shape.plain_keys()
        if keys is not None:
            self.writer = KeyWriter(context.engine, self.plan.table.storage_id, keys)
        self.references = referenced_keys(shape, context)
        self.reference_locks = referenced_locks(shape, context)
        self.shape = shape
        return 0

    cpdef bint insert_new(self, tuple row, context) except -1:
        """Insert a proposed row; False: one of its keys may be taken, or it takes more, and nothing was done."""
        cdef list stored
        shape = shape_of(self.table, context)
        if shape is not self.shape:
            self.prepare(shape, context)
        if self.writer is None or is_tracked(context):
            return False
        stored = self.stored(row)
        row_id = self.writer.insert(read_slot(context, &TRANSACTION), stored)
        if row_id == NOT_INSERTED:
            return False
        if shape.checked_later and not self.keeps_all(read_slot(context, &TRANSACTION), stored):
            queue_insert(context, shape, [row_id], partial(list, (row,)))
        return True

    cdef bint keeps_all(self, transaction, list stored) except -1:
        """Whether all that a row refers to is there, and now stays; else the checks look again."""
        cdef list parts
        if self.references is None:
            return False
        if not transaction.locks.try_all(transaction, self.reference_locks):
            return False
        for reader, columns in self.references:
            parts = [stored[<Py_ssize_t>column] for column in <tuple>columns]
            if None not in parts and not reader.share(transaction, parts):
                return False
        return True

    cdef list stored(self, row):
        """The stored form of a row."""
        cdef list values = list(row)
        cdef Py_ssize_t i = 0
        for store, modifier in self.stores:
            value = values[i]
            if store is not None and value is not None:
                values[i] = store(value, modifier)
            i += 1
        return values
