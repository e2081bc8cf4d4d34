"""Pipelines of point statements: many between two Syncs, in one transaction, from their bytes to the bytes of the replies.

What stands alone with its Sync is a series, see key_series.pyx; here are series of which several go before one Sync, and
that Sync. The ordinary flow gives the same bytes.

Rule 1: nothing is half done: a statement is answered wholly or not touched. What it leaves to be done - an error, a
        wait, notices - is `session.unfinished`, to be run before what follows is looked at.
Rule 2: a pipeline outside a block is one transaction: its locks are held and its changes are committed at Sync.
Rule 3: where one INSERT comes with row after row of parameters, these are given to row_runs.py together.
Rule 4: an error passes over all that comes before the next Sync, which the session and the connection see to.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t
from libc.string cimport memcmp
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from server.session.block import State
from server.session.row_runs import NO_DATA, ROWS_MAX, insert_rows, run_of
from server.session.native.key_series cimport KeySeries, Output, fresh, parse_known, serve_series, show
from server.session.native.point_run cimport (
    basis_of, commit_series, description_of, finish_portal, leave_portal, rest, run_series_of, snapshot_in_block
)
from server.session.native.wire_series cimport (
    COLUMNS_MAX, SYNC_BYTES, Series, decoded, formats_of, is_sync, read_series, row_values
)

cdef enum:
    SLICE_NS = 3000000  # at a time, then the other connections have their turn, and requests to cancel

cdef Py_ssize_t RUN_MAX = ROWS_MAX
cdef object IDLE = State.IDLE
cdef object OPEN = State.OPEN
cdef object IMPLICIT = State.IMPLICIT
cdef bytes BIND_COMPLETE = b"2\x00\x00\x00\x04"
cdef bytes READY_IDLE = b"Z\x00\x00\x00\x05I"
cdef bytes READY_OPEN = b"Z\x00\x00\x00\x05T"


cdef int64_t monotonic_ns() noexcept:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <int64_t>now.tv_sec * 1000000000 + now.tv_nsec


cdef class Pipeline:
    """A session's messages and the replies to them."""

    cdef object session
    cdef bytes data
    cdef Output output
    cdef bint is_within  # a Sync is still to come
    cdef Py_ssize_t single  # so many statements more are answered one by one

    cdef Py_ssize_t serve(self, Py_ssize_t start) except -1:
        """Answer what begins there: where what is answered ends."""
        cdef Py_ssize_t end, size
        cdef int64_t until_ns = monotonic_ns() + SLICE_NS
        while True:
            if PyBytes_GET_SIZE(self.data) - start < SYNC_BYTES or not is_ready(self.session):
                break
            size = self.output.size
            try:
                end = self.serve_message(start)
            except Exception:  # noqa: BLE001 - it comes up again where errors are told
                end = 0
            if not end:
                self.output.size = size
                break
            start = end
            if self.session.unfinished is not None or monotonic_ns() > until_ns:
                break
        return start

    cdef Py_ssize_t serve_message(self, Py_ssize_t start) except -1:
        """Answer a statement, several or a Sync: where it ends, or 0."""
        cdef Series series
        cdef char tag = PyBytes_AS_STRING(self.data)[start]
        cdef Py_ssize_t begin = start, end
        session = self.session
        if tag == c"S":
            end = serve_sync(session, self.data, start, self.output)
            self.is_within = self.is_within and not end
            self.single = 0
            return end
        if tag == c"P":
            begin = parse_known(session, self.data, start, &series, self.output)
            if not begin:
                return 0
        elif tag != c"B" or not read_series(self.data, start, &series):
            return 0
        if series.synced and session.transaction.state is not IMPLICIT:
            end = serve_series(session, self.data, begin, &series, self.output)
            if end:
                self.is_within = session.transaction.is_pipelined = False
            return end
        leave_sync(&series)
        end = 0
        if self.single > 0:
            self.single -= 1
        elif begin == start:
            end = self.serve_run(begin, &series)
        if not end:
            end = serve_step(session, self.data, &series, self.output)
        self.is_within = self.is_within or end != 0
        return end

    cdef Py_ssize_t serve_run(self, Py_ssize_t start, Series *first) except -1:
        """Answer one INSERT with row after row of parameters: where they end; 0: there is no such thing."""
        cdef Series series
        cdef Py_ssize_t count = self.length_of_run(start, first), i
        cdef list rows = []
        cdef tuple row
        cdef bytes head = BIND_COMPLETE
        self.single = count - 1
        if count == 1:
            return 0
        session = self.session
        prepared = prepared_of(session, self.data, first)
        ready = None if prepared is None else run_of(session, prepared)
        if ready is None or count < ready.rows_min:
            return 0
        count = min(count, ready.rows_max)
        for i in range(count):
            read_series(self.data, start, &series)
            leave_sync(&series)
            start = series.end
            row = row_values(ready, &series)
            if row is None or series.result_format_count > 1:
                return 0
            rows.append(row)
        self.single = count - 1
        if not insert_rows(session, prepared, ready, rows):
            return 0
        self.single = 0
        if first.described:
            head += NO_DATA
        self.output.add((head + <bytes>ready.complete) * count)
        session.transaction.is_pipelined = True
        leave_portal(session)
        finish_portal(session, prepared)
        return start

    cdef Py_ssize_t length_of_run(self, Py_ssize_t start, Series *first) except -1:
        """How many times the statement comes in a row, each time in the same form."""
        cdef Series series
        cdef const char *text = PyBytes_AS_STRING(self.data)
        cdef Py_ssize_t count = 0
        while count < RUN_MAX and PyBytes_GET_SIZE(self.data) - start > SYNC_BYTES and text[start] == c"B":
            if not read_series(self.data, start, &series) or series.described != first.described:
                break
            if series.name_length != first.name_length:
                break
            if memcmp(text + series.name_start, text + first.name_start, first.name_length):
                break
            count += 1
            start = series.end
            if series.synced:
                break
        return count


