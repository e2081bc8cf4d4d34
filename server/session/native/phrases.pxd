from server.session.native.wire_series cimport PARAMETERS_MAX, Span


cdef class Phrase:
    cdef bytes text
    cdef readonly object prepared
    cdef int count
    cdef int starts[PARAMETERS_MAX]
    cdef int ends[PARAMETERS_MAX]
    cdef unsigned char are_strings[PARAMETERS_MAX]
    cdef unsigned char are_negative[PARAMETERS_MAX]

    cdef bint is_said(self, const char *text, Py_ssize_t length, Span *literals) noexcept


# The one of the phrases that a text is, and its literals.
cdef Phrase said_in(list phrases, const char *text, Py_ssize_t length, Span *literals)

# The phrase of a text whose literals the lexer has just lifted; None: it is none.
cdef Phrase phrase_of(str sql, prepared)

# Keep it among the others.
cdef int keep_phrase(list phrases, Phrase phrase) except -1
