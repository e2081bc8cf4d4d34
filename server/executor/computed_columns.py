"""Columns that the vector machine does not make itself: expressions over the columns of a scan, a row group at a time.

Rule 1: the ordinary evaluation makes them, of rows that have passed the filters alone, so that whatever it raises is
        what the ordinary operator would raise, which is then asked.
Rule 2: what several of them read is read once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from server.executor.evaluation import Evaluator, evaluator, layout_of
from server.executor.machine_compile import Unsupported
from server.executor.morsels import may_run_beside
from server.executor.storage_columns import machine_inputs, stored_column
from server.expressions.expression import columns_used
from server.vector.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from server.executor.context import ExecutionContext
    from server.expressions.expression import ColumnId, Expression
    from server.planner import physical
    from server.vector.column import Column, Mask, Positions

Input = tuple[Any, "Mask | None"]


class ComputedColumns:
    """What can be computed over the columns of a scan and of projections above it."""

    def __init__(self, scan: physical.TableScan, replaced: Mapping[ColumnId, Expression]) -> None:
        """replaced: the columns of projections."""
        self.replaced = replaced
        self.stored = {
            column: (attribute - 1, reference)
            for column, attribute, reference in zip(
                scan.output, scan.attributes, scan.types, strict=True
            )
            if attribute > 0
        }
        self._made: dict[int, tuple[Expression, Sequence[ColumnId], Evaluator]] = {}
        """By the identity of an expression, which is held so that it lasts."""

    def add(self, expression: Expression) -> bool:
        """Be ready to compute an expression; false: it is none that threads may compute a row group at a time."""
        if id(expression) in self._made:
            return True
        used = sorted(columns_used(expression))
        for column in used:
            replaced = self.replaced.get(column)
            if replaced is None and column not in self.stored:
                return False
            if replaced is not None and not self.add(replaced):
                return False
        if not may_run_beside((expression,)):
            return False
        self._made[id(expression)] = expression, used, evaluator(expression, layout_of(used))
        return True

    def how(self, expression: Expression) -> tuple[Sequence[ColumnId], Evaluator]:
        """The columns that an expression reads, and what computes it of them."""
        _, used, evaluate = self._made[id(expression)]
        return used, evaluate


class ViewColumns:
    """The columns of the rows of one view, or of those at some places, each made when it is first asked for."""

    def __init__(
        self,
        known: ComputedColumns,
        view: Any,
        rows: Positions | None,
        context: ExecutionContext,
    ) -> None:
        self._known = known
        self._view = view
        self._rows = rows
        self._context = context
        self._columns: dict[ColumnId, Column] = {}
        self._computed: dict[int, Column] = {}
        self.count: int = view.count if rows is None else len(rows)

    def computed(self, expression: Expression) -> Column:
        """The values of an expression that was added."""
        found = self._computed.get(id(expression))
        if found is None:
            used, evaluate = self._known.how(expression)
            batch = Batch(tuple(map(self._column, used)), self.count)
            found = self._computed[id(expression)] = evaluate(batch, self._context)
        return found

    def _column(self, column: ColumnId) -> Column:
        replaced = self._known.replaced.get(column)
        if replaced is not None:
            return self.computed(replaced)
        if column not in self._columns:
            number, reference = self._known.stored[column]
            self._columns[column] = stored_column(self._view, number, reference, self._rows)
        return self._columns[column]

    def key(self, number: int, reference: Any) -> Column:
        """A stored column as a key, whose texts are left where they lie."""
        return stored_column(self._view, number, reference, self._rows, as_views=True)

    def inputs(self, used: Sequence[int], computed: Sequence[Expression]) -> list[Input]:
        """What a program reads, as its compiler numbers it; Unsupported if something is no plain number."""
        made = [_plain(self.computed(expression)) for expression in computed]
        numbers = [number for number in used if number >= 0]
        stored = iter(machine_inputs(self._view, numbers, self._rows))
        return [next(stored) if number >= 0 else made[-number - 1] for number in used]


def _plain(column: Column) -> Input:
    column = column.decoded()
    if column.scale is not None or column.values.dtype.kind not in "bif":
        raise Unsupported
    return np.ascontiguousarray(column.values), column.valid
