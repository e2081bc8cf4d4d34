"""What compiled code asks of lexer.pyx."""

cdef tuple lifted(str sql)
