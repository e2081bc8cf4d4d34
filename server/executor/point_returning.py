"""Changes of one row that ask for it: INSERT of one row of VALUES, UPDATE and DELETE by key, with RETURNING.

Rule 1: as for the other point statements: it gives what the ordinary operators would, or None, having done nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.executor.evaluation import layout_of
from server.executor.point_change import LEFT, KeyDelete, KeyLookup, Row, with_sequences
from server.executor.table_writer import TableWriter
from server.expressions.evaluate import compile_row
from server.expressions.expression import columns_used

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.executor.context import ExecutionContext
    from server.executor.point_change import KeyUpdate
    from server.executor.point_twins import RowInsert
    from server.expressions.expression import Expression
    from server.planner import change_plans, physical


class InsertReturning:
    """The statement made ready; what RETURNING says is about columns of the new row alone."""

    __slots__ = ("_cells", "_insert", "plan")

    def __init__(
        self, plan: change_plans.Insert, insert: RowInsert, returning: Sequence[Expression]
    ) -> None:
        layout = {column: number - 1 for number, column in plan.row}
        self.plan = plan
        self._insert = insert
        self._cells = [compile_row(expression, layout) for expression in returning]

    def __call__(self, context: ExecutionContext) -> list[Row] | None:
        """Run the statement: its row, or None when the ordinary operators are to run it."""
        made: list[Row] = []

        def insert(context: ExecutionContext) -> int:
            row = self._insert.proposed(context)
            if row is None or not self._is_inserted(row, context):
                return LEFT
            made.append(row)
            return 1

        if with_sequences(context, insert) == LEFT:
            return None
        context.row_counts[self.plan] = 1
        (row,) = made
        return [tuple([cell(row, context) for cell in self._cells])]

    def _is_inserted(self, row: Row, context: ExecutionContext) -> bool:
        if self._insert.insert_new(row, context):
            return True
        return TableWriter(self.plan.table, context).try_insert(row)


class UpdateReturning:
    """UPDATE by key; what RETURNING says is about columns of the row as it is then."""

    __slots__ = ("_cells", "_sources", "_update", "plan")

    def __init__(
        self,
        plan: change_plans.Update,
        scan: physical.IndexScan,
        update: KeyUpdate,
        returning: Sequence[Expression],
    ) -> None:
        self.plan = plan
        self._update = update
        places, old = layout_of(scan.output), dict(plan.old)
        read = {column for item in returning for column in columns_used(item)}
        self._sources = [
            (number, places.get(old.get(number, column)))
            for number, column in plan.row
            if column in read
        ]
        shown = [column for _, column in plan.row if column in read]
        layout = {column: place for place, column in enumerate(shown)}
        self._cells = [compile_row(item, layout) for item in returning]

    def __call__(self, context: ExecutionContext) -> list[Row] | None:
        """As InsertReturning's."""
        count, old, changes = self._update.change(context)
        if count <= 0:
            return _without_row(self.plan, context, count)
        context.row_counts[self.plan] = count
        row = [
            changes[number] if number in changes else None if place is None else old[place]
            for number, place in self._sources
        ]
        return [tuple([cell(row, context) for cell in self._cells])]


class DeleteReturning:
    """DELETE by key; what RETURNING says is about columns of the row as it was."""

    __slots__ = ("_cells", "_delete", "plan")

    def __init__(
        self,
        plan: change_plans.Delete,
        scan: physical.IndexScan,
        returning: Sequence[Expression],
    ) -> None:
        self.plan = plan
        self._delete = KeyDelete(plan, KeyLookup(scan))
        layout = layout_of(scan.output)
        self._cells = [compile_row(item, layout) for item in returning]

    def __call__(self, context: ExecutionContext) -> list[Row] | None:
        """As InsertReturning's."""
        count, row = self._delete.change(context)
        if count <= 0:
            return _without_row(self.plan, context, count)
        context.row_counts[self.plan] = count
        return [tuple([cell(row, context) for cell in self._cells])]


def _without_row(
    plan: change_plans.Update | change_plans.Delete, context: ExecutionContext, count: int
) -> list[Row] | None:
    """Nothing was changed: there is no row, or the ordinary operators are to look at what is in the way."""
    context.row_in_way = None
    if count < 0:
        return None
    context.row_counts[plan] = 0
    return []
