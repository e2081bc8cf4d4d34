"""The twin of server/session/point_run.py, and whole series of point statements.

`run_lane` and `commit_block` give what their originals give. `run_series_of` also begins the statement and, where a Sync
follows, commits it if it stands alone, and says ReadyForQuery; `run_control` opens and ends blocks; `snapshot_in_block` begins a read by
key. The ordinary flow gives the same bytes in its steps, so these have no originals.

What Session does at the beginning and the end of a statement is done here without frames of Python: `basis_of` is
Session.basis, `begin_statement` and `rest` are those of Session.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.weakref cimport PyWeakref_NewRef
from libc.stdint cimport int64_t
from libc.string cimport memcpy
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

from storage.native.slots cimport Slot, read_slot, slot_named, write_slot
from storage.native.work cimport Work

from server.clock import SystemClock
from server.executor.run import run_point
from server.session.block import State
from server.session.blocked import Blocked, checked
from server.session.execution import renew_point_context
from server.session.point_run import reply_row, reply_rows
from server.session.state.native.session_state cimport Activity, Modes, Running, SessionState, TransactionState
from server.session.transaction import SERIALIZABLE
from server.session.whole_lane import rest_of
from server.session.unfinished import Flushing, commit, fail, finish, tell
from server.statements.portal import finished_portal

cdef enum:
    LEFT = -1

cdef enum:
    US_PER_S = 1000000
    POSTGRES_EPOCH_S = 946684800

cdef object OPEN = State.OPEN
cdef object IDLE = State.IDLE
cdef object IMPLICIT = State.IMPLICIT
cdef bytes BEGUN = b"C\x00\x00\x00\x0aBEGIN\x00"
cdef bytes COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"
cdef bytes ROLLED_BACK = b"C\x00\x00\x00\x0dROLLBACK\x00"
cdef bytes READY_IDLE = b"Z\x00\x00\x00\x05I"
cdef bytes READY_OPEN = b"Z\x00\x00\x00\x05T"


cdef Slot ARRIVED = slot_named("arrived")
cdef Slot BASIS = slot_named("basis")
cdef Slot BORROWED_OID = slot_named("borrowed_oid")
cdef Slot BOX = slot_named("box")
cdef Slot CATALOG = slot_named("catalog")
cdef Slot CHANGE = slot_named("change")
cdef Slot CHANGED = slot_named("changed")
cdef Slot CREATED_US = slot_named("created_us")
cdef Slot DATABASE_OID = slot_named("database_oid")
cdef Slot DEFERRABLE = slot_named("deferrable")
cdef Slot DESCRIPTIONS = slot_named("descriptions")
cdef Slot CONSTRAINT_MODES = slot_named("constraint_modes")
cdef Slot DEFERRED = slot_named("deferred")
cdef Slot DONE = slot_named("done")
cdef Slot ERROR = slot_named("error")
cdef Slot FINISHED = slot_named("finished")
cdef Slot ISOLATION = slot_named("isolation")
cdef Slot IS_STALE = slot_named("is_stale")
cdef Slot IS_WHOLE = slot_named("is_whole")
cdef Slot IS_WATCHED = slot_named("is_watched")
cdef Slot KEY_READ = slot_named("key_read")
cdef Slot LEAVES_CHECKS = slot_named("leaves_checks")
cdef Slot LOCAL = slot_named("_local")
cdef Slot LOCKS = slot_named("locks")
cdef Slot MEMORY = slot_named("memory")
cdef Slot OWN_OID = slot_named("own_oid")
cdef Slot PARAMETERS = slot_named("parameters")
cdef Slot PARTITIONS = slot_named("partitions")
cdef Slot PID = slot_named("pid")
cdef Slot PLANNED = slot_named("planned")
cdef Slot PORTAL_PLANNED = slot_named("planned")
cdef Slot READ_COMMITTED = slot_named("read_committed")
cdef Slot READ_ONLY = slot_named("read_only")
cdef Slot RUN_STEPS = slot_named("run_steps")
cdef Slot ROW_COUNTS = slot_named("row_counts")
cdef Slot ROWS = slot_named("rows")
cdef Slot SETTINGS_VERSION = slot_named("settings_version")
cdef Slot SNAPSHOT = slot_named("snapshot")
cdef Slot SQL = slot_named("sql")
cdef Slot STATEMENT_TIMEOUT_MS = slot_named("statement_timeout_ms")
cdef Slot STATEMENT_TIME_US = slot_named("statement_time_us")
cdef Slot STYLE = slot_named("style")
cdef Slot SYNCHRONOUS_COMMIT = slot_named("synchronous_commit")
cdef Slot TAGS = slot_named("tags")
cdef Slot TEMPORARY_SCHEMA = slot_named("temporary_schema")
cdef Slot TRANSACTION = slot_named("transaction")
cdef Slot TRANSACTION_TIME_US = slot_named("transaction_time_us")
cdef Slot UNDO = slot_named("_undo")
cdef Slot USED_BYTES = slot_named("used_bytes")
cdef Slot USER_OID = slot_named("user_oid")
cdef Slot VERSION = slot_named("version")
cdef Slot VIEW = slot_named("view")
cdef Slot VIEWS = slot_named("views")


cdef object now_us(clock):
    cdef timespec now
    if type(clock) is not SystemClock:
        return clock.now_us()
    clock_gettime(CLOCK_REALTIME, &now)
    return (<int64_t>now.tv_sec - POSTGRES_EPOCH_S) * US_PER_S + now.tv_nsec // 1000


cdef object basis_of(SessionState session):
    """Session.basis."""
    cdef Running running = session.transaction.running
    found = session._basis
    if found is None or (running is not None and running.made_catalog is not None):
        return session.basis()
    rights = session.rights
    version = read_slot(session.settings, &VERSION)
    user_oid = read_slot(rights, &BORROWED_OID) or read_slot(rights, &OWN_OID)
    database_oid = read_slot(session.identity, &DATABASE_OID)
    if (
        is_other(read_slot(found, &SETTINGS_VERSION), version)
        or is_other(read_slot(rights, &VERSION), version)
        or is_other(read_slot(found, &USER_OID), user_oid)
        or is_other(read_slot(found, &TEMPORARY_SCHEMA), session.temporary_schema)
        or read_slot(found, &VIEW) is not (<dict>read_slot(session.catalog, &VIEWS))[database_oid]
    ):
        return session.basis()
    return found


cdef inline bint is_other(first, second) except -1:
    """Whether two numbers differ, which mostly are one object."""
    return first is not second and first != second


cdef bytes joined(bytes first, bytes second, bytes third):
    """One behind the other."""
    cdef Py_ssize_t at = PyBytes_GET_SIZE(first), then = at + PyBytes_GET_SIZE(second)
    cdef bytes made = PyBytes_FromStringAndSize(NULL, then + PyBytes_GET_SIZE(third))
    cdef char *place = PyBytes_AS_STRING(made)
    memcpy(place, PyBytes_AS_STRING(first), at)
    memcpy(place + at, PyBytes_AS_STRING(second), then - at)
    memcpy(place + then, PyBytes_AS_STRING(third), PyBytes_GET_SIZE(third))
    return made


cdef bytes description_of(lane, tuple formats):
    """Lane.description."""
    found = (<dict>read_slot(lane, &DESCRIPTIONS)).get(formats)
    return lane.description(formats) if found is None else found


cdef int begin_statement(SessionState session, query, basis) except -1:
    """Session.begin_statement."""
    cdef Activity activity = session.activity
    if read_slot(basis, &STATEMENT_TIMEOUT_MS):
        session.begin_statement(query, basis)
        return 0
    now = now_us(session.clock)
    activity.query = query
    activity.state = "active"
    activity.query_started_us = now
    activity.state_changed_us = now
    session.deadline_ns = 0
    return 0


cdef int rest(SessionState session, state) except -1:
    """Session.rest."""
    cdef Activity activity = session.activity
    session.deadline_ns = 0
    session.cancelled = None
    activity.state = state
    activity.state_changed_us = activity.query_started_us
    return 0


cdef int finish_portal(SessionState session, prepared) except -1:
    """Leave the unnamed portal of a series in a block."""
    portal = read_slot(prepared, &FINISHED)
    now = session.activity.query_started_us
    if portal is None or read_slot(portal, &PORTAL_PLANNED) is not read_slot(prepared, &PLANNED):
        portal = finished_portal(prepared, now)
    else:
        write_slot(portal, &CREATED_US, now)
    session.portals[""] = portal
    return 0


cdef object run_control(SessionState session, prepared, int kind, bytes head, sql):
    """BEGIN, COMMIT or ROLLBACK, in its plain form, up to ReadyForQuery; None: leave it. sql: as for run_series_of."""
    cdef TransactionState transaction = session.transaction
    state = transaction.state
    if (kind == BEGINS) != (state is IDLE) or (kind != BEGINS and state is not OPEN):
        return None
    if kind == ROLLS_BACK and transaction.is_ahead:
        return None
    basis = basis_of(session)
    if read_slot(basis, &IS_WATCHED):
        return None
    begin_statement(session, read_slot(prepared, &SQL) if sql is None else sql, basis)
    leave_portal(session)
    if sql is not None:
        session.prepared.pop("", None)
    if kind == COMMITS:
        return commit_block(session, head, COMMITTED)
    if kind == ROLLS_BACK:
        transaction.leave_block(commit=False)
        transaction.abort()
        session.unfinished = finish(session, head, ROLLED_BACK)
        return b""
    try:
        transaction.state = OPEN
        begin_on(session, transaction, basis).explicit = True
    except Exception as error:  # noqa: BLE001 - handed on to where errors become replies
        session.unfinished = fail(session, head, error)
        return b""
    if sql is None:
        finish_portal(session, prepared)
    rest(session, "idle in transaction")
    return joined(head, BEGUN, READY_OPEN)


def run_lane(SessionState session, lane, tuple parameters, tuple formats):
    """A point statement of any kind; its plan must be that of the session's basis."""
    cdef Running running
    basis = basis_of(session)
    running = session.transaction.start_statement()
    if not session.try_locks(running.storage, read_slot(lane, &LOCKS)):
        return None
    if basis_of(session) is not basis or not are_partitions_locked(session, lane, running, basis, parameters):
        return None
    if read_slot(lane, &LEAVES_CHECKS) or read_slot(lane, &IS_WHOLE) or not may_run(running, lane):
        return None
    data = run(session, lane, running, basis, parameters, formats)
    if type(data) is int:
        running.point_context.snapshot = None
        return None
    return data


