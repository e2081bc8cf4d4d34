# distutils: language = c++
"""The compiled twin of protocol.rows: columns to DataRow messages or COPY text rows.

Rule 1: the first pass, with the interpreter's lock, resolves every object to a pointer and a length
        and sums up an upper bound of the output; the second pass writes without the lock.
Rule 2: each kind's width below is an upper bound of what its writer writes.

C++ for one reason: std::to_chars, the shortest digits of a double at a tenth of repr's price.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.math cimport HUGE_VAL, fabs, isinf, isnan, llrint, nextafter
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport abs as absolute
from libc.stdlib cimport atoi, calloc, free, malloc, strtod
from libc.string cimport memcpy, memset

import numpy as np

cimport numpy as cnp

cdef extern from "Python.h":
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size) except NULL
    int _PyBytes_Resize(PyObject **string, Py_ssize_t size) except -1
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL

cdef extern from "<cmath>":
    float nextafterf(float, float) nogil

cdef extern from "<cstdlib>":
    float strtof(const char *, char **) nogil

cdef extern from "<charconv>" namespace "std":
    cdef enum class chars_format:
        scientific
    cdef struct to_chars_result:
        char *ptr
    to_chars_result to_chars(char *first, char *last, double value, chars_format form) nogil
    to_chars_result to_chars(char *first, char *last, float value, chars_format form) nogil

cdef extern from *:
    int64_t INT64_MIN
    ctypedef long long int128 "__int128"
    uint16_t swap16 "__builtin_bswap16"(uint16_t) nogil
    uint32_t swap32 "__builtin_bswap32"(uint32_t) nogil
    uint64_t swap64 "__builtin_bswap64"(uint64_t) nogil

cdef enum:
    BOOL = 0
    INT16 = 1
    INT32 = 2
    INT64 = 3
    UINT32 = 4
    FLOAT4 = 5
    FLOAT8 = 6
    DATE = 7
    TIMESTAMP = 8
    TIMESTAMPTZ = 9
    DECIMAL = 10
    BYTES = 11
    DICTIONARY = 12
    BINARY = 16  # added to a kind

cdef enum:
    DIGITS_MAX = 512  # of a decimal, padding included

ctypedef char *(*Writer)(char *place, const Source *source, Py_ssize_t row) noexcept nogil

cdef struct Text:
    const char *data
    Py_ssize_t size

cdef struct Source:
    int kind
    int scale
    const void *values
    const uint8_t *valid
    Text *texts
    Writer write

DTYPES = (
    np.uint8, np.int16, np.int32, np.int64, np.uint32, np.float32, np.float64,
    np.int32, np.int64, np.int64, np.int64, object, np.int32,
)
TEXT_WIDTHS = (1, 6, 11, 20, 10, 24, 32, 24, 48, 48, 24, 0, 0)
BINARY_WIDTHS = (1, 2, 4, 8, 4, 4, 8, 4, 8, 8, 32, 0, 0)

cdef char DIGIT_PAIRS[200]
cdef int pair_no
for pair_no in range(100):
    DIGIT_PAIRS[2 * pair_no] = 48 + pair_no // 10
    DIGIT_PAIRS[2 * pair_no + 1] = 48 + pair_no % 10


def encode_rows(columns, Py_ssize_t row_count):
    """Return the DataRow messages of `row_count` rows."""
    cdef Batch batch = Batch(columns, row_count)
    return batch.data_rows()


def frame_rows(columns, Py_ssize_t row_count):
    """Return the DataRow messages of values that are encoded already, a list per column."""
    cdef Batch batch = Batch([RawColumn(column) for column in columns], row_count)
    return batch.data_rows()


def encode_copy_rows(columns, Py_ssize_t row_count, bytes delimiter=b"\t", bytes null=b"\\N"):
    """Return one CopyData message a row, in the text format of COPY."""
    cdef Batch batch = Batch(columns, row_count)
    assert not any(column.binary for column in columns)
    assert len(delimiter) == 1
    return batch.copy_rows(delimiter[0], null)


class RawColumn:
    """What EncodeColumn says of a list of encoded values."""

    kind = BYTES
    valid = None
    binary = False
    scale = 0
    dictionary = ()

    def __init__(self, values):
        self.values = values


cdef class Batch:
    """Resolved columns; owns the pointers and keeps alive what they point into."""

    cdef Source *sources
    cdef Py_ssize_t column_count
    cdef Py_ssize_t row_count
    cdef Py_ssize_t bytes_max  # of all values of all rows
    cdef list keep

    def __cinit__(self, columns, Py_ssize_t row_count):
        self.column_count = len(columns)
        self.row_count = row_count
        self.bytes_max = 0
        self.keep = []
        self.sources = <Source *>calloc(max(self.column_count, 1), sizeof(Source))
        if self.sources == NULL:
            raise MemoryError
        cdef Py_ssize_t number
        for number in range(self.column_count):
            self.resolve(&self.sources[number], columns[number])

    def __dealloc__(self):
        cdef Py_ssize_t number
        if self.sources != NULL:
            for number in range(self.column_count):
                free(self.sources[number].texts)
            free(self.sources)

    cdef int resolve(self, Source *source, column) except -1:
        cdef int kind = int(column.kind)
        cdef bint binary = column.binary
        assert len(column.values) == self.row_count, "columns of one batch have one length"
        source.kind = kind + BINARY if binary else kind
        source.scale = column.scale
        if column.valid is not None:
            valid = np.ascontiguousarray(column.valid, dtype=np.bool_)
            assert len(valid) == self.row_count
            self.keep.append(valid)
            source.valid = <const uint8_t *>cnp.PyArray_DATA(<cnp.ndarray>valid)
        if kind == BYTES:
            self.resolve_objects(source, column.values)
        else:
            values = np.ascontiguousarray(column.values, dtype=DTYPES[kind])
            self.keep.append(values)
            source.values = cnp.PyArray_DATA(<cnp.ndarray>values)
            if kind == DICTIONARY:
                self.resolve_dictionary(source, column.dictionary)
            else:
                assert 0 <= source.scale <= 400
                width = BINARY_WIDTHS[kind] if binary else TEXT_WIDTHS[kind]
                self.bytes_max += self.row_count * (width + source.scale)
        source.write = writer_of(source.kind)
        return 0

    cdef int resolve_objects(self, Source *source, values) except -1:
        cdef list objects = values if type(values) is list else list(values)
        cdef Py_ssize_t row
        self.keep.append(objects)
        source.texts = <Text *>malloc(max(self.row_count, 1) * sizeof(Text))
        if source.texts == NULL:
            raise MemoryError
        for row in range(self.row_count):
            if source.valid != NULL and not source.valid[row]:
                source.texts[row].data = NULL
                continue
            resolve_text(&source.texts[row], objects[row])
            self.bytes_max += source.texts[row].size
        return 0

    cdef int resolve_dictionary(self, Source *source, dictionary) except -1:
        cdef list entries = list(dictionary)
        cdef Py_ssize_t entry_count = len(entries)
        cdef Py_ssize_t number
        cdef const int32_t *codes = <const int32_t *>source.values
        self.keep.append(entries)
        source.texts = <Text *>malloc(max(entry_count, 1) * sizeof(Text))
        if source.texts == NULL:
            raise MemoryError
        for number in range(entry_count):
            resolve_text(&source.texts[number], entries[number])
        for number in range(self.row_count):
            if source.valid == NULL or source.valid[number]:
                if not 0 <= codes[number] < entry_count:
                    raise IndexError("code outside of the dictionary")
                self.bytes_max += source.texts[codes[number]].size
        return 0

    cdef bytes data_rows(self):
        cdef Py_ssize_t size = self.bytes_max + self.row_count * (7 + 4 * self.column_count)
        cdef Output output = Output(size)
        cdef char *start = output.start()
        cdef char *end
        with nogil:
            end = write_data_rows(start, self.sources, self.column_count, self.row_count)
        return output.finish(end - start)

    cdef bytes copy_rows(self, char delimiter, bytes null):
        cdef Py_ssize_t per_row = 6 + self.column_count * (1 + PyBytes_GET_SIZE(null))
        # Every byte may need a backslash, and a field is written before it is known to need none.
        cdef Py_ssize_t size = 2 * self.bytes_max + self.row_count * per_row
        cdef Output output = Output(size)
        cdef char *start = output.start()
        cdef char *end
        cdef Text null_text
        null_text.data = PyBytes_AS_STRING(null)
        null_text.size = PyBytes_GET_SIZE(null)
        with nogil:
            end = write_copy_rows(
                start, self.sources, self.column_count, self.row_count, delimiter, null_text
            )
        return output.finish(end - start)


cdef class Output:
    """A bytes object of which nobody else knows yet, so that it may be written and cut."""

    cdef PyObject *data

    def __cinit__(self, Py_ssize_t size):
        self.data = new_bytes(NULL, size)

    def __dealloc__(self):
        Py_XDECREF(self.data)

    cdef char *start(self):
        return PyBytes_AS_STRING(<object>self.data)

    cdef bytes finish(self, Py_ssize_t size):
        assert size <= PyBytes_GET_SIZE(<object>self.data), "an upper bound was none"
        # Resizing insists on being the only owner, hence the bare pointer.
        _PyBytes_Resize(&self.data, size)
        return <bytes>self.data


cdef int resolve_text(Text *text, value) except -1:
    if value is None:
        text.data = NULL
        text.size = 0
    elif type(value) is bytes:
        text.data = PyBytes_AS_STRING(value)
        text.size = PyBytes_GET_SIZE(value)
    else:
        text.data = PyUnicode_AsUTF8AndSize(value, &text.size)
    return 0


cdef inline bint is_null(const Source *source, Py_ssize_t row) noexcept nogil:
    if source.valid != NULL and not source.valid[row]:
        return True
    return source.kind & 15 == BYTES and source.texts[row].data == NULL


cdef char *write_data_rows(
    char *place, Source *sources, Py_ssize_t column_count, Py_ssize_t row_count
) noexcept nogil:
    cdef Py_ssize_t row, column
    cdef char *header
    cdef char *length
    cdef const Source *source
    for row in range(row_count):
        header = place
        place[0] = c"D"
        (<uint16_t *>(place + 5))[0] = swap16(<uint16_t>column_count)
        place += 7
        for column in range(column_count):
            source = &sources[column]
            length = place
            place += 4
            if is_null(source, row):
                (<uint32_t *>length)[0] = <uint32_t>-1
                continue
            place = source.write(place, source, row)
            (<uint32_t *>length)[0] = swap32(<uint32_t>(place - length - 4))
        (<uint32_t *>(header + 1))[0] = swap32(<uint32_t>(place - header - 1))
    return place


cdef char *write_copy_rows(
    char *place,
    Source *sources,
    Py_ssize_t column_count,
    Py_ssize_t row_count,
    char delimiter,
    Text null,
) noexcept nogil:
    cdef Py_ssize_t row, column
    cdef char *header
    cdef char *field
    cdef const Source *source
    cdef char[256] escapes
    fill_escapes(escapes, delimiter)
    for row in range(row_count):
        header = place
        place[0] = c"d"
        place += 5
        for column in range(column_count):
            if column:
                place[0] = delimiter
                place += 1
            source = &sources[column]
            if is_null(source, row):
                memcpy(place, null.data, null.size)
                place += null.size
                continue
            field = place
            place = source.write(place, source, row)
            place = escape(field, place, escapes)
        place[0] = c"\n"
        place += 1
        (<uint32_t *>(header + 1))[0] = swap32(<uint32_t>(place - header - 1))
    return place


cdef void fill_escapes(char *escapes, char delimiter) noexcept nogil:
    """Per byte: 0 to show it as it is, else what follows the backslash."""
    memset(escapes, 0, 256)
    escapes[<uint8_t>delimiter] = delimiter
    escapes[92] = c"\\"
    escapes[8] = c"b"
    escapes[12] = c"f"
    escapes[10] = c"n"
    escapes[13] = c"r"
    escapes[9] = c"t"
    escapes[11] = c"v"


cdef char *escape(char *start, char *end, const char *escapes) noexcept nogil:
    """Put the backslashes into a field in place, from its end."""
    cdef Py_ssize_t extra = 0
    cdef char *reader
    cdef char *writer
    reader = start
    while reader < end:
        extra += escapes[<uint8_t>reader[0]] != 0
        reader += 1
    if extra == 0:
        return end
    reader = end
    writer = end + extra
    while writer > reader:
        reader -= 1
        if escapes[<uint8_t>reader[0]]:
            writer -= 2
            writer[1] = escapes[<uint8_t>reader[0]]
            writer[0] = c"\\"
        else:
            writer -= 1
            writer[0] = reader[0]
    return end + extra


cdef Writer writer_of(int kind) except NULL:
    """The writer of a kind in a format; the table is code because function pointers are."""
    cdef Writer[32] writers
    memset(writers, 0, sizeof(writers))
    writers[BOOL] = write_bool
    writers[INT16] = write_int16
    writers[INT32] = write_int32
    writers[INT64] = write_int64
    writers[UINT32] = write_uint32
    writers[FLOAT4] = write_float4
    writers[FLOAT8] = write_float8
    writers[DATE] = write_date
    writers[TIMESTAMP] = write_timestamp
    writers[TIMESTAMPTZ] = write_timestamptz
    writers[DECIMAL] = write_decimal
    writers[BYTES] = write_text
    writers[DICTIONARY] = write_entry
    writers[BINARY + BOOL] = write_binary1
    writers[BINARY + INT16] = write_binary2
    writers[BINARY + INT32] = write_binary4
    writers[BINARY + INT64] = write_binary8
    writers[BINARY + UINT32] = write_binary4
    writers[BINARY + FLOAT4] = write_binary4
    writers[BINARY + FLOAT8] = write_binary8
    writers[BINARY + DATE] = write_binary4
    writers[BINARY + TIMESTAMP] = write_binary8
    writers[BINARY + TIMESTAMPTZ] = write_binary8
    writers[BINARY + DECIMAL] = write_binary_decimal
    writers[BINARY + BYTES] = write_text
    writers[BINARY + DICTIONARY] = write_entry
    if writers[kind] == NULL:
        raise ValueError(kind)
    return writers[kind]


cdef char *write_text(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    memcpy(place, source.texts[row].data, source.texts[row].size)
    return place + source.texts[row].size


cdef char *write_entry(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    cdef const Text *text = &source.texts[(<const int32_t *>source.values)[row]]
    memcpy(place, text.data, text.size)
    return place + text.size


cdef char *write_bool(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    place[0] = c"t" if (<const uint8_t *>source.values)[row] else c"f"
    return place + 1


cdef char *write_binary1(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    place[0] = (<const uint8_t *>source.values)[row] != 0
    return place + 1


cdef char *write_binary2(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    (<uint16_t *>place)[0] = swap16((<const uint16_t *>source.values)[row])
    return place + 2


cdef char *write_binary4(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    (<uint32_t *>place)[0] = swap32((<const uint32_t *>source.values)[row])
    return place + 4


cdef char *write_binary8(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    (<uint64_t *>place)[0] = swap64((<const uint64_t *>source.values)[row])
    return place + 8


cdef char *write_int16(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    return put_signed(place, (<const int16_t *>source.values)[row])


cdef char *write_int32(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    return put_signed(place, (<const int32_t *>source.values)[row])


cdef char *write_int64(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    return put_signed(place, (<const int64_t *>source.values)[row])


cdef char *write_uint32(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    return put_unsigned(place, (<const uint32_t *>source.values)[row], 1)


cdef inline uint64_t magnitude(int64_t value) noexcept nogil:
    return -<uint64_t>value if value < 0 else <uint64_t>value


cdef inline char *put_signed(char *place, int64_t value) noexcept nogil:
    if value < 0:
        place[0] = c"-"
        place += 1
    return put_unsigned(place, magnitude(value), 1)


cdef inline char *put_unsigned(char *place, uint64_t value, int digits_min) noexcept nogil:
    """Write a number with at least `digits_min` digits."""
    cdef char[24] digits
    cdef char *first = digits + 24
    cdef Py_ssize_t size
    while value >= 100:
        first -= 2
        memcpy(first, &DIGIT_PAIRS[2 * (value % 100)], 2)
        value //= 100
    if value >= 10:
        first -= 2
        memcpy(first, &DIGIT_PAIRS[2 * value], 2)
    else:
        first -= 1
        first[0] = <char>(48 + value)
    size = digits + 24 - first
    while size < digits_min:
        place[0] = c"0"
        place += 1
        digits_min -= 1
    memcpy(place, first, size)
    return place + size


cdef inline char *put_pair(char *place, int value) noexcept nogil:
    memcpy(place, &DIGIT_PAIRS[2 * value], 2)
    return place + 2


cdef inline char *put(char *place, const char *text, int size) noexcept nogil:
    memcpy(place, text, size)
    return place + size


cdef char *write_date(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    cdef int32_t days = (<const int32_t *>source.values)[row]
    cdef bint before_christ = False
    if days == 0x7FFFFFFF:
        return put(place, "infinity", 8)
    if days == -0x7FFFFFFF - 1:
        return put(place, "-infinity", 9)
    place = put_civil(place, days, &before_christ)
    return put(place, " BC", 3) if before_christ else place


cdef char *put_civil(char *place, int64_t days, bint *before_christ) noexcept nogil:
    """Write year-month-day; the formula is explained in protocol.text_values."""
    cdef int64_t shifted = days + 730425
    cdef int64_t era = (shifted if shifted >= 0 else shifted - 146096) // 146097
    cdef int day_of_era = <int>(shifted - era * 146097)
    cdef int year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096
    ) // 365
    cdef int day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    cdef int shifted_month = (5 * day_of_year + 2) // 153
    cdef int day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    cdef int month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    cdef int64_t year = year_of_era + era * 400 + (month <= 2)
    before_christ[0] = year <= 0
    place = put_unsigned(place, <uint64_t>(1 - year if year <= 0 else year), 4)
    place[0] = c"-"
    place = put_pair(place + 1, month)
    place[0] = c"-"
    return put_pair(place + 1, day)


cdef char *write_timestamp(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    return put_timestamp(place, (<const int64_t *>source.values)[row], False)


cdef char *write_timestamptz(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    return put_timestamp(place, (<const int64_t *>source.values)[row], True)


cdef char *put_timestamp(char *place, int64_t microseconds, bint zone) noexcept nogil:
    cdef bint before_christ = False
    cdef int64_t days, rest
    cdef int second_of_day, fraction
    if microseconds == 0x7FFFFFFFFFFFFFFFLL:
        return put(place, "infinity", 8)
    if microseconds == INT64_MIN:
        return put(place, "-infinity", 9)
    days = microseconds // 86400000000LL
    rest = microseconds - days * 86400000000LL
    if rest < 0:
        days -= 1
        rest += 86400000000LL
    second_of_day = <int>(rest // 1000000)
    fraction = <int>(rest % 1000000)
    place = put_civil(place, days, &before_christ)
    place[0] = c" "
    place = put_pair(place + 1, second_of_day // 3600)
    place[0] = c":"
    place = put_pair(place + 1, second_of_day // 60 % 60)
    place[0] = c":"
    place = put_pair(place + 1, second_of_day % 60)
    if fraction:
        place[0] = c"."
        place = put_unsigned(place + 1, fraction, 6)
        while (place - 1)[0] == c"0":
            place -= 1
    if zone:
        place = put(place, "+00", 3)
    return put(place, " BC", 3) if before_christ else place


cdef char *write_decimal(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    cdef int64_t value = (<const int64_t *>source.values)[row]
    cdef int scale = source.scale
    cdef char *end
    if value < 0:
        place[0] = c"-"
        place += 1
    end = put_unsigned(place, magnitude(value), scale + 1)
    if scale == 0:
        return end
    # The point goes where the fraction begins; the fraction moves by one.
    move_right(end - scale, scale)
    (end - scale)[0] = c"."
    return end + 1


cdef inline void move_right(char *place, int size) noexcept nogil:
    while size > 0:
        size -= 1
        place[size + 1] = place[size]


cdef char *write_binary_decimal(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    cdef int64_t value = (<const int64_t *>source.values)[row]
    cdef int scale = source.scale
    cdef char[DIGITS_MAX] buffer
    cdef char *digits = buffer + 3  # room to complete the first group of four
    cdef char *end
    cdef int whole, group, first, last, groups, weight
    cdef uint16_t *header = <uint16_t *>place
    end = put_unsigned(digits, magnitude(value), scale + 1)
    whole = <int>(end - digits) - scale
    while whole % 4:
        digits -= 1
        digits[0] = c"0"
        whole += 1
    while (end - digits) % 4:
        end[0] = c"0"
        end += 1
    groups = <int>(end - digits) // 4
    weight = whole // 4 - 1
    first = 0
    last = groups
    while first < last and group_of(digits, first) == 0:
        first += 1
    while last > first and group_of(digits, last - 1) == 0:
        last -= 1
    header[0] = swap16(<uint16_t>(last - first))
    header[1] = swap16(<uint16_t>(weight - first)) if last > first else 0
    header[2] = swap16(0x4000) if value < 0 else 0
    header[3] = swap16(<uint16_t>scale)
    place += 8
    for group in range(first, last):
        (<uint16_t *>place)[0] = swap16(<uint16_t>group_of(digits, group))
        place += 2
    return place


cdef inline int group_of(const char *digits, int number) noexcept nogil:
    cdef const char *group = digits + 4 * number
    return (
        (group[0] - 48) * 1000 + (group[1] - 48) * 100 + (group[2] - 48) * 10 + (group[3] - 48)
    )


cdef char *write_float8(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    cdef double value = (<const double *>source.values)[row]
    cdef char[48] text
    cdef char *end
    cdef int digits
    cdef int64_t unscaled
    if -1e15 < value < 1e15 and value == <double><int64_t>value and value != 0:
        return put_signed(place, <int64_t>value)
    if isnan(value) or isinf(value):
        return put_special(place, value)
    if 1e-4 <= fabs(value) < 1e9:
        # Of at most 15 digits only one decimal reads back as the value, so it is the shortest.
        unscaled = llrint(value * 1e6)
        if <double>unscaled / 1e6 == value:
            return put_millionths(place, unscaled)
    end = to_chars(text, text + 40, value, chars_format.scientific).ptr
    end[0] = 0
    if is_between(text, value, value - nextafter(value, 0.0), nextafter(value, HUGE_VAL) - value):
        for digits in range(17):
            snprintf(text, 48, "%.*e", digits, value)
            if strtod(text, NULL) == value and not is_between(
                text, value, value - nextafter(value, 0.0), nextafter(value, HUGE_VAL) - value
            ):
                break
    return put_digits(place, text, 15)


cdef inline char *put_millionths(char *place, int64_t unscaled) noexcept nogil:
    cdef uint64_t absolute_value = magnitude(unscaled)
    cdef uint64_t fraction = absolute_value % 1000000
    if unscaled < 0:
        place[0] = c"-"
        place += 1
    place = put_unsigned(place, absolute_value // 1000000, 1)
    place[0] = c"."
    place = put_unsigned(place + 1, fraction, 6)
    while (place - 1)[0] == c"0":
        place -= 1
    return place


cdef char *write_float4(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    cdef float value = (<const float *>source.values)[row]
    cdef char[48] text
    cdef char *end
    cdef int digits
    cdef float below, above
    if isnan(value) or isinf(value):
        return put_special(place, value)
    end = to_chars(text, text + 40, value, chars_format.scientific).ptr
    end[0] = 0
    if -1.6e7 < value < 1.6e7:
        return put_digits(place, text, 6)
    below = value - nextafterf(value, 0)
    above = nextafterf(value, <float>HUGE_VAL) - value
    if is_between(text, value, below, above):
        for digits in range(9):
            snprintf(text, 48, "%.*e", digits, <double>value)
            if strtof(text, NULL) == value and not is_between(text, value, below, above):
                break
    return put_digits(place, text, 6)


cdef bint is_between(const char *text, double value, double below, double above) noexcept nogil:
    """Whether a decimal lies exactly between two floats; see protocol.text_values."""
    cdef int128 number = 0
    cdef int128 distance
    cdef int exponent
    cdef bint point = False
    if not 1.6e7 < fabs(value) < 1e37:
        return False
    if text[0] == c"-":
        text += 1
    exponent = 0
    while text[0] != c"e":
        if text[0] == c".":
            point = True
        else:
            number = number * 10 + (text[0] - 48)
            exponent -= point
        text += 1
    exponent += atoi(text + 1)
    if exponent < 0:
        return False
    while exponent > 0:
        number *= 10
        exponent -= 1
    distance = number - <int128>fabs(value)
    if distance < 0:
        distance = -distance
    return distance != 0 and (
        distance * 2 == <int128>fabs(above) or distance * 2 == <int128>fabs(below)
    )


cdef char *put_special(char *place, double value) noexcept nogil:
    if isnan(value):
        return put(place, "NaN", 3)
    return put(place, "-Infinity", 9) if value < 0 else put(place, "Infinity", 8)


cdef char *put_digits(char *place, const char *text, int scientific_from) noexcept nogil:
    """Write scientific text the way PostgreSQL does: plain from 1e-4 up to `scientific_from`."""
    cdef char[32] digits
    cdef int size = 0
    cdef int exponent
    if text[0] == c"-":
        place[0] = c"-"
        place += 1
        text += 1
    while text[0] != c"e":
        if text[0] != c".":
            digits[size] = text[0]
            size += 1
        text += 1
    exponent = atoi(text + 1)
    while size > 1 and digits[size - 1] == c"0":
        size -= 1
    if -4 <= exponent < scientific_from:
        return put_plain(place, digits, size, exponent)
    place[0] = digits[0]
    place += 1
    if size > 1:
        place[0] = c"."
        place = put(place + 1, digits + 1, size - 1)
    place[0] = c"e"
    place[1] = c"-" if exponent < 0 else c"+"
    return put_unsigned(place + 2, absolute(exponent), 2)


cdef char *put_plain(char *place, const char *digits, int size, int exponent) noexcept nogil:
    cdef int whole = exponent + 1
    if whole <= 0:
        memset(place, 48, 2 - whole)
        place[1] = c"."
        return put(place + 2 - whole, digits, size)
    if size <= whole:
        memcpy(place, digits, size)
        memset(place + size, 48, whole - size)
        return place + whole
    memcpy(place, digits, whole)
    place[whole] = c"."
    return put(place + whole + 1, digits + whole, size - whole)
