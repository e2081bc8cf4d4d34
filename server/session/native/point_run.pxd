from server.session.state.native.session_state cimport Running, SessionState, TransactionState


cdef enum:  # server.session.extended_query.PLAIN_CONTROLS
    BEGINS = 1
    COMMITS = 2
    ROLLS_BACK = 3


cdef object now_us(clock)
cdef object basis_of(SessionState session)
cdef bytes joined(bytes first, bytes second, bytes third)
cdef bytes description_of(lane, tuple formats)
cdef int begin_statement(SessionState session, query, basis) except -1
cdef int rest(SessionState session, state) except -1
cdef int finish_portal(SessionState session, prepared) except -1
cdef int leave_portal(SessionState session) except -1
cdef object run_control(SessionState session, prepared, int kind, bytes head, sql)
cpdef object run_series_of(
    SessionState session, prepared, lane, tuple parameters, tuple formats, bytes head, sql=*, bint synced=*
)
cdef object snapshot_in_block(SessionState session, prepared, tuple locks, sql)
cdef bytes commit_series(
    SessionState session, TransactionState transaction, Running running, basis, bytes head, bytes data
)