cdef bint are_partitions_locked(SessionState session, lane, Running running, basis, tuple parameters) except -1:
    """Whether the lane has locked what its parameters leave of partitioned tables; most lanes read none."""
    if read_slot(lane, &PARTITIONS) is None:
        return True
    return lane.lock_partitions(session, running, basis, parameters) and basis_of(session) is basis


cpdef object run_series_of(
    SessionState session, prepared, lane, tuple parameters, tuple formats, bytes head, sql=None, bint synced=True
):
    """A point statement, if synced up to ReadyForQuery.

    sql: the text, if it came as one; else it leaves its portal in a block.
    """
    cdef TransactionState transaction = session.transaction
    cdef Running running = transaction.running
    if running is None:
        running = start_statement(session, transaction)
    if not session.try_locks(running.storage, read_slot(lane, &LOCKS)):
        return None
    basis = basis_of(session)
    if not are_partitions_locked(session, lane, running, basis, parameters):
        return None
    if read_slot(prepared, &BASIS) is not basis or not may_run(running, lane):
        return None
    begin_statement(session, read_slot(prepared, &SQL) if sql is None else sql, basis)
    leave_portal(session)
    if sql is not None:
        session.prepared.pop("", None)
    if sql is None and read_slot(lane, &RUN_STEPS) is not None:
        finish_portal(session, prepared)  # pg_cursors shows it to what runs
    try:
        data = run(session, lane, running, basis, parameters, formats)
    except Exception as error:  # noqa: BLE001 - handed on to where errors become replies
        session.unfinished = fail(session, head, error, synced)
        return b""
    if data is None:
        return None
    if type(data) is int:
        session.unfinished = Blocked(session, prepared, lane, data, head, sql, synced)
        return b""
    if type(data) is tuple:
        session.unfinished = checked(session, prepared, head, data[0], sql, synced)
        return b""
    if type(data) is not bytes:
        session.unfinished = rest_of(session, prepared, head, data, sql, synced)
        return b""
    if not synced:
        return end_step(session, prepared, head, data)
    if session.notices:
        session.unfinished = finish(session, head, data)
        return b""
    if transaction.state is OPEN:
        if sql is None:
            finish_portal(session, prepared)
        if read_slot(session.settings, &CHANGED):
            session.unfinished = finish(session, head, data)
            return b""
        rest(session, "idle in transaction")
        return joined(head, data, READY_OPEN)
    transaction.state = IDLE
    return commit_series(session, transaction, running, basis, head, data)


