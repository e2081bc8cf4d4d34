"""Cells: expressions over one row with few frames of Python; part of the twin of server/executor/point_change.py.

Parameters, columns, constants, sums of integers, CURRENT_TIMESTAMP and strict functions of two arguments are computed
here, all others by the closure that the original would use.
"""

from libc.stdint cimport int64_t

from storage.native.slots cimport Slot, read_slot, slot_named

from server.expressions.evaluate import compile_row
from server.expressions.expression import Call, Constant, Parameter, Variable
from server.functions.instants import to_local
from server.types.date_style import session_zone

cdef enum:
    CLOSURE = 0
    PARAMETER = 1
    COLUMN = 2
    CONSTANT = 3
    CALL_TWO = 4
    ADD = 5
    SUBTRACT = 6
    TRANSACTION_TIME = 7
    LOCAL = 8  # what clocks show at an instant

cdef extern from *:
    bint __builtin_add_overflow(int64_t, int64_t, int64_t *) nogil
    bint __builtin_sub_overflow(int64_t, int64_t, int64_t *) nogil

# pg_proc's integer + and -, by OID: int2pl, int4pl, int24pl, int42pl, int8pl, ...
cdef dict SUMS = {
    **dict.fromkeys((176, 177, 178, 179, 463, 837, 841, 1274, 1278), ADD),
    **dict.fromkeys((180, 181, 182, 183, 464, 838, 942, 1275, 1279), SUBTRACT),
}
cdef dict TIMES = {1299: TRANSACTION_TIME, 2647: TRANSACTION_TIME, 2027: LOCAL}  # now(), timestamp(timestamptz)
cdef dict LIMITS = {20: (1 << 63) - 1, 21: (1 << 15) - 1, 23: (1 << 31) - 1}  # by the OID of the type

cdef Slot STYLE = slot_named("style")
cdef Slot TRANSACTION_TIME_US = slot_named("transaction_time_us")


cdef class Cell:
    """An expression over one row."""

    cdef object value(self, tuple row, tuple parameters, context):
        if self.kind == PARAMETER:
            return parameters[self.place]
        if self.kind == COLUMN:
            return row[self.place]
        if self.kind == CONSTANT:
            return self.payload
        if self.kind == CLOSURE:
            return self.payload(row, context)
        if self.kind == TRANSACTION_TIME:
            return read_slot(context, &TRANSACTION_TIME_US)
        if self.kind == LOCAL:
            return self.local_of(self.first.value(row, parameters, context), read_slot(context, &STYLE))
        first = self.first.value(row, parameters, context)
        second = self.second.value(row, parameters, context)
        if first is None or second is None:
            return None
        if self.kind == CALL_TWO:
            return self.payload(first, second)
        return self.sum_of(first, second)

    cdef object local_of(self, value, style):
        if value is None:
            return None
        name = style.time_zone
        if name is not self.name:
            self.payload = session_zone(style)
            self.name = name
        return to_local(value, self.payload)

    cdef object sum_of(self, first, second):
        cdef int64_t result = 0
        cdef bint overflows
        if self.kind == ADD:
            overflows = __builtin_add_overflow(<int64_t>first, <int64_t>second, &result)
        else:
            overflows = __builtin_sub_overflow(<int64_t>first, <int64_t>second, &result)
        if overflows or not -self.limit - 1 <= result <= self.limit:
            return self.payload(first, second)  # which knows the error
        return result


cdef Cell cell_of(expression, layout):
    """The cell of an expression, in which columns have the places that layout says."""
    cdef Cell cell = Cell.__new__(Cell)
    if isinstance(expression, Parameter):
        cell.kind = PARAMETER
        cell.place = expression.number - 1
    elif isinstance(expression, Variable):
        cell.kind = COLUMN
        cell.place = layout[expression.column]
    elif isinstance(expression, Constant):
        cell.kind = CONSTANT
        cell.payload = expression.value
    elif isinstance(expression, Call) and expression.function.oid in TIMES:
        cell.kind = TIMES[expression.function.oid]
        if expression.arguments:
            cell.first = cell_of(expression.arguments[0], layout)
    elif isinstance(expression, Call) and is_plain_call(expression):
        cell.kind = CALL_TWO
        cell.limit = LIMITS.get(expression.type.type.oid, 0)
        if cell.limit:
            cell.kind = SUMS.get(expression.function.oid, CALL_TWO)
        cell.payload = expression.function.row
        cell.first = cell_of(expression.arguments[0], layout)
        cell.second = cell_of(expression.arguments[1], layout)
    else:
        cell.kind = CLOSURE
        cell.payload = compile_row(expression, layout)
    return cell


cdef bint is_plain_call(expression) except -1:
    function = expression.function
    return (
        len(expression.arguments) == 2
        and function.strict
        and not function.needs_context
        and not expression.variadic
        and function.row is not None
    )


cdef tuple cells_of(expressions, layout):
    return tuple([cell_of(expression, layout) for expression in expressions])


cdef bint holds(tuple checks, tuple row, tuple parameters, context) except -1:
    """Whether none of the conditions is false."""
    cdef Cell check
    for check in checks:
        if check.value(row, parameters, context) is False:
            return False
    return True


cdef tuple values_of(tuple cells, tuple row, tuple parameters, context):
    cdef Cell cell
    return tuple([cell.value(row, parameters, context) for cell in cells])
