"""CatalogScan: the rows of a relation that is computed from the catalog.

A condition `column = value` of the filter, the value without columns of the relation, is handed on,
so that not all rows need to be made; the whole filter is applied to what comes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.catalog.views.relation import WholeRows
from server.errors import FeatureNotSupported
from server.executor.columns import BATCH_ROWS, batch_of_rows, concatenate, slices
from server.executor.evaluation import Scalar, condition, layout_of, scalar
from server.executor.operator import Builder, Operator
from server.expressions.expression import And, Call, Expression, Relabel, Variable, columns_used
from server.vector.batch import Batch
from server.vector.rows import column_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from server.executor.context import ExecutionContext
    from server.planner import physical
    from server.types.type import TypeReference
    from server.vector.column import Column

EQUALITIES: Final = frozenset({"oideq", "nameeq", "nameeqtext", "int2eq", "int4eq", "chareq"})
"""Functions of = that hold for values of one row form exactly when these are equal in Python."""


def equalities(filter_: Expression | None) -> Iterator[tuple[Variable, Expression]]:
    """The conditions `column = value` that every row of the result fulfils."""
    for part in filter_.arguments if isinstance(filter_, And) else (filter_,):
        if isinstance(part, Call) and part.function.name in EQUALITIES and len(part.arguments) == 2:
            left, right = map(_bare, part.arguments)
            if isinstance(left, Variable) and not columns_used(right):
                yield left, right
            elif isinstance(right, Variable) and not columns_used(left):
                yield right, left


def _bare(expression: Expression) -> Expression:
    return _bare(expression.argument) if isinstance(expression, Relabel) else expression


def _maker(reference: TypeReference) -> Callable[[list[Any]], Column]:
    return lambda values: column_of(values, reference.type.dtype)


class CatalogScan(Operator):
    """The rows of a relation that is computed from the catalog."""

    __slots__ = ("_condition", "_restrictions")

    plan: physical.CatalogScan

    def __init__(self, plan: physical.CatalogScan, builder: Builder) -> None:
        super().__init__(plan, builder)
        self._condition = None
        if plan.filter is not None:
            self._condition = condition(plan.filter, layout_of(plan.output))
        attributes = dict(zip(plan.output, plan.attributes, strict=True))
        self._restrictions: tuple[tuple[int, Scalar], ...] = tuple(
            (attributes[column.column], scalar(value))
            for column, value in equalities(plan.filter)
            if attributes.get(column.column, 0) > 0
        )

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows that pass the filter."""
        if context.catalog_rows is None:
            raise FeatureNotSupported(f"relation {self.plan.table.name} cannot be computed here")
        rows: Any = context.catalog_rows(
            context.catalog, self.plan.table, self.plan.attributes, self._values(context)
        )
        for batch in self._batches(rows):
            positions = None if self._condition is None else self._condition(batch, context)
            yield batch if positions is None else batch.take(positions)

    def _batches(self, rows: Any) -> Iterator[Batch]:
        """The rows in columns; those of a whole relation are made once."""
        if isinstance(rows, WholeRows) and rows.sources:
            columns = tuple(
                concatenate(rows.columns(place, _maker(reference)))
                for place, reference in enumerate(self.plan.types)
            )
            yield from slices(Batch(columns, len(rows)))
            return
        for start in range(0, len(rows), BATCH_ROWS):
            yield batch_of_rows(rows[start : start + BATCH_ROWS], self.plan.types)

    def _values(self, context: ExecutionContext) -> Mapping[int, Any]:
        return {number: value(context) for number, value in self._restrictions}
