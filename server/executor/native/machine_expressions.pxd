"""Expressions of the vector machine: instructions that make a register, over a whole vector each."""

from server.executor.native.machine_state cimport (
    LOAD, LOAD_DECIMAL, ADD, SUBTRACT, MULTIPLY, ADD_FLOAT, SUBTRACT_FLOAT, MULTIPLY_FLOAT,
    DIVIDE_FLOAT, TO_FLOAT, CHECK_BITS, ORDINAL, EQUAL, UNEQUAL, LESS, LESS_OR_EQUAL, EQUAL_FLOAT,
    UNEQUAL_FLOAT, LESS_FLOAT, LESS_OR_EQUAL_FLOAT, AND, OR, ONLY, UNLESS, COALESCE, NOT, IS_NULL, BYTE, INT16, INT32, INT64,
    FLOAT64, UINT16, UINT32, Stored, Float, Input, Register, State, bits_used, add_overflows,
    subtract_overflows, multiply_overflows,
)

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.math cimport isfinite, isnan
from libc.string cimport memcpy, memset


cdef inline bint has_no_nan(Register *target, Py_ssize_t rows) noexcept nogil:
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


cdef inline void load(Input *source, Register *target, Py_ssize_t start, const int32_t *rows_of, Py_ssize_t rows) noexcept nogil:
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


cdef inline void unframe(Input *source, Register *target, Py_ssize_t rows) noexcept nogil:
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


cdef inline void copy_nulls(Register *target, Register *first, Py_ssize_t rows) noexcept nogil:
    target.has_nulls = first.has_nulls
    if first.has_nulls:
        memcpy(target.nulls, first.nulls, rows)


cdef inline void joint_nulls(Register *target, Register *first, Register *second, Py_ssize_t rows) noexcept nogil:
    cdef Py_ssize_t i
    cdef uint8_t *nulls = target.nulls
    cdef const uint8_t *left = first.nulls
    cdef const uint8_t *right = second.nulls
    if not (first.has_nulls and second.has_nulls):
        copy_nulls(target, first if first.has_nulls else second, rows)
        return
    target.has_nulls = True
    for i in range(rows):
        nulls[i] = left[i] | right[i]


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


cdef inline bint arithmetic(int op, Register *target, Register *first, Register *second, Py_ssize_t rows) noexcept nogil:
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


cdef inline bint float_arithmetic(int op, Register *target, Register *first, Register *second,
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


cdef inline bint check_bits(Register *target, Register *first, int bits, Py_ssize_t rows) noexcept nogil:
    cdef Py_ssize_t i
    cdef uint64_t limit = <uint64_t>1 << (bits - 1), outside = 0
    cdef const int64_t *values = first.values
    cdef const uint8_t *nulls = first.nulls
    copy_nulls(target, first, rows)
    memcpy(target.values, values, rows * sizeof(int64_t))
    if first.has_nulls:
        for i in range(rows):
            outside |= (<uint64_t>values[i] + limit) & (<uint64_t>nulls[i] - 1)
    else:
        for i in range(rows):
            outside |= <uint64_t>values[i] + limit
    return outside < 2 * limit


cdef inline void ordinals(const double *floats, const int64_t *words, int64_t *out, Py_ssize_t rows) noexcept nogil:
    """Integers in the order of floats: the bits of those below 0 but for the sign are the other way around."""
    cdef Py_ssize_t i
    cdef int64_t nan = <int64_t>0x7FF8 << 48
    cdef int64_t sign_free = <int64_t>((<uint64_t>1 << 63) - 1)
    for i in range(rows):
        out[i] = nan if isnan(floats[i]) else words[i] ^ ((words[i] >> 63) & sign_free)


cdef inline void compare(int op, Register *target, Register *first, Register *second, Py_ssize_t rows) noexcept nogil:
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


cdef inline void three_valued(int op, Register *target, Register *first, Register *second, Py_ssize_t rows) noexcept nogil:
    """AND and OR: what decides beats NULL, which is false for the one and true for the other."""
    cdef Py_ssize_t i
    cdef int64_t *out = target.values
    cdef uint8_t *nulls = target.nulls
    cdef const int64_t *left = first.values
    cdef const int64_t *right = second.values
    cdef const uint8_t *left_nulls = first.nulls
    cdef const uint8_t *right_nulls = second.nulls
    cdef bint deciding = op == OR
    cdef uint8_t decided
    for i in range(rows):
        decided = (((left[i] != 0) == deciding) & (left_nulls[i] == 0)) | (
            ((right[i] != 0) == deciding) & (right_nulls[i] == 0)
        )
        nulls[i] = (left_nulls[i] | right_nulls[i]) & (decided ^ 1)
        out[i] = decided == deciding


cdef inline void logic(int op, Register *target, Register *first, Register *second, Py_ssize_t rows) noexcept nogil:
    cdef Py_ssize_t i
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
    if not first.has_nulls:
        memset(first.nulls, 0, rows)
    if not second.has_nulls:
        memset(second.nulls, 0, rows)
    three_valued(op, target, first, second, rows)


cdef inline void keep_where(bint wanted, Register *target, Register *condition, Register *source, Py_ssize_t rows) noexcept nogil:
    """What stands where a condition is true, or where it is not; elsewhere NULL."""
    cdef Py_ssize_t i
    cdef uint8_t unwanted = not wanted
    cdef uint8_t *nulls = target.nulls
    cdef const uint8_t *unknown = condition.nulls
    cdef const uint8_t *known_nulls = source.nulls
    cdef const int64_t *truth = condition.values
    for i in range(rows):
        nulls[i] = (truth[i] == 0) ^ unwanted
    if condition.has_nulls and wanted:
        for i in range(rows):
            nulls[i] |= unknown[i]
    elif condition.has_nulls:
        for i in range(rows):
            nulls[i] &= unknown[i] ^ 1
    if source.has_nulls:
        for i in range(rows):
            nulls[i] |= known_nulls[i]
    memcpy(target.values, source.values, rows * sizeof(int64_t))
    target.has_nulls = True


cdef inline void coalesce(Register *target, Register *first, Register *second, Py_ssize_t rows) noexcept nogil:
    """The first, and the second where that is NULL."""
    cdef Py_ssize_t i
    cdef int64_t *out = target.values
    cdef uint8_t *nulls = target.nulls
    cdef const uint8_t *missing = first.nulls
    cdef const uint8_t *missing_too = second.nulls
    cdef const int64_t *values = first.values
    cdef const int64_t *others = second.values
    target.has_nulls = first.has_nulls and second.has_nulls
    if not first.has_nulls:
        memcpy(out, values, rows * sizeof(int64_t))
        return
    for i in range(rows):
        out[i] = others[i] if missing[i] else values[i]
    if second.has_nulls:
        for i in range(rows):
            nulls[i] = missing[i] & missing_too[i]


cdef inline bint compute(State *state, const int32_t *step, Py_ssize_t start, Py_ssize_t rows) noexcept nogil:
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
    if op == ORDINAL:
        copy_nulls(target, first, rows)
        ordinals(<const double *>first.values, first.values, target.values, rows)
        return True
    if op <= LESS_OR_EQUAL_FLOAT:
        joint_nulls(target, first, second, rows)
        compare(op, target, first, second, rows)
        return True
    if op == ONLY or op == UNLESS:
        keep_where(op == ONLY, target, first, second, rows)
    elif op == COALESCE:
        coalesce(target, first, second, rows)
    else:
        logic(op, target, first, second, rows)
    return True
