"""The compiled twin of protocol.copy_rows.

Rule 1: a field is written before it is known whether any of its bytes needs another in front of it; then it is moved,
        from its end. So there is room for every byte twice.
Rule 2: of what shows numbers and times no byte needs one, and words that many rows share are looked at once.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset

from protocol.native.rows cimport DICTIONARY, Batch, Output, Source, Text, is_null

cdef extern from *:
    uint32_t swap32 "__builtin_bswap32"(uint32_t) nogil


cdef struct Csv:
    char delimiter, quote, escape
    Text null
    bint alone


def encode_text_rows(columns, Py_ssize_t row_count, bytes delimiter=b"\t", bytes null=b"\\N"):
    """Return rows in text format; columns must not be binary."""
    cdef Batch batch = Batch(columns, row_count)
    cdef Output output = Output(room_of(batch, 1, null))
    cdef char *start = output.start()
    cdef char *end
    cdef Text shown = text_of(null)
    assert not any([column.binary for column in columns])
    assert len(delimiter) == 1
    cdef char mark = delimiter[0]
    cdef bint is_in_numbers = delimiter.isalnum() or delimiter in b" +-.:"
    cdef uint8_t *is_plain = <uint8_t *>calloc(max(batch.column_count, 1), 1)
    if is_plain == NULL:
        raise MemoryError
    with nogil:
        find_plain(is_plain, batch, mark, is_in_numbers)
        end = write_text_rows(
            start, batch.sources, batch.column_count, batch.row_count, mark, shown, is_plain
        )
    free(is_plain)
    return output.finish(end - start)


def encode_csv_rows(columns, Py_ssize_t row_count, dialect, force_quote=()):
    """Return rows in csv format; columns must not be binary. force_quote: none, or one for each column."""
    cdef Batch batch = Batch(columns, row_count)
    cdef bytes delimiter = dialect.delimiter, null = dialect.null, quote = dialect.quote, escape = dialect.escape
    cdef Output output = Output(room_of(batch, 3, null))
    cdef char *start = output.start()
    cdef char *end
    cdef Csv csv
    cdef Py_ssize_t number
    assert not any([column.binary for column in columns])
    assert len(delimiter) == len(quote) == len(escape) == 1
    assert len(force_quote) in (0, batch.column_count)
    csv.delimiter, csv.quote, csv.escape = delimiter[0], quote[0], escape[0]
    csv.null = text_of(null)
    csv.alone = batch.column_count == 1
    cdef uint8_t *forced = <uint8_t *>calloc(max(batch.column_count, 1), 1)
    if forced == NULL:
        raise MemoryError
    for number in range(len(force_quote)):
        forced[number] = bool(force_quote[number])
    with nogil:
        end = write_csv_rows(
            start, batch.sources, batch.column_count, batch.row_count, &csv, forced
        )
    free(forced)
    return output.finish(end - start)


cdef Py_ssize_t room_of(Batch batch, Py_ssize_t per_field, bytes null):
    """An upper bound of what lines take: every byte may need another one."""
    cdef Py_ssize_t per_row = 6 + batch.column_count * (per_field + PyBytes_GET_SIZE(null))
    return 2 * batch.bytes_max + batch.row_count * per_row


cdef Text text_of(bytes data):
    cdef Text text
    text.data = PyBytes_AS_STRING(data)
    text.size = PyBytes_GET_SIZE(data)
    return text


cdef char *write_text_rows(
    char *place,
    Source *sources,
    Py_ssize_t column_count,
    Py_ssize_t row_count,
    char delimiter,
    Text null,
    const uint8_t *is_plain,
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
            if not is_plain[column] and has_special(field, place - field, delimiter):
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


cdef void find_plain(
    uint8_t *is_plain, Batch batch, char delimiter, bint is_in_numbers
) noexcept nogil:
    """Which columns have no byte that needs a backslash; the delimiter may be one that numbers and times have."""
    cdef Source *sources = batch.sources
    cdef Py_ssize_t column, number
    cdef const Text *text
    for column in range(batch.column_count):
        if sources[column].texts == NULL:
            is_plain[column] = not is_in_numbers
        elif sources[column].kind == DICTIONARY and sources[column].text_count < batch.row_count:
            is_plain[column] = True
            for number in range(sources[column].text_count):
                text = &sources[column].texts[number]
                if has_special(text.data, text.size, delimiter):
                    is_plain[column] = False
                    break


cdef bint has_special(const char *data, Py_ssize_t size, char delimiter) noexcept nogil:
    """Whether some byte needs a backslash: without a jump, so that sixteen are looked at together."""
    cdef uint8_t seen = 0, byte
    cdef Py_ssize_t i
    for i in range(size):
        byte = <uint8_t>data[i]
        seen |= (<uint8_t>(byte - 8) <= 5) | (byte == 92) | (byte == <uint8_t>delimiter)
    return seen


cdef char *escape(char *start, char *end, const char *escapes) noexcept nogil:
    """Put the backslashes into a field in place, from its end."""
    cdef Py_ssize_t extra = 0
    cdef char *reader
    cdef char *writer
    reader = start
    while reader < end:
        extra += escapes[<uint8_t>reader[0]] != 0
        reader += 1
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


cdef char *write_csv_rows(
    char *place,
    Source *sources,
    Py_ssize_t column_count,
    Py_ssize_t row_count,
    const Csv *csv,
    const uint8_t *forced,
) noexcept nogil:
    cdef Py_ssize_t row, column
    cdef char *header
    cdef char *field
    cdef const Source *source
    for row in range(row_count):
        header = place
        place[0] = c"d"
        place += 5
        for column in range(column_count):
            if column:
                place[0] = csv.delimiter
                place += 1
            source = &sources[column]
            if is_null(source, row):
                memcpy(place, csv.null.data, csv.null.size)
                place += csv.null.size
                continue
            field = place
            place = source.write(place, source, row)
            place = put_quotes(field, place, csv, forced[column])
        place[0] = c"\n"
        place += 1
        (<uint32_t *>(header + 1))[0] = swap32(<uint32_t>(place - header - 1))
    return place


cdef char *put_quotes(char *start, char *end, const Csv *csv, bint is_needed) noexcept nogil:
    """Put the quotes that a field needs around it and into it, in place."""
    cdef Py_ssize_t size = end - start
    cdef char *reader = start
    cdef char *writer
    cdef char byte
    cdef uint8_t seen = 0
    cdef Py_ssize_t i
    if size == csv.null.size and memcmp(start, csv.null.data, size) == 0:
        is_needed = True
    if csv.alone and size == 2 and start[0] == c"\\" and start[1] == c".":
        is_needed = True
    for i in range(size):
        byte = start[i]
        seen |= (
            (byte == csv.delimiter) | (byte == csv.quote) | (byte == c"\r") | (byte == c"\n")
        )
    if not (is_needed or seen):
        return end
    size += 2
    reader = start
    while reader < end:
        size += reader[0] == csv.quote or reader[0] == csv.escape
        reader += 1
    writer = start + size - 1
    writer[0] = csv.quote
    while reader > start:
        reader -= 1
        writer -= 1
        writer[0] = reader[0]
        if reader[0] == csv.quote or reader[0] == csv.escape:
            writer -= 1
            writer[0] = csv.escape
    start[0] = csv.quote
    return start + size
