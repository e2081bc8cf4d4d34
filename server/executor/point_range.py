"""RangeUpdate and RangeDelete: what UPDATE and DELETE do to the few rows that the row machine finds for them.

Rule 1: as for the other point statements: they change all rows, or none and leave the statement to the ordinary
        operators, which know the error, wait for who is in the way and look at what he has made of the row.
Rule 2: all rows are found before the first is changed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from server.executor.evaluation import layout_of
from server.executor.point_change import LEFT, counted
from server.executor.row_node import NotCovered
from server.executor.row_query import RowQuery, make_node
from server.executor.row_scans import ROW_IDS
from server.executor.table_writer import TableWriter
from server.expressions.evaluate import compile_row
from server.expressions.expression import Subquery
from server.planner import physical
from server.planner.plan_parts import has_part
from storage.engine import KeyWriter, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.point_change import Changes, Row
    from server.expressions.expression import ColumnId, Expression
    from server.planner import change_plans
    from storage.engine import Outcome

ROWS_MAX: Final = 100.0
"""Statements that are thought to be about more rows are quicker by columns."""

ENTRIES_MAX: Final = 400


def found_rows(plan: physical.Plan, row_id: ColumnId) -> RowQuery | None:
    """What finds the rows of a change, with the ids of versions behind all columns; None: the row machine cannot."""
    if not isinstance(plan, physical.IndexScan | physical.TableScan):
        return None
    if plan.estimate.rows > ROWS_MAX or has_part(plan, Subquery):
        return None  # subqueries are run by a program, which few of those who run this have
    place = plan.output.index(row_id)
    if plan.attributes[place] not in ROW_IDS:
        return None
    kept = [*(n for n in range(len(plan.output)) if n != place), place]
    plan = replace(
        plan,
        attributes=tuple(plan.attributes[n] for n in kept),
        output=tuple(plan.output[n] for n in kept),
        types=tuple(plan.types[n] for n in kept),
    )
    try:
        return RowQuery(plan, make_node(plan, frozenset(plan.output)), ENTRIES_MAX)
    except NotCovered:
        return None


class _RangeChange(ABC):
    """A change of the rows that are found."""

    __slots__ = ("_rows", "plan")

    def __init__(self, plan: change_plans.Update | change_plans.Delete, rows: RowQuery) -> None:
        self.plan = plan
        self._rows = rows

    def __call__(self, context: ExecutionContext) -> list[Row] | None:
        """Run the statement: its rows, none, or None when it is LEFT."""
        return counted(self.plan, context, self.count(context))

    def count(self, context: ExecutionContext) -> int:
        """Change the rows: how many they are, or LEFT."""
        found = self._rows.stored_rows(context)
        if not found:
            return LEFT if found is None else 0
        outcomes = self._outcomes(found, TableWriter(self.plan.table, context), context)
        return len(found) if outcomes is not None and _all_done(outcomes, context) else LEFT

    @abstractmethod
    def _outcomes(
        self, found: Sequence[tuple[Any, ...]], writer: TableWriter, context: ExecutionContext
    ) -> Iterable[Outcome | None] | None:
        """What comes of each row as it is changed; None: it is LEFT."""


class RangeUpdate(_RangeChange):
    """UPDATE of columns that nothing hangs on but indexes of stored columns; no expression is volatile."""

    __slots__ = ("_cells", "_checks", "_numbers")

    def __init__(
        self, plan: change_plans.Update, rows: RowQuery, checks: Sequence[Expression]
    ) -> None:
        """Checks: conditions over the row that is found, which tell of the one it becomes."""
        super().__init__(plan, rows)
        layout = layout_of(rows.output)
        self._numbers = [number for number, _ in plan.assignments]
        self._cells = [compile_row(item, layout) for _, item in plan.assignments]
        self._checks = [compile_row(check, layout) for check in checks]

    def _outcomes(
        self, found: Sequence[tuple[Any, ...]], writer: TableWriter, context: ExecutionContext
    ) -> Iterable[Outcome | None] | None:
        keys = writer.shape.moved_keys(self._numbers)
        if keys is None:
            return None
        changes = [self._changes(row, context) for row in found]
        required = writer.shape.not_null_numbers
        if any(each is None or _lacks(each, required) for each in changes):
            return None  # the ordinary operator knows the error
        mover = KeyWriter(context.engine, self.plan.table.storage_id, keys) if keys else None
        return (
            writer.try_update(row[-1], each, mover)
            for row, each in zip(found, changes, strict=True)
            if each is not None
        )

    def _changes(self, row: Row, context: ExecutionContext) -> Changes | None:
        """The new values by attribute; None: the row may not become what they make of it."""
        if any(check(row, context) is False for check in self._checks):
            return None
        return {
            number: cell(row, context)
            for number, cell in zip(self._numbers, self._cells, strict=True)
        }


class RangeDelete(_RangeChange):
    """DELETE of rows that no other rows hang on."""

    __slots__ = ()

    def _outcomes(
        self, found: Sequence[tuple[Any, ...]], writer: TableWriter, _context: ExecutionContext
    ) -> Iterable[Outcome | None] | None:
        if writer.shape.references:
            return None  # what is queued for them could not be taken back
        return (writer.try_delete(row[-1]) for row in found)


def _lacks(changes: Changes, required: Iterable[int]) -> bool:
    return any(number in changes and changes[number] is None for number in required)


def _all_done(outcomes: Iterable[Outcome | None], context: ExecutionContext) -> bool:
    """Whether all changes succeed, one after the other; if one does not, none has happened."""
    transaction = context.transaction
    mark = transaction.savepoint(statement=True)
    is_done = False
    try:
        is_done = all(each is not None and each.status is Status.DONE for each in outcomes)
    finally:
        if not is_done:
            transaction.rollback_to(mark)
        transaction.release(mark)
    return is_done
