"""The twin of server/session/state/short_waits.py."""

from server.session.state.native.session_state cimport Activity, Running

from server.session.block import State
from server.statements.portal import finished_portal

cdef enum:
    LEFT = -1

cdef object OPEN = State.OPEN
cdef object IDLE = State.IDLE
cdef bytes READY_IDLE = b"Z\x00\x00\x00\x05I"
cdef bytes READY_OPEN = b"Z\x00\x00\x00\x05T"


cdef class FlushWait:
    """A commit whose record is written; head and data are to be sent when it is durable."""

    def __init__(self, SessionState session not None, completion, bytes head, bytes data):
        self.completion = completion
        self.session = session
        self.head = head
        self.data = data

    cpdef bytes reply(self):
        """All that is to be sent, the completion being done; None: the steps are to be run."""
        cdef SessionState session = self.session
        if self.completion.error is not None or session.transaction.state is not IDLE:
            return None
        if session.notices or session.settings.changed or session.mail.box.arrived:
            return None
        if session.portals:
            session.close_portals()
        rest(session, "idle")
        return self.head + self.data + READY_IDLE


cdef class RowWait:
    """A point change that another transaction is in the way of, or that has left checks."""

    def __init__(
        self, SessionState session not None, prepared, lane, int64_t count, bytes head, sql, bint synced
    ):
        cdef Running running = session.transaction.running
        assert running is not None
        assert running.point_context is not None
        self.session = session
        self.prepared = prepared
        self.lane = lane
        self.count = count
        self.head = head
        self.sql = sql
        self.synced = synced
        self.context = running.point_context

    cpdef object wait(self):
        """What to wait for before `go_on`; None: the steps are to be run."""
        cdef SessionState session = self.session
        if self.count >= LEFT or self.error is not None or session.cancelled is not None:
            return None
        basis = self.prepared.basis
        if not self.synced or session.deadline_ns or basis is None or basis.lock_timeout_ms:
            return None
        context = self.context
        transaction = context.transaction
        completion = context.engine.locks.wait_for_xid(
            transaction, -self.count, context.row_in_way, transaction.current_xid
        )
        if completion.done:  # its end is not published yet: see executor.waiting
            return None
        self.completion = completion
        session.wait_event = "transactionid"
        return completion

    cpdef bytes go_on(self):
        """All that is to be sent, the completion being done; None: `wait` again."""
        cdef SessionState session = self.session
        context = self.context
        self.completion = None
        session.wait_event = ""
        if session.cancelled is not None:
            self.pass_on()
            return None
        try:
            self.count = self.changed()
        except Exception as error:  # noqa: BLE001 - handed on to where errors become replies
            self.error = error
            return None
        if self.count < 0 or context.after_statement or session.notices:
            return None
        if context.is_stale and not self.count:
            return None
        if session.transaction.state is not OPEN:
            return None
        context.snapshot = None
        if self.sql is None:
            session.portals[""] = finished_portal(self.prepared, session.activity.query_started_us)
        rest(session, "idle in transaction")
        return self.head + <bytes>self.lane.complete(self.count) + READY_OPEN

    cpdef int64_t changed(self) except? -2:
        """Try again: what `count` is now. If that does not take the row others may try."""
        cdef int64_t count = 0
        try:
            count = self.lane.change.count(self.context)
        finally:
            if LEFT <= count < 1:
                self.pass_on()
        return count

    cpdef pass_on(self):
        """The row is not taken: whoever waits for it behind this session looks."""
        self.context.engine.locks.pass_on(self.context.transaction.current_xid)


cdef int rest(SessionState session, state) except -1:
    """Session.rest."""
    cdef Activity activity = session.activity
    session.deadline_ns = 0
    session.cancelled = None
    activity.state = state
    activity.state_changed_us = activity.query_started_us
    return 0
