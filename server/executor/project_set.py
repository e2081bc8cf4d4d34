"""Set-returning functions, in FROM and in target lists."""

from __future__ import annotations

from itertools import chain, islice, repeat, zip_longest
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import DatatypeMismatch
from server.executor.columns import BATCH_ROWS, batch_of_rows, rows_of, slices
from server.executor.evaluation import layout_of
from server.executor.operator import Builder, Operator
from server.executor.unnest import UNNESTED_ROWS, items_of_only_set
from server.expressions.evaluate import SetEvaluator, compile_expression, compile_row, compile_set
from server.expressions.expression import (
    Call,
    Constant,
    Expression,
    SetReturningCall,
    Variable,
    columns_used,
)
from server.oids import UNKNOWN
from server.types.record import Record
from server.types.type import Value
from server.vector.batch import Batch
from server.vector.column import Column, Values
from server.vector.rows import column_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.unnest import Items
    from server.expressions.expression import ColumnId
    from server.expressions.rowwise import Layout
    from server.planner import physical
    from server.types.type import Type, TypeReference

Row = tuple[Value | None, ...]
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
        if self._is_plain():
            yield from _one_column(self._sources[0]((), context), self.plan.types[0])
            return
        made = self._rows(context)
        while rows := list(islice(made, BATCH_ROWS)):
            yield batch_of_rows(rows, self.plan.types)

    def answers(
        self, context: ExecutionContext, outers: Iterable[Mapping[ColumnId, Value | None]]
    ) -> tuple[Batch, list[int]]:
        """The rows for each of several rows outside, one behind the other, and how many each has."""
        around, source = context.outer, self._sources[0]
        is_plain = self._is_plain()
        sets: list[Sequence[Any]] = []
        try:
            for outer in outers:
                context.check_cancelled()
                context.outer = {**around, **outer}
                values = source((), context) if is_plain else self._rows(context)
                sets.append(values if isinstance(values, range | list) else list(values))
        finally:
            context.outer = around
        counts = [len(each) for each in sets]
        if is_plain:
            column = _one_behind_the_other(sets, self.plan.types[0].type.dtype)
            return Batch((column,), len(column)), counts
        return batch_of_rows(list(chain.from_iterable(sets)), self.plan.types), counts

    def _is_plain(self) -> bool:
        """Whether it is one column of one function."""
        plan = self.plan
        return plan.widths == (1,) and not plan.rows[0].is_row and not plan.with_ordinality

    def _rows(self, context: ExecutionContext) -> Iterator[Row]:
        plan = self.plan
        iterators = [
            _rows_of_width(source((), context), width, shape)
            for source, width, shape in zip(self._sources, plan.widths, plan.rows, strict=True)
        ]
        for number, parts in enumerate(zip_longest(*iterators), 1):
            row = _joined(parts, plan.widths)
            yield (*row, number) if plan.with_ordinality else row


def _one_column(values: Iterable[Value | None], kind: TypeReference) -> Iterator[Batch]:
    """Batches of one column; a range of integers never becomes Python's objects."""
    dtype = kind.type.dtype
    if isinstance(values, range):
        start = 0
        while part := values[start : start + BATCH_ROWS]:
            yield Batch((Column(_numbers(part, dtype)),), len(part))
            start += BATCH_ROWS
        return
    following = iter(values)
    while chunk := list(islice(following, BATCH_ROWS)):
        yield Batch((column_of(chunk, dtype),), len(chunk))


def _numbers(part: range, dtype: np.dtype[Any]) -> Values:
    return (np.arange(len(part), dtype=np.int64) * part.step + part.start).astype(dtype)


def _one_behind_the_other(sets: Sequence[Sequence[Any]], dtype: np.dtype[Any]) -> Column:
    parts = [_numbers(each, dtype) for each in sets if isinstance(each, range)]
    if parts and len(parts) == len(sets):
        return Column(np.concatenate(parts))
    return column_of(list(chain.from_iterable(sets)), dtype)


def _set_evaluator(expression: Expression, layout: Layout) -> SetEvaluator:
    """What gives the values of a set-returning function; any other expression has one value."""
    if isinstance(expression, Call | SetReturningCall) and _returns_set(expression):
        return compile_set(expression, layout)
    evaluate = compile_row(expression, layout)
    return lambda row, context: iter((evaluate(row, context),))


