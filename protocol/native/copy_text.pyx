"""The compiled twin of protocol.copy_text.decode_columns: one pass over the bytes, field by field.

Rule 1: every place that looks one byte ahead compares with `end` first.
Rule 2: values of a row that turns out not to be whole are cut off again at the end.
Rule 3: a scratch buffer as long as the data holds values with escapes, so that it cannot overflow.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_Append
from cpython.object cimport PyObject
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset

from protocol.copy_text import CSV_WORDS, TEXT_WORDS, Split
from protocol.errors import CopyFormatError

cdef extern from "Python.h":
    PyObject *PyList_GET_ITEM(object items, Py_ssize_t number)

cdef enum:
    NEWLINE = 10
    RETURN = 13
    DOT = 46
    BACKSLASH = 92

# Ends of lines, as in protocol.copy_text.LineEnd.
cdef enum:
    END_UNKNOWN = 0
    END_NEWLINE = 1
    END_RETURN = 2
    END_RETURN_NEWLINE = 3

# How a field ended.
cdef enum:
    AT_DELIMITER = 1
    AT_LINE_END = 2
    AT_MARKER = 3  # the end-of-copy marker
    AT_DATA_END = 4  # not whole unless this is the last data


def decode_columns(bytes data, column_names, dialect, int line_end, bint last):
    """Split data into columns; with `last`, the end of the data ends a line too."""
    return Splitter(data, column_names, dialect, line_end, last).split()


cdef class Splitter:
    """The state of one call."""

    cdef bytes data
    cdef object names
    cdef list columns
    cdef bytes null
    cdef const uint8_t *null_data
    cdef Py_ssize_t null_size
    cdef const uint8_t *end
    cdef uint8_t *scratch
    cdef Py_ssize_t column_count
    cdef Py_ssize_t row_count
    cdef Py_ssize_t line_count
    cdef Py_ssize_t inner_lines  # within quotes of the row at hand
    cdef uint8_t delimiter, quote, escape
    cdef bint csv, last
    cdef int line_end
    cdef uint8_t[256] special  # bytes that end a run of ordinary ones outside of quotes
    # Of the field just scanned: where its raw bytes end, and whether it held escapes or quotes.
    cdef const uint8_t *field_end
    cdef uint8_t *value_end
    cdef bint changed, quoted

    def __cinit__(self, bytes data, column_names, dialect, int line_end, bint last):
        self.data = data
        self.names = column_names
        self.columns = [[] for _ in column_names]
        self.column_count = len(self.columns)
        self.null = dialect.null
        self.null_data = <const uint8_t *>PyBytes_AS_STRING(self.null)
        self.null_size = PyBytes_GET_SIZE(self.null)
        self.delimiter = dialect.delimiter[0]
        self.csv = bool(dialect.quote)
        if self.csv:
            self.quote = dialect.quote[0]
            self.escape = dialect.escape[0]
        self.line_end = line_end
        self.last = last
        self.scratch = <uint8_t *>malloc(max(PyBytes_GET_SIZE(data), 1))
        if self.scratch == NULL:
            raise MemoryError
        memset(self.special, 0, 256)
        self.special[NEWLINE] = self.special[RETURN] = self.special[self.delimiter] = 1
        self.special[self.quote if self.csv else BACKSLASH] = 1

    def __dealloc__(self):
        free(self.scratch)

    cdef object split(self):
        cdef const uint8_t *start = <const uint8_t *>PyBytes_AS_STRING(self.data)
        cdef const uint8_t *row = start
        cdef const uint8_t *following
        cdef bint ended = False
        self.end = start + PyBytes_GET_SIZE(self.data)
        try:
            while row < self.end and not ended:
                following = self.split_row(row, &ended)
                if following == NULL:
                    break
                row = following
        except CopyFormatError as error:
            error.line_no = self.line_count + 1 + self.inner_lines
            raise
        for column in self.columns:
            del column[self.row_count:]
        return Split(
            self.columns, row - start, self.row_count, self.line_count, self.line_end, ended
        )

    cdef const uint8_t *split_row(self, const uint8_t *row, bint *ended) except? NULL:
        """Take the row at `row`; return where the next one begins, NULL when it is not whole.

        A complaint about the number of fields waits for the end of the row, because a row that is
        not whole must be neither refused nor taken.
        """
        cdef const uint8_t *place = row
        cdef Py_ssize_t number = 0
        cdef int stop
        self.inner_lines = 0
        if self.csv:
            stop = self.csv_marker(row)
            if stop == AT_DATA_END:
                return NULL
            if stop == AT_MARKER:
                ended[0] = True
                return self.end
        while True:
            stop = self.csv_field(&place) if self.csv else self.text_field(&place)
            if stop == AT_DATA_END and not self.last:
                return NULL
            if stop == AT_MARKER:
                ended[0] = True
                if self.field_end == row:
                    return self.end
            if number < self.column_count:
                self.add(<list>PyList_GET_ITEM(self.columns, number), place)
            number += 1
            if stop != AT_DELIMITER:
                break
            place = self.field_end + 1
        if number != self.column_count and not (self.column_count == 0 and self.field_end == row):
            self.complain(number)
        self.row_count += 1
        self.line_count += 1 + self.inner_lines
        return self.after_row(stop)

    cdef const uint8_t *after_row(self, int stop) noexcept:
        if stop != AT_LINE_END:
            return self.end
        if self.line_end == END_RETURN_NEWLINE:
            return self.field_end + 2
        return self.field_end + 1

    cdef int complain(self, Py_ssize_t number) except -1:
        if number > self.column_count:
            raise CopyFormatError("extra data after last expected column")
        raise CopyFormatError(f'missing data for column "{self.names[number]}"')

    cdef int add(self, list column, const uint8_t *field) except -1:
        """Append the field scanned, which begins at `field`."""
        cdef Py_ssize_t size = self.field_end - field
        if (
            size == self.null_size
            and not self.quoted
            and memcmp(field, self.null_data, size) == 0
        ):
            return PyList_Append(column, None)
        if self.changed:
            value = PyBytes_FromStringAndSize(
                <char *>self.scratch, self.value_end - self.scratch
            )
        else:
            value = PyBytes_FromStringAndSize(<const char *>field, size)
        return PyList_Append(column, value)

    cdef int text_field(self, const uint8_t **field) except -1:
        cdef const uint8_t *place = field[0]
        cdef const uint8_t *end = self.end
        cdef uint8_t *value = NULL
        cdef const uint8_t *copied = place
        cdef Py_ssize_t size
        cdef int stop
        self.changed = self.quoted = False
        while True:
            while place < end and not self.special[place[0]]:
                place += 1
            if place < end and place[0] == BACKSLASH:
                if place + 1 < end and place[1] != DOT:
                    if value == NULL:
                        value = self.scratch
                    size = place - copied
                    memcpy(value, copied, size)
                    value += size
                    place = unescape(place + 1, end, value)
                    value += 1
                    copied = place
                    continue
                stop = self.backslash_at_end(place)
            else:
                stop = self.stop_at(place, TEXT_WORDS)
            break
        if stop == AT_DATA_END and place < end and value == NULL:
            value = self.scratch  # a lone backslash is dropped
        self.field_end = end if stop == AT_DATA_END else place
        if value != NULL:
            size = place - copied
            memcpy(value, copied, size)
            self.value_end = value + size
            self.changed = True
        return stop

    cdef int backslash_at_end(self, const uint8_t *place) except -1:
        """Decide on a backslash that is the last byte or before a dot."""
        if place + 1 == self.end:
            return AT_DATA_END
        return self.marker(place)

    cdef int marker(self, const uint8_t *place) except -1:
        """Decide on an end-of-copy marker."""
        cdef Py_ssize_t left = self.end - place - 2
        cdef const uint8_t *rest = place + 2
        if left < (2 if self.line_end == END_RETURN_NEWLINE else 1) and not self.last:
            return AT_DATA_END
        if self.line_end == END_RETURN_NEWLINE:
            if left and rest[0] == NEWLINE:
                raise CopyFormatError("end-of-copy marker does not match previous newline style")
            if not left or rest[0] != RETURN:
                raise CopyFormatError("end-of-copy marker corrupt")
            rest += 1
            left -= 1
        if not left or (rest[0] != NEWLINE and rest[0] != RETURN):
            raise CopyFormatError("end-of-copy marker corrupt")
        if self.line_end != END_UNKNOWN and (rest[0] == RETURN) != (self.line_end == END_RETURN):
            raise CopyFormatError("end-of-copy marker does not match previous newline style")
        return AT_MARKER

    cdef int csv_marker(self, const uint8_t *row) except -1:
        """Decide whether a line of csv is the end-of-copy marker; 0 when it is data."""
        cdef Py_ssize_t left = self.end - row
        cdef Py_ssize_t need = 4 if self.line_end == END_RETURN_NEWLINE else 3
        if row[0] != BACKSLASH or (left > 1 and row[1] != DOT):
            return 0
        if need == 4 and left > 2 and row[2] != RETURN:
            return 0
        if left < need:
            return 0 if self.last else AT_DATA_END
        if row[need - 1] != NEWLINE and row[need - 1] != RETURN:
            return 0
        return self.marker(row)

    cdef int stop_at(self, const uint8_t *place, words) except -1:
        """Decide what a delimiter, an end of line or the end of the data means."""
        if place == self.end:
            return AT_DATA_END
        # A delimiter is never a newline or a carriage return: COPY refuses such options.
        if place[0] == self.delimiter:
            return AT_DELIMITER
        if place[0] == NEWLINE:
            if self.line_end > END_NEWLINE:
                raise CopyFormatError(words[0][0], hint=words[0][1])
            self.line_end = END_NEWLINE
            return AT_LINE_END
        if self.line_end == END_RETURN:
            return AT_LINE_END
        if self.line_end == END_NEWLINE:
            raise CopyFormatError(words[1][0], hint=words[1][1])
        if place + 1 == self.end and not self.last:
            return AT_DATA_END
        if place + 1 < self.end and place[1] == NEWLINE:
            self.line_end = END_RETURN_NEWLINE
            return AT_LINE_END
        if self.line_end == END_RETURN_NEWLINE:
            raise CopyFormatError(words[1][0], hint=words[1][1])
        self.line_end = END_RETURN
        return AT_LINE_END

    cdef int csv_field(self, const uint8_t **field) except -1:
        cdef const uint8_t *place = field[0]
        cdef const uint8_t *end = self.end
        cdef uint8_t *value = self.scratch
        cdef const uint8_t *run
        cdef int stop
        self.changed = self.quoted = False
        while True:
            run = place
            while place < end and not self.special[place[0]]:
                place += 1
            if self.quoted or (place < end and place[0] == self.quote):
                memcpy(value, run, place - run)
                value += place - run
            if place == end or place[0] != self.quote:
                break
            self.quoted = self.changed = True
            place = self.csv_quoted(place + 1, &value)
            if place == NULL:
                if self.last:
                    raise CopyFormatError("unterminated CSV quoted field")
                return AT_DATA_END
        stop = self.stop_at(place, CSV_WORDS)
        self.field_end = place
        self.value_end = value
        return stop

    cdef const uint8_t *csv_quoted(
        self, const uint8_t *place, uint8_t **value
    ) except? NULL:
        """Copy what stands between quotes; return what follows, NULL when they are not closed."""
        cdef const uint8_t *end = self.end
        cdef uint8_t byte
        cdef uint8_t counted = NEWLINE if self.line_end == END_NEWLINE else RETURN
        while place < end:
            byte = place[0]
            if byte == self.escape and place + 1 < end and (
                place[1] == self.escape or place[1] == self.quote
            ):
                value[0][0] = place[1]
                value[0] += 1
                place += 2
                continue
            place += 1
            if byte == self.quote:
                # The next piece may begin with the quote that makes this one a doubled quote.
                if place == end and not self.last:
                    return NULL
                return place
            self.inner_lines += byte == counted
            value[0][0] = byte
            value[0] += 1
        return NULL


cdef const uint8_t *unescape(
    const uint8_t *place, const uint8_t *end, uint8_t *value
) noexcept nogil:
    """Write the byte that a backslash before `place` makes; return what follows."""
    cdef uint8_t byte = place[0]
    cdef int digits = 0
    cdef int number = 0
    if 48 <= byte <= 55:
        while digits < 3 and place < end and 48 <= place[0] <= 55:
            number = number * 8 + place[0] - 48
            place += 1
            digits += 1
        value[0] = <uint8_t>number
        return place
    place += 1
    if byte == c"x":
        while digits < 2 and place < end and hexadecimal(place[0]) >= 0:
            number = number * 16 + hexadecimal(place[0])
            place += 1
            digits += 1
        value[0] = <uint8_t>number if digits else byte
        return place
    value[0] = letter(byte)
    return place


cdef inline int hexadecimal(uint8_t byte) noexcept nogil:
    if 48 <= byte <= 57:
        return byte - 48
    byte |= 32
    return byte - 87 if 97 <= byte <= 102 else -1


cdef inline uint8_t letter(uint8_t byte) noexcept nogil:
    if byte == c"b":
        return 8
    if byte == c"f":
        return 12
    if byte == c"n":
        return 10
    if byte == c"r":
        return 13
    if byte == c"t":
        return 9
    if byte == c"v":
        return 11
    return byte
