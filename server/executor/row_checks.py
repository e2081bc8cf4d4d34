"""NOT NULL, CHECK and generated columns of rows that are about to be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from server.executor.columns import rows_of
from server.executor.constraint_errors import check_violation, not_null_violation, policy_violation
from server.executor.evaluation import evaluator
from server.vector.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.executor.context import ExecutionContext
    from server.executor.table_shape import TableShape
    from server.expressions.expression import ColumnId, Expression


class RowChecks:
    """What new rows of one table have to pass; rows come as a column for each attribute.

    row: the column numbers under which expressions know the attributes.
    """

    __slots__ = ("_checks", "_generated", "_policies")

    def __init__(
        self,
        row: Sequence[tuple[int, ColumnId]],
        checks: Sequence[tuple[str, Expression]],
        generated: Sequence[tuple[int, Expression]],
        policies: Sequence[tuple[str, Expression]] = (),
    ) -> None:
        layout = {column: number - 1 for number, column in row}
        self._policies = tuple((name, evaluator(check, layout)) for name, check in policies)
        self._checks = tuple((name, evaluator(check, layout)) for name, check in checks)
        self._generated = tuple(
            (number, evaluator(expression, layout)) for number, expression in generated
        )

    def complete(self, batch: Batch, context: ExecutionContext) -> Batch:
        """Fill in the generated columns."""
        if not self._generated:
            return batch
        columns = list(batch.columns)
        for number, evaluate in self._generated:
            columns[number - 1] = evaluate(batch, context)
        return Batch(tuple(columns), batch.count)

    def check_policies(
        self, batch: Batch, shape: TableShape, context: ExecutionContext, *, using: bool = False
    ) -> None:
        """Raise for a row that row level security does not allow; using: one that was there before."""
        for name, evaluate in self._policies:
            result = evaluate(batch, context)
            if not (result.values.astype(np.bool_) & result.validity()).all():
                raise policy_violation(shape.table.name, name, using=using)

    def check(
        self,
        batch: Batch,
        shape: TableShape,
        context: ExecutionContext,
        known: frozenset[int] | None = None,
    ) -> None:
        """Raise for the first row that is not as it must be; known.

        Attributes that are there (None: all).
        """
        self.check_policies(batch, shape, context)
        first, failed = batch.count, ""
        null_in = 0
        for number in shape.not_null:
            if known is not None and number not in known:
                continue
            column = batch.columns[number - 1]
            if column.has_nulls:
                row = int(np.argmin(column.validity()))
                if row < first:
                    first, null_in = row, number
        for name, evaluate in self._checks:
            result = evaluate(batch, context)
            wrong = ~result.values.astype(np.bool_) & result.validity()
            row = int(np.argmax(wrong)) if wrong.any() else batch.count
            if row < first:
                first, failed = row, name
        if first == batch.count:
            return
        values = rows_of(batch.slice(first, first + 1))[0]
        if failed:
            raise check_violation(shape, failed, values, context.style)
        raise not_null_violation(shape, null_in, values, context.style)
