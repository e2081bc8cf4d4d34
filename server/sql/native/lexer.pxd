"""What compiled code asks of lexer.pyx."""

cdef enum:
    LITERALS_MAX = 32


cdef struct Literal:
    int start, end  # of its digits or of what is between its quotes
    bint is_string, is_negative


cdef tuple lifted(str sql)

# Where the literals stood that `lifted` has lifted last, and how many; -1: it is not known.
cdef int literals_lifted(const Literal **found) noexcept
