"""Runs point statements in the session's transaction. The original of native/point_run's `run_lane`.

Rule 1: locks first, then the look whether the plan is fresh: what changes the catalog holds a lock until the change
        can be seen.
Rule 2: None: the ordinary flow is to run the statement; nothing was done but to begin a transaction and take locks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.errors import InternalError
from server.executor.run import run_point
from server.session.execution import renew_point_context
from server.session.unfinished import commit

if TYPE_CHECKING:
    from server.executor.context import ExecutionContext
    from server.session.basis import Basis
    from server.session.lane import Lane
    from server.session.session import Session
    from server.session.state import Running


def run_lane(
    session: Session, lane: Lane, parameters: tuple[Any, ...], formats: tuple[int, ...]
) -> bytes | None:
    """A point statement of any kind; its plan must be that of the session's basis."""
    basis = session.basis()
    running = session.transaction.start_statement()
    locks = session.database.engine.locks
    if not locks.try_all(running.storage, lane.locks):
        return None
    if lane.partitions is not None and not lane.lock_partitions(
        session, running, basis, parameters
    ):
        return None
    if session.basis() is not basis or not may_run(lane, running):
        return None
    return _run(session, lane, running, basis, parameters, formats)


def _run(
    session: Session,
    lane: Lane,
    running: Running,
    basis: Basis,
    parameters: tuple[Any, ...],
    formats: tuple[int, ...],
) -> bytes | None:
    """The statement's row and its CommandComplete."""
    transaction = session.transaction
    if lane.key_read is not None:
        return reply_row(lane, formats, lane.key_read.fetch(transaction.snapshot(), parameters))
    if lane.planned.lasting:
        transaction.refuse_writes(lane.planned.lasting)
    if lane.run_steps is not None:
        found: bytes | None = lane.run_steps(session, lane, parameters, formats)
        return found
    return _run_point(session, lane, running, basis, parameters, formats)


def _run_point(
    session: Session,
    lane: Lane,
    running: Running,
    basis: Basis,
    parameters: tuple[Any, ...],
    formats: tuple[int, ...],
) -> bytes | None:
    planned = lane.planned
    context = _point_context(session, running, basis, parameters)
    try:
        if lane.change is not None:
            count = lane.change.count(context)
            return None if count < 0 else lane.complete(count)
        if lane.row_query is not None:
            found = lane.row_query.stored_rows(context)
            return None if found is None else lane.reply_rows(found, formats)
        rows = run_point(planned, context, lane.program)
        if context.after_statement:
            raise InternalError("a point statement has left checks behind")
    finally:
        context.snapshot = None  # held no longer than the statement
    if rows is None:
        return None
    if planned.returns_rows:
        return reply_rows(lane, formats, rows)
    return lane.complete(context.row_count)


def commit_block(session: Session, head: bytes, data: bytes) -> bytes:
    """COMMIT of an open block up to ReadyForQuery, but for what is left to be done; data is its CommandComplete."""
    session.transaction.leave_block(commit=True)
    session.unfinished = commit(session, head, data)
    return b""


def reply_row(lane: Lane, formats: tuple[int, ...], row: tuple[Any, ...] | None) -> bytes:
    """A query's one row, or none."""
    if row is None:
        return lane.complete(0)
    return lane.data_row(row, formats) + lane.complete(1)


def reply_rows(lane: Lane, formats: tuple[int, ...], rows: list[tuple[Any, ...]]) -> bytes:
    """The rows of a statement, in row form."""
    if len(rows) > 1:
        return lane.reply_rows(rows, formats)
    return reply_row(lane, formats, rows[0] if rows else None)


def may_run(lane: Lane, running: Running) -> bool:
    """Whether the lane notes what a serializable transaction reads, need not wait for a snapshot, leaves nothing.

    A statement as a whole may have to wait: it is for series, which know how.
    """
    storage = running.storage
    if storage.is_serializable and (lane.key_read is not None or running.modes.deferrable):
        return False
    if lane.leaves_checks or lane.is_whole:
        return False
    return lane.planned.tag == "INSERT" or not storage.is_ahead


def _point_context(
    session: Session, running: Running, basis: Basis, parameters: tuple[Any, ...]
) -> ExecutionContext:
    """The context of the transaction's point statements, for the next of them."""
    context = running.point_context
    if context is None or running.point_basis is not basis:
        context = renew_point_context(session, running, basis)
    context.snapshot = session.transaction.snapshot()
    context.parameters = parameters
    context.statement_time_us = session.activity.query_started_us
    return context
