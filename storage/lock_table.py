"""LockTable: who has which lock. The original of native/lock_table.

Rule 1: it is used under its mutex, which try_all, all_free and release_plain take by themselves.
        How one waits only Locks knows.
Rule 2: a lock is in the table while somebody has it or waits for it.
Rule 3: weak locks on relations, which do not conflict with each other, are not entered as long as nobody has or wants
        a strong one: they are noted with their owner alone, which is the fast way. Whoever is about to look for what
        such a lock could be in the way of has all of them entered first.

    try_all (weak) --> fast --(a strong lock is wanted, savepoint, pg_locks)--> entered
                         |                                                         |
                         +----------------> release_plain <------------------------+
"""

from collections.abc import Hashable
from typing import Any

from storage.fast_latch import Latch
from storage.lock_modes import CONFLICTS, LockMode, LockOwner, TableLock, Tag

RowLocks = dict[int, dict[LockOwner, Any]]  # of one relation: by root, who holds what


FAST_MAX = 16
"""How much one owner may take the fast way, as it is looked through one after the other."""


class Lock:
    """Who has a thing and who wants it: for every holder, how often it took each mode.

    `modes` has a bit for each mode that anybody holds, `counts` how many do: most locks conflict with
    nothing that is held, and then no holder has to be looked at.
    """

    __slots__ = ("counts", "granted", "modes", "queue")

    def __init__(self) -> None:
        self.granted: dict[LockOwner, dict[LockMode, int]] = {}
        self.queue: list[Any] = []
        self.counts = [0] * (LockMode.ACCESS_EXCLUSIVE + 1)
        self.modes = 0

    def take(self, owner: LockOwner, mode: LockMode) -> None:
        """The owner has the mode once more."""
        modes = self.granted.get(owner)
        if modes is None:
            modes = self.granted[owner] = {}
        held = modes.get(mode, 0)
        modes[mode] = held + 1
        if not held:
            self.counts[mode] += 1
            self.modes |= 1 << mode

    def modes_of(self, group: Hashable) -> int:
        """What the owners of a lock group have, a bit for each mode."""
        found = 0
        for holder, modes in self.granted.items():
            if holder.lock_group == group:
                for mode in modes:
                    found |= 1 << mode
        return found

    def give_back(self, owner: LockOwner, mode: LockMode) -> bool:
        """The owner has the mode once less; whether it has it no more."""
        modes = self.granted[owner]
        modes[mode] -= 1
        if modes[mode]:
            return False
        del modes[mode]
        self.counts[mode] -= 1
        if not self.counts[mode]:
            self.modes &= ~(1 << mode)
        if not modes:
            del self.granted[owner]
        return True


class Held:
    """What one owner has, in the order it was taken, so that a savepoint can give back the last."""

    __slots__ = ("modes", "order", "rows")

    def __init__(self) -> None:
        self.order: list[tuple[Tag, LockMode]] = []
        self.modes: dict[Tag, int] = {}
        self.rows: list[tuple[int, int, Any]] = []


