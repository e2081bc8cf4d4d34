"""Waiting for another transaction.

Rule 1: timeouts, deadlocks and cancel requests are the business of whoever drives the generator: it
        closes the generator or resumes it when the completion is done.
Rule 2: a generator that is closed while it waits takes its request back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.executor.waits import Wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.context import ExecutionContext


def wait_for_xid(context: ExecutionContext, xid: int) -> Iterator[Wait]:
    """Wait until the transaction with this xid has ended."""
    locks = context.engine.locks
    completion = locks.wait_for_xid(context.transaction, xid)
    try:
        while not completion.done:
            yield Wait(completion, None, "transactionid")
    finally:
        if not completion.done:
            locks.cancel_wait(context.transaction)
    if completion.error is not None:
        raise completion.error
    context.check_cancelled()
