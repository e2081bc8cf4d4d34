"""FiredUpdate: UPDATE of one row whose triggers fire for rows, without a batch.

Rule 1: as for point statements: what is not simple - several rows, triggers of the statement, somebody in the way - is
        left to the ordinary operators, nothing having been done but to lock the row.
Rule 2: from the first BEFORE trigger on there is no way back: what comes then is done, or is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.executor.columns import batch_of_rows
from server.executor.evaluation import layout_of
from server.executor.point import narrowed
from server.executor.point_range import found_rows
from server.executor.recheck import changed_by_trigger
from server.executor.row_checks import RowChecks
from server.executor.table_shape import shape_of
from server.executor.table_writer import TableWriter
from server.executor.triggers import before_row, has_transitions
from server.executor.waiting import pass_wait
from server.expressions.evaluate import compile_row
from server.expressions.expression import Subquery, walk
from server.planner import change_plans
from server.planner.matching import is_volatile
from server.planner.shape import is_routed
from storage.engine import RowLock, Status

if TYPE_CHECKING:
    from collections.abc import Generator

    from server.executor.context import ExecutionContext
    from server.executor.point_change import Changes, Row
    from server.executor.row_query import RowQuery
    from server.executor.table_shape import TableShape
    from server.executor.waits import Wait
    from server.planner import physical
    from storage.engine import Outcome


def fired_update_of(plan: physical.Plan) -> FiredUpdate | None:
    """What runs an UPDATE of a plain table whose assignments may be computed again; None for any other plan."""
    if not isinstance(plan, change_plans.Update) or is_routed(plan) or plan.table.kind != "r":
        return None
    if plan.generated or plan.policies or plan.returning is not None or plan.table.parents:
        return None
    values = [item for _, item in plan.assignments]
    has_subquery = any(isinstance(node, Subquery) for each in values for node in walk(each))
    if has_subquery or any(map(is_volatile, values)):
        return None
    rows = found_rows(narrowed(plan.input, plan.row_id, [plan.recheck, *values]), plan.row_id)
    return None if rows is None else FiredUpdate(plan, rows)


class FiredUpdate:
    """The statement made ready."""

    __slots__ = ("_cells", "_checks", "_numbers", "_row_checks", "_rows", "plan")

    def __init__(self, plan: change_plans.Update, rows: RowQuery) -> None:
        self.plan = plan
        self._rows = rows
        layout = layout_of(rows.output)
        self._numbers = [number for number, _ in plan.assignments]
        self._cells = [compile_row(item, layout) for _, item in plan.assignments]
        new_row = {column: number - 1 for number, column in plan.row}
        self._checks = [compile_row(check, new_row) for _, check in plan.checks]
        self._row_checks = RowChecks(plan.row, plan.checks, ())

    def __call__(self, context: ExecutionContext) -> list[Row] | None:
        """Run the statement: no rows; None when the ordinary operators are to run it."""
        shape = shape_of(self.plan.table, context)
        if _fires_for_statement(shape):
            return None
        found = self._rows.stored_rows(context)
        if found is None or len(found) > 1:
            return None
        count = self._changed(found[0], shape, context) if found else 0
        if count is None:
            return None
        context.row_counts[self.plan] = count
        return []

    def _changed(self, row: Row, shape: TableShape, context: ExecutionContext) -> int | None:
        """How many rows are changed, 1 or 0; None: the row is left alone."""
        writer = TableWriter(self.plan.table, context)
        row_id = row[-1]  # as found_rows has it
        assert isinstance(row_id, int)
        if self._lock(row_id, writer, context).status is not Status.DONE:
            return None
        changes: Changes = {
            number: cell(row, context)
            for number, cell in zip(self._numbers, self._cells, strict=True)
        }
        old = writer.read(row_id)
        new: Row | None = tuple(changes.get(n, value) for n, value in enumerate(old, 1))
        fires_before = bool(shape.triggers.rows("before", "update"))
        if fires_before:
            new = before_row(context, shape, "update", (old, new), self._numbers)
            if new is None:
                return 0
            changes = {number: new[number - 1] for number in shape.live.numbers}
        assert new is not None
        self._check(new, shape, context)
        outcome = _written(writer.update(row_id, changes, self._numbers), context)
        if outcome.status is not Status.DONE and fires_before:
            raise changed_by_trigger("update")
        return 1 if outcome.status is Status.DONE else None

    def _lock(self, row_id: int, writer: TableWriter, context: ExecutionContext) -> Outcome:
        is_kept = writer.shape.key_attributes.isdisjoint(self._numbers)
        mode = RowLock.NO_KEY_UPDATE if is_kept else RowLock.UPDATE
        with context.engine.latch:
            outcome: Outcome = writer.relation.lock_row(
                context.transaction, context.snapshot, row_id, mode
            )
        return outcome

    def _check(self, new: Row, shape: TableShape, context: ExecutionContext) -> None:
        """Raise for a row that is not as it must be."""
        lacks = any(new[number - 1] is None for number in shape.not_null)
        if lacks or any(check(new, context) is False for check in self._checks):
            self._row_checks.check(batch_of_rows([new], shape.types), shape, context)


def _fires_for_statement(shape: TableShape) -> bool:
    triggers = shape.triggers
    return bool(
        triggers.statements("before", "update")
        or triggers.statements("after", "update")
        or has_transitions(shape, "update")
    )


def _written(steps: Generator[Wait, None, Outcome], context: ExecutionContext) -> Outcome:
    """What an update comes to, behind what has to be waited for."""
    while True:
        try:
            wait = next(steps)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
        pass_wait(context, wait)
