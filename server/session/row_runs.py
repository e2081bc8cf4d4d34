"""Runs of one INSERT with one row of parameters after the other, as executemany sends them, done at once by columns.

Rule 1: what is done is what the statements would do one by one, in their order; else nothing is done, and they are
        run one by one. That is so when one of them fails, is in another transaction's way or has it in its own.
Rule 2: nothing is waited for and nobody's turn is kept waiting: a run has as many rows as take a few milliseconds.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from protocol.encode import encode
from protocol.messages import CommandComplete, NoData
from server.executor.columns import batch_of_rows
from server.executor.common_tables import SharedRows
from server.executor.one_row import QUICK_VOLATILE
from server.executor.run import execute
from server.executor.table_shape import shape_of
from server.expressions.expression import Call, walk
from server.planner import change_plans, physical
from server.planner.given_rows import GIVEN_ROWS
from server.planner.outer_references import has_subquery
from server.planner.shape import is_routed
from server.session.execution import LOCK_MODES, context
from server.session.parameters import parameter_limits
from server.session.partition_locks import all_locks
from server.types.type import Value
from storage.engine import LockMode, table_lock

if TYPE_CHECKING:
    from server.planner.planned import PlannedStatement
    from server.session.session import Session
    from server.statements.portal import Prepared

Rows = list[tuple[Value | None, ...]]

ROWS_MAX = 1024
CHECKED_ROWS_MAX = 256
"""Where rows are looked at one by one, as for foreign keys."""

ROWS_MIN = 32
"""From so many on it is quicker than one by one on a lane."""
OTHER_ROWS_MIN = 2


class RowRun:
    """An INSERT made ready to be run for many rows of parameters.

    planned is for one row, whole for many; limits and style are those of a lane; head, by whether the portal is
    described, and complete are the replies to a row of it.
    """

    __slots__ = ("complete", "limits", "locks", "planned", "rows_max", "rows_min", "style", "whole")

    def __init__(self, session: Session, prepared: Prepared, planned: PlannedStatement) -> None:
        self.planned = planned
        self.style = session.basis().style
        self.limits = parameter_limits(planned)
        self.complete = encode(CommandComplete(planned.completion_tag(1)))
        lane = prepared.lane
        is_quick = lane is not None and not lane.leaves_checks
        self.rows_min = ROWS_MIN if is_quick else OTHER_ROWS_MIN
        self.rows_max = ROWS_MAX
        self.locks = tuple(
            table_lock(oid, LockMode(LOCK_MODES[mode]))
            for oid, mode in all_locks(session.transaction.catalog, planned)
        )
        self.whole = self._whole(session) if self.limits else None

    def _whole(self, session: Session) -> PlannedStatement | None:
        """The form for many rows, if that does what the statement would do for each of them."""
        plan = self.planned.plan
        if not isinstance(plan, change_plans.Insert) or plan.returning is not None or plan.policies:
            return None
        if plan.conflict is not None and self.rows_min == ROWS_MIN:
            return (
                None  # which looks for keys row by row, as the lane does with less to do around it
            )
        if is_routed(plan) or (plan.conflict is not None and _needs_more(plan.conflict)):
            return None
        shape = shape_of(plan.table, context(session))
        if shape.triggers or any(
            item.kind == "f" and item.referenced_table == plan.table.oid
            for item in shape.checked_later
        ):
            return None  # a row may be there for the next one
        if shape.checked_later or plan.conflict is not None:
            self.rows_max = CHECKED_ROWS_MAX
        whole = session.database.plans.over_rows(self.planned)
        return None if whole is None or _may_take_long(whole.plan) else whole


def _may_take_long(plan: physical.Plan) -> bool:
    """Whether a row's values call volatile functions that are not known to be quick: some sleep."""
    rows = plan.input if isinstance(plan, change_plans.Insert) else plan
    assert isinstance(rows, physical.Project)
    return any(
        isinstance(node, Call)
        and node.function.volatility == "v"
        and node.function.oid not in QUICK_VOLATILE
        for expression in rows.expressions
        for node in walk(expression)
    )


def _needs_more(conflict: change_plans.ConflictClause) -> bool:
    """Whether ON CONFLICT reads more than the two rows, or is about certain parameters."""
    if conflict.assumed:
        return True
    expressions = [item for _, item in conflict.update or ()]
    if conflict.where is not None:
        expressions.append(conflict.where)
    return any(map(has_subquery, expressions))


def run_of(session: Session, prepared: Prepared) -> RowRun | None:
    """What is ready for runs of a prepared statement; None: it has none."""
    planned = prepared.planned
    if planned is None or planned.tag != "INSERT":
        return None
    found: RowRun | None = prepared.row_run
    if found is None or found.planned is not planned:
        session.transaction.start_statement()
        found = prepared.row_run = RowRun(session, prepared, planned)
    return None if found.whole is None else found


NO_DATA = encode(NoData())


def insert_rows(session: Session, prepared: Prepared, run: RowRun, rows: Rows) -> bool:
    """Run the statement for all rows; False: nothing was done but to begin and take locks."""
    basis = session.basis()
    running = session.transaction.running or session.transaction.start_statement()
    if running.modes.read_only or running.storage.is_serializable or running.modes.deferrable:
        return False
    if not session.database.engine.locks.try_all(running.storage, run.locks):
        return False
    if session.basis() is not basis or prepared.basis is not basis:
        return False
    session.begin_statement(prepared.sql, basis)
    session.sequences.begin()
    storage = running.storage
    mark, deferred_count = storage.savepoint(statement=True), len(running.deferred)
    is_done = _insert(session, run, rows)
    if not is_done:
        storage.rollback_to(mark)
        del running.deferred[deferred_count:]
        session.sequences.leave()
    storage.release(mark)
    return is_done


def _insert(session: Session, run: RowRun, rows: Rows) -> bool:
    """Whether all of it is done, without waiting; what has gone wrong comes up again where it is told."""
    whole = run.whole
    assert whole is not None
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
