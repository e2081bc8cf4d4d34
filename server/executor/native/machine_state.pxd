"""What a run of the vector machine has: the instructions, the columns it reads, its registers and totals."""

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

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
    """
    bint add_overflows(int64_t a, int64_t b, int64_t *r) noexcept nogil
    bint subtract_overflows(int64_t a, int64_t b, int64_t *r) noexcept nogil
    bint multiply_overflows(int64_t a, int64_t b, int64_t *r) noexcept nogil
    void add_wide(int64_t *low, int64_t *high, int64_t value) noexcept nogil

cdef enum:
    VECTOR_ROWS = 4096
    LANES = 8  # so many sums a group at most, so that they need not wait for each other
    SUMS_MAX = 512  # and so many sums of all groups
    MASKED_GROUPS = 5  # up to so many, all rows are gone through once for each: that takes wide vectors

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
    ORDINAL = 13
    EQUAL = 14
    UNEQUAL = 15
    LESS = 16
    LESS_OR_EQUAL = 17
    EQUAL_FLOAT = 18
    UNEQUAL_FLOAT = 19
    LESS_FLOAT = 20
    LESS_OR_EQUAL_FLOAT = 21
    AND = 22
    OR = 23
    ONLY = 24
    UNLESS = 25
    COALESCE = 26
    NOT = 27
    IS_NULL = 28
    FILTER = 29
    COUNT = 30
    SUM = 31
    SUM_FLOAT = 32
    MINIMUM = 33
    MAXIMUM = 34
    RANGE = 35
    RANGE_DECIMAL = 36

cdef enum Width:
    BYTE = 0
    INT16 = 1
    INT32 = 2
    INT64 = 3
    FLOAT32 = 4
    FLOAT64 = 5
    UINT16 = 6
    UINT32 = 7

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


cdef inline uint64_t bits_used(const int64_t *values, Py_ssize_t rows) noexcept nogil:
    """A number at least as long as any of the values is without its sign."""
    cdef int64_t used = 0
    cdef Py_ssize_t i
    for i in range(rows):
        used |= values[i] ^ (values[i] >> 63)
    return <uint64_t>used
