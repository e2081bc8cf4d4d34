"""Reads by key from the bytes of their messages to the bytes of the reply, without a frame of Python between.

A series is Bind of the unnamed portal, perhaps Describe, Execute and Sync, all that perhaps after Parse of the unnamed
statement, if its text is known; a Query of the same statement with its parameters as literals is one message. `serve`
takes those at the start of what has arrived, as long as they are whole and of this shape, and leaves the rest to
pipeline.pyx and the ordinary flow, which gives the same bytes for all of them.

Rule 1: nothing is half done: a series is answered wholly or not touched.
Rule 2: only a session at rest is served: with nothing to report, on the catalog and the settings the plan was made on.
        Outside a block locks are looked at, inside they are taken, before the plan's freshness is, as in short_path.
Rule 3: what is odd in a message or a value, and every error, belongs to the ordinary flow, which words it.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.stdint cimport int16_t, int32_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

from protocol.native import decode
from storage.native.slots cimport Slot, read_slot, slot_named
from server.session.block import State
from server.session.native.point_run cimport (
    BEGINS, COMMITS, ROLLS_BACK, basis_of, description_of, joined, now_us, run_control, run_series_of, snapshot_in_block
)
from server.sql.native.lexer cimport lifted
from server.session.native.phrases cimport Phrase, keep_phrase, phrase_of, said_in
from server.session.state.native.session_state cimport Activity, SessionState, TransactionState
from server.session.native.wire_series cimport (
    COLUMNS_MAX, PARAMETERS_MAX, Series, Span, count_at, decoded, formats_of, integer_of, literal_values, read_series,
    row_values, text_of
)

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL

cdef extern from *:
    uint16_t swap16 "__builtin_bswap16"(uint16_t) nogil
    uint32_t swap32 "__builtin_bswap32"(uint32_t) nogil

cdef enum:
    SERIES_MAX = 256  # at a time, then the other connections have their turn
    SAVEPOINT_MAX = 96
    CONTROL_MAX = 22  # of the messages whose text may be known beforehand
    TEXT_COLUMN = 0  # else the width of an integer

cdef object IDLE = State.IDLE
cdef object OPEN = State.OPEN
cdef bytes PARSE_COMPLETE = b"1\x00\x00\x00\x04"
cdef bytes BIND_COMPLETE = b"2\x00\x00\x00\x04"
cdef bytes NO_DATA = b"n\x00\x00\x00\x04"
cdef bytes BOUND_NO_DATA = BIND_COMPLETE + NO_DATA
cdef bytes READY = b"Z\x00\x00\x00\x05I"
cdef bytes READY_OPEN = b"Z\x00\x00\x00\x05T"
cdef tuple NOTHING = (b"", 0)

cdef dict GREATEST = {2: (1 << 15) - 1, 3: (1 << 31) - 1}  # what an integer key's column can hold, by its kind

cdef Slot BASIS = slot_named("basis")
cdef Slot CHANGED = slot_named("changed")
cdef Slot CONTROL = slot_named("control")
cdef Slot LANE = slot_named("lane")
cdef Slot PLAIN_FORMATS = slot_named("plain_formats")
cdef Slot PLANNED = slot_named("planned")
cdef Slot READ_COMMITTED = slot_named("read_committed")
cdef Slot SERIES = slot_named("series")
cdef Slot SQL = slot_named("sql")


cdef class Output:
    """Bytes that grow."""

    def __dealloc__(self):
        PyMem_Free(self.data)

    cdef char *reserve(self, Py_ssize_t count) except NULL:
        """Room for so many more bytes, which are counted as written."""
        cdef Py_ssize_t start = self.size
        cdef char *grown
        if self.size + count > self.room:
            self.room = max(2 * self.room, self.size + count, 512)
            grown = <char *>PyMem_Realloc(self.data, self.room)
            if grown == NULL:
                raise MemoryError
            self.data = grown
        self.size += count
        return self.data + start

    cdef int add(self, bytes data) except -1:
        if not PyBytes_GET_SIZE(data):
            return 0
        memcpy(self.reserve(PyBytes_GET_SIZE(data)), PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        return 0

    cdef void empty(self, Py_ssize_t kept) noexcept:
        """Forget what is written, and the room for it where that is more than is to be kept."""
        self.size = 0
        if self.room > kept:
            PyMem_Free(self.data)
            self.data = NULL
            self.room = 0


cdef class KeySeries:
    """A read by key, ready to be served.

    parameter_limits has the bound of an integer parameter's type, or 0 for text. columns has the width of an integer,
    or 0 for text. The key's parts are parameters or, where their number is 0, constants; greatest has what an integer
    column can hold where that may be less. locks are the lane's, all_free tells whether they are.
    """

    def __init__(self, reader, limits, sources, columns, locks, all_free, description, tags):
        cdef int i
        assert len(limits) <= PARAMETERS_MAX and len(columns) <= COLUMNS_MAX
        self.reader = reader
        self.limits = tuple(limits)
        self.source_count = len(sources)
        assert self.source_count <= PARAMETERS_MAX
        self.constants = tuple([item.constant for item in sources])
        for i in range(self.source_count):
            self.parameters[i] = sources[i].parameter
            self.greatest[i] = GREATEST.get(sources[i].kind, 0)
            if self.parameters[i] and self.limits[self.parameters[i] - 1] <= self.greatest[i] + 1:
                self.greatest[i] = 0
        self.locks = tuple(locks)
        self.all_free = all_free
        self.description = description
        self.tags = tags
        self.column_count = len(columns)
        for i in range(self.column_count):
            self.columns[i] = columns[i]
        self.text_description = description((0,) * self.column_count)

    cdef list bound(self, Series *series, int *codes):
        """The parameters' values, or None where the ordinary flow is to read them; codes are the columns' formats."""
        cdef list values = []
        cdef int i, code
        cdef Span *span
        if series.parameter_count != len(self.limits) or not self.read_codes(series, codes):
            return None
        for i in range(series.parameter_count):
            span = &series.parameters[i]
            if span.length < 0:
                values.append(None)
                continue
            code = 0
            if series.parameter_format_count:
                code = series.parameter_formats[i if series.parameter_format_count > 1 else 0]
            limit = self.limits[i]
            value = text_of(span) if not limit else integer_of(span, code, limit)
            if value is None:
                return None
            values.append(value)
        return values

    cdef list literal_values(self, Span *literals, int count):
        """The values of a text's literals, or None where the ordinary flow is to read them."""
        cdef list values = []
        cdef int i
        if count != len(self.limits):
            return None
        for i in range(count):
            limit = self.limits[i]
            value = text_of(&literals[i]) if not limit else integer_of(&literals[i], 0, limit)
            if value is None:
                return None
            values.append(value)
        return values

    cdef bint read_codes(self, Series *series, int *codes) except -1:
        """Whether the formats of the columns are as many and as known as they have to be."""
        cdef int i
        if series.result_format_count > 1 and series.result_format_count != self.column_count:
            return False
        for i in range(self.column_count):
            codes[i] = 0
            if series.result_format_count:
                codes[i] = series.result_formats[i if series.result_format_count > 1 else 0]
                if codes[i] > 1:
                    return False
        return True

    cdef int write(self, Output output, Series *series, list values, int *codes, snapshot) except -1:
        """The replies to Bind, Describe and Execute."""
        cdef int i
        output.add(BIND_COMPLETE)
        if series.described:
            for i in range(self.column_count):
                if codes[i]:
                    output.add(self.description(tuple([codes[i] for i in range(self.column_count)])))
                    break
            else:
                output.add(self.text_description)
        return self.write_row(output, values, codes, snapshot)

    cdef int write_row(self, Output output, list values, int *codes, snapshot) except -1:
        """DataRow if there is one, and CommandComplete."""
        cdef list parts = []
        cdef tuple row
        cdef uint64_t row_id
        cdef Py_ssize_t start = output.size
        cdef char *place
        cdef int i
        cdef int64_t number
        for i in range(self.source_count):
            value = values[self.parameters[i] - 1] if self.parameters[i] else self.constants[i]
            if value is None:
                return output.add(self.tags[0])
            if self.greatest[i]:
                number = value
                if not -self.greatest[i] - 1 <= number <= self.greatest[i]:
                    return output.add(self.tags[0])
            parts.append(value)
        row = self.reader.look_up(snapshot, parts, &row_id)
        if row is None:
            return output.add(self.tags[0])
        output.reserve(7)
        for i in range(self.column_count):
            write_field(output, row[i], self.columns[i], codes[i])
        place = output.data + start
        place[0] = c"D"
        (<uint32_t *>(place + 1))[0] = swap32(output.size - start - 1)
        (<uint16_t *>(place + 5))[0] = swap16(self.column_count)
        return output.add(self.tags[1])


