"""UPDATE of the system catalog: rows become objects again, which are put in the place of the old ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.executor.columns import rows_of
from server.executor.evaluation import layout_of
from server.executor.modify import Driver
from server.executor.waits import is_wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.context import ExecutionContext
    from server.executor.operator import Builder
    from server.planner import change_plans
    from server.vector.batch import Batch


class CatalogUpdate(Driver):
    """Writes columns of a catalog's rows; all rows are read before the first is written."""

    __slots__ = ("_keys", "_values")

    plan: change_plans.CatalogUpdate

    def __init__(self, plan: change_plans.CatalogUpdate, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.input,))
        layout = layout_of(plan.input.output)
        self._keys = [layout[column] for _, column in plan.keys]
        self._values = [(name, layout[column]) for name, column in plan.values]

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield nothing but Wait."""
        rows = []
        for batch in self.inputs[0].batches(context):
            if is_wait(batch):
                yield batch
            else:
                rows += rows_of(batch)
        relation = self.plan.table.name
        for row in rows:
            keys = tuple(row[place] for place in self._keys)
            written = {name: row[place] for name, place in self._values}
            context.surroundings.change_catalog(relation, keys, written)
        self.counted(context, len(rows))
