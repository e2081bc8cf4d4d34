"""The vector machine's interpreter; server/executor/machine.py specifies it.

A run goes through the rows in vectors of VECTOR_ROWS, each instruction over a whole vector, all in one stretch without
the GIL. A filter makes the vector shorter: registers that are still needed are moved together, later loads pick. Registers lie one behind the other: values, then a byte for each row that is NULL; whether a register may have
NULLs at all is known vector by vector, so that the loops without them stay simple.
"""

import numpy as np

cimport numpy as cnp

from server.executor.machine import Totals
from storage.engine import Framed

from libc.math cimport isfinite, isnan
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

cdef extern from *:
    """
    static inline int add_overflows(int64_t a, int64_t b, int64_t *r) { return __builtin_add_overflow(a, b, r); }
    static inline int subtract_overflows(int64_t a, int64_t b, int64_t *r) { return __builtin_sub_overflow(a, b, r); }
    static inline int multiply_overflows(int64_t a, int64_t b, int64_t *r) { return __builtin_mul_overflow(a, b, r); }
    static inline void add_wide(int64_t *low, int64_t *high, int64_t value) {
        __int128 sum = ((__int128)*high << 64) | (uint64_t)*low;
        sum += value;
        *low = (int64_t)(uint64_t)sum;
        *high = (int64_t)(sum >> 64);
    }

    /* The loops several times, for processors with wider vectors and for all others. */
    #if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
    #define IN_VERSIONS __attribute__((target_clones("arch=x86-64-v4", "avx2", "default"), flatten))
    #elif defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
    #define IN_VERSIONS __attribute__((target_clones("avx2", "default"), flatten))
    #else
    #define IN_VERSIONS
    #endif
    static int rdb_machine_vectors(void *state, Py_ssize_t count);
    IN_VERSIONS static int run_vectors(void *state, Py_ssize_t count) { return rdb_machine_vectors(state, count); }
    """
    bint add_overflows(int64_t a, int64_t b, int64_t *r) noexcept nogil
    bint subtract_overflows(int64_t a, int64_t b, int64_t *r) noexcept nogil
    bint multiply_overflows(int64_t a, int64_t b, int64_t *r) noexcept nogil
    void add_wide(int64_t *low, int64_t *high, int64_t value) noexcept nogil
    bint run_vectors(void *state, Py_ssize_t count) noexcept nogil

cdef enum:
    VECTOR_ROWS = 4096
    FEW_GROUPS = 64
    LANES = 8  # so many sums a group, so that they need not wait for each other

cdef enum Op:
    LOAD = 0
    LOAD_DECIMAL = 1
    CONSTANT = 2
    CONSTANT_FLOAT = 3
    ADD = 4
    SUBTRACT = 5
    MULTIPLY = 6
    ADD_FLOAT = 7
    SUBTRACT_FLOAT = 8
    MULTIPLY_FLOAT = 9
    DIVIDE_FLOAT = 10
    TO_FLOAT = 11
    CHECK_BITS = 12
    EQUAL = 13
    UNEQUAL = 14
    LESS = 15
    LESS_OR_EQUAL = 16
    EQUAL_FLOAT = 17
    UNEQUAL_FLOAT = 18
    LESS_FLOAT = 19
    LESS_OR_EQUAL_FLOAT = 20
    AND = 21
    OR = 22
    NOT = 23
    IS_NULL = 24
    FILTER = 25
    COUNT = 26
    SUM = 27
    SUM_FLOAT = 28
    MINIMUM = 29
    MAXIMUM = 30
    RANGE = 31
    RANGE_DECIMAL = 32

cdef enum Width:
    BYTE = 0
    INT16 = 1
    INT32 = 2
    INT64 = 3
    FLOAT32 = 4
    FLOAT64 = 5
    UINT16 = 6
    UINT32 = 7

WIDTHS = {
    np.dtype(name): width
    for name, width in (
        ("bool", BYTE), ("int16", INT16), ("int32", INT32), ("int64", INT64), ("float32", FLOAT32), ("float64", FLOAT64),
        ("uint8", BYTE), ("uint16", UINT16), ("uint32", UINT32), ("uint64", INT64),
    )
}

ctypedef fused Stored:
    uint8_t
    uint16_t
    uint32_t
    int16_t
    int32_t
    int64_t

ctypedef fused Float:
    float
    double

