"""The way in: runs a planned statement, be it a query or a change of data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.executor.program import Program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.context import ExecutionContext
    from server.executor.waits import Wait
    from server.planner.physical import PlannedStatement
    from server.vector.batch import Batch

HEAVY_COST: Final = 50_000.0
"""From which estimated cost on a query is pulled on a worker thread.

About ten milliseconds of work.
"""


def prepare(planned: PlannedStatement) -> Program:
    """Make the operators of a statement; they serve any number of runs, also at the same time."""
    return Program(planned.plan)


def execute(
    planned: PlannedStatement, context: ExecutionContext, program: Program | None = None
) -> Iterator[Batch | Wait]:
    """Run a statement: yield its rows, and what it has to wait for in between.

    After the last batch context.row_count says how many rows were changed.
    """
    context.program = prepare(planned) if program is None else program
    yield from context.program.root.batches(context)


def is_heavy(planned: PlannedStatement) -> bool:
    """Whether the batches of a statement are to be pulled on a worker thread."""
    return not planned.writes and planned.plan.estimate.total_cost >= HEAVY_COST
