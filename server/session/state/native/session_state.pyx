"""The twin of server/session/state/session_state.py: attributes that compiled code reads as members of a struct."""

from server.session.block import State


cdef class Activity:
    """What pg_stat_activity shows of a session."""

    def __init__(self, started_us):
        self.started_us = started_us
        self.state = "idle"
        self.query = ""
        self.query_started_us = self.transaction_started_us = self.state_changed_us = 0


cdef class Modes:
    """ISOLATION LEVEL, READ ONLY and DEFERRABLE of a transaction."""

    def __init__(self, isolation="read committed", bint read_only=False, bint deferrable=False):
        self.isolation = isolation
        self.read_only = read_only
        self.deferrable = deferrable


cdef class Running:
    """The parts of a transaction under way."""

    def __init__(self, storage, make_catalog, Modes modes not None, started_us):
        self.storage = storage
        self.make_catalog = make_catalog
        self.modes = modes
        self.started_us = started_us
        self.mail = []
        self.savepoints = []
        self.deferred = []
        self.large_objects = []
        self.constraint_modes = {}

    @property
    def catalog(self):
        """The transaction's own changes to the catalog; most have none."""
        if self.made_catalog is None:
            self.made_catalog = self.make_catalog(self.storage)
        return self.made_catalog


cdef class TransactionState:
    """Where a session stands between its transactions, and the one under way."""

    def __init__(self):
        self.state = State.IDLE


cdef class SessionState:
    """One client's, as far as every statement asks for it."""

    def __init__(self, database, identity, settings, clock):
        self.database = database
        self.catalog = database.catalog
        self.try_locks = database.engine.locks.try_all
        self.identity = identity
        self.settings = settings
        self.clock = clock
        self.prepared = {}
        self.portals = {}
        self.skeletons = {}
        self.parsed = {}
        self.notices = []
        self.deadline_ns = self.temporary_schema = 0
        self.wait_event = ""