cdef struct Input:
    const void *values
    const uint8_t *valid  # NULL: no row is NULL
    int width
    bint is_framed  # values are codes: base + step * code is meant
    uint64_t base
    uint64_t step

cdef struct Register:
    int64_t *values  # or doubles
    uint8_t *nulls
    bint has_nulls
    Py_ssize_t made_at  # the numbers of the instruction that writes it (-1: none, a constant) and the last that reads it
    Py_ssize_t last_use

cdef struct State:
    const int32_t *code
    Py_ssize_t code_count
    const int64_t *constants
    const double *float_constants
    Input *inputs
    Register *registers
    const int64_t *groups  # NULL: all rows are of group 0
    Py_ssize_t group_count
    int64_t *low
    int64_t *high
    double *floats
    Py_ssize_t group_room
    Py_ssize_t register_count
    int32_t *kept  # rows that pass a filter, counted within those that were there before it
    int32_t *selected  # rows of the vector that passed all filters
    bint all_are_selected
    int64_t *picked_groups
    const int64_t *vector_groups  # the groups of those rows; NULL: not known yet
    int64_t *passed  # takes the rows that passed all filters; NULL: they are not wanted
    Py_ssize_t passed_count
    int64_t *counts  # how many of them each group has, where groups are few
    bint are_counted


def run(program, columns, Py_ssize_t count, groups, totals):
    """Run over the rows of some columns; false: it could not be done exactly."""
    return _run(program, columns, count, groups, totals, None) >= 0


def selected(program, columns, Py_ssize_t count):
    """The rows that pass the filters of a program, in order; None: it could not be done exactly."""
    rows = np.empty(count, np.int64)
    cdef Py_ssize_t found = _run(program, columns, count, None, Totals(1), rows)
    return None if found < 0 else rows[:found]


cdef Py_ssize_t _run(program, columns, Py_ssize_t count, groups, totals, passed) except -2:
    """How many rows passed, if passed takes them; -1: it could not be done exactly."""
    cdef State state
    cdef Py_ssize_t i, register_count = program.register_count
    code = np.ascontiguousarray(program.code, np.int32)
    constants = np.ascontiguousarray(program.constants, np.int64)
    float_constants = np.ascontiguousarray(program.float_constants, np.float64)
    assert totals.low.flags.c_contiguous and totals.high.flags.c_contiguous
    state.code = <const int32_t *>cnp.PyArray_DATA(<cnp.ndarray>code)
    state.code_count = len(code)
    state.constants = <const int64_t *>cnp.PyArray_DATA(<cnp.ndarray>constants)
    state.float_constants = <const double *>cnp.PyArray_DATA(<cnp.ndarray>float_constants)
    state.low = <int64_t *>cnp.PyArray_DATA(<cnp.ndarray>totals.low)
    state.high = <int64_t *>cnp.PyArray_DATA(<cnp.ndarray>totals.high)
    state.floats = <double *>cnp.PyArray_DATA(<cnp.ndarray>totals.floats)
    state.group_room = totals.low.shape[1]
    state.group_count = totals.group_count
    state.groups = NULL
    if groups is not None:
        groups = np.ascontiguousarray(groups, np.int64)
        assert len(groups) == count and (count == 0 or groups.max() < totals.group_count)
        state.groups = <const int64_t *>cnp.PyArray_DATA(<cnp.ndarray>groups)
    kept = [code, constants, float_constants, groups]
    state.inputs = <Input *>malloc(max(1, len(columns)) * sizeof(Input))
    state.registers = <Register *>malloc(max(1, register_count) * sizeof(Register))
    cdef char *memory = <char *>malloc(register_count * VECTOR_ROWS * 9 + VECTOR_ROWS * 16 + FEW_GROUPS * 8)
    cdef bint done = False
    state.passed = NULL
    if passed is not None:
        state.passed = <int64_t *>cnp.PyArray_DATA(<cnp.ndarray>passed)
        state.passed_count = 0
    try:
        if state.inputs == NULL or state.registers == NULL or memory == NULL:
            raise MemoryError
        for i in range(len(columns)):
            values, valid = columns[i]
            assert len(values) == count and (valid is None or len(valid) == count)
            state.inputs[i].is_framed = isinstance(values, Framed)
            if state.inputs[i].is_framed:
                state.inputs[i].base = <uint64_t><int64_t>values.base
                state.inputs[i].step = <uint64_t><int64_t>values.step
                values = values.codes
            values = np.ascontiguousarray(values)
            kept.append(values)
            state.inputs[i].values = <const void *>cnp.PyArray_DATA(<cnp.ndarray>values)
            state.inputs[i].width = WIDTHS[values.dtype]
            state.inputs[i].valid = NULL
            if valid is not None:
                valid = np.ascontiguousarray(valid)
                kept.append(valid)
                state.inputs[i].valid = <const uint8_t *>cnp.PyArray_DATA(<cnp.ndarray>valid)
        lay_out(&state, memory, register_count)
        with nogil:
            prepare(&state)
            done = run_vectors(&state, count)
    finally:
        free(state.inputs)
        free(state.registers)
        free(memory)
    if not done:
        return -1
    return state.passed_count if passed is not None else 0


