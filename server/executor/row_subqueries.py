"""NestingQuery: a RowQuery with subqueries in its expressions, which the row machine runs as well.

Rule 1: no subquery is run by operators, which take as long as they take: a run whose subqueries find many rows,
        or that asks for very many answers, is left as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.executor.row_node import ENTRIES_MAX
from server.executor.row_query import RowQuery

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.executor.context import ExecutionContext
    from server.executor.program import Program
    from server.executor.row_node import Row, RowNode
    from server.expressions.expression import Subquery
    from server.planner.physical import Plan

SUBQUERY_RUNS_MAX: Final = 64
"""How many answers a run asks subqueries for; each looks at a few hundred entries at most."""


class NestingQuery(RowQuery):
    """Runs a statement; answers of subqueries are kept for the run alone."""

    __slots__ = ("_program",)

    def __init__(self, plan: Plan, node: RowNode, program: Program) -> None:
        super().__init__(plan, node, ENTRIES_MAX)
        self._program = program

    def stored_rows(self, context: ExecutionContext) -> list[Row] | None:
        """As RowQuery's."""
        around = context.program, context.is_lazy
        context.program = self._program
        context.subquery_runs_left = SUBQUERY_RUNS_MAX
        try:
            return super().stored_rows(context)
        finally:
            context.answers.clear()
            context.subquery_runs_left = None
            context.program, context.is_lazy = around


def nesting_query_of(
    plan: Plan, node: RowNode, subqueries: Iterable[Subquery], program: Program
) -> NestingQuery | None:
    """What runs a plan that is covered, if its subqueries are; None for any other."""
    if any(program.row_run(each.plan) is None for each in subqueries):
        return None
    return NestingQuery(plan, node, program)
