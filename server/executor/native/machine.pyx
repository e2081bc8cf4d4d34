"""The vector machine's interpreter; server/executor/machine.py specifies it.

A run goes through the rows in vectors of VECTOR_ROWS, each instruction over a whole vector, all in one stretch
without the GIL. A filter makes the vector shorter: registers that are still needed are moved together, later loads
pick. Registers lie one behind the other: values, then a byte for each row that is NULL; whether a register may have
NULLs at all is known vector by vector, so that the loops without them stay simple.

What instructions do is in machine_filters, machine_expressions and machine_totals, all inline: the loops are compiled
several times as one function, for processors with wider vectors and for all others.
"""

import numpy as np

cimport numpy as cnp

from server.executor.machine import Totals
from storage.engine import Framed

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc

from server.executor.native.machine_expressions cimport compute
from server.executor.native.machine_filters cimport narrow
from server.executor.native.machine_state cimport (
    VECTOR_ROWS, SUMS_MAX, CONSTANT, CONSTANT_FLOAT, ADD, TO_FLOAT, CHECK_BITS, ORDINAL, COALESCE,
    FILTER, COUNT, RANGE, BYTE, INT16, INT32, INT64, FLOAT32, FLOAT64, UINT16, UINT32, Input, Register, State,
)
from server.executor.native.machine_totals cimport aggregate

cdef extern from *:
    """
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
    bint run_vectors(void *state, Py_ssize_t count) noexcept nogil

WIDTHS = {
    np.dtype(name): width
    for name, width in (
        ("bool", BYTE), ("int16", INT16), ("int32", INT32), ("int64", INT64), ("float32", FLOAT32), ("float64", FLOAT64),
        ("uint8", BYTE), ("uint16", UINT16), ("uint32", UINT32), ("uint64", INT64),
    )
}


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
    cdef char *memory = <char *>malloc(register_count * VECTOR_ROWS * 9 + VECTOR_ROWS * 16 + SUMS_MAX * 8)
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
    memory += VECTOR_ROWS * 8 + SUMS_MAX * 8
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
        if ADD <= step[0] <= COALESCE and step[0] != TO_FLOAT and step[0] != CHECK_BITS and step[0] != ORDINAL:
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
