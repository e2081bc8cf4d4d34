"""SELECT DISTINCT and DISTINCT ON.

The first row of each set of equal rows, in the order of the input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.executor.evaluation import evaluators, layout_of
from server.executor.filter import picks
from server.executor.key_table import KeyTable, first_rows
from server.executor.operator import Builder, Operator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.context import ExecutionContext
    from server.planner import physical
    from server.vector.batch import Batch


class Distinct(Operator):
    """The first row of each set of equal rows."""

    __slots__ = ("_key_types", "_keys", "_output")

    def __init__(self, plan: physical.Distinct, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.input,))
        self._keys = None
        self._key_types = [reference.type for reference in plan.input.types]
        if plan.on is not None:
            self._keys = evaluators(plan.on, layout_of(plan.input.output))
            self._key_types = [key.type.type for key in plan.on]
        self._output = picks(plan.output, plan.input.output)

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows that are new in each batch."""
        table = KeyTable(self._key_types, nulls_match=True)
        is_first = True
        for batch in self.inputs[0].batches(context):
            columns = batch.columns
            if self._keys is not None:
                columns = tuple(evaluate(batch, context) for evaluate in self._keys)
            if not columns:  # all rows are equal
                if is_first:
                    yield batch.slice(0, 1)
                return
            known = len(table)
            codes = table.add(columns, batch.count)
            fresh = batch.take(first_rows(codes, known, len(table)))
            is_first = False
            yield fresh if self._output is None else fresh.select(self._output)
