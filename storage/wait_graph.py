"""Who waits for whom: requests for locks, and the circles among them.

Everything here is asked under the mutex of the locks; Locks alone grants and gives back.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, cast

from storage.fast_locks import Lock, LockTable
from storage.lock_modes import CONFLICTS, LockMode, LockOwner, RowLock, Tag
from storage.waits import Completion


class Turn(NamedTuple):
    """A row that is waited for, by relation and root, and the lock on it that says who comes after whom."""

    row: tuple[int, int]
    mode: LockMode = LockMode.EXCLUSIVE

    @classmethod
    def of(cls, row: tuple[int, int], strength: RowLock) -> "Turn":
        """To lock the row so."""
        return cls(row, _TURNS[strength])


_TURNS: Final = {
    RowLock.KEY_SHARE: LockMode.ACCESS_SHARE,
    RowLock.SHARE: LockMode.ROW_SHARE,
    RowLock.NO_KEY_UPDATE: LockMode.EXCLUSIVE,
    RowLock.UPDATE: LockMode.ACCESS_EXCLUSIVE,
}


@dataclass(slots=True, eq=False)
class Request:
    """One owner waiting for one mode of one thing; or for the ends of those who have it, and then in nobody's way.

    row: the row it waits for the end of a transaction for; own_xid: under which it will have it then. turn: the same
    row, or that of somebody who is told with all others, and how strong a lock is wanted; it says who comes after whom.
    """

    owner: LockOwner
    tag: Tag
    mode: LockMode
    row: tuple[int, int] | None = None
    own_xid: int = 0
    turn: Turn | None = None
    completion: Completion = field(default_factory=Completion)
    until_gone: frozenset[LockOwner] = frozenset()
    moved_up: bool = False  # who came before it for the row has left the line


@dataclass(frozen=True, slots=True)
class WaitEdge:
    """Waiter waits for mode on tag; blocker is in its way."""

    waiter: LockOwner
    tag: Tag
    mode: LockMode
    blocker: LockOwner


NO_MODE: Final = cast("LockMode", 0)
"""What a request asks for that only waits for others to end: it conflicts with nothing."""


class WaitGraph:
    """Requests that wait, by lock group, and the edges between them."""

    def __init__(self, table: LockTable) -> None:
        self.waiting: dict[Hashable, Request] = {}
        self._locks = table.locks
        self._xid_owners = table.xid_owners

    def circle(self, group: Hashable) -> list[WaitEdge] | None:
        """The circle of waits that leads back to the group, or None."""
        return self._path(group, group, set())

    def plain_circle(self, group: Hashable) -> list[WaitEdge] | None:
        """The circle of two who wait for the same thing, each for what the other one holds of it.

        The other one is the first who waits for the group; circles with later ones are left to the timeout.
        """
        request = self.waiting.get(group)
        lock = None if request is None else self._locks.get(request.tag)
        if request is None or lock is None or request.owner not in lock.granted:
            return None
        for ahead in lock.queue:
            if ahead is request or not _is_in_way(lock, request.owner, ahead):
                continue
            if not _is_in_way(lock, ahead.owner, request):
                return None
            return [
                WaitEdge(request.owner, request.tag, request.mode, ahead.owner),
                WaitEdge(ahead.owner, ahead.tag, ahead.mode, request.owner),
            ]
        return None

    def ahead(self, group: Hashable) -> Iterator[WaitEdge]:
        """Those who want the same row and have come before, if they want it in a mode that conflicts."""
        request = self.waiting.get(group)
        if request is None or request.turn is None:
            return
        row, mode = request.turn
        for other in self.waiting.values():
            if other is request:
                return
            turn = other.turn
            if turn is not None and turn.row == row and CONFLICTS[mode] >> turn.mode & 1:
                yield WaitEdge(request.owner, request.tag, request.mode, other.owner)

    def _path(
        self, start: Hashable, group: Hashable, visited: set[Hashable]
    ) -> list[WaitEdge] | None:
        first = next(self.ahead(group), None)  # whom all others in the line wait for, too
        for edge in self.edges(group) if first is None else (first,):
            target = edge.blocker.lock_group
            if target == start:
                return [edge]
            if target in visited:
                continue
            visited.add(target)
            path = self._path(start, target, visited)
            if path is not None:
                return [edge, *path]
        return None

    def reorder(self, start: Hashable, circle: list[WaitEdge]) -> Tag | None:
        """Let one of a circle overtake whom it waits for only as its turn comes later; where, or None."""
        for edge in reversed(circle):
            lock = self._locks.get(edge.tag)
            waiter = self.waiting.get(edge.waiter.lock_group)
            ahead = self.waiting.get(edge.blocker.lock_group)
            if lock is None or waiter is None or ahead is None or ahead.tag != edge.tag:
                continue
            if _is_in_way(lock, ahead.owner, waiter):
                continue
            before = lock.queue[:]
            lock.queue.remove(waiter)
            lock.queue.insert(lock.queue.index(ahead), waiter)
            if all(self.circle(group) is None for group in (start, *_groups(circle))):
                return edge.tag
            lock.queue[:] = before
        return None

    def edges(self, group: Hashable) -> Iterator[WaitEdge]:
        """Holders that conflict, and requests ahead that do: those wait, and we wait for them."""
        request = self.waiting.get(group)
        if request is None:
            return
        owner, tag, mode = request.owner, request.tag, request.mode
        if tag[0] == "xid":
            holder = self._xid_owners.get(xid_of(tag))
            if holder is not None:
                yield WaitEdge(owner, tag, mode, holder)
            return
        lock = self._locks[tag]
        if not mode:
            for holder in request.until_gone & lock.granted.keys():
                yield WaitEdge(owner, ("virtual transaction", 0), LockMode.SHARE, holder)
            return
        for holder in conflicting_holders(lock, owner, mode):
            yield WaitEdge(owner, tag, mode, holder)
        for ahead in lock.queue:
            if ahead is request:
                break
            if CONFLICTS[mode] >> ahead.mode & 1 and ahead.owner.lock_group != group:
                yield WaitEdge(owner, tag, mode, ahead.owner)


def conflicting_holders(lock: Lock, owner: LockOwner, mode: LockMode) -> Iterator[LockOwner]:
    """Others who hold what conflicts with the mode."""
    conflicts = CONFLICTS.get(mode, 0)
    if not conflicts & lock.modes:
        return
    for holder, modes in lock.granted.items():
        if holder.lock_group != owner.lock_group and any(conflicts >> held & 1 for held in modes):
            yield holder


def _is_in_way(lock: Lock, holder: LockOwner, request: Request) -> bool:
    """Whether what one holds conflicts with what another one asks for."""
    return any(
        CONFLICTS.get(request.mode, 0) >> mode & 1 and owner.lock_group == holder.lock_group
        for owner, modes in lock.granted.items()
        for mode in modes
    )


def _groups(edges: list[WaitEdge]) -> Iterator[Hashable]:
    return (edge.blocker.lock_group for edge in edges)


def xid_of(tag: Tag) -> int:
    """The xid that a request waits for the end of."""
    number = tag[1]
    assert isinstance(number, int)
    return number
