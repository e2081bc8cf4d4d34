"""InsertReturning: INSERT of one row of VALUES that asks for what it has inserted, as by programs that want a new key.

Rule 1: as for the other point statements: it gives what the ordinary operators would, or None, having done nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.executor.point_change import LEFT, Row, with_sequences
from server.executor.table_writer import TableWriter
from server.expressions.evaluate import compile_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.executor.context import ExecutionContext
    from server.executor.point_twins import RowInsert
    from server.expressions.expression import Expression
    from server.planner import change_plans


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