def serve(SessionState session not None, bytes data not None):
    """Reply to what is at the start of data, and how many bytes that was."""
    cdef Output output = Output.__new__(Output)
    cdef Py_ssize_t taken = serve_into(session, data, output)
    if not taken:
        return NOTHING
    return PyBytes_FromStringAndSize(output.data, output.size), taken


cdef Py_ssize_t serve_into(SessionState session, bytes data, Output output) except -1:
    """Write the reply to what is at the start of data: how many bytes that was."""
    cdef Py_ssize_t taken = 0, end, start, size = PyBytes_GET_SIZE(data)
    cdef int count
    for count in range(SERIES_MAX):
        if taken == size or not is_at_rest(session):
            break
        start = output.size
        try:
            end = serve_one(session, data, taken, output)
        except Exception:  # noqa: BLE001 - it comes up again where errors are told
            end = 0
        if not end:
            output.size = start
            break
        taken = end
        if session.unfinished is not None:
            break
    return taken


cdef bint is_at_rest(SessionState session) except -1:
    cdef TransactionState transaction = session.transaction
    state = transaction.state
    return (
        (
            state is OPEN
            or (
                state is IDLE
                and transaction.running is None
                and (not session.portals or "" not in session.portals)
            )
        )
        and session.cancelled is None
        and not session.skipping
        and not session.notices
        and not read_slot(session.settings, &CHANGED)
    )


