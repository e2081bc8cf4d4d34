"""Pipelines of point statements: many between two Syncs, in one transaction, from their bytes to the bytes of the replies.

What stands alone with its Sync is a series, see key_series.pyx; here are series of which several go before one Sync, and
that Sync. The ordinary flow gives the same bytes.

Rule 1: nothing is half done: a statement is answered wholly or not touched. What it leaves to be done - an error, a
        wait, notices - is `session.unfinished`, to be run before what follows is looked at.
Rule 2: a pipeline outside a block is one transaction: its locks are held and its changes are committed at Sync.
Rule 3: an error passes over all that comes before the next Sync, which the session and the connection see to.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from server.session.block import State
from server.session.native.key_series cimport KeySeries, Output, fresh, parse_known, serve_series, show
from server.session.native.point_run cimport (
    basis_of, commit_series, finish_portal, leave_portal, rest, run_series_of, snapshot_in_block
)
from server.session.native.wire_series cimport (
    COLUMNS_MAX, SYNC_BYTES, Series, decoded, formats_of, is_sync, read_series, row_values
)

cdef enum:
    STEPS_MAX = 256  # at a time, then the other connections have their turn

cdef object IDLE = State.IDLE
cdef object OPEN = State.OPEN
cdef object IMPLICIT = State.IMPLICIT
cdef bytes BIND_COMPLETE = b"2\x00\x00\x00\x04"
cdef bytes READY_IDLE = b"Z\x00\x00\x00\x05I"
cdef bytes READY_OPEN = b"Z\x00\x00\x00\x05T"


def serve_pipeline(session, bytes data not None, Py_ssize_t start):
    """Reply to what begins at start: the reply, how many bytes were taken, and whether a Sync is still to come."""
    cdef Output output = Output.__new__(Output)
    cdef Py_ssize_t taken = start, end, size
    cdef bint is_within = False
    cdef int count
    for count in range(STEPS_MAX):
        if PyBytes_GET_SIZE(data) - taken < SYNC_BYTES or not is_ready(session):
            break
        size = output.size
        try:
            end = serve_message(session, data, taken, output, &is_within)
        except Exception:  # noqa: BLE001 - it comes up again where errors are told
            end = 0
        if not end:
            output.size = size
            break
        taken = end
        if session.unfinished is not None:
            break
    return PyBytes_FromStringAndSize(output.data, output.size), taken - start, is_within


cdef bint is_ready(session) except -1:
    state = session.transaction.state
    return (
        (state is OPEN or state is IMPLICIT or state is IDLE)
        and session.cancelled is None
        and not session.skipping
        and not session.notices
        and not session.settings.changed
    )


cdef Py_ssize_t serve_message(
    session, bytes data, Py_ssize_t start, Output output, bint *is_within
) except -1:
    """Answer a statement or a Sync: where it ends, or 0."""
    cdef Series series
    cdef char tag = PyBytes_AS_STRING(data)[start]
    cdef Py_ssize_t end
    if tag == c"S":
        end = serve_sync(session, data, start, output)
        if end:
            is_within[0] = False
        return end
    if tag == c"P":
        start = parse_known(session, data, start, &series, output)
        if not start:
            return 0
    elif tag != c"B" or not read_series(data, start, &series):
        return 0
    if series.synced and session.transaction.state is not IMPLICIT:
        end = serve_series(session, data, start, &series, output)
        if end:
            is_within[0] = session.transaction.is_pipelined = False
        return end
    if series.synced:
        series.end -= SYNC_BYTES  # it is the next message
    end = serve_step(session, data, &series, output)
    if end:
        is_within[0] = True
    return end


cdef Py_ssize_t serve_step(session, bytes data, Series *series, Output output) except -1:
    """Answer a statement behind which there is no Sync: where it ends, or 0."""
    cdef tuple values, formats
    cdef bytes head = BIND_COMPLETE
    prepared = session.prepared.get(
        decoded(PyBytes_AS_STRING(data) + series.name_start, series.name_length)
    )
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
        head += <bytes>lane.description(formats)
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
    if session.portals:
        session.close_portals()
    rest(session, "idle")
    output.add(READY_IDLE)
    return start + SYNC_BYTES
