"""How a session waits: for locks with deadlock_timeout and lock_timeout, for anything with statement_timeout.

Whoever drives a session answers a yielded Wait with True when its completion is done and with False when its time
is up. The session whose deadlock_timeout fires looks for a cycle, and is the victim if it finds itself in one.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from server.errors import DeadlockDetected, FeatureNotSupported, LockNotAvailable, SqlError
from server.executor.waits import Wait
from storage.waits import Completion

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from server.session.session import Session
    from storage.engine import WaitEdge

LOCK_WAITS = frozenset(
    ("relation", "transactionid", "virtualxid", "tuple", "advisory", "object", "")
)
_LOG = logging.getLogger(__name__)
_NS_PER_MS = 1_000_000
WAIT_SLICE_MS = 20
TOLD_AT_ONCE_MAX = 50
PACE_NS = 50 * _NS_PER_MS
_DONE = Completion()
_DONE.complete()


def satisfy(session: Session, wait: Wait) -> Generator[Wait, bool | None, None]:
    """Wait until the completion is done; raises what a timeout, a cancel request or a deadlock asks for.

    Unless the Wait takes its error itself.
    """
    try:
        yield from _until_done(session, wait)
    except SqlError as error:
        error.context = error.context or wait.where
        if wait.failures is None:
            raise
        wait.failures.append(error)


def _until_done(session: Session, wait: Wait) -> Generator[Wait, bool | None, None]:
    completion = wait.completion
    is_lock = wait.what.lower() in LOCK_WAITS
    patience = _Patience(session, wait, is_lock=is_lock)
    if is_lock:
        _refuse_plain_deadlock(session)
    session.wait_event = wait.what
    try:
        while not completion.done:
            done = yield Wait(completion, patience.left_ms(), wait.what)
            if done or completion.done:
                break
            if not patience.is_uninterruptible:
                session.check_cancelled()
            if patience.is_over():
                return
    finally:
        session.wait_event = ""
        if not completion.done and is_lock:
            session.give_up()
    if not patience.is_uninterruptible:
        session.check_cancelled()
    if completion.error is not None:
        raise completion.error


class _Patience:
    """How long a session waits until it looks again: for a cancel, a deadlock, the end of its time."""

    __slots__ = (
        "_deadlock_looked_for", "_lock_timeout_ms", "_own_ms", "_session", "_started_ns", "is_uninterruptible"
    )  # fmt: skip

    def __init__(self, session: Session, wait: Wait, *, is_lock: bool) -> None:
        self._session = session
        self._own_ms = wait.timeout_ms
        # Work on a thread looks at the cancel flag itself; a commit whose record is written is never called off.
        self.is_uninterruptible = wait.what in ("Execute", "WALSync")
        self._lock_timeout_ms = session.settings.integer("lock_timeout") if is_lock else 0
        self._deadlock_looked_for = not is_lock
        self._started_ns = session.clock.monotonic_ns()

    def _waited_ms(self) -> int:
        return (self._session.clock.monotonic_ns() - self._started_ns) // _NS_PER_MS

    def left_ms(self) -> int | None:
        """Until the next look; None if there is none."""
        if self.is_uninterruptible:
            return None
        waited_ms = self._waited_ms()
        limits = [self._session.statement_time_left_ms()]
        limits += [
            max(0, each - waited_ms) for each in (self._lock_timeout_ms, self._own_ms) if each
        ]
        if not self._deadlock_looked_for:
            limits.append(self._session.settings.integer("deadlock_timeout"))
        known = [limit for limit in limits if limit is not None]
        return min(known) if known else None

    def is_over(self) -> bool:
        """Look: whether the time of the Wait itself is up; raises what a deadlock or lock_timeout asks for."""
        if self.is_uninterruptible:
            return False
        if not self._deadlock_looked_for:
            self._deadlock_looked_for = look_for_deadlock(self._session)
        waited_ms = self._waited_ms()
        if self._lock_timeout_ms and waited_ms >= self._lock_timeout_ms:
            raise LockNotAvailable("canceling statement due to lock timeout")
        return bool(self._own_ms) and waited_ms >= (self._own_ms or 0)


def wait_inside(session: Session, wait: Wait) -> None:
    """Wait in the middle of an expression, which cannot yield; raises what comes of it.

    Nobody may wait while he holds the latch, as a function in an index would while the keys of others are looked at.
    """
    if wait.completion.done:
        if wait.completion.error is not None:
            raise wait.completion.error
        return
    session.end_trial()
    own, database = session.own_thread, session.database
    is_latched = database.engine.latch.is_owned()
    if own is not None and own.is_here() and not is_latched:
        own.wait(wait)
    elif database.workers.is_worker() and not is_latched:
        _wait_here(session, wait)
    else:
        session.give_up()
        raise FeatureNotSupported("waiting for a lock is not supported here")


class Pace:
    """How often a body may have the session tell its client something: the turns of threads cost more than a notice."""

    __slots__ = ("_count", "_last_ns")

    def __init__(self) -> None:
        self._count = 0
        self._last_ns = 0

    def may_tell(self, now_ns: int) -> bool:
        """Whether to tell at once: unless TOLD_AT_ONCE_MAX went one after the other, then what comes PACE_NS later."""
        if now_ns - self._last_ns > PACE_NS:
            self._count = 0
        elif self._count >= TOLD_AT_ONCE_MAX:
            return False
        self._count += 1
        self._last_ns = now_ns
        return True


def tell_inside(session: Session) -> None:
    """Let the session tell its client what there is, in the middle of an expression on a thread of its own."""
    own = session.own_thread
    if own is None or not own.is_here() or session.database.engine.latch.is_owned():
        return
    if session.pace.may_tell(session.clock.monotonic_ns()):
        own.wait(Wait(_DONE))


def _wait_here(session: Session, wait: Wait) -> None:
    """Wait on this thread, which must be a worker's."""
    woken = threading.Event()
    wait.completion.on_done(woken.set)
    steps = satisfy(session, wait)
    answer: bool | None = None
    with session.database.workers.waiting():
        while True:
            try:
                item = next(steps) if answer is None else steps.send(answer)
            except StopIteration:
                return
            answer = _done_in_time(session, woken, item.timeout_ms)