cdef void lay_out(State *state, char *memory, Py_ssize_t register_count) noexcept nogil:
    """Registers and scratch space one behind the other."""
    cdef Py_ssize_t i
    state.register_count = register_count
    for i in range(register_count):
        state.registers[i].values = <int64_t *>memory
        memory += VECTOR_ROWS * 8
    state.picked_groups = <int64_t *>memory
    state.counts = <int64_t *>(memory + VECTOR_ROWS * 8)
    memory += VECTOR_ROWS * 8 + FEW_GROUPS * 8
    state.kept = <int32_t *>memory
    state.selected = <int32_t *>(memory + VECTOR_ROWS * 4)
    memory += VECTOR_ROWS * 8
    for i in range(register_count):
        state.registers[i].nulls = <uint8_t *>memory
        state.registers[i].has_nulls = False
        state.registers[i].made_at = -1
        state.registers[i].last_use = -1
        memory += VECTOR_ROWS


cdef void prepare(State *state) noexcept nogil:
    """Fill the constants, which nothing changes, and note how long each register is needed."""
    cdef Py_ssize_t number, i
    cdef const int32_t *step
    cdef Register *target
    for number in range(state.code_count):
        step = state.code + number * 4
        if step[0] == CONSTANT:
            target = &state.registers[step[1]]
            for i in range(VECTOR_ROWS):
                target.values[i] = state.constants[step[2]]
        elif step[0] == CONSTANT_FLOAT:
            target = &state.registers[step[1]]
            for i in range(VECTOR_ROWS):
                (<double *>target.values)[i] = state.float_constants[step[2]]
        elif step[0] < FILTER:
            state.registers[step[1]].made_at = number
        if CONSTANT_FLOAT < step[0] < RANGE and step[2] >= 0:
            state.registers[step[2]].last_use = number
        if ADD <= step[0] <= OR and step[0] != TO_FLOAT and step[0] != CHECK_BITS:
            state.registers[step[3]].last_use = number


cdef bint vectors "rdb_machine_vectors"(void *of_run, Py_ssize_t count) noexcept nogil:
    """All rows, a vector after the other; false: it cannot be done exactly."""
    cdef State *state = <State *>of_run
    cdef Py_ssize_t start = 0, rows, number
    cdef const int32_t *step
    while start < count:
        rows = min(<Py_ssize_t>VECTOR_ROWS, count - start)
        state.all_are_selected = True
        state.vector_groups = NULL
        state.are_counted = False
        for number in range(state.code_count):
            step = state.code + number * 4
            if step[0] == FILTER or step[0] >= RANGE:
                rows = narrow(state, step, number, start, rows)
                if rows < 0:
                    return False
                if rows == 0:
                    break
            elif step[0] >= COUNT:
                if not aggregate(state, step, start, rows):
                    return False
            elif step[0] != CONSTANT and step[0] != CONSTANT_FLOAT:
                if not compute(state, step, start, rows):
                    return False
        if state.passed != NULL:
            for number in range(rows):
                state.passed[state.passed_count + number] = start + (
                    number if state.all_are_selected else state.selected[number]
                )
            state.passed_count += rows
        start += VECTOR_ROWS
    return True


cdef Py_ssize_t narrow(State *state, const int32_t *step, Py_ssize_t number, Py_ssize_t start, Py_ssize_t rows) noexcept nogil:
    """Keep the rows that pass a filter; gives how many, -1 if that cannot be said."""
    cdef Input *source
    if step[0] == FILTER:
        return shrunk(state, true_rows(state, &state.registers[step[2]], rows), number, rows)
    source = &state.inputs[step[2]]
    if step[0] == RANGE_DECIMAL and has_nan(state, source, start, rows):
        return -1
    return shrunk(state, rows_in_range(state, source, state.constants[step[1]], state.constants[step[3]], start, rows),
                  number, rows)


