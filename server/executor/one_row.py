"""The one row of a query without FROM, computed without a batch, whatever its expressions do.

Rule 1: a run computes every expression once: volatile functions and subqueries may be among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.executor.point_change import Row, projection
from server.expressions.expression import SetReturningCall, walk
from server.planner import physical

if TYPE_CHECKING:
    from server.executor.context import ExecutionContext
    from server.executor.point import RunPoint


def one_row_of(plan: physical.Plan) -> RunPoint | None:
    """What runs a plan of this shape, None for any other."""
    projections: list[physical.Project] = []
    while isinstance(plan, physical.Project):
        projections.append(plan)
        plan = plan.input
    if not projections or not isinstance(plan, physical.OneRow):
        return None
    expressions = [each for node in projections for each in node.expressions]
    if any(isinstance(node, SetReturningCall) for each in expressions for node in walk(each)):
        return None
    steps = [projection(node) for node in reversed(projections)]

    def run(context: ExecutionContext) -> list[Row] | None:
        row: Row = ()
        for step in steps:
            row = step(row, context)
        return [row]

    return run
