"""Waiting for another transaction: deadlock detection and lock_timeout on the way.

Rule 1: a deadlock is looked for after deadlock_timeout, as in PostgreSQL; whoever finds it gives
        up.
Rule 2: a generator that is closed while it waits takes its request back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.errors import DeadlockDetected, LockNotAvailable
from server.executor.waits import Wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.context import ExecutionContext
    from storage.waits import Completion

DEADLOCK_TIMEOUT_MS: Final = 1000


def wait_for_xid(context: ExecutionContext, xid: int) -> Iterator[Wait]:
    """Wait until the transaction with this xid has ended."""
    locks = context.engine.locks
    yield from wait_for_lock(context, locks.wait_for_xid(context.transaction, xid), "transactionid")


def wait_for_lock(context: ExecutionContext, completion: Completion, what: str) -> Iterator[Wait]:
    """Wait for a request that the lock table has queued."""
    locks, transaction = context.engine.locks, context.transaction
    lock_timeout_ms = int(context.settings.get("lock_timeout", 0))
    deadlock_timeout_ms = int(context.settings.get("deadlock_timeout", DEADLOCK_TIMEOUT_MS))
    began_ns = context.clock.monotonic_ns() if completion.done is False and context.clock else 0
    try:
        while not completion.done:
            timeout_ms = deadlock_timeout_ms
            if lock_timeout_ms:
                passed_ms = (context.clock.monotonic_ns() - began_ns) // 1_000_000
                if passed_ms >= lock_timeout_ms:
                    raise LockNotAvailable("canceling statement due to lock timeout")
                timeout_ms = min(timeout_ms, lock_timeout_ms - passed_ms)
            yield Wait(completion, timeout_ms, what)
            context.check_cancelled()
            if not completion.done:
                circle = locks.find_deadlock(transaction)
                if circle:
                    raise deadlock(circle)
    finally:
        if not completion.done:
            locks.cancel_wait(transaction)
    if completion.error is not None:
        raise completion.error


def deadlock(circle: list[Any]) -> DeadlockDetected:
    """The error of a circle of waits."""
    lines = [
        f"Process {_pid(edge.waiter)} waits for {_mode(edge)} on {_lock(edge)}; "
        f"blocked by process {_pid(edge.blocker)}."
        for edge in circle
    ]
    return DeadlockDetected(
        "deadlock detected",
        detail="\n".join(lines),
        hint="See server log for query details.",
    )


def _pid(owner: Any) -> int:
    """The process number of a lock's owner: lock groups are sessions or their numbers."""
    group = owner.lock_group
    return group if isinstance(group, int) else getattr(group, "pid", 0)


def _mode(edge: Any) -> str:
    return "".join(word.capitalize() for word in edge.mode.name.split("_")) + "Lock"


def _lock(edge: Any) -> str:
    kind, *numbers = edge.tag
    return f"{'transaction' if kind == 'xid' else kind} {' '.join(map(str, numbers))}"
