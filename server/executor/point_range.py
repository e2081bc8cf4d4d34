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
from server.planner import change_plans, physical
from server.planner.plan_parts import has_part, parts_of
from storage.engine import KeyWriter, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.point_change import Changes, Row
    from server.expressions.expression import ColumnId, Expression
    from storage.engine import Outcome

ROWS_MAX: Final = 100.0
"""Statements that are thought to be about more rows are quicker by columns."""

ENTRIES_MAX: Final = 400


def found_rows(plan: physical.Plan, row_id: ColumnId) -> RowQuery | None:
    """What finds the rows of a change, with the ids of their versions; None: the row machine cannot."""
    if plan.estimate.rows > ROWS_MAX or has_part(plan, Subquery):
        return None  # subqueries are run by a program, which few of those who run this have
    scans: list[physical.IndexScan | physical.TableScan] = [
        *parts_of(plan, physical.IndexScan),
        *parts_of(plan, physical.TableScan),
    ]
    ids = {
        column
        for scan in scans
        for column, number in zip(scan.output, scan.attributes, strict=True)
        if number in ROW_IDS
    }
    if ids != {row_id}:
        return None
    try:
        node = make_node(plan, frozenset(plan.output))
    except NotCovered:
        return None
    types = dict(zip(plan.output, plan.types, strict=True))
    ordered = tuple(types[column] for column in node.output)
    return RowQuery(replace(plan, output=node.output, types=ordered), node, ENTRIES_MAX)


def _once(rows: list[tuple[Any, ...]], place: int) -> list[tuple[Any, ...]]:
    """The first row of each version, which a join may give several of."""
    first: dict[Any, tuple[Any, ...]] = {}
    for row in rows:
        first.setdefault(row[place], row)
    return rows if len(first) == len(rows) else list(first.values())


class _RangeChange(ABC):
    """A change of the rows that are found."""

    __slots__ = ("_place", "_rows", "output", "plan")

    def __init__(self, plan: change_plans.Update | change_plans.Delete, rows: RowQuery) -> None:
        self.plan = plan
        self._rows = rows
        self.output = rows.output
        self._place = rows.output.index(plan.row_id)

    def __call__(self, context: ExecutionContext) -> list[Row] | None:
        """Run the statement: its rows, none, or None when it is LEFT."""
        return counted(self.plan, context, self.count(context))

    def count(self, context: ExecutionContext) -> int:
        """Change the rows: how many they are, or LEFT."""
        changed = self.changed(context)
        return LEFT if changed is None else len(changed)

    def changed(self, context: ExecutionContext) -> Sequence[tuple[Row, Changes]] | None:
        """Change the rows: each as it was, and what has become of it; None: LEFT."""
        found = self._rows.stored_rows(context)
        if not found:
            return None if found is None else ()
        found = _once(found, self._place)
        writer = TableWriter(self.plan.table, context)
        changes = self._all_changes(found, writer, context)
        if changes is None:
            return None
        outcomes = self._outcomes(found, changes, writer, context)
        if outcomes is None or not _all_done(outcomes, context):
            return None
        return list(zip(found, changes, strict=True))

    def _all_changes(
        self, found: Sequence[Row], writer: TableWriter, context: ExecutionContext
    ) -> Sequence[Changes] | None:
        """What is to become of each row; None: it is LEFT."""
        del writer, context
        return [{}] * len(found)

    @abstractmethod
    def _outcomes(
        self,
        found: Sequence[tuple[Any, ...]],
        changes: Sequence[Changes],
        writer: TableWriter,
        context: ExecutionContext,
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

    def _all_changes(
        self, found: Sequence[Row], writer: TableWriter, context: ExecutionContext
    ) -> Sequence[Changes] | None:
        required, made = writer.shape.not_null_numbers, []
        for row in found:
            changes = self._changes(row, context)
            if changes is None or _lacks(changes, required):
                return None  # the ordinary operator knows the error
            made.append(changes)
        return made

    def _outcomes(
        self,
        found: Sequence[tuple[Any, ...]],
        changes: Sequence[Changes],
        writer: TableWriter,
        context: ExecutionContext,
    ) -> Iterable[Outcome | None] | None:
        keys = writer.shape.moved_keys(self._numbers)
        if keys is None:
            return None
        mover = KeyWriter(context.engine, self.plan.table.storage_id, keys) if keys else None
        place = self._place
        return (
            writer.try_update(row[place], each, mover)
            for row, each in zip(found, changes, strict=True)
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
        self,
        found: Sequence[tuple[Any, ...]],
        changes: Sequence[Changes],
        writer: TableWriter,
        context: ExecutionContext,
    ) -> Iterable[Outcome | None] | None:
        del changes, context
        if writer.shape.references:
            return None  # what is queued for them could not be taken back
        return (writer.try_delete(row[self._place]) for row in found)


class RangeReturning:
    """Either of them with RETURNING, about columns of the changed rows and of those that they were joined with."""

    __slots__ = ("_cells", "_change", "_sources")

    def __init__(self, change: RangeUpdate | RangeDelete, returning: Sequence[Expression]) -> None:
        self._change = change
        plan, width = change.plan, len(change.output)
        places = layout_of(change.output)
        self._sources: list[tuple[int, int | None]] = []
        layout = dict(places)
        if isinstance(plan, change_plans.Update):
            old = dict(plan.old)
            for number, column in plan.row:
                layout[column] = width + len(self._sources)
                self._sources.append((number, places.get(old.get(number, column))))
        self._cells = [compile_row(item, layout) for item in returning]

    def __call__(self, context: ExecutionContext) -> list[Row] | None:
        """Run the statement: its rows, or None when it is LEFT."""
        changed = self._change.changed(context)
        if changed is None:
            return None
        context.row_counts[self._change.plan] = len(changed)
        cells, shown = self._cells, []
        for old, changes in changed:
            new = [
                changes[number] if number in changes else None if place is None else old[place]
                for number, place in self._sources
            ]
            both = (*old, *new)
            shown.append(tuple([cell(both, context) for cell in cells]))
        return shown


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