class LockTable:
    """Every lock by its tag, and what every owner has."""

    __slots__ = (
        "_fast",
        "_queued_count",
        "_strong_count",
        "held",
        "is_fast",
        "locks",
        "mutex",
        "rows",
        "xid_owners",
        "xid_waiters",
    )

    def __init__(self) -> None:
        self.mutex = Latch()
        self.locks: dict[Tag, Lock] = {}
        self.held: dict[LockOwner, Held] = {}
        self.rows: dict[int, RowLocks] = {}
        self.xid_owners: dict[int, LockOwner] = {}
        """Who runs under each xid that has not ended."""
        self.xid_waiters: dict[int, list[Any]] = {}
        """Who waits for the end of an xid."""
        self._fast: dict[LockOwner, list[tuple[TableLock, ...]]] = {}
        self.is_fast = True
        """Whether nobody has or wants a strong lock on a relation."""
        self._strong_count = 0  # that are held
        self._queued_count = 0  # requests for locks on relations that wait

    def register_xid(self, xid: int, owner: LockOwner) -> None:
        """The owner runs under this xid from now on."""
        self.xid_owners[xid] = owner

    def end_xids(self, xids: tuple[int, ...]) -> bool:
        """These transactions have ended; whether anybody waits for one of them.

        Not without the mutex: who has just found the xid running would register after the look, and wait for ever.
        """
        with self.mutex:
            for xid in xids:
                self.xid_owners.pop(xid, None)
            waiters = self.xid_waiters
            return bool(waiters) and any(xid in waiters for xid in xids)

    def has(self, owner: LockOwner, tag: Tag, mode: LockMode) -> bool:
        """Whether the owner has it in this mode."""
        self.settle(owner)
        return self._has(owner, tag, mode)

    def _has(self, owner: LockOwner, tag: Tag, mode: LockMode) -> bool:
        held = self.held.get(owner)
        return held is not None and bool(held.modes.get(tag, 0) & (1 << mode))

    def is_grantable(self, owner: LockOwner, tag: Tag, mode: LockMode) -> bool:
        """Whether neither a holder nor somebody who waits, and comes before, is in the way."""
        if _is_strong(tag, mode):
            self._close()
        lock = self.locks.get(tag)
        if lock is None:
            return True
        conflicts = CONFLICTS[mode]
        if conflicts & lock.modes and _conflicts(lock, owner.lock_group, conflicts):
            return False
        if not lock.queue:
            return True
        group = owner.lock_group
        mine = lock.modes_of(group)
        for ahead in lock.queue:
            if ahead.owner.lock_group == group:
                continue
            if mine and CONFLICTS.get(ahead.mode, 0) & mine:
                return True  # he waits for what the group has, so it goes before him
            if conflicts >> ahead.mode & 1:
                return False
        return True

    def grant(self, owner: LockOwner, tag: Tag, mode: LockMode) -> None:
        """The owner has it, once more perhaps."""
        if _is_strong(tag, mode):
            self._close()
            self._strong_count += 1
        lock = self.locks.get(tag)
        if lock is None:
            lock = self.locks[tag] = Lock()
        lock.take(owner, mode)
        held = self.held.get(owner)
        if held is None:
            held = self.held[owner] = Held()
        held.order.append((tag, mode))
        held.modes[tag] = held.modes.get(tag, 0) | 1 << mode

    def try_grant(self, owner: LockOwner, tag: Tag, mode: LockMode) -> bool:
        """Grant it if that can be done now."""
        if not self.is_grantable(owner, tag, mode):
            return False
        self.grant(owner, tag, mode)
        return True

    def try_table(self, owner: LockOwner, tag: Tag, mode: LockMode) -> bool:
        """`try_grant`, once for each mode."""
        return self.has(owner, tag, mode) or self.try_grant(owner, tag, mode)

    def try_all(self, owner: LockOwner, wanted: tuple[TableLock, ...]) -> bool:
        """`try_table` of one after the other, under the mutex; what was taken before one is not free stays taken."""
        with self.mutex:
            if self.is_fast and _is_weak(wanted):
                taken = self._fast.setdefault(owner, [])
                if any(each is wanted for each in taken):
                    return True
                if len(taken) < FAST_MAX:
                    taken.append(wanted)
                    return True
            return all(self.try_table(owner, tag, mode) for tag, mode in wanted)

    def all_free(self, owner: LockOwner, wanted: tuple[TableLock, ...]) -> bool:
        """Whether `try_all` would succeed at this moment."""
        with self.mutex:
            if self.is_fast and _is_weak(wanted):
                return True
            return all(self.is_grantable(owner, tag, mode) for tag, mode in wanted)

    def settle(self, owner: LockOwner) -> None:
        """Enter what the owner has taken the fast way, so that it is found where all other locks are."""
        with self.mutex:
            self._enter(owner, self._fast.pop(owner, []))

    def settle_all(self) -> None:
        """`settle` all owners."""
        self._close()
        self._open()

    def _close(self) -> None:
        """Nobody takes anything the fast way from now on, and what was taken so is entered."""
        self.is_fast = False
        while self._fast:
            self._enter(*self._fast.popitem())

    def _open(self) -> None:
        """Let locks be taken the fast way again, if nobody has or wants what they could be in the way of."""
        if not self._strong_count and not self._queued_count:
            self.is_fast = True

    def _enter(self, owner: LockOwner, taken: list[tuple[TableLock, ...]]) -> None:
        for wanted in taken:
            for tag, mode in wanted:
                if not self._has(owner, tag, mode):
                    self.grant(owner, tag, mode)

    def wait(self, place: int, request: Any) -> None:
        """A request takes its place in the queue of a lock."""
        self.locks[request.tag].queue.insert(place, request)
        self._queued_count += request.tag[0] == "relation"

    def leave(self, request: Any) -> None:
        """A request leaves the queue of its lock."""
        self.locks[request.tag].queue.remove(request)
        self._queued_count -= request.tag[0] == "relation"

    def give_back(self, owner: LockOwner, tag: Tag, mode: LockMode) -> bool:
        """The owner, whose order no longer has it, gives it back; whether somebody waits for that."""
        lock = self.locks[tag]
        held = self.held[owner]
        if _is_strong(tag, mode):
            self._strong_count -= 1
        if not lock.give_back(owner, mode):
            return False
        held.modes[tag] &= ~(1 << mode)
        if not held.modes[tag]:
            del held.modes[tag]
        if lock.queue:
            return True
        if not lock.granted:
            del self.locks[tag]
        return False

    def release_plain(self, owner: LockOwner) -> bool:
        """Give back all that an owner has; False, and nothing was done: somebody waits for a part of it."""
        with self.mutex:
            held = self.held.get(owner)
            if held is None:
                self._fast.pop(owner, None)
                return True
            if any(self.locks[tag].queue for tag in held.modes):
                return False
            self._fast.pop(owner, None)
            self.give_back_since(owner, 0)
            self.unlock_rows(owner, 0)
            del self.held[owner]
            return True

    def give_back_since(self, owner: LockOwner, count: int) -> list[Tag]:
        """Give back all but the first so many; what is waited for of that."""
        order = self.held[owner].order
        awaited: list[Tag] = []
        while len(order) > count:
            tag, mode = order.pop()
            if self.give_back(owner, tag, mode) and tag not in awaited:
                awaited.append(tag)
        self._open()
        return awaited

    def unlock_rows(self, owner: LockOwner, count: int) -> None:
        """Give back all but the first so many rows; nobody waits for those, but for their owner's end."""
        order = self.held[owner].rows
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


def _conflicts(lock: Lock, group: Hashable, conflicts: int) -> bool:
    """Whether a holder of another group has one of these modes."""
    return any(
        conflicts >> held & 1
        for holder, modes in lock.granted.items()
        if holder.lock_group != group
        for held in modes
    )


def _is_weak(wanted: tuple[TableLock, ...]) -> bool:
    """Whether locks on relations conflict with none of their kind."""
    return all(mode <= LockMode.ROW_EXCLUSIVE for _, mode in wanted)


def _is_strong(tag: Tag, mode: LockMode) -> bool:
    """Whether a weak lock on a relation could be in the way."""
    return mode >= LockMode.SHARE and tag[0] == "relation"
