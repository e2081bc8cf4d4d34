"""Table locks, advisory locks, row locks, waits for transactions, and the deadlocks among them.

Rule 1: nobody blocks in here. What must wait gets a Completion; whoever waits too long asks
        `find_deadlock`, and the one that asks is the victim.
Rule 2: queues are first come, first served: a request also waits for conflicting requests ahead of
        it. Only a group that holds what one of these waits for goes before that one, else it would wait for itself.
Rule 3: owners of one lock group (the transaction and the session it belongs to) never conflict.
Rule 4: row locks live in memory only and are keyed by the row's root, so they survive non-key
        updates. Who holds one has an xid, and who wants the row waits for that xid.
Rule 5: who only waits for the ends of those who hold something now stands in the queue without a mode.
"""

from collections.abc import Callable
from dataclasses import dataclass

from storage.fast_locks import Held, Lock, LockTable
from storage.lock_modes import (
    CONFLICTS,
    ROW_CONFLICTS,
    LockMode,
    LockOwner,
    RowLock,
    Tag,
    table_lock,
)
from storage.lock_table import RowLocks
from storage.wait_graph import (
    NO_MODE,
    Request,
    Turn,
    WaitEdge,
    WaitGraph,
    conflicting_holders,
    xid_of,
)
from storage.waits import Completion


@dataclass(frozen=True, slots=True)
class LockStatus:
    """One row of pg_locks."""

    tag: Tag
    owner: LockOwner
    mode: LockMode
    granted: bool
    turn: Turn | None = None  # the row that is waited for


GRANTED = Completion()
GRANTED.complete()


