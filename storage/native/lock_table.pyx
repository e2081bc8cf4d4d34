"""The twin of storage/lock_table.py."""

from storage.native.latch cimport Latch

from storage.lock_modes import CONFLICTS, LockMode

cdef enum:
    MODES = 9  # and 0, which is none
    WEAK_MAX = 3  # ROW_EXCLUSIVE
    STRONG_MIN = 5  # SHARE
    FAST_MAX = 16  # as it is looked through, one after the other

assert len(LockMode) == MODES - 1

cdef int[MODES] conflicts_of
for _mode in LockMode:
    conflicts_of[_mode] = CONFLICTS[_mode]


cdef class Lock:
    """Who has a thing and who wants it: for every holder, how often it took each mode."""

    cdef readonly dict granted
    cdef readonly list queue
    cdef readonly int modes
    cdef int[MODES] count_of

    def __cinit__(self):
        self.granted = {}
        self.queue = []

    @property
    def counts(self):
        """How many hold each mode."""
        return [self.count_of[i] for i in range(MODES)]

    def take(self, owner, mode):
        """The owner has the mode once more."""
        self.take_raw(owner, mode, mode)

    def give_back(self, owner, mode):
        """The owner has the mode once less; whether it has it no more."""
        return self.give_back_raw(owner, mode, mode)

    cdef int take_raw(self, owner, mode, int number) except -1:
        modes = self.granted.get(owner)
        if modes is None:
            modes = self.granted[owner] = {}
        held = (<dict>modes).get(mode)
        if held is None:
            (<dict>modes)[mode] = 1
            self.count_of[number] += 1
            self.modes |= 1 << number
        else:
            (<dict>modes)[mode] = held + 1
        return 0

    cdef bint give_back_raw(self, owner, mode, int number) except -1:
        cdef dict modes = self.granted[owner]
        cdef int held = modes[mode]
        if held > 1:
            modes[mode] = held - 1
            return False
        del modes[mode]
        self.count_of[number] -= 1
        if not self.count_of[number]:
            self.modes &= ~(1 << number)
        if not modes:
            del self.granted[owner]
        return True

    cpdef int modes_of(self, group) except -1:
        """What the owners of a lock group have, a bit for each mode."""
        cdef int found = 0, number
        for holder, modes in self.granted.items():
            if holder.lock_group == group:
                for held in <dict>modes:
                    number = held
                    found |= 1 << number
        return found

    cdef bint conflicts(self, group, int conflicts) except -1:
        """Whether a holder of another group has one of these modes."""
        cdef int number
        for holder, modes in self.granted.items():
            if holder.lock_group != group:
                for held in <dict>modes:
                    number = held
                    if conflicts >> number & 1:
                        return True
        return False


cdef class Held:
    """What one owner has, in the order it was taken, so that a savepoint can give back the last."""

    cdef readonly list order
    cdef readonly dict modes
    cdef readonly list rows

    def __cinit__(self):
        self.order = []
        self.modes = {}
        self.rows = []


