"""Aggregates of the vector machine: a vector added to the totals of its groups."""

from server.executor.native.machine_state cimport (
    FEW_GROUPS, LANES, MASKED_GROUPS, COUNT, SUM, SUM_FLOAT, MINIMUM, Register, State, bits_used, add_wide,
)

from libc.stdint cimport int32_t, int64_t
from libc.math cimport isfinite
from libc.string cimport memset


cdef inline const int64_t *groups_of(State *state, Py_ssize_t start, Py_ssize_t rows) noexcept nogil:
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


cdef inline void count_rows(State *state, int64_t *low, const int64_t *groups, Py_ssize_t rows) noexcept nogil:
    """Count rows of which none is NULL; of few groups once for all totals."""
    cdef int64_t counts[LANES * FEW_GROUPS]
    cdef Py_ssize_t i, lane, group
    cdef int64_t total
    if groups == NULL:
        low[0] += rows
        return
    if state.group_count > FEW_GROUPS:
        for i in range(rows):
            low[groups[i]] += 1
        return
    if not state.are_counted and state.group_count <= MASKED_GROUPS:
        for group in range(state.group_count):
            total = 0
            for i in range(rows):
                total += groups[i] == group
            state.counts[group] = total
        state.are_counted = True
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


cdef inline int64_t extreme(int op, const int64_t *values, Py_ssize_t rows, int64_t best) noexcept nogil:
    """The least or greatest of a vector and what was best before."""
    cdef Py_ssize_t row
    if op == MINIMUM:
        for row in range(rows):
            best = values[row] if values[row] < best else best
    else:
        for row in range(rows):
            best = values[row] if values[row] > best else best
    return best


cdef inline void sum_integers(State *state, Register *source, int64_t *low, int64_t *high, const int64_t *groups,
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
    if state.group_count <= MASKED_GROUPS and not source.has_nulls:
        for group in range(state.group_count):
            total = 0
            for row in range(rows):  # wide vectors of rows that are this group's or 0
                total += values[row] if groups[row] == group else 0
            add_wide(&low[group], &high[group], total)
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


cdef inline bint aggregate(State *state, const int32_t *step, Py_ssize_t start, Py_ssize_t rows) noexcept nogil:
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
