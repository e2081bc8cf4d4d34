"""Prepared statements that call functions which may have to wait, tried in one step from their values to their replies.

Rule 1: as for every lane, None means that the ordinary flow is to run the statement, and nothing was done. So it is
        with a trial that has ended: the statement then goes to a thread of its own without another one.
Rule 2: all rows are there before the first is replied; an error behind the first row ends the trial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocol.encode import encode
from protocol.messages import CommandComplete
from server.errors import SqlError
from server.executor.columns import rows_of
from server.executor.deferred import run_after_statement
from server.executor.run import execute
from server.executor.waits import Wait
from server.session.trial import EndsTrial, may_try, tried

if TYPE_CHECKING:
    from collections.abc import Generator

    from server.executor.context import ExecutionContext
    from server.executor.program import Program
    from server.planner.planned import PlannedStatement
    from server.session.lane import Lane
    from server.session.session import Session

Row = tuple[Any, ...]

TAGS_MAX = 100
"""Of so many rows replies are remembered."""


def run_tried(
    session: Session, lane: Lane, parameters: Row, formats: tuple[int, ...]
) -> bytes | None:
    """The rows of a statement and its CommandComplete, the transaction having begun and its locks being held."""
    planned, program = lane.planned, lane.program
    running = session.transaction.running
    assert running is not None
    if running.storage.is_ahead or not may_try(session, program, planned):
        return None
    made, deferred_count = session.surroundings.lent_context(parameters), len(running.deferred)
    found = tried(session, program, _steps(planned, made, program))
    if found is None:
        session.ended_trial = planned
        return None
    (rows,), count = found, made.row_count
    if len(running.deferred) == deferred_count:
        session.surroundings.give_back(made)
    if planned.returns_rows:
        return lane.framed(rows, formats) + _complete(lane, len(rows))
    return _complete(lane, count)


def _complete(lane: Lane, count: int) -> bytes:
    if count <= TAGS_MAX:
        return lane.complete(count)
    return encode(CommandComplete(lane.planned.completion_tag(count)))


def _steps(
    planned: PlannedStatement, made: ExecutionContext, program: Program
) -> Generator[Wait | list[Row], None, None]:
    """Run a statement: what it waits for, and all of its rows in one list."""
    if program.inner is None:
        yield from _whole(planned, made, program)
        return
    made.accesses, made.program = planned.access, program
    rows = program.inner(made)
    if rows is None:
        yield from _whole(planned, made, program)
        return
    if made.after_statement:
        yield from run_after_statement(made)
    made.row_count = made.row_counts.get(planned.plan, len(rows))
    yield rows


def _whole(
    planned: PlannedStatement, made: ExecutionContext, program: Program
) -> Generator[Wait | list[Row], None, None]:
    """The same by operators."""
    rows: list[Row] = []
    try:
        for item in execute(planned, made, program):
            if isinstance(item, Wait):
                yield item
            else:
                rows += rows_of(item)
    except SqlError:
        if rows:
            raise EndsTrial from None  # they are to be given before it
        raise
    yield rows