def _done_in_time(session: Session, woken: threading.Event, timeout_ms: int | None) -> bool:
    """Look up now and then: a cancel request wakes nobody here."""
    left_ms = timeout_ms
    while session.cancelled is None and (left_ms is None or left_ms > 0):
        slice_ms = WAIT_SLICE_MS if left_ms is None else min(WAIT_SLICE_MS, left_ms)
        if woken.wait(slice_ms / 1000):
            return True
        left_ms = None if left_ms is None else left_ms - slice_ms
    return woken.is_set()


def look_for_deadlock(session: Session) -> bool:
    """Raise if the session waits for somebody who waits for it; false: its wait is a new one, and looked at later."""
    running = session.transaction.running
    if running is None:
        return True
    locks = session.database.engine.locks
    if locks.has_moved_up(running.storage):
        return False
    found = locks.find_deadlock(running.storage)
    if found:
        raise _deadlock(session, found)
    return True


def _refuse_plain_deadlock(session: Session) -> None:
    """Two who each want more of what both have: they need not wait to know."""
    running = session.transaction.running
    found = None
    if running is not None:
        found = session.database.engine.locks.find_plain_deadlock(running.storage)
    if found:
        session.give_up()
        raise _deadlock(session, found)


def _deadlock(session: Session, found: list[WaitEdge]) -> DeadlockDetected:
    detail = session.database.describe_deadlock(found)
    session.database.activities[session.database_oid].deadlocked()
    _LOG.error("deadlock detected: %s", "\n".join((detail, *_statements(session, found))))
    return DeadlockDetected(
        "deadlock detected", detail=detail, hint="See server log for query details."
    )


def _statements(session: Session, found: list[WaitEdge]) -> Iterator[str]:
    """What those run who wait for each other: for the server's log alone."""
    for edge in found:
        pid = edge.waiter.lock_group
        waiter = session.database.sessions.get(pid) if isinstance(pid, int) else None
        if waiter is not None:
            yield f"Process {pid}: {waiter.activity.query}"
