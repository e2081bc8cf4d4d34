"""Subqueries in expressions: run once for each combination of outer values, as far as one reads.

Rule 1: while a subquery runs, context.outer holds the values of its outer columns, and before and
        after those of the query around it; so each pull of a batch sets them and puts them back.
Rule 2: an answer reads no more of the subquery than it needs: EXISTS one batch, a scalar two rows.
Rule 3: who asks again after an error has the subquery run anew: what broke off has no more rows, which is no answer.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from server.errors import CardinalityViolation
from server.executor.columns import rows_of
from server.executor.row_node import Leave
from server.executor.waiting import pass_wait
from server.executor.waits import is_wait
from server.functions.collecting import array_of_arrays
from server.types.array import Array
from server.types.type import Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.context import ExecutionContext
    from server.expressions.expression import Subquery
    from server.vector.batch import Batch

REMEMBERED_MAX: Final = 10_000
"""How many answers of correlated subqueries a run keeps; then it forgets them all and goes on."""

Row = tuple[Value | None, ...]


class Answer:
    """What a subquery gives for one combination of outer values."""

    __slots__ = ("_element_oid", "_keys", "_of_arrays", "_rows", "_source", "is_broken")

    def __init__(
        self,
        batches: Iterator[Batch],
        element_oid: int,
        rows: list[Row],
        *,
        of_arrays: bool = False,
    ) -> None:
        self._of_arrays = of_arrays
        self._source: Iterator[Batch] | None = batches
        self._rows = rows
        self._keys: tuple[frozenset[Row], list[Row]] | None = None
        self._element_oid = element_oid
        self.is_broken = False

    def exists(self) -> bool:
        """Whether there is a row."""
        return self._reach(1)

    def scalar(self) -> Value | None:
        """The value of the one row, NULL if there is none."""
        if self._reach(2):
            raise CardinalityViolation(
                "more than one row returned by a subquery used as an expression"
            )
        return self._rows[0][0] if self._rows else None

    def array(self) -> Value:
        """The values of all rows as an array."""
        items = tuple(row[0] for row in self.rows())
        if items and self._of_arrays:
            return array_of_arrays(items)
        dimensions = ((len(items), 1),) if items else ()
        return Array(self._element_oid, dimensions, items)

    def rows(self) -> list[Row]:
        """All rows."""
        while self._source is not None:
            self._reach(len(self._rows) + 1)
        return self._rows

    def keys(self) -> tuple[frozenset[Row], list[Row]]:
        """The distinct rows without a NULL, and the rows that have one."""
        if self._keys is None:
            rows = self.rows()
            whole = frozenset(row for row in rows if None not in row)
            self._keys = whole, [row for row in rows if None in row]
        return self._keys

    def _reach(self, count: int) -> bool:
        while self._source is not None and len(self._rows) < count:
            try:
                batch = next(self._source, None)
            except BaseException:
                self.is_broken = True
                raise
            if batch is None:
                self._source = None
            else:
                self._rows.extend(rows_of(batch))
        return len(self._rows) >= count


def answer(context: ExecutionContext, node: Subquery, values: Row) -> Answer:
    """Give the answer of a subquery, from memory if these outer values were asked about before."""
    key: Any = (id(node), tuple([_exact(value) for value in values]))
    if context.common_tables:
        key += _shared_rows(context, node)
    try:
        found = context.answers.get(key)
    except TypeError:  # a value that cannot be hashed
        return _fresh_answer(context, node, values)
    if found is None or found.is_broken:
        if len(context.answers) >= REMEMBERED_MAX:
            context.answers.clear()
        found = context.answers[key] = _fresh_answer(context, node, values)
    return found


def _shared_rows(context: ExecutionContext, node: Subquery) -> tuple[int, ...]:
    """Which rows the WITH queries have now that a subquery reads: other outer values, other rows."""
    assert context.program is not None
    tables = context.common_tables
    numbers = context.program.outside_tables(node.plan)
    return tuple([tables[number].number for number in numbers if number in tables])


def _exact(value: Value | None) -> Any:
    """What tells values apart that are equal and yet not the same: 1.0 and 1.00, 0.0 and -0.0."""
    return (type(value), repr(value)) if isinstance(value, Decimal | float) else value


def _fresh_answer(context: ExecutionContext, node: Subquery, values: Row) -> Answer:
    assert context.program is not None
    columns = tuple(variable.column for variable in node.outer)
    outer = dict(zip(columns, values, strict=True))
    context.is_lazy = context.is_lazy or node.kind == "exists"
    rows = _few_rows(context, node, outer)
    if context.subquery_runs_left is not None:
        context.subquery_runs_left -= 1
        if rows is None or context.subquery_runs_left < 0:
            raise Leave
    batches: Iterator[Batch] = iter(())
    if rows is None:
        operator = context.program.operator(node.plan)
        batches = _waited(with_outer(operator.batches(context), context, outer), context)
    return Answer(
        batches,
        node.type.type.element_oid,
        rows or [],
        of_arrays=node.kind == "array" and node.plan.types[0].oid == node.type.oid,
    )


def _few_rows(
    context: ExecutionContext, node: Subquery, outer: dict[int, Value | None]
) -> list[Row] | None:
    """All rows of a subquery that finds few of them by an index or a key; None for any other."""
    assert context.program is not None
    run = None if context.instruments is not None else context.program.row_run(node.plan)
    if run is None:
        return None
    around = context.outer
    context.outer = {**around, **outer}
    try:
        return run(context)
    finally:
        context.outer = around


def _waited(batches: Iterator[Batch], context: ExecutionContext) -> Iterator[Batch]:
    """The batches of a subquery that locks rows; what it waits for is waited for in the middle of the expression."""
    for batch in batches:
        if is_wait(batch):
            pass_wait(context, batch)
        else:
            yield batch


def with_outer(
    batches: Iterator[Batch], context: ExecutionContext, outer: dict[int, Value | None]
) -> Iterator[Batch]:
    """Pull batches while context.outer holds further values."""
    around = {**context.outer, **outer}
    while True:
        before, context.outer = context.outer, around
        try:
            batch = next(batches, None)
        finally:
            context.outer = before
        if batch is None:
            return
        yield batch