cdef bytes end_step(SessionState session, prepared, bytes head, bytes data):
    """The replies to a statement after which others come before Sync."""
    session.transaction.is_pipelined = True
    finish_portal(session, prepared)
    if session.notices:
        session.unfinished = tell(session, head, data)
        return b""
    return head + data


cdef object snapshot_in_block(SessionState session, prepared, tuple locks, sql):
    """What a read by key in an open block sees, the statement having begun; None: leave it. sql: as above."""
    cdef Running running = session.transaction.running
    cdef Work storage
    if running is None:
        return None
    storage = running.storage
    if storage.is_serializable or (storage.seen_lsn and storage.is_ahead):
        return None
    if not session.try_locks(storage, locks):
        return None
    basis = basis_of(session)
    if read_slot(prepared, &BASIS) is not basis:
        return None
    begin_statement(session, read_slot(prepared, &SQL) if sql is None else sql, basis)
    leave_portal(session)
    if sql is None:
        finish_portal(session, prepared)
    else:
        session.prepared.pop("", None)
    rest(session, "idle in transaction")
    return next_snapshot(running)


cpdef object commit_block(SessionState session, bytes head, bytes data):
    """COMMIT of an open block up to ReadyForQuery."""
    cdef TransactionState transaction = session.transaction
    cdef Running running = transaction.running
    assert transaction.state is OPEN
    transaction.state = IDLE
    if running is None:
        session.unfinished = commit(session, head, data)
        return b""
    return commit_series(session, transaction, running, basis_of(session), head, data)


