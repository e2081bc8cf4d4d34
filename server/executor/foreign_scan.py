"""ForeignScan: the rows of a foreign table, which the session reads for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.errors import FeatureNotSupported
from server.executor.evaluation import condition, layout_of
from server.executor.operator import Builder, Operator
from server.vector.batch import Batch
from server.vector.rows import constant_column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.context import ExecutionContext
    from server.planner import physical

TABLE_OID: Final = -6
PLACES: Final = (-7, -8)
"""Where a row lies, which whoever locks rows or lets a cursor stand on them asks for: nowhere here."""


class ForeignScan(Operator):
    """The rows of a foreign table."""

    __slots__ = ("_condition", "_places")

    plan: physical.ForeignScan

    def __init__(self, plan: physical.ForeignScan, builder: Builder) -> None:
        super().__init__(plan, builder)
        self._condition = None
        if plan.filter is not None:
            self._condition = condition(plan.filter, layout_of(plan.output))
        self._places = tuple(number for number in plan.attributes if number > 0)

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows that pass the filter."""
        system = {number for number in self.plan.attributes if number <= 0}
        if system - {TABLE_OID, *PLACES} or context.surroundings is None:
            raise FeatureNotSupported("cannot retrieve a system column in this context")
        table = self.plan.table
        given = {TABLE_OID: table.oid}
        for found in context.surroundings.foreign_rows(context, table, self._places):
            columns = iter(found.columns)
            batch = Batch(
                tuple(
                    next(columns)
                    if number > 0
                    else constant_column(given.get(number), reference.type.dtype, found.count)
                    for number, reference in zip(self.plan.attributes, self.plan.types, strict=True)
                ),
                found.count,
            )
            positions = None if self._condition is None else self._condition(batch, context)
            yield batch if positions is None else batch.take(positions)