def serve_pipeline(session, bytes data not None, Py_ssize_t start):
    """Reply to what begins at start: the reply, how many bytes were taken, and whether a Sync is still to come."""
    cdef Pipeline pipeline = Pipeline.__new__(Pipeline)
    cdef Py_ssize_t end
    pipeline.session = session
    pipeline.data = data
    pipeline.output = Output.__new__(Output)
    pipeline.single = session.single_steps
    end = pipeline.serve(start)
    session.single_steps = pipeline.single
    output = PyBytes_FromStringAndSize(pipeline.output.data, pipeline.output.size)
    return output, end - start, pipeline.is_within


cdef bint is_ready(session) except -1:
    state = session.transaction.state
    return (
        (state is OPEN or state is IMPLICIT or state is IDLE)
        and session.cancelled is None
        and not session.skipping
        and not session.notices
        and not session.settings.changed
    )


cdef void leave_sync(Series *series) noexcept:
    """Let a Sync be the next message."""
    if series.synced:
        series.synced = False
        series.end -= SYNC_BYTES


cdef object prepared_of(session, bytes data, Series *series):
    """The statement that is executed, if there is one of that name."""
    name = decoded(PyBytes_AS_STRING(data) + series.name_start, series.name_length)
    return session.prepared.get(name)


cdef Py_ssize_t serve_step(session, bytes data, Series *series, Output output) except -1:
    """Answer a statement behind which there is no Sync: where it ends, or 0."""
    cdef tuple values, formats
    cdef bytes head = BIND_COMPLETE
    prepared = prepared_of(session, data, series)
    if prepared is None:
        return 0
    lane = prepared.lane
    if lane is None or lane.planned is not prepared.planned:
        return 0
    if lane.series is not None:
        return read_step(session, prepared, lane.series, series, output)
    values = row_values(lane, series)
    formats = formats_of(lane, series)
    if values is None or formats is None:
        return 0
    if series.described:
        head += description_of(lane, formats)
    reply = run_series_of(session, prepared, lane, values, formats, head, None, False)
    if reply is None:
        return 0
    output.add(reply)
    return series.end


cdef Py_ssize_t read_step(
    session, prepared, KeySeries known, Series *series, Output output
) except -1:
    """Answer a read by key: where it ends, or 0."""
    cdef int codes[COLUMNS_MAX]
    cdef list values = known.bound(series, codes)
    if values is None:
        return 0
    transaction = session.transaction
    snapshot = None
    if transaction.running is not None:
        snapshot = snapshot_in_block(session, prepared, known.locks, None)
        if snapshot is None:
            return 0
    elif fresh(session, prepared) is None:
        return 0
    else:  # on a snapshot of its own; nothing has to be committed
        show(session, prepared.sql)
        leave_portal(session)
        finish_portal(session, prepared)
        transaction.state = IMPLICIT
    transaction.is_pipelined = True
    known.write(output, series, values, codes, snapshot)
    return series.end


cdef Py_ssize_t serve_sync(session, bytes data, Py_ssize_t start, Output output) except -1:
    """Answer a Sync: where it ends, or 0."""
    transaction = session.transaction
    state = transaction.state
    running = transaction.running
    if not is_sync(data, start) or session.mail.box.arrived:
        return 0
    transaction.is_pipelined = transaction.is_shared = False
    if state is OPEN:
        rest(session, "idle in transaction")
        output.add(READY_OPEN)
        return start + SYNC_BYTES
    transaction.state = IDLE
    if running is not None:
        output.add(commit_series(session, transaction, running, basis_of(session), b"", b""))
        return start + SYNC_BYTES
    if state is IMPLICIT:  # reads that needed no transaction
        session.activity.commit_count += 1
    if session.portals:
        session.close_portals()
    rest(session, "idle")
    output.add(READY_IDLE)
    return start + SYNC_BYTES
