cdef object now_us(clock)
cdef object basis_of(session)
cdef int begin_statement(session, query, basis) except -1
cdef int rest(session, state) except -1
cdef int finish_portal(session, prepared) except -1
cdef int leave_portal(session) except -1
cpdef object run_control(session, prepared, kind, bytes head)
cpdef object run_series_of(
    session, prepared, lane, tuple parameters, tuple formats, bytes head, sql=*, bint synced=*
)
cdef object snapshot_in_block(session, prepared, tuple locks, sql)
cdef bytes commit_series(session, transaction, running, basis, bytes head, bytes data)
