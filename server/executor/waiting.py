"""Waiting for another transaction.

Rule 1: timeouts, deadlocks and cancel requests are the business of whoever drives the generator: it
        closes the generator or resumes it when the completion is done.
Rule 2: a generator that is closed while it waits takes its request back.
Rule 3: who waits goes on when the other one's end is decided; a second wait for the same transaction is for its
        publication.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import LockNotAvailable, SerializationFailure
from server.executor.waits import Wait
from storage.engine import COMMAND_BITS, RowLock, Turn

SLOT_BITS, SLOT_MASK = 16, 0xFFFF  # of a ctid: what its page is made of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.context import ExecutionContext
    from storage.engine import Table, Transaction


def doing(verb: str, relation: str, row_id: int) -> str:
    """What errors say of a wait for a row."""
    page_no, place = row_id >> SLOT_BITS, (row_id & SLOT_MASK) + 1
    return f'while {verb} tuple ({page_no},{place}) in relation "{relation}"'


def refuse_outdated(
    context: ExecutionContext, relation: Table, row_id: int, strength: RowLock
) -> None:
    """Raise for a snapshot that is kept if the version it sees is not the newest, however who has that one ends."""
    if context.read_committed or strength is RowLock.KEY_SHARE:
        return
    with context.engine.latch:
        is_outdated = relation.is_replaced(context.transaction, row_id)
    if is_outdated:
        raise SerializationFailure("could not serialize access due to concurrent update")


def refuse_unseen(context: ExecutionContext, relation: Table, row_id: int) -> None:
    """Raise for a snapshot that is kept if it does not see the row that keeps a new one out."""
    if context.read_committed:
        return
    with context.engine.latch:
        xmin = relation.version(row_id).xmin
    if not context.snapshot.sees(xmin) and xmin >> COMMAND_BITS not in context.transaction.xids:
        raise SerializationFailure("could not serialize access due to concurrent update")


def wait_for_row(
    context: ExecutionContext,
    relation: Table,
    row_id: int,
    strength: RowLock,
    xid: int,
    where: str = "",
) -> Iterator[Wait]:
    """`wait_for_xid` of who has the row that is to be locked so; not if it could not be had after all."""
    refuse_outdated(context, relation, row_id, strength)
    with context.engine.latch:
        row = relation.relation_id, int(relation.root(row_id))
    yield from wait_for_xid(context, xid, where, turn=Turn.of(row, strength))


def wait_for_xid(
    context: ExecutionContext,
    xid: int,
    where: str = "",
    *,
    row: tuple[int, int] | None = None,
    turn: Turn | None = None,
) -> Iterator[Wait]:
    """Wait until the transaction with this xid has ended, or until it is seen to have if its end is decided.

    where: what errors say of the wait. row: what it is in the way of; who says so has to pass on what it then does
    not take. turn: what others may want, too, who are told with this one, and are shown to wait for each other.
    """
    locks = context.engine.locks
    own_xid = 0 if row is None else context.transaction.current_xid
    completion = locks.wait_for_xid(context.transaction, xid, row, own_xid, turn)
    if completion.done:
        # It is its row locks that are in the way: they go with the publication of its commit.
        yield from _wait_for_publication(context, xid)
    try:
        while not completion.done:
            yield Wait(completion, None, "transactionid", where)
    finally:
        if not completion.done:
            locks.cancel_wait(context.transaction, completion)
    if completion.error is not None:
        raise completion.error
    context.check_cancelled()


def catch_up(transaction: Transaction) -> Iterator[Wait]:
    """Wait until the next snapshot shows what the transaction has built on."""
    if transaction.is_ahead:
        published = transaction.caught_up()
        while not published.done:
            yield Wait(published, None, "transactionid")
        if published.error is not None:
            raise published.error


def _wait_for_publication(context: ExecutionContext, xid: int) -> Iterator[Wait]:
    lsn = context.engine.log.decided.get(xid)
    published = None if lsn is None else context.engine.queue.published(lsn)
    while published is not None and not published.done:
        yield Wait(published, None, "transactionid")
    if published is not None and published.error is not None:
        raise published.error


def pass_wait(context: ExecutionContext, item: object) -> None:
    """Wait in the middle of an expression, if the item is a Wait."""
    if not isinstance(item, Wait):
        return
    if item.completion.done:
        if item.completion.error is not None:
            raise item.completion.error
        return
    if context.wait is None:
        raise LockNotAvailable("could not wait for a lock inside of a function called here")
    context.wait(item.completion, item.what, item.where)
