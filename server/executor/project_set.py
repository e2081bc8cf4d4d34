"""Set-returning functions, in FROM and in target lists."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from server.executor.columns import BATCH_ROWS, batch_of_rows, rows_of
from server.executor.evaluation import layout_of
from server.executor.operator import Builder, Operator
from server.expressions.evaluate import SetEvaluator, compile_row, compile_set
from server.expressions.expression import Call, Expression, SetReturningCall
from server.types.type import Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.expressions.rowwise import Layout
    from server.planner import physical
    from server.vector.batch import Batch

Row = tuple[Value | None, ...]


class FunctionScan(Operator):
    """Rows of functions side by side; the shorter are padded with NULLs."""

    __slots__ = ("_sources",)

    plan: physical.FunctionScan

    def __init__(self, plan: physical.FunctionScan, builder: Builder) -> None:
        super().__init__(plan, builder)
        self._sources = tuple(_set_evaluator(function, {}) for function in plan.functions)

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows."""
        plan = self.plan
        widths = plan.widths
        iterators = [
            _rows_of_width(source((), context), width)
            for source, width in zip(self._sources, widths, strict=True)
        ]
        rows: list[Row] = []
        for number, parts in enumerate(zip_longest(*iterators), 1):
            row = _joined(parts, widths)
            rows.append((*row, number) if plan.with_ordinality else row)
            if len(rows) == BATCH_ROWS:
                yield batch_of_rows(rows, plan.types)
                rows = []
        yield batch_of_rows(rows, plan.types)


def _set_evaluator(expression: Expression, layout: Layout) -> SetEvaluator:
    """What gives the values of a set-returning function; any other expression has one value."""
    if isinstance(expression, SetReturningCall) or (
        isinstance(expression, Call) and expression.function.returns_set
    ):
        return compile_set(expression, layout)
    evaluate = compile_row(expression, layout)
    return lambda row, context: iter((evaluate(row, context),))


def _rows_of_width(values: Iterator[Any], width: int) -> Iterator[Row]:
    """Results of one function as rows: a function of several columns gives tuples (or NULL)."""
    if width == 1:
        return ((value,) for value in values)
    return ((None,) * width if value is None else tuple(value) for value in values)


def _joined(parts: Sequence[Row | None], widths: Sequence[int]) -> Row:
    row: Row = ()
    for part, width in zip(parts, widths, strict=True):
        row += (None,) * width if part is None else part
    return row


class ProjectSet(Operator):
    """Projection in which set-returning functions repeat the row."""

    __slots__ = ("_is_set", "_sources")

    plan: physical.ProjectSet

    def __init__(self, plan: physical.ProjectSet, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.input,))
        layout = layout_of(plan.input.output)
        self._is_set = tuple(
            isinstance(expression, SetReturningCall)
            or (isinstance(expression, Call) and expression.function.returns_set)
            for expression in plan.expressions
        )
        self._sources = tuple(_set_evaluator(expression, layout) for expression in plan.expressions)

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows."""
        rows: list[Row] = []
        for batch in self.inputs[0].batches(context):
            for row in rows_of(batch):
                for made in self._repeated(row, context):
                    rows.append(made)
                    if len(rows) == BATCH_ROWS:
                        yield batch_of_rows(rows, self.plan.types)
                        rows = []
        yield batch_of_rows(rows, self.plan.types)

    def _repeated(self, row: Row, context: ExecutionContext) -> Iterator[Row]:
        results = [source(row, context) for source in self._sources]
        sets = [result for result, is_set in zip(results, self._is_set, strict=True) if is_set]
        fixed = [
            None if is_set else next(result)
            for result, is_set in zip(results, self._is_set, strict=True)
        ]
        for values in zip_longest(*sets):
            following = iter(values)
            yield tuple(
                next(following) if is_set else value
                for value, is_set in zip(fixed, self._is_set, strict=True)
            )
