"""WHERE and projection, and the operators that hardly do anything.

VALUES, one row, no rows.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeGuard

from server.errors import SqlError
from server.executor.columns import BATCH_ROWS, batch_of_rows
from server.executor.evaluation import condition, evaluators, layout_of
from server.executor.morsels import Morsels, may_run_beside
from server.executor.operator import Builder, Operator
from server.executor.row_order import blindly, changing, in_order, seeing, sees_alone
from server.executor.up_to_error import has_use_for_less, up_to_error
from server.executor.waits import is_wait
from server.expressions.expression import Constant
from server.expressions.rowwise import compile_row
from server.vector.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.expressions.expression import Expression
    from server.expressions.row_calls import RowEvaluator
    from server.planner import physical
    from server.types.type import Value
    from server.vector.column import Column


class OneRow(Operator):
    """One row without columns."""

    __slots__ = ()

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the row."""
        yield Batch((), 1)


class NoRows(Operator):
    """Nothing."""

    __slots__ = ()

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield nothing."""
        yield from ()


class Values(Operator):
    """Rows of expressions."""

    __slots__ = ("_cells", "_rows", "_seeing")

    plan: physical.Values

    def __init__(self, plan: physical.Values, builder: Builder) -> None:
        super().__init__(plan, builder)
        # Of many rows the cells are constants, as a rule: then there is nothing to compute.
        self._rows = _constants(plan.rows)
        self._cells: list[tuple[RowEvaluator, ...]] = []
        self._seeing = False
        if self._rows is None:
            self._seeing = any(map(seeing, plan.rows))
            self._cells = [tuple(compile_row(cell, {}) for cell in row) for row in plan.rows]

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows."""
        count = 1 if self._seeing and context.is_changing else BATCH_ROWS
        for start in range(0, len(self.plan.rows), count):
            stop = start + count
            if self._rows is not None:
                rows = self._rows[start:stop]
                yield batch_of_rows(rows, self.plan.types)
                continue
            rows, error = self._computed(self._cells[start:stop], context)
            if rows or error is None:
                yield batch_of_rows(rows, self.plan.types)
            if error is not None:
                raise error

    @staticmethod
    def _computed(
        part: Sequence[tuple[RowEvaluator, ...]], context: ExecutionContext
    ) -> tuple[list[tuple[Value | None, ...]], SqlError | None]:
        """Rows up to one that raises, and what that raises: those before it may be wrong in other ways."""
        rows: list[tuple[Value | None, ...]] = []
        for cells in part:
            try:
                rows.append(tuple(cell((), context) for cell in cells))
            except SqlError as error:
                if error.is_intervention:
                    raise
                return rows, error
        return rows, None


def _constants(rows: Sequence[Sequence[Expression]]) -> list[tuple[Value | None, ...]] | None:
    """The values of rows of constants; None if anything else is among them."""
    if not _are_constant(rows):
        return None
    return [tuple([cell.value for cell in row]) for row in rows]


def _are_constant(rows: Sequence[Sequence[Expression]]) -> TypeGuard[Sequence[Sequence[Constant]]]:
    return all(type(cell) is Constant for row in rows for cell in row)


