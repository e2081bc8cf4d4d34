from collections.abc import Sequence

from server.executor.context import ExecutionContext
from server.executor.point_change import Row
from server.expressions.expression import Expression
from server.planner import change_plans, physical

class KeyLookup:
    def __init__(self, plan: physical.IndexScan) -> None: ...
    def find(self, context: ExecutionContext) -> Row | None: ...

class KeyUpdate:
    def __init__(
        self, plan: change_plans.Update, lookup: KeyLookup, checks: Sequence[Expression] = ()
    ) -> None: ...
    def __call__(self, context: ExecutionContext) -> list[Row] | None: ...
    def count(self, context: ExecutionContext) -> int: ...

class RowInsert:
    def __init__(
        self,
        plan: change_plans.Insert,
        cells: Sequence[Expression],
        projections: Sequence[physical.Project],
    ) -> None: ...
    def __call__(self, context: ExecutionContext) -> list[Row] | None: ...
    def count(self, context: ExecutionContext) -> int: ...
