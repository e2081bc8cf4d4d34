"""OperatorRows: nodes of the row machine that have an operator do their work: windows, sets, groups of other kinds.

What lies below and above them goes row by row; only their own input becomes a batch, so that a statement of few rows
pays for one operator instead of for all.

Rule 1: an operator that is given all rows at once gives what it would give of the same rows in any batches.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from server.executor.aggregate import HashAggregate
from server.executor.columns import batch_of_rows, rows_of
from server.executor.inverted_scan import InvertedScan
from server.executor.operator import Operator
from server.executor.project_set import FunctionScan, ProjectSet
from server.executor.row_node import ENTRIES_MAX, NotCovered, in_row_form
from server.executor.window import Window
from server.expressions.expression import Expression, Subquery
from server.planner import inverted_plan, physical
from server.planner.called_routines import definition_of
from server.planner.matching import is_volatile
from server.planner.plan_parts import parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from server.executor.context import ExecutionContext
    from server.executor.row_node import Row, RowNode, RowRun
    from server.expressions.expression import ColumnId
    from server.vector.batch import Batch

    Make = Callable[[physical.Plan, frozenset[ColumnId]], RowNode]

OPERATORS: Final[Mapping[type[physical.Plan], Callable[[Any, Any], Operator]]] = {
    physical.Window: Window,
    physical.ProjectSet: ProjectSet,
    physical.FunctionScan: FunctionScan,
    physical.HashAggregate: HashAggregate,
    inverted_plan.InvertedScan: InvertedScan,
}

SETS_MAX: Final = 16
"""How many grouping sets are made of few rows at most: each takes as long as a GROUP BY."""


class _GivenRows(Operator):
    """Gives the batch that the context has for its plan."""

    __slots__ = ()

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield it."""
        yield context.row_inputs[self.plan]


class _GivenInputs:
    """Builds operators whose inputs are given."""

    def operator(self, plan: physical.Plan) -> Operator:
        """What gives the rows of a plan."""
        return _GivenRows(plan, self)


class OperatorRows:
    """The rows of an operator."""

    __slots__ = ("_input", "_operator", "output", "stored")

    def __init__(self, plan: physical.Plan, needed: frozenset[ColumnId], make: Make) -> None:
        del needed
        _check(plan)
        below: physical.Plan | None = getattr(plan, "input", None)
        self._input = None if below is None else in_row_form(below, make)
        self._operator = OPERATORS[type(plan)](plan, _GivenInputs())
        self.output = plan.output
        self.stored: frozenset[ColumnId] = frozenset()

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """A portion a batch; what has an input is read as a whole, as others may run the same node in between."""
        context = run.context
        if self._input is None:
            for batch in self._operator.run(context):
                run.count(batch.count)
                yield rows_of(batch)
            return
        rows = [row for portion in self._input.portions(run) for row in portion]
        below = self._operator.inputs[0].plan
        context.row_inputs[below] = batch_of_rows(rows, below.types)
        made: list[Row] = []
        for batch in self._operator.run(context):
            run.count(max(0, batch.count - len(rows)))
            made += rows_of(batch)
        yield made


def operator_rows(plan: physical.Plan, needed: frozenset[ColumnId], make: Make) -> RowNode:
    """The node of a plan that an operator does."""
    return OperatorRows(plan, needed, make)


def _check(plan: physical.Plan) -> None:
    """Raises NotCovered where running the operator twice might be told, takes long, or runs more than its functions."""
    if isinstance(plan, inverted_plan.InvertedScan) and plan.estimate.rows > ENTRIES_MAX:
        raise NotCovered
    if isinstance(plan, physical.HashAggregate) and len(plan.sets) > SETS_MAX:
        raise NotCovered
    for field in fields(plan):
        value = getattr(plan, field.name)
        if isinstance(value, physical.Plan):
            continue
        for part in parts_of(value, Expression):
            if isinstance(part, Subquery) or definition_of(part) is not None or is_volatile(part):
                raise NotCovered