cdef Py_ssize_t true_rows(State *state, Register *condition, Py_ssize_t rows) noexcept nogil:
    """Note the rows for which a condition is true; gives how many."""
    cdef Py_ssize_t i, kept = 0
    cdef int32_t *row_at = state.kept
    if condition.has_nulls:
        for i in range(rows):
            row_at[kept] = <int32_t>i
            kept += (condition.values[i] != 0) & (condition.nulls[i] == 0)
    else:
        for i in range(rows):
            row_at[kept] = <int32_t>i
            kept += condition.values[i] != 0
    return kept


cdef bint has_nan(State *state, Input *source, Py_ssize_t start, Py_ssize_t rows) noexcept nogil:
    """Whether one of the decimals is NaN, for which the least int64 stands."""
    cdef const int64_t *values = <const int64_t *>source.values + start
    cdef int64_t least = <int64_t>(<uint64_t>1 << 63)
    cdef Py_ssize_t i, at
    cdef bint found = False
    if source.is_framed:
        return rows_in_range(state, source, least, least, start, rows) > 0
    if state.all_are_selected:
        for i in range(rows):
            found |= values[i] == least
        if not found or source.valid == NULL:
            return found
    for i in range(rows):
        at = i if state.all_are_selected else state.selected[i]
        if values[at] == least and (source.valid == NULL or source.valid[start + at]):
            return True
    return False


cdef Py_ssize_t rows_in_range(State *state, Input *source, int64_t low, int64_t high, Py_ssize_t start,
                              Py_ssize_t rows) noexcept nogil:
    """Note the rows whose integer lies between two others; gives how many."""
    if low > high or (source.is_framed and not ends_as_codes(source, &low, &high)):
        return 0
    if source.width == INT64:
        return rows_within(state, <const int64_t *>source.values, source.valid, low, high, start, rows)
    if source.width == INT32:
        return rows_within(state, <const int32_t *>source.values, source.valid, low, high, start, rows)
    if source.width == INT16:
        return rows_within(state, <const int16_t *>source.values, source.valid, low, high, start, rows)
    if source.width == UINT32:
        return rows_within(state, <const uint32_t *>source.values, source.valid, low, high, start, rows)
    if source.width == UINT16:
        return rows_within(state, <const uint16_t *>source.values, source.valid, low, high, start, rows)
    return rows_within(state, <const uint8_t *>source.values, source.valid, low, high, start, rows)


cdef bint ends_as_codes(Input *source, int64_t *low, int64_t *high) noexcept nogil:
    """Turn the ends of a range into codes, which have no sign; false: no code lies between them."""
    cdef int64_t base = <int64_t>source.base
    cdef uint64_t first, last
    if high[0] < base:
        return False
    first = <uint64_t>low[0] - source.base if low[0] > base else 0
    last = <uint64_t>high[0] - source.base
    if source.step > 1:
        first, last = first // source.step + (first % source.step != 0), last // source.step
    elif source.step == 0:  # every number is the base
        last = 0 if first else <uint64_t>-1
    low[0], high[0] = <int64_t>first, <int64_t>last
    return first <= last


cdef inline Py_ssize_t rows_within(State *state, const Stored *values, const uint8_t *valid, int64_t low, int64_t high,
                                   Py_ssize_t start, Py_ssize_t rows) noexcept nogil:
    cdef Py_ssize_t i, kept = 0
    cdef int32_t *row_at = state.kept
    cdef const int32_t *selected = state.selected
    cdef uint64_t span = <uint64_t>high - <uint64_t>low  # unsigned, so that one comparison sees both ends
    values += start
    if state.all_are_selected:
        for i in range(rows):
            row_at[kept] = <int32_t>i
            kept += <uint64_t><int64_t>values[i] - <uint64_t>low <= span
    else:
        for i in range(rows):
            row_at[kept] = <int32_t>i
            kept += <uint64_t><int64_t>values[selected[i]] - <uint64_t>low <= span
    if valid == NULL:
        return kept
    rows, kept = kept, 0
    for i in range(rows):
        row_at[kept] = row_at[i]
        kept += valid[start + (row_at[i] if state.all_are_selected else selected[row_at[i]])]
    return kept