cdef Py_ssize_t serve_one(SessionState session, bytes data, Py_ssize_t start, Output output) except -1:
    """Answer one series or Query: where it ends, or 0."""
    cdef Series series
    cdef const char *place = PyBytes_AS_STRING(data) + start
    if PyBytes_GET_SIZE(data) - start < 6:
        return 0
    if place[0] == c"B":
        if not read_series(data, start, &series) or not series.synced:
            return 0
        return serve_series(session, data, start, &series, output)
    if place[0] == c"P":
        return serve_parsed(session, data, start, output)
    if place[0] == c"Q":
        return serve_query(session, data, start, output)
    return 0


cdef Py_ssize_t serve_parsed(SessionState session, bytes data, Py_ssize_t start, Output output) except -1:
    """Answer Parse of the unnamed statement and the series after it."""
    cdef Series series
    cdef Py_ssize_t end = parse_known(session, data, start, &series, output)
    return serve_series(session, data, end, &series, output) if end and series.synced else 0


cdef Py_ssize_t parse_known(
    SessionState session, bytes data, Py_ssize_t start, Series *series, Output output
) except -1:
    """Answer Parse of the unnamed statement, its text known, its plan fresh and a series behind it: where that begins, or 0."""
    cdef const char *text = PyBytes_AS_STRING(data) + start
    cdef const char *stop
    cdef Py_ssize_t length = swap32((<const uint32_t *>(text + 1))[0]), end, place, count, i
    end = start + 1 + length
    if length < 8 or end + 5 > PyBytes_GET_SIZE(data) or text[5] != 0 or text[1 + length] != c"B":
        return 0
    stop = <const char *>memchr(text + 6, 0, length - 5)
    if stop == NULL or not read_series(data, end, series) or series.name_length:
        return 0
    place = stop - text + 1
    count = count_at(text, &place, length + 1)
    if count < 0 or place + 4 * count != length + 1:
        return 0
    types = tuple([swap32((<const uint32_t *>(text + place + 4 * i))[0]) for i in range(count)])
    prepared = session.parsed.get((decoded(text + 6, stop - text - 6), types))
    if prepared is None or (prepared.planned is not None and prepared.basis is not basis_of(session)):
        return 0
    session.prepared[""] = prepared
    output.add(PARSE_COMPLETE)
    return end


cdef Py_ssize_t serve_series(
    SessionState session, bytes data, Py_ssize_t start, Series *series, Output output
) except -1:
    cdef KeySeries known
    cdef int codes[COLUMNS_MAX]
    cdef int i
    cdef list values
    cdef const char *text = PyBytes_AS_STRING(data)
    prepared = session.prepared.get(decoded(text + series.name_start, series.name_length))
    if prepared is None:
        return 0
    in_block = session.transaction.state is OPEN
    known = known_of(prepared) if in_block else fresh(session, prepared)
    if known is None:
        return run_steps(session, prepared, data, start, series, output)
    values = known.bound(series, codes)
    if values is None:
        return 0
    snapshot = None
    if in_block:
        snapshot = snapshot_in_block(session, prepared, known.locks, None)
        if snapshot is None:
            return 0
    else:
        show(session, read_slot(prepared, &SQL))
        session.activity.commit_count += 1
    known.write(output, series, values, codes, snapshot)
    output.add(READY_OPEN if in_block else READY)
    return series.end


