"""Runs of one INSERT with one row of parameters after the other, as executemany sends them, done at once by columns.

Rule 1: what is done is what the statements would do one by one, in their order; else nothing is done, and they are
        run one by one. That is so when one of them fails, is in another transaction's way or has it in its own.
Rule 2: nothing is waited for and nobody's turn is kept waiting: a run has as many rows as take a millisecond or so.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from server.executor.columns import batch_of_rows
from server.executor.common_tables import SharedRows
from server.executor.run import execute
from server.planner.given_rows import GIVEN_ROWS
from server.session.execution import context
from server.session.point_run import may_run
from server.types.type import Value

if TYPE_CHECKING:
    from server.planner.physical import PlannedStatement
    from server.session.session import Session
    from server.statements.portal import Prepared

Rows = list[tuple[Value | None, ...]]


def over_rows(session: Session, prepared: Prepared) -> PlannedStatement | None:
    """The form of a prepared point statement that takes many rows of parameters, if it is an INSERT that has one."""
    lane = prepared.lane
    if lane.planned.tag != "INSERT" or lane.change is None or not lane.planned.parameters:
        return None
    return session.database.plans.over_rows(lane.planned)


def insert_rows(session: Session, prepared: Prepared, whole: PlannedStatement, rows: Rows) -> bool:
    """Run `whole`, that form of the statement, for all rows; False: nothing was done but to begin and take locks."""
    basis = session.basis()
    running = session.transaction.running or session.transaction.start_statement()
    if running.modes.read_only or running.storage.tracked is not None:
        return False
    if not session.database.engine.locks.try_all(running.storage, prepared.lane.locks):
        return False
    if session.basis() is not basis or prepared.basis is not basis:
        return False
    if not may_run(prepared.lane, running):
        return False
    session.begin_statement(prepared.sql, basis)
    session.sequences.begin()
    storage = running.storage
    mark, deferred_count = storage.savepoint(statement=True), len(running.deferred)
    is_done = _insert(session, whole, rows)
    if not is_done:
        storage.rollback_to(mark)
        del running.deferred[deferred_count:]
        session.sequences.leave()
    storage.release(mark)
    return is_done


def _insert(session: Session, whole: PlannedStatement, rows: Rows) -> bool:
    """Whether all of it is done, without waiting; what has gone wrong comes up again where it is told."""
    made = context(session)
    made.cancelled = partial(_check, session)
    made.common_tables[GIVEN_ROWS] = SharedRows(iter((batch_of_rows(rows, whole.parameters),)))
    steps: Any = execute(whole, made, session.database.plans.program(whole))
    try:
        for _ in steps:
            return False
    except Exception:  # noqa: BLE001 - see above
        return False
    finally:
        steps.close()
    return made.row_count == len(rows)


def _check(session: Session) -> None:
    """Break a run off when the session is to attend to something else, which then finds that still there."""
    late = session.deadline_ns and session.clock.monotonic_ns() > session.deadline_ns
    if late or session.cancelled is not None:
        raise InterruptedError