cdef Py_ssize_t shrunk(State *state, Py_ssize_t kept, Py_ssize_t number, Py_ssize_t rows) noexcept nogil:
    """Move the rows that were noted together, in the registers needed from here on; gives how many there are."""
    cdef Py_ssize_t i, other
    cdef Register *register
    cdef int32_t *row_at = state.kept
    if kept == rows:
        return rows
    for other in range(state.register_count):
        register = &state.registers[other]
        if register.made_at < 0 or register.made_at > number or register.last_use <= number:
            continue
        for i in range(kept):
            register.values[i] = register.values[row_at[i]]
        if register.has_nulls:
            for i in range(kept):
                register.nulls[i] = register.nulls[row_at[i]]
    for i in range(kept):
        state.selected[i] = row_at[i] if state.all_are_selected else state.selected[row_at[i]]
    state.all_are_selected = False
    state.vector_groups = NULL
    state.are_counted = False
    return kept


cdef bint compute(State *state, const int32_t *step, Py_ssize_t start, Py_ssize_t rows) noexcept nogil:
    """One instruction that makes a register of what is no constant."""
    cdef int op = step[0]
    cdef Register *target = &state.registers[step[1]]
    cdef Py_ssize_t i
    cdef double *floats
    if op == LOAD or op == LOAD_DECIMAL:
        load(&state.inputs[step[2]], target, start, NULL if state.all_are_selected else state.selected, rows)
        unframe(&state.inputs[step[2]], target, rows)
        return op == LOAD or has_no_nan(target, rows)
    cdef Register *first = &state.registers[step[2]]
    cdef Register *second = &state.registers[step[3]]
    if op <= MULTIPLY:
        joint_nulls(target, first, second, rows)
        return arithmetic(op, target, first, second, rows)
    if op <= DIVIDE_FLOAT:
        joint_nulls(target, first, second, rows)
        return float_arithmetic(op, target, first, second, rows)
    if op == TO_FLOAT:
        floats = <double *>target.values
        for i in range(rows):
            floats[i] = <double>first.values[i]
        copy_nulls(target, first, rows)
        return True
    if op == CHECK_BITS:
        return check_bits(target, first, step[3], rows)
    if op <= LESS_OR_EQUAL_FLOAT:
        joint_nulls(target, first, second, rows)
        compare(op, target, first, second, rows)
        return True
    logic(op, target, first, second, rows)
    return True


cdef bint has_no_nan(Register *target, Py_ssize_t rows) noexcept nogil:
    """Whether no decimal is NaN, for which the least int64 stands."""
    cdef Py_ssize_t i
    cdef bint found = False
    for i in range(rows):
        found |= target.values[i] == <int64_t>(<uint64_t>1 << 63)
    if found and target.has_nulls:
        found = False
        for i in range(rows):
            found |= target.values[i] == <int64_t>(<uint64_t>1 << 63) and not target.nulls[i]
    return not found


cdef inline void widen(const Stored *values, Register *target, const int32_t *rows_of, Py_ssize_t rows) noexcept nogil:
    """Integers of a vector as 64 bits; rows_of NULL: all rows."""
    cdef Py_ssize_t i
    cdef int64_t *out = target.values
    if rows_of == NULL:
        for i in range(rows):
            out[i] = values[i]
    else:
        for i in range(rows):
            out[i] = values[rows_of[i]]


cdef inline void widen_floats(const Float *values, Register *target, const int32_t *rows_of, Py_ssize_t rows) noexcept nogil:
    cdef Py_ssize_t i
    cdef double *out = <double *>target.values
    if rows_of == NULL:
        for i in range(rows):
            out[i] = values[i]
    else:
        for i in range(rows):
            out[i] = values[rows_of[i]]


cdef void load(Input *source, Register *target, Py_ssize_t start, const int32_t *rows_of, Py_ssize_t rows) noexcept nogil:
    """Load a vector, or some rows of it."""
    cdef Py_ssize_t i
    cdef uint8_t *nulls = target.nulls
    cdef const uint8_t *valid = source.valid
    target.has_nulls = valid != NULL
    if valid != NULL:
        valid += start
        if rows_of == NULL:
            for i in range(rows):
                nulls[i] = not valid[i]
        else:
            for i in range(rows):
                nulls[i] = not valid[rows_of[i]]
    if source.width == INT64:
        widen(<const int64_t *>source.values + start, target, rows_of, rows)
    elif source.width == INT32:
        widen(<const int32_t *>source.values + start, target, rows_of, rows)
    elif source.width == INT16:
        widen(<const int16_t *>source.values + start, target, rows_of, rows)
    elif source.width == UINT16:
        widen(<const uint16_t *>source.values + start, target, rows_of, rows)
    elif source.width == UINT32:
        widen(<const uint32_t *>source.values + start, target, rows_of, rows)
    elif source.width == BYTE:
        widen(<const uint8_t *>source.values + start, target, rows_of, rows)
    elif source.width == FLOAT64:
        widen_floats(<const double *>source.values + start, target, rows_of, rows)
    else:
        widen_floats(<const float *>source.values + start, target, rows_of, rows)