class Locks:
    """All locks of one engine. Safe from any thread; completions run outside its mutex."""

    def __init__(self) -> None:
        self._table = LockTable()
        self.mutex = self._table.mutex
        self._locks = self._table.locks
        self._held = self._table.held
        self._rows = self._table.rows
        self._row_owners = self._table.xid_owners
        self._waits = WaitGraph(self._table)
        self._waiting = self._waits.waiting
        self._xid_waiters: dict[int, list[Request]] = self._table.xid_waiters
        self.try_all = self._table.try_all
        self.all_free = self._table.all_free
        self.release_plain = self._table.release_plain
        self.register_xid = self._table.register_xid
        self.end_xids = self._table.end_xids

    def acquire(self, owner: LockOwner, tag: Tag, mode: LockMode) -> Completion:
        """Done at once when free; else when granted. Give up waiting with `cancel_wait`."""
        with self.mutex:
            if tag[0] == "relation" and self._table.has(owner, tag, mode):
                return GRANTED
            if self._table.try_grant(owner, tag, mode):
                return GRANTED
            request = Request(owner, tag, mode)
            self._enqueue(request)
            self._waiting[owner.lock_group] = request
            return request.completion

    def try_acquire(self, owner: LockOwner, tag: Tag, mode: LockMode) -> bool:
        """Take it if it is free now; who does not want to wait overtakes nobody, not even as a holder."""
        with self.mutex:
            lock = self._locks.get(tag)
            group = owner.lock_group
            if lock is not None and lock.queue and not lock.modes_of(group) >> mode & 1:
                conflicts = CONFLICTS[mode]
                if any(
                    conflicts >> ahead.mode & 1 and ahead.owner.lock_group != group
                    for ahead in lock.queue
                ):
                    return False
            return self._table.try_grant(owner, tag, mode)

    def lock_table(self, owner: LockOwner, relation_id: int, mode: LockMode) -> Completion:
        """`acquire` of a relation."""
        return self.acquire(owner, ("relation", relation_id), mode)

    def try_table(self, owner: LockOwner, relation_id: int, mode: LockMode) -> bool:
        """`try_acquire` of a relation, once for each mode."""
        return self.try_all(owner, (table_lock(relation_id, mode),))

    def wait_for_holders(
        self,
        owner: LockOwner,
        tag: Tag,
        mode: LockMode,
        which: Callable[[LockOwner], bool] = lambda holder: True,
    ) -> Completion:
        """Done when those have ended who now hold what conflicts with the mode; nobody waits behind the request."""
        with self.mutex:
            self._table.settle_all()
            lock = self._locks.get(tag)
            found = () if lock is None else conflicting_holders(lock, owner, mode)
            holders = frozenset(holder for holder in found if which(holder))
            if lock is None or not holders:
                return GRANTED
            request = Request(owner, tag, NO_MODE, until_gone=holders)
            self._table.wait(len(lock.queue), request)
            self._waiting[owner.lock_group] = request
            return request.completion

    def wait_for_end(self, owner: LockOwner, holder: LockOwner) -> Completion:
        """Done when a transaction, which has not ended, gives back what it holds; also one that holds nothing yet."""
        tag = ("virtualxid", id(holder))
        with self.mutex:
            if not self._table.has(holder, tag, LockMode.EXCLUSIVE):
                self._table.grant(holder, tag, LockMode.EXCLUSIVE)
        return self.wait_for_holders(owner, tag, LockMode.SHARE)

    def hold_on(self, owner: LockOwner, tag: Tag, mode: LockMode) -> None:
        """Take what another owner of the lock group has already: nobody waits for more than before."""
        with self.mutex:
            self._table.grant(owner, tag, mode)

    def running(self) -> set[LockOwner]:
        """The transactions that have an xid and have not ended."""
        with self.mutex:
            return set(self._row_owners.values())

    def release(self, owner: LockOwner, tag: Tag, mode: LockMode) -> bool:
        """Give back one acquisition (advisory locks of sessions); False: it was not held."""
        with self.mutex:
            self._table.settle(owner)
            held = self._held.get(owner)
            if held is None or (tag, mode) not in held.order:
                return False
            last = len(held.order) - 1 - held.order[::-1].index((tag, mode))
            del held.order[last]
            done = self._serve_all([tag] if self._table.give_back(owner, tag, mode) else [])
        _complete(done)
        return True

    def position(self, owner: LockOwner) -> tuple[int, int]:
        """What `release_since` goes back to."""
        self._table.settle(owner)
        held = self._held.get(owner)
        return (len(held.order), len(held.rows)) if held else (0, 0)

    def lasting(
        self, owner: LockOwner
    ) -> tuple[list[tuple[Tag, LockMode]], list[tuple[int, int, RowLock]]]:
        """All that an owner holds: locks with their modes, and rows with theirs."""
        with self.mutex:
            self._table.settle(owner)
            held = self._held.get(owner)
            if held is None:
                return [], []
            rows = {(table, root) for table, root, _ in held.rows}
            return list(held.order), [
                (table, root, self._rows[table][root][owner]) for table, root in sorted(rows)
            ]

    def release_since(self, owner: LockOwner, position: tuple[int, int] = (0, 0)) -> None:
        """Give back what was taken after the position: all of it at the end of a transaction."""
        if position == (0, 0) and self.release_plain(owner):
            return
        with self.mutex:
            self._table.settle(owner)
            held = self._held.get(owner)
            if held is None:
                return
            order, rows = position
            done = self._serve_all(self._table.give_back_since(owner, order))
            self._table.unlock_rows(owner, rows)
            if not held.order and not held.rows:
                del self._held[owner]
        _complete(done)

    def lock_row(
        self, owner: LockOwner, relation_id: int, root_id: int, mode: RowLock
    ) -> LockOwner | None:
        """Take a row lock, or name who is in the way. A stronger mode replaces a weaker one."""
        with self.mutex:
            blocker = self.row_blocker(owner, relation_id, root_id, mode)
            if blocker is not None:
                return blocker
            holders = self.rows_of(relation_id).setdefault(root_id, {})
            before = holders.get(owner)
            if before is None or before < mode:
                held = self._held.setdefault(owner, Held())
                held.rows.append((relation_id, root_id, before))
                holders[owner] = mode
            return None

    def rows_of(self, relation_id: int) -> RowLocks:
        """The row locks of a relation, to look at under the mutex or in one step; always the same dict."""
        return self._rows.setdefault(relation_id, {})

    def row_blocker(
        self, owner: LockOwner, relation_id: int, root_id: int, mode: RowLock
    ) -> LockOwner | None:
        """Who holds a row lock that conflicts; None: nobody."""
        rows = self._rows.get(relation_id)
        if not rows:
            return None
        conflicts = ROW_CONFLICTS[mode]
        with self.mutex:  # locks are released by whichever thread publishes a commit
            for holder, held_mode in rows.get(root_id, {}).items():
                if conflicts >> held_mode & 1 and holder.lock_group != owner.lock_group:
                    return holder
        return None

    def finish_xids(self, xids: tuple[int, ...]) -> None:
        """These transactions have ended; whoever waited for them goes on."""
        if not self.end_xids(xids):
            return
        done: list[Request] = []
        with self.mutex:
            for xid in xids:
                waiters = self._xid_waiters.pop(xid, None)
                if waiters is not None:
                    done += self._first_in_line(waiters)
            for request in done:
                self._waiting.pop(request.owner.lock_group, None)
        _complete(done)

    def wait_for_xid(
        self,
        owner: LockOwner,
        xid: int,
        row: tuple[int, int] | None = None,
        own_xid: int = 0,
        turn: Turn | None = None,
    ) -> Completion:
        """Done when the transaction with this xid has ended, or rolled back to before it.

        With a row and the xid that the owner has already: of all who wait for that row only the first is told, and the
        others wait for that one's end; so it has to `pass_on` the row if it does not take it. Who has a lock on the row
        already and wants a stronger one does not stand in line.
        """
        with self.mutex:
            if xid not in self._row_owners:
                return GRANTED
            if turn is None and row is not None:
                turn = Turn(row)
            if turn is not None and owner in self.rows_of(turn.row[0]).get(turn.row[1], ()):
                row = turn = None
            request = Request(owner, ("xid", xid), LockMode.SHARE, row, own_xid, turn)
            self._xid_waiters.setdefault(xid, []).append(request)
            self._waiting[owner.lock_group] = request
            return request.completion

    def pass_on(self, own_xid: int) -> None:
        """Who runs under this xid has not taken a row that others wait behind him for: the first of them looks."""
        with self.mutex:
            waiters = self._xid_waiters.get(own_xid, [])
            followers = [request for request in waiters if request.row is not None]
            for request in followers:
                waiters.remove(request)
            done = self._first_in_line(followers)
            for request in done:
                self._waiting.pop(request.owner.lock_group, None)
        _complete(done)

    def _first_in_line(self, waiters: list[Request]) -> list[Request]:
        """Those who go on; who wants the same row as one of them waits for that one."""
        if len(waiters) == 1:
            return waiters
        done: list[Request] = []
        first: dict[tuple[int, int], int] = {}
        for request in waiters:
            row = request.row
            heir_xid = 0 if row is None else first.get(row, 0)
            if heir_xid in self._row_owners:
                request.tag = ("xid", heir_xid)
                self._xid_waiters.setdefault(heir_xid, []).append(request)
                continue
            done.append(request)
            if row is not None:
                first[row] = request.own_xid
        return done

    def cancel_wait(self, owner: LockOwner, completion: Completion | None = None) -> None:
        """Stop waiting: the request is withdrawn and those behind it may go on.

        With a completion: if that is what the owner waits for. A generator that was left behind is closed when the
        garbage collector comes by, and its session may wait for something else by then.
        """
        with self.mutex:
            request = self._waiting.get(owner.lock_group)
            if request is None or (completion is not None and request.completion is not completion):
                return
            del self._waiting[owner.lock_group]
            if request.tag[0] == "xid":
                self._xid_waiters[xid_of(request.tag)].remove(request)
                self._move_up(request.turn)
                return
            self._table.leave(request)
            done = self._serve_all([request.tag])
        _complete(done)

    def find_deadlock(self, owner: LockOwner) -> list[WaitEdge] | None:
        """The circle of waits that leads back to the owner, or None.

        A circle in which somebody waits only for his turn is opened by letting him go first.
        """
        with self.mutex:
            group = owner.lock_group
            found = self._waits.circle(group)
            tag = None if found is None else self._waits.reorder(group, found)
            lock = None if tag is None else self._locks.get(tag)
            done = [] if tag is None or lock is None else self._serve(tag, lock)
        _complete(done)
        return None if tag is not None else found

    def has_moved_up(self, owner: LockOwner) -> bool:
        """Whether the owner waits for a row's holder since one who came before it has left; told once.

        It was that one whom it waited for until then: the wait for the holder is a new one, with a time of its own.
        """
        with self.mutex:
            request = self._waiting.get(owner.lock_group)
            if request is None or not request.moved_up:
                return False
            request.moved_up = False
            return True

    def _move_up(self, left: Turn | None) -> None:
        for request in self._waiting.values() if left is not None else ():
            if left is not None and request.turn is not None and request.turn.row == left.row:
                request.moved_up = True

    def find_plain_deadlock(self, owner: LockOwner) -> list[WaitEdge] | None:
        """The circle of two who wait for the same thing, the owner and the first who waits for it; or None."""
        with self.mutex:
            return self._waits.plain_circle(owner.lock_group)

    def blockers(self, owner: LockOwner) -> list[WaitEdge]:
        """Whom the owner waits for at this moment (pg_blocking_pids): for a row, those whose turn is before his."""
        with self.mutex:
            group = owner.lock_group
            return list(self._waits.ahead(group)) or list(self._waits.edges(group))

    def holders(self) -> list[LockStatus]:
        """Every lock held or awaited."""
        with self.mutex:
            self._table.settle_all()
            rows = [
                LockStatus(tag, owner, mode, True)
                for tag, lock in self._locks.items()
                for owner, modes in lock.granted.items()
                for mode in modes
            ]
            rows += [
                LockStatus(request.tag, request.owner, request.mode, False, request.turn)
                for request in self._waiting.values()
                if request.mode
            ]
            rows += [
                LockStatus(("xid", xid), owner, LockMode.EXCLUSIVE, True)
                for xid, owner in tuple(self._row_owners.items())
            ]
            return rows

    def _enqueue(self, request: Request) -> None:
        """At the end; but ahead of the first who waits for something this lock group holds."""
        lock = self._locks[request.tag]
        mine = lock.modes_of(request.owner.lock_group)
        place = len(lock.queue)
        for i, ahead in enumerate(lock.queue):
            if CONFLICTS.get(ahead.mode, 0) & mine:
                place = i
                break
        self._table.wait(place, request)

    def _serve_all(self, tags: list[Tag]) -> list[Request]:
        return [request for tag in tags for request in self._serve(tag, self._locks[tag])]

    def _serve(self, tag: Tag, lock: Lock) -> list[Request]:
        """Grant what has become possible, in order."""
        served: list[Request] = []
        blocked = 0  # modes that conflict with somebody still waiting further ahead
        for request in tuple(lock.queue):
            if request.until_gone:
                if request.until_gone.isdisjoint(lock.granted):
                    self._table.leave(request)
                    self._waiting.pop(request.owner.lock_group, None)
                    served.append(request)
                continue
            if blocked >> request.mode & 1 or any(
                conflicting_holders(lock, request.owner, request.mode)
            ):
                blocked |= CONFLICTS[request.mode]
                continue
            self._table.leave(request)
            self._waiting.pop(request.owner.lock_group, None)
            self._table.grant(request.owner, tag, request.mode)
            served.append(request)
        if not lock.granted and not lock.queue:
            del self._locks[tag]
        return served


def _complete(requests: list[Request]) -> None:
    for request in requests:
        request.completion.complete()