cdef Py_ssize_t run_steps(
    SessionState session, prepared, bytes data, Py_ssize_t start, Series *series, Output output
) except -1:
    """Answer a series of another kind: where it ends, or 0."""
    cdef tuple values = None, formats
    lane = read_slot(prepared, &LANE)
    planned = read_slot(prepared, &PLANNED)
    if lane is None and planned is not None:
        return 0
    if read_slot(prepared, &CONTROL) and not series.parameter_count and series.parameter_format_count <= 1:
        head = BOUND_NO_DATA if series.described else BIND_COMPLETE
        reply = run_control(session, prepared, prepared.control, head, None)
        if reply is None:
            return 0
        output.add(reply)
        return series.end
    if lane is not None and read_slot(lane, &PLANNED) is planned:
        values = row_values(lane, series)
    if values is None:
        message = decode(c"B", data, start + 5, series.bind_end)
        reply = session.run_series(prepared, message, bool(series.described))
    else:
        formats = formats_of(lane, series)
        if formats is None:
            return 0
        head = joined(BIND_COMPLETE, description_of(lane, formats), b"") if series.described else BIND_COMPLETE
        reply = run_series_of(session, prepared, lane, values, formats, head)
    if reply is None:
        return 0
    output.add(reply)
    return series.end


cdef Py_ssize_t serve_query(SessionState session, bytes data, Py_ssize_t start, Output output) except -1:
    cdef Span literals[PARAMETERS_MAX]
    cdef const char *place = PyBytes_AS_STRING(data) + start
    cdef Py_ssize_t length = swap32((<const uint32_t *>(place + 1))[0]), end = start + 1 + length
    cdef Phrase phrase
    cdef int kind
    if length < 5 or end > PyBytes_GET_SIZE(data):
        return 0
    if session.phrases and not place[length]:
        phrase = said_in(session.phrases, place + 5, length - 5, literals)
        if phrase is not None:
            sql = decoded(place + 5, length - 5)
            if sql is not None and answer_text(session, phrase.prepared, literals, phrase.count, sql, output):
                return end
            session.phrases.remove(phrase)
            return 0
    if <const char *>memchr(place + 5, 0, length - 4) != place + length:
        return 0
    sql = decoded(place + 5, length - 5)
    if sql is None:
        return 0
    if length < CONTROL_MAX:
        kind = control_of(place + 5, length - 5)
        if kind:
            reply = run_control(session, None, kind, b"", sql)
            if reply is None:
                return 0
            output.add(reply)
            return end
    if session.transaction.state is OPEN and length - 5 < SAVEPOINT_MAX and is_about_savepoint(place + 5, length - 5):
        reply = session.run_savepoint_text(sql)
        if reply is not None:
            output.add(reply)
            return end
    return end if serve_text(session, sql, output) else 0


cdef bint is_about_savepoint(const char *text, Py_ssize_t length) noexcept:
    """Whether a text may say SAVEPOINT, RELEASE or ROLLBACK TO."""
    cdef char word[8]
    cdef int i
    if length < 10:
        return False
    for i in range(8):
        word[i] = text[i] | 0x20
    return not memcmp(word, b"savepoin", 8) or not memcmp(word, b"release ", 8) or not memcmp(word, b"rollback", 8)


cdef int control_of(const char *text, Py_ssize_t length) noexcept:
    """The kind of a text that plainly begins or ends a block; 0: it is another."""
    cdef char word[CONTROL_MAX]
    cdef Py_ssize_t i
    while length and (text[length - 1] == c" " or text[length - 1] == c";" or text[length - 1] == c"\n"):
        length -= 1
    for i in range(length):
        word[i] = text[i] | 0x20 if c"A" <= text[i] <= c"Z" else text[i]
    if length == 5 and not memcmp(word, b"begin", 5):
        return BEGINS
    if (length == 6 and not memcmp(word, b"commit", 6)) or (length == 3 and not memcmp(word, b"end", 3)):
        return COMMITS
    return ROLLS_BACK if length == 8 and not memcmp(word, b"rollback", 8) else 0


cdef bint serve_text(SessionState session, sql, Output output) except -1:
    """Answer a text that the lexer has to look at."""
    cdef Span literals[PARAMETERS_MAX]
    cdef tuple found = lifted(sql), name
    cdef Py_ssize_t size
    cdef Phrase phrase
    cdef int i
    prepared = None
    if found is not None:
        name = (found[0], found[1])
        prepared = session.skeletons.get(name)
        if prepared is None and name not in session.skeletons:
            prepared = session.take_over(name)
    if prepared is None or len(<tuple>found[2]) > PARAMETERS_MAX:
        return False
    phrase = phrase_of(sql, prepared)
    for i in range(len(<tuple>found[2])):
        literals[i].data = PyUnicode_AsUTF8AndSize((<tuple>found[2])[i], &size)
        literals[i].length = size
    if not answer_text(session, prepared, literals, len(<tuple>found[2]), sql, output):
        return False
    if phrase is not None:
        if session.phrases is None:
            session.phrases = []
        keep_phrase(session.phrases, phrase)
    return True