cdef void unframe(Input *source, Register *target, Py_ssize_t rows) noexcept nogil:
    """The numbers that codes stand for; modulo 64 bits, as they were coded."""
    cdef Py_ssize_t i
    cdef uint64_t base = source.base, step = source.step
    cdef uint64_t *values = <uint64_t *>target.values
    if not source.is_framed:
        return
    if step != 1:
        for i in range(rows):
            values[i] = base + step * values[i]
    elif base:
        for i in range(rows):
            values[i] += base


cdef inline void joint_nulls(Register *target, Register *first, Register *second, Py_ssize_t rows) noexcept nogil:
    cdef Py_ssize_t i
    target.has_nulls = first.has_nulls or second.has_nulls
    if first.has_nulls and second.has_nulls:
        for i in range(rows):
            target.nulls[i] = first.nulls[i] | second.nulls[i]
    elif first.has_nulls:
        for i in range(rows):
            target.nulls[i] = first.nulls[i]
    elif second.has_nulls:
        for i in range(rows):
            target.nulls[i] = second.nulls[i]


cdef inline void copy_nulls(Register *target, Register *first, Py_ssize_t rows) noexcept nogil:
    cdef Py_ssize_t i
    target.has_nulls = first.has_nulls
    if first.has_nulls:
        for i in range(rows):
            target.nulls[i] = first.nulls[i]


cdef bint arithmetic(int op, Register *target, Register *first, Register *second, Py_ssize_t rows) noexcept nogil:
    cdef Py_ssize_t i
    cdef const int64_t *left = first.values
    cdef const int64_t *right = second.values
    cdef int64_t *out = target.values
    cdef uint8_t failed = 0
    if target.has_nulls:  # what stands in NULL rows may overflow
        for i in range(rows):
            if op == ADD:
                failed |= add_overflows(left[i], right[i], &out[i]) and not target.nulls[i]
            elif op == SUBTRACT:
                failed |= subtract_overflows(left[i], right[i], &out[i]) and not target.nulls[i]
            else:
                failed |= multiply_overflows(left[i], right[i], &out[i]) and not target.nulls[i]
    elif op == MULTIPLY and not products_fit(left, right, rows):
        for i in range(rows):
            failed |= multiply_overflows(left[i], right[i], &out[i])
    elif op == MULTIPLY:
        for i in range(rows):
            out[i] = <int64_t>(<uint64_t>left[i] * <uint64_t>right[i])
    else:
        return sums_fit(op, left, right, out, rows)
    return not failed


cdef inline uint64_t bits_used(const int64_t *values, Py_ssize_t rows) noexcept nogil:
    """A number at least as long as any of the values is without its sign."""
    cdef int64_t used = 0
    cdef Py_ssize_t i
    for i in range(rows):
        used |= values[i] ^ (values[i] >> 63)
    return <uint64_t>used


cdef inline bint products_fit(const int64_t *left, const int64_t *right, Py_ssize_t rows) noexcept nogil:
    """Whether no product can overflow; if so they need not be looked at one by one."""
    return bits_used(left, rows) >> 31 == 0 and bits_used(right, rows) >> 31 == 0


cdef inline bint sums_fit(int op, const int64_t *left, const int64_t *right, int64_t *out, Py_ssize_t rows) noexcept nogil:
    """Add or subtract; false: there was an overflow, as the signs tell."""
    cdef int64_t wrong = 0
    cdef Py_ssize_t i
    if op == ADD:
        for i in range(rows):
            out[i] = <int64_t>(<uint64_t>left[i] + <uint64_t>right[i])
            wrong |= (left[i] ^ out[i]) & (right[i] ^ out[i])
    else:
        for i in range(rows):
            out[i] = <int64_t>(<uint64_t>left[i] - <uint64_t>right[i])
            wrong |= (left[i] ^ right[i]) & (left[i] ^ out[i])
    return wrong >= 0


