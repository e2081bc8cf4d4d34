cdef class Activity:
    cdef public object started_us, state, query, query_started_us, transaction_started_us, state_changed_us
    cdef public long long commit_count, rollback_count


cdef class Modes:
    cdef public object isolation
    cdef public bint read_only, deferrable


cdef class Running:
    cdef public object storage, make_catalog, started_us, made_catalog, newest, event, style, style_of
    cdef public object point_context, point_basis
    cdef public Modes modes
    cdef public list mail, savepoints, deferred, large_objects
    cdef public dict constraint_modes
    cdef public bint has_snapshot, has_exported, explicit, holds


cdef class TransactionState:
    cdef public object state, make_catalog
    cdef public Running running
    cdef public Modes modes
    cdef public bint is_shared, is_pipelined


cdef class SessionState:
    cdef public object database, catalog, try_locks, identity, settings, clock, mail, rights, cancelled, deadline_ns
    cdef public object temporary_schema, point_context, point_basis, unfinished, wait_event, _basis
    cdef public TransactionState transaction
    cdef public Activity activity
    cdef public dict prepared, portals, skeletons, parsed
    cdef public list notices, phrases
    cdef public bint skipping
    cdef public Py_ssize_t single_steps
