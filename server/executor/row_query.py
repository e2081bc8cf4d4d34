"""RowQuery: a small reading statement that the row machine runs; see row_node.py.

Whether a plan is one is known when its program is made: all its nodes and expressions must be covered. Whether a run of
it is small shows while it runs; one that is not is left to the ordinary operators, and a plan whose runs are mostly not
small is not tried any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.errors import SqlError
from server.executor.row_groups import grouped_rows
from server.executor.row_joins import HashedRows, LoopedRows
from server.executor.row_node import ENTRIES_MAX, Leave, NotCovered, RowRun
from server.executor.row_nodes import (
    DistinctRows,
    FilteredRows,
    LimitedRows,
    ProjectedRows,
    SortedRows,
)
from server.executor.row_operators import operator_rows
from server.executor.row_scans import IndexRows, SingleRow, TableRows
from server.executor.row_unions import (
    AppendedRows,
    CommonRows,
    CommonTables,
    UnitedRows,
    ValuesRows,
)
from server.planner import inverted_plan, physical

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from server.executor.context import ExecutionContext
    from server.executor.row_node import Row, RowNode
    from server.expressions.expression import ColumnId

LEFT_MAX: Final = 16
"""How many more runs may have been left than were not, counting one that was as two."""

SOURCES: Final[Mapping[type[physical.Plan], Callable[[Any, frozenset[ColumnId]], RowNode]]] = {
    physical.IndexScan: IndexRows,
    physical.TableScan: TableRows,
    physical.OneRow: SingleRow,
}
NODES: Final[Mapping[type[physical.Plan], Any]] = {
    physical.Filter: FilteredRows,
    physical.Project: ProjectedRows,
    physical.Limit: LimitedRows,
    physical.Sort: SortedRows,
    physical.Distinct: DistinctRows,
    physical.HashAggregate: grouped_rows,
    physical.Window: operator_rows,
    physical.ProjectSet: operator_rows,
    physical.FunctionScan: operator_rows,
    inverted_plan.InvertedScan: operator_rows,
    physical.HashJoin: HashedRows,
    physical.NestedLoop: LoopedRows,
    physical.Values: ValuesRows,
    physical.Append: AppendedRows,
    physical.SetOperation: UnitedRows,
    physical.CommonTable: CommonTables,
    physical.CommonTableScan: CommonRows,
}
"""Node class by plan class; called with the plan, the columns that are wanted in row form, and `make_node`."""


class RowQuery:
    """Runs a statement. `stored` says which columns of `stored_rows` are as storage keeps them."""

    __slots__ = ("_entries_max", "_left_count", "_loads", "_node", "output", "stored")

    def __init__(self, plan: physical.Plan, node: RowNode, entries_max: int = ENTRIES_MAX) -> None:
        self._node = node
        self._entries_max = entries_max
        self._left_count = 0
        self.output = plan.output
        self.stored = tuple(column in node.stored for column in plan.output)
        self._loads = tuple(
            (place, reference.type.load_value, reference.modifier)
            for place, reference in enumerate(plan.types)
            if self.stored[place] and reference.type.load_value is not None
        )

    def __call__(self, context: ExecutionContext) -> list[Row] | None:
        """The rows in row form; None: the ordinary operators are to run the statement."""
        rows = self.stored_rows(context)
        if rows and self._loads:
            return [self._loaded(row) for row in rows]
        return rows

    def stored_rows(self, context: ExecutionContext) -> list[Row] | None:
        """The rows, with columns that nothing was computed with as storage keeps them; None: as above."""
        if context.transaction.tracked is not None or self._left_count > LEFT_MAX:
            return None  # what a serializable transaction reads, operators note
        found: list[Row] = []
        run = RowRun(context, self._entries_max)
        try:
            for rows in self._node.portions(run):
                found += rows
        except Leave:
            self._left_count += 2
            return None
        except (
            SqlError
        ) as error:  # the ordinary operators give the rows before it, which may be enough
            if error.is_intervention:
                raise
            return None
        if self._left_count:
            self._left_count -= 1
        run.done()
        return found

    def _loaded(self, row: Row) -> Row:
        values = list(row)
        for place, load, modifier in self._loads:
            value = values[place]
            if value is not None:
                values[place] = load(value, modifier)
        return tuple(values)


def row_query_of(plan: physical.Plan, entries_max: int = ENTRIES_MAX) -> RowQuery | None:
    """What runs a plan of which everything is covered, whose subqueries are answered elsewhere; None for any other."""
    node = covered(plan)
    return None if node is None else RowQuery(plan, node, entries_max)


def covered(plan: physical.Plan) -> RowNode | None:
    """The node of a plan of which everything is covered; None for any other."""
    try:
        node = make_node(plan, frozenset())
    except NotCovered:
        return None
    return node if node.output == plan.output else None


def make_node(plan: physical.Plan, needed: frozenset[ColumnId]) -> RowNode:
    """The node of a plan; raises NotCovered."""
    source = SOURCES.get(type(plan))
    if source is not None:
        return source(plan, needed)
    node = NODES.get(type(plan))
    if node is None:
        raise NotCovered
    made: RowNode = node(plan, needed, make_node)
    return made
