"""Filters of the vector machine: the rows that pass, and registers moved together behind them."""

from server.executor.native.machine_state cimport (
    FILTER, RANGE_DECIMAL, INT16, INT32, INT64, UINT16, UINT32, Stored, Input, Register, State,
)

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef inline Py_ssize_t true_rows(State *state, Register *condition, Py_ssize_t rows) noexcept nogil:
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


cdef inline bint ends_as_codes(Input *source, int64_t *low, int64_t *high) noexcept nogil:
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


cdef inline Py_ssize_t rows_in_range(State *state, Input *source, int64_t low, int64_t high, Py_ssize_t start,
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


cdef inline bint has_nan(State *state, Input *source, Py_ssize_t start, Py_ssize_t rows) noexcept nogil:
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


cdef inline Py_ssize_t shrunk(State *state, Py_ssize_t kept, Py_ssize_t number, Py_ssize_t rows) noexcept nogil:
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


cdef inline Py_ssize_t narrow(State *state, const int32_t *step, Py_ssize_t number, Py_ssize_t start, Py_ssize_t rows) noexcept nogil:
    """Keep the rows that pass a filter; gives how many, -1 if that cannot be said."""
    cdef Input *source
    if step[0] == FILTER:
        return shrunk(state, true_rows(state, &state.registers[step[2]], rows), number, rows)
    source = &state.inputs[step[2]]
    if step[0] == RANGE_DECIMAL and has_nan(state, source, start, rows):
        return -1
    return shrunk(state, rows_in_range(state, source, state.constants[step[1]], state.constants[step[3]], start, rows),
                  number, rows)
