"""Phrases: texts of a Query that differ from one that was said before in their literals alone, told by comparing bytes.

A phrase is a text that has a prepared statement (see server/session/skeletons.py), and where its literals stand. To lex
another text of the same phrase would find the same tokens, so that is not done. What a statement prepared
earlier has to be asked is asked as ever.

Rule 1: a number has as many digits as an integer has whatever they are; so neither its type nor its end depends on them.
Rule 2: a string has no quote in it; so it ends where the next quote is, and what follows is no quote, as in the phrase.
Rule 3: a phrase that did not lead to an answer is forgotten: the next text that is lexed makes a new one.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memchr, memcmp

from server.sql.native.lexer cimport LITERALS_MAX, Literal, literals_lifted

cdef enum:
    DIGITS_MAX = 9
    PHRASES_MAX = 16  # of a session, as they are looked through one after the other

assert LITERALS_MAX <= PARAMETERS_MAX


cdef class Phrase:
    """A text, where its literals begin and end in it, and the statement that has them as its parameters."""

    cdef bint is_said(self, const char *text, Py_ssize_t length, Span *literals) noexcept:
        cdef const char *own = PyBytes_AS_STRING(self.text)
        cdef const char *stop
        cdef Py_ssize_t place = 0, done = 0, size, first
        cdef int i
        for i in range(self.count):
            size = self.starts[i] - done
            if length - place <= size or memcmp(text + place, own + done, size):
                return False
            place += size
            first = place
            if self.are_strings[i]:
                stop = <const char *>memchr(text + place, c"'", length - place)
                if stop == NULL or memchr(text + place, 0, stop - text - place) != NULL:
                    return False
                place = stop - text
            else:
                while place < length and c"0" <= text[place] <= c"9":
                    place += 1
                if not 1 <= place - first <= DIGITS_MAX:
                    return False
                first -= self.are_negative[i]
            literals[i].data = text + first
            literals[i].length = place - first
            done = self.ends[i]
        size = PyBytes_GET_SIZE(self.text) - done
        return length - place == size and not memcmp(text + place, own + done, size)


cdef Phrase said_in(list phrases, const char *text, Py_ssize_t length, Span *literals):
    for phrase in phrases:
        if (<Phrase>phrase).is_said(text, length, literals):
            return phrase
    return None


cdef Phrase phrase_of(str sql, prepared):
    cdef const Literal *found
    cdef const char *text
    cdef Phrase made
    cdef int count = literals_lifted(&found), i, place
    if count < 1:
        return None
    made = Phrase.__new__(Phrase)
    made.text = sql.encode()
    made.prepared = prepared
    made.count = count
    text = PyBytes_AS_STRING(made.text)
    for i in range(count):
        made.starts[i] = found[i].start
        made.ends[i] = found[i].end
        made.are_strings[i] = found[i].is_string
        made.are_negative[i] = found[i].is_negative
        if found[i].is_string:
            if memchr(text + found[i].start, c"'", found[i].end - found[i].start) != NULL:
                return None
            continue
        if not 1 <= found[i].end - found[i].start <= DIGITS_MAX:
            return None
        for place in range(found[i].start, found[i].end):
            if not c"0" <= text[place] <= c"9":
                return None
        if found[i].is_negative and text[found[i].start - 1] != c"-":
            return None
    return made


cdef int keep_phrase(list phrases, Phrase phrase) except -1:
    if len(phrases) >= PHRASES_MAX:
        del phrases[0]
    phrases.append(phrase)
    return 0