cdef bint float_arithmetic(int op, Register *target, Register *first, Register *second,
                           Py_ssize_t rows) noexcept nogil:
    cdef Py_ssize_t i
    cdef const double *left = <const double *>first.values
    cdef const double *right = <const double *>second.values
    cdef double *out = <double *>target.values
    if op == ADD_FLOAT:
        for i in range(rows):
            out[i] = left[i] + right[i]
    elif op == SUBTRACT_FLOAT:
        for i in range(rows):
            out[i] = left[i] - right[i]
    elif op == MULTIPLY_FLOAT:
        for i in range(rows):
            out[i] = left[i] * right[i]
    else:
        for i in range(rows):
            out[i] = left[i] / right[i]
    for i in range(rows):
        if not isfinite(out[i]) and not (target.has_nulls and target.nulls[i]):
            return False
    return True


cdef bint check_bits(Register *target, Register *first, int bits, Py_ssize_t rows) noexcept nogil:
    cdef Py_ssize_t i
    cdef int64_t limit = <int64_t>1 << (bits - 1)
    copy_nulls(target, first, rows)
    for i in range(rows):
        target.values[i] = first.values[i]
        if (first.values[i] < -limit or first.values[i] >= limit) and not (target.has_nulls and target.nulls[i]):
            return False
    return True


cdef void compare(int op, Register *target, Register *first, Register *second, Py_ssize_t rows) noexcept nogil:
    cdef Py_ssize_t i
    cdef const int64_t *left = first.values
    cdef const int64_t *right = second.values
    cdef const double *x = <const double *>first.values
    cdef const double *y = <const double *>second.values
    cdef int64_t *out = target.values
    if op == EQUAL:
        for i in range(rows):
            out[i] = left[i] == right[i]
    elif op == UNEQUAL:
        for i in range(rows):
            out[i] = left[i] != right[i]
    elif op == LESS:
        for i in range(rows):
            out[i] = left[i] < right[i]
    elif op == LESS_OR_EQUAL:
        for i in range(rows):
            out[i] = left[i] <= right[i]
    elif op == EQUAL_FLOAT:
        for i in range(rows):
            out[i] = x[i] == y[i] or (isnan(x[i]) and isnan(y[i]))
    elif op == UNEQUAL_FLOAT:
        for i in range(rows):
            out[i] = not (x[i] == y[i] or (isnan(x[i]) and isnan(y[i])))
    elif op == LESS_FLOAT:
        for i in range(rows):
            out[i] = x[i] < y[i] or (isnan(y[i]) and not isnan(x[i]))
    else:
        for i in range(rows):
            out[i] = not (y[i] < x[i] or (isnan(x[i]) and not isnan(y[i])))


cdef void logic(int op, Register *target, Register *first, Register *second, Py_ssize_t rows) noexcept nogil:
    cdef Py_ssize_t i
    cdef bint left_null, right_null, decided
    if op == NOT:
        copy_nulls(target, first, rows)
        for i in range(rows):
            target.values[i] = first.values[i] == 0
        return
    if op == IS_NULL:
        for i in range(rows):
            target.values[i] = first.has_nulls and first.nulls[i]
        target.has_nulls = False
        return
    if not first.has_nulls and not second.has_nulls:
        target.has_nulls = False
        if op == AND:
            for i in range(rows):
                target.values[i] = (first.values[i] != 0) & (second.values[i] != 0)
        else:
            for i in range(rows):
                target.values[i] = (first.values[i] != 0) | (second.values[i] != 0)
        return
    target.has_nulls = True
    for i in range(rows):
        left_null = first.has_nulls and first.nulls[i]
        right_null = second.has_nulls and second.nulls[i]
        if op == AND:
            decided = (not left_null and first.values[i] == 0) or (not right_null and second.values[i] == 0)
            target.values[i] = not decided
        else:
            decided = (not left_null and first.values[i] != 0) or (not right_null and second.values[i] != 0)
            target.values[i] = decided
        target.nulls[i] = (left_null or right_null) and not decided


cdef const int64_t *groups_of(State *state, Py_ssize_t start, Py_ssize_t rows) noexcept nogil:
    """The groups of the rows that passed; NULL: there is but one."""
    cdef Py_ssize_t i
    if state.groups == NULL or state.vector_groups != NULL:
        return state.vector_groups
    state.vector_groups = state.groups + start
    if not state.all_are_selected:
        for i in range(rows):
            state.picked_groups[i] = state.groups[start + state.selected[i]]
        state.vector_groups = state.picked_groups
    return state.vector_groups


