"""The compiled twin of protocol.rows: columns to DataRow messages.

Rule 1: the first pass, with the interpreter's lock, resolves every object to a pointer and a length
        and sums up an upper bound of the output; the second pass writes without the lock.
Rule 2: each kind's width below is an upper bound of what its writer writes.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

import numpy as np

cimport numpy as cnp

from protocol.native.text_values cimport (
    put_binary_decimal,
    put_date,
    put_decimal,
    put_float4,
    put_float8,
    put_signed,
    put_timestamp,
    put_unsigned,
)

cdef extern from "Python.h":
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size) except NULL
    int _PyBytes_Resize(PyObject **string, Py_ssize_t size) except -1
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL

cdef extern from *:
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
    BINARY = 16  # added to a kind

DTYPES = (
    np.uint8, np.int16, np.int32, np.int64, np.uint32, np.float32, np.float64,
    np.int32, np.int64, np.int64, np.int64, object, np.int32,
)
TEXT_WIDTHS = (1, 6, 11, 20, 10, 24, 32, 24, 48, 48, 24, 0, 0)
BINARY_WIDTHS = (1, 2, 4, 8, 4, 4, 8, 4, 8, 8, 32, 0, 0)


def encode_rows(columns, Py_ssize_t row_count, bytes tag=b"D"):
    """Return the messages of `row_count` rows."""
    cdef Batch batch = Batch(columns, row_count)
    return batch.data_rows(tag[0])


def frame_rows(columns, Py_ssize_t row_count, bytes tag=b"D"):
    """Return the messages of values that are encoded already, a list per column."""
    cdef Batch batch = Batch([RawColumn(column) for column in columns], row_count)
    return batch.data_rows(tag[0])


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
        source.text_count = self.row_count
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
        source.text_count = entry_count
        for number in range(entry_count):
            resolve_text(&source.texts[number], entries[number])
        for number in range(self.row_count):
            if source.valid == NULL or source.valid[number]:
                if not 0 <= codes[number] < entry_count:
                    raise IndexError("code outside of the dictionary")
                self.bytes_max += source.texts[codes[number]].size
        return 0

    cdef bytes data_rows(self, char tag):
        cdef Py_ssize_t size = self.bytes_max + self.row_count * (7 + 4 * self.column_count)
        cdef Output output = Output(size)
        cdef char *start = output.start()
        cdef char *end
        with nogil:
            end = write_data_rows(start, self.sources, self.column_count, self.row_count, tag)
        return output.finish(end - start)


cdef class Output:
    """A bytes object of which nobody else knows yet, so that it may be written and cut."""

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


cdef bint is_null(const Source *source, Py_ssize_t row) noexcept nogil:
    if source.valid != NULL and not source.valid[row]:
        return True
    return source.kind & 15 == BYTES and source.texts[row].data == NULL


cdef char *write_data_rows(
    char *place, Source *sources, Py_ssize_t column_count, Py_ssize_t row_count, char tag
) noexcept nogil:
    cdef Py_ssize_t row, column
    cdef char *header
    cdef char *length
    cdef const Source *source
    for row in range(row_count):
        header = place
        place[0] = tag
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


cdef char *write_date(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    return put_date(place, (<const int32_t *>source.values)[row])


cdef char *write_timestamp(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    return put_timestamp(place, (<const int64_t *>source.values)[row], False)


cdef char *write_timestamptz(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    return put_timestamp(place, (<const int64_t *>source.values)[row], True)


cdef char *write_decimal(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    return put_decimal(place, (<const int64_t *>source.values)[row], source.scale)


cdef char *write_binary_decimal(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    return put_binary_decimal(place, (<const int64_t *>source.values)[row], source.scale)


cdef char *write_float8(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    return put_float8(place, (<const double *>source.values)[row])


cdef char *write_float4(char *place, const Source *source, Py_ssize_t row) noexcept nogil:
    return put_float4(place, (<const float *>source.values)[row])
