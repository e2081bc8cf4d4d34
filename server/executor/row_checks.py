"""Policies, NOT NULL, CHECK and generated columns of rows that are about to be written."""

from __future__ import annotations

from enum import Enum, auto
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from server.errors import SqlError, WithCheckOptionViolation
from server.executor.columns import rows_of
from server.executor.constraint_errors import (
    check_violation,
    not_null_violation,
    policy_violation,
)
from server.executor.evaluation import evaluator
from server.executor.row_places import by_rows
from server.executor.table_shape import shape_of
from server.executor.told_rows import failing_row
from server.vector.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.catalog.objects import Table
    from server.executor.context import ExecutionContext
    from server.executor.table_shape import TableShape
    from server.expressions.expression import ColumnId, Expression


class _Wrong(Enum):
    """What a row may be without."""

    POLICY = auto()
    NULL = auto()
    CHECK = auto()


class ViewChecks:
    """WITH CHECK OPTION: new rows must be rows of the view that they are written by."""

    __slots__ = ("_checks",)

    def __init__(
        self,
        row: Sequence[tuple[int, ColumnId]],
        checks: Sequence[tuple[str, Expression]],
    ) -> None:
        layout = {column: number - 1 for number, column in row}
        self._checks = tuple((name, evaluator(check, layout)) for name, check in checks)

    def check(self, batch: Batch, table: Table, context: ExecutionContext) -> None:
        """Raise for the first row for which a condition is not true."""
        for name, evaluate in self._checks:
            result = evaluate(batch, context)
            wrong = ~(result.values.astype(np.bool_) & result.validity())
            if wrong.any():
                place = int(np.argmax(wrong))
                row = rows_of(batch.slice(place, place + 1))[0]
                shape = shape_of(table, context)
                raise WithCheckOptionViolation(
                    f'new row violates check option for view "{name}"',
                    detail=failing_row(shape, row, context),
                )


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

    @property
    def is_empty(self) -> bool:
        """Whether there are no checks and no generated columns."""
        return not self._checks and not self._generated

    def complete(self, batch: Batch, context: ExecutionContext) -> Batch:
        """Fill in the generated columns."""
        if not self._generated:
            return batch
        columns = list(batch.columns)
        for number, evaluate in self._generated:
            columns[number - 1] = by_rows(evaluate, batch, context)
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
        """Raise for the first row that is not as it must be; known: attributes that are there (None: all)."""
        found = self.first_wrong(batch, shape, context, known)
        if found is not None:
            raise found[1]

    def first_wrong(
        self,
        batch: Batch,
        shape: TableShape,
        context: ExecutionContext,
        known: frozenset[int] | None = None,
    ) -> tuple[int, SqlError] | None:
        """The place of the first row that is not as it must be, and its error: of its policies, NULLs, then checks."""
        wrong = min(self._wrong(batch, shape, context, known), key=itemgetter(0), default=None)
        if wrong is None:
            return None
        place, kind, name = wrong
        error: SqlError
        if kind is _Wrong.POLICY:
            error = policy_violation(shape.table.name, name)
        else:
            values = rows_of(batch.slice(place, place + 1))[0]
            if kind is _Wrong.CHECK:
                error = check_violation(shape, name, values, context)
            else:
                error = not_null_violation(shape, int(name), values, context)
        error.row = place
        return place, error

    def _wrong(
        self,
        batch: Batch,
        shape: TableShape,
        context: ExecutionContext,
        known: frozenset[int] | None,
    ) -> Iterator[tuple[int, _Wrong, str]]:
        """For each thing asked for the first row without it: its place, and what a name or number tells of."""
        for name, evaluate in self._policies:
            result = by_rows(evaluate, batch, context)
            allowed = result.values.astype(np.bool_) & result.validity()
            if not allowed.all():
                yield int(np.argmin(allowed)), _Wrong.POLICY, name
        for number in shape.not_null:
            column = batch.columns[number - 1]
            if (known is None or number in known) and column.has_nulls:
                yield int(np.argmin(column.validity())), _Wrong.NULL, str(number)
        for name, evaluate in self._checks:
            result = by_rows(evaluate, batch, context)
            failed = ~result.values.astype(np.bool_) & result.validity()
            if failed.any():
                yield int(np.argmax(failed)), _Wrong.CHECK, name


def row_checks_of(table: Table, context: ExecutionContext) -> RowChecks:
    """The checks and generated columns of a table, over its rows."""
    assert context.bind_row is not None
    checks, generated = context.bind_row(table)
    row = [(column.number, column.number) for column in table.columns]
    return RowChecks(row, checks, generated)
