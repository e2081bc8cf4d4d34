"""The one row of a query without FROM, computed without a batch, whatever its expressions do.

Rule 1: a run computes every expression once: volatile functions and subqueries may be among them.
Rule 2: as a statement of its own it is run so if its volatile functions are known to neither wait nor take long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.executor.point_change import Row, projection
from server.expressions.expression import Call, SetReturningCall, Subquery, walk
from server.planner import physical
from server.planner.plan_parts import has_part, parts_of

if TYPE_CHECKING:
    from server.executor.context import ExecutionContext
    from server.executor.point import RunPoint

QUICK_VOLATILE: Final = frozenset((1574, 1598, 2649, 3432))
"""By OID: nextval, random, clock_timestamp, gen_random_uuid."""


class VolatileRow:
    """The row of a statement that calls volatile functions, all of them quick."""

    __slots__ = ("_run",)

    def __init__(self, run: RunPoint) -> None:
        self._run = run

    def __call__(self, context: ExecutionContext) -> list[Row] | None:
        """It."""
        return self._run(context)


def volatile_row_of(plan: physical.Plan) -> VolatileRow | None:
    """What runs a statement of this shape, None for any other."""
    run = one_row_of(plan)
    if run is None or has_part(plan, Subquery):
        return None
    calls = [call.function for call in parts_of(plan, Call) if call.function.volatility == "v"]
    if not calls or any(function.oid not in QUICK_VOLATILE for function in calls):
        return None
    return VolatileRow(run)


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