def _rows_of_width(values: Iterable[Any], width: int, shape: physical.RowShape) -> Iterator[Row]:
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

    __slots__ = ("_arguments", "_is_set", "_items", "_plain", "_sets", "_sources")

    plan: physical.ProjectSet

    def __init__(self, plan: physical.ProjectSet, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.input,))
        layout = layout_of(plan.input.output)
        self._is_set = tuple(map(_returns_set, plan.expressions))
        others = [each for each in plan.expressions if not _returns_set(each)]
        self._plain = all(isinstance(each, Variable | Constant) for each in others)
        self._arguments: tuple[int, ...] = ()
        self._items: Items | None = None
        self._sets: tuple[SetEvaluator, ...] = ()
        self._sources: tuple[Any, ...] = ()
        if self._plain:
            sets = [each for each in plan.expressions if _returns_set(each)]
            self._items = items_of_only_set(sets, layout)
            used = sorted(set().union(*map(columns_used, sets)))
            self._arguments = tuple(layout[column] for column in used)
            narrow = {column: number for number, column in enumerate(used)}
            self._sets = tuple(_set_evaluator(each, narrow) for each in sets)
        self._sources = tuple(
            compile_expression(each, layout)
            if self._plain and not _returns_set(each)
            else _set_evaluator(each, layout)
            for each in plan.expressions
        )

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows."""
        for batch in self.inputs[0].batches(context):
            if self._items is not None:
                for rows in slices(batch, UNNESTED_ROWS):
                    yield from slices(self._unnested(self._items, rows, context))
            elif self._plain:
                yield from self._spread(batch, context)
            else:
                yield from self._by_rows(batch, context)

    def _unnested(self, items_of: Items, batch: Batch, context: ExecutionContext) -> Batch:
        """Items of sets beside columns, all rows at once."""
        context.check_cancelled()
        items, counts = items_of(batch, context)
        taken = np.repeat(np.arange(batch.count), counts)
        columns = [
            items if is_set else source(batch, context).take(taken)
            for is_set, source in zip(self._is_set, self._sources, strict=True)
        ]
        return Batch(tuple(columns), len(taken))

    def _spread(self, batch: Batch, context: ExecutionContext) -> Iterator[Batch]:
        """Sets beside columns: the columns are repeated as columns, whatever the sets give."""
        made: list[Any] = []
        places: list[int] = []
        arguments = Batch(tuple(batch.columns[at] for at in self._arguments), batch.count)
        for place, row in enumerate(rows_of(arguments)):
            sets = [source(row, context) for source in self._sets]
            values = iter(sets[0]) if len(sets) == 1 else zip_longest(*sets)
            while True:
                before = len(made)
                made += islice(values, BATCH_ROWS - before)
                places += repeat(place, len(made) - before)
                if len(made) < BATCH_ROWS:
                    break
                yield self._repeated_at(batch, places, made, context)
                made, places = [], []
        if made:
            yield self._repeated_at(batch, places, made, context)

    def _repeated_at(
        self, batch: Batch, places: list[int], made: list[Any], context: ExecutionContext
    ) -> Batch:
        taken = np.array(places, np.int64)
        sets = iter((made,) if len(self._sets) == 1 else zip(*made, strict=True))
        columns = [
            column_of(list(next(sets)), kind.type.dtype)
            if is_set
            else source(batch, context).take(taken)
            for is_set, source, kind in zip(
                self._is_set, self._sources, self.plan.types, strict=True
            )
        ]
        return Batch(tuple(columns), len(made))

    def _by_rows(self, batch: Batch, context: ExecutionContext) -> Iterator[Batch]:
        """Beside expressions that are computed anew for each row that a set gives."""
        rows: list[Row] = []
        for row in rows_of(batch):
            for made in self._repeated(row, context):
                rows.append(made)
                if len(rows) == BATCH_ROWS:
                    yield batch_of_rows(rows, self.plan.types)
                    rows = []
        if rows:
            yield batch_of_rows(rows, self.plan.types)

    def _repeated(self, row: Row, context: ExecutionContext) -> Iterator[Row]:
        results = [source(row, context) for source in self._sources]
        sets = [result for result, is_set in zip(results, self._is_set, strict=True) if is_set]
        fixed = [
            None if is_set else next(iter(result))
            for result, is_set in zip(results, self._is_set, strict=True)
        ]
        for values in zip_longest(*sets):
            following = iter(values)
            yield tuple(
                next(following) if is_set else value
                for value, is_set in zip(fixed, self._is_set, strict=True)
            )


def _returns_set(expression: Expression) -> bool:
    return isinstance(expression, SetReturningCall) or (
        isinstance(expression, Call) and expression.function.returns_set
    )