cdef bytes commit_series(
    SessionState session, TransactionState transaction, Running running, basis, bytes head, bytes data
):
    """Commit what has left its state already."""
    if running.deferred or running.holds or session.temporary_schema:
        session.unfinished = commit(session, head, data)
        return b""
    try:
        completion = commit_now(session, transaction, running, read_slot(basis, &SYNCHRONOUS_COMMIT))
    except Exception as error:  # noqa: BLE001 - handed on to where errors become replies
        session.unfinished = fail(session, head, error)
        return b""
    if not read_slot(completion, &DONE) or read_slot(completion, &ERROR) is not None:
        session.unfinished = Flushing(session, completion, head, data)
        return b""
    if (
        session.notices
        or read_slot(session.settings, &CHANGED)
        or read_slot(read_slot(session.mail, &BOX), &ARRIVED)
    ):
        session.unfinished = finish(session, head, data)
        return b""
    if session.portals:
        session.close_portals()
    rest(session, "idle")
    return joined(head, data, READY_IDLE)


cdef Running start_statement(SessionState session, TransactionState transaction):
    """SessionTransaction.start_statement, there being no transaction yet."""
    if transaction.state is not IDLE:
        return transaction.start_statement()
    transaction.state = IMPLICIT
    return begin_on(session, transaction, basis_of(session))


cdef Running begin_on(SessionState session, TransactionState transaction, basis):
    """SessionTransaction.begin_on."""
    cdef bint is_read_committed = read_slot(basis, &READ_COMMITTED)
    cdef Modes modes = Modes(read_slot(basis, &ISOLATION), read_slot(basis, &READ_ONLY), read_slot(basis, &DEFERRABLE))
    database = session.database
    storage = database.engine.begin(
        keep_snapshot=not is_read_committed, lock_group=read_slot(session.identity, &PID)
    )
    if modes.read_only or not is_read_committed:
        storage.is_serializable = modes.isolation == SERIALIZABLE
        storage.is_read_only = modes.read_only
    transaction.modes = modes
    transaction.running = Running(
        storage, transaction.make_catalog, modes, now_us(database.clock)
    )
    (<list>read_slot(session.settings, &UNDO)).append({})  # settings.begin
    return transaction.running


cdef object commit_now(
    SessionState session, TransactionState transaction, Running running, synchronous
):
    """SessionTransaction.commit_now."""
    if running.made_catalog is not None or running.mail:
        return transaction.commit_now(running, synchronous)
    try:
        completion = running.storage.commit(synchronous)
    except BaseException:
        transaction.abort()
        raise
    transaction.running = None
    session.activity.commit_count += 1
    leave_point_context(session)
    (<list>read_slot(session.settings, &UNDO)).clear()  # settings.end
    if read_slot(session.settings, &LOCAL):
        session.settings.end()
    return completion


