"""The twin of server/session/point_run.py, and whole series of point statements.

`run_lane` and `commit_block` give what their originals give. `run_series_of` also begins the statement, commits it
where it stands alone, and says ReadyForQuery; `snapshot_in_block` begins a read by key. The ordinary flow gives the
same bytes in its steps, so these have no originals.
"""

from libc.stdint cimport int64_t

from weakref import ref

from server.errors import InternalError
from server.executor.run import run_point
from server.session.block import State
from server.session.execution import renew_point_context
from server.session.point_run import reply_row
from server.session.unfinished import commit, fail, finish, flushed, unblocked
from server.statements.portal import finished_portal

cdef enum:
    LEFT = -1

cdef object OPEN = State.OPEN
cdef object IDLE = State.IDLE
cdef bytes READY_IDLE = b"Z\x00\x00\x00\x05I"
cdef bytes READY_OPEN = b"Z\x00\x00\x00\x05T"


def run_lane(session, lane, tuple parameters, tuple formats):
    """A point statement of any kind; its plan must be that of the session's basis."""
    basis = session.basis()
    running = session.transaction.start_statement()
    if not take_locks(session, running, lane) or session.basis() is not basis:
        return None
    if not may_run(running, lane):
        return None
    data = run(session, lane, running, basis, parameters, formats)
    if type(data) is int:
        running.point_context.snapshot = None
        return None
    return data


def run_series_of(session, prepared, lane, tuple parameters, tuple formats, bytes head, sql=None):
    """A point statement up to ReadyForQuery. sql: the text, if it came as one; else it leaves its portal in a block."""
    transaction = session.transaction
    state = transaction.state
    running = transaction.running
    if state is not OPEN or running is None:
        running = transaction.start_statement()
    if not take_locks(session, running, lane):
        return None
    basis = session.basis()
    if prepared.basis is not basis or not may_run(running, lane):
        return None
    session.begin_statement(prepared.sql if sql is None else sql, basis)
    leave_portal(session)
    if sql is not None:
        session.prepared.pop("", None)
    try:
        data = run(session, lane, running, basis, parameters, formats)
    except Exception as error:  # noqa: BLE001 - handed on to where errors become replies
        session.unfinished = fail(session, head, error)
        return b""
    if data is None:
        return None
    if type(data) is int:
        session.unfinished = unblocked(session, prepared, lane, data, head, sql)
        return b""
    if session.notices:
        session.unfinished = finish(session, head, data)
        return b""
    if transaction.state is OPEN:
        if sql is None:
            session.portals[""] = finished_portal(prepared, session.activity.query_started_us)
        session.rest("idle in transaction")
        return head + <bytes>data + READY_OPEN
    transaction.state = IDLE
    return commit_series(session, transaction, running, basis, head, data)


def snapshot_in_block(session, prepared, tuple locks, sql=None):
    """What a read by key in an open block sees, the statement having begun; None: leave it. sql: as above."""
    transaction = session.transaction
    running = transaction.running
    if running is None:
        return None
    storage = running.storage
    if storage.is_serializable:
        return None
    table_locks = session.database.engine.locks
    for oid, mode in locks:
        if not table_locks.try_table(storage, oid, mode):
            return None
    basis = session.basis()
    if prepared.basis is not basis:
        return None
    session.begin_statement(prepared.sql if sql is None else sql, basis)
    leave_portal(session)
    if sql is None:
        session.portals[""] = finished_portal(prepared, session.activity.query_started_us)
    else:
        session.prepared.pop("", None)
    session.rest("idle in transaction")
    return next_snapshot(running)


def commit_block(session, bytes head, bytes data):
    """COMMIT of an open block up to ReadyForQuery."""
    transaction = session.transaction
    running = transaction.running
    transaction.leave_block(commit=True)
    if running is None:
        session.unfinished = commit(session, head, data)
        return b""
    return commit_series(session, transaction, running, session.basis(), head, data)


cdef bytes commit_series(session, transaction, running, basis, bytes head, bytes data):
    """Commit what has left its state already."""
    if running.deferred or session.temporary_schema:
        session.unfinished = commit(session, head, data)
        return b""
    try:
        completion = transaction.commit_now(running, basis.synchronous_commit)
    except Exception as error:  # noqa: BLE001 - handed on to where errors become replies
        session.unfinished = fail(session, head, error)
        return b""
    if not completion.done or completion.error is not None:
        session.unfinished = flushed(session, completion, head, data)
        return b""
    if session.notices or session.settings.changed:
        session.unfinished = finish(session, head, data)
        return b""
    if session.portals:
        session.close_portals()
    session.rest("idle")
    return head + data + READY_IDLE


cdef object next_snapshot(running):
    """SessionTransaction.snapshot."""
    storage = running.storage
    storage.next_command()
    snapshot = storage.snapshot()
    running.has_snapshot = True
    running.newest = ref(snapshot)
    return snapshot


cdef bint take_locks(session, running, lane) except -1:
    locks = session.database.engine.locks
    storage = running.storage
    for oid, mode in <tuple>lane.locks:
        if not locks.try_table(storage, oid, mode):
            return False
    return True


cdef bint may_run(running, lane) except -1:
    """Whether what a serializable transaction reads is noted: a key_read does not, nor does it wait for a snapshot."""
    return not running.storage.is_serializable or (
        lane.key_read is None and not running.modes.deferrable
    )


cdef int leave_portal(session) except -1:
    """The unnamed portal gives way to the next one."""
    portals = session.portals
    if portals:
        portal = portals.pop("", None)
        if portal is not None and portal.rows is not None:
            portal.close()
    return 0


cdef object run(session, lane, running, basis, tuple parameters, tuple formats):
    """The statement's rows and its CommandComplete; None: it is left to the ordinary flow.

    A negative xid: that transaction is in the way of the change, which keeps its context meanwhile.
    """
    cdef int64_t count = 0
    transaction = session.transaction
    key_read = lane.key_read
    if key_read is not None:
        return reply_row(lane, formats, key_read.fetch(transaction.snapshot(), parameters))
    planned = lane.planned
    if running.modes.read_only and planned.writes:
        transaction.refuse_writes(planned.tag)
    context = running.point_context
    if context is None or running.point_basis is not basis:
        context = renew_point_context(session, running, basis)
    context.snapshot = next_snapshot(running)
    context.parameters = parameters
    context.statement_time_us = session.activity.query_started_us
    try:
        if lane.change is not None:
            count = lane.change.count(context)
            if count < LEFT:
                return count
            return None if count == LEFT else lane.complete(count)
        rows = run_point(planned, context, lane.program)
        if context.after_statement:
            raise InternalError("a point statement has left checks behind")
    finally:
        if count >= LEFT:
            context.snapshot = None  # held no longer than the statement
    if rows is None:
        return None
    if planned.returns_rows:
        return reply_row(lane, formats, rows[0] if rows else None)
    return lane.complete(context.row_count)
