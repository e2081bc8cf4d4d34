"""The compiled twin of server.sql.row_lists.scan_rows: one pass over the bytes of the rows."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t
from libc.string cimport memchr, memcpy

cdef enum:
    COLUMNS_MAX = 1600  # server.sql.row_lists.COLUMNS_MAX
    DIGITS_MAX = 19  # of a bigint

cdef enum Kind:
    NO_KIND, INTEGER, BIGINT, NUMERIC, STRING, BOOLEAN

cdef bytes LETTERS = b"sibnso"  # of the kinds; a column of NULLs is one of strings
cdef bytes TRUE = b"t"
cdef bytes FALSE = b"f"


cdef struct Cell:
    Py_ssize_t start, end  # of the field, without quotes
    int kind
    bint is_null, has_quotes
    bint truth


cdef inline bint is_space(char code) noexcept:
    return code == c" " or code == c"\t" or code == c"\n" or code == c"\r" or code == c"\f"


cdef inline bint is_digit(char code) noexcept:
    return c"0" <= code <= c"9"


cdef inline Py_ssize_t skip_space(const char *text, Py_ssize_t position) noexcept:
    """The text ends in a NUL, which is no space."""
    while is_space(text[position]):
        position += 1
    return position


cdef Py_ssize_t read_number(const char *text, Py_ssize_t start, Cell *cell) noexcept:
    """Where a number ends; -1: there is none."""
    cdef bint negative = text[start] == c"-"
    cdef Py_ssize_t position = start + negative, first = position, digits, after
    cdef uint64_t value = 0
    cell.kind = INTEGER
    while text[position] == c"0":
        position += 1
    digits = position
    while is_digit(text[position]):
        if position - digits < DIGITS_MAX:
            value = 10 * value + <uint64_t>(text[position] - 48)
        else:
            cell.kind = NUMERIC
        position += 1
    digits = position - first
    if text[position] == c".":
        cell.kind = NUMERIC
        after = position + 1
        position = after
        while is_digit(text[position]):
            position += 1
        digits += position - after
    if not digits:
        return -1
    if text[position] | 32 == c"e":
        after = position + 1
        after += text[after] == c"-" or text[after] == c"+"
        if not is_digit(text[after]):
            return -1
        cell.kind = NUMERIC
        position = after
        while is_digit(text[position]):
            position += 1
    if cell.kind == INTEGER and value > <uint64_t>0x7FFFFFFF + negative:
        cell.kind = BIGINT if value <= <uint64_t>0x7FFFFFFFFFFFFFFF + negative else NUMERIC
    cell.start = start
    cell.end = position
    return position


cdef Py_ssize_t read_string(const char *text, Py_ssize_t start, Py_ssize_t size, Cell *cell) noexcept:
    """Where a string ends; -1: nowhere."""
    cdef Py_ssize_t position = start + 1
    cdef const char *quote
    cell.kind = STRING
    cell.has_quotes = False
    while True:
        quote = <const char *>memchr(text + position, c"'", size - position)
        if quote == NULL:
            return -1
        position = quote - text + 1
        if text[position] != c"'":
            cell.start = start + 1
            cell.end = position - 1
            return position
        cell.has_quotes = True
        position += 1


cdef inline bint says(const char *text, const char *word, Py_ssize_t length) noexcept:
    cdef Py_ssize_t i
    for i in range(length):
        if text[i] | 32 != word[i]:
            return False
    return True


cdef Py_ssize_t read_cell(const char *text, Py_ssize_t position, Py_ssize_t size, Cell *cell) noexcept:
    """Where a literal ends; -1: there is none."""
    cdef char code = text[position]
    cell.is_null = False
    if code == c"'":
        return read_string(text, position, size, cell)
    if is_digit(code) or code == c"-" or code == c".":
        return read_number(text, position, cell)
    cell.kind = BOOLEAN
    if says(text + position, "null", 4):
        cell.kind = NO_KIND
        cell.is_null = True
        return position + 4
    cell.truth = says(text + position, "true", 4)
    if cell.truth:
        return position + 4
    return position + 5 if says(text + position, "false", 5) else -1


cdef object field_of(const char *text, Cell *cell):
    cdef bytes field
    if cell.is_null:
        return None
    if cell.kind == BOOLEAN:
        return TRUE if cell.truth else FALSE
    field = PyBytes_FromStringAndSize(text + cell.start, cell.end - cell.start)
    if cell.kind == STRING and cell.has_quotes:
        return field.replace(b"''", b"'")
    return field


cdef inline int merged(int kind, int other) noexcept:
    """server.sql.row_lists.merged_kind; -1: they do not go together."""
    if kind == other or other == NO_KIND:
        return kind
    if kind == NO_KIND:
        return other
    if kind <= NUMERIC and other <= NUMERIC:
        return max(kind, other)
    return -1


def scan_rows(bytes data not None, Py_ssize_t position):
    """The rows of literals that begin at a position; None where a row is anything else."""
    cdef const char *text = PyBytes_AS_STRING(data)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data), width = 0, number, after
    cdef list columns = []
    cdef int kinds[COLUMNS_MAX]
    cdef Cell cell
    cdef bint is_first = True
    if not 0 <= position <= size:
        return None
    while True:
        position = skip_space(text, position)
        if text[position] != c"(":
            return None
        number = 0
        while text[position] != c")":
            position = read_cell(text, skip_space(text, position + 1), size, &cell)
            if position < 0:
                return None
            position = skip_space(text, position)
            if text[position] != c"," and text[position] != c")":
                return None
            if is_first and number < COLUMNS_MAX:
                columns.append([])
                kinds[number] = NO_KIND
                width += 1
            if number == width:
                return None
            kinds[number] = merged(kinds[number], cell.kind)
            if kinds[number] < 0:
                return None
            (<list>columns[number]).append(field_of(text, &cell))
            number += 1
        if number != width:
            return None
        is_first = False
        position += 1
        after = skip_space(text, position)
        if text[after] != c"," or text[skip_space(text, after + 1)] != c"(":
            letters = "".join([chr(LETTERS[kinds[number]]) for number in range(width)])
            return letters, tuple(columns), position
        position = after + 1
