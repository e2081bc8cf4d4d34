"""Aggregates of the vector machine: a vector added to the totals of its groups."""

from server.executor.native.machine_state cimport (
    LANES, MASKED_GROUPS, SUMS_MAX, COUNT, SUM, SUM_FLOAT, MINIMUM, Register, State, bits_used, add_wide,
)

from libc.stdint cimport int32_t, int64_t, uint8_t
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


cdef inline Py_ssize_t lanes_of(Py_ssize_t group_count) noexcept nogil:
    """How many sums each group has: the fewer they are, the more rows in a row are of the same one."""
    cdef Py_ssize_t lanes = LANES
    while lanes * group_count > SUMS_MAX:
        lanes >>= 1
    return lanes


cdef inline void count_rows(State *state, int64_t *low, const int64_t *groups, Py_ssize_t rows) noexcept nogil:
    """Count rows of which none is NULL; of few groups once for all totals."""
    cdef int64_t counts[SUMS_MAX]
    cdef Py_ssize_t i, lane, group, lanes
    cdef int64_t total
    if groups == NULL:
        low[0] += rows
        return
    if state.group_count > SUMS_MAX:
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
        lanes = lanes_of(state.group_count)
        memset(counts, 0, lanes * state.group_count * sizeof(int64_t))
        for i in range(rows):
            counts[groups[i] * lanes + (i & (lanes - 1))] += 1
        for i in range(state.group_count):
            state.counts[i] = 0
            for lane in range(lanes):
                state.counts[i] += counts[i * lanes + lane]
        state.are_counted = True
    for i in range(state.group_count):
        low[i] += state.counts[i]


cdef inline void count_known(int64_t *low, const uint8_t *nulls, const int64_t *groups, Py_ssize_t rows) noexcept nogil:
    """Count rows that are not NULL."""
    cdef Py_ssize_t i
    cdef int64_t total = 0
    if groups == NULL:
        for i in range(rows):
            total += nulls[i] == 0
        low[0] += total
    else:
        for i in range(rows):
            low[groups[i]] += nulls[i] == 0


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


cdef inline int64_t unless_null(int64_t value, uint8_t is_null) noexcept nogil:
    """The value, or 0; without a branch, as nobody can foresee which rows are NULL."""
    return value & (<int64_t>is_null - 1)


cdef inline void sum_few(Register *source, int64_t *low, int64_t *high, const int64_t *groups, Py_ssize_t group_count,
                         Py_ssize_t rows) noexcept nogil:
    """Add up small values in 64 bits: the fewer the groups, the more sums each of them has."""
    cdef int64_t sums[SUMS_MAX]
    cdef int64_t total
    cdef Py_ssize_t row, group, i, lanes = lanes_of(group_count)
    cdef const int64_t *values = source.values
    cdef const uint8_t *nulls = source.nulls
    memset(sums, 0, lanes * group_count * sizeof(int64_t))
    if source.has_nulls:
        for row in range(rows):
            sums[groups[row] * lanes + (row & (lanes - 1))] += unless_null(values[row], nulls[row])
    else:
        for row in range(rows):
            sums[groups[row] * lanes + (row & (lanes - 1))] += values[row]
    for group in range(group_count):
        total = 0
        for i in range(lanes):
            total += sums[group * lanes + i]
        add_wide(&low[group], &high[group], total)


cdef inline void sum_integers(State *state, Register *source, int64_t *low, int64_t *high, const int64_t *groups,
                       Py_ssize_t rows) noexcept nogil:
    """Add up a vector: in 64 bits where no value is large, several sums a group."""
    cdef int64_t total = 0
    cdef Py_ssize_t row, group
    cdef const int64_t *values = source.values
    cdef const uint8_t *nulls = source.nulls
    if bits_used(values, rows) >> 48 or state.group_count > SUMS_MAX:
        for row in range(rows):
            group = 0 if groups == NULL else groups[row]
            total = unless_null(values[row], nulls[row]) if source.has_nulls else values[row]
            add_wide(&low[group], &high[group], total)
        return
    if groups == NULL:
        if source.has_nulls:
            for row in range(rows):
                total += unless_null(values[row], nulls[row])
        else:
            for row in range(rows):
                total += values[row]
        add_wide(&low[0], &high[0], total)
        return
    if state.group_count <= MASKED_GROUPS and not source.has_nulls:
        for group in range(state.group_count):
            total = 0
            for row in range(rows):  # wide vectors of rows that are this group's or 0
                total += values[row] if groups[row] == group else 0
            add_wide(&low[group], &high[group], total)
        return
    sum_few(source, low, high, groups, state.group_count, rows)


cdef inline bint sum_floats(Register *source, double *floats, const int64_t *groups, Py_ssize_t rows) noexcept nogil:
    """Add up a vector in the order of its rows; false: a sum is not finite."""
    cdef Py_ssize_t row
    cdef const double *values = <const double *>source.values
    cdef const uint8_t *nulls = source.nulls
    cdef double value, total
    if groups == NULL:
        total = floats[0]
        if source.has_nulls:
            for row in range(rows):
                total += -0.0 if nulls[row] else values[row]  # which changes no sum
        else:
            for row in range(rows):
                total += values[row]
        floats[0] = total
        return isfinite(total)
    for row in range(rows):
        value = values[row]
        if source.has_nulls:
            value = -0.0 if nulls[row] else value
        total = floats[groups[row]] + value
        floats[groups[row]] = total
        if not isfinite(total):
            return False
    return True


cdef inline bint aggregate(State *state, const int32_t *step, Py_ssize_t start, Py_ssize_t rows) noexcept nogil:
    """One instruction that adds to totals."""
    cdef int op = step[0]
    cdef Register *source = NULL if step[2] < 0 else &state.registers[step[2]]
    cdef int64_t *low = state.low + step[1] * state.group_room
    cdef int64_t *high = state.high + step[1] * state.group_room
    cdef double *floats = state.floats + step[1] * state.group_room
    cdef const int64_t *groups = groups_of(state, start, rows)
    cdef Py_ssize_t row, group
    if op == SUM_FLOAT:
        return sum_floats(source, floats, groups, rows)
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
    if op == COUNT:
        count_known(low, source.nulls, groups, rows)
        return True
    for row in range(rows):
        if source.has_nulls and source.nulls[row]:
            continue
        group = 0 if groups == NULL else groups[row]
        if not high[group]:
            high[group] = 1
            low[group] = source.values[row]
        elif op == MINIMUM:
            low[group] = min(low[group], source.values[row])
        else:
            low[group] = max(low[group], source.values[row])
    return True