cdef bint answer_text(
    SessionState session, prepared, Span *literals, int count, sql, Output output
) except -1:
    """Answer a text of a prepared statement; False: nothing was written, the ordinary flow is to answer."""
    cdef KeySeries known
    cdef int codes[COLUMNS_MAX]
    cdef int i
    cdef list values
    cdef bint in_block = session.transaction.state is OPEN
    known = known_of(prepared) if in_block else fresh(session, prepared)
    if known is None:
        return answer_lane(session, prepared, literals, count, sql, output)
    values = known.literal_values(literals, count)
    if values is None:
        return False
    for i in range(known.column_count):
        codes[i] = 0
    snapshot = None
    if in_block:
        snapshot = snapshot_in_block(session, prepared, known.locks, sql)
        if snapshot is None:
            return False
    else:
        show(session, sql)
        session.activity.commit_count += 1
        session.prepared.pop("", None)
    output.add(known.text_description)
    known.write_row(output, values, codes, snapshot)
    output.add(READY_OPEN if in_block else READY)
    return True


cdef bint answer_lane(
    SessionState session, prepared, Span *literals, int count, sql, Output output
) except -1:
    """`answer_text` where it is no read by key."""
    cdef tuple values, formats
    cdef bytes head
    lane = read_slot(prepared, &LANE)
    planned = read_slot(prepared, &PLANNED)
    if lane is None or read_slot(lane, &PLANNED) is not planned or read_slot(prepared, &BASIS) is not basis_of(session):
        return False
    values = literal_values(lane, literals, count)
    if values is None:
        return False
    formats = read_slot(lane, &PLAIN_FORMATS)
    head = description_of(lane, formats) if planned.returns_rows else b""
    reply = run_series_of(session, prepared, lane, values, formats, head, sql)
    if reply is None or (lane.may_fail_without_row and (<bytes>reply).startswith(head + lane.complete(0))):
        return False  # of a change nothing was done, as there is no row
    output.add(reply)
    return True


cdef KeySeries known_of(prepared):
    """What is known of a statement."""
    if prepared is None:
        return None
    lane = read_slot(prepared, &LANE)
    if lane is None or read_slot(lane, &PLANNED) is not read_slot(prepared, &PLANNED):
        return None
    return read_slot(lane, &SERIES)


cdef KeySeries fresh(SessionState session, prepared):
    """What is known of a statement for a session that is idle, if that is still so and no lock is in the way."""
    cdef KeySeries known = known_of(prepared)
    if known is None:
        return None
    if not known.all_free(session, known.locks):
        return None
    basis = basis_of(session)
    if read_slot(prepared, &BASIS) is not basis or not read_slot(basis, &READ_COMMITTED):
        return None
    return known


cdef int show(SessionState session, sql) except -1:
    """What pg_stat_activity tells of an idle session."""
    cdef Activity activity = session.activity
    now = now_us(session.clock)
    activity.query = sql
    activity.query_started_us = now
    activity.state_changed_us = now
    return 0


cdef int write_field(Output output, value, int width, int code) except -1:
    """Length and bytes of one field of a DataRow."""
    cdef char digits[24]
    cdef char *place
    cdef int64_t number
    cdef uint64_t rest
    cdef int at = 24
    if value is None:
        (<uint32_t *>output.reserve(4))[0] = 0xFFFFFFFF
        return 0
    if width == TEXT_COLUMN:
        (<uint32_t *>output.reserve(4))[0] = swap32(PyBytes_GET_SIZE(value))
        return output.add(<bytes>value)
    number = value
    if code == 1:
        place = output.reserve(4 + width)
        (<uint32_t *>place)[0] = swap32(width)
        for at in range(width):
            place[4 + at] = <char>((<uint64_t>number >> (8 * (width - 1 - at))) & 0xFF)
        return 0
    rest = <uint64_t>number if number >= 0 else <uint64_t>0 - <uint64_t>number
    while True:
        at -= 1
        digits[at] = c"0" + <char>(rest % 10)
        rest //= 10
        if not rest:
            break
    if number < 0:
        at -= 1
        digits[at] = c"-"
    place = output.reserve(4 + 24 - at)
    (<uint32_t *>place)[0] = swap32(24 - at)
    memcpy(place + 4, digits + at, 24 - at)
    return 0