cdef class LockTable:
    """Every lock by its tag, and what every owner has."""

    cdef readonly dict locks
    cdef readonly dict held
    cdef readonly dict rows
    cdef readonly Latch mutex
    cdef readonly dict xid_owners, xid_waiters
    cdef dict fast  # what was taken the fast way, by owner: lists of what try_all was asked for
    cdef readonly bint is_fast
    cdef Py_ssize_t strong_count  # strong locks on relations that are held
    cdef Py_ssize_t queued_count  # and requests for locks on relations that wait

    def __cinit__(self):
        self.mutex = Latch()
        self.locks = {}
        self.held = {}
        self.rows = {}
        self.xid_owners = {}
        self.xid_waiters = {}
        self.fast = {}
        self.is_fast = True

    def register_xid(self, xid, owner):
        """The owner runs under this xid from now on."""
        self.xid_owners[xid] = owner

    def end_xids(self, tuple xids not None):
        """These transactions have ended; whether anybody waits for one of them."""
        cdef bint is_awaited = False
        self.mutex.take()
        try:
            for xid in xids:
                self.xid_owners.pop(xid, None)
                is_awaited = is_awaited or xid in self.xid_waiters
            return is_awaited
        finally:
            self.mutex.give()

    def has(self, owner, tuple tag not None, mode):
        """Whether the owner has it in this mode."""
        self.settle(owner)
        return self.has_raw(owner, tag, mode)

    def is_grantable(self, owner, tuple tag not None, mode):
        """Whether neither a holder nor somebody who waits, and comes before, is in the way."""
        return self.is_grantable_raw(owner, tag, mode)

    def grant(self, owner, tuple tag not None, mode):
        """The owner has it, once more perhaps."""
        self.grant_raw(owner, tag, mode, mode)

    def try_grant(self, owner, tuple tag not None, mode):
        """Grant it if that can be done now."""
        if not self.is_grantable_raw(owner, tag, mode):
            return False
        self.grant_raw(owner, tag, mode, mode)
        return True

    def try_table(self, owner, tuple tag not None, mode):
        """`try_grant`, once for each mode."""
        self.settle(owner)
        if self.has_raw(owner, tag, mode):
            return True
        if not self.is_grantable_raw(owner, tag, mode):
            return False
        self.grant_raw(owner, tag, mode, mode)
        return True

    cpdef bint try_all(self, owner, tuple wanted) except -1:
        """`try_table` of one after the other, under the mutex; what was taken before one is not free stays taken."""
        if self.is_fast and self.try_fast(owner, wanted):
            return True
        self.mutex.take()
        try:
            self.settle(owner)
            for tag, mode in wanted:
                if not self.has_raw(owner, tag, mode):
                    if not self.is_grantable_raw(owner, tag, mode):
                        return False
                    self.grant_raw(owner, tag, mode, mode)
            return True
        finally:
            self.mutex.give()

    cpdef bint all_free(self, owner, tuple wanted) except -1:
        """Whether `try_all` would succeed at this moment."""
        if self.is_fast and is_weak(wanted):
            return True
        self.mutex.take()
        try:
            for tag, mode in wanted:
                if not self.is_grantable_raw(owner, tag, mode):
                    return False
            return True
        finally:
            self.mutex.give()

    cdef bint try_fast(self, owner, tuple wanted) except -1:
        """Note weak locks as taken; False: that is for the slow way. One step under the GIL but for the new list."""
        cdef list taken = self.fast.get(owner)
        if taken is None:
            taken = []  # which may have the garbage collected, and others go on meanwhile
            if not self.is_fast or not is_weak(wanted):
                return False
            self.fast[owner] = taken
        else:
            for each in taken:
                if each is wanted:
                    return True
            if len(taken) == FAST_MAX or not is_weak(wanted):
                return False
        taken.append(wanted)
        return True

    def settle(self, owner):
        """Enter what the owner has taken the fast way, so that it is found where all other locks are."""
        if owner in self.fast:
            self.mutex.take()
            try:
                self.enter(owner, self.fast.pop(owner, None))
            finally:
                self.mutex.give()

    def settle_all(self):
        """`settle` all owners."""
        self.close()
        self.open()

    cdef int close(self) except -1:
        """Nobody takes anything the fast way from now on, and what was taken so is entered."""
        self.is_fast = False
        while self.fast:
            owner, taken = self.fast.popitem()
            self.enter(owner, taken)
        return 0

    cdef int open(self) except -1:
        """Let locks be taken the fast way again, if nobody has or wants what they could be in the way of."""
        if not self.strong_count and not self.queued_count:
            self.is_fast = True
        return 0

    cdef int enter(self, owner, list taken) except -1:
        cdef tuple wanted
        if taken is not None:
            for wanted in taken:
                for tag, mode in wanted:
                    if not self.has_raw(owner, tag, mode):
                        self.grant_raw(owner, tag, mode, mode)
        return 0

    def wait(self, Py_ssize_t place, request not None):
        """A request takes its place in the queue of a lock."""
        cdef Lock lock = self.locks[request.tag]
        lock.queue.insert(place, request)
        self.queued_count += request.tag[0] == "relation"

    def leave(self, request not None):
        """A request leaves the queue of its lock."""
        cdef Lock lock = self.locks[request.tag]
        lock.queue.remove(request)
        self.queued_count -= request.tag[0] == "relation"

    def give_back(self, owner, tuple tag not None, mode):
        """The owner, whose order no longer has it, gives it back; whether somebody waits for that."""
        return self.give_back_raw(owner, self.held[owner], tag, mode, mode)

    def release_plain(self, owner):
        """Give back all that an owner has; False, and nothing was done: somebody waits for a part of it."""
        cdef Held held
        cdef Lock lock
        if self.is_fast and self.held.get(owner) is None:
            self.fast.pop(owner, None)
            return True
        self.mutex.take()
        try:
            held = self.held.get(owner)
            if held is None:
                self.fast.pop(owner, None)
                return True
            for tag in held.modes:
                lock = self.locks[tag]
                if lock.queue:
                    return False
            self.fast.pop(owner, None)
            self.give_back_since(owner, 0)
            if held.rows:
                self.unlock_rows(owner, 0)
            del self.held[owner]
            return True
        finally:
            self.mutex.give()

    def give_back_since(self, owner, Py_ssize_t count):
        """Give back all but the first so many; what is waited for of that."""
        cdef Held held = self.held[owner]
        cdef list awaited = []
        while len(held.order) > count:
            tag, mode = held.order.pop()
            if self.give_back_raw(owner, held, tag, mode, mode) and tag not in awaited:
                awaited.append(tag)
        if not self.is_fast:
            self.open()
        return awaited

    def unlock_rows(self, owner, Py_ssize_t count):
        """Give back all but the first so many rows; nobody waits for those, but for their owner's end."""
        cdef list order = (<Held>self.held[owner]).rows
        cdef dict rows, holders
        while len(order) > count:
            relation_id, root_id, before = order.pop()
            rows = self.rows[relation_id]
            holders = rows[root_id]
            if before is None:
                del holders[owner]
            else:
                holders[owner] = before
            if not holders:
                del rows[root_id]

    cdef bint has_raw(self, owner, tuple tag, int number) except -1:
        cdef Held held = self.held.get(owner)
        if held is None:
            return False
        modes = held.modes.get(tag)
        return modes is not None and <int>modes >> number & 1

    cdef bint is_grantable_raw(self, owner, tuple tag, int number) except -1:
        cdef Lock lock
        cdef int conflicts = conflicts_of[number], other, mine
        if number >= STRONG_MIN and tag[0] == "relation":
            self.close()
        lock = self.locks.get(tag)
        if lock is None:
            return True
        if conflicts & lock.modes and lock.conflicts(owner.lock_group, conflicts):
            return False
        if not lock.queue:
            return True
        group = owner.lock_group
        mine = lock.modes_of(group)
        for ahead in lock.queue:
            if ahead.owner.lock_group == group:
                continue
            other = ahead.mode
            if conflicts_of[other] & mine:
                return True  # he waits for what the group has, so it goes before him
            if conflicts >> other & 1:
                return False
        return True

    cdef int grant_raw(self, owner, tuple tag, mode, int number) except -1:
        cdef Lock lock
        cdef Held held
        if number >= STRONG_MIN and tag[0] == "relation":
            self.close()
            self.strong_count += 1
        lock = self.locks.get(tag)
        held = self.held.get(owner)
        if lock is None:
            lock = self.locks[tag] = Lock.__new__(Lock)
        lock.take_raw(owner, mode, number)
        if held is None:
            held = self.held[owner] = Held.__new__(Held)
        held.order.append((tag, mode))
        modes = held.modes.get(tag)
        held.modes[tag] = 1 << number if modes is None else <int>modes | 1 << number
        return 0

    cdef bint give_back_raw(self, owner, Held held, tuple tag, mode, int number) except -1:
        cdef Lock lock = self.locks[tag]
        cdef int modes
        if number >= STRONG_MIN and tag[0] == "relation":
            self.strong_count -= 1
        if not lock.give_back_raw(owner, mode, number):
            return False
        modes = <int>held.modes[tag] & ~(1 << number)
        if modes:
            held.modes[tag] = modes
        else:
            del held.modes[tag]
        if lock.queue:
            return True
        if not lock.granted:
            del self.locks[tag]
        return False


cdef bint is_weak(tuple wanted) except -1:
    """Whether locks on relations conflict with none of their kind."""
    cdef tuple lock
    for lock in wanted:
        if <int>lock[1] > WEAK_MAX:
            return False
    return True
