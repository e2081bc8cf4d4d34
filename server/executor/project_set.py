"""Set-returning functions, in FROM and in target lists."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from server.errors import DatatypeMismatch
from server.executor.columns import BATCH_ROWS, batch_of_rows, rows_of
from server.executor.evaluation import layout_of
from server.executor.operator import Builder, Operator
from server.expressions.evaluate import SetEvaluator, compile_row, compile_set
from server.expressions.expression import Call, Expression, SetReturningCall
from server.types.record import Record
from server.types.type import Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.expressions.rowwise import Layout
    from server.planner import physical
    from server.types.type import Type, TypeReference
    from server.vector.batch import Batch

Row = tuple[Value | None, ...]
UNKNOWN: Final = 705
TEXTS: Final = frozenset((25, 1043))


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
            _rows_of_width(source((), context), width, shape)
            for source, width, shape in zip(self._sources, widths, plan.rows, strict=True)
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


def _rows_of_width(values: Iterator[Any], width: int, shape: physical.RowShape) -> Iterator[Row]:
    """Results of one function as rows: a function of several columns gives tuples (or NULL)."""
    if width == 1 and not shape.is_row:
        return ((value,) for value in values)
    if shape.types is not None:
        values = (_checked(value, shape.types) for value in values)
    return ((None,) * width if value is None else tuple(value) for value in values)


def _checked(value: Any, types: tuple[TypeReference, ...]) -> Any:
    """A record that has the columns that the query says it has."""
    if not isinstance(value, Record):
        return value
    if len(value) != len(types):
        raise _row_mismatch(
            f"Returned row contains {len(value)} attribute{'s' * (len(value) != 1)}, "
            f"but query expects {len(types)}."
        )
    for number, (given, wanted) in enumerate(zip(value.types, types, strict=True), 1):
        if given.oid not in (wanted.oid, UNKNOWN) and not _same_form(given, wanted.type):
            raise _row_mismatch(
                f"Returned type {given.sql_name} at ordinal position {number}, "
                f"but query expects {wanted.type.sql_name}."
            )
    return value


def _same_form(given: Type, wanted: Type) -> bool:
    """Whether values may pass for each other: text and varchar, a domain and its base type."""
    return {given.oid, wanted.oid} <= TEXTS or "d" in (given.kind, wanted.kind)


def _row_mismatch(detail: str) -> DatatypeMismatch:
    return DatatypeMismatch(
        "function return row and query-specified return row do not match", detail=detail
    )


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