cdef void count_rows(State *state, int64_t *low, const int64_t *groups, Py_ssize_t rows) noexcept nogil:
    """Count rows of which none is NULL; of few groups once for all totals."""
    cdef int64_t counts[LANES * FEW_GROUPS]
    cdef Py_ssize_t i, lane
    if groups == NULL:
        low[0] += rows
        return
    if state.group_count > FEW_GROUPS:
        for i in range(rows):
            low[groups[i]] += 1
        return
    if not state.are_counted:
        memset(counts, 0, LANES * state.group_count * sizeof(int64_t))
        for i in range(rows):
            counts[groups[i] * LANES + (i & (LANES - 1))] += 1
        for i in range(state.group_count):
            state.counts[i] = 0
            for lane in range(LANES):
                state.counts[i] += counts[i * LANES + lane]
        state.are_counted = True
    for i in range(state.group_count):
        low[i] += state.counts[i]


cdef bint aggregate(State *state, const int32_t *step, Py_ssize_t start, Py_ssize_t rows) noexcept nogil:
    """One instruction that adds to totals."""
    cdef int op = step[0]
    cdef Register *source = NULL if step[2] < 0 else &state.registers[step[2]]
    cdef int64_t *low = state.low + step[1] * state.group_room
    cdef int64_t *high = state.high + step[1] * state.group_room
    cdef double *floats = state.floats + step[1] * state.group_room
    cdef const int64_t *groups = groups_of(state, start, rows)
    cdef Py_ssize_t row, group
    cdef double value
    if op == SUM:
        sum_integers(state, source, low, high, groups, rows)
        return True
    if op == COUNT and (source == NULL or not source.has_nulls):
        count_rows(state, low, groups, rows)
        return True
    if op >= MINIMUM and groups == NULL and not source.has_nulls:
        low[0] = extreme(op, source.values, rows, low[0] if high[0] else source.values[0])
        high[0] = 1
        return True
    for row in range(rows):
        if source.has_nulls and source.nulls[row]:
            continue
        group = 0 if groups == NULL else groups[row]
        if op == COUNT:
            low[group] += 1
        elif op == SUM_FLOAT:
            value = floats[group] + (<double *>source.values)[row]
            floats[group] = value
            if not isfinite(value):
                return False
        elif not high[group]:
            high[group] = 1
            low[group] = source.values[row]
        elif op == MINIMUM:
            low[group] = min(low[group], source.values[row])
        else:
            low[group] = max(low[group], source.values[row])
    return True


cdef int64_t extreme(int op, const int64_t *values, Py_ssize_t rows, int64_t best) noexcept nogil:
    """The least or greatest of a vector and what was best before."""
    cdef Py_ssize_t row
    if op == MINIMUM:
        for row in range(rows):
            best = values[row] if values[row] < best else best
    else:
        for row in range(rows):
            best = values[row] if values[row] > best else best
    return best


cdef void sum_integers(State *state, Register *source, int64_t *low, int64_t *high, const int64_t *groups,
                       Py_ssize_t rows) noexcept nogil:
    """Add up a vector: in 64 bits where no value is large, several sums a group."""
    cdef int64_t sums[LANES * FEW_GROUPS]
    cdef int64_t total = 0
    cdef Py_ssize_t row, group, i
    cdef const int64_t *values = source.values
    if bits_used(values, rows) >> 48 or state.group_count > FEW_GROUPS:
        for row in range(rows):
            if not (source.has_nulls and source.nulls[row]):
                group = 0 if groups == NULL else groups[row]
                add_wide(&low[group], &high[group], values[row])
        return
    if groups == NULL:
        for row in range(rows):
            total += 0 if source.has_nulls and source.nulls[row] else values[row]
        add_wide(&low[0], &high[0], total)
        return
    memset(sums, 0, LANES * state.group_count * sizeof(int64_t))
    if source.has_nulls:
        for row in range(rows):
            sums[groups[row] * LANES + (row & (LANES - 1))] += 0 if source.nulls[row] else values[row]
    else:
        for row in range(rows):
            sums[groups[row] * LANES + (row & (LANES - 1))] += values[row]
    for group in range(state.group_count):
        total = 0
        for i in range(LANES):
            total += sums[group * LANES + i]
        add_wide(&low[group], &high[group], total)