class Filter(Operator):
    """Rows for which the condition is true."""

    __slots__ = ("_condition", "_may_run_beside", "_output", "_sees")

    plan: physical.Filter

    def __init__(self, plan: physical.Filter, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.input,))
        layout = layout_of(plan.input.output)
        self._condition = condition(plan.condition, layout)
        self._output = picks(plan.output, plan.input.output)
        self._may_run_beside = may_run_beside((plan.condition,))
        self._sees = sees_alone(plan.condition)

    def has_morsels(self, context: ExecutionContext) -> bool:
        """If the input has."""
        return self._may_run_beside and self.inputs[0].has_morsels(context)

    def morsels(self, context: ExecutionContext) -> Morsels | None:
        """The parts of the input, filtered."""
        below = self.inputs[0].morsels(context) if self._may_run_beside else None
        return None if below is None else below.then(lambda batch: self._passed_of(batch, context))

    def _passed(self, batch: Batch, context: ExecutionContext) -> Batch:
        positions = self._condition(batch, context)
        picked = batch if self._output is None else batch.select(self._output)
        return picked if positions is None else picked.take(positions)

    def _passed_of(self, batch: Batch, context: ExecutionContext) -> Iterator[Batch]:
        if self.plan.has_effects or not has_use_for_less(context):
            return iter((self._passed(batch, context),))

        def passed(start: int, stop: int) -> Batch:
            return self._passed(batch.slice(start, stop), context)

        return up_to_error(0, batch.count, passed, context)

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows of each batch of the input that the condition is true for.

        One by one, if asking changes something and not all may be wanted.
        """
        one_by_one = self.plan.has_effects and (context.is_lazy or context.is_cursor)
        for batch in self.inputs[0].batches(context):
            if is_wait(batch):
                yield batch
                continue
            if not one_by_one or batch.count == 1:
                yield from self._passed_of(batch, context)
                continue
            together = None
            if self._sees:
                together = blindly(context, 0, partial(self._passed, batch, context))
            if together is not None:
                yield together
                continue
            for row in range(batch.count):
                context.check_cancelled()
                passed = self._passed(batch.slice(row, row + 1), context)
                if passed.count:
                    yield passed


def picks(output: tuple[int, ...], columns: tuple[int, ...]) -> tuple[int, ...] | None:
    """Where the output columns are among those; None: they are those."""
    if output == columns:
        return None
    layout = layout_of(columns)
    return tuple(layout[column] for column in output)


class Project(Operator):
    """One output column an expression."""

    __slots__ = (
        "_alone",
        "_changing",
        "_expressions",
        "_in_order",
        "_may_run_beside",
        "_seeing",
    )

    def __init__(self, plan: physical.Project, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.input,))
        self._in_order = in_order(plan.expressions)
        self._changing = self._in_order or changing(plan.expressions)
        self._seeing = self._in_order or seeing(plan.expressions)
        self._alone = frozenset() if self._in_order else self._seeing
        self._expressions = evaluators(plan.expressions, layout_of(plan.input.output))
        self._may_run_beside = may_run_beside(plan.expressions)

    def has_morsels(self, context: ExecutionContext) -> bool:
        """If the input has."""
        return self._may_run_beside and self.inputs[0].has_morsels(context)

    def morsels(self, context: ExecutionContext) -> Morsels | None:
        """The parts of the input, projected."""
        below = self.inputs[0].morsels(context) if self._may_run_beside else None
        return None if below is None else below.then(lambda batch: self._made_of(batch, context))

    def _made(self, batch: Batch, context: ExecutionContext) -> Batch:
        columns: list[Column] = []
        for evaluate in self._expressions:
            context.check_cancelled()  # a batch of many rows, a hundred expressions: that is seconds
            columns.append(evaluate(batch, context))
        return Batch(tuple(columns), batch.count)

    def _made_of(self, batch: Batch, context: ExecutionContext) -> Iterator[Batch]:
        """The batch; where rows before one that raises are of use, its rows up to that one."""
        if not self._changing and has_use_for_less(context):
            return up_to_error(
                0,
                batch.count,
                lambda start, stop: self._made(batch.slice(start, stop), context),
                context,
            )
        try:
            return iter((self._made(batch, context),))
        except SqlError as error:
            if error.is_intervention:
                raise
            self._raise_first(batch, context)
            raise

    def _raise_first(self, batch: Batch, context: ExecutionContext) -> None:
        """Raise what is wrong with the first row of which something is, as far as looking again changes nothing."""
        looked_at = [
            evaluate
            for place, evaluate in enumerate(self._expressions)
            if place not in self._changing
        ]
        start, stop = 0, batch.count
        while start < stop:
            middle = (start + stop + 1) // 2
            part = batch.slice(start, middle)
            try:
                for evaluate in looked_at:
                    evaluate(part, context)
            except SqlError:
                if middle - start == 1:
                    raise
                stop = middle
            else:
                start = middle

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield a batch for each of the input, or one for each row if it matters what was done for other rows."""
        one_by_one = self._changing if context.is_cursor or context.is_lazy else self._in_order
        if context.is_changing:
            one_by_one = one_by_one or self._seeing
        for batch in self.inputs[0].batches(context):
            if is_wait(batch):
                yield batch
                continue
            if not one_by_one or batch.count == 1:
                yield from self._made_of(batch, context)
                continue
            together = None
            if not context.is_cursor and one_by_one == self._alone:
                together = blindly(context, 0, partial(self._made, batch, context))
            if together is None:
                yield from self._row_by_row(batch, context, one_by_one)
            else:
                yield together

    def _row_by_row(
        self, batch: Batch, context: ExecutionContext, places: frozenset[int]
    ) -> Iterator[Batch]:
        """Batches of one row; what has no order is computed for all of them before."""
        made = [
            None if place in places else evaluate(batch, context)
            for place, evaluate in enumerate(self._expressions)
        ]
        for row in range(batch.count):
            context.check_cancelled()
            given = batch.slice(row, row + 1)
            columns = (
                evaluate(given, context) if column is None else column.slice(row, row + 1)
                for column, evaluate in zip(made, self._expressions, strict=True)
            )
            yield Batch(tuple(columns), 1)
