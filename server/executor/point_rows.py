"""RowInserts: INSERT of a few rows of VALUES, one by one without a batch.

Rule 1: as for the other point statements: it inserts all rows, or none and leaves the statement to the ordinary
        operators, which know the error or wait for who is in the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.executor.point_change import LEFT, Row, counted, with_sequences
from server.executor.table_shape import shape_of
from server.executor.table_writer import TableWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.executor.context import ExecutionContext
    from server.executor.point_twins import RowInsert
    from server.planner import change_plans

ROWS_MAX: Final = 32
"""From more on columns are quicker."""


class RowInserts:
    """The statement made ready."""

    __slots__ = ("_inserts", "plan")

    def __init__(self, plan: change_plans.Insert, inserts: Sequence[RowInsert]) -> None:
        self.plan = plan
        self._inserts = inserts

    def __call__(self, context: ExecutionContext) -> list[Row] | None:
        """Run the statement: its rows, none, or None when it is LEFT."""
        return counted(self.plan, context, self.count(context))

    def count(self, context: ExecutionContext) -> int:
        """Insert the rows: how many they are, or LEFT; then the statement is given the same values of sequences."""
        if shape_of(self.plan.table, context).checked_later:
            return LEFT  # what is queued for them could not be taken back
        return with_sequences(context, self._insert)

    def _insert(self, context: ExecutionContext) -> int:
        rows = []
        for insert in self._inserts:
            row = insert.proposed(context)
            if row is None:
                return LEFT
            rows.append(row)
        transaction = context.transaction
        mark = transaction.savepoint(statement=True)
        is_done = False
        try:
            is_done = self._are_inserted(rows, context)
        finally:
            if not is_done:
                transaction.rollback_to(mark)
            transaction.release(mark)
        return len(rows) if is_done else LEFT

    def _are_inserted(self, rows: Sequence[Row], context: ExecutionContext) -> bool:
        writer = TableWriter(self.plan.table, context)
        return all(
            insert.insert_new(row, context) or writer.try_insert(row)
            for insert, row in zip(self._inserts, rows, strict=True)
        )
