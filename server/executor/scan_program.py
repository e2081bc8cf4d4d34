"""ScanProgram: a condition on numbers of stored rows, as a program of the vector machine.

Rule 1: it finds what the ordinary evaluation finds, or says that it cannot; then that has to be asked, which knows
        the errors too.
Rule 2: a program that needs nothing of a run is made once and serves all of them; parameters make it one run's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.executor.machine_compile import Compiler, Unsupported
from server.executor.native import selected_rows
from server.executor.storage_columns import machine_inputs
from server.expressions.expression import OuterVariable, Parameter, walk

if TYPE_CHECKING:
    from server.executor.context import ExecutionContext
    from server.executor.machine import Program
    from server.expressions.expression import ColumnId, Expression
    from server.planner import physical
    from server.planner.inverted_plan import InvertedScan
    from server.types.type import TypeReference
    from server.vector.column import Positions

    ScanPlan = physical.TableScan | physical.IndexScan | InvertedScan | physical.RowIdScan

ROWS_MIN: Final = 1024
"""With fewer rows in a row group the ordinary evaluation is as good; of a large one even few are better done here."""

Compiled = tuple["Program", tuple[int, ...]]  # with the numbers of the columns that it reads


def stored_columns(plan: ScanPlan) -> dict[ColumnId, tuple[int, TypeReference]]:
    """The number in storage and the type of each column that a scan reads there, as a Compiler wants them."""
    return {
        column: (attribute - 1, reference)
        for column, attribute, reference in zip(
            plan.output, plan.attributes, plan.types, strict=True
        )
        if attribute > 0
    }


class ScanProgram:
    """One condition of a scan."""

    __slots__ = ("_columns", "_condition", "_is_lasting", "_is_possible", "_lasting")

    def __init__(self, condition: Expression, plan: ScanPlan) -> None:
        self._condition = condition
        self._columns = stored_columns(plan)
        found = {type(node) for node in walk(condition)}
        self._is_possible = OuterVariable not in found
        self._is_lasting = Parameter not in found
        self._lasting: Compiled | None = None

    def positions(
        self, view: Any, among: Positions | None, context: ExecutionContext
    ) -> Positions | None:
        """Which rows (of those `among` them, counted within those) satisfy the condition; None: it cannot say."""
        if view.count < ROWS_MIN or not self._is_possible:
            return None
        count = view.count if among is None else len(among)
        compiled = self._compiled(context)
        if compiled is None:
            return None
        program, numbers = compiled
        columns = machine_inputs(view, numbers, among)
        return selected_rows(program, columns, count)

    def _compiled(self, context: ExecutionContext) -> Compiled | None:
        if self._lasting is not None:
            return self._lasting
        if self not in context.programs:
            context.programs[self] = self._compile(context)
        found = context.programs[self]
        if found is None:
            self._is_possible = not self._is_lasting
        elif self._is_lasting:
            self._lasting = found
        return found

    def _compile(self, context: ExecutionContext) -> Compiled | None:
        compiler = Compiler(self._columns, {}, context)
        try:
            compiler.add_filter(self._condition)
        except Unsupported:
            return None
        return compiler.program(), tuple(compiler.used)