cdef object context_of(SessionState session, Running running, basis):
    """renew_point_context, where nothing but the transaction is new."""
    context = session.point_context
    if (
        context is None
        or session.point_basis is not basis
        or read_slot(context, &CATALOG) is not read_slot(basis, &VIEW)
        or read_slot(read_slot(context, &MEMORY), &USED_BYTES)
        or read_slot(context, &ROW_COUNTS)
        or running.modes.isolation != "read committed"
    ):
        return renew_point_context(session, running, basis)
    write_slot(context, &TRANSACTION, running.storage)
    write_slot(context, &STYLE, read_slot(basis, &STYLE))
    write_slot(context, &TRANSACTION_TIME_US, running.started_us)
    write_slot(context, &DEFERRED, running.deferred)
    write_slot(context, &CONSTRAINT_MODES, running.constraint_modes)
    write_slot(context, &READ_COMMITTED, True)
    running.point_context = context
    running.point_basis = basis
    return context


cdef int leave_point_context(SessionState session) except -1:
    """Session.leave_point_context."""
    context = session.point_context
    if context is not None:
        write_slot(context, &TRANSACTION, None)
        write_slot(context, &DEFERRED, None)
    return 0


cdef object next_snapshot(Running running):
    """SessionTransaction.snapshot."""
    cdef Work storage = running.storage
    storage.next_raw()
    snapshot = storage.snapshot_raw()
    running.has_snapshot = True
    running.newest = PyWeakref_NewRef(snapshot, None)
    return snapshot


cdef bint may_run(Running running, lane) except -1:
    """Whether the lane notes what a serializable transaction reads, and need not wait for a snapshot."""
    cdef Work storage = running.storage
    if storage.is_serializable and (read_slot(lane, &KEY_READ) is not None or running.modes.deferrable):
        return False
    if not storage.seen_lsn or not storage.is_ahead:
        return True
    return lane.changes_by_key or lane.planned.tag == "INSERT"


cdef int leave_portal(SessionState session) except -1:
    """The unnamed portal gives way to the next one."""
    if session.portals:
        portal = session.portals.pop("", None)
        if portal is not None and read_slot(portal, &ROWS) is not None:
            portal.close()
    return 0


cdef object run(SessionState session, lane, Running running, basis, tuple parameters, tuple formats):
    """The statement's rows and its CommandComplete; None: it is left to the ordinary flow.

    A negative xid: that transaction is in the way of the change, which keeps its context meanwhile. Another number:
    so many rows are changed, and what they refer to is to be looked at; or the row was not found in a stale snapshot.
    A tuple of what a row is told with: it is inserted, and what it refers to is to be looked at.
    """
    cdef int64_t count = 0
    cdef Work storage
    key_read = read_slot(lane, &KEY_READ)
    if key_read is not None:
        return reply_row(lane, formats, key_read.fetch(next_snapshot(running), parameters))
    planned = read_slot(lane, &PLANNED)
    if running.modes.read_only and planned.lasting:
        session.transaction.refuse_writes(planned.lasting)
    run_steps = read_slot(lane, &RUN_STEPS)
    if run_steps is not None:
        return run_steps(session, lane, parameters, formats)
    context = running.point_context
    if context is None or running.point_basis is not basis:
        context = context_of(session, running, basis)
    storage = running.storage
    is_stale = bool(storage.seen_lsn and storage.is_ahead)
    write_slot(context, &IS_STALE, is_stale)
    write_slot(context, &SNAPSHOT, next_snapshot(running))
    write_slot(context, &PARAMETERS, parameters)
    write_slot(context, &STATEMENT_TIME_US, session.activity.query_started_us)
    try:
        change = read_slot(lane, &CHANGE)
        if change is not None:
            count = change.count(context)
            if count < LEFT or (read_slot(lane, &LEAVES_CHECKS) and context.after_statement):
                return count
            if is_stale and count < 1 and lane.changes_by_key:
                return count
            if count == LEFT:
                return None
            data = (<dict>read_slot(lane, &TAGS)).get(count)
            return lane.complete(count) if data is None else data
        if lane.row_query is not None:
            rows = lane.row_query.stored_rows(context)
            return None if rows is None else lane.reply_rows(rows, formats)
        rows = run_point(planned, context, lane.program)
    finally:
        if count >= LEFT:
            write_slot(context, &SNAPSHOT, None)  # held no longer than the statement
    if rows is None:
        return None
    if planned.returns_rows:
        data = reply_rows(lane, formats, rows)
    else:
        data = lane.complete(context.row_count)
    return (data,) if context.after_statement else data
