cdef object now_us(clock)
cdef object basis_of(session)
cdef object snapshot_in_block(session, prepared, tuple locks, sql)
